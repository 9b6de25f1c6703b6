/* What a call into a policy's VM is about. C fills it in, the driver reads it
 * through FFI: so a call passes no arguments, which Lua would have to make
 * room for. */
#ifndef NEAP_BIND_POLICY_CALL_H
#define NEAP_BIND_POLICY_CALL_H

#include "core/policy.h"

/* cdef begin */
struct neap_policy_call {
    const struct neap_view *view;
    struct neap_plan *plan; /* NULL: to explain */
    const struct neap_key_view *key;
    double runtime;               /* of the task that ended, seconds */
    int32_t ok;                   /* did it end well? */
    int32_t class_row, alloc_row; /* to explain */
    int32_t logged; /* set by the driver: there are lines to fetch */
};
/* cdef end */

#endif
