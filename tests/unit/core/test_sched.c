/* The scheduler, one behaviour a test, on a world made of a few arrays. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/sched.h"
#include "core/strmap.h"
#include "core/wants.h"

#define GIB (INT64_C(1) << 30)

struct world {
    struct neap_labels labels;
    struct neap_sched *sched;
    struct neap_sched_config config;
    int64_t now_ns;
    struct neap_alloc *requested[64], *released[64], *live[64];
    int nrequested, nreleased, nlive, ncancelled;
    int starts, kills, lost, done;
    char trace[4096]; /* names of started tasks and where */
};

static void on_start(void *ctx, struct neap_task *task,
                     struct neap_alloc *alloc)
{
    struct world *w = ctx;
    size_t n = strlen(w->trace);

    w->starts++;
    snprintf(w->trace + n, sizeof(w->trace) - n, "%s:%s ", neap_task_id(task),
             neap_alloc_id(alloc));
}

static void on_kill(void *ctx, struct neap_task *task, const char *reason)
{
    struct world *w = ctx;

    (void)task;
    (void)reason;
    w->kills++;
}

static void on_request(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;

    w->requested[w->nrequested++] = alloc;
}

static void on_cancel(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;

    (void)alloc;
    w->ncancelled++;
}

static void on_release(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;

    w->released[w->nreleased++] = alloc;
}

static void on_task(void *ctx, struct neap_task *task)
{
    struct world *w = ctx;

    w->lost += neap_task_state(task) == NEAP_TASK_LOST;
    w->done += neap_task_state(task) == NEAP_TASK_DONE;
}

static void open_world(struct world *w)
{
    static const struct neap_sched_ops ops = {
        .start = on_start,
        .kill = on_kill,
        .request = on_request,
        .cancel_request = on_cancel,
        .release = on_release,
        .task_changed = on_task,
    };

    memset(w, 0, sizeof(*w));
    neap_labels_init(&w->labels);
    neap_sched_config_init(&w->config);
    w->config.drain_ns = 0;
    w->now_ns = NEAP_SEC;
    w->sched = neap_sched_create(&w->config, &w->labels, &ops, w);
}

static void close_world(struct world *w)
{
    neap_sched_check_invariants(w->sched);
    neap_sched_destroy(w->sched, true);
    neap_labels_deinit(&w->labels);
}

static struct neap_res res(double cpu, int64_t gib)
{
    struct neap_res r = { 0 };

    r.v[NEAP_CPU] = (int64_t)(cpu * 1000);
    r.v[NEAP_MEM] = gib * GIB;
    return r;
}

static void offer(struct world *w, const char *pool, const char *shape,
                  double cpu, int64_t gib, int max)
{
    struct neap_shape_spec spec = { .name = shape,
                                    .res = res(cpu, gib),
                                    .max = max };

    assert_int_equal(neap_sched_set_menu(w->sched, pool, &spec, 1, w->now_ns,
                                         NULL),
                     0);
}

static struct neap_task *submit_spec(struct world *w,
                                     const struct neap_task_spec *spec)
{
    struct neap_task *task = neap_task_create(w->sched, spec);

    neap_sched_submit(w->sched, &task, 1, w->now_ns);
    return task;
}

static struct neap_task *submit(struct world *w, const char *id, double cpu,
                                int64_t gib, int priority)
{
    struct neap_task_spec spec = {
        .id = id, .name = id, .need = res(cpu, gib), .priority = priority
    };

    return submit_spec(w, &spec);
}

static void settle(struct world *w)
{
    for (int i = 0; i < 100 && neap_sched_dirty(w->sched, w->now_ns); i++) {
        neap_sched_round(w->sched, w->now_ns, w->now_ns + 1000000 * NEAP_SEC);
        neap_sched_check_invariants(w->sched);
    }
    assert_false(neap_sched_dirty(w->sched, w->now_ns));
}

/* Grant request number `i` with what was asked. */
static struct neap_alloc *grant(struct world *w, int i)
{
    struct neap_alloc *alloc = w->requested[i];
    struct neap_res total = *neap_alloc_total(alloc);

    neap_sched_granted(w->sched, alloc, &total, NEAP_NEVER, w->now_ns);
    w->live[w->nlive++] = alloc;
    settle(w);
    return alloc;
}

static void finish(struct world *w, struct neap_task *task)
{
    neap_sched_running(w->sched, task, w->now_ns);
    neap_sched_ended(w->sched, task, NULL, w->now_ns);
}

static void free_tasks(struct neap_task **tasks, int count)
{
    for (int i = 0; i < count; i++)
        neap_task_unref(tasks[i]);
}

