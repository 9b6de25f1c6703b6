#include "core/durations.h"

#include <math.h>

#define FIRST_S    0.001
#define PER_DOUBLE 4

static int bucket_of(double seconds)
{
    double place;

    if (!(seconds > FIRST_S))
        return 0;
    place = log2(seconds / FIRST_S) * PER_DOUBLE;
    return place < NEAP_DURATION_BUCKETS - 1 ? (int)place
                                             : NEAP_DURATION_BUCKETS - 1;
}

void neap_durations_add(struct neap_durations *d, double seconds)
{
    if (!(seconds >= 0))
        seconds = 0;
    d->sum_s += seconds;
    d->count++;
    d->bucket[bucket_of(seconds)]++;
}

double neap_durations_mean(const struct neap_durations *d)
{
    return d->count != 0 ? d->sum_s / d->count : 0;
}

double neap_durations_quantile(const struct neap_durations *d, double q)
{
    double wanted = ceil(q * d->count);
    double seen = 0;

    if (d->count == 0)
        return 0;
    for (int i = 0; i < NEAP_DURATION_BUCKETS; i++) {
        seen += d->bucket[i];
        if (seen >= wanted && seen > 0)
            return FIRST_S * exp2((i + 0.5) / PER_DOUBLE);
    }
    return 0;
}
