#include "bind/policy/slot.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* A large round may take longer: so much more for each class × alloc, and for
 * each task that waits. */
#define HANG_NS_PER_PAIR 20
#define HANG_NS_PER_TASK 200
/* Saving the state may take a twentieth of the time. */
#define SAVE_SHARE 20

void neap_slot_deinit(struct neap_slot *slot)
{
    neap_vm_destroy(slot->vm);
    neap_free(slot->path);
    neap_free(slot->text);
    neap_free(slot->params_json);
    neap_free(slot->full_name);
    neap_free(slot->last_error);
    slot->vm = NULL;
    slot->path = slot->text = slot->params_json = NULL;
    slot->full_name = slot->last_error = NULL;
    slot->state = NEAP_POLICY_NONE;
}

void neap_slot_load(struct neap_slot *slot, struct neap_slot *loaded)
{
    neap_slot_deinit(slot);
    *slot = *loaded;
    slot->state = NEAP_POLICY_ACTIVE;
}

static const char *saved_state(void *ctx, const char *name, size_t *ret_len)
{
    const struct neap_slot *slot = ctx;

    return neap_states_get(&slot->env->states, slot->kind, name, ret_len);
}

int neap_slot_open(struct neap_slot *slot, bool with_state,
                   struct neap_err *err)
{
    const struct neap_slot_env *env = slot->env;
    struct neap_vm_config config = { .jail = env->jail,
                                     .sources = env->sources,
                                     .labels = env->labels,
                                     .cdef = env->cdef,
                                     .mem_bytes = env->limits.mem_bytes,
                                     .load_ns = env->limits.load_ns };
    struct neap_vm_policy policy = { .kind = slot->kind,
                                     .path = slot->path,
                                     .text = slot->text,
                                     .params_json = slot->params_json,
                                     .state = with_state ? saved_state : NULL,
                                     .ctx = slot };
    struct neap_vm *vm = neap_vm_create(&config, err);
    int rc;

    if (!vm)
        return NEAP_EUNAVAILABLE;
    rc = neap_vm_open(vm, &policy, &slot->opened, err);
    if (rc < 0) {
        neap_vm_destroy(vm);
        return rc;
    }
    slot->vm = vm;
    return 0;
}

static void tell(struct neap_slot *slot, const char *text)
{
    const struct neap_slot_env *env = slot->env;

    if (env->on_error)
        env->on_error(env->on_error_ctx, slot->full_name, text);
}

static void quarantine(struct neap_slot *slot)
{
    char text[160];

    slot->state = NEAP_POLICY_QUARANTINED;
    neap_vm_destroy(slot->vm);
    slot->vm = NULL;
    snprintf(text, sizeof(text),
             "failed %d times within 60 s and is in quarantine: the built-in "
             "%s policy decides",
             NEAP_STRIKES,
             slot->kind == NEAP_POLICY_PACK ? "best_fit" : "by_priority");
    tell(slot, text);
}

/* A call has failed with `rc`: count it, tell, drop a dead VM. */
static int failed(struct neap_slot *slot, int rc, const struct neap_err *why,
                  struct neap_err *err)
{
    if (slot->vm && neap_vm_dead(slot->vm)) {
        neap_vm_destroy(slot->vm);
        slot->vm = NULL;
    }
    slot->errors++;
    neap_free(slot->last_error);
    slot->last_error = neap_strdup(why->text);
    tell(slot, why->text);
    if (neap_strikes_add(&slot->strikes, neap_clock_mono_ns()))
        quarantine(slot);
    return neap_err_set(err, rc, "policy %s: %s", slot->full_name, why->text);
}

static int ready(struct neap_slot *slot, struct neap_err *err)
{
    struct neap_err why;
    int rc;

    if (slot->state != NEAP_POLICY_ACTIVE)
        return neap_err_set(err, NEAP_EUNAVAILABLE, "policy %s is %s",
                            slot->full_name ? slot->full_name : "",
                            neap_policy_state_name(slot->state));
    if (slot->vm)
        return 0;
    rc = neap_slot_open(slot, true, &why);
    return rc < 0 ? failed(slot, rc, &why, err) : 0;
}