static void test_asks_for_an_alloc_and_runs(void **state)
{
    struct world w;
    struct neap_task *task;

    (void)state;
    open_world(&w);
    offer(&w, "local", "whole", 2, 8, 1);
    task = submit(&w, "t1", 1, 1, 0);
    settle(&w);
    assert_int_equal(w.nrequested, 1);
    assert_string_equal(neap_alloc_id(w.requested[0]), "a1");
    grant(&w, 0);
    assert_string_equal(w.trace, "t1:a1 ");
    assert_int_equal(neap_task_state(task), NEAP_TASK_STAGING);
    assert_int_equal(neap_alloc_free(w.live[0])->v[NEAP_CPU], 1000);
    finish(&w, task);
    assert_int_equal(neap_task_state(task), NEAP_TASK_DONE);
    assert_null(neap_task_err(task));
    assert_int_equal(neap_alloc_free(w.live[0])->v[NEAP_CPU], 2000);
    neap_task_unref(task);
    close_world(&w);
}

static void test_runs_in_order_of_priority_size_age(void **state)
{
    struct world w;
    struct neap_task *t[5];

    (void)state;
    open_world(&w);
    offer(&w, "local", "whole", 1, 8, 1);
    t[0] = submit(&w, "late", 1, 1, 5);
    t[1] = submit(&w, "big", 1, 4, 0);
    t[2] = submit(&w, "old", 1, 1, 0);
    t[3] = submit(&w, "young", 1, 1, 0);
    t[4] = submit(&w, "urgent", 1, 8, -1);
    settle(&w);
    grant(&w, 0);
    finish(&w, t[4]), settle(&w);
    finish(&w, t[2]), settle(&w);
    finish(&w, t[3]), settle(&w);
    finish(&w, t[1]), settle(&w);
    assert_string_equal(w.trace, "urgent:a1 old:a1 young:a1 big:a1 late:a1 ");
    finish(&w, t[0]);
    free_tasks(t, 5);
    close_world(&w);
}

/* Tasks that are equally urgent and large run in the order of submission, also
 * those of another name; an urgent one goes first whenever it comes. */
static void test_equal_tasks_run_oldest_first(void **state)
{
    static const char start[] = "now:a1 t0:a1 t1:a1 u2:a1 t3:a1 ";
    struct neap_task *t[301];
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "local", "whole", 2, 8, 1);
    t[0] = submit(&w, "t0", 2, 1, 0);
    for (int i = 1; i < 300; i++) {
        char id[8];

        snprintf(id, sizeof(id), i % 2 ? "t%d" : "u%d", i);
        t[i] = submit(&w, id, 2, 1, 0);
        if (i % 100 == 0)
            settle(&w);
    }
    t[300] = submit(&w, "now", 2, 1, -1);
    settle(&w);
    grant(&w, 0);
    finish(&w, t[300]), settle(&w);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(neap_task_state(t[i]), NEAP_TASK_STAGING);
        finish(&w, t[i]), settle(&w);
    }
    assert_memory_equal(w.trace, start, strlen(start));
    free_tasks(t, 301);
    close_world(&w);
}

static void test_alike_tasks_are_one_class(void **state)
{
    struct neap_task_spec spec = { .id = "x", .name = "same" };
    struct neap_sched_stats stats;
    struct neap_task *t[100];
    struct world w;

    (void)state;
    open_world(&w);
    spec.need = res(1, 1);
    for (int i = 0; i < 100; i++)
        t[i] = neap_task_create(w.sched, &spec);
    neap_sched_submit(w.sched, t, 100, w.now_ns);
    settle(&w);
    neap_sched_stats(w.sched, &stats);
    assert_int_equal(stats.classes, 1);
    assert_int_equal(stats.queued, 100);
    free_tasks(t, 100);
    close_world(&w);
}

static void test_does_not_ask_twice_for_the_same(void **state)
{
    struct world w;
    struct neap_task *t[6];

    (void)state;
    open_world(&w);
    offer(&w, "c", "four", 4, 8, -1);
    for (int i = 0; i < 4; i++) {
        t[i] = submit(&w, "t", 1, 1, 0);
        settle(&w);
        assert_int_equal(w.nrequested, 1);
    }
    t[4] = submit(&w, "t", 1, 1, 0);
    settle(&w);
    assert_int_equal(w.nrequested, 2);
    t[5] = submit(&w, "t", 1, 1, 0);
    settle(&w);
    assert_int_equal(w.nrequested, 2);
    free_tasks(t, 6);
    close_world(&w);
}

static void test_cancels_what_is_not_needed(void **state)
{
    struct world w;
    struct neap_task *task;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, -1);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    assert_true(neap_sched_cancel(w.sched, task, "no more", w.now_ns));
    assert_false(neap_sched_cancel(w.sched, task, "again", w.now_ns));
    assert_int_equal(neap_task_err(task)->kind, NEAP_KIND_CANCELED);
    assert_string_equal(neap_task_err(task)->text, "no more");
    settle(&w);
    assert_int_equal(w.ncancelled, 1);
    grant(&w, 0); /* late: given back */
    assert_int_equal(w.nreleased, 1);
    neap_sched_released(w.sched, w.released[0], w.now_ns);
    assert_true(neap_sched_idle(w.sched));
    neap_task_unref(task);
    close_world(&w);
}

