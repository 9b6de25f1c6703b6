/* The core's face as Lua uses it: handles, operations in batches, memory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"
#include "bind/sched/face.h"
#include "core/sched.h"

#define GIB     1073741824.0
#define LUA_DIR NEAP_SOURCE_DIR "/lua"

struct world {
    struct neap_face_page *face;
    struct neap_face_limits limits;
    double now_ns;
    int nkept;
};

static void set_limits(struct world *w)
{
    assert_int_equal(neap_face_set_limits(w->face, &w->limits), 1);
}

static struct world open_world(void)
{
    struct world w = { .face = neap_face_create(LUA_DIR, 7), .now_ns = 1e9 };

    neap_face_get_limits(w.face, &w.limits);
    w.limits.drain_ns = 0;
    set_limits(&w);
    return w;
}

/* Amounts under an id; memory in GiB. */
static int keep(struct world *w, double cpu, double gib)
{
    memset(w->face->amounts, 0, sizeof(w->face->amounts));
    w->face->amounts[NEAP_CPU] = cpu;
    w->face->amounts[NEAP_MEM] = gib * GIB;
    assert_int_equal(neap_face_keep(w->face, w->nkept), 1);
    return w->nkept++;
}

static void offer(struct world *w, const char *name, double cpu, double gib)
{
    neap_face_shape(w->face, name, keep(w, cpu, gib), 0, -1, 0, 0, 0);
    assert_int_equal(neap_face_menu(w->face, "c", w->now_ns), 1);
}

static void offer_anything(struct world *w)
{
    neap_face_shape(w->face, "elastic", -1, 0, -1, 0, 0, 0);
    assert_int_equal(neap_face_menu(w->face, "c", w->now_ns), 1);
}

static int32_t add_task(struct world *w, int res, double slot)
{
    return neap_face_task(w->face, res, "x", "ada", "r1", 0, 0, 0, slot);
}

static void submit(struct world *w, int32_t handle)
{
    assert_int_equal(neap_face_submit(w->face, &handle, 1, w->now_ns), 1);
}

static void play_round(struct world *w)
{
    w->now_ns += 1e6;
    neap_face_round(w->face, w->now_ns, 1.8e9);
}

/* Take operations; they must be these kinds, in this order. */
static const struct neap_face_op *expect(struct world *w, int count,
                                         const int *kinds)
{
    assert_int_equal(neap_face_take(w->face), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(w->face->ops[i].kind, kinds[i]);
    return w->face->ops;
}

#define EXPECT(w, ...)                                          \
 expect(w, (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)), \
        (int[]){ __VA_ARGS__ })

static void test_a_task_lives_in_operations(void **state)
{
    struct world w = open_world();
    const struct neap_face_op *ops;
    int32_t task;

    (void)state;
    offer(&w, "one", 1, 1);
    task = add_task(&w, keep(&w, 1, 1), 42);
    submit(&w, task);
    play_round(&w);
    ops = EXPECT(&w, NEAP_FACE_REQUEST);
    assert_true(ops[0].alloc == 1);
    assert_int_equal(neap_face_granted(w.face, 1, 0, INFINITY, w.now_ns), 1);
    play_round(&w);
    ops = EXPECT(&w, NEAP_FACE_ALLOC, NEAP_FACE_TASK, NEAP_FACE_START);
    assert_int_equal(ops[0].state, NEAP_ALLOC_LIVE);
    assert_int_equal(ops[1].state, NEAP_TASK_STAGING);
    assert_true(ops[2].slot == 42 && ops[2].alloc == 1);

    /* what was taken stays while more comes */
    assert_int_equal(neap_face_running(w.face, task, w.now_ns), 1);
    assert_int_equal(neap_face_ended(w.face, task, w.now_ns), 1);
    assert_int_equal(ops[2].kind, NEAP_FACE_START);
    ops = EXPECT(&w, NEAP_FACE_TASK, NEAP_FACE_TASK);
    assert_int_equal(ops[0].state, NEAP_TASK_RUNNING);
    assert_int_equal(ops[1].state, NEAP_TASK_DONE);
    assert_int_equal(neap_face_take(w.face), 0);
    assert_int_equal(neap_face_task_err(w.face, task), 0);
    neap_face_destroy(w.face);
}

