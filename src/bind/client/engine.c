/* A private engine: a child that holds one end of a socketpair, the lifeline.
 *
 * The engine writes lines to it; it ends when it reads the end of file, which
 * comes whichever way this process goes. Our end is close-on-exec, so that no
 * other child can keep the engine alive. The engine has ended when the
 * process is reaped; what the lifeline still holds is delivered first.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "bind/client/parts.h"
#include "io/curl_api.h"
#include "io/spawn.h"

#define LINE_MAX_BYTES (1u << 20)
#define ARGV_MAX       64

struct neap_client_engine {
    struct neap_client *client;
    struct neap_child *child;
    uv_poll_t poll;
    int fd;
    bool at_end;          /* of the lifeline */
    struct neap_buf line; /* its end has not come */
};

struct line_event {
    struct neap_client_event event;
    size_t len;
    char text[];
};

struct end_event {
    struct neap_client_event event;
    int status, signal;
};

/* --- Events -------------------------------------------------------------- */

static void push_line(lua_State *L, const struct neap_client_event *event)
{
    const struct line_event *line =
        neap_container_of(event, struct line_event, event);

    neap_client_push_event(L, "engine", event->id);
    lua_pushlstring(L, line->text, line->len);
    lua_setfield(L, -2, "line");
}

static void destroy_line(struct neap_client_event *event)
{
    neap_free(neap_container_of(event, struct line_event, event));
}

static void emit_line(struct neap_client_engine *engine, const char *text,
                      size_t len)
{
    struct line_event *line = neap_alloc(sizeof(*line) + len);

    line->event.id = NEAP_CLIENT_NO_ID;
    line->event.push = push_line;
    line->event.destroy = destroy_line;
    line->len = len;
    memcpy(line->text, text, len);
    neap_client_emit(engine->client, &line->event);
}

static void push_end(lua_State *L, const struct neap_client_event *event)
{
    const struct end_event *end =
        neap_container_of(event, struct end_event, event);

    neap_client_push_event(L, "engine_end", event->id);
    lua_pushinteger(L, end->status);
    lua_setfield(L, -2, "status");
    if (end->signal) {
        lua_pushinteger(L, end->signal);
        lua_setfield(L, -2, "signal");
    }
}

static void destroy_end(struct neap_client_event *event)
{
    neap_free(neap_container_of(event, struct end_event, event));
}

static void emit_end(struct neap_client *client,
                     const struct neap_child_end *how)
{
    struct end_event *end = NEAP_NEW(struct end_event);

    end->event.id = NEAP_CLIENT_NO_ID;
    end->event.push = push_end;
    end->event.destroy = destroy_end;
    end->signal = how->signal;
    end->status = how->signal ? 128 + how->signal : how->exit;
    neap_client_emit(client, &end->event);
}

/* --- The lifeline ---------------------------------------------------------- */

static void stop_reading(struct neap_client_engine *engine)
{
    engine->at_end = true;
    (void)uv_poll_stop(&engine->poll);
}

static void take_lines(struct neap_client_engine *engine)
{
    const char *lf;

    while (engine->line.len > 0 &&
           (lf = memchr(engine->line.data, '\n', engine->line.len))) {
        size_t n = (size_t)(lf - engine->line.data);

        emit_line(engine, engine->line.data, n);
        neap_buf_consume(&engine->line, n + 1);
    }
}

static void refuse_line(struct neap_client_engine *engine)
{
    struct neap_err err;

    (void)neap_err_set(&err, NEAP_EEXHAUSTED,
                       "the engine wrote a line of more than %u bytes",
                       LINE_MAX_BYTES);
    neap_client_emit_error(engine->client, "engine", NEAP_CLIENT_NO_ID, &err);
    neap_buf_clear(&engine->line);
    stop_reading(engine);
}