static void test_late_grant_is_used_if_there_is_work(void **state)
{
    struct world w;
    struct neap_task *first, *second;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, -1);
    first = submit(&w, "t", 1, 1, 0);
    settle(&w);
    (void)neap_sched_cancel(w.sched, first, "no more", w.now_ns);
    settle(&w);
    assert_int_equal(w.ncancelled, 1);
    second = submit(&w, "u", 1, 1, 0);
    grant(&w, 0);
    settle(&w);
    assert_int_equal(w.nreleased, 0);
    assert_int_equal(neap_task_state(second), NEAP_TASK_STAGING);
    neap_task_unref(first);
    neap_task_unref(second);
    close_world(&w);
}

static void test_a_grant_on_which_nothing_fits_is_a_refusal(void **state)
{
    struct world w;
    struct neap_task *task;
    struct neap_res small = res(0.5, 1);

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, -1);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    assert_int_equal(w.nrequested, 1);
    neap_sched_granted(w.sched, w.requested[0], &small, NEAP_NEVER, w.now_ns);
    settle(&w);
    assert_int_equal(w.nrequested, 1); /* not at once again */
    assert_int_equal(w.nreleased, 1);
    neap_sched_released(w.sched, w.released[0], w.now_ns);
    w.now_ns += NEAP_SEC;
    settle(&w);
    assert_int_equal(w.nrequested, 2);
    neap_task_unref(task);
    close_world(&w);
}

static void test_allocs_that_die_unused_are_refusals(void **state)
{
    struct world w;
    struct neap_task *task;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, -1);
    task = submit(&w, "t", 2, 1, 0);
    neap_task_unref(task); /* too large: ends */
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    for (int i = 0; i < 4; i++) {
        int64_t begun_ns = w.now_ns;

        assert_int_equal(w.nrequested, i + 1);
        neap_sched_granted(w.sched, w.requested[i],
                           neap_alloc_total(w.requested[i]), NEAP_NEVER,
                           w.now_ns);
        neap_sched_dead(w.sched, w.requested[i], NULL, w.now_ns);
        settle(&w);
        assert_int_equal(w.nrequested, i + 1);
        while (w.nrequested == i + 1) {
            w.now_ns += NEAP_MSEC;
            settle(&w);
        }
        /* 0.1 s times 2^i, give or take 20 % */
        assert_true(w.now_ns - begun_ns >= (80 << i) * NEAP_MSEC);
    }
    neap_task_unref(task);
    close_world(&w);
}

static void test_window_counts_from_the_first_submit(void **state)
{
    struct world w;
    struct neap_task *t[3];

    (void)state;
    open_world(&w);
    w.config.drain_ns = 50 * NEAP_MSEC;
    neap_sched_set_config(w.sched, &w.config);
    offer(&w, "c", "two", 2, 8, 1);
    settle(&w);
    t[0] = submit(&w, "t0", 1, 1, 0);
    assert_false(neap_sched_dirty(w.sched, w.now_ns));
    assert_int_equal(neap_sched_wake_ns(w.sched), w.now_ns + 50 * NEAP_MSEC);
    w.now_ns += 40 * NEAP_MSEC;
    t[1] = submit(&w, "t1", 1, 1, 0);
    assert_false(neap_sched_dirty(w.sched, w.now_ns));
    w.now_ns += 10 * NEAP_MSEC;
    assert_true(neap_sched_dirty(w.sched, w.now_ns));
    settle(&w);
    assert_int_equal(w.nrequested, 1);
    grant(&w, 0);
    assert_int_equal(w.starts, 2);
    finish(&w, t[0]);
    t[2] = submit(&w, "t2", 1, 1, 0); /* room: no waiting */
    assert_true(neap_sched_dirty(w.sched, w.now_ns));
    settle(&w);
    assert_int_equal(w.starts, 3);
    free_tasks(t, 3);
    close_world(&w);
}

static void test_idle_allocs_are_released_on_time(void **state)
{
    struct world w;
    struct neap_task *task;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, 1);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    grant(&w, 0);
    w.now_ns += NEAP_SEC;
    finish(&w, task);
    settle(&w);
    assert_int_equal(neap_sched_wake_ns(w.sched),
                     w.now_ns + w.config.max_idle_ns);
    w.now_ns += w.config.max_idle_ns - 1;
    assert_false(neap_sched_dirty(w.sched, w.now_ns));
    w.now_ns += 1;
    settle(&w);
    assert_int_equal(w.nreleased, 1);
    assert_int_equal(neap_alloc_state(w.released[0]), NEAP_ALLOC_DRAINING);
    neap_sched_released(w.sched, w.released[0], w.now_ns);
    assert_true(neap_sched_idle(w.sched));
    assert_int_equal(neap_sched_wake_ns(w.sched), w.now_ns); /* dirty */
    settle(&w);
    assert_int_equal(neap_sched_wake_ns(w.sched), NEAP_NEVER);
    neap_task_unref(task);
    close_world(&w);
}

