/* A task of a run as people know it: what it is (spec), where it stands, what
 * each attempt came to. The scheduler's own task (core/sched.h) lives only
 * while one attempt is queued or on an alloc.
 *
 *   waiting ──▶ queued ──▶ staging ──▶ running ──▶ collecting ──▶ done
 *      │         │  ▲         │           │             │    └──▶ failed
 *      │         │  └─────────┴───────────┴─────────────┘ lost, retry
 *      ├──▶ skipped (a dependency was not done)
 *      └────────▶┴──▶ cancelled, failed (from any state above)
 *
 * Memory: everything is in the store of the run.
 */
#ifndef NEAP_SCHED_RUN_TASK_H
#define NEAP_SCHED_RUN_TASK_H

#include "cluster/wire.h"
#include "core/sched.h"
#include "sched/spec.h"

struct neap_run;

enum neap_run_task_state {
    NEAP_RT_WAITING,
    NEAP_RT_QUEUED,
    NEAP_RT_STAGING,
    NEAP_RT_RUNNING,
    NEAP_RT_COLLECTING,
    NEAP_RT_DONE,
    NEAP_RT_FAILED,
    NEAP_RT_CANCELLED,
    NEAP_RT_SKIPPED,
    NEAP_RT_STATES
};
const char *neap_run_task_state_name(enum neap_run_task_state state);
int neap_run_task_state_parse(const char *name); /* -1: no state */

/* Why a task or an attempt was no success: the `error` of a row. Strings are
 * NULL and numbers negative where they do not apply. */
struct neap_failure {
    const char *kind; /* "E_EXIT" */
    const char *message;
    int exit, signal;
    int attempts;
    double timeout_s, limit, peak;
    const char *tail;   /* of stderr */
    const char *output; /* name */
    const char *reason;
    const struct neap_run_task *upstream;
    const char *missing; /* JSON object of amounts */
    const char *pools;   /* JSON list */
};

struct neap_attempt {
    struct neap_attempt *before; /* the attempt before this one, or NULL */
    int n;
    const char *alloc, *node;
    int64_t placed_ns, started_ns, ended_ns; /* wall; 0: not yet */
    int64_t pid;
    const char *out_path, *err_path; /* while it runs; NULL: unknown */
    int exit, signal;
    int64_t staged_bytes;
    struct neap_usage usage;
    const struct neap_output *output;
    int noutput;
    const struct neap_file_ref *out, *err; /* NULL: nothing was written */
    const struct neap_failure *failure;    /* NULL: success, or not over */
};

/* A task that waits for this one. */
struct neap_edge {
    struct neap_run_task *to;
    struct neap_edge *next;
};

struct neap_retry_counts {
    int retries, integrity, transfers, lost;
};

struct neap_run_task {
    struct neap_spec spec;
    struct neap_run *run;
    struct neap_task *queued;    /* the scheduler's; NULL: not with it */
    struct neap_run_task **deps; /* distinct */
    struct neap_edge *dependents;
    struct neap_attempt *last;          /* newest attempt, NULL: none yet */
    const struct neap_failure *failure; /* of the task, once it has ended */
    const struct neap_res *need;        /* of the next attempt */
    void *delay;                        /* the engine's: waits for a retry */
    const char *cancel_reason;          /* NULL: nobody wants it cancelled */
    double timeout_s;
    int64_t submitted_ns, queued_ns, ended_ns; /* wall */
    int ndeps, unmet, depth;
    int attempt; /* how many were started */
    struct neap_retry_counts counts;
    uint8_t state; /* enum neap_run_task_state */
};

/* Is this an edge of the drawing? */
bool neap_run_task_may(enum neap_run_task_state from,
                       enum neap_run_task_state to);
bool neap_run_task_over(const struct neap_run_task *task);

#endif
