/* The environment of a task. */
#ifndef NEAP_CLUSTER_TASKENV_H
#define NEAP_CLUSTER_TASKENV_H

#include "base/buf.h"
#include "cluster/wire.h"

/* Append "K=V" strings, each with its NUL, to `out`: what every task gets
 * (PATH and the like, the names of the task and its resources, its folders),
 * and what the message adds, which wins. Nothing else is inherited.
 *
 * path:  PATH for the task
 * work:  absolute path of its work directory
 * Returns how many strings.
 */
int neap_taskenv_put(const struct neap_msg *run, const char *path,
                     const char *work, struct neap_buf *out);

/* The amount of a label among the needs; 0 if there is none. */
int64_t neap_taskenv_need(const struct neap_msg *run, const char *label);

#endif
