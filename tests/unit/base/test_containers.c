/* List, map, heap, tree and slab against simple models, seeded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/tree.h"

enum { THINGS = 500, STEPS = 20000 };

struct thing {
    struct neap_list link;
    struct neap_heap_node heap;
    struct neap_tree_node tree;
    uint32_t key;
    int number;
    bool in;
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void test_list(void **state)
{
    struct neap_list a, b;
    struct thing t[4] = { 0 };
    int seen = 0;

    (void)state;
    neap_list_init(&a);
    neap_list_init(&b);
    for (int i = 0; i < 4; i++) {
        t[i].number = i;
        neap_list_init(&t[i].link);
        neap_list_remove(&t[i].link); /* does nothing */
        neap_list_push(i < 2 ? &a : &b, &t[i].link);
    }
    neap_list_splice(&a, &b);
    assert_true(neap_list_empty(&b));
    neap_list_for_each (at, &a) {
        assert_int_equal(neap_list_item(at, struct thing, link)->number,
                         seen++);
    }
    assert_int_equal(seen, 4);
    neap_list_for_each_safe (at, &a) {
        neap_list_remove(at);
    }
    assert_true(neap_list_empty(&a));
}

static bool same_key(const void *item, const void *key)
{
    return ((const struct thing *)item)->key == *(const uint32_t *)key;
}

static void test_map(void **state)
{
    static struct thing t[THINGS];
    uint32_t random = 7;
    struct neap_map map;
    size_t count = 0;

    (void)state;
    neap_map_init(&map, same_key);
    assert_null(neap_map_find(&map, 1, &random));
    for (int step = 0; step < STEPS; step++) {
        uint32_t i = next_random(&random) % THINGS;
        uint64_t hash = i % 61; /* many of one hash */
        struct thing *thing = &t[i];

        thing->key = i;
        assert_ptr_equal(neap_map_find(&map, hash, &i),
                         thing->in ? thing : NULL);
        if (thing->in)
            assert_ptr_equal(neap_map_remove(&map, hash, &i), thing);
        else
            neap_map_add(&map, hash, thing);
        thing->in = !thing->in;
        count += thing->in ? 1 : (size_t)-1;
        assert_int_equal(map.count, count);
    }
    neap_map_for_each (at, &map) {
        assert_true(((struct thing *)at->item)->in);
        count--;
    }
    assert_int_equal(count, 0);
    neap_map_deinit(&map);
    assert_int_not_equal(neap_hash_text("a", 0), neap_hash_text("b", 0));
    assert_int_not_equal(neap_hash("abcdefgh", 8, 0),
                         neap_hash("abcdefgh", 8, 1));
}

static bool less(const struct neap_heap_node *a, const struct neap_heap_node *b)
{
    return neap_container_of(a, struct thing, heap)->key <
           neap_container_of(b, struct thing, heap)->key;
}

static const struct thing *least(const struct thing *t)
{
    const struct thing *best = NULL;

    for (int i = 0; i < THINGS; i++) {
        if (t[i].in && (best == NULL || t[i].key < best->key))
            best = &t[i];
    }
    return best;
}

static void test_heap(void **state)
{
    static struct thing t[THINGS];
    uint32_t random = 11;
    struct neap_heap heap;

    (void)state;
    neap_heap_init(&heap, less);
    assert_null(neap_heap_top(&heap));
    for (int step = 0; step < STEPS; step++) {
        struct thing *thing = &t[next_random(&random) % THINGS];
        const struct thing *best;

        if (!thing->in) {
            thing->key = next_random(&random);
            neap_heap_add(&heap, &thing->heap);
            thing->in = true;
        } else if (next_random(&random) % 2 == 0) {
            thing->key = next_random(&random);
            neap_heap_move(&heap, &thing->heap);
        } else {
            neap_heap_remove(&heap, &thing->heap);
            neap_heap_remove(&heap, &thing->heap); /* does nothing */
            thing->in = false;
        }
        best = least(t);
        if (best == NULL)
            assert_null(neap_heap_top(&heap));
        else
            assert_int_equal(neap_container_of(neap_heap_top(&heap),
                                               struct thing, heap)
                                 ->key,
                             best->key);
    }
    neap_heap_deinit(&heap);
}

static int order(const struct neap_tree_node *a, const struct neap_tree_node *b)
{
    const struct thing *x = neap_container_of(a, struct thing, tree);
    const struct thing *y = neap_container_of(b, struct thing, tree);

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->number - y->number;
}

static void test_tree(void **state)
{
    static struct thing t[THINGS];
    uint32_t random = 13;
    struct neap_tree tree;
    int count = 0;

    (void)state;
    neap_tree_init(&tree, order);
    assert_null(neap_tree_first(&tree));
    for (int step = 0; step < STEPS; step++) {
        int i = (int)(next_random(&random) % THINGS);
        struct neap_tree_node *at;
        int seen = 0;

        if (t[i].in) {
            neap_tree_remove(&tree, &t[i].tree);
        } else {
            t[i].number = i;
            t[i].key = next_random(&random) % 100;
            neap_tree_add(&tree, &t[i].tree);
        }
        t[i].in = !t[i].in;
        count += t[i].in ? 1 : -1;
        if (step % 100 != 0)
            continue;
        for (at = neap_tree_first(&tree); at != NULL; seen++) {
            struct neap_tree_node *next = neap_tree_next(at);

            assert_true(next == NULL || order(at, next) < 0);
            at = next;
        }
        assert_int_equal(seen, count);
    }
}

static void test_slab(void **state)
{
    enum { MANY = 100000 }; /* enough for a page of each size */
    static char *things[MANY];
    struct neap_slab slab;

    (void)state;
    neap_slab_init(&slab, 40);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            things[i] = neap_slab_take(&slab);
            for (int k = 0; k < 40; k++) {
                assert_int_equal(things[i][k], 0);
                things[i][k] = (char)i;
            }
        }
        assert_int_equal(slab.used, MANY);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(things[i][39], (char)i);
            neap_slab_give(&slab, things[i]);
        }
    }
    assert_int_equal(slab.used, 0);
    neap_slab_deinit(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list), cmocka_unit_test(test_map),
        cmocka_unit_test(test_heap), cmocka_unit_test(test_tree),
        cmocka_unit_test(test_slab),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
