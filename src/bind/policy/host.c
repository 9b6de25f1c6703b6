/* See the header. The policies' tables (core/policy.h) are part of the host,
 * so that they never move; what they point at is one slot for each kind. */
#include "bind/policy/host.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bind/policy/cdef.h"
#include "bind/policy/slot.h"

#define KINDS 2

struct neap_policy_host {
    struct neap_slot_env env;
    struct neap_slot slot[KINDS];
    struct neap_pack_policy pack;
    struct neap_priority_policy priority;
};

static const struct neap_policy_limits default_limits = {
    .slow_ns = 5 * NEAP_MSEC,
    .hang_ns = 50 * NEAP_MSEC,
    .load_ns = 2 * NEAP_SEC,
    .mem_bytes = (size_t)64 << 20,
};

static int call_pack(void *ctx, const struct neap_view *view,
                     struct neap_plan *plan, struct neap_err *err)
{
    return neap_slot_pack(ctx, view, plan, err);
}

static void call_explain(void *ctx, const struct neap_view *view, int c, int a,
                         char *out, int size)
{
    neap_slot_explain(ctx, view, c, a, out, size);
}

static int call_key(void *ctx, const struct neap_key_view *task,
                    double key[NEAP_KEYS_MAX], struct neap_err *err)
{
    return neap_slot_key(ctx, task, key, err);
}

static void call_ended(void *ctx, const struct neap_key_view *task,
                       double runtime, int ok)
{
    neap_slot_ended(ctx, task, runtime, ok);
}

static void init_slots(struct neap_policy_host *host)
{
    for (int i = 0; i < KINDS; i++) {
        host->slot[i].env = &host->env;
        host->slot[i].kind = (enum neap_policy_kind)i;
    }
    host->pack.ctx = &host->slot[NEAP_POLICY_PACK];
    host->pack.pack = call_pack;
    host->pack.explain = call_explain;
    host->priority.ctx = &host->slot[NEAP_POLICY_PRIORITY];
    host->priority.key = call_key;
}

struct neap_policy_host *neap_policy_host_create(const char *lua_path,
                                                 struct neap_labels *labels,
                                                 struct neap_err *err)
{
    struct neap_policy_host *host = NEAP_NEW(struct neap_policy_host);

    host->env.labels = labels;
    host->env.limits = default_limits;
    host->env.cdef = neap_policy_cdef();
    init_slots(host);
    host->env.sources = neap_sources_create(lua_path, err);
    if (!host->env.sources)
        goto fail;
    host->env.jail = neap_jail_create(err);
    if (!host->env.jail)
        goto fail;
    return host;

fail:
    neap_policy_host_destroy(host);
    return NULL;
}

void neap_policy_host_destroy(struct neap_policy_host *host)
{
    if (!host)
        return;
    for (int i = 0; i < KINDS; i++)
        neap_slot_deinit(&host->slot[i]);
    neap_jail_destroy(host->env.jail);
    neap_sources_destroy(host->env.sources);
    neap_states_deinit(&host->env.states);
    neap_free(host->env.cdef);
    neap_free(host);
}

static char *full_name(const char *name, const char *text)
{
    struct sha256_ctx sha;
    uint8_t digest[2];

    sha256_init(&sha);
    sha256_update(&sha, strlen(text), (const uint8_t *)text);
    sha256_digest(&sha, sizeof(digest), digest);
    return neap_format("%s@%02x%02x", name, digest[0], digest[1]);
}

/* Try the policy in a VM that is thrown away afterwards. */
static int check(struct neap_slot *slot, struct neap_err *err)
{
    int rc = neap_slot_open(slot, false, err);

    if (rc == 0) {
        rc = neap_vm_check(slot->vm, slot->kind, err);
        neap_vm_destroy(slot->vm);
        slot->vm = NULL;
    }
    if (rc < 0 && rc != NEAP_EINVAL)
        neap_err_prefix(err, "policy %s", slot->path);
    return rc;
}

