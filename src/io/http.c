/* A call owns its easy handle and all that libcurl only borrows (body, list
 * of headers, text of the error). libcurl's write callback cannot return an
 * error of ours, so it is kept in the call (`err`, `failed`) and the transfer
 * ended with a write error.
 */
#include "io/http.h"

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/mem.h"
#include "io/curl_loop.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo

#define BUFFER_SIZE (64L << 10)

struct neap_http {
    const struct neap_curl_api *api;
    struct neap_curl_loop *curl;
};

struct neap_http_call {
    struct neap_http *http;
    CURL *easy;
    struct curl_slist *headers;
    char *socket, *body;
    size_t limit;
    struct neap_http_cbs cbs;
    void *ctx;
    struct neap_http_reply reply;
    struct neap_err err;
    bool failed; /* `err` says why */
    char text[CURL_ERROR_SIZE];
};

static void destroy(struct neap_http_call *call)
{
    const struct neap_curl_api *api = call->http->api;

    api->easy_cleanup(call->easy);
    api->slist_free_all(call->headers);
    neap_buf_deinit(&call->reply.body);
    neap_buf_deinit(&call->reply.headers);
    neap_free(call->socket);
    neap_free(call->body);
    neap_free(call);
}

static long status_of(struct neap_http_call *call)
{
    long status = 0;

    call->http->api->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static void fail_transfer(struct neap_http_call *call, CURLcode result)
{
    const struct neap_curl_api *api = call->http->api;
    long number = 0;

    if (call->failed)
        return; /* the reason is known better */
    api->easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number);
    if (result == CURLE_COULDNT_CONNECT && number != 0)
        (void)neap_err_set(&call->err, NEAP_ENET, "cannot connect to '%s': %s",
                           call->socket, strerror((int)number));
    else
        (void)neap_err_set(&call->err, NEAP_ENET, "request to '%s': %s",
                           call->socket,
                           call->text[0] ? call->text
                                         : api->easy_strerror(result));
    call->failed = true;
}

static void on_done(CURL *easy, CURLcode result)
{
    struct neap_http_call *call = NULL;
    const struct neap_curl_api *api = neap_curl_api(NULL);

    api->easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    if (result != CURLE_OK)
        fail_transfer(call, result);
    if (!call->failed)
        call->reply.status = (int)status_of(call);
    call->cbs.done(call->ctx, call->failed ? NULL : &call->reply,
                   call->failed ? &call->err : NULL);
    destroy(call);
}

int neap_http_open(uv_loop_t *loop, struct neap_http **ret,
                   struct neap_err *err)
{
    struct neap_curl_loop *curl;
    struct neap_http *http;
    int rc = neap_curl_loop_open(loop, on_done, &curl, err);

    if (rc < 0)
        return rc;
    http = NEAP_NEW(struct neap_http);
    http->curl = curl;
    http->api = neap_curl_api(NULL);
    *ret = http;
    return 0;
}

void neap_http_close(struct neap_http *http)
{
    if (!http)
        return;
    neap_curl_loop_close(http->curl);
    neap_free(http);
}

/* --- What libcurl calls ------------------------------------------------- */

/* libcurl's own sockets are not close-on-exec. */
static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    (void)ctx;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct neap_http_call *call = ctx;
    size_t len = size * count;
    int rc = 0;

    if (call->cbs.data && status_of(call) / 100 == 2)
        rc = call->cbs.data(call->ctx, bytes, len, &call->err);
    else if (call->reply.body.len + len > call->limit)
        rc = neap_err_set(&call->err, NEAP_EEXHAUSTED,
                          "the answer from '%s' has more than %zu bytes",
                          call->socket, call->limit);
    else
        neap_buf_append(&call->reply.body, bytes, len);
    if (rc < 0) {
        call->failed = true;
        return 0; /* libcurl ends the transfer */
    }
    return len;
}