static void test_backs_off(void **state)
{
    struct neap_err no = { NEAP_KIND_UNAVAILABLE, "no node" };
    struct neap_task *task;
    int64_t waits_ns[8];
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, -1);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(w.nrequested, i + 1);
        neap_sched_refused(w.sched, w.requested[i], &no, w.now_ns);
        settle(&w);
        assert_int_equal(w.nrequested, i + 1);
        waits_ns[i] = neap_sched_wake_ns(w.sched) - w.now_ns;
        w.now_ns += waits_ns[i];
        settle(&w);
    }
    for (int i = 0; i < 8; i++) {
        double want = fmin(5e9, 1e8 * exp2(i));

        assert_true((double)waits_ns[i] >= 0.8 * want);
        assert_true((double)waits_ns[i] <= fmin(5e9, 1.2 * want));
    }
    neap_task_unref(task);
    close_world(&w);
}

static void test_unsupported_shapes_are_put_aside(void **state)
{
    struct neap_err no = { NEAP_KIND_NOT_SUPPORTED, "cannot" };
    struct neap_task *task;
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, -1);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    neap_sched_refused(w.sched, w.requested[0], &no, w.now_ns);
    settle(&w);
    assert_int_equal(neap_sched_wake_ns(w.sched), NEAP_NEVER);
    offer(&w, "c", "one", 1, 1, -1); /* says nothing new */
    settle(&w);
    assert_int_equal(w.nrequested, 1);
    offer(&w, "c", "one", 2, 1, -1);
    settle(&w);
    assert_int_equal(w.nrequested, 2);
    neap_task_unref(task);
    close_world(&w);
}

static void test_lost_tasks_run_elsewhere(void **state)
{
    struct neap_err net = { NEAP_KIND_NET, "cable" };
    struct neap_task *t[2];
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, 2);
    t[0] = submit(&w, "t0", 1, 1, 0);
    t[1] = submit(&w, "t1", 1, 1, 0);
    settle(&w);
    grant(&w, 0);
    grant(&w, 1);
    finish(&w, t[1]);
    neap_sched_lost(w.sched, t[0], &net, w.now_ns);
    assert_int_equal(neap_task_attempt(t[0]), 2);
    assert_null(neap_task_err(t[0]));
    settle(&w);
    assert_string_equal(w.trace, "t0:a1 t1:a2 t0:a2 ");
    neap_sched_dead(w.sched, w.live[1], &net, w.now_ns);
    assert_int_equal(w.lost, 2);
    settle(&w);
    assert_string_equal(w.trace, "t0:a1 t1:a2 t0:a2 t0:a1 ");
    neap_sched_lost(w.sched, t[0], &net, w.now_ns);
    settle(&w); /* not a1 again: another can be had */
    assert_int_equal(w.starts, 4);
    assert_int_equal(w.nrequested, 3);
    grant(&w, 2);
    assert_string_equal(w.trace, "t0:a1 t1:a2 t0:a2 t0:a1 t0:a3 ");
    neap_sched_dead(w.sched, w.live[0], &net, w.now_ns);
    offer(&w, "c", "one", 1, 1, 1);
    neap_sched_lost(w.sched, t[0], &net, w.now_ns);
    settle(&w); /* a3 again: there is no other, nor can there be */
    assert_int_equal(w.starts, 6);
    assert_int_equal(w.nrequested, 3);
    free_tasks(t, 2);
    close_world(&w);
}

static void test_a_task_lost_too_often_is_given_up(void **state)
{
    struct neap_err net = { NEAP_KIND_NET, "cable" };
    struct neap_task *task;
    struct world w;

    (void)state;
    open_world(&w);
    w.config.max_attempts = 3;
    neap_sched_set_config(w.sched, &w.config);
    offer(&w, "c", "one", 1, 1, 1);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    grant(&w, 0);
    for (int i = 0; i < 3; i++) {
        neap_sched_lost(w.sched, task, &net, w.now_ns);
        settle(&w);
    }
    assert_int_equal(w.starts, 3);
    assert_int_equal(neap_task_state(task), NEAP_TASK_DONE);
    assert_int_equal(neap_task_err(task)->kind, NEAP_KIND_TOO_MANY_TRIES);
    assert_string_equal(neap_task_err(task)->text,
                        "task 't' was lost 3 times; the last time: cable");
    neap_task_unref(task);
    close_world(&w);
}

