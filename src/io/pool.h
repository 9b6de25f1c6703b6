/* Work in libuv's thread pool, embedded in what it is about. */
#ifndef NEAP_IO_POOL_H
#define NEAP_IO_POOL_H

#include <stdbool.h>

#include <uv.h>

struct neap_job;

/* Runs in a pool thread. */
typedef void (*neap_job_work_fn)(struct neap_job *job);
/* Runs on the loop thread, exactly once per start, also after a cancel; the
 * job's memory may be freed in it. `canceled`: neap_job_cancel was called;
 * the work may have run or not. */
typedef void (*neap_job_done_cb)(struct neap_job *job, bool canceled);

struct neap_job {
    uv_work_t req;
    neap_job_work_fn work;
    neap_job_done_cb done;
    bool canceled; /* loop thread only */
};

/* The job must stay where it is until `done`. */
void neap_job_start(struct neap_job *job, uv_loop_t *loop,
                    neap_job_work_fn work, neap_job_done_cb done);
/* Drop the work if it has not begun. `done` follows in any case, from the
 * loop. Twice is fine. */
void neap_job_cancel(struct neap_job *job);

#endif
