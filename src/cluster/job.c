/* Whatever happens to a job, it ends in over(), once: with the report of the
 * shim, or with one that is made up where there was no program.
 */
#include "cluster/job.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cluster/procfs.h"
#include "cluster/taskenv.h"
#include "store/folder.h"
#include "store/stage.h"

static const double timeout_grace_s = 10;
static const int64_t look_first_ns = 100 * NEAP_MSEC; /* in the first second */
static const int64_t look_later_ns = 250 * NEAP_MSEC;
static const int64_t walk_ns = 2 * NEAP_SEC;
/* A program that ended well and sooner than this cannot have filled memory;
 * the count of kernel kills is not read for it. */
static const int64_t oom_possible_ns = 5 * NEAP_MSEC;

static void begin_finish(struct neap_job *job);

static void on_timer_closed(uv_handle_t *handle)
{
    struct neap_job *job = handle->data;

    job->has_timer = false;
    if (job->state == NEAP_JOB_OVER && !job->walking)
        neap_free(job);
}

/* Free it as soon as nothing of it is in the loop's hands. */
static void release(struct neap_job *job)
{
    neap_finish_deinit(&job->finish);
    neap_msg_deinit(&job->run);
    job->state = NEAP_JOB_OVER;
    if (job->has_timer)
        uv_close((uv_handle_t *)&job->timer, on_timer_closed);
    else if (!job->walking)
        neap_free(job);
}

static void on_grace_over(uv_timer_t *timer)
{
    struct neap_job *job = timer->data;

    neap_slot_signal(job->slot, SIGKILL);
}

static void start_timer(struct neap_job *job, double seconds, uv_timer_cb cb)
{
    if (!job->has_timer) {
        uv_timer_init(job->env->loop, &job->timer);
        job->timer.data = job;
        job->has_timer = true;
    }
    uv_timer_start(&job->timer, cb,
                   seconds < 1e12 ? (uint64_t)(seconds * 1000) : UINT64_MAX, 0);
}

static void end_program(struct neap_job *job, double grace_s)
{
    if (job->state != NEAP_JOB_RUNNING)
        return;
    if (grace_s > 0) {
        neap_slot_signal(job->slot, SIGTERM);
        start_timer(job, grace_s, on_grace_over);
    } else {
        neap_slot_signal(job->slot, SIGKILL);
    }
}

void neap_job_kill(struct neap_job *job, double grace_s)
{
    job->seen.killed = true;
    end_program(job, grace_s);
}

void neap_job_revoke(struct neap_job *job)
{
    job->revoked = true;
    end_program(job, 0);
}

static void on_timeout(uv_timer_t *timer)
{
    struct neap_job *job = timer->data;

    job->seen.timed_out = true;
    end_program(job, timeout_grace_s);
}

/* There was no program: end with `cause` because of `why`. */
static void end_without(struct neap_job *job, enum neap_end_cause cause,
                        const struct neap_err *why)
{
    struct neap_finish *f = &job->finish;

    f->ended.started_ns = f->ended.ended_ns = neap_clock_wall_ns();
    f->ended.used = 1;
    f->verdict.cause = cause;
    f->why = *why;
    begin_finish(job);
}

static void run(struct neap_job *job)
{
    struct neap_err err;

    if (job->seen.killed || job->revoked) {
        neap_err_set(&err, NEAP_ECANCELED, "killed before it was started");
        end_without(job, NEAP_END_KILLED, &err);
        return;
    }
    if (job->finish.broken) {
        neap_err_set(&err, NEAP_EUNAVAILABLE, "the shim died too early");
        end_without(job, NEAP_END_LOST, &err);
        return;
    }
    if (neap_slot_run(job->slot, &job->run, &err) < 0) {
        end_without(job, NEAP_END_SPAWN, &err);
        return;
    }
    job->state = NEAP_JOB_RUNNING;
    job->started_ns = neap_clock_mono_ns();
    job->next_look_ns = job->started_ns + look_first_ns;
    job->next_walk_ns = job->started_ns + walk_ns;
    if (job->run.timeout_s > 0)
        start_timer(job, job->run.timeout_s, on_timeout);
    job->env->started(job->env->ctx, job);
}

static void stage(struct neap_job *job)
{
    const struct neap_msg *run = &job->run;
    const char *work = neap_slot_work(job->slot);
    struct neap_err *err = &job->finish.why;

    job->stage_rc = neap_stage_inputs(job->env->repo, work, run->input,
                                      run->ninput, &job->staged_bytes, err);
    if (job->stage_rc == 0)
        job->stage_rc =
            neap_stage_outputs(work, run->output, run->noutput, err);
}

