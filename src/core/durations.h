/* How long tasks of one name took: a mean and quantiles in a fixed space.
 *
 * A histogram of the logarithm, four buckets to the factor of two: a quantile
 * is right within 10 %. */
#ifndef NEAP_CORE_DURATIONS_H
#define NEAP_CORE_DURATIONS_H

#include <stdint.h>

enum { NEAP_DURATION_BUCKETS = 144 }; /* 1 ms to 2 years */

struct neap_durations {
    double sum_s;
    uint32_t count;
    uint32_t bucket[NEAP_DURATION_BUCKETS];
};

void neap_durations_add(struct neap_durations *d, double seconds);
double neap_durations_mean(const struct neap_durations *d); /* 0: none yet */
/* q in 0 … 1; 0 while there are none. */
double neap_durations_quantile(const struct neap_durations *d, double q);

#endif
