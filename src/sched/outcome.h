/* The end of an attempt, as an agent reports it, put into the run's store. */
#ifndef NEAP_SCHED_OUTCOME_H
#define NEAP_SCHED_OUTCOME_H

#include "sched/run_task.h"

/* Copy what ENDED says into the attempt, with its failure if it is one. */
void neap_outcome_take(struct neap_run_task *task, struct neap_attempt *attempt,
                       const struct neap_msg *msg);

/* Failures that the engine finds itself; texts are copied. */
struct neap_failure *neap_outcome_failure(struct neap_keep *store,
                                          const char *kind, const char *format,
                                          ...)
    __attribute__((format(printf, 3, 4)));

#endif
