/* The agent: grants leases, runs tasks, tells the engine. */
#ifndef NEAP_CLUSTER_AGENT_H
#define NEAP_CLUSTER_AGENT_H

#include <stdint.h>

#include "cluster/cgroup.h"
#include "cluster/wire.h"
#include "core/res.h"
#include "core/strmap.h"

struct neap_agent_options {
    const char *socket; /* of the engine, for agents */
    const char *repo;   /* folder of the repository */
    const char *work;   /* folder for slots; removed at the end */
    const char *node;   /* name of this node */
    const char *shim;   /* program neap-shim */
    const char *path;   /* PATH of tasks */
    enum neap_cgroup_mode cgroup;
    const char *cgroup_root; /* for tests; NULL: find it */
    bool private_engine;     /* of one engine: never dial twice */
    int64_t cpu, mem, disk;  /* as in core/res.h; 0: what is there */
    struct neap_wire_amount res[NEAP_LABELS_MAX]; /* gpu and what people add */
    int nres;
    struct neap_strmap *labels; /* further facts */
};

/* Work until the engine ends for good or a signal says so. Then nothing of a
 * task runs any more, and slots and control groups are gone. Returns 0, or why
 * it could not begin. */
int neap_agent_run(const struct neap_agent_options *options,
                   struct neap_err *err);

#endif
