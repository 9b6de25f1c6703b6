/* A task of a run above the scheduler: when it is queued, what its end means
 * for others, and how it gets into the log of its run. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/wants.h"
#include "sched/engine_impl.h"
#include "sched/graph.h"
#include "sched/outcome.h"
#include "sched/run_add.h"
#include "sched/run_end.h"

struct delay {
    uv_timer_t timer;
    struct neap_engine *engine;
    struct neap_run_task *task; /* NULL: nobody waits any more */
};

/* ---- the log ---- */

void neap_engine_event(struct neap_run_task *task, int kind, const void *what,
                       int number)
{
    struct neap_event event = { neap_clock_wall_ns(), task, what, kind,
                                number };

    neap_event_add(&task->run->events, &event);
}

void neap_engine_event_all(struct neap_engine *engine, int kind,
                           const char *text)
{
    struct neap_event event = { neap_clock_wall_ns(), NULL, NULL, kind, 0 };

    for (int i = 0; i < engine->nruns; i++) {
        struct neap_run *run = engine->runs[i];

        if (run->state != NEAP_RUN_RUNNING)
            continue;
        event.what = neap_keep_string(run->store, text);
        neap_event_add(&run->events, &event);
    }
}

/* ---- into the queue ---- */

void neap_engine_queue(struct neap_engine *engine, struct neap_run_task *task)
{
    if (task->state == NEAP_RT_WAITING)
        neap_run_task_set_state(task, NEAP_RT_QUEUED, neap_clock_wall_ns());
    if (engine->nready == engine->ready_cap) {
        engine->ready_cap = engine->ready_cap > 0 ? engine->ready_cap * 2 : 256;
        engine->ready = neap_realloc(engine->ready, (size_t)engine->ready_cap,
                                     sizeof *engine->ready);
    }
    engine->ready[engine->nready++] = task;
}

static struct neap_wants *make_wants(const struct neap_spec_common *common)
{
    struct neap_wants *wants;

    if (common->nwhere == 0)
        return NULL;
    wants = neap_wants_create();
    for (int i = 0; i < common->nwhere; i++) {
        for (int k = 0; k < common->where[i].nvalue; k++)
            neap_wants_add(wants, common->where[i].key,
                           common->where[i].value[k]);
    }
    return wants;
}

static struct neap_task *make_queued(struct neap_engine *engine,
                                     struct neap_run_task *task)
{
    const struct neap_spec_common *common = task->spec.common;
    struct neap_wants *where = make_wants(common);
    struct neap_task_spec spec = {
        .name = common->name,
        .user = task->run->user,
        .run = task->run->id,
        .need = *task->need,
        .priority = common->priority,
        .expect_s = common->expect_s,
        .timeout_s = task->timeout_s,
        .input_bytes = (double)neap_launch_input_bytes(task),
        .depth = task->depth,
        .ninputs = task->spec.ninput,
        .labels = common->labels,
        .where = where,
        .pool = common->pool,
        .npool = common->npool,
        .owner = task,
    };
    struct neap_task *queued;
    char id[32];

    neap_run_task_id(task, id);
    spec.id = id;
    queued = neap_task_create(engine->sched, &spec);
    neap_wants_destroy(where);
    return queued;
}

void neap_engine_flush_ready(struct neap_engine *engine)
{
    struct neap_task **batch;
    int count = 0;

    if (engine->nready == 0)
        return;
    batch = neap_calloc((size_t)engine->nready, sizeof *batch);
    for (int i = 0; i < engine->nready; i++) {
        struct neap_run_task *task = engine->ready[i];

        if (task->state != NEAP_RT_QUEUED)
            continue; /* cancelled meanwhile */
        task->queued = make_queued(engine, task);
        batch[count++] = task->queued;
    }
    engine->nready = 0;
    neap_sched_submit(engine->sched, batch, count, neap_clock_mono_ns());
    neap_free(batch);
}

/* ---- waiting for a retry ---- */

static void free_delay(uv_handle_t *handle)
{
    struct delay *delay = handle->data;

    neap_free(delay);
}

static void drop_delay(struct neap_run_task *task)
{
    struct delay *delay = task->delay;

    if (delay == NULL)
        return;
    task->delay = NULL;
    uv_close((uv_handle_t *)&delay->timer, free_delay);
}

static void on_delay(uv_timer_t *timer)
{
    struct delay *delay = timer->data;
    struct neap_engine *engine = delay->engine;
    struct neap_run_task *task = delay->task;

    drop_delay(task);
    neap_engine_queue(engine, task);
}

void neap_engine_delay(struct neap_engine *engine, struct neap_run_task *task,
                       double seconds)
{
    struct delay *delay = NEAP_NEW(struct delay);

    delay->engine = engine;
    delay->task = task;
    delay->timer.data = delay;
    task->delay = delay;
    (void)uv_timer_init(engine->loop, &delay->timer);
    (void)uv_timer_start(&delay->timer, on_delay, (uint64_t)(seconds * 1000),
                         0);
}

/* ---- the end of a task ---- */

static void close_task(struct neap_engine *engine, struct neap_run_task *task,
                       enum neap_run_task_state state,
                       const struct neap_failure *failure)
{
    struct neap_run *run = task->run;

    drop_delay(task);
    task->failure = failure;
    neap_run_task_set_state(task, state, neap_clock_wall_ns());
    neap_engine_event(task, NEAP_EVENT_TASK_OVER, NULL, 0);
    if (run->history != NULL)
        neap_history_task(run->history, task, &engine->labels,
                          neap_clock_mono_ns());
}

static void on_ready(void *ctx, struct neap_run_task *task)
{
    neap_engine_queue(ctx, task);
}

