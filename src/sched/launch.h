/* From a task of a run to the message that starts it. */
#ifndef NEAP_SCHED_LAUNCH_H
#define NEAP_SCHED_LAUNCH_H

#include "sched/run.h"

/* Scratch memory for messages, reused from one to the next. */
struct neap_launch;
struct neap_launch *neap_launch_create(void); /* owned */
void neap_launch_destroy(struct neap_launch *launch);

/* Fill a RUN for the attempt `task->attempt` on `alloc`: commands and
 * environment rendered, inputs looked up in the tasks they come from. The
 * message points into `launch` and the store of the run; valid until the next
 * call. */
void neap_launch_prepare(struct neap_launch *launch,
                         const struct neap_run_task *task, const char *alloc,
                         const struct neap_labels *labels,
                         struct neap_msg *ret);
/* Bytes of all inputs, for the scheduler. Inputs must be known. */
int64_t neap_launch_input_bytes(const struct neap_run_task *task);

#endif
