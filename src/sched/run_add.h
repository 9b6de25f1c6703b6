/* Tasks that are added to a run. */
#ifndef NEAP_SCHED_RUN_ADD_H
#define NEAP_SCHED_RUN_ADD_H

#include "sched/run.h"

/* Add tasks (a JSON list of SPEC): all or none. Each may depend on tasks of
 * the run and on those before it in the list, so that there are no cycles.
 * Returns how many; NEAP_EINVAL: `ret_at` is the index in the list (-1: the
 * list itself) and `where` the field. The new ones are in state waiting, with
 * their edges made; neap_graph says which are ready. */
int neap_run_add(struct neap_run *run, const json_t *list,
                 struct neap_labels *labels, int64_t wall_ns, int *ret_at,
                 struct neap_spec_where *where, struct neap_err *err);

#endif
