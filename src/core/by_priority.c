/* Reflow's queue: the urgent first, of these the small first, of these the old
 * first. */
#include "core/policy.h"

#define GIB 1073741824.0

static int key(void *ctx, const struct neap_key_view *task,
               double out[NEAP_KEYS_MAX], struct neap_err *err)
{
    (void)ctx;
    (void)err;
    out[0] = task->priority;
    out[1] = task->res.cpu + task->res.mem / (8 * GIB);
    out[2] = task->seq;
    return 3;
}

const struct neap_priority_policy neap_policy_by_priority = {
    .name = "by_priority",
    .key = key,
};
