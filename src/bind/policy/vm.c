/* Arguments of the driver's functions travel in `vm->call`, which the driver
 * reads through FFI, so that a call pushes nothing that could fail for lack of
 * memory. What does push (load, open, check) may raise and runs by itself. */
#include "bind/policy/vm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/mem.h"
#include "bind/policy/call.h"
#include "bind/policy/guarded.h"
#include "bind/policy/params.h"
#include "core/strmap.h"

enum entry {
    ENTRY_PACK,
    ENTRY_EXPLAIN,
    ENTRY_KEY,
    ENTRY_ENDED,
    ENTRY_SAVE,
    ENTRY_LOGS,
    ENTRIES
};
static const char *const entry_name[ENTRIES] = { "pack",  "explain", "key",
                                                 "ended", "save",    "logs" };

struct neap_vm {
    struct neap_vm_config config;
    struct neap_guarded guarded;
    int ref[ENTRIES]; /* the driver's functions */
    struct neap_policy_call call;
    struct neap_plan scratch; /* for the checks */
};

/* What a protected load or open works on. */
struct work {
    struct neap_vm *vm;
    const struct neap_vm_policy *policy;
    struct json_t *params;
    struct neap_vm_opened *opened;
};

static int run(struct neap_vm *vm, lua_CFunction fn, struct work *work,
               struct neap_err *err)
{
    work->vm = vm;
    return neap_guarded_run(&vm->guarded, fn, work, vm->config.load_ns, err);
}