static void log_lines(struct neap_slot *slot)
{
    char *text = neap_vm_logs(slot->vm, slot->env->limits.hang_ns);
    char *rest = text;
    char *line;

    while (rest && (line = strsep(&rest, "\n")))
        neap_log(NEAP_INFO, "policy %s: %s", slot->full_name, line);
    neap_free(text);
}

static int64_t count_call(struct neap_slot *slot, int64_t start_ns)
{
    int64_t took_ns = neap_clock_mono_ns() - start_ns;

    slot->calls++;
    slot->total_ns += took_ns;
    slot->slow += took_ns > slot->env->limits.slow_ns;
    return took_ns;
}

static int save(struct neap_slot *slot, struct neap_err *why)
{
    int64_t start_ns = neap_clock_mono_ns();
    char *text = NULL;
    size_t len = 0;
    int rc =
        neap_vm_save(slot->vm, slot->env->limits.hang_ns, &text, &len, why);

    if (rc < 0)
        return rc;
    neap_states_put(&slot->env->states, slot->kind, slot->opened.name, text,
                    len);
    slot->next_save_ns = neap_clock_mono_ns();
    slot->next_save_ns += SAVE_SHARE * (slot->next_save_ns - start_ns);
    return 0;
}

void neap_slot_save(struct neap_slot *slot)
{
    struct neap_err why;
    int rc = slot->vm ? save(slot, &why) : 0;

    if (rc < 0)
        (void)failed(slot, rc, &why, NULL);
}

/* After a call that may have changed the state. */
static void after(struct neap_slot *slot)
{
    log_lines(slot);
    if (slot->vm && neap_clock_mono_ns() >= slot->next_save_ns)
        neap_slot_save(slot);
}

int neap_slot_pack(struct neap_slot *slot, const struct neap_view *view,
                   struct neap_plan *plan, struct neap_err *err)
{
    int64_t budget_ns =
        slot->env->limits.hang_ns +
        HANG_NS_PER_PAIR * view->nclasses * (int64_t)view->nallocs +
        HANG_NS_PER_TASK * (int64_t)view->queue_len;
    uint64_t candidates = 0;
    struct neap_err why;
    int64_t start_ns, took_ns;
    int rc = ready(slot, err);

    if (rc < 0)
        return rc;
    start_ns = neap_clock_mono_ns();
    rc = neap_vm_pack(slot->vm, view, plan, budget_ns, &candidates, &why);
    took_ns = count_call(slot, start_ns);
    if (rc < 0)
        return failed(slot, rc, &why, err);
    if (candidates > 0) {
        slot->candidates += candidates;
        slot->placing_ns += took_ns;
    }
    after(slot);
    return 0;
}

void neap_slot_explain(struct neap_slot *slot, const struct neap_view *view,
                       int c, int a, char *out, int size)
{
    struct neap_err why;
    int rc;

    out[0] = '\0';
    if (ready(slot, NULL) < 0)
        return;
    rc = neap_vm_explain(slot->vm, view, c, a, slot->env->limits.hang_ns, out,
                         size, &why);
    if (rc < 0) {
        snprintf(out, (size_t)size, "failed: %s", why.text);
        (void)failed(slot, rc, &why, NULL);
    }
}

int neap_slot_key(struct neap_slot *slot, const struct neap_key_view *task,
                  double key[NEAP_KEYS_MAX], struct neap_err *err)
{
    struct neap_err why;
    int64_t start_ns;
    int rc = ready(slot, err);

    if (rc < 0)
        return rc;
    start_ns = neap_clock_mono_ns();
    rc = neap_vm_key(slot->vm, task, key, slot->env->limits.hang_ns, &why);
    (void)count_call(slot, start_ns);
    if (rc < 0)
        return failed(slot, rc, &why, err);
    log_lines(slot);
    return rc;
}

void neap_slot_ended(struct neap_slot *slot, const struct neap_key_view *task,
                     double runtime, int ok)
{
    struct neap_err why;
    int64_t start_ns;
    int rc;

    if (ready(slot, NULL) < 0)
        return;
    start_ns = neap_clock_mono_ns();
    rc = neap_vm_ended(slot->vm, task, runtime, ok, slot->env->limits.hang_ns,
                       &why);
    (void)count_call(slot, start_ns);
    if (rc < 0)
        (void)failed(slot, rc, &why, NULL);
    else
        after(slot);
}
