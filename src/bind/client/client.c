/* The table of operations, and the queue of events. All of it is C memory that
 * hangs from the client, so a Lua error anywhere leaves nothing behind. */
#include "bind/client/client.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct error_event {
    struct neap_client_event event;
    const char *type;
    struct neap_err err;
};

/* --- Operations --------------------------------------------------------- */

static struct neap_client_op **find_slot(struct neap_client *client, int64_t id)
{
    struct neap_client_op **at =
        &client->ops[(uint64_t)id % NEAP_CLIENT_OP_SLOTS];

    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

int64_t neap_client_check_id(lua_State *L, struct neap_client *client, int arg)
{
    lua_Number number = luaL_checknumber(L, arg);

    luaL_argcheck(L, floor(number) == number && fabs(number) <= 0x1p53, arg,
                  "an id is a whole number");
    if (*find_slot(client, (int64_t)number))
        luaL_argerror(L, arg, "id is in use");
    return (int64_t)number;
}

void neap_client_add(struct neap_client *client, struct neap_client_op *op,
                     int64_t id, void (*cancel)(struct neap_client_op *op))
{
    struct neap_client_op **slot = find_slot(client, id);

    assert(!*slot);
    op->next = NULL;
    op->id = id;
    op->cancel = cancel;
    *slot = op;
}

void neap_client_remove(struct neap_client *client, struct neap_client_op *op)
{
    struct neap_client_op **slot = find_slot(client, op->id);

    assert(*slot == op);
    *slot = op->next;
}

static void drop_events(struct neap_client *client, int64_t id)
{
    struct neap_client_event **at = &client->first;

    while (*at) {
        struct neap_client_event *event = *at;

        if (event->id != id) {
            at = &event->next;
            continue;
        }
        *at = event->next;
        event->destroy(event);
    }
    client->last = at;
}

void neap_client_cancel(struct neap_client *client, int64_t id)
{
    struct neap_client_op **slot = find_slot(client, id);
    struct neap_client_op *op = *slot;

    drop_events(client, id);
    if (!op)
        return; /* it has ended */
    *slot = op->next;
    op->cancel(op);
}

void neap_client_cancel_all(struct neap_client *client)
{
    for (size_t i = 0; i < NEAP_CLIENT_OP_SLOTS; i++) {
        while (client->ops[i])
            neap_client_cancel(client, client->ops[i]->id);
    }
    while (client->first) {
        struct neap_client_event *event = client->first;

        client->first = event->next;
        event->destroy(event);
    }
    client->last = &client->first;
}

/* --- Events -------------------------------------------------------------- */

void neap_client_emit(struct neap_client *client,
                      struct neap_client_event *event)
{
    event->next = NULL;
    *client->last = event;
    client->last = &event->next;
    /* timers run before the loop sleeps: it must not sleep any more */
    uv_stop(&client->loop);
}

void neap_client_push_event(lua_State *L, const char *type, int64_t id)
{
    lua_createtable(L, 0, 8);
    lua_pushstring(L, type);
    lua_setfield(L, -2, "type");
    if (id != NEAP_CLIENT_NO_ID) {
        lua_pushnumber(L, (lua_Number)id);
        lua_setfield(L, -2, "id");
    }
}

static void push_error(lua_State *L, const struct neap_client_event *event)
{
    const struct error_event *error =
        neap_container_of(event, struct error_event, event);

    neap_client_push_event(L, error->type, event->id);
    lua_pushstring(L, error->err.text);
    lua_setfield(L, -2, "error");
    lua_pushstring(L, neap_kind_name(error->err.kind));
    lua_setfield(L, -2, "code");
}

static void destroy_error(struct neap_client_event *event)
{
    neap_free(neap_container_of(event, struct error_event, event));
}

void neap_client_emit_error(struct neap_client *client, const char *type,
                            int64_t id, const struct neap_err *err)
{
    struct error_event *error = NEAP_NEW(struct error_event);

    error->event.id = id;
    error->event.push = push_error;
    error->event.destroy = destroy_error;
    error->type = type;
    error->err = *err;
    neap_client_emit(client, &error->event);
}

/* --- Arguments and results ---------------------------------------------- */

const char *neap_client_check_path(lua_State *L, int arg)
{
    size_t len;
    const char *path = luaL_checklstring(L, arg, &len);

    luaL_argcheck(L, len > 0, arg, "a path is not empty");
    luaL_argcheck(L, strlen(path) == len, arg, "a path has no NUL byte");
    return path;
}

int neap_client_fail(lua_State *L, const struct neap_err *err)
{
    lua_pushnil(L);
    lua_pushstring(L, err->text);
    lua_pushstring(L, neap_kind_name(err->kind));
    return 3;
}

struct neap_client *neap_client_get(lua_State *L)
{
    struct neap_client *client = lua_touserdata(L, lua_upvalueindex(1));

    if (!client->open)
        luaL_error(L, "neap.core: this Lua state is being closed");
    if (client->pid != getpid())
        luaL_error(L, "neap.core: not in a forked child; "
                      "start a new Lua state there");
    return client;
}
