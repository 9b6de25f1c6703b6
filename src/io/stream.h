/* Unix-socket streams on a libuv loop, with a bounded write queue.
 *
 * Callbacks run on the loop thread, never before the function that took them
 * has returned; each may close its own stream. Descriptors are close-on-exec.
 */
#ifndef NEAP_IO_STREAM_H
#define NEAP_IO_STREAM_H

#include <stdint.h>

#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

struct neap_stream;
struct neap_listener;

struct neap_stream_cbs {
    /* All bytes not consumed yet. Returns how many it took (they are
     * dropped), or a negative code: the stream is then closed with it. */
    int64_t (*data)(void *ctx, const char *data, size_t len,
                    struct neap_err *err);
    /* The stream has ended: end of file, error, or the queue overflowed (not
     * after neap_stream_close). Called once; the stream is gone afterwards. */
    void (*end)(void *ctx, const struct neap_err *why);
};

/* Listen at `path` (an old socket there is removed if nobody answers on it,
 * else NEAP_EUNAVAILABLE), mode 0600. `accept`: a new stream, give it its
 * callbacks with neap_stream_start or close it. */
int neap_listener_open(uv_loop_t *loop, const char *path,
                       void (*accept)(void *ctx, struct neap_stream *stream),
                       void *ctx, struct neap_listener **ret,
                       struct neap_err *err);
void neap_listener_close(struct neap_listener *listener); /* unlinks it too */

/* Connect at once (a Unix socket never waits long); NEAP_ENET. */
int neap_stream_connect(uv_loop_t *loop, const char *path,
                        struct neap_stream **ret, struct neap_err *err);
/* A stream on a connected socket, which it takes; owned. */
struct neap_stream *neap_stream_open(uv_loop_t *loop, int fd);
void neap_stream_start(struct neap_stream *stream,
                       const struct neap_stream_cbs *cbs, void *ctx);
/* Append to what goes out; flushed once per loop turn, or now with
 * neap_stream_flush. More than NEAP_STREAM_LIMIT bytes waiting after a flush
 * end the stream. */
#define NEAP_STREAM_LIMIT (64u << 20)
struct neap_buf *neap_stream_out(struct neap_stream *stream);
/* The same, but it may wait for the next flush, whoever asks for it. */
struct neap_buf *neap_stream_out_lazy(struct neap_stream *stream);
void neap_stream_flush(struct neap_stream *stream);
void neap_stream_close(
    struct neap_stream *stream); /* what is queued is tried once */
int neap_stream_fd(const struct neap_stream *stream);

#endif
