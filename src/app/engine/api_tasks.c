/* Tasks: submit, list, look at one, change, cancel. */
#include <string.h>

#include "app/engine/api.h"
#include "sched/reader.h"
#include "sched/row.h"
#include "sched/spec_row.h"

#define LIMIT_MAX 10000

/* ---- POST /v1/tasks ---- */

struct submit_body {
    const char *run;
    const json_t *tasks;
};

static int submit_run(void *ctx, const json_t *json, struct neap_err *err)
{
    struct submit_body *submit = ctx;

    return neap_read_str(json, "run", &submit->run, err);
}

static int submit_tasks(void *ctx, const json_t *json, struct neap_err *err)
{
    struct submit_body *submit = ctx;

    (void)err;
    submit->tasks = json;
    return 0;
}

static void submit(struct app *app, const struct submit_body *what,
                   struct reply *reply)
{
    struct neap_json out = NEAP_JSON(&reply->body);
    struct neap_run *run = api_find_run(app, what->run, reply);
    struct neap_spec_where where;
    struct neap_err err;
    int at, count;

    if (run == NULL)
        return;
    count =
        neap_engine_submit(app->engine, run, what->tasks, &at, &where, &err);
    if (count < 0) {
        api_refuse(reply, count, where.field, at, &err);
        return;
    }
    neap_json_open(&out, NULL, '{');
    neap_json_int(&out, "accepted", count);
    neap_json_close(&out, '}');
}

void api_post_tasks(struct app *app, struct request *request, const char *id,
                    struct reply *reply)
{
    static const struct neap_read_field fields[] = {
        { "run", true, submit_run },
        { "tasks", true, submit_tasks },
    };
    struct submit_body what;
    const char *field;
    struct neap_err err;
    json_t *body = api_body(request, reply);
    int rc;

    (void)id;
    if (body == NULL)
        return;
    rc = neap_read_object(body, "a submission", fields, 2, &what, &field, &err);
    if (rc < 0)
        api_refuse(reply, rc, field, -1, &err);
    else
        submit(app, &what, reply);
    json_decref(body);
}

/* ---- GET /v1/tasks ---- */

struct query {
    unsigned states; /* bits; 0: all */
    const char *name, *alloc;
    const struct neap_run *run;        /* NULL: all */
    const struct neap_run_task *after; /* NULL: from the first on */
    int64_t limit;
};

static bool read_states(struct query *query, const char *text,
                        struct reply *reply)
{
    char word[32];

    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, ",");
        int state;

        memcpy(word, text, n < sizeof word ? n : sizeof word - 1);
        word[n < sizeof word ? n : sizeof word - 1] = '\0';
        state = neap_run_task_state_parse(word);
        if (state < 0) {
            reply_error(reply, 400, "E_USAGE", "there is no state '%s'", word);
            return false;
        }
        query->states |= 1u << state;
        text += n + (text[n] == ',');
    }
    return true;
}

static bool read_query(struct app *app, struct request *request,
                       struct query *query, struct reply *reply)
{
    const char *run = request_arg(request, "run");
    const char *after = request_arg(request, "after");

    memset(query, 0, sizeof *query);
    query->name = request_arg(request, "name");
    query->alloc = request_arg(request, "alloc");
    query->limit = api_number(request, "limit", 100, reply);
    if (query->limit < 0 ||
        !read_states(query, request_arg(request, "state"), reply))
        return false;
    if (query->limit > LIMIT_MAX)
        query->limit = LIMIT_MAX;
    if (run != NULL && (query->run = api_find_run(app, run, reply)) == NULL)
        return false;
    return after == NULL ||
           (query->after = api_find_task(app, after, reply)) != NULL;
}

static bool wanted(const struct query *query, const struct neap_run_task *task)
{
    if (query->states != 0 && (query->states & (1u << task->state)) == 0)
        return false;
    if (query->name != NULL &&
        strcmp(query->name, task->spec.common->name) != 0)
        return false;
    return query->alloc == NULL ||
           (task->last != NULL && task->state > NEAP_RT_QUEUED &&
            strcmp(query->alloc, task->last->alloc) == 0);
}

/* The rows of one run. Returns true if there are more than the limit. */
static bool list_run(const struct query *query, const struct neap_run *run,
                     const struct neap_labels *labels, struct neap_json *json,
                     int64_t *count)
{
    int i = 0;

    if (query->after != NULL && query->after->run == run) {
        while (run->tasks[i] != query->after)
            i++;
        i++;
    }
    for (; i < run->ntasks; i++) {
        if (!wanted(query, run->tasks[i]))
            continue;
        if (*count == query->limit)
            return true;
        neap_row_task(json, run->tasks[i], labels);
        (*count)++;
    }
    return false;
}

void api_get_tasks(struct app *app, struct request *request, const char *id,
                   struct reply *reply)
{
    const struct neap_labels *labels = neap_engine_labels(app->engine);
    struct neap_json json;
    struct query query;
    int64_t count = 0;
    bool more = false;

    (void)id;
    if (!read_query(app, request, &query, reply))
        return;
    json = reply_document(reply, "neap.tasks/1");
    neap_json_open(&json, "tasks", '[');
    for (int i = 0; i < neap_engine_nruns(app->engine) && !more; i++) {
        const struct neap_run *run = neap_engine_run(app->engine, i);

        if (query.run != NULL && query.run != run)
            continue;
        if (query.after != NULL && query.after->run->number > run->number)
            continue;
        more = list_run(&query, run, labels, &json, &count);
    }
    neap_json_close(&json, ']');
    neap_json_bool(&json, "more", more);
    neap_json_close(&json, '}');
}