static void test_impossible_tasks_end_with_a_sentence(void **state)
{
    static const char *const elsewhere = "elsewhere";
    static const char *const local[] = { "local", "elsewhere" };
    struct neap_wants *facts = neap_wants_create();
    struct neap_task_spec spec = { .id = "r1.3", .name = "x", .where = facts };
    struct neap_shape_spec shapes[] = {
        { .name = "mem", .res = res(2, 64), .max = -1 },
        { .name = "cpu", .res = res(16, 8), .max = -1, .walltime_s = 60 },
    };
    struct neap_task *t[8];
    struct world w;

    (void)state;
    open_world(&w);
    t[0] = submit(&w, "call", 1, 512, 0); /* before a menu: waits */
    assert_int_equal(neap_task_state(t[0]), NEAP_TASK_INIT);
    settle(&w);
    neap_sched_set_menu(w.sched, "local", shapes, 2, w.now_ns, NULL);
    assert_int_equal(neap_task_state(t[0]), NEAP_TASK_DONE);
    assert_int_equal(neap_task_err(t[0])->kind, NEAP_KIND_RESOURCES_EXHAUSTED);
    assert_string_equal(neap_task_err(t[0])->text,
                        "task 'call' needs 512 GiB of mem; the largest node "
                        "of any pool has 64 GiB (local)");
    t[1] = submit(&w, "both", 16, 64, 0);
    assert_string_equal(neap_task_err(t[1])->text,
                        "task 'both' needs 16 of cpu and 64 GiB of mem on one "
                        "node; the nearest shape, 'mem' (local), has only 2 "
                        "of cpu");
    neap_wants_add(facts, "arch", "arm64");
    neap_wants_add(facts, "arch", "riscv64");
    neap_wants_add(facts, "age", "old");
    t[2] = submit_spec(&w, &spec);
    assert_string_equal(neap_task_err(t[2])->text,
                        "task 'x' wants nodes with age=old, arch=arm64 or "
                        "riscv64; there is none in any pool");
    spec.where = NULL;
    spec.need = res(16, 1);
    spec.expect_s = 100;
    t[3] = submit_spec(&w, &spec);
    assert_int_equal(neap_task_state(t[3]), NEAP_TASK_DONE);
    spec.need = res(1, 1);
    spec.need.v[NEAP_GPU] = 1000;
    spec.expect_s = 0;
    t[4] = submit_spec(&w, &spec);
    assert_string_equal(neap_task_err(t[4])->text,
                        "task 'x' needs 1 of gpu; no node of any pool has "
                        "any");
    spec.pool = &elsewhere; /* not known yet: waits */
    spec.npool = 1;
    t[5] = submit_spec(&w, &spec);
    assert_int_equal(neap_task_state(t[5]), NEAP_TASK_INIT);
    spec.pool = local;
    t[6] = submit_spec(&w, &spec);
    assert_string_equal(neap_task_err(t[6])->text,
                        "task 'x' needs 1 of gpu; no node of pool 'local' "
                        "has any");
    spec.npool = 2;
    t[7] = submit_spec(&w, &spec);
    assert_string_equal(neap_task_err(t[7])->text,
                        "task 'x' needs 1 of gpu; no node of pools 'local' or "
                        "'elsewhere' has any");
    neap_wants_destroy(facts);
    free_tasks(t, 8);
    close_world(&w);
}

static void test_bad_menus_change_nothing(void **state)
{
    struct neap_shape_spec shapes[] = { { .name = "a", .res = res(1, 1) },
                                        { .name = "a", .res = res(2, 1) } };
    struct neap_err err;
    struct world w;

    (void)state;
    open_world(&w);
    assert_int_equal(neap_sched_set_menu(w.sched, "p", shapes, 2, w.now_ns,
                                         &err),
                     NEAP_EINVAL);
    assert_string_equal(err.text, "pool 'p': two shapes are called 'a'");
    shapes[1] = (struct neap_shape_spec){ .name = "b" };
    assert_int_equal(neap_sched_set_menu(w.sched, "p", shapes, 2, w.now_ns,
                                         &err),
                     NEAP_EINVAL);
    assert_string_equal(err.text, "pool 'p': there is nothing in shape 'b'");
    close_world(&w);
}

