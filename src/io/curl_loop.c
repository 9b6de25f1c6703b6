/* libcurl says which sockets and which time it waits for (on_socket,
 * on_timeout), the loop says what has happened (on_poll, on_timer).
 *
 * A socket's poll handle is freed in its close callback; the multi handle is
 * gone by then, so `refs` counts the handles that still close. A time of 0
 * must become a timer: libcurl asks for it from within its own functions.
 */
#include "io/curl_loop.h"

#include <assert.h>

#include "base/mem.h"

#define IDLE_CONNECTIONS 16L /* kept alive */
#define MAX_CONNECTIONS  64L /* to one host name; more requests wait */

struct neap_curl_loop {
    const struct neap_curl_api *api;
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    neap_curl_done_cb done;
    int refs; /* open handles: the timer and the sockets */
};

struct sock {
    uv_poll_t poll;
    curl_socket_t fd;
    struct neap_curl_loop *curl;
};

static void unref(struct neap_curl_loop *curl)
{
    if (--curl->refs == 0)
        neap_free(curl);
}

static void report_ended(struct neap_curl_loop *curl)
{
    CURLMsg *msg;
    int more;

    while (curl->multi &&
           (msg = curl->api->multi_info_read(curl->multi, &more))) {
        CURL *easy = msg->easy_handle; /* msg dies with the removal */
        CURLcode result = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl->api->multi_remove_handle(curl->multi, easy);
        curl->done(easy, result);
    }
}

static void act(struct neap_curl_loop *curl, curl_socket_t fd, int what)
{
    int running;

    curl->api->multi_socket_action(curl->multi, fd, what, &running);
    report_ended(curl);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct sock *sock = poll->data;
    int what = 0;

    if (status < 0)
        what = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(sock->curl, sock->fd, what);
}

static void on_sock_closed(uv_handle_t *handle)
{
    struct sock *sock = handle->data;

    unref(sock->curl);
    neap_free(sock);
}

static struct sock *open_sock(struct neap_curl_loop *curl, curl_socket_t fd)
{
    struct sock *sock = NEAP_NEW(struct sock);

    if (uv_poll_init_socket(curl->loop, &sock->poll, fd) < 0) {
        neap_free(sock);
        return NULL;
    }
    sock->poll.data = sock;
    sock->fd = fd;
    sock->curl = curl;
    curl->refs++;
    curl->api->multi_assign(curl->multi, fd, sock);
    return sock;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
                     void *socket_ctx)
{
    struct neap_curl_loop *curl = ctx;
    struct sock *sock = socket_ctx;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (sock) {
            curl->api->multi_assign(curl->multi, fd, NULL);
            uv_close((uv_handle_t *)&sock->poll, on_sock_closed);
        }
        return 0;
    }
    if (!sock)
        sock = open_sock(curl, fd);
    if (!sock)
        return -1;
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&sock->poll, events, on_poll) < 0 ? -1 : 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *ctx)
{
    struct neap_curl_loop *curl = ctx;

    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&curl->timer);
    else
        uv_timer_start(&curl->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void set_options(struct neap_curl_loop *curl)
{
    const struct neap_curl_api *api = curl->api;

    api->multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    api->multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    api->multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    api->multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    api->multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
    api->multi_setopt(curl->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      MAX_CONNECTIONS);
}

int neap_curl_loop_open(uv_loop_t *loop, neap_curl_done_cb done,
                        struct neap_curl_loop **ret, struct neap_err *err)
{
    const struct neap_curl_api *api = neap_curl_api(err);
    struct neap_curl_loop *curl;
    CURLM *multi;
    int rc;

    if (!api)
        return NEAP_EMODULE;
    multi = api->multi_init();
    if (!multi)
        return neap_err_set(err, NEAP_EOOM, "no memory for libcurl");
    curl = NEAP_NEW(struct neap_curl_loop);
    curl->api = api;
    curl->loop = loop;
    curl->multi = multi;
    curl->done = done;
    rc = uv_timer_init(loop, &curl->timer);
    assert(rc == 0); /* it cannot fail */
    curl->timer.data = curl;
    curl->refs = 1;
    set_options(curl);
    *ret = curl;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    unref(handle->data);
}

void neap_curl_loop_close(struct neap_curl_loop *curl)
{
    if (!curl || !curl->multi)
        return;
    curl->api->multi_cleanup(curl->multi);
    curl->multi = NULL;
    uv_close((uv_handle_t *)&curl->timer, on_timer_closed);
}

int neap_curl_loop_add(struct neap_curl_loop *curl, CURL *easy,
                       struct neap_err *err)
{
    CURLMcode code = curl->api->multi_add_handle(curl->multi, easy);

    if (code != CURLM_OK)
        return neap_err_set(err, NEAP_EOTHER, "libcurl takes no request: %s",
                            curl->api->multi_strerror(code));
    return 0;
}

void neap_curl_loop_remove(struct neap_curl_loop *curl, CURL *easy)
{
    curl->api->multi_remove_handle(curl->multi, easy);
}
