/* What others report: tasks come, attempts end, allocs come and go.
 *
 * Each function first brings the scheduler's own state in order and tells
 * people afterwards, so that a callback may call any of them. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/sched_impl.h"

/* ---- tasks ---- */

static void cancelled(struct neap_err *err, const char *reason)
{
    (void)neap_err_set(err, NEAP_ECANCELED, "%s",
                       reason != NULL ? reason : "cancelled");
}

static void accept_task(struct neap_sched *sched, struct neap_task *task)
{
    struct neap_err err;

    assert(!task->submitted && task->sched == sched);
    task->submitted = true;
    task->seq = ++sched->last_seq;
    task->queued_ns = task->since_ns = sched->now_ns;
    neap_task_ref(task);
    sched->stats.total_tasks++;
    sched->stats.queued++;
    if (sched->stopping) {
        cancelled(&err, "the scheduler is stopping");
    } else if (neap_demand_impossible(sched, task->demand)) {
        neap_demand_explain(sched, task->demand, neap_task_title(task), &err);
    } else {
        neap_queue_add(sched, task);
        return;
    }
    neap_task_finish(task, &err, sched->now_ns);
}

void neap_sched_submit(struct neap_sched *sched, struct neap_task **tasks,
                       int count, int64_t now_ns)
{
    neap_sched_enter(sched, now_ns);
    for (int i = 0; i < count; i++)
        accept_task(sched, tasks[i]);
    if (sched->queued > 0 && !sched->stopping) {
        if (sched->window_end_ns == NEAP_NEVER && sched->config.drain_ns > 0)
            sched->window_end_ns = now_ns + sched->config.drain_ns;
        sched->dirty = true;
    }
    neap_sched_leave(sched);
}

/* Ask for the end of an attempt. One that is about to end, or not begun, needs
 * no asking: it only must not start again. */
static void kill_task(struct neap_sched *sched, struct neap_task *task,
                      const char *reason)
{
    struct neap_err err;

    if (task->killed)
        return;
    cancelled(&err, reason);
    task->killed = true;
    neap_task_set_err(task, &err);
    if (task->alloc != NULL && task->started)
        sched->ops.kill(sched->ctx, task, task->err->err.text);
}

bool neap_sched_cancel(struct neap_sched *sched, struct neap_task *task,
                       const char *reason, int64_t now_ns)
{
    struct neap_err err;

    if (!task->submitted || task->state == NEAP_TASK_DONE)
        return false;
    neap_sched_enter(sched, now_ns);
    neap_task_ref(task);
    if (task->queued) {
        cancelled(&err, reason);
        neap_queue_remove(sched, task);
        neap_task_finish(task, &err, now_ns);
    } else {
        kill_task(sched, task, reason);
    }
    sched->dirty = true;
    neap_task_unref(task);
    neap_sched_leave(sched);
    return true;
}

void neap_sched_set_task_priority(struct neap_sched *sched,
                                  struct neap_task *task, int priority,
                                  int64_t now_ns)
{
    neap_sched_enter(sched, now_ns);
    task->priority = priority;
    if (task->queued) {
        neap_queue_remove(sched, task);
        neap_queue_add(sched, task);
        sched->dirty = true;
    }
    neap_sched_leave(sched);
}

void neap_sched_set_task_expect(struct neap_sched *sched,
                                struct neap_task *task, double expect_s,
                                int64_t now_ns)
{
    bool was_queued = task->queued;

    if (!was_queued && task->submitted)
        return;
    neap_sched_enter(sched, now_ns);
    if (was_queued)
        neap_queue_remove(sched, task);
    neap_demand_set_expect(sched, &task->demand, expect_s);
    if (was_queued) {
        neap_queue_add(sched, task);
        sched->dirty = true;
    }
    neap_sched_leave(sched);
}

void neap_sched_running(struct neap_sched *sched, struct neap_task *task,
                        int64_t now_ns)
{
    if (task->alloc == NULL || task->state != NEAP_TASK_STAGING)
        return;
    neap_sched_enter(sched, now_ns);
    neap_task_move(task, NEAP_TASK_RUNNING, now_ns);
    neap_sched_leave(sched);
}

void neap_sched_ended(struct neap_sched *sched, struct neap_task *task,
                      const struct neap_err *why, int64_t now_ns)
{
    struct neap_alloc *alloc = task->alloc;

    if (alloc == NULL)
        return;
    neap_sched_enter(sched, now_ns);
    neap_alloc_drop(alloc, task, now_ns);
    sched->dirty = true;
    neap_task_finish(task, task->killed ? &task->err->err : why, now_ns);
    neap_alloc_release_if_empty(alloc);
    neap_sched_leave(sched);
}

