/* One loop. The parts: link (engine), leases, slots (shims), jobs.
 *
 * Strays: this process is a subreaper, so if a shim dies its task's processes
 * become our children. SIGCHLD makes us kill and reap every child that is no
 * shim.
 */
#include "cluster/agent.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cluster/capacity.h"
#include "cluster/job.h"
#include "cluster/link.h"
#include "cluster/procfs.h"
#include "cluster/slots.h"
#include "store/folder.h"
#include "store/mkdirs.h"

enum {
    LOOK_MS = 50,     /* jobs say themselves when it is time */
    FIRST_DIALS = 40, /* before an engine has ever answered */
    STOP_MS = 15000,  /* for jobs to end at the end */
    SIGNALS = 4,
    SESSION_BYTES = 16,
};

struct agent {
    const struct neap_agent_options *options;
    uv_loop_t loop;
    struct neap_link *link;
    struct neap_repo *repo;
    struct neap_cgroups *groups;
    struct neap_capacity capacity;
    struct neap_strmap *facts;
    char session[2 * SESSION_BYTES + 1];
    struct neap_leases leases;
    struct neap_slots slots;
    struct neap_job_env env;
    struct neap_job *jobs; /* all that are not over */
    uv_timer_t look;       /* runs while there are jobs */
    uv_timer_t expiry;     /* of the lease that runs out first */
    uv_signal_t signal[SIGNALS];
    int dials; /* without an answer */
    bool known, private_engine, stopping;
};

static void tell(struct agent *agent, const struct neap_msg *msg)
{
    neap_link_send(agent->link, msg);
}

static void stop(struct agent *agent);

/* ---- jobs */

static void on_look(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    int64_t now_ns = neap_clock_mono_ns();

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
    const char *dir = neap_slot_dir(job->slot);
    char *out_path = neap_format("%s/out", dir);
    char *err_path = neap_format("%s/err", dir);
    struct neap_msg msg;

    neap_msg_init(&msg, type);
    msg.task = job->run.task;
    msg.attempt = job->run.attempt;
    msg.pid = neap_slot_pid(job->slot);
    msg.at_ns = neap_clock_wall_ns();
    if (type == NEAP_MSG_STARTED) {
        msg.out_path = out_path;
        msg.err_path = err_path;
    }
    neap_link_send_lazy(agent->link, &msg);
    neap_free(out_path);
    neap_free(err_path);
}

static void on_started(void *ctx, struct neap_job *job)
{
    tell_job(ctx, job, NEAP_MSG_STARTED);
}

static void on_collecting(void *ctx, struct neap_job *job)
{
    tell_job(ctx, job, NEAP_MSG_COLLECTING);
}

static void free_lease(struct agent *agent, struct neap_lease *lease);

static void on_over(void *ctx, struct neap_job *job, bool broken)
{
    struct agent *agent = ctx;
    struct neap_msg msg;

    neap_job_ended_msg(job, &msg);
    tell(agent, &msg);
    unlink_job(agent, job);
    neap_lease_give(job->lease, &job->need);
    if (job->lease->ending && job->lease->tasks == 0)
        free_lease(agent, job->lease);
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
    tell(agent, &msg);
}

static void on_run(struct agent *agent, struct neap_msg *msg)
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

static void on_kill(struct agent *agent, const struct neap_msg *msg)
{
    struct neap_job *job = find_job(agent, msg->task, msg->attempt);

    if (job != NULL) /* else its end is on the way */
        neap_job_kill(job, msg->grace_s);
}

static void on_slot_ended(void *ctx, struct neap_slot *slot,
                          const struct neap_shim_ended *ended)
{
    (void)ctx;
    if (neap_slot_owner(slot) != NULL)
        neap_job_on_ended(neap_slot_owner(slot), ended);
}