static void publish(struct neap_policy_host *host, const struct neap_slot *slot)
{
    if (slot->kind == NEAP_POLICY_PACK) {
        host->pack.name = slot->full_name;
        host->pack.idle_tick = slot->opened.idle_tick;
        host->pack.no_hold = slot->opened.no_hold;
        return;
    }
    host->priority.name = slot->full_name;
    host->priority.refresh = slot->opened.refresh;
    host->priority.ended = strstr(slot->opened.hooks, "on") ? call_ended : NULL;
}

static int load(struct neap_policy_host *host, enum neap_policy_kind kind,
                const char *name_or_path, const char *params_json, bool checked,
                struct neap_err *err)
{
    struct neap_slot *active = &host->slot[kind];
    struct neap_slot loaded = { .env = &host->env, .kind = kind };
    int rc;

    neap_sources_forget(host->env.sources);
    rc = neap_sources_policy(host->env.sources, name_or_path, &loaded.path,
                             &loaded.text, err);
    if (rc < 0)
        return rc;
    loaded.params_json = neap_strdup(params_json);
    rc = checked ? 0 : check(&loaded, err);
    if (rc < 0)
        goto fail;
    neap_slot_save(active);
    rc = neap_slot_open(&loaded, true, err);
    if (rc < 0)
        goto fail;
    loaded.full_name = full_name(loaded.opened.name, loaded.text);
    neap_slot_load(active, &loaded);
    publish(host, active);
    return 0;

fail:
    neap_slot_deinit(&loaded);
    return rc;
}

int neap_policy_host_load(struct neap_policy_host *host,
                          enum neap_policy_kind kind, const char *name_or_path,
                          const char *params_json, struct neap_err *err)
{
    return load(host, kind, name_or_path, params_json, false, err);
}

int neap_policy_host_load_shipped(struct neap_policy_host *host,
                                  struct neap_err *err)
{
    return load(host, NEAP_POLICY_PACK, "default", NULL, true, err);
}

const struct neap_pack_policy *neap_policy_host_pack(
    struct neap_policy_host *host)
{
    return host->slot[NEAP_POLICY_PACK].state == NEAP_POLICY_ACTIVE
               ? &host->pack
               : NULL;
}

const struct neap_priority_policy *neap_policy_host_priority(
    struct neap_policy_host *host)
{
    return host->slot[NEAP_POLICY_PRIORITY].state == NEAP_POLICY_ACTIVE
               ? &host->priority
               : NULL;
}

void neap_policy_host_on_error(struct neap_policy_host *host,
                               neap_policy_error_fn fn, void *ctx)
{
    host->env.on_error = fn;
    host->env.on_error_ctx = ctx;
}

void neap_policy_host_set_limits(struct neap_policy_host *host,
                                 const struct neap_policy_limits *limits)
{
    struct neap_policy_limits *set = &host->env.limits;

    set->slow_ns = limits->slow_ns ? limits->slow_ns : set->slow_ns;
    set->hang_ns = limits->hang_ns ? limits->hang_ns : set->hang_ns;
    set->load_ns = limits->load_ns ? limits->load_ns : set->load_ns;
    set->mem_bytes = limits->mem_bytes ? limits->mem_bytes : set->mem_bytes;
}

static double ratio(int64_t ns, uint64_t count)
{
    return count > 0 ? (double)ns / (double)count : 0;
}

void neap_policy_host_info(const struct neap_policy_host *host,
                           enum neap_policy_kind kind,
                           struct neap_policy_info *ret)
{
    const struct neap_slot *slot = &host->slot[kind];

    ret->state = slot->state;
    ret->name = slot->full_name ? slot->full_name : "";
    ret->path = slot->path ? slot->path : "";
    ret->hooks = slot->opened.hooks;
    ret->last_error = slot->last_error ? slot->last_error : "";
    ret->calls = slot->calls;
    ret->slow = slot->slow;
    ret->errors = slot->errors;
    ret->candidates = slot->candidates;
    ret->mean_ns = ratio(slot->total_ns, slot->calls);
    ret->ns_per_candidate = ratio(slot->placing_ns, slot->candidates);
    ret->strikes = neap_strikes_count(&slot->strikes, neap_clock_mono_ns());
}
