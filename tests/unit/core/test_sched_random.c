/* The scheduler in a hostile world: random submits, cancels, refusals, late
 * grants, deaths, losses, drains, menus that change, policies that propose
 * nonsense, and callbacks that report at once. After each step everything that
 * must hold is checked; in the end each task has ended exactly once and no
 * alloc is left.
 *
 * The seed of a failure is in the output; NEAP_SEED=n runs that one alone. */
#include <assert.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "core/sched.h"
#include "core/strmap.h"
#include "core/wants.h"

enum { TASKS_MAX = 400, ALLOCS_MAX = 4000, STEPS = 400, SEEDS = 300 };

/* What the test knows about a task, from callbacks alone. */
struct item {
    struct neap_task *task;
    struct neap_alloc *on; /* where an attempt is live */
    int attempts, ends;
    bool killed;
};

struct record {
    struct neap_alloc *alloc; /* NULL: ended */
    bool answered, cancelled, released;
};

struct world {
    uint64_t random;
    struct neap_labels labels;
    struct neap_sched *sched;
    int64_t now_ns;
    struct item item[TASKS_MAX];
    struct record record[ALLOCS_MAX];
    int nitems, nrecords;
    bool at_once; /* callbacks may report at once */
    bool stopped;
};

static unsigned rnd(struct world *w, unsigned below)
{
    uint64_t x = w->random += UINT64_C(0x9e3779b97f4a7c15);

    return (unsigned)(neap_hash(&x, sizeof(x), 1) >> 33) % below;
}

static bool one_in(struct world *w, unsigned n)
{
    return rnd(w, n) == 0;
}

static struct neap_res some_res(struct world *w, int cpu)
{
    struct neap_res res = { 0 };

    res.v[NEAP_CPU] = rnd(w, (unsigned)cpu) * 500;
    res.v[NEAP_MEM] = (int64_t)rnd(w, 8) << 29;
    if (one_in(w, 10))
        res.v[NEAP_GPU] = 1000;
    return res;
}

/* ---- what the scheduler asks for ---- */

static struct record *record_of(struct world *w, struct neap_alloc *alloc)
{
    struct record *record = neap_alloc_owner(alloc);

    assert(record >= w->record && record < w->record + w->nrecords);
    assert(record->alloc == alloc);
    return record;
}

static void report(struct world *w, struct item *item)
{
    struct neap_err err = { NEAP_KIND_NET, "lost" };

    if (one_in(w, 2))
        neap_sched_running(w->sched, item->task, w->now_ns);
    if (one_in(w, 5))
        neap_sched_lost(w->sched, item->task, &err, w->now_ns);
    else
        neap_sched_ended(w->sched, item->task, one_in(w, 6) ? &err : NULL,
                         w->now_ns);
}

static void on_start(void *ctx, struct neap_task *task,
                     struct neap_alloc *alloc)
{
    struct world *w = ctx;
    struct item *item = neap_task_owner(task);

    assert(!w->stopped);
    assert(item->on == NULL); /* one attempt at a time */
    assert(neap_task_alloc(task) == alloc);
    assert(neap_alloc_state(alloc) == NEAP_ALLOC_LIVE);
    (void)record_of(w, alloc);
    item->on = alloc;
    item->killed = false;
    item->attempts++;
    if (w->at_once && one_in(w, 4))
        report(w, item);
}

static void on_kill(void *ctx, struct neap_task *task, const char *reason)
{
    struct world *w = ctx;
    struct item *item = neap_task_owner(task);

    assert(item->on != NULL && !item->killed && reason[0] != '\0');
    item->killed = true;
    if (w->at_once && one_in(w, 3))
        report(w, item);
}

static void answer(struct world *w, struct record *record)
{
    static const enum neap_kind kinds[] = { NEAP_KIND_UNAVAILABLE,
                                            NEAP_KIND_NOT_SUPPORTED,
                                            NEAP_KIND_CANCELED };
    struct neap_res actual = *neap_alloc_total(record->alloc);
    struct neap_err err = { kinds[rnd(w, 3)], "no" };

    record->answered = true;
    if (one_in(w, 3)) {
        neap_sched_refused(w->sched, record->alloc, &err, w->now_ns);
        return;
    }
    if (one_in(w, 4))
        actual.v[NEAP_CPU] /= 2;
    if (one_in(w, 4))
        actual.v[NEAP_MEM] *= 2;
    neap_sched_granted(w->sched, record->alloc, &actual,
                       one_in(w, 3) ? w->now_ns + 20 * NEAP_SEC : NEAP_NEVER,
                       w->now_ns);
}