static void test_handles_are_used_again(void **state)
{
    struct world w = open_world();
    int res = keep(&w, 1, 1);
    int32_t first[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        first[i] = add_task(&w, res, i);
    for (int i = 0; i < 100; i += 2)
        assert_int_equal(neap_face_unref(w.face, first[i]), 1);
    for (int i = 0; i < 50; i++)
        assert_in_range(add_task(&w, res, i), 0, 99);
    assert_int_equal(add_task(&w, res, 0), 100);
    neap_face_destroy(w.face);
}

static void test_unknown_handles_do_nothing(void **state)
{
    struct world w = open_world();
    int32_t task = add_task(&w, keep(&w, 1, 1), 1);
    int32_t wrong[] = { -1, 1, 1 << 30 };
    int32_t pair[] = { task, 5 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(neap_face_running(w.face, wrong[i], 0), 0);
        assert_int_equal(neap_face_ended(w.face, wrong[i], 0), 0);
        assert_int_equal(neap_face_lost(w.face, wrong[i], "Net", "", 0), 0);
        assert_int_equal(neap_face_cancel(w.face, wrong[i], "", 0), 0);
        assert_int_equal(neap_face_unref(w.face, wrong[i]), 0);
        assert_null(neap_face_why(w.face, wrong[i], 0, 0));
    }
    assert_int_equal(neap_face_submit(w.face, pair, 2, 0), 0);
    assert_int_equal(neap_face_submit(w.face, pair, 1, 0), 1);
    assert_int_equal(neap_face_submit(w.face, pair, 1, 0), 0);
    assert_int_equal(neap_face_granted(w.face, 1, 0, INFINITY, 0), 0);
    assert_int_equal(neap_face_dead(w.face, NAN, "Net", "", 0), 0);
    assert_int_equal(neap_face_free(w.face, -3), 0);
    neap_face_destroy(w.face);
}

static void test_a_loss_is_told_and_tried_again(void **state)
{
    struct world w = open_world();
    int32_t task;

    (void)state;
    w.limits.max_attempts = 2;
    set_limits(&w);
    offer(&w, "one", 1, 1);
    task = add_task(&w, keep(&w, 1, 1), 1);
    submit(&w, task);
    for (int alloc = 1; alloc <= 2; alloc++) {
        play_round(&w); /* the first alloc is not asked again */
        assert_int_equal(neap_face_granted(w.face, alloc, 0, INFINITY,
                                           w.now_ns),
                         1);
        play_round(&w);
        (void)neap_face_take(w.face);
        neap_face_lost(w.face, task, "Net", "cable", w.now_ns);
        if (alloc == 1)
            (void)EXPECT(&w, NEAP_FACE_TASK, NEAP_FACE_TASK); /* LOST, INIT */
    }
    assert_int_equal(neap_face_task_err(w.face, task), 1);
    assert_string_equal(w.face->error_kind, "TooManyTries");
    assert_string_equal(w.face->error,
                        "task 'x' was lost 2 times; the last time: cable");
    neap_face_destroy(w.face);
}

static void test_any_amount_of_any_label(void **state)
{
    struct world w = open_world();
    struct neap_face_request_view view;
    double most = ldexp(1, 53);
    int32_t task;
    int label;

    (void)state;
    offer_anything(&w);
    label = neap_face_label(w.face, "licence_x");
    assert_int_equal(label, 4);
    memset(w.face->amounts, 0, sizeof(w.face->amounts));
    w.face->amounts[NEAP_MEM] = most;
    w.face->amounts[NEAP_CPU] = most / 1000;
    w.face->amounts[label] = 3;
    assert_int_equal(neap_face_keep(w.face, 0), 1);
    task = add_task(&w, 0, 1);
    submit(&w, task);
    play_round(&w);
    assert_int_equal(neap_face_request(w.face, 1, &view), 1);
    assert_string_equal(view.shape, "elastic");
    assert_true(w.face->amounts[NEAP_MEM] == most);
    assert_true(w.face->amounts[label] == 3);
    assert_int_equal(neap_face_granted(w.face, 1, 0, INFINITY, w.now_ns), 1);
    play_round(&w);
    neap_face_free(w.face, 1);
    assert_true(w.face->amounts[NEAP_MEM] == 0);
    w.face->amounts[NEAP_MEM] = 2 * most;
    assert_true(neap_face_keep(w.face, 1) < 0);
    assert_string_equal(w.face->error_kind, "Invalid");
    neap_face_destroy(w.face);
}

static void test_the_floor_does_not_multiply(void **state)
{
    struct world w = open_world();
    struct neap_face_request_view view;
    int floor = keep(&w, 1, 1);
    int small = keep(&w, 0.1, 0.1);
    double cpu = 0;

    (void)state;
    w.limits.min_alloc = floor;
    set_limits(&w);
    offer_anything(&w);
    for (int i = 0; i < 100; i++)
        submit(&w, add_task(&w, small, i));
    play_round(&w);
    for (int i = 1; neap_face_request(w.face, i, &view); i++)
        cpu += w.face->amounts[NEAP_CPU] * (1 + view.width);
    assert_true(fabs(cpu - 10) < 0.01);
    neap_face_destroy(w.face);
}

static void test_requests_of_a_round_are_counted(void **state)
{
    struct world w = open_world();
    struct neap_face_request_view view;
    int res = keep(&w, 1, 1);

    (void)state;
    offer(&w, "one", 1, 1);
    for (int i = 0; i < 3; i++)
        submit(&w, add_task(&w, res, i));
    play_round(&w);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(neap_face_request(w.face, i, &view), 1);
        assert_true(view.count == 3 && view.index == i);
    }
    assert_int_equal(neap_face_take(w.face), 3);
    neap_face_destroy(w.face);
}

