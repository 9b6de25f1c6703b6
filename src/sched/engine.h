/* The engine: runs above the scheduler, agents and pools below it, on one
 * libuv loop. It knows neither HTTP nor Lua.
 *
 * Everything that happens between two polls of the loop is answered by at most
 * one round of the scheduler, one write per agent and one notice per run.
 */
#ifndef NEAP_SCHED_ENGINE_H
#define NEAP_SCHED_ENGINE_H

#include <uv.h>

#include "sched/cluster.h"
#include "sched/run.h"

struct neap_engine;

struct neap_engine_config {
    const char *name, *state_dir, *agent_socket; /* copied */
    bool private_engine;
    double cpu;       /* cores; 0: all */
    double mem, disk; /* bytes; 0: all */
    double max_idle_s, drain_s;
    int max_pending, lost_max;
};
void neap_engine_config_init(struct neap_engine_config *config);

struct neap_engine_cbs {
    /* The end of a turn of the loop: all that was there to do has been done,
     * and who watches a run has been told. May be NULL. */
    void (*turned)(void *ctx);
    /* After neap_engine_stop: no task and no alloc are left. Once. */
    void (*stopped)(void *ctx);
};

int neap_engine_open(uv_loop_t *loop, const struct neap_engine_config *config,
                     const struct neap_engine_cbs *cbs, void *ctx,
                     struct neap_engine **ret, struct neap_err *err);
/* Agents are told to kill what they have and to end. Freed by the loop. */
void neap_engine_close(struct neap_engine *engine);

struct neap_sched *neap_engine_sched(struct neap_engine *engine);
struct neap_labels *neap_engine_labels(struct neap_engine *engine);
/* The node of an alloc; NULL if there is none (any more). */
const char *neap_engine_node(struct neap_engine *engine,
                             const struct neap_alloc *alloc);
/* The largest alloc that any pool may give; false: not known yet. */
bool neap_engine_largest(struct neap_engine *engine, struct neap_res *ret);
/* Say BYE to all agents: they kill what they have and end. What tasks are left
 * is never heard of again. */
void neap_engine_dismiss(struct neap_engine *engine);

/* ---- runs ---- */

/* A new run with a number of its own and a history file; fill in what the
 * client said, then start it. */
int neap_engine_new_run(struct neap_engine *engine, struct neap_run **ret,
                        struct neap_err *err);
int neap_engine_start_run(struct neap_engine *engine, struct neap_run *run,
                          struct neap_err *err);
int neap_engine_nruns(const struct neap_engine *engine);
struct neap_run *neap_engine_run(const struct neap_engine *engine, int i);
struct neap_run *neap_engine_find_run(const struct neap_engine *engine,
                                      const char *id);
/* "r7.12" */
struct neap_run_task *neap_engine_find_task(const struct neap_engine *engine,
                                            const char *id);

/* See neap_run_add. NEAP_EPRECONDITION: the run has ended. */
int neap_engine_submit(struct neap_engine *engine, struct neap_run *run,
                       const json_t *tasks, int *ret_at,
                       struct neap_spec_where *where, struct neap_err *err);
/* Cancel what waits and is queued, and with `stop` what runs too. Returns how
 * many tasks that touched. */
int neap_engine_cancel_run(struct neap_engine *engine, struct neap_run *run,
                           bool stop, const char *reason);
/* Nobody is there for it any more: stop all of it, recorded as aborted. */
void neap_engine_abort_run(struct neap_engine *engine, struct neap_run *run,
                           const char *reason);
/* False if it was over already. */
bool neap_engine_cancel(struct neap_engine *engine, struct neap_run_task *task,
                        const char *reason);

/* Changes of a live task; NULL: as it was. The labels are in the run's store.
 * A new timeout holds from the next attempt on. */
struct neap_task_patch {
    const int *priority;
    const double *timeout_s;
    const struct neap_strmap *const *labels;
};
void neap_engine_patch(struct neap_engine *engine, struct neap_run_task *task,
                       const struct neap_task_patch *patch);

/* Put a policy's failure into the logs of all runs. */
void neap_engine_policy_error(struct neap_engine *engine, const char *policy,
                              const char *text);

/* Take nothing new. All runs are aborted and their tasks killed; with `drain`
 * what runs may finish. */
void neap_engine_stop(struct neap_engine *engine, bool drain);
bool neap_engine_stopping(const struct neap_engine *engine);

#endif