static void on_request(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;
    struct record *record = &w->record[w->nrecords++];

    assert(!w->stopped && w->nrecords < ALLOCS_MAX);
    assert(!neap_res_zero(neap_alloc_total(alloc)));
    record->alloc = alloc;
    neap_alloc_set_owner(alloc, record);
    if (w->at_once && one_in(w, 4))
        answer(w, record);
}

static void on_cancel(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;
    struct record *record = record_of(w, alloc);

    assert(!record->cancelled && !record->answered);
    record->cancelled = true;
    if (w->at_once && one_in(w, 3))
        answer(w, record);
}

static void on_release(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;
    struct record *record = record_of(w, alloc);

    assert(!record->released && neap_alloc_ntasks(alloc) == 0);
    record->released = true;
    if (w->at_once && one_in(w, 3))
        neap_sched_released(w->sched, alloc, w->now_ns);
}

static void on_task(void *ctx, struct neap_task *task)
{
    struct world *w = ctx;
    struct item *item = neap_task_owner(task);

    switch (neap_task_state(task)) {
    case NEAP_TASK_DONE:
        item->ends++;
        assert(item->ends == 1);
        item->on = NULL;
        break;
    case NEAP_TASK_LOST:
        item->on = NULL;
        break;
    case NEAP_TASK_INIT:
        assert(item->on == NULL && neap_task_attempt(task) > 1);
        break;
    default:
        break;
    }
    if (w->at_once && one_in(w, 30))
        neap_sched_cancel(w->sched, w->item[rnd(w, (unsigned)w->nitems)].task,
                          "in a callback", w->now_ns);
}

static void on_alloc(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;

    switch (neap_alloc_state(alloc)) {
    case NEAP_ALLOC_RELEASED:
        assert(record_of(w, alloc)->released);
        /* fall through */
    case NEAP_ALLOC_DEAD:
    case NEAP_ALLOC_CANCELLED:
    case NEAP_ALLOC_FAILED:
        record_of(w, alloc)->alloc = NULL;
        break;
    default:
        if (w->at_once && one_in(w, 30))
            neap_sched_drain(w->sched, alloc, w->now_ns);
        break;
    }
}

/* ---- a policy that may say anything ---- */

static int wild_pack(void *ctx, const struct neap_view *view,
                     struct neap_plan *plan, struct neap_err *err)
{
    static const double amounts[] = { 0, 1, -1, 0.5, 1e30, NAN, INFINITY };
    struct world *w = ctx;
    int count = (int)rnd(w, 12);

    if (one_in(w, 5))
        return neap_err_set(err, NEAP_EEVAL, "no idea");
    for (int i = 0; i < count; i++) {
        struct neap_plan_line *line = neap_plan_add(plan);

        line->kind = (int)rnd(w, 7);
        line->a = (int)rnd(w, 12) - 2;
        line->b = (int)rnd(w, 12) - 2;
        line->n = one_in(w, 8) ? INT32_MAX : (int)rnd(w, 5) - 1;
        if (one_in(w, 3))
            line->res.cpu = amounts[rnd(w, 7)];
        if (one_in(w, 3))
            line->res.other[27] = amounts[rnd(w, 7)];
        line->at = one_in(w, 2) ? view->now + rnd(w, 5) : amounts[rnd(w, 7)];
    }
    return 0;
}

static int wild_key(void *ctx, const struct neap_key_view *task,
                    double key[NEAP_KEYS_MAX], struct neap_err *err)
{
    struct world *w = ctx;

    (void)err;
    key[0] = one_in(w, 50) ? NAN : task->priority;
    key[1] = one_in(w, 3) ? task->age : task->seq;
    return one_in(w, 50) ? -1 : (int)rnd(w, 3);
}

/* ---- what happens ---- */

