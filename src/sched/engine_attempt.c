/* Attempts: from the scheduler's start to what follows from their end. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sched/engine_impl.h"
#include "sched/outcome.h"
#include "sched/retry.h"
#include "sched/row.h"

#define KILL_GRACE_S 10.0 /* TERM, then KILL */
#define STOP_GRACE_S 1.0  /* the same when the engine goes */

static struct neap_agent *agent_of(struct neap_engine *engine,
                                   const struct neap_alloc *alloc)
{
    const struct neap_cluster *pool =
        neap_engine_cluster(engine, neap_alloc_pool(alloc));

    if (pool == NULL || engine->dismissed)
        return NULL;
    return pool->agent(pool->ctx, alloc);
}

/* ---- begin ---- */

static void new_attempt(struct neap_run_task *task, const char *alloc,
                        const char *node)
{
    struct neap_keep *store = task->run->store;
    struct neap_attempt *attempt = neap_keep_alloc(store, sizeof *attempt);

    attempt->before = task->last;
    attempt->n = ++task->attempt;
    attempt->alloc = neap_keep_string(store, alloc);
    attempt->node = neap_keep_string(store, node);
    attempt->exit = -1;
    attempt->placed_ns = neap_clock_wall_ns();
    task->last = attempt;
    neap_run_task_set_state(task, NEAP_RT_STAGING, attempt->placed_ns);
}

/* Take the attempt from the scheduler. What it says about the task from here
 * on is not about this attempt. */
static void leave_sched(struct neap_engine *engine, struct neap_run_task *task,
                        const struct neap_err *why)
{
    struct neap_task *queued = task->queued;

    task->queued = NULL;
    neap_sched_ended(engine->sched, queued, why, neap_clock_mono_ns());
    neap_task_unref(queued);
}

static void refuse_message(struct neap_engine *engine,
                           struct neap_run_task *task)
{
    task->last->ended_ns = neap_clock_wall_ns();
    task->last->failure = neap_outcome_failure(
        task->run->store, "E_SPEC",
        "the task is too large to be sent to an agent (%d MiB at most)",
        (int)(NEAP_FRAME_MAX >> 20));
    leave_sched(engine, task, NULL);
    neap_engine_task_over(engine, task, NEAP_RT_FAILED, task->last->failure);
}

void neap_engine_start_task(void *ctx, struct neap_task *queued,
                            struct neap_alloc *alloc)
{
    struct neap_engine *engine = ctx;
    struct neap_run_task *task = neap_task_owner(queued);
    struct neap_agent *agent = agent_of(engine, alloc);
    struct neap_msg msg;
    struct neap_err err;
    int rc;

    assert(task->queued == queued);
    if (agent == NULL) {
        (void)neap_err_set(&err, NEAP_EUNAVAILABLE, "alloc %s has no agent",
                           neap_alloc_id(alloc));
        new_attempt(task, neap_alloc_id(alloc), "");
        neap_sched_lost(engine->sched, queued, &err, neap_clock_mono_ns());
        return;
    }
    new_attempt(task, neap_alloc_id(alloc), neap_agent_node(agent));
    neap_launch_prepare(engine->launch, task, neap_alloc_id(alloc),
                        &engine->labels, &msg);
    rc = neap_agent_send(agent, &msg);
    neap_msg_deinit(&msg);
    if (rc < 0)
        refuse_message(engine, task);
}

void neap_engine_kill_task(void *ctx, struct neap_task *queued,
                           const char *reason)
{
    struct neap_engine *engine = ctx;
    struct neap_run_task *task = neap_task_owner(queued);
    struct neap_agent *agent = agent_of(engine, neap_task_alloc(queued));
    struct neap_msg msg;
    char id[32];

    if (task->cancel_reason == NULL)
        task->cancel_reason = neap_keep_copy(task->run->store, reason);
    if (agent == NULL)
        return; /* its end is on the way: the alloc is dead */
    neap_run_task_id(task, id);
    neap_msg_init(&msg, NEAP_MSG_KILL);
    msg.task = id;
    msg.attempt = task->attempt;
    msg.grace_s = engine->stopping ? STOP_GRACE_S : KILL_GRACE_S;
    (void)neap_agent_send(agent, &msg);
    neap_msg_deinit(&msg);
}

