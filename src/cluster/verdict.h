/* How a task ended, from what the shim and the agent saw. Pure. */
#ifndef NEAP_CLUSTER_VERDICT_H
#define NEAP_CLUSTER_VERDICT_H

#include "base/buf.h"
#include "cluster/shim_proto.h"
#include "cluster/wire.h"

/* What the agent did to the task, or saw. */
struct neap_seen {
    bool killed, timed_out;   /* by KILL; over its time */
    bool over_mem, over_disk; /* killed by us for that */
    bool oom;                 /* the kernel killed for memory in its group */
    bool disk_limit;          /* it has a limit of file size */
};

struct neap_verdict {
    enum neap_end_cause cause;
    int exit, signal;
};

struct neap_verdict neap_verdict_of(const struct neap_shim_ended *ended,
                                    const struct neap_seen *seen);

/* If the program could not be executed: the line that a shell would write,
 * with newline, appended to `out`; exit status 127 or 126. Else nothing. */
void neap_verdict_exec_line(const struct neap_shim_ended *ended,
                            const char *program, struct neap_buf *out);

#endif
