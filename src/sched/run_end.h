/* How a run ends. */
#ifndef NEAP_SCHED_RUN_END_H
#define NEAP_SCHED_RUN_END_H

#include "sched/run.h"

/* The script is over: the run ends in `state` when its tasks have. `error`:
 * JSON object or NULL; copied. A second end is ignored. */
void neap_run_script_ended(struct neap_run *run, enum neap_run_state state,
                           const char *error);
/* If the script and every task are over: the run is, its log and its record
 * say so, and nothing will be added to them. */
void neap_run_check_end(struct neap_run *run);

#endif
