/* What policies keep: `ctx.state` of each name and kind, as text. It outlives
 * the VM, a reload, and a swap to another policy and back. */
#ifndef NEAP_BIND_POLICY_STATES_H
#define NEAP_BIND_POLICY_STATES_H

#include "bind/policy/types.h"

struct neap_saved_state {
    enum neap_policy_kind kind;
    char *name;
    char *text; /* NULL: empty */
    size_t len;
    struct neap_saved_state *next;
};

struct neap_states {
    struct neap_saved_state *first;
};

void neap_states_deinit(struct neap_states *states);
/* `text` is taken; NULL: the state is empty. */
void neap_states_put(struct neap_states *states, enum neap_policy_kind kind,
                     const char *name, char *text, size_t len);
/* Borrowed until the next put of that name; NULL: none. */
const char *neap_states_get(const struct neap_states *states,
                            enum neap_policy_kind kind, const char *name,
                            size_t *ret_len);

#endif
