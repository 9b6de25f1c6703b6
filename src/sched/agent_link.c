#include "sched/agent_link.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/stream.h"

#define PULSES_PER_LEASE 3

/* The amounts go along each time: an agent that has let it run out (a machine
 * that slept) makes the same one again. */
struct lease {
    char *alloc;
    struct neap_wire_amount *amount;
    int count;
    struct lease *next;
};

struct neap_agent {
    struct neap_agents *agents;
    struct neap_stream *stream;
    char *node; /* NULL until HELLO */
    int64_t pid, heard_ns;
    uint64_t sent, answered; /* nonces */
    bool suspect;
    struct lease *leases;
    struct neap_agent *next;
};

struct neap_agents {
    uv_timer_t pulse;
    struct neap_listener *listener;
    struct neap_agents_cbs cbs;
    void *ctx;
    char *engine;
    bool private_engine, closed;
    double lease_s;
    struct neap_agent *first;
};

static void send_lease(struct neap_agent *agent, const struct lease *lease)
{
    struct neap_msg msg;

    neap_msg_init(&msg, NEAP_MSG_LEASE);
    msg.alloc = lease->alloc;
    msg.lease_s = agent->agents->lease_s;
    msg.capacity = lease->amount;
    msg.ncapacity = lease->count;
    (void)neap_agent_send(agent, &msg);
    neap_msg_deinit(&msg);
}

static void forget_lease(struct lease **at)
{
    struct lease *lease = *at;

    *at = lease->next;
    neap_free(lease->alloc);
    neap_free(lease->amount);
    neap_free(lease);
}

/* Out of the list and out of memory; the stream is closed by the caller. */
static void destroy_agent(struct neap_agent *agent)
{
    struct neap_agent **at = &agent->agents->first;

    while (*at != agent)
        at = &(*at)->next;
    *at = agent->next;
    while (agent->leases != NULL)
        forget_lease(&agent->leases);
    neap_free(agent->node);
    neap_free(agent);
}

static void lose(struct neap_agent *agent, const struct neap_err *why)
{
    struct neap_agents *agents = agent->agents;

    if (agent->node != NULL && !agents->closed)
        agents->cbs.gone(agents->ctx, agent, why);
    destroy_agent(agent);
}

static void mark(struct neap_agent *agent, bool suspect)
{
    if (agent->suspect == suspect)
        return;
    agent->suspect = suspect;
    neap_log(NEAP_WARN,
             suspect ? "agent %s does not answer" : "agent %s answers again",
             agent->node);
    agent->agents->cbs.suspect(agent->agents->ctx, agent, suspect);
}

static void pulse_one(struct neap_agent *agent, int64_t now_ns)
{
    struct neap_agents *agents = agent->agents;
    struct neap_msg msg;
    struct neap_err why;

    if (now_ns - agent->heard_ns > (int64_t)(agents->lease_s * 1e9)) {
        (void)neap_err_set(&why, NEAP_EUNAVAILABLE,
                           "agent %s was silent for %.0f s", agent->node,
                           agents->lease_s);
        neap_stream_close(agent->stream);
        lose(agent, &why);
        return;
    }
    if (agent->answered < agent->sent)
        mark(agent, true);
    for (struct lease *at = agent->leases; at != NULL; at = at->next)
        send_lease(agent, at);
    neap_msg_init(&msg, NEAP_MSG_PING);
    msg.nonce = ++agent->sent;
    (void)neap_agent_send(agent, &msg);
    neap_msg_deinit(&msg);
}

static void on_pulse(uv_timer_t *timer)
{
    struct neap_agents *agents = timer->data;
    int64_t now_ns = neap_clock_mono_ns();
    struct neap_agent *next;

    for (struct neap_agent *at = agents->first; at != NULL; at = next) {
        next = at->next;
        if (at->node != NULL)
            pulse_one(at, now_ns);
    }
}

static void welcome(struct neap_agent *agent)
{
    struct neap_msg msg;

    neap_msg_init(&msg, NEAP_MSG_WELCOME);
    msg.version = NEAP_WIRE_VERSION;
    msg.engine = agent->agents->engine;
    msg.private_engine = agent->agents->private_engine;
    (void)neap_agent_send(agent, &msg);
    neap_msg_deinit(&msg);
}

static int on_hello(struct neap_agent *agent, const struct neap_msg *msg,
                    struct neap_err *err)
{
    struct neap_agents *agents = agent->agents;

    if (agent->node != NULL)
        return neap_err_set(err, NEAP_EINVAL, "a second HELLO from agent %s",
                            agent->node);
    if (msg->version != NEAP_WIRE_VERSION)
        return neap_err_set(err, NEAP_ENOTSUPPORTED,
                            "agent %s speaks version %d, this engine %d",
                            msg->node, msg->version, NEAP_WIRE_VERSION);
    agent->node = neap_strdup(msg->node);
    agent->pid = msg->pid;
    welcome(agent);
    agents->cbs.joined(agents->ctx, agent, msg);
    return 0;
}

static int on_message(struct neap_agent *agent, const struct neap_msg *msg,
                      struct neap_err *err)
{
    struct neap_agents *agents = agent->agents;