/* ---- end ---- */

static double next_random(struct neap_engine *engine)
{
    engine->random ^= engine->random << 13;
    engine->random ^= engine->random >> 7;
    engine->random ^= engine->random << 17;
    return (double)(engine->random >> 11) / 9007199254740992.0;
}

static void over_cancelled(struct neap_engine *engine,
                           struct neap_run_task *task)
{
    struct neap_failure *failure =
        neap_outcome_failure(task->run->store, "E_CANCELLED",
                             "was cancelled: %s", task->cancel_reason);

    failure->reason = task->cancel_reason;
    if (task->last != NULL)
        task->last->failure = failure;
    neap_engine_task_over(engine, task, NEAP_RT_CANCELLED, failure);
}

static void try_again(struct neap_engine *engine, struct neap_run_task *task,
                      enum neap_verdict verdict, double delay_s)
{
    const struct neap_retry_spec *retry = task->spec.common->retry;
    bool again = verdict == NEAP_VERDICT_AGAIN;

    neap_engine_event(task,
                      again ? NEAP_EVENT_TASK_LOST : NEAP_EVENT_TASK_RETRY,
                      task->last, (int)(delay_s * 1000));
    if (!again && (retry->ngrow > 0 || retry->grow_timeout > 0)) {
        struct neap_res need = *task->need;

        neap_retry_grow(retry, &need, &task->timeout_s);
        task->need = neap_keep_bytes(task->run->store, &need, sizeof need);
    }
    neap_run_task_set_state(task, NEAP_RT_QUEUED, neap_clock_wall_ns());
    if (delay_s > 0)
        neap_engine_delay(engine, task, delay_s);
    else
        neap_engine_queue(engine, task);
}

static void on_ended(struct neap_engine *engine, struct neap_run_task *task,
                     const struct neap_msg *msg)
{
    enum neap_verdict verdict;
    struct neap_err err;
    double delay_s;

    neap_outcome_take(task, task->last, msg);
    if (task->cancel_reason != NULL) {
        (void)neap_err_set(&err, NEAP_ECANCELED, "%s", task->cancel_reason);
        leave_sched(engine, task, &err);
        over_cancelled(engine, task);
        return;
    }
    if (msg->cause == NEAP_END_LOST || msg->cause == NEAP_END_KILLED) {
        (void)neap_err_set(&err, NEAP_EUNAVAILABLE, "%s",
                           msg->text != NULL ? msg->text
                                             : "the agent gave it up");
        neap_sched_lost(engine->sched, task->queued, &err,
                        neap_clock_mono_ns());
        return;
    }
    verdict = neap_retry_decide(task->spec.common->retry, msg->cause, msg->exit,
                                &task->counts, next_random(engine), &delay_s);
    leave_sched(engine, task, NULL);
    if (verdict == NEAP_VERDICT_DONE)
        neap_engine_task_over(engine, task, NEAP_RT_DONE, NULL);
    else if (verdict == NEAP_VERDICT_FAILED || engine->stopping)
        neap_engine_task_over(engine, task, NEAP_RT_FAILED,
                              task->last->failure);
    else
        try_again(engine, task, verdict, delay_s);
}

static void on_started(struct neap_engine *engine, struct neap_run_task *task,
                       const struct neap_msg *msg)
{
    struct neap_keep *store = task->run->store;
    struct neap_attempt *attempt = task->last;

    attempt->started_ns = msg->at_ns;
    attempt->pid = msg->pid;
    attempt->out_path = neap_keep_string(store, msg->out_path);
    attempt->err_path = neap_keep_string(store, msg->err_path);
    if (task->state != NEAP_RT_STAGING)
        return;
    neap_run_task_set_state(task, NEAP_RT_RUNNING, msg->at_ns);
    neap_engine_event(task, NEAP_EVENT_TASK_START, attempt, 0);
    neap_sched_running(engine->sched, task->queued, neap_clock_mono_ns());
}

