/* The client against a server of a few lines in a thread: it reads a request,
 * and gives the answer that the test has written down. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit.h"
#include "io/http.h"

struct server {
    char dir[64], path[108];
    int fd;
    pthread_t thread;
    const char *answer; /* to each request; NULL: hang up */
    atomic_int connections, requests;
    char request[65536]; /* the last one */
};

struct world {
    uv_loop_t loop;
    struct server server;
    struct neap_http *http;
    int count, status;
    struct neap_err err;
    char body[4096], headers[4096];
};

/* --- The server ----------------------------------------------------------- */

static size_t body_length(const char *head)
{
    const char *field = strstr(head, "Content-Length: ");

    return field ? (size_t)atol(field + 16) : 0;
}

/* One request into server->request; false at the end. */
static bool read_request(struct server *server, int fd)
{
    size_t len = 0;

    for (;;) {
        char *end;
        ssize_t n =
            read(fd, server->request + len, sizeof(server->request) - 1 - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
        server->request[len] = '\0';
        end = strstr(server->request, "\r\n\r\n");
        if (end && len >= (size_t)(end + 4 - server->request) +
                              body_length(server->request))
            return true;
    }
}

static void *serve(void *ctx)
{
    struct server *server = ctx;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        atomic_fetch_add(&server->connections, 1);
        while (read_request(server, fd)) {
            atomic_fetch_add(&server->requests, 1);
            if (!server->answer)
                break;
            if (send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL) <
                0)
                break;
            if (strstr(server->answer, "Connection: close"))
                break;
        }
        close(fd);
    }
    return NULL;
}

static void start_server(struct server *server)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(server->dir, sizeof(server->dir), "/tmp/neap-http-XXXXXX");
    assert_non_null(mkdtemp(server->dir));
    snprintf(server->path, sizeof(server->path), "%s/s.sock", server->dir);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address,
                          sizeof(address)),
                     0);
    assert_int_equal(listen(server->fd, 16), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    unlink(server->path);
    rmdir(server->dir);
}

/* --- The client ------------------------------------------------------------ */

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    *state = world;
    assert_int_equal(uv_loop_init(&world->loop), 0);
    start_server(&world->server);
    return neap_http_open(&world->loop, &world->http, &world->err);
}

static int teardown(void **state)
{
    struct world *world = *state;
    int rc;

    neap_http_close(world->http);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    rc = uv_loop_close(&world->loop);
    stop_server(&world->server);
    free(world);
    return rc;
}

static void on_done(void *ctx, struct neap_http_reply *reply,
                    const struct neap_err *err)
{
    struct world *world = ctx;

    world->count++;
    world->status = reply ? reply->status : -1;
    if (!reply) {
        world->err = *err;
        return;
    }
    memcpy(world->headers, reply->headers.data ? reply->headers.data : "",
           reply->headers.len);
    if (reply->body.len < sizeof(world->body))
        memcpy(world->body, reply->body.data ? reply->body.data : "",
               reply->body.len);
}

static int on_data(void *ctx, const char *bytes, size_t len,
                   struct neap_err *err)
{
    struct world *world = ctx;

    strncat(world->body, bytes, len);
    if (strstr(world->body, "poison"))
        return neap_err_set(err, NEAP_EINVAL, "this is poison");
    return 0;
}

static const struct neap_http_cbs collect = { .done = on_done };
static const struct neap_http_cbs stream = { .done = on_done, .data = on_data };

static struct neap_http_request get_request(struct world *world)
{
    return (struct neap_http_request){ .socket = world->server.path,
                                       .method = "GET",
                                       .path = "/v1/info?x=1",
                                       .limit = 1000 };
}

static void run(struct world *world, const struct neap_http_request *request,
                const struct neap_http_cbs *cbs)
{
    struct neap_http_call *call;
    int before = world->count;

    assert_int_equal(neap_http_start(world->http, request, cbs, world, &call,
                                     &world->err),
                     0);
    assert_int_equal(world->count, before);
    while (world->count == before)
        uv_run(&world->loop, UV_RUN_ONCE);
}

static void test_get(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);

    world->server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                           "X-Neap-Size:  17 \r\n\r\nhello";
    run(world, &request, &collect);
    assert_int_equal(world->status, 200);
    assert_string_equal(world->body, "hello");
    assert_memory_equal(strstr(world->server.request,
                               "GET /v1/info?x=1 HTTP/1.1"),
                        "GET", 3);
    /* pairs, terminated each, in order */
    assert_memory_equal(world->headers,
                        "content-length\0"
                        "5\0x-neap-size\0"
                        "17",
                        32);
}

