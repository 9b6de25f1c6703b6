/* What the files of the agent share; nobody else includes it. */
#ifndef NEAP_CLUSTER_AGENT_IMPL_H
#define NEAP_CLUSTER_AGENT_IMPL_H

#include <stdbool.h>

#include <uv.h>

#include "cluster/agent.h"
#include "cluster/capacity.h"
#include "cluster/job.h"
#include "cluster/link.h"
#include "cluster/slots.h"

enum {
    NEAP_AGENT_SIGNALS = 4,
    NEAP_AGENT_SESSION = 16, /* bytes that tell one life from another */
};

struct agent {
    const struct neap_agent_options *options;
    uv_loop_t loop;
    struct neap_link *link;
    struct neap_repo *repo;
    struct neap_cgroups *groups;
    struct neap_capacity capacity;
    struct neap_strmap *facts;
    char session[2 * NEAP_AGENT_SESSION + 1];
    struct neap_leases leases;
    struct neap_slots slots;
    struct neap_job_env env;
    struct neap_job *jobs; /* all that are not over */
    uv_timer_t look;       /* runs while there are jobs */
    uv_timer_t expiry;     /* of the lease that runs out first */
    uv_signal_t signal[NEAP_AGENT_SIGNALS];
    int dials; /* without an answer */
    bool known, private_engine, stopping;
};

/* agent.c: kill everything; leave the loop when the last job is over */
void neap_agent_stop(struct agent *agent);

/* agent_jobs.c */
void neap_agent_run_task(struct agent *agent, struct neap_msg *msg);
void neap_agent_kill_task(struct agent *agent, const struct neap_msg *msg);
/* For struct neap_job_env; ctx is the agent. */
void neap_agent_on_started(void *ctx, struct neap_job *job);
void neap_agent_on_collecting(void *ctx, struct neap_job *job);
void neap_agent_on_over(void *ctx, struct neap_job *job, bool broken);
/* For struct neap_slot_options. */
void neap_agent_on_slot_ended(void *ctx, struct neap_slot *slot,
                              const struct neap_shim_ended *ended);
void neap_agent_on_slot_lost(void *ctx, struct neap_slot *slot,
                             const struct neap_err *why);

/* agent_engine.c: leases and the engine's messages */
void neap_agent_free_lease(struct agent *agent, struct neap_lease *lease);
extern const struct neap_link_cbs neap_agent_link_cbs;

#endif
