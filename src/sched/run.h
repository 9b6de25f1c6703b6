/* A run: what one script has submitted, and how it went. */
#ifndef NEAP_SCHED_RUN_H
#define NEAP_SCHED_RUN_H

#include "sched/event.h"
#include "sched/run_task.h"

enum neap_run_state {
    NEAP_RUN_RUNNING,
    NEAP_RUN_DONE,
    NEAP_RUN_FAILED,
    NEAP_RUN_CANCELLED,
    NEAP_RUN_ABORTED
};
const char *neap_run_state_name(enum neap_run_state state);
int neap_run_state_parse(const char *name); /* -1: no state */

/* Who is told that the log of the run has grown or that the run is over. */
struct neap_run_watch {
    void (*grown)(void *ctx, struct neap_run *run);
    void *ctx;
    struct neap_run_watch *next;
};

struct neap_run {
    char id[16], uid[40];
    int number;
    /* As the client gave them; in `store`. args, params and labels are JSON. */
    const char *script, *args, *params, *labels, *user, *on_error;
    bool detach;
    enum neap_run_state state;
    enum neap_run_state script_state; /* what POST …/end said */
    bool script_ended;
    const char *error;            /* JSON object, or NULL */
    int64_t started_ns, ended_ns; /* wall */
    struct neap_keep *store;
    struct neap_run_task **tasks; /* in order of submission */
    int ntasks, cap, nover;
    int counts[NEAP_RT_STATES];
    struct neap_event_log events;
    struct neap_run_watch *watchers;
    struct neap_history *history; /* NULL: none is kept */
    int64_t left_ns;              /* monotonic: nobody has read its events
                                     since; 0: no such time */
    /* number of a task to its index + 1, open addressing */
    struct neap_run_slot {
        int n, at;
    } * index;
    int nindex;
};

struct neap_run *neap_run_create(int number, int64_t wall_ns); /* owned */
/* No task may be with the scheduler. */
void neap_run_destroy(struct neap_run *run);

struct neap_run_task *neap_run_find(const struct neap_run *run, int n);

/* Into the run, which has no task of this number; with all that depends on it
 * found (graph.h). */
void neap_run_append(struct neap_run *run, struct neap_run_task *task);
/* Take back what was appended since there were `count`. */
void neap_run_truncate(struct neap_run *run, int count);

/* Move to `next`, which must be an edge of the drawing (asserted), and keep
 * the counts of the run. */
void neap_run_task_set_state(struct neap_run_task *task,
                             enum neap_run_task_state next, int64_t wall_ns);
/* "r7.12" into `out`, which holds at least 32 bytes. */
void neap_run_task_id(const struct neap_run_task *task, char *out);

void neap_run_watch(struct neap_run *run, struct neap_run_watch *watch);
void neap_run_unwatch(struct neap_run *run, struct neap_run_watch *watch);
void neap_run_notify(struct neap_run *run);

#endif
