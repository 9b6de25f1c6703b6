#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"
#include "io/spawn.h"

struct world {
    uv_loop_t loop;
    struct neap_child *child;
    struct neap_child_end end;
    int count;
};

static void ended(void *ctx, const struct neap_child_end *end)
{
    struct world *world = ctx;

    world->end = *end;
    world->count++;
    neap_child_close(world->child);
}

static int setup(void **state)
{
    static struct world world;

    memset(&world, 0, sizeof(world));
    *state = &world;
    return uv_loop_init(&world.loop);
}

static int teardown(void **state)
{
    struct world *world = *state;

    uv_run(&world->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&world->loop);
}

/* Run a line of shell with `out` as descriptors 1 and 3. */
static int start(struct world *world, const char *line, int out, bool session,
                 struct neap_err *err)
{
    char *argv[] = { "sh", "-c", (char *)line, NULL };
    struct neap_spawn spawn = {
        .path = "/bin/sh", .argv = argv, .nfd = 4, .session = session
    };

    spawn.fd[0] = NEAP_SPAWN_NULL;
    spawn.fd[1] = out;
    spawn.fd[2] = STDERR_FILENO;
    spawn.fd[3] = out;
    return neap_child_spawn(&world->loop, &spawn, ended, world, &world->child,
                            err);
}

/* What it writes, to the end; the child is over afterwards. */
static void run(struct world *world, const char *line, char out[1024])
{
    struct neap_err err;
    size_t len = 0;
    ssize_t n;
    int fd[2];

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_int_equal(start(world, line, fd[1], true, &err), 0);
    close(fd[1]);
    while ((n = read(fd[0], out + len, 1023 - len)) > 0)
        len += (size_t)n;
    out[len] = '\0';
    close(fd[0]);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->count, 1);
}

static void test_status_and_output(void **state)
{
    struct world *world = *state;
    char out[1024];

    run(world, "echo one; echo three >&3; exit 7", out);
    assert_string_equal(out, "one\nthree\n");
    assert_int_equal(world->end.exit, 7);
    assert_int_equal(world->end.signal, 0);
    assert_true(world->end.usage.ru_maxrss > 0);
}

static void test_only_the_given_descriptors(void **state)
{
    struct world *world = *state;
    int leak = open("/dev/null", O_RDONLY); /* on purpose not close-on-exec */
    char out[1024];

    run(world, "ls /proc/$$/fd; readlink /proc/$$/fd/0", out);
    close(leak);
    assert_memory_equal(out, "0\n1\n2\n3\n/dev/null\n", 18);
}

static void test_own_session_and_default_signals(void **state)
{
    struct world *world = *state;
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    char out[1024];

    run(world,
        "cut -d' ' -f6 /proc/$$/stat; echo $$; grep SigIgn /proc/$$/status",
        out);
    (void)signal(SIGPIPE, before);
    /* session and pid are the same number */
    assert_int_equal(atoi(out), atoi(strchr(out, '\n')));
    assert_int_equal(strtoull(strstr(out, "SigIgn:") + 7, NULL, 16) &
                         (1u << (SIGPIPE - 1)),
                     0);
}

static void test_kill(void **state)
{
    struct world *world = *state;
    struct neap_err err;

    assert_int_equal(start(world, "exec sleep 1000", STDERR_FILENO, true, &err),
                     0);
    assert_true(neap_child_pid(world->child) > 0);
    assert_int_equal(neap_child_kill(world->child, SIGTERM, &err), 0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->count, 1);
    assert_int_equal(world->end.signal, SIGTERM);
}

static void test_program_not_there(void **state)
{
    struct world *world = *state;
    char *argv[] = { "x", NULL };
    struct neap_spawn spawn = {
        .path = "/no/such/program", .argv = argv, .fd = { -1, -1, -1 }, .nfd = 3
    };
    struct neap_err err;

    assert_int_equal(neap_child_spawn(&world->loop, &spawn, ended, world,
                                      &world->child, &err),
                     NEAP_ENOTEXIST);
    assert_null(world->child);
    assert_non_null(strstr(err.text, "/no/such/program"));
}

/* Sources that are targets of each other must not be mixed up. */
static void test_swapped_descriptors(void **state)
{
    struct world *world = *state;
    char *argv[] = { "sh", "-c", "echo three >&3; echo four >&4", NULL };
    struct neap_spawn spawn = { .path = "/bin/sh", .argv = argv, .nfd = 5 };
    char text[16] = "";
    int a[2], b[2];
    struct neap_err err;

    assert_int_equal(pipe2(a, O_CLOEXEC), 0);
    assert_int_equal(pipe2(b, O_CLOEXEC), 0);
    spawn.fd[0] = spawn.fd[1] = NEAP_SPAWN_NULL;
    spawn.fd[2] = STDERR_FILENO;
    spawn.fd[3] = b[1] > a[1] ? b[1] : a[1];
    spawn.fd[4] = b[1] > a[1] ? a[1] : b[1];
    assert_int_equal(neap_child_spawn(&world->loop, &spawn, ended, world,
                                      &world->child, &err),
                     0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(read(b[0], text, sizeof(text)), 6);
    assert_memory_equal(text, "three\n", 6);
    assert_int_equal(read(a[0], text, sizeof(text)), 5);
    assert_memory_equal(text, "four\n", 5);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void test_close_without_waiting(void **state)
{
    struct world *world = *state;
    struct neap_err err;
    int fd[2];
    char c;

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_int_equal(start(world, "exit 0", fd[1], true, &err), 0);
    close(fd[1]);
    neap_child_close(world->child);
    neap_child_close(NULL);
    assert_int_equal(read(fd[0], &c, 1), 0);
    close(fd[0]);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->count, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_status_and_output),
        TEST(test_only_the_given_descriptors),
        TEST(test_own_session_and_default_signals),
        TEST(test_kill),
        TEST(test_program_not_there),
        TEST(test_swapped_descriptors),
        TEST(test_close_without_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