static void queue_again(struct neap_task *task, uint32_t number, int64_t now_ns)
{
    neap_task_clear_err(task);
    task->attempt++;
    task->avoid = number;
    task->started = false;
    neap_queue_add(task->sched, task);
    neap_task_move(task, NEAP_TASK_INIT, now_ns);
}

/* May it be tried again? If not, `ret` says why. */
static bool may_try_again(const struct neap_task *task,
                          const struct neap_err *why, struct neap_err *ret)
{
    struct neap_sched *sched = task->sched;

    if (task->killed) {
        *ret = task->err->err;
    } else if (sched->stopping) {
        cancelled(ret, "the scheduler is stopping");
    } else if (task->attempt >= sched->config.max_attempts) {
        (void)neap_err_set(ret, NEAP_ETOOMANYTRIES,
                           "task '%s' was lost %d times; the last time: %s",
                           neap_task_title(task), task->attempt, why->text);
    } else if (neap_demand_impossible(sched, task->demand)) {
        neap_demand_explain(sched, task->demand, neap_task_title(task), ret);
    } else {
        return true;
    }
    return false;
}

void neap_task_lose(struct neap_task *task, uint32_t number,
                    const struct neap_err *why, int64_t now_ns)
{
    struct neap_err cause = { NEAP_KIND_UNAVAILABLE, "the attempt was lost" };
    struct neap_err err;

    neap_task_ref(task);
    if (why != NULL)
        cause = *why;
    if (!task->killed) {
        neap_task_set_err(task, &cause);
        neap_task_move(task, NEAP_TASK_LOST, now_ns);
    }
    if (may_try_again(task, &cause, &err))
        queue_again(task, number, now_ns);
    else
        neap_task_finish(task, &err, now_ns);
    neap_task_unref(task);
}

void neap_sched_lost(struct neap_sched *sched, struct neap_task *task,
                     const struct neap_err *why, int64_t now_ns)
{
    struct neap_alloc *alloc = task->alloc;

    if (alloc == NULL)
        return;
    neap_sched_enter(sched, now_ns);
    neap_alloc_drop(alloc, task, now_ns);
    sched->dirty = true;
    neap_task_lose(task, alloc->number, why, now_ns);
    neap_alloc_release_if_empty(alloc);
    neap_sched_leave(sched);
}

/* ---- allocs ---- */

static void drain(struct neap_alloc *alloc, int64_t now_ns)
{
    if (alloc->state == NEAP_ALLOC_REQUESTED) {
        neap_alloc_cancel_request(alloc);
    } else if (alloc->state == NEAP_ALLOC_LIVE ||
               alloc->state == NEAP_ALLOC_SUSPECT) {
        neap_alloc_move(alloc, NEAP_ALLOC_DRAINING, now_ns);
        neap_alloc_release_if_empty(alloc);
    }
}

void neap_sched_granted(struct neap_sched *sched, struct neap_alloc *alloc,
                        const struct neap_res *actual, int64_t life_end_ns,
                        int64_t now_ns)
{
    bool smaller = !neap_fits(sched, actual, &alloc->total);
    bool useless;

    assert(alloc->state == NEAP_ALLOC_REQUESTED);
    neap_sched_enter(sched, now_ns);
    alloc->total = alloc->free = *actual;
    alloc->life_end_ns = life_end_ns;
    alloc->born_ns = now_ns;
    sched->stats.total_allocs++;
    neap_alloc_move(alloc, NEAP_ALLOC_LIVE, now_ns);
    /* A grant that was cancelled too late, or is too small, is welcome if it
     * has room for something that waits. Else it is as good as a refusal. */
    useless = (smaller || alloc->cancelling) && alloc->open_at < 0;
    if (useless && !alloc->cancelling)
        neap_shape_refused(sched, alloc->shape, NEAP_KIND_RESOURCES_EXHAUSTED,
                           now_ns);
    else
        neap_shape_granted(sched, alloc->shape);
    if (sched->stopping || useless)
        drain(alloc, now_ns);
    neap_sched_leave(sched);
}

void neap_sched_refused(struct neap_sched *sched, struct neap_alloc *alloc,
                        const struct neap_err *why, int64_t now_ns)
{
    enum neap_kind kind = why != NULL ? why->kind : NEAP_KIND_OTHER;
    enum neap_alloc_state next = NEAP_ALLOC_CANCELLED;

    assert(alloc->state == NEAP_ALLOC_REQUESTED);
    neap_sched_enter(sched, now_ns);
    if (!alloc->cancelling) {
        next = NEAP_ALLOC_FAILED;
        sched->stats.refused++;
        neap_shape_refused(sched, alloc->shape, kind, now_ns);
    }
    neap_alloc_move(alloc, next, now_ns);
    neap_sched_leave(sched);
}

