/* Routes, and what all handlers need. */
#include "app/engine/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* '*' in a pattern is one part of the path. */
static const struct {
    const char *method, *pattern;
    api_fn handle;
} routes[] = {
    { "POST", "/v1/tasks", api_post_tasks },
    { "GET", "/v1/tasks", api_get_tasks },
    { "GET", "/v1/tasks/*", api_get_task },
    { "PATCH", "/v1/tasks/*", api_patch_task },
    { "GET", "/v1/tasks/*/why", api_why },
    { "GET", "/v1/tasks/*/log", api_log },
    { "POST", "/v1/cancel", api_cancel },
    { "GET", "/v1/why", api_why_summary },
    { "POST", "/v1/runs", api_post_run },
    { "GET", "/v1/runs", api_get_runs },
    { "GET", "/v1/runs/*", api_get_run },
    { "GET", "/v1/runs/*/events", api_events },
    { "POST", "/v1/runs/*/end", api_end_run },
    { "POST", "/v1/runs/*/cancel", api_cancel_run },
    { "GET", "/v1/info", api_info },
    { "GET", "/v1/stats", api_stats },
    { "GET", "/v1/allocs", api_allocs },
    { "GET", "/v1/policies", api_policies },
    { "POST", "/v1/policies/*/swap", api_swap },
    { "POST", "/v1/stop", api_stop },
};

#define ID_MAX 64

/* Does `path` match? The open part goes to `id`. */
static bool match(const char *pattern, const char *path, char id[ID_MAX])
{
    id[0] = '\0';
    while (*pattern != '\0') {
        if (*pattern == '*') {
            size_t n = strcspn(path, "/");

            if (n == 0 || n >= ID_MAX)
                return false;
            memcpy(id, path, n);
            id[n] = '\0';
            path += n;
            pattern++;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

void api_handle(void *ctx, struct request *request, struct reply *reply)
{
    bool known = false;
    char id[ID_MAX];

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!match(routes[i].pattern, request->path, id))
            continue;
        known = true;
        if (strcmp(routes[i].method, request->method) != 0)
            continue;
        routes[i].handle(ctx, request, id, reply);
        return;
    }
    if (known)
        reply_error(reply, 405, "E_PROTO", "%s is not for %.200s",
                    request->method, request->path);
    else
        reply_error(reply, 404, "E_PROTO", "there is no %.200s", request->path);
}

json_t *api_body(struct request *request, struct reply *reply)
{
    json_error_t where;
    json_t *json;

    if (request->body.len == 0) {
        reply_error(reply, 400, "E_PROTO", "the request has no body");
        return NULL;
    }
    json = json_loadb(request->body.data, request->body.len,
                      JSON_REJECT_DUPLICATES, &where);
    if (json == NULL)
        reply_error(reply, 400, "E_PROTO",
                    "the body is no JSON: %s (line %d, column %d, byte %d)",
                    where.text, where.line, where.column, where.position);
    return json;
}

struct neap_run *api_find_run(struct app *app, const char *id,
                              struct reply *reply)
{
    struct neap_run *run = neap_engine_find_run(app->engine, id);

    if (run == NULL)
        reply_error(reply, 404, "E_NOENT", "there is no run '%s'", id);
    return run;
}

struct neap_run_task *api_find_task(struct app *app, const char *id,
                                    struct reply *reply)
{
    struct neap_run_task *task = neap_engine_find_task(app->engine, id);

    if (task == NULL)
        reply_error(reply, 404, "E_NOENT", "there is no task '%s'", id);
    return task;
}

int64_t api_number(struct request *request, const char *name, int64_t otherwise,
                   struct reply *reply)
{
    const char *text = request_arg(request, name);
    char *end;
    long long value;

    if (text == NULL)
        return otherwise;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && value >= 0)
        return value;
    reply_error(reply, 400, "E_USAGE",
                "'%s' must be a number from 0 on, not "
                "'%.40s'",
                name, text);
    return -1;
}

void api_refuse(struct reply *reply, int code, const char *field, int index,
                const struct neap_err *err)
{
    struct reply_fault fault = { "E_INTERNAL", field, index };
    int status = 500; /* a full disk, a missing folder … */

    if (code == NEAP_EINVAL || code == NEAP_EEXHAUSTED) {
        fault.kind = "E_SPEC";
        status = 400;
    } else if (code == NEAP_EPRECONDITION) {
        fault.kind = "E_USAGE";
        status = 409;
    }
    reply_fault(reply, status, &fault, err->text);
}
