/* Agents that have dialled in: their connections, their leases, their pulse.
 *
 *   connected ──HELLO──▶ known ⇄ suspect ──▶ gone
 *
 * Every NEAP_LEASE_S/3 each lease is prolonged and a ping sent. An agent that
 * has not answered the ping before is suspect, one that has been silent for a
 * whole lease is gone; so is one whose connection ends.
 */
#ifndef NEAP_SCHED_AGENT_LINK_H
#define NEAP_SCHED_AGENT_LINK_H

#include <stdbool.h>

#include <uv.h>

#include "cluster/wire.h"
#include "core/strmap.h"

#define NEAP_LEASE_S 30.0

struct neap_agents;
struct neap_agent;

/* What the engine wants to know. None is called from within a function of
 * this module that it has called. Messages are borrowed during the call. */
struct neap_agents_cbs {
    void (*joined)(void *ctx, struct neap_agent *agent,
                   const struct neap_msg *hello);
    /* Any message but HELLO and PONG. */
    void (*message)(void *ctx, struct neap_agent *agent,
                    const struct neap_msg *msg);
    void (*suspect)(void *ctx, struct neap_agent *agent, bool suspect);
    /* The agent is gone when this returns. */
    void (*gone)(void *ctx, struct neap_agent *agent,
                 const struct neap_err *why);
};

struct neap_agents_config {
    const char *path;   /* of the socket; copied */
    const char *engine; /* name, for WELCOME; copied */
    bool private_engine;
    double lease_s; /* 0: NEAP_LEASE_S */
};

/* Listen. Owned. */
int neap_agents_open(uv_loop_t *loop, const struct neap_agents_config *config,
                     const struct neap_agents_cbs *cbs, void *ctx,
                     struct neap_agents **ret, struct neap_err *err);
/* Say BYE to all and close; no callback runs any more. Freed by the loop. */
void neap_agents_close(struct neap_agents *agents);
void neap_agents_flush(struct neap_agents *agents); /* what was sent, now */

/* Send a message; one that is too large for a frame fails (NEAP_EEXHAUSTED). */
int neap_agent_send(struct neap_agent *agent, const struct neap_msg *msg);
const char *neap_agent_node(const struct neap_agent *agent);
int64_t neap_agent_pid(const struct neap_agent *agent);
bool neap_agent_is_suspect(const struct neap_agent *agent);

/* Ask for an alloc of these amounts, and keep its lease alive until
 * neap_agent_free. Amounts are copied; their labels must outlive the lease. */
void neap_agent_lease(struct neap_agent *agent, const char *alloc,
                      const struct neap_wire_amount *amount, int count);
void neap_agent_free(struct neap_agent *agent, const char *alloc);

#endif
