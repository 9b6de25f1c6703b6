#include "bind/policy/strikes.h"

bool neap_strikes_add(struct neap_strikes *strikes, int64_t now_ns)
{
    strikes->at_ns[strikes->next] = now_ns;
    strikes->next = (strikes->next + 1) % NEAP_STRIKES;
    return neap_strikes_count(strikes, now_ns) == NEAP_STRIKES;
}

int neap_strikes_count(const struct neap_strikes *strikes, int64_t now_ns)
{
    int n = 0;

    for (int i = 0; i < NEAP_STRIKES; i++) {
        if (strikes->at_ns[i] != 0 &&
            now_ns - strikes->at_ns[i] <= NEAP_STRIKES_NS)
            n++;
    }
    return n;
}
