/* One attempt of a task on this node.
 *
 *   staging ──▶ running ──▶ finishing ──▶ over
 *      └── cannot stage, killed ──┘
 */
#ifndef NEAP_CLUSTER_JOB_H
#define NEAP_CLUSTER_JOB_H

#include "cluster/finish.h"
#include "cluster/lease.h"
#include "cluster/slot.h"

struct neap_job;

/* What all jobs of an agent share. */
struct neap_job_env {
    uv_loop_t *loop;
    struct neap_repo *repo;
    bool watch_memory; /* no control group does it */
    void *ctx;
    void (*started)(void *ctx, struct neap_job *job);
    void (*collecting)(void *ctx, struct neap_job *job);
    /* The slot is idle again, or broken. The job is gone afterwards. */
    void (*over)(void *ctx, struct neap_job *job, bool broken);
};

struct neap_job {
    const struct neap_job_env *env;
    struct neap_msg run; /* owned */
    struct neap_slot *slot;
    struct neap_lease *lease;
    struct neap_res need;
    struct neap_job *prev, *next; /* of whoever keeps a list */
    enum {
        NEAP_JOB_STAGING,
        NEAP_JOB_RUNNING,
        NEAP_JOB_FINISHING,
        NEAP_JOB_OVER
    } state;
    struct neap_seen seen;
    bool revoked; /* its alloc has gone: LOST */
    int64_t staged_bytes;
    int64_t mem_peak, disk_peak;
    int64_t started_ns; /* monotonic */
    int64_t next_look_ns, next_walk_ns;
    bool walking; /* a pool job looks at its disk use */
    char *walk_path;
    int64_t walk_bytes;
    bool has_timer;
    uv_timer_t timer; /* timeout, then grace */
    uv_work_t work, walk;
    int stage_rc;
    struct neap_finish finish;
};

/* `run` is moved into the job; `slot` is used by it until it is over; lease
 * and need are kept for the caller. */
struct neap_job *neap_job_create(const struct neap_job_env *env,
                                 struct neap_msg *run, struct neap_slot *slot,
                                 struct neap_lease *lease,
                                 const struct neap_res *need);
/* Stage and start; the job may be over when this returns. */
void neap_job_begin(struct neap_job *job);
/* TERM now, KILL after `grace_s`; 0: KILL at once. */
void neap_job_kill(struct neap_job *job, double grace_s);
/* The alloc has gone: kill, the task counts as lost. */
void neap_job_revoke(struct neap_job *job);
/* Look at memory and disk if it is time. */
void neap_job_look(struct neap_job *job, int64_t now_ns);

/* From the slot. */
void neap_job_on_ended(struct neap_job *job,
                       const struct neap_shim_ended *ended);
void neap_job_on_lost(struct neap_job *job, const struct neap_err *why);

/* The ENDED message; borrows from the job. */
void neap_job_ended_msg(const struct neap_job *job, struct neap_msg *ret);

#endif
