/* Events of a run as server-sent events.
 *
 * A stream is a place in the log of its run: nothing is queued for a client,
 * so a slow one costs nothing and one that comes back goes on where it was.
 */
#ifndef NEAP_APP_ENGINE_SSE_H
#define NEAP_APP_ENGINE_SSE_H

#include "app/engine/server.h"
#include "sched/run.h"

struct sse_set; /* the open streams */

/* `left`: the last stream of a run was closed by its client before the run
 * had ended. */
struct sse_set *sse_open(uv_loop_t *loop, const struct neap_labels *labels,
                         void (*left)(void *ctx, struct neap_run *run),
                         void *ctx); /* owned */
void sse_set_server(struct sse_set *set, struct server *server);
/* A stream of the events after `since`, for reply->stream. */
struct MHD_Response *sse_stream(struct sse_set *set,
                                struct MHD_Connection *connection,
                                struct neap_run *run, int64_t since);
int sse_count(const struct sse_set *set, const struct neap_run *run);
/* Send what has come up since the last time. */
void sse_flush(struct sse_set *set);
/* End all streams; whatever is there to send is sent first. */
void sse_close_all(struct sse_set *set);
void sse_destroy(struct sse_set *set); /* no stream is open */

#endif
