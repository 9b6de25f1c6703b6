/* The reader is called whenever the connection can take bytes. When the log
 * has nothing more it suspends the connection; news of the run or the pulse
 * resume it. While tasks are queued a client cannot change what happens next,
 * so news may wait for more of them, for no longer than people notice: that
 * spares both sides a wake-up per task. */
#include "app/engine/sse.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sched/event_row.h"

#define BLOCK    ((size_t)64 << 10)
#define BATCH_MS 50
/* A comment now and then finds out that the client has gone. */
#define PULSE_MS 5000

struct stream {
    struct sse_set *set;
    struct MHD_Connection *connection;
    struct neap_run *run;
    struct neap_run_watch watch;
    uv_timer_t timer;
    struct neap_buf text; /* not yet taken by the connection */
    int64_t next;         /* number of the next event */
    int64_t resumed_ns;
    bool suspended, pulse, closing;
    struct stream *later;
};

struct sse_set {
    uv_loop_t *loop;
    const struct neap_labels *labels;
    void (*left)(void *ctx, struct neap_run *run);
    void *ctx;
    struct server *server;
    struct stream *first;
    bool resumed; /* some were: the server must look at them */
};

static bool has_news(const struct stream *stream)
{
    return stream->next <= stream->run->events.count ||
           stream->run->state != NEAP_RUN_RUNNING;
}

static void on_timer(uv_timer_t *timer);

static void resume(struct stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    stream->resumed_ns = neap_clock_mono_ns();
    (void)uv_timer_start(&stream->timer, on_timer, PULSE_MS, 0);
    MHD_resume_connection(stream->connection);
    stream->set->resumed = true;
    server_kick_soon(stream->set->server); /* unless sse_flush comes first */
}

static void on_timer(uv_timer_t *timer)
{
    struct stream *stream = timer->data;

    stream->pulse = !has_news(stream);
    if (stream->suspended)
        resume(stream);
    else
        (void)uv_timer_start(&stream->timer, on_timer, PULSE_MS, 0);
}

static void on_grown(void *ctx, struct neap_run *run)
{
    struct stream *stream = ctx;
    int64_t since_ms;

    if (!stream->suspended || !has_news(stream))
        return;
    since_ms = (neap_clock_mono_ns() - stream->resumed_ns) / NEAP_MSEC;
    if (run->counts[NEAP_RT_QUEUED] == 0 || since_ms >= BATCH_MS)
        resume(stream);
    else if (uv_timer_get_due_in(&stream->timer) > BATCH_MS)
        (void)uv_timer_start(&stream->timer, on_timer,
                             (uint64_t)(BATCH_MS - since_ms), 0);
}

/* ---- what MHD calls ---- */

static void fill(struct stream *stream, size_t max)
{
    while (stream->text.len < max &&
           stream->next <= stream->run->events.count) {
        neap_buf_printf(&stream->text,
                        "id: %lld\ndata: ", (long long)stream->next);
        neap_event_format(stream->run, stream->next, stream->set->labels,
                          &stream->text);
        neap_buf_append(&stream->text, "\n\n", 2);
        stream->next++;
    }
    if (stream->text.len == 0 && stream->pulse)
        neap_buf_puts(&stream->text, ":\n\n");
    stream->pulse = false;
}

static ssize_t read_stream(void *ctx, uint64_t at, char *out, size_t max)
{
    struct stream *stream = ctx;
    size_t n;

    (void)at;
    fill(stream, max);
    n = stream->text.len < max ? stream->text.len : max;
    if (n > 0) {
        memcpy(out, stream->text.data, n);
        neap_buf_consume(&stream->text, n);
        return (ssize_t)n;
    }
    if (stream->closing || stream->run->state != NEAP_RUN_RUNNING)
        return MHD_CONTENT_READER_END_OF_STREAM;
    stream->suspended = true;
    MHD_suspend_connection(stream->connection);
    return 0;
}

static void free_stream(uv_handle_t *handle)
{
    struct stream *stream = handle->data;

    neap_buf_deinit(&stream->text);
    neap_free(stream);
}

static void end_stream(void *ctx)
{
    struct stream *stream = ctx;
    struct sse_set *set = stream->set;
    struct neap_run *run = stream->run;
    struct stream **at = &set->first;
    bool closing = stream->closing;

    while (*at != stream)
        at = &(*at)->later;
    *at = stream->later;
    neap_run_unwatch(run, &stream->watch);
    uv_close((uv_handle_t *)&stream->timer, free_stream);
    if (!closing && run->state == NEAP_RUN_RUNNING && sse_count(set, run) == 0)
        set->left(set->ctx, run);
}

/* ---- */

struct MHD_Response *sse_stream(struct sse_set *set,
                                struct MHD_Connection *connection,
                                struct neap_run *run, int64_t since)
{
    struct stream *stream = NEAP_NEW(struct stream);

    stream->set = set;
    stream->connection = connection;
    stream->run = run;
    stream->next = since + 1;
    stream->watch = (struct neap_run_watch){ on_grown, stream, NULL };
    stream->later = set->first;
    set->first = stream;
    neap_run_watch(run, &stream->watch);
    (void)uv_timer_init(set->loop, &stream->timer);
    stream->timer.data = stream;
    (void)uv_timer_start(&stream->timer, on_timer, PULSE_MS, 0);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
                                             read_stream, stream, end_stream);
}

struct sse_set *sse_open(uv_loop_t *loop, const struct neap_labels *labels,
                         void (*left)(void *ctx, struct neap_run *run),
                         void *ctx)
{
    struct sse_set *set = NEAP_NEW(struct sse_set);

    set->loop = loop;
    set->labels = labels;
    set->left = left;
    set->ctx = ctx;
    return set;
}

void sse_set_server(struct sse_set *set, struct server *server)
{
    set->server = server;
}

int sse_count(const struct sse_set *set, const struct neap_run *run)
{
    int count = 0;

    for (const struct stream *at = set->first; at != NULL; at = at->later)
        count += at->run == run;
    return count;
}

void sse_flush(struct sse_set *set)
{
    if (!set->resumed)
        return;
    set->resumed = false;
    server_kick(set->server);
}

void sse_close_all(struct sse_set *set)
{
    struct stream *next;

    for (struct stream *at = set->first; at != NULL; at = next) {
        next = at->later;
        at->closing = true;
        resume(at);
    }
    server_kick(set->server);
    server_kick(set->server); /* resumed by the first, sent by the second */
}

void sse_destroy(struct sse_set *set)
{
    neap_free(set);
}
