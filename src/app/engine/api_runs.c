/* Runs: begin, look, events, end, cancel. */
#include <stdlib.h>
#include <string.h>

#include "app/engine/api.h"
#include "sched/reader.h"
#include "sched/row.h"
#include "sched/run_end.h"

/* ---- POST /v1/runs ---- */

static int take_text(struct neap_run *run, const json_t *json, const char *name,
                     const char **to, struct neap_err *err)
{
    const char *text;
    int rc = neap_read_str(json, name, &text, err);

    if (rc == 0)
        *to = neap_keep_copy(run->store, text);
    return rc;
}

/* A list or an object, kept as text. Lua cannot tell an empty one from the
 * other, so both are fine when empty. */
static int take_json(struct neap_run *run, const json_t *json, const char *name,
                     bool list, const char **to, struct neap_err *err)
{
    bool is_list = json_is_array(json), is_object = json_is_object(json);
    char *text;

    if ((is_list && json_array_size(json) == 0) ||
        (is_object && json_object_size(json) == 0))
        return 0;
    if (list ? !is_list : !is_object)
        return neap_read_type_error(json, name, list ? "a list" : "an object",
                                    err);
    text = json_dumps(json, JSON_COMPACT);
    *to = neap_keep_copy(run->store, text);
    free(text);
    return 0;
}

static int run_script(void *ctx, const json_t *json, struct neap_err *err)
{
    struct neap_run *run = ctx;

    return take_text(run, json, "script", &run->script, err);
}

static int run_user(void *ctx, const json_t *json, struct neap_err *err)
{
    struct neap_run *run = ctx;

    return take_text(run, json, "user", &run->user, err);
}

static int run_args(void *ctx, const json_t *json, struct neap_err *err)
{
    struct neap_run *run = ctx;

    return take_json(run, json, "args", true, &run->args, err);
}

static int run_params(void *ctx, const json_t *json, struct neap_err *err)
{
    struct neap_run *run = ctx;

    return take_json(run, json, "params", false, &run->params, err);
}

static int run_labels(void *ctx, const json_t *json, struct neap_err *err)
{
    struct neap_run *run = ctx;

    return take_json(run, json, "labels", false, &run->labels, err);
}

static int run_on_error(void *ctx, const json_t *json, struct neap_err *err)
{
    struct neap_run *run = ctx;
    int rc = take_text(run, json, "on_error", &run->on_error, err);

    if (rc == 0 && strcmp(run->on_error, "finish") != 0 &&
        strcmp(run->on_error, "stop") != 0 &&
        strcmp(run->on_error, "continue") != 0)
        rc = neap_err_set(err, NEAP_EINVAL,
                          "'on_error' must be finish, stop "
                          "or continue, not '%.40s'",
                          run->on_error);
    return rc;
}

static int run_detach(void *ctx, const json_t *json, struct neap_err *err)
{
    struct neap_run *run = ctx;

    return neap_read_bool(json, "detach", &run->detach, err);
}

static int read_run(const json_t *json, struct neap_run *run,
                    const char **field, struct neap_err *err)
{
    static const struct neap_read_field fields[] = {
        { "script", false, run_script },     { "args", false, run_args },
        { "params", false, run_params },     { "labels", false, run_labels },
        { "user", false, run_user },         { "detach", false, run_detach },
        { "on_error", false, run_on_error },
    };

    return neap_read_object(json, "a run", fields, 7, run, field, err);
}

void api_post_run(struct app *app, struct request *request, const char *id,
                  struct reply *reply)
{
    struct neap_json json = NEAP_JSON(&reply->body);
    struct neap_run *run = NULL;
    const char *field = NULL;
    struct neap_err err;
    json_t *body = api_body(request, reply);
    bool wrong;
    int rc;

    (void)id;
    if (body == NULL)
        return;
    rc = neap_engine_new_run(app->engine, &run, &err);
    wrong = rc == 0 && (rc = read_run(body, run, &field, &err)) < 0;
    json_decref(body);
    if (rc == 0)
        rc = neap_engine_start_run(app->engine, run, &err);
    if (rc < 0) {
        neap_run_destroy(run);
        if (wrong || rc == NEAP_EPRECONDITION)
            api_refuse(reply, rc, field, -1, &err);
        else /* whatever kind of error the files of the state have */
            reply_error(reply, 500, "E_INTERNAL", "%s", err.text);
        return;
    }
    neap_json_open(&json, NULL, '{');
    neap_json_str(&json, "id", run->id);
    neap_json_str(&json, "uid", run->uid);
    neap_json_close(&json, '}');
}

/* ---- looking ---- */

void api_get_runs(struct app *app, struct request *request, const char *id,
                  struct reply *reply)
{
    struct neap_json json = reply_document(reply, "neap.runs/1");

    (void)request, (void)id;
    neap_json_open(&json, "runs", '[');
    for (int i = 0; i < neap_engine_nruns(app->engine); i++)
        neap_row_run(&json, neap_engine_run(app->engine, i), NULL);
    neap_json_close(&json, ']');
    neap_json_close(&json, '}');
}