static void set_menu(struct world *w)
{
    struct neap_strmap *facts = neap_strmap_create();
    struct neap_shape_spec shapes[3];
    int count = (int)rnd(w, 4);

    neap_strmap_set(facts, "disk", "nvme");
    for (int i = 0; i < count; i++) {
        static const char *const names[] = { "s", "m", "l" };

        shapes[i] = (struct neap_shape_spec){
            .name = names[i],
            .res = some_res(w, 24),
            .elastic = one_in(w, 2),
            .max = (int)rnd(w, 5) - 1,
            .walltime_s = one_in(w, 3) ? 20 : 0,
            .facts = one_in(w, 2) ? facts : NULL,
        };
        shapes[i].res.v[NEAP_CPU] += 1000;
    }
    assert_int_equal(neap_sched_set_menu(w->sched, one_in(w, 2) ? "p" : "q",
                                         shapes, count, w->now_ns, NULL),
                     0);
    neap_strmap_destroy(facts);
}

static void submit(struct world *w)
{
    static const char *const names[] = { "a", "b", "c" };
    static const char *const pools[] = { "p", "q" };
    struct neap_wants *where = neap_wants_create();
    struct neap_task *tasks[8];
    int count = (int)rnd(w, 8);

    neap_wants_add(where, "disk", "nvme");
    if (one_in(w, 2))
        neap_wants_add(where, "disk", "tape");
    for (int i = 0; i < count && w->nitems < TASKS_MAX; i++) {
        struct item *item = &w->item[w->nitems];
        struct neap_task_spec spec = {
            .id = "t",
            .name = names[rnd(w, 3)],
            .need = some_res(w, 10),
            .priority = (int)rnd(w, 3),
            .expect_s = one_in(w, 4) ? rnd(w, 30) : 0,
            .where = one_in(w, 6) ? where : NULL,
            .pool = pools,
            .npool = one_in(w, 6) ? 1 + (int)rnd(w, 2) : 0,
            .owner = item,
        };

        item->task = tasks[i] = neap_task_create(w->sched, &spec);
        w->nitems++;
        neap_sched_submit(w->sched, &tasks[i], 1, w->now_ns);
    }
    neap_wants_destroy(where);
}

static void touch_alloc(struct world *w, struct record *record)
{
    struct neap_err err = { NEAP_KIND_NET, "cable" };

    if (record->alloc == NULL)
        return;
    if (!record->answered) {
        answer(w, record);
    } else if (record->released) {
        neap_sched_released(w->sched, record->alloc, w->now_ns);
    } else {
        switch (rnd(w, 12)) {
        case 0:
            neap_sched_dead(w->sched, record->alloc, &err, w->now_ns);
            break;
        case 1:
            neap_sched_drain(w->sched, record->alloc, w->now_ns);
            break;
        case 2:
            neap_sched_released(w->sched, record->alloc, w->now_ns);
            break;
        default:
            neap_sched_suspect(w->sched, record->alloc, one_in(w, 3),
                               w->now_ns);
        }
    }
}

static void touch_task(struct world *w, struct item *item)
{
    struct neap_why why;

    switch (rnd(w, 8)) {
    case 0:
        neap_sched_cancel(w->sched, item->task, "not wanted", w->now_ns);
        break;
    case 1:
        neap_sched_set_task_priority(w->sched, item->task, (int)rnd(w, 3),
                                     w->now_ns);
        break;
    case 2:
        neap_sched_why(w->sched, item->task, w->now_ns, w->now_ns, &why);
        assert(why.text[0] != '\0');
        neap_why_deinit(&why);
        break;
    default:
        if (item->on != NULL)
            report(w, item);
    }
}

static void change_policy(struct world *w, const struct neap_pack_policy *wild,
                          const struct neap_priority_policy *keys)
{
    neap_sched_set_pack(w->sched, &wild, (int)rnd(w, 2));
    neap_sched_set_priority(w->sched, one_in(w, 2) ? keys : NULL);
}