static void add_header(struct neap_buf *headers, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    const char *value, *end = line + len;

    if (!colon)
        return; /* the empty line at the end */
    for (const char *c = line; c < colon; c++)
        neap_buf_putc(headers, (char)tolower((unsigned char)*c));
    neap_buf_putc(headers, '\0');
    for (value = colon + 1; value < end && isspace((unsigned char)*value);)
        value++;
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    neap_buf_append(headers, value, (size_t)(end - value));
    neap_buf_putc(headers, '\0');
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    struct neap_http_call *call = ctx;
    size_t len = size * count;

    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        neap_buf_clear(&call->reply.headers); /* after a 100 Continue */
        return len;
    }
    if (call->reply.headers.len + len > NEAP_HTTP_HEAD_MAX) {
        (void)neap_err_set(&call->err, NEAP_EEXHAUSTED,
                           "the answer from '%s' has more than %u bytes of "
                           "headers",
                           call->socket, NEAP_HTTP_HEAD_MAX);
        call->failed = true;
        return 0;
    }
    add_header(&call->reply.headers, line, len);
    return len;
}

/* --- Starting ------------------------------------------------------------ */

static bool is_method(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return n > 0 && n <= 16 && text[n] == '\0';
}

static bool is_path(const char *text)
{
    if (*text != '/')
        return false;
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f || *text == '#')
            return false;
    }
    return true;
}

static int check(const struct neap_http_request *request, struct neap_err *err)
{
    const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

    if (strlen(request->socket) > max)
        return neap_err_set(err, NEAP_EINVAL,
                            "the path of socket '%s' has %zu bytes; the "
                            "system allows %zu",
                            request->socket, strlen(request->socket), max);
    if (!is_method(request->method))
        return neap_err_set(err, NEAP_EINVAL, "'%s' is no HTTP method",
                            request->method);
    if (!is_path(request->path))
        return neap_err_set(err, NEAP_EINVAL,
                            "'%s' is no path of a request: it begins with '/' "
                            "and has no blanks",
                            request->path);
    return 0;
}

static void set_transport(struct neap_http_call *call)
{
    const struct neap_curl_api *api = call->http->api;
    CURL *easy = call->easy;

    api->easy_setopt(easy, CURLOPT_PRIVATE, call);
    api->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->socket);
    api->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    api->easy_setopt(easy, CURLOPT_PROXY, "");
    api->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    api->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    api->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    api->easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    api->easy_setopt(easy, CURLOPT_ERRORBUFFER, call->text);
    api->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    api->easy_setopt(easy, CURLOPT_WRITEDATA, call);
    api->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    api->easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

static void set_request(struct neap_http_call *call,
                        const struct neap_http_request *request)
{
    const struct neap_curl_api *api = call->http->api;
    CURL *easy = call->easy;
    char *url = neap_format("http://localhost%s", request->path);

    api->easy_setopt(easy, CURLOPT_URL, url);
    api->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    neap_free(url);
    if (call->body || strcmp(request->method, "POST") == 0) {
        api->easy_setopt(easy, CURLOPT_POSTFIELDS,
                         call->body ? call->body : "");
        api->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(call->body ? request->body_len : 0));
    }
    if (strcmp(request->method, "HEAD") == 0)
        api->easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (strcmp(request->method, "GET") != 0 || call->body)
        api->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);

    /* no waiting for a "100 Continue" before a large body */
    call->headers = api->slist_append(call->headers, "Expect:");
    call->headers =
        api->slist_append(call->headers, "Content-Type: application/json");
    if (request->header)
        call->headers = api->slist_append(call->headers, request->header);
    api->easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
}

int neap_http_start(struct neap_http *http,
                    const struct neap_http_request *request,
                    const struct neap_http_cbs *cbs, void *ctx,
                    struct neap_http_call **ret, struct neap_err *err)
{
    struct neap_http_call *call;
    int rc = check(request, err);

    if (rc < 0)
        return rc;
    call = NEAP_NEW(struct neap_http_call);
    call->http = http;
    call->easy = http->api->easy_init();
    if (!call->easy) {
        neap_free(call);
        return neap_err_set(err, NEAP_EOOM, "no memory for libcurl");
    }
    call->socket = neap_strdup(request->socket);
    if (request->body) {
        call->body = neap_alloc(request->body_len + 1);
        memcpy(call->body, request->body, request->body_len);
    }
    call->limit = request->limit;
    call->cbs = *cbs;
    call->ctx = ctx;
    set_transport(call);
    set_request(call, request);
    rc = neap_curl_loop_add(http->curl, call->easy, err);
    if (rc < 0) {
        destroy(call);
        return rc;
    }
    *ret = call;
    return 0;
}

void neap_http_cancel(struct neap_http_call *call)
{
    neap_curl_loop_remove(call->http->curl, call->easy);
    destroy(call);
}