static void test_stop_kills_or_drains(void **state)
{
    (void)state;
    for (int drain = 0; drain < 2; drain++) {
        struct world w;
        struct neap_task *t[3];

        open_world(&w);
        offer(&w, "c", "one", 1, 1, 2);
        t[0] = submit(&w, "t0", 1, 1, 0);
        settle(&w);
        grant(&w, 0);
        t[1] = submit(&w, "t1", 1, 1, 0);
        settle(&w);
        neap_sched_stop(w.sched, drain != 0, w.now_ns);
        assert_int_equal(w.kills, drain ? 0 : 1);
        assert_int_equal(w.ncancelled, 1);
        assert_int_equal(neap_task_err(t[1])->kind, NEAP_KIND_CANCELED);
        t[2] = submit(&w, "t2", 1, 1, 0);
        assert_int_equal(neap_task_err(t[2])->kind, NEAP_KIND_CANCELED);
        neap_sched_ended(w.sched, t[0], NULL, w.now_ns);
        assert_int_equal(neap_task_err(t[0]) == NULL, drain);
        assert_int_equal(w.nreleased, 1);
        neap_sched_released(w.sched, w.released[0], w.now_ns);
        assert_false(neap_sched_idle(w.sched));
        neap_sched_refused(w.sched, w.requested[1], NULL, w.now_ns);
        assert_true(neap_sched_idle(w.sched));
        assert_int_equal(w.done, 3);
        free_tasks(t, 3);
        close_world(&w);
    }
}

static void test_small_tasks_do_not_starve_a_big_one(void **state)
{
    struct neap_task *big, *small[400];
    struct neap_why why;
    int nsmall = 0;
    int first = 0;
    struct world w;

    (void)state;
    open_world(&w);
    w.config.backfill_age_ns = 60 * NEAP_SEC;
    neap_sched_set_config(w.sched, &w.config);
    offer(&w, "c", "four", 4, 8, 1);
    for (; nsmall < 4; nsmall++)
        small[nsmall] = submit(&w, "s", 1, 1, 0);
    settle(&w);
    grant(&w, 0);
    big = submit(&w, "big", 4, 8, 0);
    while (neap_task_state(big) == NEAP_TASK_INIT && nsmall < 400) {
        w.now_ns += NEAP_SEC;
        small[nsmall++] = submit(&w, "s", 1, 1, 0);
        if (neap_task_state(small[first]) == NEAP_TASK_STAGING)
            finish(&w, small[first++]);
        settle(&w);
    }
    assert_int_equal(neap_task_state(big), NEAP_TASK_STAGING);
    assert_in_range(nsmall, 60, 80);
    neap_sched_why(w.sched, small[nsmall - 1], w.now_ns, w.now_ns, &why);
    assert_int_equal(why.verdict, NEAP_WHY_CAPACITY);
    neap_why_deinit(&why);
    neap_task_unref(big);
    free_tasks(small, nsmall);
    close_world(&w);
}

static void test_a_short_life_takes_no_long_task(void **state)
{
    struct neap_task_spec spec = { .id = "long", .expect_s = 100 };
    struct neap_task *t[2];
    struct neap_res total = res(1, 1);
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, 1);
    spec.need = total;
    t[0] = submit_spec(&w, &spec);
    settle(&w);
    neap_sched_granted(w.sched, w.requested[0], &total,
                       w.now_ns + 99 * NEAP_SEC, w.now_ns);
    settle(&w);
    assert_int_equal(w.starts, 0);
    spec.id = "short";
    spec.expect_s = 99;
    t[1] = submit_spec(&w, &spec);
    settle(&w);
    assert_string_equal(w.trace, "short:a1 ");
    free_tasks(t, 2);
    close_world(&w);
}

static void test_pools_and_facts_are_kept_to(void **state)
{
    static const char *const pools[] = { "c", "b" };
    struct neap_strmap *fast = neap_strmap_create();
    struct neap_wants *wants = neap_wants_create();
    struct neap_shape_spec shapes[] = {
        { .name = "slow", .res = res(1, 1), .max = -1 },
        { .name = "fast", .res = res(2, 8), .max = -1, .facts = fast },
    };
    struct neap_task_spec spec = { .id = "picky", .where = wants };
    struct neap_task *t[3];
    struct world w;

    (void)state;
    open_world(&w);
    neap_strmap_set(fast, "disk", "nvme");
    neap_wants_add(wants, "disk", "optane");
    neap_wants_add(wants, "disk", "nvme");
    neap_sched_set_menu(w.sched, "a", shapes, 2, w.now_ns, NULL);
    offer(&w, "b", "other", 1, 1, -1);
    spec.need = res(1, 1);
    t[0] = submit_spec(&w, &spec);
    settle(&w);
    assert_string_equal(neap_alloc_shape(w.requested[0]), "fast");
    spec = (struct neap_task_spec){ .id = "b", .pool = pools, .npool = 2 };
    spec.need = res(1, 1);
    t[1] = submit_spec(&w, &spec);
    settle(&w);
    assert_int_equal(w.nrequested, 2);
    assert_string_equal(neap_alloc_pool(w.requested[1]), "b");
    grant(&w, 1);
    grant(&w, 0);
    assert_string_equal(w.trace, "b:a2 picky:a1 ");
    offer(&w, "c", "new", 2, 1, -1); /* the other pool of the list */
    spec.need = res(2, 1);
    t[2] = submit_spec(&w, &spec);
    settle(&w);
    assert_int_equal(w.nrequested, 3);
    assert_string_equal(neap_alloc_pool(w.requested[2]), "c");
    neap_strmap_destroy(fast);
    neap_wants_destroy(wants);
    free_tasks(t, 3);
    close_world(&w);
}