void api_get_run(struct app *app, struct request *request, const char *id,
                 struct reply *reply)
{
    struct neap_json json = NEAP_JSON(&reply->body);
    struct neap_run *run = api_find_run(app, id, reply);

    (void)request;
    if (run != NULL)
        neap_row_run(&json, run, "neap.run/1");
}

void api_events(struct app *app, struct request *request, const char *id,
                struct reply *reply)
{
    struct neap_run *run = api_find_run(app, id, reply);
    const char *last =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                    "Last-Event-ID");
    int64_t since;

    if (run == NULL)
        return;
    since = api_number(request, "since", 0, reply);
    if (since < 0)
        return;
    if (last != NULL && strtoll(last, NULL, 10) > since)
        since = strtoll(last, NULL, 10);
    if (since > run->events.count) {
        reply_error(reply, 400, "E_USAGE", "run %s has %lld events, not %lld",
                    run->id, (long long)run->events.count, (long long)since);
        return;
    }
    reply->type = "text/event-stream";
    reply->stream = sse_stream(app->streams, request->connection, run, since);
}

/* ---- end ---- */

struct end_body {
    int state;
    char *error; /* JSON; free() */
};

static int end_state(void *ctx, const json_t *json, struct neap_err *err)
{
    struct end_body *end = ctx;
    const char *text;
    int rc = neap_read_str(json, "state", &text, err);

    if (rc < 0)
        return rc;
    end->state = neap_run_state_parse(text);
    if (end->state == NEAP_RUN_DONE || end->state == NEAP_RUN_FAILED ||
        end->state == NEAP_RUN_CANCELLED)
        return 0;
    return neap_err_set(err, NEAP_EINVAL,
                        "a run ends done, failed or "
                        "cancelled, not '%.40s'",
                        text);
}

static int end_error(void *ctx, const json_t *json, struct neap_err *err)
{
    struct end_body *end = ctx;

    if (!json_is_object(json))
        return neap_read_type_error(json, "error", "an object", err);
    end->error = json_dumps(json, JSON_COMPACT);
    return 0;
}

void api_end_run(struct app *app, struct request *request, const char *id,
                 struct reply *reply)
{
    static const struct neap_read_field fields[] = {
        { "state", true, end_state },
        { "error", false, end_error },
    };
    struct neap_json out = NEAP_JSON(&reply->body);
    struct neap_run *run = api_find_run(app, id, reply);
    struct end_body end = { 0, NULL };
    const char *field;
    struct neap_err err;
    json_t *body;
    int rc;

    if (run == NULL || (body = api_body(request, reply)) == NULL)
        return;
    rc = neap_read_object(body, "the end of a run", fields, 2, &end, &field,
                          &err);
    if (rc < 0) {
        api_refuse(reply, rc, field, -1, &err);
    } else {
        neap_run_script_ended(run, (enum neap_run_state)end.state, end.error);
        neap_row_run(&out, run, "neap.run/1");
    }
    free(end.error);
    json_decref(body); /* `field` may point into it */
}

struct cancel_body {
    bool stop;
    const char *reason; /* borrowed from the body */
};

static int cancel_mode(void *ctx, const json_t *json, struct neap_err *err)
{
    struct cancel_body *cancel = ctx;
    const char *text;
    int rc = neap_read_str(json, "mode", &text, err);

    if (rc < 0)
        return rc;
    cancel->stop = strcmp(text, "stop") == 0;
    if (cancel->stop || strcmp(text, "finish") == 0)
        return 0;
    return neap_err_set(err, NEAP_EINVAL,
                        "'mode' must be finish or stop, not "
                        "'%.40s'",
                        text);
}

static int cancel_reason(void *ctx, const json_t *json, struct neap_err *err)
{
    struct cancel_body *cancel = ctx;

    return neap_read_str(json, "reason", &cancel->reason, err);
}

void api_cancel_run(struct app *app, struct request *request, const char *id,
                    struct reply *reply)
{
    static const struct neap_read_field fields[] = {
        { "mode", true, cancel_mode },
        { "reason", false, cancel_reason },
    };
    struct neap_json out = NEAP_JSON(&reply->body);
    struct neap_run *run = api_find_run(app, id, reply);
    struct cancel_body cancel = { false, "the run was cancelled" };
    const char *field;
    struct neap_err err;
    json_t *body;
    int rc, touched;

    if (run == NULL || (body = api_body(request, reply)) == NULL)
        return;
    rc = neap_read_object(body, "a cancellation", fields, 2, &cancel, &field,
                          &err);
    if (rc < 0) {
        api_refuse(reply, rc, field, -1, &err);
    } else {
        touched = neap_engine_cancel_run(app->engine, run, cancel.stop,
                                         cancel.reason);
        neap_json_open(&out, NULL, '{');
        neap_json_int(&out, "touched", touched);
        neap_json_close(&out, '}');
    }
    json_decref(body);
}
