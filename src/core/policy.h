/* What the scheduler asks of a policy: tables of callbacks. Who writes them
 * (built-in C, Lua in its VM, a spec) the scheduler does not know.
 *
 * A policy only proposes; neap_sched judges each line. It may not keep a
 * pointer of the view beyond the call.
 */
#ifndef NEAP_CORE_POLICY_H
#define NEAP_CORE_POLICY_H

#include <stdbool.h>

#include "base/err.h"
#include "core/view.h"

#define NEAP_KEYS_MAX 8

struct neap_pack_policy {
    const char *name; /* "best_fit", "default@5c1e" */
    void *ctx;
    /* Fill `plan` (use neap_plan_add). Returns 0, or a negative code: the
     * round is then redone by the next policy in the chain. */
    int (*pack)(void *ctx, const struct neap_view *view, struct neap_plan *plan,
                struct neap_err *err);
    /* Why did the policy not put class `c` on alloc `a`, which it fits? Its
     * own words into `out`, "" if it would. May be NULL. On demand only. */
    void (*explain)(void *ctx, const struct neap_view *view, int c, int a,
                    char *out, int size);
    /* 0: an alloc goes exactly when it has been idle for max_idle. Else it is
     * looked at in intervals of so many max_idle only, and goes when it has
     * been idle for longer than that. */
    double idle_tick;
    /* Nobody is helped who waits for long (neap_sched_config's
     * backfill_age_ns): the order is the policy's alone. */
    bool no_hold;
};

/* One task, for its key. Borrowed during the call. */
struct neap_key_view {
    struct neap_amounts res;
    double now, seq, age, expect, rank, input_bytes;
    int32_t priority, attempt, depth, ninputs;
    const char *id, *name, *user, *run;
    const void *labels; /* struct neap_strmap or NULL */
};

struct neap_priority_policy {
    const char *name;
    void *ctx;
    double refresh; /* seconds between re-keying all; 0: once */
    /* Up to 8 numbers, low first; returns how many, or a negative code (also
     * for NaN): the built-in key is then used. Where all numbers are equal the
     * older task is first. A last number that is the task's `seq` costs
     * nothing: tasks that differ in it alone are still one class. */
    int (*key)(void *ctx, const struct neap_key_view *task,
               double key[NEAP_KEYS_MAX], struct neap_err *err);
    /* A task ended; may be NULL. runtime in seconds. */
    void (*ended)(void *ctx, const struct neap_key_view *task, double runtime,
                  int ok);
};

enum { NEAP_PLAN_LINES_MAX = 1 << 18 };

/* Append a line; a full plan grows (neap_alloc'ed). Returns it, zeroed; NULL
 * when there are NEAP_PLAN_LINES_MAX already. */
struct neap_plan_line *neap_plan_add(struct neap_plan *plan);
void neap_plan_deinit(struct neap_plan *plan);

/* The last resort, in C: tasks in queue order, each to the alloc left with
 * the least (cores + mem/8 GiB); what is left over asks for the smallest
 * shapes that hold it; a request that nothing needs any more is cancelled.
 * (Allocs idle for view->max_idle are released by the scheduler itself, after
 * the policy, whatever it is.) */
extern const struct neap_pack_policy neap_policy_best_fit;
/* priority, magnitude, seq (Reflow's queue). */
extern const struct neap_priority_policy neap_policy_by_priority;

#endif
