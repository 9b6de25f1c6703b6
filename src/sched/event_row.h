/* Events as the JSON of docs/design/protocol.md. */
#ifndef NEAP_SCHED_EVENT_ROW_H
#define NEAP_SCHED_EVENT_ROW_H

#include "sched/run.h"

/* Append event `seq` (1 … count) as one JSON object. */
void neap_event_format(const struct neap_run *run, int64_t seq,
                       const struct neap_labels *labels, struct neap_buf *out);

#endif
