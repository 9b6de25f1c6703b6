#include "app/engine/agent_child.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/spawn.h"

#define ARGS_MAX    256
#define BACKOFF_MS  100 /* doubled each time, up to: */
#define BACKOFF_MAX 5000
#define QUICK_NS    (5 * NEAP_SEC) /* who lives longer is no quick death */
#define QUICK_MAX   6
#define KILL_MS     3000 /* after it was told to end */

struct agent_child {
    uv_loop_t *loop;
    uv_timer_t timer;
    const struct config *config;
    const char *socket;
    void (*hopeless)(void *ctx, const char *why);
    void (*ended)(void *ctx);
    void *ctx;
    struct neap_child *child; /* NULL: between two lives */
    int64_t started_ns;
    int quick;
    bool stopping;
};

static void try_start(struct agent_child *agent);

static void on_timer(uv_timer_t *timer)
{
    struct agent_child *agent = timer->data;

    if (agent->stopping) {
        neap_log(NEAP_WARN, "the agent does not end; it is killed");
        if (agent->child != NULL)
            (void)neap_child_kill(agent->child, SIGKILL, NULL);
    } else {
        try_start(agent);
    }
}

static void again(struct agent_child *agent, const char *why)
{
    uint64_t wait_ms = BACKOFF_MS;

    if (neap_clock_mono_ns() - agent->started_ns > QUICK_NS)
        agent->quick = 0;
    if (++agent->quick >= QUICK_MAX) {
        agent->hopeless(agent->ctx, why);
        return;
    }
    for (int i = 1; i < agent->quick && wait_ms < BACKOFF_MAX; i++)
        wait_ms *= 2;
    neap_log(NEAP_WARN, "the local agent %s; it is started again in %d ms", why,
             (int)wait_ms);
    (void)uv_timer_start(&agent->timer, on_timer, wait_ms, 0);
}

static void on_end(void *ctx, const struct neap_child_end *end)
{
    struct agent_child *agent = ctx;
    char why[64];

    neap_child_close(agent->child);
    agent->child = NULL;
    if (agent->stopping) {
        (void)uv_timer_stop(&agent->timer);
        agent->ended(agent->ctx);
        return;
    }
    if (end->signal != 0)
        snprintf(why, sizeof why, "was killed by signal %d", end->signal);
    else
        snprintf(why, sizeof why, "ended with status %d", end->exit);
    again(agent, why);
}

/* Only what the configuration says; the agent has defaults of its own. */
struct args {
    char *word[ARGS_MAX];
    int count;
};

static void add(struct args *args, const char *option, const char *value)
{
    if (args->count + 3 > ARGS_MAX)
        return;
    args->word[args->count++] = neap_strdup(option);
    args->word[args->count++] = neap_strdup(value);
}

static void add_number(struct args *args, const char *option, double value)
{
    char text[32];

    if (value <= 0)
        return;
    snprintf(text, sizeof text, "%.15g", value);
    add(args, option, text);
}

static void make_args(const struct agent_child *agent, struct args *args)
{
    const struct config *config = agent->config;
    char *work = neap_format("%s/work/%s", config->repo, config->name);

    args->count = 0;
    args->word[args->count++] = neap_strdup(config->agent_path);
    if (config->private_engine)
        args->word[args->count++] = neap_strdup("--private");
    add(args, "--socket", agent->socket);
    add(args, "--repo", config->repo);
    add(args, "--work", work);
    add(args, "--shim", config->agent_shim);
    add(args, "--cgroup", config->agent_cgroup);
    add_number(args, "--cpu", config->cpu);
    add_number(args, "--mem", config->mem);
    add_number(args, "--disk", config->disk);
    for (int i = 0; i < config->nres; i++)
        add(args, "--res", config->res[i]);
    for (int i = 0; i < config->nlabels; i++)
        add(args, "--label", config->labels[i]);
    args->word[args->count] = NULL;
    neap_free(work);
}

static void try_start(struct agent_child *agent)
{
    struct args args;
    struct neap_spawn spawn = {
        .path = agent->config->agent_path,
        .argv = args.word,
        .fd = { NEAP_SPAWN_NULL, STDERR_FILENO, STDERR_FILENO },
        .nfd = 3,
        .session = true,
    };
    struct neap_err err;
    int rc;

    make_args(agent, &args);
    agent->started_ns = neap_clock_mono_ns();
    rc = neap_child_spawn(agent->loop, &spawn, on_end, agent, &agent->child,
                          &err);
    for (int i = 0; i < args.count; i++)
        neap_free(args.word[i]);
    if (rc < 0)
        again(agent, err.text);
}

struct agent_child *agent_child_start(
    uv_loop_t *loop, const struct config *config, const char *agent_socket,
    void (*hopeless)(void *ctx, const char *why), void *ctx)
{
    struct agent_child *agent = NEAP_NEW(struct agent_child);

    agent->loop = loop;
    agent->config = config;
    agent->socket = agent_socket;
    agent->hopeless = hopeless;
    agent->ctx = ctx;
    (void)uv_timer_init(loop, &agent->timer);
    agent->timer.data = agent;
    try_start(agent);
    return agent;
}

void agent_child_stop(struct agent_child *agent, void (*ended)(void *ctx))
{
    agent->ended = ended;
    agent->stopping = true;
    if (agent->child == NULL) {
        (void)uv_timer_stop(&agent->timer);
        ended(agent->ctx);
        return;
    }
    /* one that has not reached us yet has not been told */
    (void)neap_child_kill(agent->child, SIGTERM, NULL);
    (void)uv_timer_start(&agent->timer, on_timer, KILL_MS, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct agent_child *agent = handle->data;

    neap_free(agent);
}

void agent_child_close(struct agent_child *agent)
{
    if (agent == NULL)
        return;
    neap_child_close(agent->child);
    uv_close((uv_handle_t *)&agent->timer, on_closed);
}