    if (msg->type == NEAP_MSG_HELLO)
        return on_hello(agent, msg, err);
    if (agent->node == NULL)
        return neap_err_set(err, NEAP_EINVAL, "%s before HELLO",
                            neap_msg_type_name(msg->type));
    if (msg->type == NEAP_MSG_PONG) {
        agent->answered = msg->nonce;
        if (agent->answered == agent->sent)
            mark(agent, false);
        return 0;
    }
    agents->cbs.message(agents->ctx, agent, msg);
    return 0;
}

static int64_t on_data(void *ctx, const char *data, size_t len,
                       struct neap_err *err)
{
    struct neap_agent *agent = ctx;
    size_t at = 0;

    agent->heard_ns = neap_clock_mono_ns();
    while (at < len) {
        struct neap_msg msg;
        int64_t took = neap_msg_parse(data + at, len - at, &msg, err);
        int rc;

        if (took < 0)
            return took;
        if (took == 0)
            break;
        rc = on_message(agent, &msg, err);
        neap_msg_deinit(&msg);
        if (rc < 0)
            return rc;
        at += (size_t)took;
    }
    return (int64_t)at;
}

static void on_end(void *ctx, const struct neap_err *why)
{
    struct neap_agent *agent = ctx;

    if (agent->node == NULL)
        neap_log(NEAP_WARN, "an agent left before its HELLO: %s",
                 why != NULL ? why->text : "end of file");
    lose(agent, why);
}

static void on_accept(void *ctx, struct neap_stream *stream)
{
    static const struct neap_stream_cbs cbs = { on_data, on_end };
    struct neap_agents *agents = ctx;
    struct neap_agent *agent = NEAP_NEW(struct neap_agent);

    agent->agents = agents;
    agent->stream = stream;
    agent->heard_ns = neap_clock_mono_ns();
    agent->next = agents->first;
    agents->first = agent;
    neap_stream_start(stream, &cbs, agent);
}

int neap_agents_open(uv_loop_t *loop, const struct neap_agents_config *config,
                     const struct neap_agents_cbs *cbs, void *ctx,
                     struct neap_agents **ret, struct neap_err *err)
{
    struct neap_agents *agents = NEAP_NEW(struct neap_agents);
    uint64_t every_ms;
    int rc;

    agents->cbs = *cbs;
    agents->ctx = ctx;
    agents->private_engine = config->private_engine;
    agents->lease_s = config->lease_s > 0 ? config->lease_s : NEAP_LEASE_S;
    rc = neap_listener_open(loop, config->path, on_accept, agents,
                            &agents->listener, err);
    if (rc < 0) {
        neap_free(agents);
        return rc;
    }
    agents->engine = neap_strdup(config->engine);
    every_ms = (uint64_t)(agents->lease_s * 1000 / PULSES_PER_LEASE);
    (void)uv_timer_init(loop, &agents->pulse);
    agents->pulse.data = agents;
    (void)uv_timer_start(&agents->pulse, on_pulse, every_ms, every_ms);
    *ret = agents;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct neap_agents *agents = handle->data;

    neap_free(agents->engine);
    neap_free(agents);
}

void neap_agents_close(struct neap_agents *agents)
{
    if (agents == NULL || agents->closed)
        return;
    agents->closed = true;
    neap_listener_close(agents->listener);
    while (agents->first != NULL) {
        struct neap_agent *agent = agents->first;
        struct neap_msg bye;

        neap_msg_init(&bye, NEAP_MSG_BYE);
        (void)neap_agent_send(agent, &bye);
        neap_msg_deinit(&bye);
        neap_stream_close(agent->stream);
        destroy_agent(agent);
    }
    uv_close((uv_handle_t *)&agents->pulse, on_closed);
}

void neap_agents_flush(struct neap_agents *agents)
{
    struct neap_agent *next;

    for (struct neap_agent *at = agents->first; at != NULL; at = next) {
        next = at->next;
        neap_stream_flush(at->stream);
    }
}

int neap_agent_send(struct neap_agent *agent, const struct neap_msg *msg)
{
    return neap_msg_pack(msg, neap_stream_out(agent->stream));
}

const char *neap_agent_node(const struct neap_agent *agent)
{
    return agent->node;
}

int64_t neap_agent_pid(const struct neap_agent *agent)
{
    return agent->pid;
}

bool neap_agent_is_suspect(const struct neap_agent *agent)
{
    return agent->suspect;
}

void neap_agent_lease(struct neap_agent *agent, const char *alloc,
                      const struct neap_wire_amount *amount, int count)
{
    struct lease *lease = NEAP_NEW(struct lease);

    lease->alloc = neap_strdup(alloc);
    lease->amount = neap_calloc((size_t)count + 1, sizeof *amount);
    memcpy(lease->amount, amount, (size_t)count * sizeof *amount);
    lease->count = count;
    lease->next = agent->leases;
    agent->leases = lease;
    send_lease(agent, lease);
}

void neap_agent_free(struct neap_agent *agent, const char *alloc)
{
    struct lease **at = &agent->leases;
    struct neap_msg msg;

    while (*at != NULL && strcmp((*at)->alloc, alloc) != 0)
        at = &(*at)->next;
    if (*at != NULL)
        forget_lease(at);
    neap_msg_init(&msg, NEAP_MSG_FREE);
    msg.alloc = alloc;
    (void)neap_agent_send(agent, &msg);
    neap_msg_deinit(&msg);
}
