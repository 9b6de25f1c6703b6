/* Listening and connecting on Unix sockets. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/stream.h"

enum {
    BACKLOG = 128,
    ACCEPTS_PER_TURN = 16,
    PAUSE_MS = 100 /* when there are no descriptors left */
};

struct neap_listener {
    uv_poll_t poll;
    uv_timer_t pause;
    int fd;
    int handles; /* not closed yet */
    bool closed;
    char *path;
    void (*accept)(void *ctx, struct neap_stream *stream);
    void *ctx;
};

static int set_address(struct sockaddr_un *addr, const char *path,
                       struct neap_err *err)
{
    size_t length = strlen(path);

    if (length >= sizeof addr->sun_path)
        return neap_err_set(err, NEAP_EINVAL,
                            "socket path '%s' has %zu bytes; at most %zu work",
                            path, length, sizeof addr->sun_path - 1);
    memset(addr, 0, sizeof *addr);
    addr->sun_family = AF_UNIX;
    memcpy(addr->sun_path, path, length + 1);
    return 0;
}

/* Connect to `path`; returns the descriptor or a negative errno. */
static int dial(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (fd < 0)
        return -errno;
    do {
        rc = connect(fd, (const struct sockaddr *)addr, sizeof *addr);
    } while (rc < 0 && errno == EINTR);
    if (rc == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

int neap_stream_connect(uv_loop_t *loop, const char *path,
                        struct neap_stream **ret, struct neap_err *err)
{
    struct sockaddr_un addr;
    int rc = set_address(&addr, path, err);
    int fd;

    if (rc < 0)
        return rc;
    fd = dial(&addr);
    if (fd < 0)
        return neap_err_set(err, NEAP_ENET, "connecting to '%s': %s", path,
                            uv_strerror(fd));
    *ret = neap_stream_open(loop, fd);
    return 0;
}

/* Remove a socket that nobody answers on. */
static int make_way(const struct sockaddr_un *addr, struct neap_err *err)
{
    const char *path = addr->sun_path;
    struct stat st;
    int fd;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : neap_err_errno(err, errno, "%s", path);
    if (!S_ISSOCK(st.st_mode))
        return neap_err_set(err, NEAP_EPRECONDITION,
                            "'%s' is there and is no socket", path);
    fd = dial(addr);
    if (fd >= 0 || fd == -EAGAIN) {
        if (fd >= 0)
            close(fd);
        return neap_err_set(err, NEAP_EUNAVAILABLE,
                            "somebody already listens on '%s'", path);
    }
    if (unlink(path) < 0 && errno != ENOENT)
        return neap_err_errno(err, errno, "removing the old socket '%s'", path);
    return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct neap_listener *listener = timer->data;

    (void)uv_poll_start(&listener->poll, UV_READABLE, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct neap_listener *listener = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && !listener->closed; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            listener->accept(listener->ctx, neap_stream_open(poll->loop, fd));
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
            uv_poll_stop(poll);
            uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
        }
        return;
    }
}

static int listen_at(const struct sockaddr_un *addr, struct neap_err *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return neap_err_errno(err, errno, "making a socket");
    /* The mode of the unbound socket becomes that of the file: at no moment
     * could others have connected. */
    if (fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 ||
        listen(fd, BACKLOG) < 0) {
        int number = errno;

        close(fd);
        return neap_err_errno(err, number, "listening on '%s'", addr->sun_path);
    }
    return fd;
}

int neap_listener_open(uv_loop_t *loop, const char *path,
                       void (*accept)(void *ctx, struct neap_stream *stream),
                       void *ctx, struct neap_listener **ret,
                       struct neap_err *err)
{
    struct neap_listener *listener;
    struct sockaddr_un addr;
    int fd, rc = set_address(&addr, path, err);

    if (rc < 0 || (rc = make_way(&addr, err)) < 0)
        return rc;
    fd = listen_at(&addr, err);
    if (fd < 0)
        return fd;
    listener = NEAP_NEW(struct neap_listener);
    listener->fd = fd;
    listener->path = neap_strdup(path);
    listener->accept = accept;
    listener->ctx = ctx;
    uv_poll_init(loop, &listener->poll, fd);
    uv_timer_init(loop, &listener->pause);
    listener->handles = 2;
    listener->poll.data = listener->pause.data = listener;
    uv_poll_start(&listener->poll, UV_READABLE, on_poll);
    *ret = listener;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct neap_listener *listener = handle->data;

    if (--listener->handles > 0)
        return;
    close(listener->fd);
    neap_free(listener->path);
    neap_free(listener);
}

void neap_listener_close(struct neap_listener *listener)
{
    if (listener == NULL || listener->closed)
        return;
    listener->closed = true;
    (void)unlink(listener->path);
    uv_close((uv_handle_t *)&listener->poll, on_closed);
    uv_close((uv_handle_t *)&listener->pause, on_closed);
}
