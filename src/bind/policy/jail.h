/* Calls that may never come back: compiled endless loops, faults.
 *
 * neap_jail_call() runs a function under a budget. When the budget is over,
 * or on SIGSEGV, SIGBUS or SIGFPE inside the call, it returns as if the
 * function had been cut off, by siglongjmp out of a signal handler. What the
 * function worked on (a Lua VM) is garbage then and must be dropped, not
 * closed.
 *
 * The jump is made only when the interrupted instruction belongs to LuaJIT (the
 * library, or a stock `luajit` that has loaded this code as a module) or to
 * memory that is of no object (compiled Lua): anywhere else a lock may be
 * held, or a structure half written. Otherwise the timer is set
 * again for 0.2 ms. So C functions that Lua calls are never cut in two.
 */
#ifndef NEAP_BIND_POLICY_JAIL_H
#define NEAP_BIND_POLICY_JAIL_H

#include <stdint.h>

#include "base/err.h"

struct neap_jail;

enum neap_jail_end {
    NEAP_JAIL_RETURNED = 0,
    NEAP_JAIL_OVERRUN, /* the budget was over */
    NEAP_JAIL_FAULT    /* a signal; see neap_jail_signal */
};

/* A jail for calls on this thread, where it is also destroyed. Owned. NULL:
 * NEAP_EUNAVAILABLE (no timer), NEAP_ENOTSUPPORTED (LuaJIT is linked into one
 * object with this code). */
struct neap_jail *neap_jail_create(struct neap_err *err);
void neap_jail_destroy(struct neap_jail *jail); /* NULL is fine */

/* Run fn(arg) for at most `budget_ns`: half of it on the clock, half of it in
 * processor time, so longer on a machine that is busy. Not from inside another one. */
enum neap_jail_end neap_jail_call(struct neap_jail *jail, int64_t budget_ns,
                                  void (*fn)(void *arg), void *arg);
int neap_jail_signal(const struct neap_jail *jail); /* of the last fault */

#endif
