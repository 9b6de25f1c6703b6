/* neap-engine: holds runs, tasks and allocs, and serves them over HTTP.
 *
 * The way out is always the same: app_stop, then the engine says `stopped`
 * (or the deadline comes), the agent is told to end and has ended, then all
 * handles are closed and the loop runs dry. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/engine/agent_child.h"
#include "app/engine/api.h"
#include "app/engine/leftovers.h"
#include "app/engine/lifeline.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define LIFELINE_FD   3
#define ABORT_MS      6000 /* from an abort to going without waiting */
#define LEFT_NS       (10 * NEAP_SEC) /* a run whose events nobody reads */
#define LEFT_CHECK_MS 1000

/* ---- the way out ---- */

static void close_everything(void *ctx)
{
    struct app *app = ctx;

    if (app->closing)
        return;
    app->closing = true;
    sse_close_all(app->streams);
    server_close(app->server);
    agent_child_close(app->agent);
    neap_engine_close(app->engine);
    lifeline_close(app->lifeline);
    uv_close((uv_handle_t *)&app->sigint, NULL);
    uv_close((uv_handle_t *)&app->sigterm, NULL);
    uv_close((uv_handle_t *)&app->deadline, NULL);
    uv_close((uv_handle_t *)&app->left, NULL);
}

/* Nothing runs any more, or it will not end by itself. */
static void leave(struct app *app)
{
    (void)uv_timer_stop(&app->deadline);
    if (app->leaving)
        return;
    app->leaving = true;
    neap_engine_dismiss(app->engine);
    agent_child_stop(app->agent, close_everything);
}

static void on_turned(void *ctx)
{
    struct app *app = ctx;

    if (app->streams != NULL)
        sse_flush(app->streams);
}

static void on_stopped(void *ctx)
{
    leave(ctx);
}

static void on_deadline(uv_timer_t *timer)
{
    neap_log(NEAP_WARN, "tasks do not end; leaving without them");
    leave(timer->data);
}

void app_stop(struct app *app, bool drain)
{
    neap_engine_stop(app->engine, drain);
    if (!drain)
        (void)uv_timer_start(&app->deadline, on_deadline, ABORT_MS, 0);
}

/* A private engine is there for its client. */
static void on_lifeline_over(void *ctx)
{
    app_stop(ctx, false);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    app_stop(handle->data, false);
}

static void on_hopeless(void *ctx, const char *why)
{
    struct app *app = ctx;

    neap_log(NEAP_ERROR, "the local agent %s, again and again; giving up", why);
    app->status = 1;
    app_stop(app, false);
}

/* ---- runs that nobody follows any more ---- */

static void on_left(uv_timer_t *timer)
{
    struct app *app = timer->data;
    int64_t now_ns = neap_clock_mono_ns();
    bool some = false;

    for (int i = 0; i < neap_engine_nruns(app->engine); i++) {
        struct neap_run *run = neap_engine_run(app->engine, i);

        if (run->left_ns == 0 || run->state != NEAP_RUN_RUNNING)
            continue;
        if (sse_count(app->streams, run) > 0) {
            run->left_ns = 0;
        } else if (now_ns - run->left_ns < LEFT_NS) {
            some = true;
        } else {
            run->left_ns = 0;
            neap_engine_abort_run(app->engine, run, "its client has gone");
        }
    }
    if (!some)
        (void)uv_timer_stop(timer);
}

static void on_run_left(void *ctx, struct neap_run *run)
{
    struct app *app = ctx;

    if (run->detach || run->script_ended || app->closing)
        return;
    run->left_ns = neap_clock_mono_ns();
    (void)uv_timer_start(&app->left, on_left, LEFT_CHECK_MS, LEFT_CHECK_MS);
}

/* ---- the way in ---- */

static int make_socket_dir(const char *path, struct neap_err *err)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return neap_err_errno(err, errno, "cannot make the folder %s", path);
    if (lstat(path, &st) < 0)
        return neap_err_errno(err, errno, "cannot look at %s", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 077) != 0)
        return neap_err_set(err, NEAP_ENOTALLOWED,
                            "%s must be a folder of yours with mode 0700",
                            path);
    return 0;
}

static int open_engine(struct app *app, struct neap_err *err)
{
    static const struct neap_engine_cbs cbs = { on_turned, on_stopped };
    const struct config *from = &app->config;
    struct neap_engine_config config;

    neap_engine_config_init(&config);
    config.name = from->name;
    config.state_dir = from->state;
    config.agent_socket = app->agent_socket;
    config.private_engine = from->private_engine;
    config.cpu = from->cpu;
    config.mem = from->mem;
    config.disk = from->disk;
    config.max_idle_s = from->max_idle;
    config.drain_s = from->drain;
    config.max_pending = from->max_pending;
    config.lost_max = from->lost_max;
    return neap_engine_open(&app->loop, &config, &cbs, app, &app->engine, err);
}

