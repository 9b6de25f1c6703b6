/* The client is a userdata of fixed size; what hangs from it is C memory,
 * which only __gc frees. So a Lua error anywhere leaves nothing behind.
 *
 * Closing cancels every operation and turns the loop until the last close
 * callback and the last pool job are through: a job that reads a file of many
 * gigabytes delays it. In a forked child nothing is touched: the descriptor
 * that the loop waits on is shared with the parent.
 */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "bind/client/parts.h"
#include "io/http.h"

#define CLASS "neap.core.client"

static void close_client(struct neap_client *client)
{
    int rc;

    neap_client_signals_close(client);
    neap_client_engine_close(client);
    neap_client_cancel_all(client);
    neap_http_close(client->http);
    uv_close((uv_handle_t *)&client->step_timer, NULL);
    while (uv_run(&client->loop, UV_RUN_DEFAULT)) /* an event stops it */
        ;
    neap_client_store_close(client);
    rc = uv_loop_close(&client->loop);
    assert(rc == 0); /* a handle was forgotten */
    (void)rc;
}

static int client_gc(lua_State *L)
{
    struct neap_client *client = luaL_checkudata(L, 1, CLASS);

    if (client->open && client->pid == getpid())
        close_client(client);
    client->open = false;
    return 0;
}

struct neap_client *neap_client_push(lua_State *L)
{
    struct neap_client *client = lua_newuserdata(L, sizeof(*client));
    int rc;

    memset(client, 0, sizeof(*client));
    client->last = &client->first;
    client->pid = getpid();
    if (luaL_newmetatable(L, CLASS)) {
        lua_pushcfunction(L, client_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);

    rc = uv_loop_init(&client->loop);
    if (rc < 0)
        luaL_error(L, "neap.core: no event loop: %s", uv_strerror(rc));
    (void)uv_timer_init(&client->loop, &client->step_timer);
    client->open = true;
    return client;
}
