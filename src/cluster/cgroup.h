/* Control groups: one below our own for the agent, in it one per slot.
 *
 * A shim joins the group of its slot once; its tasks are born there. Limits
 * are written when they change. Blocking, but cheap.
 */
#ifndef NEAP_CLUSTER_CGROUP_H
#define NEAP_CLUSTER_CGROUP_H

#include <stdint.h>

#include "base/err.h"

enum neap_cgroup_mode {
    NEAP_CGROUP_AUTO, /* the first of the following that works */
    NEAP_CGROUP_V2,
    NEAP_CGROUP_V1,
    NEAP_CGROUP_NONE
};
/* "auto", "v2", "v1", "none"; -1 if `name` is none of them. */
int neap_cgroup_mode_parse(const char *name);
const char *neap_cgroup_mode_name(enum neap_cgroup_mode mode);

struct neap_cgroups;
struct neap_cgroup; /* of a slot */

/* Make the agent's group and remove those that dead agents left.
 *
 * root:  folder that stands for our own group (tests); NULL: find it
 * Returns NEAP_ENOTSUPPORTED if `mode` demands what is not there or not
 * allowed; AUTO never fails.
 */
int neap_cgroups_open(enum neap_cgroup_mode mode, const char *root,
                      struct neap_cgroups **ret, struct neap_err *err);
/* Remove the agent's group; its slots have been closed. NULL is fine. */
void neap_cgroups_close(struct neap_cgroups *groups);
/* V2, V1 or NONE. */
enum neap_cgroup_mode neap_cgroups_mode(const struct neap_cgroups *groups);

/* A group for slot `number`; NULL in mode NONE, and all functions below take
 * that. */
int neap_cgroup_open(struct neap_cgroups *groups, int number,
                     struct neap_cgroup **ret, struct neap_err *err);
void neap_cgroup_close(struct neap_cgroup *group);
/* The file to join by, number `i`; NULL behind the last one. Borrowed. */
const char *neap_cgroup_procs(const struct neap_cgroup *group, int i);
/* mem: bytes, 0 for no limit; cpu: 1/1000 cores, for its share. Written only
 * if changed. */
int neap_cgroup_limit(struct neap_cgroup *group, int64_t mem, int64_t cpu,
                      struct neap_err *err);
/* How often the kernel has killed for memory since the last call. */
int64_t neap_cgroup_oom_kills(struct neap_cgroup *group);

#endif