/* Memory of the process that is really there, in bytes. */
static double resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void test_a_waiting_task_is_small(void **state)
{
    enum { TASKS = 100000 };
    struct world w = open_world();
    struct neap_face_stats_view stats;
    int32_t *handles = calloc(TASKS, sizeof(*handles));
    int kinds[4];
    double before, each;

    (void)state;
    assert_non_null(handles);
    offer(&w, "one", 64, 512);
    for (int i = 0; i < 4; i++)
        kinds[i] = keep(&w, 1 + i, 1);
    before = resident();
    for (int i = 0; i < TASKS; i++)
        handles[i] = add_task(&w, kinds[i % 4], i);
    assert_int_equal(neap_face_submit(w.face, handles, TASKS, w.now_ns), 1);
    play_round(&w);
    each = (resident() - before) / TASKS;
    printf("# %.1f bytes for each of %d waiting tasks\n", each, TASKS);
#ifndef NEAP_SANITIZE /* it keeps more beside everything */
    assert_true(each <= 256);
    assert_true(each >= 128);
#endif
    neap_face_stats(w.face, &stats);
    assert_true(stats.queued == TASKS);
    assert_true(stats.bytes_per_task <= 256);
    free(handles);
    neap_face_destroy(w.face);
}

static void test_the_text_for_lua_is_whole(void **state)
{
    int length = 0;
    const char *text = neap_face_cdef(&length);
    const char *end = text + length;

    (void)state;
    assert_true(strncmp(text, "/* cdef begin */", 16) == 0);
    assert_true(strncmp(end, "/* cdef end */", 14) == 0);
    assert_non_null(strstr(text, "struct neap_face_page *neap_face_create"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_task_lives_in_operations),
        cmocka_unit_test(test_handles_are_used_again),
        cmocka_unit_test(test_unknown_handles_do_nothing),
        cmocka_unit_test(test_a_loss_is_told_and_tried_again),
        cmocka_unit_test(test_any_amount_of_any_label),
        cmocka_unit_test(test_the_floor_does_not_multiply),
        cmocka_unit_test(test_requests_of_a_round_are_counted),
        cmocka_unit_test(test_a_waiting_task_is_small),
        cmocka_unit_test(test_the_text_for_lua_is_whole),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
