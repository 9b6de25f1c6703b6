#include "sched/retry.h"

#include <math.h>

#define TRANSFERS_MAX    3
#define TRANSFER_DELAY_S 0.5

static bool wanted(const struct neap_retry_spec *spec, int cause, int exit)
{
    switch (cause) {
    case NEAP_END_EXIT:
    case NEAP_END_SPAWN:
        for (int i = 0; i < spec->nexits; i++) {
            if (spec->exits[i] == exit)
                return true;
        }
        return (spec->on & NEAP_RETRY_EXIT) != 0;
    case NEAP_END_SIGNAL:
        return (spec->on & NEAP_RETRY_SIGNAL) != 0;
    case NEAP_END_OOM:
        return (spec->on & NEAP_RETRY_OOM) != 0;
    case NEAP_END_TIMEOUT:
        return (spec->on & NEAP_RETRY_TIMEOUT) != 0;
    case NEAP_END_OUTPUT:
        return (spec->on & NEAP_RETRY_OUTPUT) != 0;
    default:
        return false;
    }
}

static double delay(const struct neap_retry_spec *spec, int retries,
                    double random)
{
    double s = spec->delay_s * pow(spec->factor, retries - 1);

    if (s > spec->max_delay_s)
        s = spec->max_delay_s;
    return s * (1 + spec->jitter * (2 * random - 1));
}

enum neap_verdict neap_retry_decide(const struct neap_retry_spec *spec,
                                    int cause, int exit,
                                    struct neap_retry_counts *counts,
                                    double random, double *ret_delay_s)
{
    *ret_delay_s = 0;
    if (cause == NEAP_END_EXIT && exit == 0)
        return NEAP_VERDICT_DONE;
    if (cause == NEAP_END_INTEGRITY && counts->integrity < 1) {
        counts->integrity++;
        return NEAP_VERDICT_AGAIN;
    }
    if ((cause == NEAP_END_STAGE || cause == NEAP_END_STORE) &&
        counts->transfers < TRANSFERS_MAX) {
        *ret_delay_s = TRANSFER_DELAY_S * (1 << counts->transfers++);
        return NEAP_VERDICT_AGAIN;
    }
    if (spec == NULL || counts->retries >= spec->max ||
        !wanted(spec, cause, exit))
        return NEAP_VERDICT_FAILED;
    counts->retries++;
    *ret_delay_s = delay(spec, counts->retries, random);
    return NEAP_VERDICT_RETRY;
}

void neap_retry_grow(const struct neap_retry_spec *spec, struct neap_res *need,
                     double *timeout_s)
{
    if (*timeout_s > 0 && spec->grow_timeout > 0)
        *timeout_s *= spec->grow_timeout;
    for (int i = 0; i < spec->ngrow; i++) {
        int label = spec->grow[i].label;
        int64_t limit = spec->limit != NULL ? spec->limit->v[label] : 0;
        double grown = (double)need->v[label] * spec->grow[i].factor;

        if (limit > 0 && grown > (double)limit)
            grown = (double)limit;
        /* past 2^62 it is nonsense anyway, and must not overflow */
        if (grown < 4e18 && (int64_t)grown > need->v[label])
            need->v[label] = (int64_t)grown;
    }
}
