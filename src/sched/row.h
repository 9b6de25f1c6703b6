/* Tasks and runs as the JSON of docs/design/protocol.md. */
#ifndef NEAP_SCHED_ROW_H
#define NEAP_SCHED_ROW_H

#include "sched/json.h"
#include "sched/run.h"

/* Each appends one object (after neap_json_key, or as an element). */
void neap_row_task(struct neap_json *json, const struct neap_run_task *task,
                   const struct neap_labels *labels);
/* `schema`: NULL, or its first field. */
void neap_row_run(struct neap_json *json, const struct neap_run *run,
                  const char *schema);
void neap_row_attempts(struct neap_json *json, const char *key,
                       const struct neap_run_task *task);
void neap_row_failure(struct neap_json *json, const char *key,
                      const struct neap_failure *failure);
/* Amounts in users' units. Zeros are left out but for cpu and mem, unless
 * `sparse`. */
void neap_row_res(struct neap_json *json, const char *key,
                  const struct neap_res *res, const struct neap_labels *labels,
                  bool sparse);

#endif
