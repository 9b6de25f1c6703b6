/* Tasks that are added to a run. */
#ifndef NEAP_SCHED_RUN_ADD_H
#define NEAP_SCHED_RUN_ADD_H

#include "sched/run.h"

/* Is there something wrong with a task that only the engine can know? 0, or a
 * negative code with `where` and `err` filled. */
typedef int (*neap_run_check_fn)(void *ctx, const struct neap_spec *spec,
                                 struct neap_spec_where *where,
                                 struct neap_err *err);

/* Add tasks (a JSON list of SPEC): all or none. Each may depend on tasks of
 * the run and on those before it in the list, so that there are no cycles.
 * Returns how many; NEAP_EINVAL: `ret_at` is the index in the list (-1: the
 * list itself) and `where` the field. `check` (may be NULL) is called for each
 * one. The new ones are in state waiting, with
 * their edges made; neap_graph says which are ready. */
int neap_run_add(struct neap_run *run, const json_t *list,
                 struct neap_labels *labels, int64_t wall_ns,
                 neap_run_check_fn check, void *ctx, int *ret_at,
                 struct neap_spec_where *where, struct neap_err *err);

#endif