static void test_keep_alive(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);

    world->server.answer = "HTTP/1.1 204 No\r\n\r\n";
    for (int i = 0; i < 10; i++)
        run(world, &request, &collect);
    assert_int_equal(world->server.requests, 10);
    assert_int_equal(world->server.connections, 1);
}

static void test_post(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);
    char body[5000];

    memset(body, 'b', sizeof(body));
    request.method = "PATCH";
    request.body = body;
    request.body_len = sizeof(body);
    request.header = "Last-Event-ID: 12";
    world->server.answer = "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\n{}";
    run(world, &request, &collect);
    assert_int_equal(world->status, 400);
    assert_string_equal(world->body, "{}");
    assert_non_null(strstr(world->server.request, "PATCH /v1/info"));
    assert_non_null(strstr(world->server.request, "Content-Length: 5000"));
    assert_non_null(strstr(world->server.request, "application/json"));
    assert_non_null(strstr(world->server.request, "Last-Event-ID: 12"));
    assert_null(strstr(world->server.request, "Expect"));

    request.method = "POST";
    request.body = NULL;
    run(world, &request, &collect);
    assert_non_null(strstr(world->server.request, "Content-Length: 0"));
}

static void test_stream(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);

    world->server.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
                           "data: a\n\n";
    run(world, &request, &stream);
    assert_int_equal(world->status, 200);
    assert_string_equal(world->body, "data: a\n\n");

    world->server.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npoison";
    run(world, &request, &stream);
    assert_int_equal(world->status, -1);
    assert_string_equal(world->err.text, "this is poison");
}

static void test_refused_stream_is_collected(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);

    world->server.answer = "HTTP/1.1 404 No\r\nContent-Length: 6\r\n\r\npoison";
    run(world, &request, &stream);
    assert_int_equal(world->status, 404);
    assert_string_equal(world->body, "poison");
}

static void test_over_the_limit(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);

    request.limit = 4;
    world->server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    run(world, &request, &collect);
    assert_int_equal(world->err.kind, NEAP_KIND_RESOURCES_EXHAUSTED);
    assert_non_null(strstr(world->err.text, "4 bytes"));
}

static void test_no_server(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);

    request.socket = "/tmp/no/such.sock";
    run(world, &request, &collect);
    assert_int_equal(world->err.kind, NEAP_KIND_NET);
    assert_non_null(strstr(world->err.text, "/tmp/no/such.sock"));
    assert_non_null(strstr(world->err.text, "No such file"));
}

static void test_hung_up(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);

    world->server.answer = NULL;
    run(world, &request, &collect);
    assert_int_equal(world->err.kind, NEAP_KIND_NET);
}

static void test_bad_requests(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);
    struct neap_http_call *call = NULL;
    char path[200];

    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    request.socket = path;
    assert_int_equal(neap_http_start(world->http, &request, &collect, world,
                                     &call, &world->err),
                     NEAP_EINVAL);
    request = get_request(world);
    request.path = "/x HTTP/1.1\r\nEvil: 1";
    assert_int_equal(neap_http_start(world->http, &request, &collect, world,
                                     &call, &world->err),
                     NEAP_EINVAL);
    request = get_request(world);
    request.method = "GET /";
    assert_int_equal(neap_http_start(world->http, &request, &collect, world,
                                     &call, &world->err),
                     NEAP_EINVAL);
    assert_null(call);
}

static void test_cancel(void **state)
{
    struct world *world = *state;
    struct neap_http_request request = get_request(world);
    struct neap_http_call *call;

    /* an answer without its end: the call would stay */
    world->server.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel";
    assert_int_equal(neap_http_start(world->http, &request, &collect, world,
                                     &call, &world->err),
                     0);
    while (atomic_load(&world->server.requests) == 0)
        uv_run(&world->loop, UV_RUN_NOWAIT);
    neap_http_cancel(call);
    uv_run(&world->loop, UV_RUN_NOWAIT);
    assert_int_equal(world->count, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_get),
        TEST(test_keep_alive),
        TEST(test_post),
        TEST(test_stream),
        TEST(test_refused_stream_is_collected),
        TEST(test_over_the_limit),
        TEST(test_no_server),
        TEST(test_hung_up),
        TEST(test_bad_requests),
        TEST(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