void neap_engine_message(struct neap_engine *engine, const struct neap_msg *msg)
{
    struct neap_run_task *task = neap_engine_find_task(engine, msg->task);

    /* Late news of an attempt that was given up. */
    if (task == NULL || task->queued == NULL || task->attempt != msg->attempt ||
        task->state < NEAP_RT_STAGING)
        return;
    if (msg->type == NEAP_MSG_STARTED)
        on_started(engine, task, msg);
    else if (msg->type == NEAP_MSG_ENDED)
        on_ended(engine, task, msg);
    else if (task->state < NEAP_RT_COLLECTING)
        neap_run_task_set_state(task, NEAP_RT_COLLECTING, msg->at_ns);
}

/* ---- ends that the scheduler decides ---- */

static void on_lost(struct neap_run_task *task, const struct neap_err *why)
{
    struct neap_attempt *attempt = task->last;

    if (task->state < NEAP_RT_STAGING)
        return; /* lost before it was told to start */
    task->counts.lost++;
    attempt->ended_ns = neap_clock_wall_ns();
    attempt->out_path = attempt->err_path = NULL;
    attempt->failure =
        neap_outcome_failure(task->run->store, "E_LOST", "%s",
                             why != NULL ? why->text : "the alloc is gone");
    neap_engine_event(task, NEAP_EVENT_TASK_LOST, attempt, 0);
    neap_run_task_set_state(task, NEAP_RT_QUEUED, attempt->ended_ns);
}

/* What the largest alloc lacks, and the names of the pools. */
static void tell_missing(struct neap_engine *engine, struct neap_run_task *task,
                         struct neap_failure *failure)
{
    struct neap_res missing = *task->need, best;
    struct neap_buf text = NEAP_BUF_INIT;
    struct neap_json json = NEAP_JSON(&text);
    bool known = false;

    neap_json_open(&json, NULL, '[');
    for (int i = 0; i < engine->npool; i++) {
        neap_json_str(&json, NULL, engine->pool[i]->name);
        if (known || !engine->pool[i]->largest(engine->pool[i]->ctx, &best))
            continue;
        known = true;
        neap_res_sub(&missing, &best);
    }
    neap_json_close(&json, ']');
    failure->pools = neap_keep_copy(task->run->store, text.data);
    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        if (missing.v[i] < 0)
            missing.v[i] = 0;
    }
    neap_buf_clear(&text);
    json.comma = false;
    neap_row_res(&json, NULL, &missing, &engine->labels, true);
    failure->missing = neap_keep_copy(task->run->store, text.data);
    neap_buf_deinit(&text);
}

static void on_sched_done(struct neap_engine *engine,
                          struct neap_run_task *task,
                          const struct neap_err *why)
{
    struct neap_keep *store = task->run->store;
    struct neap_failure *failure;

    if (why == NULL || why->kind == NEAP_KIND_CANCELED) {
        if (task->cancel_reason == NULL)
            task->cancel_reason =
                neap_keep_copy(store,
                               why != NULL ? why->text : "the engine ends");
        over_cancelled(engine, task);
        return;
    }
    if (why->kind == NEAP_KIND_TOO_MANY_TRIES) {
        failure = neap_outcome_failure(store, "E_LOST", "%s", why->text);
        failure->attempts = task->attempt;
    } else {
        failure =
            neap_outcome_failure(store, "E_UNSCHEDULABLE", "%s", why->text);
        tell_missing(engine, task, failure);
    }
    neap_engine_task_over(engine, task, NEAP_RT_FAILED, failure);
}

void neap_engine_task_changed(void *ctx, struct neap_task *queued)
{
    struct neap_run_task *task = neap_task_owner(queued);
    struct neap_err why;
    bool failed;

    if (task->queued != queued)
        return; /* ours: leave_sched */
    failed = neap_task_err(queued) != NULL;
    if (failed)
        why = *neap_task_err(queued);
    if (neap_task_state(queued) == NEAP_TASK_LOST) {
        on_lost(task, failed ? &why : NULL);
    } else if (neap_task_state(queued) == NEAP_TASK_DONE) {
        task->queued = NULL;
        neap_task_unref(queued);
        on_sched_done(ctx, task, failed ? &why : NULL);
    }
}