static void on_slot_lost(void *ctx, struct neap_slot *slot,
                         const struct neap_err *why)
{
    struct agent *agent = ctx;

    neap_log(NEAP_WARN, "shim %d: %s", (int)neap_slot_pid(slot), why->text);
    if (neap_slot_owner(slot) != NULL)
        neap_job_on_lost(neap_slot_owner(slot), why);
    else
        neap_slots_drop(&agent->slots, slot);
}

/* ---- leases */

static void free_lease(struct agent *agent, struct neap_lease *lease)
{
    struct neap_msg msg;

    neap_msg_init(&msg, NEAP_MSG_FREED);
    msg.alloc = lease->alloc;
    tell(agent, &msg);
    neap_leases_free(&agent->leases, lease);
}

/* End its tasks; it is freed when the last one is over. */
static void end_lease(struct agent *agent, struct neap_lease *lease)
{
    lease->ending = true;
    for (struct neap_job *job = agent->jobs; job != NULL; job = job->next) {
        if (job->lease == lease)
            neap_job_revoke(job);
    }
    if (lease->tasks == 0)
        free_lease(agent, lease);
}

static void arm_expiry(struct agent *agent);

static void on_expiry(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    struct neap_lease *lease;

    while ((lease = neap_leases_expired(&agent->leases,
                                        neap_clock_mono_ns())) != NULL) {
        neap_log(NEAP_WARN, "the lease of alloc %s ran out", lease->alloc);
        end_lease(agent, lease);
    }
    arm_expiry(agent);
}

static void arm_expiry(struct agent *agent)
{
    int64_t first_ns = NEAP_NEVER, now_ns = neap_clock_mono_ns();
    struct neap_lease *lease;

    for (lease = agent->leases.first; lease != NULL; lease = lease->next) {
        if (!lease->ending && lease->until_ns < first_ns)
            first_ns = lease->until_ns;
    }
    if (first_ns == NEAP_NEVER)
        uv_timer_stop(&agent->expiry);
    else
        uv_timer_start(&agent->expiry, on_expiry,
                       first_ns <= now_ns
                           ? 0
                           : (uint64_t)((first_ns - now_ns) / NEAP_MSEC + 1),
                       0);
}

static void on_lease(struct agent *agent, const struct neap_msg *msg)
{
    struct neap_lease *lease;
    struct neap_msg answer;
    struct neap_err why;

    neap_msg_init(&answer, NEAP_MSG_GRANTED);
    answer.alloc = msg->alloc;
    if (neap_leases_grant(&agent->leases, msg, neap_clock_mono_ns(), &lease,
                          &why) < 0) {
        answer.type = NEAP_MSG_REFUSED;
        answer.text = why.text;
        answer.kind = (int)why.kind;
    } else {
        answer.capacity = msg->capacity;
        answer.ncapacity = msg->ncapacity;
        arm_expiry(agent);
    }
    tell(agent, &answer);
}

static void on_free(struct agent *agent, const struct neap_msg *msg)
{
    struct neap_lease *lease = neap_leases_find(&agent->leases, msg->alloc);
    struct neap_msg answer;

    if (lease != NULL) {
        if (!lease->ending)
            end_lease(agent, lease);
        return;
    }
    neap_msg_init(&answer, NEAP_MSG_FREED);
    answer.alloc = msg->alloc;
    tell(agent, &answer);
}

/* ---- the engine */

static void on_hello(void *ctx, struct neap_msg *msg)
{
    struct agent *agent = ctx;
    static struct neap_wire_amount amounts[3];
    static const char *pairs[2 * 256];
    int count = agent->facts->count < 256 ? agent->facts->count : 256;

    amounts[0] = (struct neap_wire_amount){ "cpu", agent->capacity.cpu };
    amounts[1] = (struct neap_wire_amount){ "mem", agent->capacity.mem };
    amounts[2] = (struct neap_wire_amount){ "disk", agent->capacity.disk };
    for (int i = 0; i < count; i++) {
        pairs[2 * i] = agent->facts->pair[i].key;
        pairs[2 * i + 1] = agent->facts->pair[i].value;
    }
    msg->version = NEAP_WIRE_VERSION;
    msg->node = agent->options->node;
    msg->session = agent->session;
    msg->pid = getpid();
    msg->capacity = amounts;
    msg->ncapacity = 3;
    msg->facts = pairs;
    msg->nfacts = 2 * count;
}