static void staged(struct neap_job *job)
{
    struct neap_err why = job->finish.why;

    if (job->stage_rc == 0)
        run(job);
    else
        end_without(job,
                    job->stage_rc == NEAP_EINTEGRITY ? NEAP_END_INTEGRITY
                                                     : NEAP_END_STAGE,
                    &why);
}

static void stage_in_pool(uv_work_t *work)
{
    stage(work->data);
}

static void on_staged(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    staged(work->data);
}

struct neap_job *neap_job_create(const struct neap_job_env *env,
                                 struct neap_msg *run_msg,
                                 struct neap_slot *slot,
                                 struct neap_lease *lease,
                                 const struct neap_res *need)
{
    struct neap_job *job = NEAP_NEW(struct neap_job);

    job->env = env;
    job->run = *run_msg;
    neap_msg_init(run_msg, 0);
    job->slot = slot;
    job->lease = lease;
    job->need = *need;
    job->work.data = job->walk.data = job;
    job->seen.disk_limit = neap_taskenv_need(&job->run, "disk") > 0;
    job->finish.repo = env->repo;
    job->finish.dir = neap_slot_dir(slot);
    job->finish.work = neap_slot_work(slot);
    job->finish.out_path = neap_slot_out(slot);
    job->finish.err_path = neap_slot_err(slot);
    job->finish.run = &job->run;
    neap_slot_set_owner(slot, job);
    return job;
}

void neap_job_begin(struct neap_job *job)
{
    if (job->run.ninput == 0 && job->run.noutput == 0) {
        run(job);
    } else if (neap_stage_is_cheap(job->run.input, job->run.ninput)) {
        stage(job);
        staged(job);
    } else {
        uv_queue_work(job->env->loop, &job->work, stage_in_pool, on_staged);
    }
}

static void over(struct neap_job *job)
{
    bool broken = job->finish.broken;

    if (job->has_timer)
        uv_timer_stop(&job->timer);
    if (job->finish.ended.used)
        neap_slot_set_fresh(job->slot);
    neap_slot_set_owner(job->slot, NULL);
    job->state = NEAP_JOB_OVER;
    job->env->over(job->env->ctx, job, broken);
    release(job);
}

static void finish_in_pool(uv_work_t *work)
{
    struct neap_job *job = work->data;

    neap_finish_do(&job->finish);
}

static void on_finished(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    over(work->data);
}

static void begin_finish(struct neap_job *job)
{
    if (job->has_timer)
        uv_timer_stop(&job->timer);
    job->state = NEAP_JOB_FINISHING;
    if (neap_finish_is_cheap(&job->finish)) {
        neap_finish_do(&job->finish);
        over(job);
        return;
    }
    job->env->collecting(job->env->ctx, job);
    uv_queue_work(job->env->loop, &job->work, finish_in_pool, on_finished);
}

/* Why there was no program, or why it was ended. */
static void explain(struct neap_job *job)
{
    static const char *const steps[] = {
        [NEAP_SHIM_STEP_STDIN] = "opening its stdin",
        [NEAP_SHIM_STEP_LOGS] = "making the files for stdout and stderr",
        [NEAP_SHIM_STEP_DIR] = "entering its work directory",
        [NEAP_SHIM_STEP_FORK] = "making a process",
        [NEAP_SHIM_STEP_EXEC] = "executing it",
    };
    const struct neap_shim_ended *ended = &job->finish.ended;
    struct neap_err *why = &job->finish.why;
    const char *task = job->run.task;

    switch (job->finish.verdict.cause) {
    case NEAP_END_SPAWN:
        neap_err_errno(why, ended->number, "task %s: %s", task,
                       steps[ended->step]);
        break;
    case NEAP_END_OOM:
        neap_err_set(why, NEAP_EOOM,
                     "task %s used more memory than its %lld bytes", task,
                     (long long)neap_taskenv_need(&job->run, "mem"));
        break;
    case NEAP_END_DISK:
        neap_err_set(why, NEAP_EEXHAUSTED,
                     "task %s used more disk than its %lld bytes", task,
                     (long long)neap_taskenv_need(&job->run, "disk"));
        break;
    case NEAP_END_TIMEOUT:
        neap_err_set(why, NEAP_ETIMEOUT, "task %s ran for more than %g s", task,
                     job->run.timeout_s);
        break;
    default:
        break;
    }
}

void neap_job_on_ended(struct neap_job *job,
                       const struct neap_shim_ended *ended)
{
    struct neap_finish *f = &job->finish;

    f->ended = *ended;
    if (ended->status != 0 ||
        ended->ended_ns - ended->started_ns >= oom_possible_ns)
        job->seen.oom = neap_cgroup_oom_kills(neap_slot_group(job->slot)) > 0;
    f->verdict = neap_verdict_of(ended, &job->seen);
    explain(job);
    begin_finish(job);
}

