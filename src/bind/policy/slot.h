/* The active policy of a kind: its text, its VM, what it has done.
 *
 *   NONE ──load──▶ ACTIVE ──3 strikes──▶ QUARANTINED ──load──▶ ACTIVE
 *
 * A VM that was cut off is made anew before the next call, from the same text
 * and the last saved state.
 */
#ifndef NEAP_BIND_POLICY_SLOT_H
#define NEAP_BIND_POLICY_SLOT_H

#include "bind/policy/states.h"
#include "bind/policy/strikes.h"
#include "bind/policy/types.h"
#include "bind/policy/vm.h"

/* What the slots of a host share. */
struct neap_slot_env {
    struct neap_jail *jail;
    struct neap_sources *sources;
    struct neap_labels *labels;
    char *cdef;
    struct neap_states states;
    struct neap_policy_limits limits;
    neap_policy_error_fn on_error;
    void *on_error_ctx;
};

struct neap_slot {
    struct neap_slot_env *env;
    enum neap_policy_kind kind;
    enum neap_policy_state state;
    struct neap_vm *vm; /* NULL: to be made */
    struct neap_vm_opened opened;
    char *path, *text, *params_json;
    char *full_name;  /* "name@digest" */
    char *last_error; /* NULL: none */
    struct neap_strikes strikes;
    uint64_t calls, slow, errors, candidates;
    int64_t total_ns;     /* in calls */
    int64_t placing_ns;   /* in calls with candidates */
    int64_t next_save_ns; /* not before */
};

/* Take over a policy that has passed its checks; all strings are taken. */
void neap_slot_load(struct neap_slot *slot, struct neap_slot *loaded);
void neap_slot_deinit(struct neap_slot *slot);

/* Make the VM and open the policy in it, with its saved state if `with_state`.
 */
int neap_slot_open(struct neap_slot *slot, bool with_state,
                   struct neap_err *err);
/* Keep the policy's state now. */
void neap_slot_save(struct neap_slot *slot);

int neap_slot_pack(struct neap_slot *slot, const struct neap_view *view,
                   struct neap_plan *plan, struct neap_err *err);
void neap_slot_explain(struct neap_slot *slot, const struct neap_view *view,
                       int c, int a, char *out, int size);
int neap_slot_key(struct neap_slot *slot, const struct neap_key_view *task,
                  double key[NEAP_KEYS_MAX], struct neap_err *err);
void neap_slot_ended(struct neap_slot *slot, const struct neap_key_view *task,
                     double runtime, int ok);

#endif
