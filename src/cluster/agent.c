/* One loop. The parts: link (engine), leases, slots (shims), jobs.
 *
 * Strays: this process is a subreaper, so if a shim dies its task's processes
 * become our children. SIGCHLD makes us kill and reap every child that is no
 * shim.
 */
#include "cluster/agent.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cluster/agent_impl.h"
#include "cluster/procfs.h"
#include "store/folder.h"
#include "store/mkdirs.h"

enum { STOP_MS = 15000 }; /* for jobs to end at the end */

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
        neap_agent_stop(agent);
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
void neap_agent_stop(struct agent *agent)
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
    unsigned char bytes[NEAP_AGENT_SESSION];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        memset(bytes, (int)getpid(), sizeof bytes);
    for (int i = 0; i < NEAP_AGENT_SESSION; i++)
        snprintf(agent->session + 2 * i, 3, "%02x", bytes[i]);
}

static int find_capacity(struct agent *agent, struct neap_err *err)
{
    const struct neap_agent_options *options = agent->options;
    struct neap_capacity *have = &agent->capacity;
    struct neap_res *res = &agent->leases.capacity;
    int rc = neap_capacity_find(options->repo, have, err);

    if (rc == 0)
        rc = neap_leases_amounts(&agent->leases, options->res, options->nres,
                                 res, err);
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
        .ended = neap_agent_on_slot_ended,
        .lost = neap_agent_on_slot_lost,
    };

    neap_slots_init(&agent->slots, &slots);
    agent->env = (struct neap_job_env){
        .loop = &agent->loop,
        .repo = agent->repo,
        .watch_memory = neap_cgroups_mode(agent->groups) == NEAP_CGROUP_NONE,
        .ctx = agent,
        .started = neap_agent_on_started,
        .collecting = neap_agent_on_collecting,
        .over = neap_agent_on_over,
    };
}

static void init_loop(struct agent *agent)
{
    static const int numbers[NEAP_AGENT_SIGNALS] = { SIGCHLD, SIGTERM, SIGINT,
                                                     SIGHUP };

    uv_loop_init(&agent->loop);
    uv_timer_init(&agent->loop, &agent->look);
    uv_timer_init(&agent->loop, &agent->expiry);
    agent->look.data = agent->expiry.data = agent;
    for (int i = 0; i < NEAP_AGENT_SIGNALS; i++) {
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
    for (int i = 0; i < NEAP_AGENT_SIGNALS; i++)
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
    struct agent *agent = NEAP_NEW(struct agent);
    int rc;

    agent->options = options;
    agent->private_engine = options->private_engine;
    neap_leases_init(&agent->leases);
    make_session(agent);
    init_loop(agent);
    rc = open_places(agent, err);
    if (rc == 0) {
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        init_slots(agent);
        agent->link = neap_link_open(&agent->loop, options->socket,
                                     &neap_agent_link_cbs, agent);
        uv_run(&agent->loop, UV_RUN_DEFAULT);
    }
    close_all(agent);
    return rc;
}
