/* What /proc says about trees of processes. */
#ifndef NEAP_CLUSTER_PROCFS_H
#define NEAP_CLUSTER_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The processes below `root`, without it, parents first. Owned (neap_free);
 * NULL and *count = 0 if there are none. At most 65 536. */
pid_t *neap_proc_below(pid_t root, int *count);
/* Its own children only. */
pid_t *neap_proc_children(pid_t parent, int *count);

/* Memory in use by the processes below `root`, in bytes. `shared`: count what
 * several of them share for each of them, which is quick and too much; else
 * by its share, which is slow. */
int64_t neap_proc_memory_below(pid_t root, bool shared);

#endif