/* package.preload[name] = chunk, for each module. Raises. */
static void preload(lua_State *L, const struct neap_sources *sources)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    for (int i = 0; i < sources->count; i++) {
        const struct neap_source_module *m = &sources->module[i];

        lua_pushfstring(L, "@%s", m->path);
        if (luaL_loadbufferx(L, m->text, m->len, lua_tostring(L, -1), "t") != 0)
            lua_error(L);
        lua_setfield(L, -3, m->name);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

/* require(name). Raises. */
static void push_module(lua_State *L, const char *name)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

/* driver.setup { cdef =, call =, label_get =, local_bytes =, plan_add = }.
 * Raises. */
static int load_driver(lua_State *L)
{
    struct work *work = lua_touserdata(L, 1);
    struct neap_vm *vm = work->vm;

    luaL_openlibs(L);
    preload(L, vm->config.sources);
    push_module(L, "neap.driver");
    for (int i = 0; i < ENTRIES; i++) {
        lua_getfield(L, -1, entry_name[i]);
        vm->ref[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_getfield(L, -1, "setup");
    lua_newtable(L);
    lua_pushstring(L, vm->config.cdef);
    lua_setfield(L, -2, "cdef");
    lua_pushlightuserdata(L, &vm->call);
    lua_setfield(L, -2, "call");
    lua_pushlightuserdata(L, (void *)(uintptr_t)neap_strmap_get);
    lua_setfield(L, -2, "label_get");
    lua_pushlightuserdata(L, (void *)(uintptr_t)neap_view_local_bytes);
    lua_setfield(L, -2, "local_bytes");
    lua_pushlightuserdata(L, (void *)(uintptr_t)neap_plan_add);
    lua_setfield(L, -2, "plan_add");
    lua_call(L, 1, 0);
    return 0;
}

struct neap_vm *neap_vm_create(const struct neap_vm_config *config,
                               struct neap_err *err)
{
    struct neap_vm *vm = NEAP_NEW(struct neap_vm);
    struct work work = { .policy = NULL };
    int rc;

    vm->config = *config;
    rc = neap_guarded_init(&vm->guarded, config->jail, config->mem_bytes, err);
    if (rc == 0)
        rc = run(vm, load_driver, &work, err);
    if (rc < 0) {
        neap_err_prefix(err, "the driver of policies");
        neap_vm_destroy(vm);
        return NULL;
    }
    return vm;
}

void neap_vm_destroy(struct neap_vm *vm)
{
    if (!vm)
        return;
    neap_guarded_deinit(&vm->guarded);
    neap_plan_deinit(&vm->scratch);
    neap_free(vm);
}

bool neap_vm_dead(const struct neap_vm *vm)
{
    return !vm->guarded.L;
}

/* ---- open and check ---- */

/* state(name) -> text or nil */
static int give_state(lua_State *L)
{
    const struct neap_vm_policy *policy =
        lua_touserdata(L, lua_upvalueindex(1));
    size_t len = 0;
    const char *text =
        policy->state ? policy->state(policy->ctx, luaL_checkstring(L, 1), &len)
                      : NULL;

    if (!text)
        return 0;
    lua_pushlstring(L, text, len);
    return 1;
}

/* source(name) -> text, path of another policy; or nil, what is wrong */
static int give_source(lua_State *L)
{
    struct neap_vm *vm = lua_touserdata(L, lua_upvalueindex(1));
    const struct neap_source_module *found;
    struct neap_err err;

    found =
        neap_sources_other(vm->config.sources, luaL_checkstring(L, 1), &err);
    if (!found) {
        lua_pushnil(L);
        lua_pushstring(L, err.text);
        return 2;
    }
    lua_pushlstring(L, found->text, found->len);
    lua_pushstring(L, found->path);
    return 2;
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* The argument of driver.open. Raises. */
static void push_open_options(lua_State *L, const struct work *work)
{
    const struct neap_vm_policy *policy = work->policy;

    lua_newtable(L);
    set_text(L, "kind", neap_policy_kind_name(policy->kind));
    set_text(L, "path", policy->path);
    set_text(L, "text", policy->text);
    if (work->params) {
        neap_params_push(L, work->params);
        lua_setfield(L, -2, "params");
    }
    lua_pushlightuserdata(L, (void *)(uintptr_t)policy);
    lua_pushcclosure(L, give_state, 1);
    lua_setfield(L, -2, "state");
    lua_pushlightuserdata(L, work->vm);
    lua_pushcclosure(L, give_source, 1);
    lua_setfield(L, -2, "source");
}

static int open_policy(lua_State *L)
{
    const struct work *work = lua_touserdata(L, 1);
    struct neap_vm_opened *opened = work->opened;

    push_module(L, "neap.driver");
    lua_getfield(L, -1, "open");
    push_open_options(L, work);
    lua_call(L, 1, 5);
    snprintf(opened->name, sizeof(opened->name), "%s", lua_tostring(L, -5));
    snprintf(opened->hooks, sizeof(opened->hooks), "%s", lua_tostring(L, -4));
    opened->refresh = lua_tonumber(L, -3);
    opened->idle_tick = lua_tonumber(L, -2);
    opened->no_hold = !lua_toboolean(L, -1);
    return 0;
}

int neap_vm_open(struct neap_vm *vm, const struct neap_vm_policy *policy,
                 struct neap_vm_opened *ret, struct neap_err *err)
{
    struct neap_vm_opened opened = { .refresh = 0 };
    struct work work = { .policy = policy, .opened = &opened };
    int rc = 0;

    if (policy->params_json)
        rc = neap_params_parse(policy->params_json, &work.params, err);
    if (rc == 0)
        rc = run(vm, open_policy, &work, err);
    neap_params_free(work.params);
    if (rc == 0)
        *ret = opened;
    return rc;
}

/* check.run(kind, driver, plan, names). Raises what is wrong. */
static int check_policy(lua_State *L)
{
    const struct work *work = lua_touserdata(L, 1);
    const struct neap_labels *labels = work->vm->config.labels;

    push_module(L, "neap.policy.check");
    lua_getfield(L, -1, "run");
    lua_pushstring(L, neap_policy_kind_name(work->policy->kind));
    push_module(L, "neap.driver");
    lua_pushlightuserdata(L, &work->vm->scratch);
    lua_createtable(L, labels->count, 0);
    for (int i = 0; i < labels->count; i++) {
        lua_pushstring(L, labels->name[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_call(L, 4, 0);
    return 0;
}

int neap_vm_check(struct neap_vm *vm, enum neap_policy_kind kind,
                  struct neap_err *err)
{
    struct neap_vm_policy policy = { .kind = kind };
    struct work work = { .policy = &policy };

    return run(vm, check_policy, &work, err);
}

/* ---- the driver's functions ---- */

static int enter(struct neap_vm *vm, enum entry entry, int nresults,
                 int64_t budget_ns, struct neap_err *err)
{
    return neap_guarded_call(&vm->guarded, vm->ref[entry], nresults, budget_ns,
                             err);
}

int neap_vm_pack(struct neap_vm *vm, const struct neap_view *view,
                 struct neap_plan *plan, int64_t budget_ns,
                 uint64_t *ret_candidates, struct neap_err *err)
{
    int32_t before = plan->count;
    int rc;

    vm->call.view = view;
    vm->call.plan = plan;
    rc = enter(vm, ENTRY_PACK, 1, budget_ns, err);
    if (rc < 0) {
        plan->count = before;
        return rc;
    }
    *ret_candidates = (uint64_t)lua_tonumber(vm->guarded.L, -1);
    lua_settop(vm->guarded.L, 0);
    return 0;
}

int neap_vm_explain(struct neap_vm *vm, const struct neap_view *view, int c,
                    int a, int64_t budget_ns, char *out, int size,
                    struct neap_err *err)
{
    const char *text;
    int rc;

    vm->call.view = view;
    vm->call.plan = NULL;
    vm->call.class_row = c;
    vm->call.alloc_row = a;
    rc = enter(vm, ENTRY_EXPLAIN, 1, budget_ns, err);
    if (rc < 0)
        return rc;
    text = lua_tostring(vm->guarded.L, -1);
    snprintf(out, (size_t)size, "%s", text ? text : "");
    lua_settop(vm->guarded.L, 0);
    return 0;
}

/* Take the key from the stack, all of which it is. */
static int take_key(lua_State *L, const struct neap_key_view *task,
                    double key[NEAP_KEYS_MAX], struct neap_err *err)
{
    int n = lua_gettop(L);
    double taken[NEAP_KEYS_MAX];

    if (n < 1 || n > NEAP_KEYS_MAX)
        return neap_err_set(err, NEAP_EEVAL,
                            "key() returned %d values for task '%s'; it "
                            "returns 1 to %d numbers",
                            n, task->id, NEAP_KEYS_MAX);
    for (int i = 0; i < n; i++) {
        taken[i] = lua_tonumber(L, i + 1);
        if (lua_type(L, i + 1) != LUA_TNUMBER || isnan(taken[i]))
            return neap_err_set(err, NEAP_EEVAL,
                                "key() gave %s as value %d for task '%s'",
                                lua_type(L, i + 1) == LUA_TNUMBER
                                    ? "nan"
                                    : luaL_typename(L, i + 1),
                                i + 1, task->id);
    }
    memcpy(key, taken, (size_t)n * sizeof(*key));
    return n;
}

int neap_vm_key(struct neap_vm *vm, const struct neap_key_view *task,
                double key[NEAP_KEYS_MAX], int64_t budget_ns,
                struct neap_err *err)
{
    int rc;

    vm->call.key = task;
    rc = enter(vm, ENTRY_KEY, LUA_MULTRET, budget_ns, err);
    if (rc < 0)
        return rc;
    rc = take_key(vm->guarded.L, task, key, err);
    lua_settop(vm->guarded.L, 0);
    return rc;
}

int neap_vm_ended(struct neap_vm *vm, const struct neap_key_view *task,
                  double runtime, int ok, int64_t budget_ns,
                  struct neap_err *err)
{
    vm->call.key = task;
    vm->call.runtime = runtime;
    vm->call.ok = ok;
    return enter(vm, ENTRY_ENDED, 0, budget_ns, err);
}

/* The text on top of the stack, or NULL; the stack is empty afterwards. */
static char *take_text(lua_State *L, size_t *ret_len)
{
    size_t len = 0;
    const char *text = lua_tolstring(L, -1, &len);
    char *copy = NULL;

    if (text) {
        copy = neap_alloc(len + 1);
        memcpy(copy, text, len + 1);
    }
    *ret_len = len;
    lua_settop(L, 0);
    return copy;
}

int neap_vm_save(struct neap_vm *vm, int64_t budget_ns, char **ret,
                 size_t *ret_len, struct neap_err *err)
{
    int rc = enter(vm, ENTRY_SAVE, 1, budget_ns, err);

    if (rc == 0)
        *ret = take_text(vm->guarded.L, ret_len);
    return rc;
}

char *neap_vm_logs(struct neap_vm *vm, int64_t budget_ns)
{
    size_t len;

    if (!vm->guarded.L || !vm->call.logged)
        return NULL;
    vm->call.logged = 0;
    if (enter(vm, ENTRY_LOGS, 1, budget_ns, NULL) < 0)
        return NULL;
    return take_text(vm->guarded.L, &len);
}
