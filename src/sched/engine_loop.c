/* The turn of the loop, and how an engine begins and ends. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sched/engine_impl.h"
#include "sched/json.h"
#include "sched/run_end.h"

void neap_engine_config_init(struct neap_engine_config *config)
{
    memset(config, 0, sizeof *config);
    config->max_idle_s = 300;
    config->max_pending = 5;
    config->lost_max = 8;
}

struct neap_sched *neap_engine_sched(struct neap_engine *engine)
{
    return engine->sched;
}

struct neap_labels *neap_engine_labels(struct neap_engine *engine)
{
    return &engine->labels;
}

bool neap_engine_stopping(const struct neap_engine *engine)
{
    return engine->stopping;
}

/* ---- the turn of the loop ---- */

static void on_wake(uv_timer_t *timer)
{
    struct neap_engine *engine = timer->data;

    engine->wake_ns = NEAP_NEVER; /* the turn that follows does the work */
}

static void on_again(uv_idle_t *idle)
{
    (void)idle; /* being active is all it is for */
}

/* Sleep until the scheduler wants a round, or not at all. */
static void set_alarm(struct neap_engine *engine, int64_t now_ns)
{
    int64_t wake_ns = neap_sched_wake_ns(engine->sched);
    int64_t in_ms;

    if (neap_sched_dirty(engine->sched, now_ns) || engine->nready > 0)
        (void)uv_idle_start(&engine->again, on_again);
    else
        (void)uv_idle_stop(&engine->again);
    if (wake_ns == engine->wake_ns)
        return;
    engine->wake_ns = wake_ns;
    if (wake_ns == NEAP_NEVER) {
        (void)uv_timer_stop(&engine->wake);
        return;
    }
    in_ms = wake_ns > now_ns ? (wake_ns - now_ns) / NEAP_MSEC + 1 : 0;
    uv_update_time(engine->loop);
    (void)uv_timer_start(&engine->wake, on_wake, (uint64_t)in_ms, 0);
}

static void notify_runs(struct neap_engine *engine)
{
    for (int i = 0; i < engine->nruns; i++)
        neap_run_notify(engine->runs[i]);
}

static bool all_over(const struct neap_engine *engine)
{
    for (int i = 0; i < engine->nruns; i++) {
        if (engine->runs[i]->state == NEAP_RUN_RUNNING)
            return false;
    }
    return neap_sched_idle(engine->sched);
}

/* Runs before the loop polls, when all that was there to do has been done. */
static void on_turn(uv_prepare_t *prepare)
{
    struct neap_engine *engine = prepare->data;
    int64_t now_ns = neap_clock_mono_ns();

    neap_engine_flush_ready(engine);
    if (neap_sched_dirty(engine->sched, now_ns)) {
        neap_sched_round(engine->sched, now_ns, neap_clock_wall_ns());
        neap_engine_flush_ready(engine);
    }
    neap_agents_flush(engine->agents);
    notify_runs(engine);
    if (engine->cbs.turned != NULL)
        engine->cbs.turned(engine->ctx);
    set_alarm(engine, now_ns);
    if (engine->stopping && !engine->stop_told && all_over(engine)) {
        engine->stop_told = true;
        if (engine->cbs.stopped != NULL)
            engine->cbs.stopped(engine->ctx);
    }
}

/* ---- open and close ---- */

static int64_t clock_ns(void *ctx)
{
    (void)ctx;
    return neap_clock_mono_ns();
}

static void make_sched(struct neap_engine *engine,
                       const struct neap_engine_config *config)
{
    static const struct neap_sched_ops ops = {
        .start = neap_engine_start_task,
        .kill = neap_engine_kill_task,
        .request = neap_engine_request_alloc,
        .cancel_request = neap_engine_cancel_alloc,
        .release = neap_engine_release_alloc,
        .task_changed = neap_engine_task_changed,
        .alloc_changed = neap_engine_alloc_changed,
        .clock_ns = clock_ns,
    };
    struct neap_sched_config limits;

    neap_sched_config_init(&limits);
    limits.max_pending = config->max_pending;
    limits.max_idle_ns = (int64_t)(config->max_idle_s * 1e9);
    limits.drain_ns = (int64_t)(config->drain_s * 1e9);
    limits.max_attempts = config->lost_max;
    limits.seed = engine->random;
    engine->sched = neap_sched_create(&limits, &engine->labels, &ops, engine);
}

static int make_pools(struct neap_engine *engine,
                      const struct neap_engine_config *config,
                      struct neap_err *err)
{
    struct neap_res limit;
    int rc;

    memset(&limit, 0, sizeof limit);
    rc = neap_res_set(&limit, NEAP_CPU, config->cpu, err);
    if (rc == 0)
        rc = neap_res_set(&limit, NEAP_MEM, config->mem, err);
    if (rc == 0)
        rc = neap_res_set(&limit, NEAP_DISK, config->disk, err);
    if (rc < 0)
        return rc;
    engine->local =
        neap_local_pool_create(engine->sched, &engine->labels, &limit);
    engine->pool[engine->npool++] = neap_local_pool_table(engine->local);
    return 0;
}

