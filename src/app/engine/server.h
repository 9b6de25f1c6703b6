/* HTTP on a Unix socket: libmicrohttpd inside the libuv loop, no threads.
 *
 * The socket is 0600 in a folder of mode 0700, and a peer of another user is
 * refused. A request is handed over whole, its body in memory and no larger
 * than SERVER_BODY_MAX. A reply is whole too, or a stream (sse.h).
 */
#ifndef NEAP_APP_ENGINE_SERVER_H
#define NEAP_APP_ENGINE_SERVER_H

#include <microhttpd.h>

#include <uv.h>

#include "app/engine/reply.h"
#include "base/buf.h"
#include "base/err.h"

#define SERVER_BODY_MAX ((size_t)64 << 20)

struct server;

struct request {
    struct MHD_Connection *connection;
    const char *method, *path; /* the path is decoded */
    struct neap_buf body;      /* terminated */
    bool too_large;            /* the body; it is not kept */
};

/* An argument of the query, or NULL. */
const char *request_arg(const struct request *request, const char *name);

typedef void (*server_handle_fn)(void *ctx, struct request *request,
                                 struct reply *reply);

/* Returns NEAP_EUNAVAILABLE if somebody answers on that path already. */
int server_open(uv_loop_t *loop, const char *path, server_handle_fn handle,
                void *ctx, struct server **ret, struct neap_err *err);
/* No stream may be open any more (sse_close_all). Freed by the loop. */
void server_close(struct server *server);
/* Look at all connections: now, or in the next turn of the loop. Needed after
 * a suspended stream was resumed. */
void server_kick(struct server *server);
void server_kick_soon(struct server *server);

#endif