/* ---- one task ---- */

static void put_task(struct app *app, const struct neap_run_task *task,
                     struct reply *reply)
{
    const struct neap_labels *labels = neap_engine_labels(app->engine);
    struct neap_json json = reply_document(reply, "neap.task/1");

    neap_json_key(&json, "task");
    neap_row_task(&json, task, labels);
    reply->body.len--; /* open the row again: there is more to say */
    neap_spec_row(&json, "spec", task, labels);
    neap_row_attempts(&json, "attempts", task);
    neap_json_close(&json, '}');
    neap_json_close(&json, '}');
}

void api_get_task(struct app *app, struct request *request, const char *id,
                  struct reply *reply)
{
    struct neap_run_task *task = api_find_task(app, id, reply);

    (void)request;
    if (task != NULL)
        put_task(app, task, reply);
}

struct patch_body {
    struct neap_run_task *task;
    int priority;
    double timeout_s;
    const struct neap_strmap *labels;
    struct neap_task_patch patch;
};

static int patch_priority(void *ctx, const json_t *json, struct neap_err *err)
{
    struct patch_body *body = ctx;
    int64_t value = 0;
    int rc = neap_read_int(json, "priority", INT32_MIN, INT32_MAX, &value, err);

    body->priority = (int)value;
    body->patch.priority = &body->priority;
    return rc;
}

static int patch_timeout(void *ctx, const json_t *json, struct neap_err *err)
{
    struct patch_body *body = ctx;

    body->patch.timeout_s = &body->timeout_s;
    return neap_read_num(json, "timeout", 1e-3, 1e9, &body->timeout_s, err);
}

static int patch_labels(void *ctx, const json_t *json, struct neap_err *err)
{
    struct patch_body *body = ctx;

    body->patch.labels = &body->labels;
    return neap_spec_parse_labels(json, body->task->run->store, &body->labels,
                                  err);
}

void api_patch_task(struct app *app, struct request *request, const char *id,
                    struct reply *reply)
{
    static const struct neap_read_field fields[] = {
        { "priority", false, patch_priority },
        { "labels", false, patch_labels },
        { "timeout", false, patch_timeout },
    };
    struct patch_body patch = { .task = api_find_task(app, id, reply) };
    const char *field;
    struct neap_err err;
    json_t *body;
    int rc;

    if (patch.task == NULL || (body = api_body(request, reply)) == NULL)
        return;
    rc = neap_read_object(body, "a change", fields, 3, &patch, &field, &err);
    if (rc < 0) {
        api_refuse(reply, rc, field, -1, &err);
    } else if (neap_run_task_over(patch.task)) {
        reply_error(reply, 409, "E_USAGE", "task %s is %s", id,
                    neap_run_task_state_name(patch.task->state));
    } else {
        neap_engine_patch(app->engine, patch.task, &patch.patch);
        put_task(app, patch.task, reply);
    }
    json_decref(body); /* only now: `field` may point into it */
}

/* ---- POST /v1/cancel ---- */

struct cancel_body {
    const json_t *ids;
    const char *reason;
};

static int cancel_ids(void *ctx, const json_t *json, struct neap_err *err)
{
    struct cancel_body *cancel = ctx;

    if (!json_is_array(json))
        return neap_read_type_error(json, "ids", "a list of task ids", err);
    cancel->ids = json;
    return 0;
}

static int cancel_reason(void *ctx, const json_t *json, struct neap_err *err)
{
    struct cancel_body *cancel = ctx;

    return neap_read_str(json, "reason", &cancel->reason, err);
}

/* First look at all ids: an unknown one means that nothing is cancelled. */
static bool check_ids(struct app *app, const json_t *ids, struct reply *reply)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));

        if (id == NULL) {
            reply_error(reply, 400, "E_SPEC", "'ids' must hold strings");
            return false;
        }
        if (api_find_task(app, id, reply) == NULL)
            return false;
    }
    return true;
}

static void cancel_all(struct app *app, const struct cancel_body *cancel,
                       struct reply *reply)
{
    struct neap_json out = NEAP_JSON(&reply->body);
    int touched = 0;

    if (!check_ids(app, cancel->ids, reply))
        return;
    for (size_t i = 0; i < json_array_size(cancel->ids); i++) {
        struct neap_run_task *task = neap_engine_find_task(
            app->engine, json_string_value(json_array_get(cancel->ids, i)));

        touched += neap_engine_cancel(app->engine, task, cancel->reason);
    }
    neap_json_open(&out, NULL, '{');
    neap_json_int(&out, "touched", touched);
    neap_json_close(&out, '}');
}

void api_cancel(struct app *app, struct request *request, const char *id,
                struct reply *reply)
{
    static const struct neap_read_field fields[] = {
        { "ids", true, cancel_ids },
        { "reason", false, cancel_reason },
    };
    struct cancel_body cancel = { NULL, "somebody asked for it" };
    const char *field;
    struct neap_err err;
    json_t *body = api_body(request, reply);
    int rc;

    (void)id;
    if (body == NULL)
        return;
    rc = neap_read_object(body, "a cancellation", fields, 2, &cancel, &field,
                          &err);
    if (rc < 0)
        api_refuse(reply, rc, field, -1, &err);
    else
        cancel_all(app, &cancel, reply);
    json_decref(body);
}
