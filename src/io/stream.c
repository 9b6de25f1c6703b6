/* A stream is one uv_poll on a socket and one uv_prepare.
 *
 * What is written collects in `out`. The prepare handle runs just before the
 * loop would sleep, so that everything that one turn produced leaves with one
 * send. Failures are never told from inside a call of the owner: the socket is
 * shut down, which makes it readable, and the poll callback tells.
 */
#include "io/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { READ_SIZE = 64 << 10, COMPACT_SIZE = 1 << 20 };

struct neap_stream {
    uv_poll_t poll;
    uv_prepare_t prepare;
    int fd;
    int handles; /* not closed yet */
    int events;  /* what poll waits for */
    bool closed, failed;
    struct neap_buf in, out;
    size_t sent; /* of out */
    struct neap_stream_cbs cbs;
    void *ctx;
    struct neap_err why; /* if failed */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_closed(uv_handle_t *handle)
{
    struct neap_stream *stream = handle->data;

    if (--stream->handles > 0)
        return;
    close(stream->fd);
    neap_buf_deinit(&stream->in);
    neap_buf_deinit(&stream->out);
    neap_free(stream);
}

static void watch(struct neap_stream *stream, int events)
{
    if (stream->events == events || stream->closed)
        return;
    stream->events = events;
    (void)uv_poll_start(&stream->poll, events, on_poll);
}

/* Remember why the stream ends; on_poll will tell. */
static void fail(struct neap_stream *stream)
{
    stream->failed = true;
    neap_buf_clear(&stream->out);
    stream->sent = 0;
    (void)shutdown(stream->fd, SHUT_RDWR);
    watch(stream, UV_READABLE);
}

static void drop_sent(struct neap_stream *stream)
{
    if (stream->sent == stream->out.len) {
        neap_buf_clear(&stream->out);
        stream->sent = 0;
    } else if (stream->sent >= COMPACT_SIZE) {
        neap_buf_consume(&stream->out, stream->sent);
        stream->sent = 0;
    }
}

/* Send what goes without waiting. Returns 0, or an errno. */
static int send_out(struct neap_stream *stream)
{
    while (stream->sent < stream->out.len) {
        ssize_t n =
            send(stream->fd, stream->out.data + stream->sent,
                 stream->out.len - stream->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            return errno;
        stream->sent += (size_t)n;
    }
    drop_sent(stream);
    return 0;
}

void neap_stream_flush(struct neap_stream *stream)
{
    size_t waiting;
    int number;

    uv_prepare_stop(&stream->prepare);
    if (stream->closed || stream->failed)
        return;
    number = send_out(stream);
    waiting = stream->out.len - stream->sent;
    if (number != 0) {
        neap_err_set(&stream->why, NEAP_ENET, "sending: %s",
                     uv_strerror(-number));
        fail(stream);
    } else if (waiting > NEAP_STREAM_LIMIT) {
        neap_err_set(&stream->why, NEAP_EEXHAUSTED,
                     "the other side does not read: %zu bytes wait", waiting);
        fail(stream);
    } else if (stream->cbs.data != NULL || waiting > 0) {
        watch(stream, (stream->cbs.data != NULL ? UV_READABLE : 0) |
                          (waiting > 0 ? UV_WRITABLE : 0));
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    neap_stream_flush(prepare->data);
}

struct neap_buf *neap_stream_out(struct neap_stream *stream)
{
    if (!stream->closed && !uv_is_active((uv_handle_t *)&stream->prepare))
        uv_prepare_start(&stream->prepare, on_prepare);
    return &stream->out;
}

struct neap_buf *neap_stream_out_lazy(struct neap_stream *stream)
{
    return &stream->out;
}

static void end(struct neap_stream *stream, const struct neap_err *why)
{
    void (*cb)(void *, const struct neap_err *) = stream->cbs.end;
    void *ctx = stream->ctx;
    struct neap_err copy = *why;

    neap_stream_close(stream);
    if (cb != NULL)
        cb(ctx, &copy);
}

/* Offer what has come until the owner takes no more. */
static void deliver(struct neap_stream *stream)
{
    size_t taken = 0;

    while (taken < stream->in.len) {
        struct neap_err err = { 0 };
        int64_t n = stream->cbs.data(stream->ctx, stream->in.data + taken,
                                     stream->in.len - taken, &err);

        if (stream->closed)
            return;
        if (n < 0) {
            end(stream, &err);
            return;
        }
        if (n == 0)
            break;
        taken += (size_t)n;
    }
    neap_buf_consume(&stream->in, taken);
}

static void read_some(struct neap_stream *stream)
{
    struct neap_err err = { 0 };
    ssize_t n;

    do {
        char *at = neap_buf_reserve(&stream->in, READ_SIZE);

        n = recv(stream->fd, at, READ_SIZE, MSG_DONTWAIT);
        if (n > 0) {
            stream->in.len += (size_t)n;
            deliver(stream);
        }
    } while (!stream->closed && !stream->failed &&
             (n == READ_SIZE || (n < 0 && errno == EINTR)));
    if (stream->closed || stream->failed || n > 0 ||
        (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)))
        return;
    if (n == 0)
        neap_err_set(&err, NEAP_ENET, "the other side closed the connection");
    else
        neap_err_set(&err, NEAP_ENET, "receiving: %s", uv_strerror(-errno));
    end(stream, &err);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct neap_stream *stream = poll->data;

    if (stream->cbs.data == NULL && (stream->failed || status < 0)) {
        watch(stream, 0); /* nobody to tell before neap_stream_start */
        return;
    }
    if (stream->failed) {
        end(stream, &stream->why);
        return;
    }
    if (status < 0 || (events & UV_READABLE))
        read_some(stream);
    if (!stream->closed && (events & UV_WRITABLE))
        neap_stream_flush(stream);
}

struct neap_stream *neap_stream_open(uv_loop_t *loop, int fd)
{
    struct neap_stream *stream = NEAP_NEW(struct neap_stream);

    stream->fd = fd;
    uv_poll_init(loop, &stream->poll, fd);
    uv_prepare_init(loop, &stream->prepare);
    stream->poll.data = stream->prepare.data = stream;
    stream->handles = 2;
    return stream;
}

void neap_stream_start(struct neap_stream *stream,
                       const struct neap_stream_cbs *cbs, void *ctx)
{
    stream->cbs = *cbs;
    stream->ctx = ctx;
    watch(stream, stream->events | UV_READABLE);
}

void neap_stream_close(struct neap_stream *stream)
{
    if (stream == NULL || stream->closed)
        return;
    if (!stream->failed)
        (void)send_out(stream);
    stream->closed = true;
    uv_close((uv_handle_t *)&stream->poll, on_closed);
    uv_close((uv_handle_t *)&stream->prepare, on_closed);
}

int neap_stream_fd(const struct neap_stream *stream)
{
    return stream->fd;
}
