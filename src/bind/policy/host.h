/* Policies in Lua: one packing and one priority policy at a time, each in a
 * VM of its own that is thrown away when it overruns its budget or faults.
 *
 * Seen from the scheduler they are ordinary policies (core/policy.h): a call
 * that fails returns a negative code, and the round is done by the next policy
 * of the chain. What a policy broke is rebuilt before its next call; its
 * `ctx.state` is kept from the last call that ended well. Three failures
 * within 60 s put it into quarantine until something is loaded again.
 *
 * All functions on the loop thread. The first host of the process installs
 * handlers for SIGSEGV, SIGBUS, SIGFPE and one real-time signal; outside of a
 * policy's call they do what was set before.
 */
#ifndef NEAP_BIND_POLICY_HOST_H
#define NEAP_BIND_POLICY_HOST_H

#include <stdint.h>

#include "base/err.h"
#include "bind/policy/types.h"
#include "core/policy.h"
#include "core/res.h"

struct neap_policy_host;

/* Create a host without policies.
 *
 * lua_path:  folder that holds neap/policy.lua; read now, not later. Policies
 *            are looked up in lua_path/../policies, then in the folders of
 *            NEAP_POLICY_PATH (separated by colons).
 * labels:    borrowed, outlives the host.
 * Returns an owned host, or NULL: NEAP_ENOTEXIST (a Lua file is missing),
 * NEAP_EUNAVAILABLE (no timer). A Lua file that is broken is found by the
 * first load.
 */
struct neap_policy_host *neap_policy_host_create(const char *lua_path,
                                                 struct neap_labels *labels,
                                                 struct neap_err *err);
void neap_policy_host_destroy(struct neap_policy_host *host); /* NULL ok */

/* Check a policy in a clean VM (names, types, parameters, conformance cases),
 * then make it the active one of its kind, out of quarantine.
 *
 * name_or_path:  a name ("default") is looked up; what holds a '/' or ends in
 *                ".lua" is a file.
 * params_json:   an object of parameters, or NULL.
 * Returns 0. On failure the old policy goes on and `err` holds file:line and
 * every problem that there is room for: NEAP_ENOTEXIST, NEAP_EINVAL (params
 * that are no JSON object), NEAP_EEVAL (the policy or its parameters).
 */
int neap_policy_host_load(struct neap_policy_host *host,
                          enum neap_policy_kind kind, const char *name_or_path,
                          const char *params_json, struct neap_err *err);

/* Make the packing policy that comes with neap, with its own parameters, the
 * active one. It is not checked again, which would be most of an engine's
 * start: neap's tests have checked it. */
int neap_policy_host_load_shipped(struct neap_policy_host *host,
                                  struct neap_err *err);

/* The active policy for neap_sched_set_pack / _set_priority; NULL if none was
 * loaded or it is in quarantine. Never moves while the host lives: one that is
 * in quarantine only returns NEAP_EUNAVAILABLE when it is called. */
const struct neap_pack_policy *neap_policy_host_pack(
    struct neap_policy_host *host);
const struct neap_priority_policy *neap_policy_host_priority(
    struct neap_policy_host *host);

/* Told about failures (types.h); NULL: nobody. */
void neap_policy_host_on_error(struct neap_policy_host *host,
                               neap_policy_error_fn fn, void *ctx);

/* 0 keeps what is set. */
void neap_policy_host_set_limits(struct neap_policy_host *host,
                                 const struct neap_policy_limits *limits);

/* What is known of the policy of a kind; strings borrowed until the next load
 * or failure. */
struct neap_policy_info {
    enum neap_policy_state state;
    const char *name;       /* "name@digest"; "" if none */
    const char *path;       /* its file */
    const char *hooks;      /* "cost acquire" */
    const char *last_error; /* "" if none */
    uint64_t calls, slow, errors, candidates;
    double mean_ns;          /* of a call */
    double ns_per_candidate; /* class × alloc pairs of its own; 0 unknown */
    int strikes;             /* within the last 60 s */
};
void neap_policy_host_info(const struct neap_policy_host *host,
                           enum neap_policy_kind kind,
                           struct neap_policy_info *ret);

#endif
