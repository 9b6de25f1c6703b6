/* What follows from the end of an attempt. Pure. */
#ifndef NEAP_SCHED_RETRY_H
#define NEAP_SCHED_RETRY_H

#include "sched/run_task.h"

enum neap_verdict {
    NEAP_VERDICT_DONE,
    NEAP_VERDICT_FAILED,
    NEAP_VERDICT_RETRY, /* as `retry` of the spec says */
    NEAP_VERDICT_AGAIN  /* nobody's fault: does not count as a retry */
};

/* Decide, and count in `counts` what was decided.
 *
 * spec:    NULL: no retries.
 * cause:   enum neap_end_cause, not LOST and not KILLED.
 * random:  [0, 1), for the jitter.
 * delay_s: with RETRY and AGAIN, seconds until then.
 */
enum neap_verdict neap_retry_decide(const struct neap_retry_spec *spec,
                                    int cause, int exit,
                                    struct neap_retry_counts *counts,
                                    double random, double *ret_delay_s);

/* Needs and timeout of the next attempt, not over `limit` of the spec. */
void neap_retry_grow(const struct neap_retry_spec *spec, struct neap_res *need,
                     double *timeout_s);

#endif
