/* The whole engine on a loop of its own, with an agent that is only frames:
 * it grants what is asked and ends tasks as each test wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/stream.h"
#include "sched/engine.h"
#include "sched/run_end.h"

#define BOUND_NS (20 * NEAP_SEC)

struct fixture {
    uv_loop_t loop;
    char dir[64], *socket;
    struct neap_engine *engine;
    struct neap_run *run;
    struct neap_stream *agent; /* NULL: gone */
    char log[1024];            /* "RUN r1.1#1 KILL r1.2 " */
    bool stopped;
    /* how the fake agent ends attempts; KILLED: not before it is told */
    int (*cause)(const char *task, int attempt);
};

/* ---- the fake agent ---- */

static void tell(struct fixture *f, const struct neap_msg *msg)
{
    assert_int_equal(neap_msg_pack(msg, neap_stream_out(f->agent)), 0);
}

static void send_alloc(struct fixture *f, int type, const char *alloc)
{
    struct neap_msg msg;

    neap_msg_init(&msg, type);
    msg.alloc = alloc;
    tell(f, &msg);
}

static void send_task(struct fixture *f, int type, const struct neap_msg *run,
                      int cause)
{
    struct neap_msg msg;

    neap_msg_init(&msg, type);
    msg.task = run->task;
    msg.attempt = run->attempt;
    msg.at_ns = msg.started_ns = msg.ended_ns = neap_clock_wall_ns();
    msg.cause = cause;
    msg.exit = cause == NEAP_END_EXIT ? 0 : 1;
    tell(f, &msg);
}

static void on_run(struct fixture *f, const struct neap_msg *msg)
{
    int cause =
        f->cause != NULL ? f->cause(msg->task, msg->attempt) : NEAP_END_EXIT;

    send_task(f, NEAP_MSG_STARTED, msg, 0);
    if (cause != NEAP_END_KILLED)
        send_task(f, NEAP_MSG_ENDED, msg, cause);
}

static void note(struct fixture *f, const struct neap_msg *msg)
{
    size_t n = strlen(f->log);

    snprintf(f->log + n, sizeof f->log - n, "%s %s#%d ",
             neap_msg_type_name(msg->type), msg->task, msg->attempt);
}

static void on_message(struct fixture *f, const struct neap_msg *msg)
{
    switch (msg->type) {
    case NEAP_MSG_LEASE:
        send_alloc(f, NEAP_MSG_GRANTED, msg->alloc);
        break;
    case NEAP_MSG_FREE:
        send_alloc(f, NEAP_MSG_FREED, msg->alloc);
        break;
    case NEAP_MSG_RUN:
        note(f, msg);
        on_run(f, msg);
        break;
    case NEAP_MSG_KILL:
        note(f, msg);
        send_task(f, NEAP_MSG_ENDED, msg, NEAP_END_KILLED);
        break;
    default:
        break;
    }
}

static int64_t on_data(void *ctx, const char *data, size_t len,
                       struct neap_err *err)
{
    size_t at = 0;

    while (at < len) {
        struct neap_msg msg;
        int64_t took = neap_msg_parse(data + at, len - at, &msg, err);

        assert_true(took >= 0);
        if (took == 0)
            break;
        on_message(ctx, &msg);
        neap_msg_deinit(&msg);
        at += (size_t)took;
    }
    return (int64_t)at;
}

static void on_end(void *ctx, const struct neap_err *why)
{
    struct fixture *f = ctx;

    (void)why;
    f->agent = NULL;
}

static void start_agent(struct fixture *f)
{
    static const struct neap_stream_cbs cbs = { on_data, on_end };
    struct neap_wire_amount have[] = { { "cpu", 2000 }, { "mem", 1 << 30 } };
    struct neap_msg msg;

    assert_int_equal(neap_stream_connect(&f->loop, f->socket, &f->agent, NULL),
                     0);
    neap_stream_start(f->agent, &cbs, f);
    neap_msg_init(&msg, NEAP_MSG_HELLO);
    msg.version = NEAP_WIRE_VERSION;
    msg.node = "fake";
    msg.session = "s";
    msg.capacity = have;
    msg.ncapacity = 2;
    tell(f, &msg);
}

/* ---- the fixture ---- */

static void on_stopped(void *ctx)
{
    struct fixture *f = ctx;

    f->stopped = true;
}