void neap_job_on_lost(struct neap_job *job, const struct neap_err *why)
{
    bool oom = neap_cgroup_oom_kills(neap_slot_group(job->slot)) > 0;
    struct neap_err text = *why;

    job->finish.broken = true;
    if (job->state != NEAP_JOB_RUNNING)
        return; /* its end is on the way */
    neap_err_prefix(&text, "the shim of task %s died", job->run.task);
    end_without(job, oom ? NEAP_END_OOM : NEAP_END_LOST, &text);
}

static void look_at_memory(struct neap_job *job)
{
    int64_t limit = neap_taskenv_need(&job->run, "mem");
    int64_t bytes = neap_proc_memory_below(neap_slot_pid(job->slot), true);

    if (bytes > limit && limit > 0)
        bytes = neap_proc_memory_below(neap_slot_pid(job->slot), false);
    if (bytes > job->mem_peak)
        job->mem_peak = bytes;
    if (job->env->watch_memory && limit > 0 && bytes > limit) {
        job->seen.over_mem = true;
        end_program(job, 0);
    }
}

static void walk_in_pool(uv_work_t *work)
{
    struct neap_job *job = work->data;

    job->walk_bytes = neap_folder_size(neap_slot_work(job->slot), 0);
}

static void on_walked(uv_work_t *work, int status)
{
    struct neap_job *job = work->data;
    int64_t limit;

    (void)status; /* never cancelled */
    job->walking = false;
    neap_free(job->walk_path);
    job->walk_path = NULL;
    if (job->state == NEAP_JOB_OVER) {
        if (!job->has_timer)
            neap_free(job);
        return;
    }
    limit = neap_taskenv_need(&job->run, "disk");
    if (job->walk_bytes > job->disk_peak)
        job->disk_peak = job->walk_bytes;
    if (job->walk_bytes > limit && job->state == NEAP_JOB_RUNNING) {
        job->seen.over_disk = true;
        end_program(job, 0);
    }
}

void neap_job_look(struct neap_job *job, int64_t now_ns)
{
    if (job->state != NEAP_JOB_RUNNING)
        return;
    if (now_ns >= job->next_look_ns) {
        bool young = now_ns - job->started_ns < NEAP_SEC;

        look_at_memory(job);
        job->next_look_ns = now_ns + (young ? look_first_ns : look_later_ns);
    }
    if (job->seen.disk_limit && !job->walking && now_ns >= job->next_walk_ns) {
        job->walking = true;
        /* the slot may be closed before the walk is over */
        job->walk_path = neap_strdup(neap_slot_work(job->slot));
        job->next_walk_ns = now_ns + walk_ns;
        uv_queue_work(job->env->loop, &job->walk, walk_in_pool, on_walked);
    }
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void set_usage(const struct neap_job *job, struct neap_usage *usage)
{
    const struct neap_shim_usage *seen = &job->finish.ended.usage;

    usage->utime_us = seen->utime_us;
    usage->stime_us = seen->stime_us;
    usage->mem_peak = larger(seen->maxrss_kib * 1024, job->mem_peak);
    usage->disk_peak = larger(job->finish.disk_used, job->disk_peak);
    usage->read_bytes = seen->inblock * 512;
    usage->write_bytes = seen->oublock * 512;
}

void neap_job_ended_msg(const struct neap_job *job, struct neap_msg *ret)
{
    const struct neap_finish *f = &job->finish;
    bool success = f->verdict.cause == NEAP_END_EXIT && f->verdict.exit == 0;

    neap_msg_init(ret, NEAP_MSG_ENDED);
    ret->task = job->run.task;
    ret->attempt = job->run.attempt;
    ret->cause = f->verdict.cause;
    ret->exit = f->verdict.exit;
    ret->signal = f->verdict.signal;
    set_usage(job, &ret->usage);
    ret->started_ns = f->ended.started_ns;
    ret->ended_ns = f->ended.ended_ns;
    ret->at_ns = f->ended.ended_ns;
    ret->staged_bytes = job->staged_bytes;
    ret->out = f->out;
    ret->err = f->err;
    ret->tail = f->tail;
    ret->output_name = f->output_name;
    if (f->output != NULL && success) {
        ret->output = f->output;
        ret->noutput = job->run.noutput;
    }
    if (f->why.text[0] != '\0' && !success) {
        ret->text = f->why.text;
        ret->kind = (int)f->why.kind;
    }
    if (job->revoked && !success) {
        ret->cause = NEAP_END_LOST;
        ret->text = "its alloc was given back or its lease ran out";
    }
}
