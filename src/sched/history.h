/* What stays of a run: STATE/runs/rN.jsonl (docs/design/architecture.md). */
#ifndef NEAP_SCHED_HISTORY_H
#define NEAP_SCHED_HISTORY_H

#include "sched/run.h"

struct neap_history;

/* The next run number of this state folder, which is made if needed; the
 * counter file is locked meanwhile. Returns it, or a negative code. */
int neap_history_next_run(const char *state, struct neap_err *err);

/* Begin the file of a run: its first line is the run as it is now. Owned. */
int neap_history_open(const char *state, const struct neap_run *run,
                      struct neap_history **ret, struct neap_err *err);
/* A line per ended task; written out every second or 64 KiB. */
void neap_history_task(struct neap_history *history,
                       const struct neap_run_task *task,
                       const struct neap_labels *labels, int64_t now_ns);
/* The last line: the run with its end. */
void neap_history_close(struct neap_history *history,
                        const struct neap_run *run);

#endif