static void watch(struct app *app)
{
    app->lifeline =
        lifeline_open(&app->loop, LIFELINE_FD, on_lifeline_over, app);
    (void)uv_signal_init(&app->loop, &app->sigint);
    (void)uv_signal_init(&app->loop, &app->sigterm);
    (void)uv_timer_init(&app->loop, &app->deadline);
    (void)uv_timer_init(&app->loop, &app->left);
    app->sigint.data = app->sigterm.data = app;
    app->deadline.data = app->left.data = app;
    (void)uv_signal_start(&app->sigint, on_signal, SIGINT);
    (void)uv_signal_start(&app->sigterm, on_signal, SIGTERM);
}

/* In the order in which the client will need them. */
static int open_app(struct app *app, struct neap_err *err)
{
    const struct config *config = &app->config;
    int rc = make_socket_dir(config->socket_dir, err);

    app->started_ns = neap_clock_wall_ns();
    app->socket = neap_format("%s/%s.sock", config->socket_dir, config->name);
    app->agent_socket =
        neap_format("%s/%s.agent.sock", config->socket_dir, config->name);
    if (rc == 0)
        rc = neap_repo_open(config->repo, &app->repo, err);
    if (rc == 0)
        leftovers_remove(config->socket_dir, config->repo);
    if (rc == 0)
        rc = open_engine(app, err);
    if (rc == 0)
        rc = policies_open(app, err);
    if (rc < 0)
        return rc;
    app->streams =
        sse_open(&app->loop, neap_engine_labels(app->engine), on_run_left, app);
    rc = server_open(&app->loop, app->socket, api_handle, app, &app->server,
                     err);
    if (rc < 0)
        return rc;
    sse_set_server(app->streams, app->server);
    app->agent = agent_child_start(&app->loop, config, app->agent_socket,
                                   on_hopeless, app);
    watch(app);
    return 0;
}

static void say(const char *text)
{
    if (fcntl(LIFELINE_FD, F_GETFD) >= 0)
        lifeline_write(LIFELINE_FD, text);
    else
        fputs(text, stdout), fflush(stdout);
}

static void say_ready(const struct app *app)
{
    struct neap_buf text = NEAP_BUF_INIT;
    struct neap_json json = NEAP_JSON(&text);

    neap_json_open(&json, NULL, '{');
    neap_json_str(&json, "socket", app->socket);
    neap_json_str(&json, "agent_socket", app->agent_socket);
    neap_json_int(&json, "pid", getpid());
    neap_json_close(&json, '}');
    neap_buf_putc(&text, '\n');
    say(text.data);
    neap_buf_deinit(&text);
}

static int say_error(const struct neap_err *err, const char *kind)
{
    struct neap_buf text = NEAP_BUF_INIT;
    struct neap_json json = NEAP_JSON(&text);

    neap_json_open(&json, NULL, '{');
    neap_json_open(&json, "error", '{');
    neap_json_str(&json, "kind", kind);
    neap_json_str(&json, "message", err->text);
    neap_json_close(&json, '}');
    neap_json_close(&json, '}');
    neap_buf_putc(&text, '\n');
    say(text.data);
    fprintf(stderr, "neap-engine: %s\n", err->text);
    neap_buf_deinit(&text);
    return 1;
}

static void deinit(struct app *app)
{
    sse_destroy(app->streams);
    neap_policy_host_destroy(app->policies);
    neap_repo_close(app->repo);
    neap_free(app->socket);
    neap_free(app->agent_socket);
    config_deinit(&app->config);
}

static int serve(const char *text)
{
    struct app app;
    struct neap_err err;
    int rc;

    memset(&app, 0, sizeof app);
    (void)uv_loop_init(&app.loop);
    rc = config_parse(text, &app.config, &err);
    if (rc < 0)
        return say_error(&err, "E_USAGE");
    rc = open_app(&app, &err);
    if (rc < 0 && app.engine != NULL)
        (void)unlink(app.agent_socket); /* no loop will run to close it */
    if (rc < 0)
        return say_error(&err, app.policies != NULL && app.server == NULL
                                   ? "E_POLICY"
                                   : "E_CONN");
    say_ready(&app);
    (void)uv_run(&app.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&app.loop);
    deinit(&app);
    return app.status;
}

static int usage(FILE *to)
{
    fputs("usage: neap-engine --config JSON\n"
          "\n"
          "Serves runs over a Unix socket; started by neap. The fields of the\n"
          "configuration are in docs/design/protocol.md.\n",
          to);
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    neap_log_init("engine");
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc != 3 || strcmp(argv[1], "--config") != 0)
        return usage(stderr);
    return serve(argv[2]);
}
