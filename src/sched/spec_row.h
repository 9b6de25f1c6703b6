/* A spec as JSON, as it was sent. */
#ifndef NEAP_SCHED_SPEC_ROW_H
#define NEAP_SCHED_SPEC_ROW_H

#include "sched/json.h"
#include "sched/run_task.h"

/* `res` and `timeout` are those of the next attempt. */
void neap_spec_row(struct neap_json *json, const char *key,
                   const struct neap_run_task *task,
                   const struct neap_labels *labels);

#endif