static int set_up(void **state)
{
    static const struct neap_engine_cbs cbs = { NULL, on_stopped };
    struct fixture *f = NEAP_NEW(struct fixture);
    struct neap_engine_config config;

    strcpy(f->dir, "/tmp/neap-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->socket = neap_format("%s/agent.sock", f->dir);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    neap_engine_config_init(&config);
    config.name = "test";
    config.state_dir = f->dir;
    config.agent_socket = f->socket;
    config.private_engine = true;
    assert_int_equal(neap_engine_open(&f->loop, &config, &cbs, f, &f->engine,
                                      NULL),
                     0);
    assert_int_equal(neap_engine_new_run(f->engine, &f->run, NULL), 0);
    assert_int_equal(neap_engine_start_run(f->engine, f->run, NULL), 0);
    start_agent(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char *command = neap_format("rm -rf %s", f->dir);

    neap_engine_close(f->engine);
    neap_stream_close(f->agent);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    assert_int_equal(system(command), 0);
    neap_free(command);
    neap_free(f->socket);
    neap_free(f);
    return 0;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* so that a loop without events looks at the bound */
}

/* Turn the loop until the task is in this state. */
static void until(struct fixture *f, int n, enum neap_run_task_state state)
{
    int64_t end_ns = neap_clock_mono_ns() + BOUND_NS;
    uv_timer_t tick;

    (void)uv_timer_init(&f->loop, &tick);
    (void)uv_timer_start(&tick, on_tick, 20, 20);
    while (neap_run_find(f->run, n)->state != state) {
        assert_true(neap_clock_mono_ns() < end_ns);
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void submit(struct fixture *f, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct neap_spec_where where;
    int at;

    assert_non_null(json);
    assert_true(neap_engine_submit(f->engine, f->run, json, &at, &where, NULL) >
                0);
    json_decref(json);
}

static const char *kind_of(struct fixture *f, int n)
{
    return neap_run_find(f->run, n)->failure->kind;
}

/* ---- the tests ---- */

static void a_chain_runs_in_order(void **state)
{
    struct fixture *f = *state;

    submit(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"},"
              "{\"n\":2,\"name\":\"b\",\"cmd\":\"x\",\"after\":[1]},"
              "{\"n\":3,\"name\":\"c\",\"cmd\":\"x\",\"after\":[2]}]");
    neap_run_script_ended(f->run, NEAP_RUN_DONE, NULL);
    until(f, 3, NEAP_RT_DONE);
    assert_string_equal(f->log, "RUN r1.1#1 RUN r1.2#1 RUN r1.3#1 ");
    assert_int_equal(f->run->state, NEAP_RUN_DONE);
}

static int fail_first(const char *task, int attempt)
{
    (void)task;
    return attempt == 1 ? NEAP_END_OOM : NEAP_END_EXIT;
}

static void a_retry_asks_for_more(void **state)
{
    struct fixture *f = *state;

    f->cause = fail_first;
    submit(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\",\"res\":{\"cpu\":1,"
              "\"mem\":1000},\"retry\":{\"max\":1,\"delay\":0.01,"
              "\"grow\":{\"mem\":2}}}]");
    until(f, 1, NEAP_RT_DONE);
    assert_string_equal(f->log, "RUN r1.1#1 RUN r1.1#2 ");
    assert_int_equal(neap_run_find(f->run, 1)->need->v[NEAP_MEM], 2000);
}

static int fail_always(const char *task, int attempt)
{
    (void)task, (void)attempt;
    return NEAP_END_OUTPUT;
}

static void a_failure_skips_its_dependents(void **state)
{
    struct fixture *f = *state;

    f->cause = fail_always;
    submit(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"},"
              "{\"n\":2,\"name\":\"b\",\"cmd\":\"x\",\"after\":[1]}]");
    until(f, 2, NEAP_RT_SKIPPED);
    assert_string_equal(kind_of(f, 1), "E_OUTPUT");
    assert_string_equal(kind_of(f, 2), "E_UPSTREAM");
}

static int never(const char *task, int attempt)
{
    (void)task, (void)attempt;
    return NEAP_END_KILLED;
}

static void a_running_task_is_killed(void **state)
{
    struct fixture *f = *state;

    f->cause = never;
    submit(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"}]");
    until(f, 1, NEAP_RT_RUNNING);
    assert_true(neap_engine_cancel(f->engine, neap_run_find(f->run, 1), "no"));
    until(f, 1, NEAP_RT_CANCELLED);
    assert_string_equal(f->log, "RUN r1.1#1 KILL r1.1#1 ");
    assert_string_equal(kind_of(f, 1), "E_CANCELLED");
    assert_false(neap_engine_cancel(f->engine, neap_run_find(f->run, 1), "no"));
}

static int never_at_first(const char *task, int attempt)
{
    (void)task;
    return attempt == 1 ? NEAP_END_KILLED : NEAP_END_EXIT;
}

static void a_lost_agent_costs_an_attempt(void **state)
{
    struct fixture *f = *state;

    f->cause = never_at_first;
    submit(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"}]");
    until(f, 1, NEAP_RT_RUNNING);
    neap_stream_close(f->agent);
    until(f, 1, NEAP_RT_QUEUED);
    start_agent(f);
    until(f, 1, NEAP_RT_DONE);
    assert_string_equal(f->log, "RUN r1.1#1 RUN r1.1#2 ");
    assert_int_equal(neap_run_find(f->run, 1)->counts.lost, 1);
    assert_int_equal(neap_run_find(f->run, 1)->counts.retries, 0);
}

static void what_never_fits_fails_at_once(void **state)
{
    struct fixture *f = *state;

    submit(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\",\"res\":{\"cpu\":9}}]");
    until(f, 1, NEAP_RT_FAILED);
    assert_string_equal(kind_of(f, 1), "E_UNSCHEDULABLE");
    assert_string_equal(neap_run_find(f->run, 1)->failure->missing,
                        "{\"cpu\":7}");
}

static void a_stop_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t end_ns = neap_clock_mono_ns() + BOUND_NS;

    f->cause = never;
    submit(f, "[{\"n\":1,\"name\":\"a\",\"cmd\":\"x\"},"
              "{\"n\":2,\"name\":\"b\",\"cmd\":\"x\"},"
              "{\"n\":3,\"name\":\"c\",\"cmd\":\"x\"},"
              "{\"n\":4,\"name\":\"d\",\"cmd\":\"x\",\"after\":[3]}]");
    until(f, 2, NEAP_RT_RUNNING);
    neap_engine_stop(f->engine, false);
    while (!f->stopped) {
        assert_true(neap_clock_mono_ns() < end_ns);
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->run->counts[NEAP_RT_CANCELLED], 4);
    assert_int_equal(f->run->state, NEAP_RUN_ABORTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_runs_in_order),
        TEST(a_retry_asks_for_more),
        TEST(a_failure_skips_its_dependents),
        TEST(a_running_task_is_killed),
        TEST(a_lost_agent_costs_an_attempt),
        TEST(what_never_fits_fails_at_once),
        TEST(a_stop_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
