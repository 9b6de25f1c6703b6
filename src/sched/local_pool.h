/* The pool "local": the agent of this machine. Its menu is one shape per
 * agent, the whole node less what the configuration withholds, once. */
#ifndef NEAP_SCHED_LOCAL_POOL_H
#define NEAP_SCHED_LOCAL_POOL_H

#include "sched/cluster.h"

struct neap_local_pool;

/* limit: of each label, 0: what the node has; copied. Owned. */
struct neap_local_pool *neap_local_pool_create(struct neap_sched *sched,
                                               struct neap_labels *labels,
                                               const struct neap_res *limit);
void neap_local_pool_destroy(struct neap_local_pool *pool);
/* Its table; valid while it lives. */
const struct neap_cluster *neap_local_pool_table(struct neap_local_pool *pool);

#endif
