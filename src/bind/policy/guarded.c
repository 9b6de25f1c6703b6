#include "bind/policy/guarded.h"

#include <signal.h>

#include "base/clock.h"

struct entry {
    lua_State *L;
    lua_CFunction fn; /* NULL: the function `ref` */
    void *arg;
    int ref, nresults;
    int status; /* of lua_pcall or lua_cpcall */
};

static void jailed_entry(void *arg)
{
    struct entry *entry = arg;

    if (entry->fn) {
        entry->status = lua_cpcall(entry->L, entry->fn, entry->arg);
        return;
    }
    lua_rawgeti(entry->L, LUA_REGISTRYINDEX, entry->ref);
    entry->status = lua_pcall(entry->L, 0, entry->nresults, 0);
}

static const char *signal_text(int sig)
{
    return sig == SIGSEGV ? "SIGSEGV" : sig == SIGBUS ? "SIGBUS" : "SIGFPE";
}

/* The state is garbage now: only its memory can be taken back. */
static int killed(struct neap_guarded *g, enum neap_jail_end end,
                  int64_t budget_ns, struct neap_err *err)
{
    g->L = NULL;
    neap_arena_deinit(&g->arena);
    if (end == NEAP_JAIL_OVERRUN)
        return neap_err_set(err, NEAP_ETIMEOUT,
                            "ran for more than %lld ms and was stopped",
                            (long long)(budget_ns / NEAP_MSEC));
    return neap_err_set(err, NEAP_EFATAL, "crashed (%s) and was stopped",
                        signal_text(neap_jail_signal(g->jail)));
}

static int lua_failed(lua_State *L, struct neap_err *err)
{
    const char *text = lua_type(L, -1) == LUA_TSTRING
                           ? lua_tostring(L, -1)
                           : "it raised an error that is no text";
    int rc = neap_err_set(err, NEAP_EEVAL, "%s", text);

    lua_settop(L, 0);
    return rc;
}

static int enter(struct neap_guarded *g, struct entry *entry, int64_t budget_ns,
                 struct neap_err *err)
{
    enum neap_jail_end end;

    if (!g->L)
        return neap_err_set(err, NEAP_EUNAVAILABLE, "its VM was stopped");
    entry->L = g->L;
    end = neap_jail_call(g->jail, budget_ns, jailed_entry, entry);
    if (end != NEAP_JAIL_RETURNED)
        return killed(g, end, budget_ns, err);
    return entry->status == 0 ? 0 : lua_failed(g->L, err);
}

int neap_guarded_run(struct neap_guarded *g, lua_CFunction fn, void *arg,
                     int64_t budget_ns, struct neap_err *err)
{
    struct entry entry = { .fn = fn, .arg = arg };
    int rc = enter(g, &entry, budget_ns, err);

    if (rc == 0)
        lua_settop(g->L, 0);
    return rc;
}

int neap_guarded_call(struct neap_guarded *g, int ref, int nresults,
                      int64_t budget_ns, struct neap_err *err)
{
    struct entry entry = { .ref = ref, .nresults = nresults };

    return enter(g, &entry, budget_ns, err);
}

int neap_guarded_init(struct neap_guarded *g, struct neap_jail *jail,
                      size_t mem_bytes, struct neap_err *err)
{
    int rc = neap_arena_init(&g->arena, mem_bytes);

    g->jail = jail;
    g->L = NULL;
    if (rc < 0)
        return neap_err_errno(err, -rc, "memory for a policy");
    g->L = lua_newstate(neap_arena_alloc, &g->arena);
    if (!g->L) {
        neap_arena_deinit(&g->arena);
        return neap_err_set(err, NEAP_EUNAVAILABLE,
                            "no memory for a policy's VM");
    }
    return 0;
}

/* The arena would take all memory back; lua_close also returns the machine
 * code, which is not in it. A policy's finalizers may loop: so it is jailed. */
static void jailed_close(void *L)
{
    lua_close(L);
}

void neap_guarded_deinit(struct neap_guarded *g)
{
    if (g->L)
        (void)neap_jail_call(g->jail, NEAP_SEC, jailed_close, g->L);
    g->L = NULL;
    neap_arena_deinit(&g->arena);
}