static void test_best_fit_takes_the_tightest(void **state)
{
    struct neap_task *t[4];
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "c", "big", 8, 8, 1);
    t[0] = submit(&w, "b", 5, 1, 0);
    settle(&w);
    grant(&w, 0);
    offer(&w, "c", "small", 4, 8, 1);
    t[1] = submit(&w, "s", 4, 1, 0);
    settle(&w);
    grant(&w, 1);
    t[2] = submit(&w, "x", 3, 1, 0);
    finish(&w, t[1]);
    settle(&w);
    assert_string_equal(w.trace, "b:a1 s:a2 x:a1 ");
    t[3] = submit(&w, "y", 3, 1, 0);
    settle(&w);
    assert_string_equal(w.trace, "b:a1 s:a2 x:a1 y:a2 ");
    free_tasks(t, 4);
    close_world(&w);
}

static void test_suspect_allocs_get_nothing_new(void **state)
{
    struct neap_task *t[2];
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "c", "two", 2, 8, 1);
    t[0] = submit(&w, "t0", 1, 1, 0);
    settle(&w);
    grant(&w, 0);
    neap_sched_suspect(w.sched, w.live[0], true, w.now_ns);
    t[1] = submit(&w, "t1", 1, 1, 0);
    settle(&w);
    assert_int_equal(w.starts, 1);
    neap_sched_suspect(w.sched, w.live[0], false, w.now_ns);
    settle(&w);
    assert_int_equal(w.starts, 2);
    neap_sched_drain(w.sched, w.live[0], w.now_ns);
    finish(&w, t[0]);
    assert_int_equal(w.nreleased, 0);
    finish(&w, t[1]);
    assert_int_equal(w.nreleased, 1);
    free_tasks(t, 2);
    close_world(&w);
}

static void test_why(void **state)
{
    struct neap_task *t[3];
    struct neap_why why;
    struct world w;

    (void)state;
    open_world(&w);
    t[0] = submit(&w, "t0", 1, 1, 0);
    settle(&w);
    neap_sched_why(w.sched, t[0], w.now_ns, 0, &why);
    assert_int_equal(why.verdict, NEAP_WHY_UNSCHEDULABLE);
    neap_why_deinit(&why);
    offer(&w, "c", "one", 1, 16, 1);
    settle(&w);
    neap_sched_why(w.sched, t[0], w.now_ns, 0, &why);
    assert_int_equal(why.verdict, NEAP_WHY_PENDING);
    assert_int_equal(why.npending, 1);
    neap_why_deinit(&why);
    grant(&w, 0);
    t[1] = submit(&w, "t1", 1, 8, 0);
    t[2] = submit(&w, "t2", 1, 16, 0);
    settle(&w);
    neap_sched_why(w.sched, t[2], w.now_ns, 0, &why);
    assert_int_equal(why.verdict, NEAP_WHY_CAPACITY);
    assert_string_equal(why.text,
                        "no live alloc has 1 of cpu free (best: a1, 0)");
    assert_int_equal(why.position, 2);
    assert_int_equal(why.nahead, 1);
    assert_ptr_equal(why.ahead[0], t[1]);
    assert_int_equal(why.nallocs, 1);
    assert_int_equal(why.allocs[0].missing.v[NEAP_CPU], 1000);
    assert_string_equal(why.pack, "best_fit");
    neap_why_deinit(&why);
    neap_sched_why(w.sched, t[0], w.now_ns, 0, &why);
    assert_int_equal(why.verdict, NEAP_WHY_STAGING);
    neap_why_deinit(&why);
    free_tasks(t, 3);
    close_world(&w);
}

static int fail_pack(void *ctx, const struct neap_view *view,
                     struct neap_plan *plan, struct neap_err *err)
{
    ++*(int *)ctx;
    (void)view;
    for (int i = 0; i < 10; i++)
        neap_plan_add(plan)->kind = NEAP_LINE_ASSIGN;
    return neap_err_set(err, NEAP_EEVAL, "no idea");
}

static void test_a_failing_policy_is_replaced_for_the_round(void **state)
{
    int calls = 0;
    struct neap_pack_policy bad = { .name = "bad",
                                    .ctx = &calls,
                                    .pack = fail_pack };
    const struct neap_pack_policy *chain[] = { &bad };
    struct neap_sched_stats stats;
    struct neap_task *task;
    struct world w;

    (void)state;
    open_world(&w);
    neap_sched_set_pack(w.sched, chain, 1);
    offer(&w, "c", "one", 1, 1, 1);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    grant(&w, 0);
    assert_int_equal(w.starts, 1);
    neap_sched_stats(w.sched, &stats);
    assert_int_equal(stats.policy_errors, calls);
    assert_true(calls >= 2);
    assert_int_equal(stats.rejected_lines, 0);
    neap_task_unref(task);
    close_world(&w);
}

