/* What the files of the engine share; nobody else includes it. */
#ifndef NEAP_SCHED_ENGINE_IMPL_H
#define NEAP_SCHED_ENGINE_IMPL_H

#include "sched/engine.h"
#include "sched/history.h"
#include "sched/launch.h"
#include "sched/local_pool.h"

#define POOLS_MAX 8

struct neap_engine {
    uv_loop_t *loop;
    uv_prepare_t turn;
    uv_idle_t again; /* active: do not sleep, a round is due */
    uv_timer_t wake;
    int64_t wake_ns; /* what the timer is set to; NEAP_NEVER: stopped */
    int nhandles;
    struct neap_engine_cbs cbs;
    void *ctx;
    char *state_dir;
    struct neap_labels labels;
    struct neap_sched *sched;
    struct neap_agents *agents;
    struct neap_local_pool *local;
    const struct neap_cluster *pool[POOLS_MAX];
    int npool;
    struct neap_launch *launch;
    struct neap_run **runs;
    int nruns;
    /* Tasks that became ready and are not yet with the scheduler. */
    struct neap_run_task **ready;
    int nready, ready_cap;
    uint64_t random;
    bool stopping, aborting, stop_told, dismissed, closed;
};

/* engine_task.c: a task of a run, above the scheduler */
void neap_engine_queue(struct neap_engine *engine, struct neap_run_task *task);
void neap_engine_flush_ready(struct neap_engine *engine);
void neap_engine_task_over(struct neap_engine *engine,
                           struct neap_run_task *task,
                           enum neap_run_task_state state,
                           const struct neap_failure *failure);
/* Queue again after a while. */
void neap_engine_delay(struct neap_engine *engine, struct neap_run_task *task,
                       double seconds);
void neap_engine_event(struct neap_run_task *task, int kind, const void *what,
                       int number);
/* For every run that goes on; `text` is copied. */
void neap_engine_event_all(struct neap_engine *engine, int kind,
                           const char *text);

/* engine_attempt.c: attempts on allocs */
void neap_engine_start_task(void *ctx, struct neap_task *queued,
                            struct neap_alloc *alloc);
void neap_engine_kill_task(void *ctx, struct neap_task *queued,
                           const char *reason);
void neap_engine_task_changed(void *ctx, struct neap_task *queued);
void neap_engine_message(struct neap_engine *engine,
                         const struct neap_msg *msg);
const struct neap_cluster *neap_engine_cluster(const struct neap_engine *engine,
                                               const char *name);

/* engine_alloc.c: allocs, pools, agents */
void neap_engine_request_alloc(void *ctx, struct neap_alloc *alloc);
void neap_engine_cancel_alloc(void *ctx, struct neap_alloc *alloc);
void neap_engine_release_alloc(void *ctx, struct neap_alloc *alloc);
void neap_engine_alloc_changed(void *ctx, struct neap_alloc *alloc);
extern const struct neap_agents_cbs neap_engine_agent_cbs;

#endif
