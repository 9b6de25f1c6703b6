/* Failures of a policy: too many in a short time put it aside. */
#ifndef NEAP_BIND_POLICY_STRIKES_H
#define NEAP_BIND_POLICY_STRIKES_H

#include <stdbool.h>
#include <stdint.h>

#define NEAP_STRIKES    3
#define NEAP_STRIKES_NS (INT64_C(60) * 1000 * 1000 * 1000)

struct neap_strikes {
    int64_t at_ns[NEAP_STRIKES]; /* the latest ones; 0: none */
    int next;
};

/* Note a failure; true if that makes NEAP_STRIKES within NEAP_STRIKES_NS. */
bool neap_strikes_add(struct neap_strikes *strikes, int64_t now_ns);
/* How many count at `now_ns`. */
int neap_strikes_count(const struct neap_strikes *strikes, int64_t now_ns);

#endif