static void on_message(void *ctx, struct neap_msg *msg)
{
    struct agent *agent = ctx;
    struct neap_msg answer;

    if (agent->stopping)
        return;
    switch (msg->type) {
    case NEAP_MSG_WELCOME:
        agent->known = true;
        agent->private_engine = msg->private_engine;
        agent->dials = 0;
        break;
    case NEAP_MSG_LEASE:
        on_lease(agent, msg);
        break;
    case NEAP_MSG_RUN:
        on_run(agent, msg);
        break;
    case NEAP_MSG_KILL:
        on_kill(agent, msg);
        break;
    case NEAP_MSG_FREE:
        on_free(agent, msg);
        break;
    case NEAP_MSG_PING:
        neap_msg_init(&answer, NEAP_MSG_PONG);
        answer.nonce = msg->nonce;
        tell(agent, &answer);
        break;
    case NEAP_MSG_BYE:
        stop(agent);
        break;
    default:
        neap_log(NEAP_WARN, "message %s from the engine is not understood",
                 neap_msg_type_name(msg->type));
        break;
    }
}

static bool on_down(void *ctx, bool welcomed, const struct neap_err *why)
{
    struct agent *agent = ctx;

    if (welcomed && agent->private_engine) {
        stop(agent);
        return false;
    }
    if (++agent->dials == 1)
        neap_log(agent->known ? NEAP_WARN : NEAP_INFO, "engine: %s", why->text);
    if (!agent->known && agent->dials >= FIRST_DIALS) {
        neap_log(NEAP_ERROR, "no engine answers: %s", why->text);
        stop(agent);
        return false;
    }
    return true;
}

/* ---- begin and end */

static void kill_strays(struct agent *agent)
{
    int count;
    pid_t *pid = neap_proc_children(getpid(), &count);

    for (int i = 0; i < count; i++) {
        if (neap_slots_has_pid(&agent->slots, pid[i]))
            continue;
        (void)kill(pid[i], SIGKILL);
        (void)waitpid(pid[i], NULL, WNOHANG);
    }
    neap_free(pid);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct agent *agent = handle->data;

    if (number == SIGCHLD)
        kill_strays(agent);
    else if (number == SIGTERM || !agent->private_engine)
        stop(agent);
    /* ^C reaches the whole group of a terminal; the private engine decides
     * what it means, and ends us. */
}

static void on_late(uv_timer_t *timer)
{
    struct agent *agent = timer->data;

    neap_log(NEAP_WARN, "tasks do not end; leaving");
    uv_stop(&agent->loop);
}

/* Kill everything; leave the loop when the last job is over. */
static void stop(struct agent *agent)
{
    if (agent->stopping)
        return;
    agent->stopping = true;
    for (struct neap_job *job = agent->jobs; job != NULL; job = job->next)
        neap_job_revoke(job);
    uv_timer_start(&agent->expiry, on_late, STOP_MS, 0);
    if (agent->jobs == NULL)
        uv_stop(&agent->loop);
}

static void make_session(struct agent *agent)
{
    unsigned char bytes[SESSION_BYTES];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        memset(bytes, (int)getpid(), sizeof bytes);
    for (int i = 0; i < SESSION_BYTES; i++)
        snprintf(agent->session + 2 * i, 3, "%02x", bytes[i]);
}

