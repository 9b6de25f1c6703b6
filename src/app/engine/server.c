#include "app/engine/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define CONNECTIONS_MAX 512

struct server {
    uv_poll_t poll;
    uv_timer_t timer;
    int nhandles;
    struct MHD_Daemon *daemon;
    char *path;
    server_handle_fn handle;
    void *ctx;
};

const char *request_arg(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection,
                                       MHD_GET_ARGUMENT_KIND, name);
}

/* ---- one request ---- */

static bool same_user(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (info == NULL ||
        getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  struct reply *reply)
{
    struct MHD_Response *response = reply->stream;
    size_t len = reply->body.len;
    enum MHD_Result rc;

    if (response == NULL)
        response = MHD_create_response_from_buffer_with_free_callback(
            len, len > 0 ? neap_buf_take(&reply->body) : NULL, neap_free);
    neap_buf_deinit(&reply->body);
    if (response == NULL)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", reply->type);
    for (int i = 0; i < reply->nheader; i++)
        (void)MHD_add_response_header(response, reply->header[i].name,
                                      reply->header[i].value);
    rc = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, int status,
                              const char *kind, const char *text)
{
    struct reply reply;

    reply_init(&reply);
    reply_error(&reply, status, kind, "%s", text);
    return send_reply(connection, &reply);
}

static enum MHD_Result begin(struct MHD_Connection *connection, void **state)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                    MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct request *request;

    if (!same_user(connection))
        return refuse(connection, 403, "E_AUTH",
                      "this engine belongs to another user");
    request = NEAP_NEW(struct request);
    request->too_large =
        length != NULL && strtoull(length, NULL, 10) > SERVER_BODY_MAX;
    *state = request;
    return MHD_YES;
}

/* One that is too large is read to its end all the same: who is still writing
 * when the connection is closed never sees the answer. */
static void keep_body(struct request *request, const char *data, size_t size)
{
    if (request->body.len + size > SERVER_BODY_MAX)
        request->too_large = true; /* a chunked body says no length before */
    if (request->too_large)
        neap_buf_deinit(&request->body);
    else
        neap_buf_append(&request->body, data, size);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection,
                                  const char *path, const char *method,
                                  const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct server *server = ctx;
    struct request *request = *state;
    struct reply reply;

    (void)version;
    if (request == NULL)
        return begin(connection, state);
    if (*size > 0) {
        keep_body(request, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (request->too_large)
        return refuse(connection, 413, "E_SPEC",
                      "the request is larger than 64 MiB; send fewer tasks at "
                      "a time");
    request->connection = connection;
    request->method = method;
    request->path = path;
    reply_init(&reply);
    server->handle(server->ctx, request, &reply);
    return send_reply(connection, &reply);
}

static void on_completed(void *ctx, struct MHD_Connection *connection,
                         void **state, enum MHD_RequestTerminationCode how)
{
    struct request *request = *state;

    (void)ctx, (void)connection, (void)how;
    if (request == NULL)
        return;
    neap_buf_deinit(&request->body);
    neap_free(request);
    *state = NULL;
}

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer)
{
    server_kick(timer->data);
}

void server_kick(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    (void)MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
        (void)uv_timer_start(&server->timer, on_timer, wait_ms, 0);
    else
        (void)uv_timer_stop(&server->timer);
}

void server_kick_soon(struct server *server)
{
    (void)uv_timer_start(&server->timer, on_timer, 0, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    server_kick(poll->data);
}

static void on_log(void *ctx, const char *format, va_list args)
{
    char text[512];

    (void)ctx;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    neap_log(NEAP_DEBUG, "http: %s", text);
}

/* ---- open and close ---- */

static int make_address(const char *path, struct sockaddr_un *address,
                        struct neap_err *err)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path)
        return neap_err_set(err, NEAP_EINVAL,
                            "the socket path '%s' has more than %zu bytes; set "
                            "NEAP_RUNTIME to a shorter folder",
                            path, sizeof address->sun_path - 1);
    memcpy(address->sun_path, path, strlen(path) + 1);
    return 0;
}

/* A socket that nobody answers on is left over from a crash. */
static int clear_path(const struct sockaddr_un *address, struct neap_err *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = 0;

    if (fd < 0)
        return neap_err_errno(err, errno, "cannot make a socket");
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        rc = neap_err_set(err, NEAP_EUNAVAILABLE,
                          "another engine answers at %s", address->sun_path);
    else if (errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
    (void)close(fd);
    return rc;
}

static int listen_at(const char *path, struct neap_err *err)
{
    struct sockaddr_un address;
    mode_t mask;
    int rc = make_address(path, &address, err), fd;

    if (rc == 0)
        rc = clear_path(&address, err);
    if (rc < 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return neap_err_errno(err, errno, "cannot make a socket");
    mask = umask(0177); /* never open to others, not for a moment */
    rc = bind(fd, (const struct sockaddr *)&address, sizeof address);
    (void)umask(mask);
    if (rc == 0)
        rc = listen(fd, 128);
    if (rc < 0) {
        rc = neap_err_errno(err, errno, "cannot listen at %s", path);
        (void)close(fd);
        return rc;
    }
    return fd;
}

static struct MHD_Daemon *start_daemon(struct server *server, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_END);
}

int server_open(uv_loop_t *loop, const char *path, server_handle_fn handle,
                void *ctx, struct server **ret, struct neap_err *err)
{
    const union MHD_DaemonInfo *info;
    struct server *server;
    int fd = listen_at(path, err);

    if (fd < 0)
        return fd;
    server = NEAP_NEW(struct server);
    server->handle = handle;
    server->ctx = ctx;
    server->daemon = start_daemon(server, fd);
    if (server->daemon == NULL) {
        (void)close(fd);
        neap_free(server);
        return neap_err_set(err, NEAP_EUNAVAILABLE,
                            "cannot start the HTTP server");
    }
    server->path = neap_strdup(path);
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    (void)uv_poll_init(loop, &server->poll, info->epoll_fd);
    (void)uv_timer_init(loop, &server->timer);
    server->poll.data = server->timer.data = server;
    server->nhandles = 2;
    (void)uv_poll_start(&server->poll, UV_READABLE, on_poll);
    *ret = server;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;

    if (--server->nhandles > 0)
        return;
    MHD_stop_daemon(server->daemon);
    neap_free(server->path);
    neap_free(server);
}

void server_close(struct server *server)
{
    if (server == NULL)
        return;
    (void)unlink(server->path);
    uv_close((uv_handle_t *)&server->poll, on_closed);
    uv_close((uv_handle_t *)&server->timer, on_closed);
}
