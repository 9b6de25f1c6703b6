#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../unit.h"
#include "base/mem.h"
#include "io/stream.h"

enum { BIG = 8 << 20, BOUND_MS = 20000 };

struct side {
    struct neap_stream *stream; /* NULL once it has ended */
    size_t got;
    unsigned sum;
    int ends;
    int64_t take; /* of what is offered; -1: all, -2: close */
    bool echo;
    struct neap_err why;
};

static uv_loop_t loop;
static uv_timer_t bound;
static char dir[64], path[96];
static struct side client, server;

static int64_t on_data(void *ctx, const char *data, size_t len,
                       struct neap_err *err)
{
    struct side *side = ctx;
    size_t n =
        side->take < 0 || (size_t)side->take > len ? len : (size_t)side->take;

    if (side->take == -2) {
        neap_stream_close(side->stream);
        side->stream = NULL;
        return 0;
    }
    if (memchr(data, '!', n) != NULL)
        return neap_err_set(err, NEAP_EINVAL, "no shouting");
    for (size_t i = 0; i < n; i++)
        side->sum = side->sum * 31 + (unsigned char)data[i];
    side->got += n;
    if (side->echo)
        neap_buf_append(neap_stream_out(side->stream), data, n);
    return (int64_t)n;
}

static void on_end(void *ctx, const struct neap_err *why)
{
    struct side *side = ctx;

    side->ends++;
    side->why = *why;
    side->stream = NULL;
}

static const struct neap_stream_cbs cbs = { on_data, on_end };

static void on_accept(void *ctx, struct neap_stream *stream)
{
    (void)ctx;
    server.stream = stream;
    neap_stream_start(stream, &cbs, &server);
}

static void on_bound(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited for too long");
}

/* Turn the loop until `cond` holds; a test fails if it never does. */
#define UNTIL(cond)                              \
 do {                                            \
  uv_timer_start(&bound, on_bound, BOUND_MS, 0); \
  while (!(cond))                                \
   uv_run(&loop, UV_RUN_ONCE);                   \
  uv_timer_stop(&bound);                         \
 } while (0)

static struct neap_listener *listener;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/neap-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sock", dir);
    uv_loop_init(&loop);
    uv_timer_init(&loop, &bound);
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
    client.take = server.take = -1;
    assert_int_equal(neap_listener_open(&loop, path, on_accept, NULL, &listener,
                                        NULL),
                     0);
    assert_int_equal(neap_stream_connect(&loop, path, &client.stream, NULL), 0);
    neap_stream_start(client.stream, &cbs, &client);
    UNTIL(server.stream != NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    neap_stream_close(client.stream);
    neap_stream_close(server.stream);
    neap_listener_close(listener);
    uv_close((uv_handle_t *)&bound, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

static void bytes_arrive_whole_and_come_back(void **state)
{
    struct neap_buf *out = neap_stream_out(client.stream);
    char *data = neap_buf_reserve(out, BIG);
    unsigned sum = 0;

    (void)state;
    for (size_t i = 0; i < BIG; i++) {
        data[i] = (char)('a' + i * 7 % 23);
        sum = sum * 31 + (unsigned char)data[i];
    }
    out->len += BIG;
    server.echo = true;
    server.take = 1000; /* bytes not taken are offered again */
    UNTIL(client.got == BIG);
    assert_int_equal(client.sum, sum);
    assert_int_equal(server.sum, sum);
    assert_int_equal(client.ends + server.ends, 0);
}

static void lazy_bytes_go_with_the_next_flush(void **state)
{
    (void)state;
    neap_buf_puts(neap_stream_out_lazy(client.stream), "one");
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(server.got, 0);
    neap_buf_puts(neap_stream_out(client.stream), "two");
    UNTIL(server.got == 6);
}

static void the_other_side_sees_the_end_once(void **state)
{
    (void)state;
    neap_buf_puts(neap_stream_out(client.stream), "last words");
    neap_stream_close(client.stream);
    neap_stream_close(client.stream);
    client.stream = NULL;
    UNTIL(server.ends > 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(server.got, 10);
    assert_int_equal(server.ends, 1);
    assert_int_equal(client.ends, 0);
    assert_int_equal(server.why.kind, NEAP_KIND_NET);
}

static void a_callback_may_close_its_stream(void **state)
{
    (void)state;
    server.take = -2;
    neap_buf_puts(neap_stream_out(client.stream), "x");
    UNTIL(client.ends == 1);
    assert_int_equal(server.ends, 0);
}

static void an_error_of_the_owner_ends_the_stream(void **state)
{
    (void)state;
    neap_buf_puts(neap_stream_out(client.stream), "!");
    UNTIL(client.ends == 1 && server.ends == 1);
    assert_string_equal(server.why.text, "no shouting");
}

static void a_peer_that_does_not_read_is_given_up(void **state)
{
    struct neap_buf *out = neap_stream_out(client.stream);
    size_t size = NEAP_STREAM_LIMIT + (16u << 20);

    (void)state;
    memset(neap_buf_reserve(out, size), 'x', size);
    out->len += size;
    neap_stream_flush(client.stream);
    assert_int_equal(client.ends, 0); /* not told from inside a call */
    UNTIL(client.ends == 1);
    assert_int_equal(client.why.kind, NEAP_KIND_RESOURCES_EXHAUSTED);
}

static void sending_to_a_dead_peer_ends_the_stream(void **state)
{
    (void)state;
    neap_stream_close(server.stream);
    server.stream = NULL;
    neap_buf_puts(neap_stream_out(client.stream), "x");
    UNTIL(client.ends == 1);
    assert_int_equal(client.why.kind, NEAP_KIND_NET);
}

static void a_socket_in_use_is_not_taken(void **state)
{
    struct neap_listener *other = NULL;
    struct neap_err err;
    struct stat st;

    (void)state;
    assert_int_equal(neap_listener_open(&loop, path, on_accept, NULL, &other,
                                        &err),
                     NEAP_EUNAVAILABLE);
    assert_null(other);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_dead_socket_is_replaced(void **state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct neap_listener *second = NULL;
    char dead[96];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    snprintf(dead, sizeof dead, "%s/dead", dir);
    strcpy(addr.sun_path, dead);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    close(fd);
    assert_int_equal(neap_listener_open(&loop, dead, on_accept, NULL, &second,
                                        NULL),
                     0);
    neap_listener_close(second);
}

static void bad_paths_are_refused(void **state)
{
    struct neap_listener *other = NULL;
    struct neap_stream *stream = NULL;
    char far[200];

    (void)state;
    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = '\0';
    assert_int_equal(neap_listener_open(&loop, far, on_accept, NULL, &other,
                                        NULL),
                     NEAP_EINVAL);
    assert_int_equal(neap_listener_open(&loop, dir, on_accept, NULL, &other,
                                        NULL),
                     NEAP_EPRECONDITION);
    assert_int_equal(neap_stream_connect(&loop, "/nowhere/x", &stream, NULL),
                     NEAP_ENET);
    assert_null(other);
    assert_null(stream);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_arrive_whole_and_come_back),
        TEST(lazy_bytes_go_with_the_next_flush),
        TEST(the_other_side_sees_the_end_once),
        TEST(a_callback_may_close_its_stream),
        TEST(an_error_of_the_owner_ends_the_stream),
        TEST(a_peer_that_does_not_read_is_given_up),
        TEST(sending_to_a_dead_peer_ends_the_stream),
        TEST(a_socket_in_use_is_not_taken),
        TEST(a_dead_socket_is_replaced),
        TEST(bad_paths_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
