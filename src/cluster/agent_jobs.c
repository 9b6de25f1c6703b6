/* Jobs of the agent: from a RUN to its ENDED. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/agent_impl.h"

enum { LOOK_MS = 50 }; /* jobs say themselves when it is time */

static void on_look(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    int64_t now_ns = neap_clock_mono_ns();

    if (agent->jobs == NULL)
        uv_timer_stop(timer); /* an idle agent sleeps */
    for (struct neap_job *job = agent->jobs; job != NULL; job = job->next)
        neap_job_look(job, now_ns);
}

static void link_job(struct agent *agent, struct neap_job *job)
{
    job->next = agent->jobs;
    if (job->next != NULL)
        job->next->prev = job;
    agent->jobs = job;
    if (!uv_is_active((uv_handle_t *)&agent->look))
        uv_timer_start(&agent->look, on_look, LOOK_MS, LOOK_MS);
}

static void unlink_job(struct agent *agent, struct neap_job *job)
{
    if (job->prev != NULL)
        job->prev->next = job->next;
    else
        agent->jobs = job->next;
    if (job->next != NULL)
        job->next->prev = job->prev;
}

static struct neap_job *find_job(struct agent *agent, const char *task,
                                 int attempt)
{
    struct neap_job *job = agent->jobs;

    while (job != NULL &&
           (job->run.attempt != attempt || strcmp(job->run.task, task) != 0))
        job = job->next;
    return job;
}

static void tell_job(struct agent *agent, const struct neap_job *job, int type)
{
    struct neap_msg msg;

    neap_msg_init(&msg, type);
    msg.task = job->run.task;
    msg.attempt = job->run.attempt;
    msg.pid = neap_slot_pid(job->slot);
    msg.at_ns = neap_clock_wall_ns();
    if (type == NEAP_MSG_STARTED) {
        msg.out_path = neap_slot_out(job->slot);
        msg.err_path = neap_slot_err(job->slot);
    }
    neap_link_send_lazy(agent->link, &msg);
}

void neap_agent_on_started(void *ctx, struct neap_job *job)
{
    tell_job(ctx, job, NEAP_MSG_STARTED);
}

void neap_agent_on_collecting(void *ctx, struct neap_job *job)
{
    tell_job(ctx, job, NEAP_MSG_COLLECTING);
}

void neap_agent_on_over(void *ctx, struct neap_job *job, bool broken)
{
    struct agent *agent = ctx;
    struct neap_msg msg;

    neap_job_ended_msg(job, &msg);
    neap_link_send(agent->link, &msg);
    unlink_job(agent, job);
    neap_lease_give(job->lease, &job->need);
    if (job->lease->ending && job->lease->tasks == 0)
        neap_agent_free_lease(agent, job->lease);
    if (broken)
        neap_slots_drop(&agent->slots, job->slot);
    else
        neap_slots_give(&agent->slots, job->slot);
    if (agent->jobs == NULL && agent->stopping)
        uv_stop(&agent->loop);
}

/* A RUN that cannot be carried out. */
static void refuse_run(struct agent *agent, const struct neap_msg *run,
                       const struct neap_err *why)
{
    struct neap_msg msg;

    neap_msg_init(&msg, NEAP_MSG_ENDED);
    msg.task = run->task;
    msg.attempt = run->attempt;
    msg.cause = NEAP_END_LOST;
    msg.text = why->text;
    msg.kind = (int)why->kind;
    msg.at_ns = neap_clock_wall_ns();
    neap_link_send(agent->link, &msg);
}

void neap_agent_run_task(struct agent *agent, struct neap_msg *msg)
{
    struct neap_lease *lease = neap_leases_find(&agent->leases, msg->alloc);
    struct neap_slot *slot;
    struct neap_job *job;
    struct neap_res need;
    struct neap_err why;
    int rc;

    if (lease == NULL)
        rc = neap_err_set(&why, NEAP_ENOTEXIST, "there is no alloc %s here",
                          msg->alloc);
    else
        rc = neap_leases_amounts(&agent->leases, msg->need, msg->nneed, &need,
                                 &why);
    if (rc == 0)
        rc = neap_lease_take(&agent->leases, lease, &need, &why);
    if (rc == 0) {
        rc = neap_slots_take(&agent->slots, &slot, &why);
        if (rc < 0)
            neap_lease_give(lease, &need);
    }
    if (rc < 0) {
        refuse_run(agent, msg, &why);
        return;
    }
    job = neap_job_create(&agent->env, msg, slot, lease, &need);
    link_job(agent, job);
    neap_job_begin(job);
}

void neap_agent_kill_task(struct agent *agent, const struct neap_msg *msg)
{
    struct neap_job *job = find_job(agent, msg->task, msg->attempt);

    if (job != NULL) /* else its end is on the way */
        neap_job_kill(job, msg->grace_s);
}

void neap_agent_on_slot_ended(void *ctx, struct neap_slot *slot,
                              const struct neap_shim_ended *ended)
{
    (void)ctx;
    if (neap_slot_owner(slot) != NULL)
        neap_job_on_ended(neap_slot_owner(slot), ended);
}

void neap_agent_on_slot_lost(void *ctx, struct neap_slot *slot,
                             const struct neap_err *why)
{
    struct agent *agent = ctx;

    neap_log(NEAP_WARN, "shim %d: %s", (int)neap_slot_pid(slot), why->text);
    if (neap_slot_owner(slot) != NULL)
        neap_job_on_lost(neap_slot_owner(slot), why);
    else
        neap_slots_drop(&agent->slots, slot);
}