static void start_loop(struct neap_engine *engine)
{
    (void)uv_prepare_init(engine->loop, &engine->turn);
    (void)uv_idle_init(engine->loop, &engine->again);
    (void)uv_timer_init(engine->loop, &engine->wake);
    engine->turn.data = engine->again.data = engine->wake.data = engine;
    engine->nhandles = 3;
    engine->wake_ns = NEAP_NEVER;
    (void)uv_prepare_start(&engine->turn, on_turn);
}

static void destroy(struct neap_engine *engine)
{
    for (int i = 0; i < engine->nruns; i++) {
        neap_history_close(engine->runs[i]->history, engine->runs[i]);
        neap_run_destroy(engine->runs[i]);
    }
    neap_local_pool_destroy(engine->local);
    if (engine->sched != NULL)
        neap_sched_destroy(engine->sched, true);
    neap_labels_deinit(&engine->labels);
    neap_launch_destroy(engine->launch);
    neap_free(engine->runs);
    neap_free(engine->ready);
    neap_free(engine->state_dir);
    neap_free(engine);
}

int neap_engine_open(uv_loop_t *loop, const struct neap_engine_config *config,
                     const struct neap_engine_cbs *cbs, void *ctx,
                     struct neap_engine **ret, struct neap_err *err)
{
    struct neap_engine *engine = NEAP_NEW(struct neap_engine);
    struct neap_agents_config agents = {
        .path = config->agent_socket,
        .engine = config->name,
        .private_engine = config->private_engine,
    };
    int rc;

    engine->loop = loop;
    engine->cbs = *cbs;
    engine->ctx = ctx;
    engine->state_dir = neap_strdup(config->state_dir);
    engine->random = (uint64_t)neap_clock_wall_ns() | 1;
    engine->launch = neap_launch_create();
    neap_labels_init(&engine->labels);
    make_sched(engine, config);
    rc = make_pools(engine, config, err);
    if (rc == 0)
        rc = neap_agents_open(loop, &agents, &neap_engine_agent_cbs, engine,
                              &engine->agents, err);
    if (rc < 0) {
        destroy(engine);
        return rc;
    }
    start_loop(engine);
    *ret = engine;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct neap_engine *engine = handle->data;

    if (--engine->nhandles == 0)
        destroy(engine);
}

/* What has not ended by now never will: say so in the log and the record. */
static void abandon(struct neap_engine *engine)
{
    struct neap_event end = { neap_clock_wall_ns(), NULL, NULL,
                              NEAP_EVENT_RUN_END, 0 };

    for (int i = 0; i < engine->nruns; i++) {
        struct neap_run *run = engine->runs[i];

        for (int k = 0; k < run->ntasks; k++) {
            struct neap_task *queued = run->tasks[k]->queued;

            run->tasks[k]->queued = NULL;
            if (queued != NULL)
                neap_task_unref(queued);
        }
        if (run->state != NEAP_RUN_RUNNING)
            continue;
        run->state = NEAP_RUN_ABORTED;
        run->ended_ns = end.at_ns;
        neap_event_add(&run->events, &end);
        neap_history_close(run->history, run);
        run->history = NULL;
    }
}

void neap_engine_dismiss(struct neap_engine *engine)
{
    if (engine->dismissed)
        return;
    engine->dismissed = true;
    (void)uv_prepare_stop(&engine->turn);
    (void)uv_idle_stop(&engine->again);
    (void)uv_timer_stop(&engine->wake);
    abandon(engine);
    notify_runs(engine);
    neap_agents_close(engine->agents);
}

void neap_engine_close(struct neap_engine *engine)
{
    if (engine == NULL || engine->closed)
        return;
    engine->closed = true;
    neap_engine_dismiss(engine);
    uv_close((uv_handle_t *)&engine->turn, on_closed);
    uv_close((uv_handle_t *)&engine->again, on_closed);
    uv_close((uv_handle_t *)&engine->wake, on_closed);
}

void neap_engine_stop(struct neap_engine *engine, bool drain)
{
    static const char reason[] = "the engine was stopped";

    if (engine->aborting || (engine->stopping && drain))
        return;
    engine->stopping = true;
    engine->aborting = !drain;
    for (int i = 0; i < engine->nruns; i++) {
        struct neap_run *run = engine->runs[i];

        if (!drain) {
            neap_engine_abort_run(engine, run, reason);
            continue;
        }
        neap_run_script_ended(run, NEAP_RUN_ABORTED, NULL);
        (void)neap_engine_cancel_run(engine, run, false, reason);
    }
    neap_sched_stop(engine->sched, drain, neap_clock_mono_ns());
}

void neap_engine_policy_error(struct neap_engine *engine, const char *policy,
                              const char *text)
{
    struct neap_buf out = NEAP_BUF_INIT;
    struct neap_json json = NEAP_JSON(&out);

    neap_json_str(&json, "kind", "policy.error");
    neap_json_str(&json, "policy", policy);
    neap_json_str(&json, "message", text);
    neap_engine_event_all(engine, NEAP_EVENT_POLICY, out.data);
    neap_buf_deinit(&out);
}
