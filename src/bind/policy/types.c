#include "bind/policy/types.h"

const char *neap_policy_kind_name(enum neap_policy_kind kind)
{
    return kind == NEAP_POLICY_PACK ? "pack" : "priority";
}

const char *neap_policy_state_name(enum neap_policy_state state)
{
    static const char *const name[] = { "none", "active", "quarantined" };

    return name[state];
}
