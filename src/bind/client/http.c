/* Requests to an engine: http collects an answer, sse follows a stream.
 *
 * The events of a stream that came in one turn of the loop travel as one
 * event of step (`batch`): a burst of ten thousand costs one table and ten
 * thousand strings.
 */
#include "io/http.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bind/client/parts.h"
#include "io/sse.h"

#define BODY_MAX       (64u << 20) /* of an answer, and of a request */
#define ERROR_BODY_MAX (1u << 20)  /* of a refusal to stream */
#define SSE_EVENT_MAX  (16u << 20)

static int need_http(struct neap_client *client, struct neap_err *err)
{
    if (client->http)
        return 0;
    return neap_http_open(&client->loop, &client->http, err);
}

/* --- core.http ------------------------------------------------------------ */

struct call_op {
    struct neap_client_op op;
    struct neap_client_event event;
    struct neap_client *client;
    struct neap_http_call *call;
    int status;
    struct neap_buf body, headers; /* moved out of the reply */
};

static void destroy_call(struct neap_client_event *event)
{
    struct call_op *call = neap_container_of(event, struct call_op, event);

    neap_buf_deinit(&call->body);
    neap_buf_deinit(&call->headers);
    neap_free(call);
}

static void cancel_call(struct neap_client_op *op)
{
    struct call_op *call = neap_container_of(op, struct call_op, op);

    neap_http_cancel(call->call);
    destroy_call(&call->event);
}

static void push_headers(lua_State *L, const struct neap_buf *headers)
{
    const char *at = headers->data, *end = at + headers->len;

    lua_newtable(L);
    while (at < end) {
        const char *name = at, *value = name + strlen(name) + 1;

        lua_pushstring(L, value);
        lua_setfield(L, -2, name);
        at = value + strlen(value) + 1;
    }
}

static void push_body(lua_State *L, const struct neap_buf *body)
{
    lua_pushlstring(L, body->data ? body->data : "", body->len);
}

static void push_call(lua_State *L, const struct neap_client_event *event)
{
    const struct call_op *call =
        neap_container_of(event, struct call_op, event);

    neap_client_push_event(L, "http", event->id);
    lua_pushinteger(L, call->status);
    lua_setfield(L, -2, "status");
    push_body(L, &call->body);
    lua_setfield(L, -2, "body");
    push_headers(L, &call->headers);
    lua_setfield(L, -2, "headers");
}

static void on_call_done(void *ctx, struct neap_http_reply *reply,
                         const struct neap_err *err)
{
    struct call_op *call = ctx;

    neap_client_remove(call->client, &call->op);
    if (!reply) {
        neap_client_emit_error(call->client, "http", call->op.id, err);
        destroy_call(&call->event);
        return;
    }
    call->status = reply->status;
    call->body = reply->body;
    call->headers = reply->headers;
    neap_buf_init(&reply->body);
    neap_buf_init(&reply->headers);
    neap_client_emit(call->client, &call->event);
}

static const struct neap_http_cbs call_cbs = { .done = on_call_done };

/* core.http(id, socket, method, path, body or nil) -> true
 *
 * Event { type="http", id=, status=, body=, headers={} }, header names in
 * lower case, or { type="http", id=, error=, code= }, also for a request that
 * cannot be made at all. */
static int core_http(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    int64_t id = neap_client_check_id(L, client, 1);
    struct neap_http_request request = { .limit = BODY_MAX };
    struct neap_err err;
    struct call_op *call;

    request.socket = neap_client_check_path(L, 2);
    request.method = luaL_checkstring(L, 3);
    request.path = neap_client_check_path(L, 4);
    request.body = luaL_optlstring(L, 5, NULL, &request.body_len);
    luaL_argcheck(L, request.body_len <= BODY_MAX, 5,
                  "a body has at most 64 MiB");
    lua_pushboolean(L, 1);
    if (need_http(client, &err) < 0) {
        neap_client_emit_error(client, "http", id, &err);
        return 1;
    }
    call = NEAP_NEW(struct call_op);
    call->client = client;
    call->event.id = id;
    call->event.push = push_call;
    call->event.destroy = destroy_call;
    if (neap_http_start(client->http, &request, &call_cbs, call, &call->call,
                        &err) < 0) {
        destroy_call(&call->event);
        neap_client_emit_error(client, "http", id, &err);
        return 1;
    }
    neap_client_add(client, &call->op, id, cancel_call);
    return 1;
}

/* --- core.sse -------------------------------------------------------------- */

struct batch {
    struct neap_client_event event;
    struct stream_op *stream; /* NULL once the stream is gone */
    struct neap_buf texts; /* size_t length, then the bytes, again and again */
    int count;
    char last[NEAP_SSE_ID_MAX];
};

struct stream_op {
    struct neap_client_op op;
    struct neap_client_event event; /* the end without an error */
    struct neap_client *client;
    struct neap_http_call *call;
    struct neap_sse sse;
    struct batch *batch; /* waits for step, or NULL */
    int status;
    struct neap_buf body; /* of a refusal */
};

static void destroy_stream(struct neap_client_event *event)
{
    struct stream_op *stream =
        neap_container_of(event, struct stream_op, event);

    if (stream->batch)
        stream->batch->stream = NULL;
    neap_sse_deinit(&stream->sse);
    neap_buf_deinit(&stream->body);
    neap_free(stream);
}

static void cancel_stream(struct neap_client_op *op)
{
    struct stream_op *stream = neap_container_of(op, struct stream_op, op);

    neap_http_cancel(stream->call);
    destroy_stream(&stream->event);
}

