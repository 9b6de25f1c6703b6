/* Words that the parts of bind/policy share. */
#ifndef NEAP_BIND_POLICY_TYPES_H
#define NEAP_BIND_POLICY_TYPES_H

#include <stddef.h>
#include <stdint.h>

enum neap_policy_kind { NEAP_POLICY_PACK, NEAP_POLICY_PRIORITY };
const char *neap_policy_kind_name(enum neap_policy_kind kind); /* "pack" */

enum neap_policy_state {
    NEAP_POLICY_NONE,
    NEAP_POLICY_ACTIVE,
    NEAP_POLICY_QUARANTINED
};
const char *neap_policy_state_name(enum neap_policy_state state);

/* Called for each failed call of a policy and once for its quarantine, on the
 * loop thread, inside the call. `policy` is "name@digest"; both borrowed. */
typedef void (*neap_policy_error_fn)(void *ctx, const char *policy,
                                     const char *text);

/* Budgets of a call; slow calls are only counted. */
struct neap_policy_limits {
    int64_t slow_ns;  /* default 5 ms */
    int64_t hang_ns;  /* default 50 ms */
    int64_t load_ns;  /* of a load with its checks, default 2 s */
    size_t mem_bytes; /* of a VM, default 64 MiB */
};

#endif
