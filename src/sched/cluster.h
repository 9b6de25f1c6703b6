/* A source of allocs, as the engine sees it. The local pool is one; others
 * come beside it through the same table.
 */
#ifndef NEAP_SCHED_CLUSTER_H
#define NEAP_SCHED_CLUSTER_H

#include "core/sched.h"
#include "sched/agent_link.h"

struct neap_cluster {
    const char *name; /* "local" */
    void *ctx;
    /* As in struct neap_sched_ops; answers go to the scheduler. */
    void (*request)(void *ctx, struct neap_alloc *alloc);
    void (*cancel_request)(void *ctx, struct neap_alloc *alloc);
    void (*release)(void *ctx, struct neap_alloc *alloc);
    /* An agent has come, is suspect or has gone. A pool ignores those of
     * others. */
    void (*joined)(void *ctx, struct neap_agent *agent,
                   const struct neap_msg *hello);
    void (*suspect)(void *ctx, struct neap_agent *agent, bool suspect);
    void (*gone)(void *ctx, struct neap_agent *agent,
                 const struct neap_err *why);
    /* GRANTED, REFUSED or FREED of an alloc of the pool. */
    void (*answer)(void *ctx, struct neap_agent *agent,
                   const struct neap_msg *msg);
    /* The agent that a live alloc is on, or NULL. */
    struct neap_agent *(*agent)(void *ctx, const struct neap_alloc *alloc);
    /* The largest alloc that it may ever have; false: not known yet. */
    bool (*largest)(void *ctx, struct neap_res *ret);
};

#endif
