/* A Lua state with memory of its own, entered only under the jail's guard.
 *
 * What overruns its budget or faults kills the state: its memory is dropped,
 * and all that can be done with it is neap_guarded_deinit.
 */
#ifndef NEAP_BIND_POLICY_GUARDED_H
#define NEAP_BIND_POLICY_GUARDED_H

#include <lua.h>

#include "bind/policy/arena.h"
#include "bind/policy/jail.h"

struct neap_guarded {
    struct neap_jail *jail; /* borrowed */
    struct neap_arena arena;
    lua_State *L; /* NULL: dead */
};

/* An empty state of at most `mem_bytes`. NEAP_EUNAVAILABLE. */
int neap_guarded_init(struct neap_guarded *g, struct neap_jail *jail,
                      size_t mem_bytes, struct neap_err *err);
void neap_guarded_deinit(struct neap_guarded *g); /* twice is fine */

/* Both return 0, NEAP_EEVAL (a Lua error, its text), NEAP_ETIMEOUT or
 * NEAP_EFATAL (now dead), NEAP_EUNAVAILABLE (it was dead before). */

/* fn(L) with `arg` as the light userdata at index 1; it may raise. The stack
 * is empty afterwards. */
int neap_guarded_run(struct neap_guarded *g, lua_CFunction fn, void *arg,
                     int64_t budget_ns, struct neap_err *err);
/* The function kept as `ref` in the registry, without arguments. Its results
 * stay on the stack, which the caller empties. Pushes nothing that could fail
 * for lack of memory. */
int neap_guarded_call(struct neap_guarded *g, int ref, int nresults,
                      int64_t budget_ns, struct neap_err *err);

#endif
