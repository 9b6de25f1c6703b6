/* Parser of server-sent events (text/event-stream), fed with any pieces.
 *
 * Lines end with LF or CRLF. Fields `id` and `data` are used, `event`,
 * `retry` and comments are skipped. Pure: no I/O.
 */
#ifndef NEAP_IO_SSE_H
#define NEAP_IO_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define NEAP_SSE_ID_MAX 256

struct neap_sse {
    struct neap_buf line;     /* begin of a line whose end has not come */
    struct neap_buf data;     /* data lines of this event, joined by LF */
    char id[NEAP_SSE_ID_MAX]; /* the last one, kept over events */
    size_t limit;             /* bytes of one event */
    bool has_data;
};

/* One event: `data` is terminated; data and id are borrowed for the call. */
typedef void (*neap_sse_fn)(void *ctx, const char *data, size_t len,
                            const char *id);

void neap_sse_init(struct neap_sse *sse, size_t limit);
void neap_sse_deinit(struct neap_sse *sse);
/* Call `fn` for each event that is complete. NEAP_EEXHAUSTED when an event is
 * over the limit, NEAP_EINVAL when an id is too long; the parser is then of
 * no more use. */
int neap_sse_feed(struct neap_sse *sse, const char *bytes, size_t len,
                  neap_sse_fn fn, void *ctx, struct neap_err *err);

#endif
