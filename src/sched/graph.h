/* Which task of a run waits for which.
 *
 * Edges only go from older to newer tasks, so there is no cycle to look for.
 */
#ifndef NEAP_SCHED_GRAPH_H
#define NEAP_SCHED_GRAPH_H

#include "sched/run_task.h"

/* Find the tasks that `task` depends on (inputs and `after`), which must be in
 * its run already and have the outputs it names; set deps. NEAP_EINVAL. */
int neap_graph_resolve(struct neap_run_task *task,
                       struct neap_spec_where *where, struct neap_err *err);
/* Make the edges from them, and count those that are not done. */
void neap_graph_link(struct neap_run_task *task);

/* May it be queued? */
bool neap_graph_ready(const struct neap_run_task *task);
/* The dependency because of which it can never run, or NULL. */
struct neap_run_task *neap_graph_broken(const struct neap_run_task *task);

typedef void (*neap_graph_fn)(void *ctx, struct neap_run_task *task);
/* `task` is done: call `ready` for each waiting task that waits no longer. */
void neap_graph_done(struct neap_run_task *task, neap_graph_fn ready,
                     void *ctx);
/* `task` will never be done: call `skip` for each waiting task that depends
 * on it, directly or not, nearest first. `skip` must end it. */
void neap_graph_skip(struct neap_run_task *task, neap_graph_fn skip, void *ctx);

#endif