static void destroy_batch(struct neap_client_event *event)
{
    struct batch *batch = neap_container_of(event, struct batch, event);

    if (batch->stream)
        batch->stream->batch = NULL;
    neap_buf_deinit(&batch->texts);
    neap_free(batch);
}

/* A number if it is one, else the text; nil if there was none. */
static void push_last(lua_State *L, const char *last)
{
    char *end;
    double number = strtod(last, &end);

    if (*last == '\0')
        lua_pushnil(L);
    else if (*end == '\0')
        lua_pushnumber(L, number);
    else
        lua_pushstring(L, last);
}

static void push_batch(lua_State *L, const struct neap_client_event *event)
{
    const struct batch *batch = neap_container_of(event, struct batch, event);
    const char *at = batch->texts.data;

    neap_client_push_event(L, "sse", event->id);
    lua_createtable(L, batch->count, 0);
    for (int i = 1; i <= batch->count; i++) {
        size_t len;

        memcpy(&len, at, sizeof(len));
        lua_pushlstring(L, at + sizeof(len), len);
        lua_rawseti(L, -2, i);
        at += sizeof(len) + len;
    }
    lua_setfield(L, -2, "data");
    push_last(L, batch->last);
    lua_setfield(L, -2, "last");
}

static struct batch *open_batch(struct stream_op *stream)
{
    struct batch *batch = NEAP_NEW(struct batch);

    batch->event.id = stream->op.id;
    batch->event.push = push_batch;
    batch->event.destroy = destroy_batch;
    batch->stream = stream;
    neap_client_emit(stream->client, &batch->event);
    return batch;
}

static void on_sse(void *ctx, const char *data, size_t len, const char *id)
{
    struct stream_op *stream = ctx;
    struct batch *batch = stream->batch;

    if (!batch)
        batch = stream->batch = open_batch(stream);
    neap_buf_append(&batch->texts, &len, sizeof(len));
    neap_buf_append(&batch->texts, data, len);
    batch->count++;
    memcpy(batch->last, id, sizeof(batch->last));
}

static int on_stream_data(void *ctx, const char *bytes, size_t len,
                          struct neap_err *err)
{
    struct stream_op *stream = ctx;

    return neap_sse_feed(&stream->sse, bytes, len, on_sse, stream, err);
}

static void push_stream_end(lua_State *L, const struct neap_client_event *event)
{
    const struct stream_op *stream =
        neap_container_of(event, struct stream_op, event);

    neap_client_push_event(L, "sse_end", event->id);
    lua_pushinteger(L, stream->status);
    lua_setfield(L, -2, "status");
    if (stream->status / 100 == 2)
        return;
    lua_pushfstring(L, "the engine answered with status %d", stream->status);
    lua_setfield(L, -2, "error");
    lua_pushstring(L, neap_kind_name(NEAP_KIND_PRECONDITION));
    lua_setfield(L, -2, "code");
    push_body(L, &stream->body);
    lua_setfield(L, -2, "body");
}

static void on_stream_done(void *ctx, struct neap_http_reply *reply,
                           const struct neap_err *err)
{
    struct stream_op *stream = ctx;

    neap_client_remove(stream->client, &stream->op);
    if (!reply) {
        neap_client_emit_error(stream->client, "sse_end", stream->op.id, err);
        destroy_stream(&stream->event);
        return;
    }
    stream->status = reply->status;
    stream->body = reply->body;
    neap_buf_init(&reply->body);
    neap_client_emit(stream->client, &stream->event);
}

static const struct neap_http_cbs stream_cbs = {
    .data = on_stream_data,
    .done = on_stream_done,
};

/* "Last-Event-ID: …" as a string on the stack, or NULL. Raises. */
static const char *check_last_id(lua_State *L, int arg)
{
    const char *last = luaL_optstring(L, arg, NULL);

    if (!last)
        return NULL;
    luaL_argcheck(L, strlen(last) < NEAP_SSE_ID_MAX && !strpbrk(last, "\r\n"),
                  arg, "an id is one line of at most 255 bytes");
    return lua_pushfstring(L, "Last-Event-ID: %s", last);
}

/* core.sse(id, socket, path, last_id?) -> true
 *
 * Events { type="sse", id=, data={text…}, last=seq }; at the end
 * { type="sse_end", id=, status= }, with error= and code= if the connection
 * broke (no status) or was refused (body= is what the engine said). */
static int core_sse(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    int64_t id = neap_client_check_id(L, client, 1);
    struct neap_http_request request = { .method = "GET",
                                         .limit = ERROR_BODY_MAX };
    struct stream_op *stream;
    struct neap_err err;

    request.socket = neap_client_check_path(L, 2);
    request.path = neap_client_check_path(L, 3);
    request.header = check_last_id(L, 4);
    lua_pushboolean(L, 1);
    if (need_http(client, &err) < 0) {
        neap_client_emit_error(client, "sse_end", id, &err);
        return 1;
    }
    stream = NEAP_NEW(struct stream_op);
    stream->client = client;
    stream->event.id = id;
    stream->event.push = push_stream_end;
    stream->event.destroy = destroy_stream;
    neap_sse_init(&stream->sse, SSE_EVENT_MAX);
    if (neap_http_start(client->http, &request, &stream_cbs, stream,
                        &stream->call, &err) < 0) {
        destroy_stream(&stream->event);
        neap_client_emit_error(client, "sse_end", id, &err);
        return 1;
    }
    neap_client_add(client, &stream->op, id, cancel_stream);
    return 1;
}

const luaL_Reg neap_client_http_functions[] = {
    { "http", core_http },
    { "sse", core_sse },
    { NULL, NULL },
};