/* The first one that was no success is named, however far away it is. */
static void skip_task(struct neap_engine *engine, struct neap_run_task *task,
                      const struct neap_run_task *because)
{
    const struct neap_failure *cause = because->failure;
    struct neap_failure *failure;
    char id[32];

    if (cause != NULL && cause->upstream != NULL)
        because = cause->upstream;
    neap_run_task_id(because, id);
    failure = neap_outcome_failure(task->run->store, "E_UPSTREAM",
                                   "depends on %s (%s), which was %s", id,
                                   because->spec.common->name,
                                   because->state == NEAP_RT_CANCELLED
                                       ? "cancelled"
                                       : "not successful");
    failure->upstream = because;
    close_task(engine, task, NEAP_RT_SKIPPED, failure);
}

static void on_skip(void *ctx, struct neap_run_task *task)
{
    skip_task(ctx, task, neap_graph_broken(task));
}

void neap_engine_task_over(struct neap_engine *engine,
                           struct neap_run_task *task,
                           enum neap_run_task_state state,
                           const struct neap_failure *failure)
{
    close_task(engine, task, state, failure);
    if (state == NEAP_RT_DONE)
        neap_graph_done(task, on_ready, engine);
    else
        neap_graph_skip(task, on_skip, engine);
    neap_run_check_end(task->run);
}

/* ---- what people ask for ---- */

static void admit(struct neap_engine *engine, struct neap_run_task *task)
{
    const struct neap_run_task *broken = neap_graph_broken(task);

    if (broken != NULL)
        skip_task(engine, task, broken);
    else if (neap_graph_ready(task))
        neap_engine_queue(engine, task);
}

/* A pool that there is not is a slip of the pen: it will never come. */
static int check_pools(void *ctx, const struct neap_spec *spec,
                       struct neap_spec_where *where, struct neap_err *err)
{
    const struct neap_engine *engine = ctx;
    struct neap_buf known = NEAP_BUF_INIT;
    int rc = 0;

    for (int i = 0; i < spec->common->npool && rc == 0; i++) {
        if (neap_engine_cluster(engine, spec->common->pool[i]) != NULL)
            continue;
        for (int k = 0; k < engine->npool; k++)
            neap_buf_printf(&known, "%s'%s'", k > 0 ? ", " : "",
                            engine->pool[k]->name);
        snprintf(where->field, sizeof where->field, "pool");
        rc =
            neap_err_set(err, NEAP_EINVAL,
                         "task '%s': there is no pool '%s'; known are: %s",
                         spec->common->name, spec->common->pool[i], known.data);
    }
    neap_buf_deinit(&known);
    return rc;
}

int neap_engine_submit(struct neap_engine *engine, struct neap_run *run,
                       const json_t *tasks, int *ret_at,
                       struct neap_spec_where *where, struct neap_err *err)
{
    int before = run->ntasks, count;

    *ret_at = -1;
    where->field[0] = '\0';
    if (run->state != NEAP_RUN_RUNNING || run->script_ended)
        return neap_err_set(err, NEAP_EPRECONDITION, "run %s has ended",
                            run->id);
    if (engine->stopping)
        return neap_err_set(err, NEAP_EPRECONDITION, "the engine is stopping");
    count = neap_run_add(run, tasks, &engine->labels, neap_clock_wall_ns(),
                         check_pools, engine, ret_at, where, err);
    if (count < 0)
        return count;
    for (int i = before; i < run->ntasks; i++)
        admit(engine, run->tasks[i]);
    neap_engine_flush_ready(engine);
    return count;
}

bool neap_engine_cancel(struct neap_engine *engine, struct neap_run_task *task,
                        const char *reason)
{
    struct neap_failure *failure;

    if (neap_run_task_over(task))
        return false;
    neap_engine_flush_ready(engine);
    if (neap_run_task_over(task))
        return true; /* it could never have run */
    if (task->cancel_reason == NULL)
        task->cancel_reason = neap_keep_string(task->run->store, reason);
    if (task->queued != NULL)
        return neap_sched_cancel(engine->sched, task->queued, reason,
                                 neap_clock_mono_ns());
    failure = neap_outcome_failure(task->run->store, "E_CANCELLED",
                                   "was cancelled: %s", task->cancel_reason);
    failure->reason = task->cancel_reason;
    neap_engine_task_over(engine, task, NEAP_RT_CANCELLED, failure);
    return true;
}

/* From the newest to the oldest: who depends on another is cancelled before
 * it, and not skipped because of it. */
int neap_engine_cancel_run(struct neap_engine *engine, struct neap_run *run,
                           bool stop, const char *reason)
{
    int touched = 0;

    for (int i = run->ntasks - 1; i >= 0; i--) {
        struct neap_run_task *task = run->tasks[i];

        if (stop || task->state <= NEAP_RT_QUEUED)
            touched += neap_engine_cancel(engine, task, reason);
    }
    return touched;
}

void neap_engine_patch(struct neap_engine *engine, struct neap_run_task *task,
                       const struct neap_task_patch *patch)
{
    struct neap_spec_common common;

    memcpy(&common, task->spec.common, sizeof common); /* padding too */
    if (patch->labels != NULL)
        common.labels = *patch->labels;
    if (patch->timeout_s != NULL)
        task->timeout_s = common.timeout_s = *patch->timeout_s;
    if (patch->priority != NULL)
        common.priority = *patch->priority;
    task->spec.common =
        neap_keep_bytes(task->run->store, &common, sizeof common);
    if (patch->priority != NULL && task->queued != NULL)
        neap_sched_set_task_priority(engine->sched, task->queued,
                                     *patch->priority, neap_clock_mono_ns());
}
