/* HTTP requests over Unix sockets, on a libuv loop.
 *
 * HTTP/1.1, connections are kept alive. Redirects, proxies and other schemes
 * are not followed. Callbacks run on the loop thread, never before the
 * function that took them has returned.
 */
#ifndef NEAP_IO_HTTP_H
#define NEAP_IO_HTTP_H

#include <stddef.h>

#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

struct neap_http;
struct neap_http_call;

#define NEAP_HTTP_HEAD_MAX (64u << 10) /* bytes of all headers */

/* Everything is copied. */
struct neap_http_request {
    const char *socket; /* path, at most 107 bytes */
    const char *method; /* "GET", "POST", … */
    const char *path;   /* "/v1/info?x=1", encoded as it must travel */
    const char *header; /* one more: "Name: value", or NULL */
    const void *body;   /* JSON, or NULL */
    size_t body_len;
    size_t limit; /* bytes of the answer's body */
};

struct neap_http_reply {
    int status;
    struct neap_buf body;    /* may be taken with neap_buf_take */
    struct neap_buf headers; /* "name\0value\0…", names in lower case */
};

struct neap_http_cbs {
    /* Not NULL: the body of a 2xx answer is given away in pieces as it comes
     * and not collected. A negative code ends the call with that error. Must
     * not cancel. */
    int (*data)(void *ctx, const char *bytes, size_t len, struct neap_err *err);
    /* The end: `reply` (any status), or NULL and `err`: NEAP_ENET (no
     * connection, broken off), NEAP_EEXHAUSTED (over a limit), or what `data`
     * returned.
     * Both are borrowed; the call is gone afterwards. */
    void (*done)(void *ctx, struct neap_http_reply *reply,
                 const struct neap_err *err);
};

/* Load libcurl and open the client. Owned. */
int neap_http_open(uv_loop_t *loop, struct neap_http **ret,
                   struct neap_err *err);
/* All calls have ended or been canceled. Asynchronous; NULL is fine. */
void neap_http_close(struct neap_http *http);

/* NEAP_EINVAL: the socket's path is too long, or method or path hold
 * characters that would break the request. */
int neap_http_start(struct neap_http *http,
                    const struct neap_http_request *request,
                    const struct neap_http_cbs *cbs, void *ctx,
                    struct neap_http_call **ret, struct neap_err *err);
/* No callback will be called any more; the call is gone. */
void neap_http_cancel(struct neap_http_call *call);

#endif