void neap_sched_suspect(struct neap_sched *sched, struct neap_alloc *alloc,
                        bool suspect, int64_t now_ns)
{
    neap_sched_enter(sched, now_ns);
    if (suspect && alloc->state == NEAP_ALLOC_LIVE)
        neap_alloc_move(alloc, NEAP_ALLOC_SUSPECT, now_ns);
    else if (!suspect && alloc->state == NEAP_ALLOC_SUSPECT)
        neap_alloc_move(alloc, NEAP_ALLOC_LIVE, now_ns);
    neap_sched_leave(sched);
}

/* All tasks that are on `alloc`, each with a reference; owned. */
static struct neap_task **tasks_on(const struct neap_alloc *alloc)
{
    struct neap_task **tasks =
        neap_realloc(NULL, (size_t)alloc->ntasks, sizeof(struct neap_task *));
    int count = 0;

    neap_list_for_each (at, &alloc->tasks) {
        tasks[count++] =
            neap_task_ref(neap_list_item(at, struct neap_task, link));
    }
    return tasks;
}

/* Every task leaves the alloc before anybody is told anything. */
static void die(struct neap_alloc *alloc, const struct neap_err *why,
                int64_t now_ns)
{
    struct neap_task **tasks = tasks_on(alloc);
    int count = alloc->ntasks;

    if (!alloc->used) /* what dies unused was no gift */
        neap_shape_refused(alloc->sched, alloc->shape, NEAP_KIND_UNAVAILABLE,
                           now_ns);
    for (int i = 0; i < count; i++)
        neap_alloc_drop(alloc, tasks[i], now_ns);
    neap_alloc_move(alloc, NEAP_ALLOC_DEAD, now_ns);
    for (int i = 0; i < count; i++) {
        neap_task_lose(tasks[i], alloc->number, why, now_ns);
        neap_task_unref(tasks[i]);
    }
    neap_free(tasks);
}

void neap_sched_dead(struct neap_sched *sched, struct neap_alloc *alloc,
                     const struct neap_err *why, int64_t now_ns)
{
    struct neap_err cause;

    (void)neap_err_set(&cause, NEAP_EUNAVAILABLE, "alloc %s is gone%s%s",
                       alloc->id, why != NULL ? ": " : "",
                       why != NULL ? why->text : "");
    if (alloc->state == NEAP_ALLOC_REQUESTED) {
        neap_sched_refused(sched, alloc, &cause, now_ns);
    } else if (neap_alloc_granted(alloc)) {
        neap_sched_enter(sched, now_ns);
        die(alloc, &cause, now_ns);
        neap_sched_leave(sched);
    }
}

void neap_sched_drain(struct neap_sched *sched, struct neap_alloc *alloc,
                      int64_t now_ns)
{
    neap_sched_enter(sched, now_ns);
    drain(alloc, now_ns);
    neap_sched_leave(sched);
}

void neap_sched_released(struct neap_sched *sched, struct neap_alloc *alloc,
                         int64_t now_ns)
{
    struct neap_err err;

    if (alloc->state != NEAP_ALLOC_DRAINING || !alloc->releasing) {
        (void)neap_err_set(&err, NEAP_EUNAVAILABLE,
                           "it was given back unasked");
        neap_sched_dead(sched, alloc, &err, now_ns);
        return;
    }
    neap_sched_enter(sched, now_ns);
    neap_alloc_move(alloc, NEAP_ALLOC_RELEASED, now_ns);
    neap_sched_leave(sched);
}

/* ---- the end ---- */

static void end_queued(void *ctx, struct neap_task *task)
{
    struct neap_sched *sched = ctx;
    struct neap_err err;

    cancelled(&err, "the scheduler is stopping");
    neap_queue_remove(sched, task);
    neap_task_finish(task, &err, sched->now_ns);
}

static void kill_tasks(struct neap_sched *sched, struct neap_alloc *alloc)
{
    struct neap_task **tasks = tasks_on(alloc);
    int count = alloc->ntasks;

    for (int i = 0; i < count; i++) {
        if (tasks[i]->alloc == alloc)
            kill_task(sched, tasks[i], "the scheduler is stopping");
        neap_task_unref(tasks[i]);
    }
    neap_free(tasks);
}

void neap_sched_stop(struct neap_sched *sched, bool drain_first, int64_t now_ns)
{
    struct neap_alloc **allocs;

    neap_sched_enter(sched, now_ns);
    sched->stopping = true;
    neap_hold_set(sched, NULL, NULL);
    neap_queue_each(sched, end_queued, sched);
    allocs = neap_all_allocs(sched);
    for (int i = 0; allocs[i] != NULL; i++) {
        if (!drain_first)
            kill_tasks(sched, allocs[i]);
        drain(allocs[i], now_ns);
    }
    neap_free(allocs);
    neap_sched_leave(sched);
}

bool neap_sched_idle(const struct neap_sched *sched)
{
    const struct neap_sched_stats *stats = &sched->stats;

    return stats->done == stats->total_tasks && neap_list_empty(&sched->allocs);
}
