/* What the engine says: leases, and messages for the rest. */
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/agent_impl.h"

enum { FIRST_DIALS = 40 }; /* before an engine has ever answered */

void neap_agent_free_lease(struct agent *agent, struct neap_lease *lease)
{
    struct neap_msg msg;

    neap_msg_init(&msg, NEAP_MSG_FREED);
    msg.alloc = lease->alloc;
    neap_link_send(agent->link, &msg);
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
        neap_agent_free_lease(agent, lease);
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
    neap_link_send(agent->link, &answer);
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
    neap_link_send(agent->link, &answer);
}

/* ---- messages */

static void on_hello(void *ctx, struct neap_msg *msg)
{
    struct agent *agent = ctx;
    static struct neap_wire_amount amounts[3 + NEAP_LABELS_MAX];
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
    for (int i = 0; i < agent->options->nres; i++)
        amounts[3 + i] = agent->options->res[i];
    msg->ncapacity = 3 + agent->options->nres;
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
        agent->private_engine =
            agent->options->private_engine || msg->private_engine;
        agent->dials = 0;
        break;
    case NEAP_MSG_LEASE:
        on_lease(agent, msg);
        break;
    case NEAP_MSG_RUN:
        neap_agent_run_task(agent, msg);
        break;
    case NEAP_MSG_KILL:
        neap_agent_kill_task(agent, msg);
        break;
    case NEAP_MSG_FREE:
        on_free(agent, msg);
        break;
    case NEAP_MSG_PING:
        neap_msg_init(&answer, NEAP_MSG_PONG);
        answer.nonce = msg->nonce;
        neap_link_send(agent->link, &answer);
        break;
    case NEAP_MSG_BYE:
        neap_agent_stop(agent);
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

    if (agent->private_engine) {
        if (!welcomed)
            neap_log(NEAP_ERROR, "no engine answers: %s", why->text);
        neap_agent_stop(agent);
        return false;
    }
    if (++agent->dials == 1)
        neap_log(agent->known ? NEAP_WARN : NEAP_INFO, "engine: %s", why->text);
    if (!agent->known && agent->dials >= FIRST_DIALS) {
        neap_log(NEAP_ERROR, "no engine answers: %s", why->text);
        neap_agent_stop(agent);
        return false;
    }
    return true;
}

const struct neap_link_cbs neap_agent_link_cbs = { on_hello, on_message,
                                                   on_down };