static int key_by_age(void *ctx, const struct neap_key_view *task,
                      double key[NEAP_KEYS_MAX], struct neap_err *err)
{
    ++*(int *)ctx;
    (void)err;
    key[0] = strcmp(task->name, "nan") == 0 ? NAN : -task->seq;
    return 1;
}

static void test_keys_are_refreshed_and_checked(void **state)
{
    int calls = 0;
    struct neap_priority_policy policy = {
        .name = "p", .ctx = &calls, .refresh = 10, .key = key_by_age
    };
    struct neap_sched_stats stats;
    struct neap_task *t[3];
    struct world w;

    (void)state;
    open_world(&w);
    neap_sched_set_priority(w.sched, &policy);
    t[0] = submit(&w, "t0", 1, 1, 0);
    t[1] = submit(&w, "t1", 1, 1, 0);
    settle(&w);
    assert_int_equal(calls, 2);
    w.now_ns += 10 * NEAP_SEC;
    assert_true(neap_sched_dirty(w.sched, w.now_ns));
    settle(&w);
    assert_int_equal(calls, 4);
    t[2] = submit(&w, "nan", 1, 1, 0);
    offer(&w, "c", "one", 1, 1, 1);
    settle(&w);
    neap_sched_stats(w.sched, &stats);
    assert_int_equal(stats.policy_errors, 1);
    grant(&w, 0);
    assert_string_equal(w.trace, "t1:a1 ");
    free_tasks(t, 3);
    close_world(&w);
}

static void test_tasks_may_outlive_the_scheduler(void **state)
{
    struct neap_task *task;
    struct world w;

    (void)state;
    open_world(&w);
    task = submit(&w, "t", 1, 1, 0);
    settle(&w);
    neap_sched_cancel(w.sched, task, "enough", w.now_ns);
    close_world(&w);
    assert_string_equal(neap_task_err(task)->text, "enough");
    assert_string_equal(neap_task_id(task), "t");
    neap_task_unref(task);
    neap_sched_destroy(NULL, false);
}

static void test_priority_can_change_while_waiting(void **state)
{
    struct neap_task *t[3];
    struct world w;

    (void)state;
    open_world(&w);
    offer(&w, "c", "one", 1, 1, 1);
    for (int i = 0; i < 3; i++)
        t[i] = submit(&w, i == 0 ? "t0" : i == 1 ? "t1" : "t2", 1, 1, 0);
    settle(&w);
    neap_sched_set_task_priority(w.sched, t[2], -1, w.now_ns);
    settle(&w);
    grant(&w, 0);
    assert_string_equal(w.trace, "t2:a1 ");
    free_tasks(t, 3);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_for_an_alloc_and_runs),
        cmocka_unit_test(test_runs_in_order_of_priority_size_age),
        cmocka_unit_test(test_equal_tasks_run_oldest_first),
        cmocka_unit_test(test_alike_tasks_are_one_class),
        cmocka_unit_test(test_does_not_ask_twice_for_the_same),
        cmocka_unit_test(test_cancels_what_is_not_needed),
        cmocka_unit_test(test_late_grant_is_used_if_there_is_work),
        cmocka_unit_test(test_allocs_that_die_unused_are_refusals),
        cmocka_unit_test(test_a_grant_on_which_nothing_fits_is_a_refusal),
        cmocka_unit_test(test_window_counts_from_the_first_submit),
        cmocka_unit_test(test_idle_allocs_are_released_on_time),
        cmocka_unit_test(test_backs_off),
        cmocka_unit_test(test_unsupported_shapes_are_put_aside),
        cmocka_unit_test(test_lost_tasks_run_elsewhere),
        cmocka_unit_test(test_a_task_lost_too_often_is_given_up),
        cmocka_unit_test(test_impossible_tasks_end_with_a_sentence),
        cmocka_unit_test(test_bad_menus_change_nothing),
        cmocka_unit_test(test_stop_kills_or_drains),
        cmocka_unit_test(test_small_tasks_do_not_starve_a_big_one),
        cmocka_unit_test(test_a_short_life_takes_no_long_task),
        cmocka_unit_test(test_pools_and_facts_are_kept_to),
        cmocka_unit_test(test_best_fit_takes_the_tightest),
        cmocka_unit_test(test_suspect_allocs_get_nothing_new),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_a_failing_policy_is_replaced_for_the_round),
        cmocka_unit_test(test_keys_are_refreshed_and_checked),
        cmocka_unit_test(test_tasks_may_outlive_the_scheduler),
        cmocka_unit_test(test_priority_can_change_while_waiting),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