/* Read what is there. */
static void read_lifeline(struct neap_client_engine *engine)
{
    char bytes[4096];

    while (!engine->at_end) {
        ssize_t n = recv(engine->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            stop_reading(engine);
            return;
        }
        neap_buf_append(&engine->line, bytes, (size_t)n);
        take_lines(engine);
        if (engine->line.len > LINE_MAX_BYTES)
            refuse_line(engine);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    read_lifeline(poll->data);
}

/* --- Its life -------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct neap_client_engine *engine = handle->data;

    (void)close(engine->fd);
    neap_buf_deinit(&engine->line);
    neap_free(engine);
}

void neap_client_engine_close(struct neap_client *client)
{
    struct neap_client_engine *engine = client->engine;

    if (!engine)
        return;
    client->engine = NULL;
    neap_child_close(engine->child);
    uv_close((uv_handle_t *)&engine->poll, on_closed);
}

static void on_ended(void *ctx, const struct neap_child_end *how)
{
    struct neap_client_engine *engine = ctx;
    struct neap_client *client = engine->client;

    read_lifeline(engine);
    if (engine->line.len > 0)
        emit_line(engine, engine->line.data, engine->line.len);
    emit_end(client, how);
    neap_client_engine_close(client);
}

static void open_engine(struct neap_client *client, int fd)
{
    struct neap_client_engine *engine = NEAP_NEW(struct neap_client_engine);

    engine->client = client;
    engine->fd = fd;
    engine->poll.data = engine;
    neap_buf_init(&engine->line);
    (void)uv_poll_init(&client->loop, &engine->poll, fd);
    (void)uv_poll_start(&engine->poll, UV_READABLE, on_readable);
    client->engine = engine;
}

static int open_log(const char *path, int *ret, struct neap_err *err)
{
    *ret = STDERR_FILENO;
    if (!path)
        return 0;
    *ret = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (*ret < 0)
        return neap_err_errno(err, errno, "cannot open log '%s'", path);
    return 0;
}

static int start(struct neap_client *client, const char *path,
                 char *const *argv, const char *log, struct neap_err *err)
{
    struct neap_spawn spawn = {
        .path = path, .argv = argv, .nfd = 4, .session = true
    };
    int pair[2], log_fd, rc;

    rc = open_log(log, &log_fd, err);
    if (rc < 0)
        return rc;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        rc = neap_err_errno(err, errno, "no socketpair for the engine");
    } else {
        spawn.fd[0] = NEAP_SPAWN_NULL;
        spawn.fd[1] = log_fd; /* our standard output is for data */
        spawn.fd[2] = log_fd;
        spawn.fd[3] = pair[1];
        open_engine(client, pair[0]);
        rc = neap_child_spawn(&client->loop, &spawn, on_ended, client->engine,
                              &client->engine->child, err);
        (void)close(pair[1]);
        if (rc < 0)
            neap_client_engine_close(client);
    }
    if (log)
        (void)close(log_fd);
    return rc;
}

/* --- Lua --------------------------------------------------------------------- */

/* { path, strings of the table at `arg`, "--config", json, NULL } as a
 * userdata on the stack; the strings are borrowed from the arguments. Raises. */
static char **check_argv(lua_State *L, const char *path, int arg,
                         const char *json)
{
    size_t count;
    char **argv;

    luaL_checktype(L, arg, LUA_TTABLE);
    count = lua_objlen(L, arg);
    luaL_argcheck(L, count <= ARGV_MAX, arg, "at most 64 arguments");
    argv = lua_newuserdata(L, (count + 4) * sizeof(*argv));
    argv[0] = (char *)path;
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, arg, (int)i);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg,
                      "a list of strings");
        argv[i] = (char *)lua_tostring(L, -1);
        lua_pop(L, 1); /* the table keeps it */
    }
    argv[count + 1] = "--config";
    argv[count + 2] = (char *)json;
    argv[count + 3] = NULL;
    return argv;
}

/* It travels as an argument, so it ends at a NUL. Raises. */
static const char *check_config(lua_State *L, int arg)
{
    size_t len;
    const char *json = luaL_checklstring(L, arg, &len);

    luaL_argcheck(L, strlen(json) == len, arg, "JSON has no NUL byte");
    return json;
}

/* The file for the engine's standard error, or NULL. Raises. */
static const char *check_log(lua_State *L, int arg)
{
    if (lua_isnoneornil(L, arg))
        return NULL;
    luaL_checktype(L, arg, LUA_TTABLE);
    lua_getfield(L, arg, "log");
    return lua_isnil(L, -1) ? NULL : neap_client_check_path(L, -1);
}

/* core.spawn_engine(path, argv, config_json, { log = file }) -> pid
 *
 * Runs `path argv… --config config_json` in a session of its own, standard
 * error inherited or appended to `log`. Events { type="engine", line= },
 * at the end { type="engine_end", status= } (128 + signal=, if it was one).
 * One engine at a time. */
static int core_spawn_engine(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    const char *path = neap_client_check_path(L, 1);
    const char *json = check_config(L, 3);
    const char *log = check_log(L, 4);
    char **argv = check_argv(L, path, 2, json);
    struct neap_err err;

    if (client->engine) {
        (void)neap_err_set(&err, NEAP_EUNAVAILABLE,
                           "this session has an engine, process %d",
                           (int)neap_child_pid(client->engine->child));
        return neap_client_fail(L, &err);
    }
    if (start(client, path, argv, log, &err) < 0)
        return neap_client_fail(L, &err);
    /* The engine is starting up; meanwhile do what its answer will need. A
     * failure comes again when HTTP is really used. */
    (void)neap_curl_api(NULL);
    lua_pushinteger(L, neap_child_pid(client->engine->child));
    return 1;
}

/* core.close_lifeline(): end of file for the engine; its lines still come */
static int core_close_lifeline(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);

    if (client->engine)
        (void)shutdown(client->engine->fd, SHUT_WR);
    return 0;
}

const luaL_Reg neap_client_engine_functions[] = {
    { "spawn_engine", core_spawn_engine },
    { "close_lifeline", core_close_lifeline },
    { NULL, NULL },
};
