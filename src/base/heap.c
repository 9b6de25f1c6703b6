#include "base/heap.h"

#include <assert.h>

#include "base/mem.h"

void neap_heap_init(struct neap_heap *heap, neap_heap_less_fn less)
{
    *heap = (struct neap_heap){ .less = less };
}

void neap_heap_deinit(struct neap_heap *heap)
{
    neap_free(heap->node);
    neap_heap_init(heap, heap->less);
}

/* Places count from 1: the parent of p is p/2. */
static struct neap_heap_node **at(const struct neap_heap *heap, size_t place)
{
    return &heap->node[place - 1];
}

static void put(struct neap_heap *heap, size_t place,
                struct neap_heap_node *node)
{
    *at(heap, place) = node;
    node->place = place;
}

static void rise(struct neap_heap *heap, struct neap_heap_node *node)
{
    size_t place = node->place;

    while (place > 1 && heap->less(node, *at(heap, place / 2))) {
        put(heap, place, *at(heap, place / 2));
        place /= 2;
    }
    put(heap, place, node);
}

static void sink(struct neap_heap *heap, struct neap_heap_node *node)
{
    size_t place = node->place;

    for (;;) {
        size_t child = place * 2;

        if (child > heap->count)
            break;
        if (child < heap->count &&
            heap->less(*at(heap, child + 1), *at(heap, child)))
            child++;
        if (!heap->less(*at(heap, child), node))
            break;
        put(heap, place, *at(heap, child));
        place = child;
    }
    put(heap, place, node);
}

void neap_heap_add(struct neap_heap *heap, struct neap_heap_node *node)
{
    assert(node->place == 0);
    if (heap->count == heap->cap) {
        heap->cap = heap->cap != 0 ? heap->cap * 2 : 16;
        heap->node = neap_realloc(heap->node, heap->cap, sizeof(*heap->node));
    }
    put(heap, ++heap->count, node);
    rise(heap, node);
}

void neap_heap_remove(struct neap_heap *heap, struct neap_heap_node *node)
{
    size_t place = node->place;
    struct neap_heap_node *last;

    if (place == 0)
        return;
    assert(*at(heap, place) == node);
    last = *at(heap, heap->count--);
    node->place = 0;
    if (last == node)
        return;
    put(heap, place, last);
    neap_heap_move(heap, last);
}

void neap_heap_move(struct neap_heap *heap, struct neap_heap_node *node)
{
    rise(heap, node);
    sink(heap, node);
}

struct neap_heap_node *neap_heap_top(const struct neap_heap *heap)
{
    return heap->count != 0 ? heap->node[0] : NULL;
}