static int find_capacity(struct agent *agent, struct neap_err *err)
{
    const struct neap_agent_options *options = agent->options;
    struct neap_capacity *have = &agent->capacity;
    struct neap_res *res = &agent->leases.capacity;
    int rc = neap_capacity_find(options->repo, have, err);

    if (rc < 0)
        return rc;
    have->cpu = options->cpu > 0 ? options->cpu : have->cpu;
    have->mem = options->mem > 0 ? options->mem : have->mem;
    have->disk = options->disk > 0 ? options->disk : have->disk;
    res->v[NEAP_CPU] = have->cpu;
    res->v[NEAP_MEM] = have->mem;
    res->v[NEAP_DISK] = have->disk;
    agent->facts = neap_strmap_copy(options->labels);
    if (agent->facts == NULL)
        agent->facts = neap_strmap_create();
    neap_capacity_facts(agent->facts);
    return 0;
}

/* Repository, work folder (without what an earlier agent left), groups. */
static int open_places(struct agent *agent, struct neap_err *err)
{
    const struct neap_agent_options *options = agent->options;
    int rc = neap_repo_open(options->repo, &agent->repo, err);

    if (rc == 0)
        rc = neap_mkdirs(options->work, 0700, err);
    if (rc == 0)
        rc = neap_folder_remove(options->work, false, err);
    if (rc == 0)
        rc = neap_cgroups_open(options->cgroup, options->cgroup_root,
                               &agent->groups, err);
    return rc < 0 ? rc : find_capacity(agent, err);
}

static void init_slots(struct agent *agent)
{
    const struct neap_slot_options slots = {
        .loop = &agent->loop,
        .shim = agent->options->shim,
        .work = agent->options->work,
        .groups = agent->groups,
        .path = agent->options->path,
        .ctx = agent,
        .ended = on_slot_ended,
        .lost = on_slot_lost,
    };

    neap_slots_init(&agent->slots, &slots);
    agent->env = (struct neap_job_env){
        .loop = &agent->loop,
        .repo = agent->repo,
        .watch_memory = neap_cgroups_mode(agent->groups) == NEAP_CGROUP_NONE,
        .ctx = agent,
        .started = on_started,
        .collecting = on_collecting,
        .over = on_over,
    };
}

static void init_loop(struct agent *agent)
{
    static const int numbers[SIGNALS] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };

    uv_loop_init(&agent->loop);
    uv_timer_init(&agent->loop, &agent->look);
    uv_timer_init(&agent->loop, &agent->expiry);
    agent->look.data = agent->expiry.data = agent;
    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&agent->loop, &agent->signal[i]);
        agent->signal[i].data = agent;
        uv_signal_start(&agent->signal[i], on_signal, numbers[i]);
    }
}

/* Nothing may be left: shims first, then what they stood in. */
static void close_all(struct agent *agent)
{
    bool idle = agent->jobs == NULL;

    neap_slots_deinit(&agent->slots);
    kill_strays(agent);
    neap_cgroups_close(agent->groups);
    if (agent->repo != NULL)
        (void)neap_folder_remove(agent->options->work, true, NULL);
    neap_link_close(agent->link);
    uv_close((uv_handle_t *)&agent->look, NULL);
    uv_close((uv_handle_t *)&agent->expiry, NULL);
    for (int i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&agent->signal[i], NULL);
    if (!idle)
        return; /* a pool job may still use the rest; we exit anyway */
    uv_run(&agent->loop, UV_RUN_DEFAULT);
    uv_loop_close(&agent->loop);
    neap_repo_close(agent->repo);
    neap_strmap_destroy(agent->facts);
    neap_leases_deinit(&agent->leases);
    neap_free(agent);
}

int neap_agent_run(const struct neap_agent_options *options,
                   struct neap_err *err)
{
    static const struct neap_link_cbs cbs = { on_hello, on_message, on_down };
    struct agent *agent = NEAP_NEW(struct agent);
    int rc;

    agent->options = options;
    neap_leases_init(&agent->leases);
    make_session(agent);
    init_loop(agent);
    rc = open_places(agent, err);
    if (rc == 0) {
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        init_slots(agent);
        agent->link =
            neap_link_open(&agent->loop, options->socket, &cbs, agent);
        uv_run(&agent->loop, UV_RUN_DEFAULT);
    }
    close_all(agent);
    return rc;
}
