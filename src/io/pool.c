/* A job that has begun cannot be stopped: uv_cancel fails then, and `done`
 * is told nevertheless that nobody wants the result any more. */
#include "io/pool.h"

#include <assert.h>

#include "base/mem.h"

static void run(uv_work_t *req)
{
    struct neap_job *job = neap_container_of(req, struct neap_job, req);

    job->work(job);
}

static void finish(uv_work_t *req, int status)
{
    struct neap_job *job = neap_container_of(req, struct neap_job, req);

    (void)status; /* UV_ECANCELED only after neap_job_cancel */
    job->done(job, job->canceled);
}

void neap_job_start(struct neap_job *job, uv_loop_t *loop,
                    neap_job_work_fn work, neap_job_done_cb done)
{
    int rc;

    job->work = work;
    job->done = done;
    job->canceled = false;
    rc = uv_queue_work(loop, &job->req, run, finish);
    assert(rc == 0); /* fails only without a work function */
    (void)rc;
}

void neap_job_cancel(struct neap_job *job)
{
    if (job->canceled)
        return;
    job->canceled = true;
    (void)uv_cancel((uv_req_t *)&job->req); /* EBUSY: it has begun */
}
