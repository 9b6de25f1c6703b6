/* Turning the loop: step, timer, cancel.
 *
 * Callbacks of the loop only queue events; step makes tables of them after
 * the loop has returned, so no Lua error can cross a frame of libuv.
 */
#include <math.h>

#include "base/mem.h"
#include "bind/client/parts.h"

#define WAIT_MAX_S 1e9 /* 30 years; libuv counts in milliseconds */

struct timer_op {
    struct neap_client_op op;
    struct neap_client_event event;
    struct neap_client *client;
    uv_timer_t timer;
};

static uint64_t to_ms(lua_Number seconds)
{
    return (uint64_t)ceil(seconds * 1000);
}

static lua_Number check_seconds(lua_State *L, int arg)
{
    lua_Number seconds = luaL_checknumber(L, arg);

    luaL_argcheck(L, seconds >= 0, arg, "seconds are not negative");
    return fmin(seconds, WAIT_MAX_S);
}

/* --- core.timer ---------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    neap_free(handle->data);
}

static void cancel_timer(struct neap_client_op *op)
{
    struct timer_op *timer = neap_container_of(op, struct timer_op, op);

    uv_close((uv_handle_t *)&timer->timer, on_timer_closed);
}

static void push_timer(lua_State *L, const struct neap_client_event *event)
{
    neap_client_push_event(L, "timer", event->id);
}

static void destroy_timer(struct neap_client_event *event)
{
    struct timer_op *timer = neap_container_of(event, struct timer_op, event);

    uv_close((uv_handle_t *)&timer->timer, on_timer_closed);
}

static void on_timer(uv_timer_t *handle)
{
    struct timer_op *timer = handle->data;

    neap_client_remove(timer->client, &timer->op);
    neap_client_emit(timer->client, &timer->event);
}

/* core.timer(id, seconds) -> true; event { type="timer", id= } */
static int core_timer(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    int64_t id = neap_client_check_id(L, client, 1);
    lua_Number seconds = check_seconds(L, 2);
    struct timer_op *timer = NEAP_NEW(struct timer_op);

    timer->client = client;
    timer->event.id = id;
    timer->event.push = push_timer;
    timer->event.destroy = destroy_timer;
    neap_client_add(client, &timer->op, id, cancel_timer);
    (void)uv_timer_init(&client->loop, &timer->timer);
    timer->timer.data = timer;
    uv_update_time(&client->loop); /* Lua may have computed for long */
    (void)uv_timer_start(&timer->timer, on_timer, to_ms(seconds), 0);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- core.cancel --------------------------------------------------------- */

/* core.cancel(id): no more events of that id; an unknown one is fine */
static int core_cancel(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    lua_Number id = luaL_checknumber(L, 1);

    luaL_argcheck(L, fabs(id) <= 0x1p53, 1, "an id is a whole number");
    neap_client_cancel(client, (int64_t)id);
    return 0;
}

/* --- core.step ------------------------------------------------------------ */

static void on_timeout(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void wait_forever(struct neap_client *client)
{
    while (!client->first && uv_loop_alive(&client->loop))
        (void)uv_run(&client->loop, UV_RUN_ONCE);
}

static void wait_for(struct neap_client *client, lua_Number seconds)
{
    bool expired = false;

    client->step_timer.data = &expired;
    uv_update_time(&client->loop);
    (void)uv_timer_start(&client->step_timer, on_timeout, to_ms(seconds), 0);
    while (!client->first && !expired)
        (void)uv_run(&client->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&client->step_timer);
}

/* The events, oldest first, as a list on the stack. Raises. */
static void push_events(lua_State *L, struct neap_client *client)
{
    int count = 0;

    lua_createtable(L, 4, 0);
    while (client->first) {
        struct neap_client_event *event = client->first;

        event->push(L, event);
        lua_rawseti(L, -2, ++count);
        client->first = event->next;
        if (!client->first)
            client->last = &client->first;
        event->destroy(event);
    }
}

/* core.step(timeout_s or nil) -> list of events
 *
 * Waits until there is an event, at most timeout_s; without a timeout for as
 * long as anything is under way. */
static int core_step(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    lua_Number seconds = lua_isnoneornil(L, 1) ? -1 : check_seconds(L, 1);

    if (client->first || seconds == 0)
        (void)uv_run(&client->loop, UV_RUN_NOWAIT);
    else if (seconds < 0)
        wait_forever(client);
    else
        wait_for(client, seconds);
    push_events(L, client);
    return 1;
}

const luaL_Reg neap_client_step_functions[] = {
    { "step", core_step },
    { "timer", core_timer },
    { "cancel", core_cancel },
    { NULL, NULL },
};
