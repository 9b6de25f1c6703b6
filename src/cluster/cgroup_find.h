/* Where this process stands in the hierarchies of control groups. */
#ifndef NEAP_CLUSTER_CGROUP_FIND_H
#define NEAP_CLUSTER_CGROUP_FIND_H

#include "base/err.h"

/* Our own groups, as paths of folders; NULL: there is none. Owned. */
struct neap_cgroup_paths {
    char *v2;
    char *v1_memory, *v1_cpu;
};

/* From the texts of /proc/self/cgroup and /proc/self/mountinfo. Pure. */
void neap_cgroup_paths_parse(const char *cgroup, const char *mountinfo,
                             struct neap_cgroup_paths *ret);
/* Of this process. */
void neap_cgroup_paths_find(struct neap_cgroup_paths *ret);
void neap_cgroup_paths_deinit(struct neap_cgroup_paths *paths);

#endif
