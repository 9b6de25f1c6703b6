/* A policy's Lua VM: made, asked, dropped. Every way in is guarded by the
 * jail; a VM that was cut off is dead and can only be destroyed. */
#ifndef NEAP_BIND_POLICY_VM_H
#define NEAP_BIND_POLICY_VM_H

#include "bind/policy/jail.h"
#include "bind/policy/source.h"
#include "bind/policy/types.h"
#include "core/policy.h"
#include "core/res.h"

struct neap_vm;

struct neap_vm_config {
    struct neap_jail *jail;
    struct neap_sources *sources;
    const struct neap_labels *labels;
    const char *cdef; /* neap_policy_cdef() */
    size_t mem_bytes;
    int64_t load_ns; /* budget of create, open and check */
};

/* A VM with the driver in it. Owned. `config` is copied, what it points to is
 * borrowed. NULL: NEAP_EEVAL (the driver is broken), NEAP_EUNAVAILABLE. */
struct neap_vm *neap_vm_create(const struct neap_vm_config *config,
                               struct neap_err *err);
void neap_vm_destroy(struct neap_vm *vm); /* NULL is fine */
bool neap_vm_dead(const struct neap_vm *vm);

struct neap_vm_policy {
    enum neap_policy_kind kind;
    const char *path, *text;
    const char *params_json; /* NULL: none */
    /* The saved state of policy `name`; NULL: none. */
    const char *(*state)(void *ctx, const char *name, size_t *ret_len);
    void *ctx;
};

struct neap_vm_opened {
    char name[129];
    char hooks[96];
    double refresh;   /* of a priority policy */
    double idle_tick; /* of a packing policy: see core/policy.h */
    bool no_hold;
};

/* Run the policy's file and its `init`. */
int neap_vm_open(struct neap_vm *vm, const struct neap_vm_policy *policy,
                 struct neap_vm_opened *ret, struct neap_err *err);
/* The conformance cases; afterwards the VM is not to be used for decisions. */
int neap_vm_check(struct neap_vm *vm, enum neap_policy_kind kind,
                  struct neap_err *err);

/* One round. On failure `plan` has the lines that it had before. */
int neap_vm_pack(struct neap_vm *vm, const struct neap_view *view,
                 struct neap_plan *plan, int64_t budget_ns,
                 uint64_t *ret_candidates, struct neap_err *err);
int neap_vm_explain(struct neap_vm *vm, const struct neap_view *view, int c,
                    int a, int64_t budget_ns, char *out, int size,
                    struct neap_err *err);
/* Returns how many numbers. */
int neap_vm_key(struct neap_vm *vm, const struct neap_key_view *task,
                double key[NEAP_KEYS_MAX], int64_t budget_ns,
                struct neap_err *err);
int neap_vm_ended(struct neap_vm *vm, const struct neap_key_view *task,
                  double runtime, int ok, int64_t budget_ns,
                  struct neap_err *err);

/* The policy's state, to be given back to another VM. *ret is owned; NULL if
 * the state is empty. */
int neap_vm_save(struct neap_vm *vm, int64_t budget_ns, char **ret,
                 size_t *ret_len, struct neap_err *err);
/* What it logged since the last time, lines; owned, NULL if nothing. */
char *neap_vm_logs(struct neap_vm *vm, int64_t budget_ns);

#endif