static void step(struct world *w)
{
    if (one_in(w, 4))
        w->now_ns += (int64_t)rnd(w, 4000) * NEAP_MSEC;
    if (one_in(w, 3))
        submit(w);
    if (one_in(w, 40))
        set_menu(w);
    for (unsigned i = rnd(w, 5); i-- > 0 && w->nitems > 0;)
        touch_task(w, &w->item[rnd(w, (unsigned)w->nitems)]);
    for (unsigned i = rnd(w, 3); i-- > 0 && w->nrecords > 0;) {
        unsigned last = w->nrecords > 12 ? 12 : (unsigned)w->nrecords;

        touch_alloc(w, &w->record[(unsigned)w->nrecords - 1 - rnd(w, last)]);
    }
    neap_sched_check_invariants(w->sched);
    for (int i = 0; i < 3 && neap_sched_dirty(w->sched, w->now_ns); i++) {
        neap_sched_round(w->sched, w->now_ns, w->now_ns);
        neap_sched_check_invariants(w->sched);
    }
}

/* Answer everything that is open until nothing is left. */
static void wind_down(struct world *w)
{
    neap_sched_stop(w->sched, one_in(w, 2), w->now_ns);
    w->stopped = true;
    for (int i = 0; i < 10 && !neap_sched_idle(w->sched); i++) {
        neap_sched_check_invariants(w->sched);
        for (int k = 0; k < w->nitems; k++) {
            if (w->item[k].on != NULL)
                report(w, &w->item[k]);
        }
        for (int k = 0; k < w->nrecords; k++)
            touch_alloc(w, &w->record[k]);
    }
    assert_true(neap_sched_idle(w->sched));
    neap_sched_check_invariants(w->sched);
}

static void check_end(struct world *w)
{
    struct neap_sched_stats stats;

    neap_sched_stats(w->sched, &stats);
    assert_int_equal(stats.total_tasks, w->nitems);
    assert_int_equal(stats.done, w->nitems);
    assert_int_equal(stats.live_allocs + stats.pending_allocs, 0);
    for (int i = 0; i < w->nitems; i++) {
        assert_int_equal(w->item[i].ends, 1);
        assert_null(w->item[i].on);
        neap_task_unref(w->item[i].task);
    }
    for (int i = 0; i < w->nrecords; i++)
        assert_null(w->record[i].alloc);
}

static void run(struct world *w, uint64_t seed)
{
    static const struct neap_sched_ops ops = {
        .start = on_start,
        .kill = on_kill,
        .request = on_request,
        .cancel_request = on_cancel,
        .release = on_release,
        .task_changed = on_task,
        .alloc_changed = on_alloc,
    };
    struct neap_pack_policy wild = { .name = "wild",
                                     .ctx = w,
                                     .pack = wild_pack };
    struct neap_priority_policy keys = {
        .name = "wild", .ctx = w, .refresh = 5, .key = wild_key
    };
    struct neap_sched_config config;

    memset(w, 0, sizeof(*w));
    w->random = seed;
    w->now_ns = NEAP_SEC;
    w->at_once = one_in(w, 2);
    neap_labels_init(&w->labels);
    neap_sched_config_init(&config);
    config.seed = seed;
    config.max_idle_ns = 5 * NEAP_SEC;
    config.max_attempts = 3;
    config.backfill_age_ns = 10 * NEAP_SEC;
    config.drain_ns = one_in(w, 2) ? 50 * NEAP_MSEC : 0;
    w->sched = neap_sched_create(&config, &w->labels, &ops, w);
    for (int i = 0; i < STEPS; i++) {
        if (one_in(w, 60))
            change_policy(w, &wild, &keys);
        step(w);
    }
    wind_down(w);
    check_end(w);
    neap_sched_destroy(w->sched, false);
    neap_labels_deinit(&w->labels);
}

static void test_random_worlds(void **state)
{
    struct world *w = neap_alloc(sizeof(*w));
    const char *wanted = getenv("NEAP_SEED");
    uint64_t first = wanted != NULL ? strtoull(wanted, NULL, 10) : 1;
    uint64_t last = wanted != NULL ? first : SEEDS;

    (void)state;
    for (uint64_t seed = first; seed <= last; seed++) {
        fprintf(stderr, "# seed %llu\n", (unsigned long long)seed);
        run(w, seed);
    }
    neap_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_worlds),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
