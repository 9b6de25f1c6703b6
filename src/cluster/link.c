#include "cluster/link.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/stream.h"

enum {
    LAZY_MS = 10,
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 5000,
    KEPT_MAX = 64 << 20 /* bytes of messages while there is no engine */
};

struct neap_link {
    uv_loop_t *loop;
    const char *socket;
    struct neap_link_cbs cbs;
    void *ctx;
    struct neap_stream *stream; /* NULL: down */
    struct neap_buf kept;       /* for the next connection */
    uv_timer_t redial, lazy;
    unsigned pause_ms;
    int handles; /* not closed yet */
    bool welcomed, closed;
};

static void on_redial(uv_timer_t *timer);

static void on_closed(uv_handle_t *handle)
{
    struct neap_link *link = handle->data;

    if (--link->handles > 0)
        return;
    neap_buf_deinit(&link->kept);
    neap_free(link);
}

static void go_down(struct neap_link *link, const struct neap_err *why)
{
    bool welcomed = link->welcomed;

    link->stream = NULL;
    link->welcomed = false;
    uv_timer_stop(&link->lazy);
    if (link->closed || !link->cbs.down(link->ctx, welcomed, why) ||
        link->closed)
        return;
    uv_timer_start(&link->redial, on_redial, link->pause_ms, 0);
    link->pause_ms *= 2;
    if (link->pause_ms > PAUSE_MAX_MS)
        link->pause_ms = PAUSE_MAX_MS;
}

static void on_end(void *ctx, const struct neap_err *why)
{
    go_down(ctx, why);
}

static void on_welcome(struct neap_link *link)
{
    link->welcomed = true;
    link->pause_ms = PAUSE_FIRST_MS;
    if (link->kept.len == 0)
        return;
    neap_buf_append(neap_stream_out(link->stream), link->kept.data,
                    link->kept.len);
    neap_buf_clear(&link->kept);
}

static int64_t on_data(void *ctx, const char *data, size_t len,
                       struct neap_err *err)
{
    struct neap_link *link = ctx;
    struct neap_msg msg;
    int64_t n = neap_msg_parse(data, len, &msg, err);

    if (n <= 0)
        return n;
    if (msg.type == NEAP_MSG_WELCOME)
        on_welcome(link);
    link->cbs.message(link->ctx, &msg);
    neap_msg_deinit(&msg);
    return n;
}

static void dial(struct neap_link *link)
{
    static const struct neap_stream_cbs cbs = { on_data, on_end };
    struct neap_msg hello;
    struct neap_err err;

    if (neap_stream_connect(link->loop, link->socket, &link->stream, &err) <
        0) {
        go_down(link, &err);
        return;
    }
    neap_stream_start(link->stream, &cbs, link);
    neap_msg_init(&hello, NEAP_MSG_HELLO);
    link->cbs.hello(link->ctx, &hello);
    if (neap_msg_pack(&hello, neap_stream_out(link->stream)) < 0)
        neap_log(NEAP_ERROR, "the HELLO message is too large");
}

static void on_redial(uv_timer_t *timer)
{
    dial(timer->data);
}

struct neap_link *neap_link_open(uv_loop_t *loop, const char *socket,
                                 const struct neap_link_cbs *cbs, void *ctx)
{
    struct neap_link *link = NEAP_NEW(struct neap_link);

    link->loop = loop;
    link->socket = socket;
    link->cbs = *cbs;
    link->ctx = ctx;
    link->pause_ms = PAUSE_FIRST_MS;
    uv_timer_init(loop, &link->redial);
    uv_timer_init(loop, &link->lazy);
    link->redial.data = link->lazy.data = link;
    link->handles = 2;
    uv_timer_start(&link->redial, on_redial, 0, 0);
    return link;
}

void neap_link_close(struct neap_link *link)
{
    if (link == NULL || link->closed)
        return;
    link->closed = true;
    neap_stream_close(link->stream);
    uv_close((uv_handle_t *)&link->redial, on_closed);
    uv_close((uv_handle_t *)&link->lazy, on_closed);
}

static void pack(const struct neap_msg *msg, struct neap_buf *out)
{
    if (neap_msg_pack(msg, out) < 0)
        neap_log(NEAP_ERROR, "a message %s about %s is too large to be sent",
                 neap_msg_type_name(msg->type),
                 msg->task != NULL ? msg->task : "?");
}

static void keep(struct neap_link *link, const struct neap_msg *msg)
{
    if (link->kept.len > KEPT_MAX)
        neap_log(NEAP_ERROR, "no engine for too long: a message is lost");
    else
        pack(msg, &link->kept);
}

void neap_link_send(struct neap_link *link, const struct neap_msg *msg)
{
    if (!link->welcomed) {
        keep(link, msg);
        return;
    }
    uv_timer_stop(&link->lazy);
    pack(msg, neap_stream_out(link->stream));
}

static void on_lazy(uv_timer_t *timer)
{
    struct neap_link *link = timer->data;

    if (link->stream != NULL)
        neap_stream_flush(link->stream);
}

void neap_link_send_lazy(struct neap_link *link, const struct neap_msg *msg)
{
    if (!link->welcomed) {
        keep(link, msg);
        return;
    }
    pack(msg, neap_stream_out_lazy(link->stream));
    if (!uv_is_active((uv_handle_t *)&link->lazy))
        uv_timer_start(&link->lazy, on_lazy, LAZY_MS, 0);
}
