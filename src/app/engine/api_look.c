/* The engine itself: what it is, how it does, its allocs and policies. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/engine/api.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sched/reader.h"
#include "sched/row.h"

static const char *policy_name(struct app *app, enum neap_policy_kind kind)
{
    struct neap_policy_info info;

    neap_policy_host_info(app->policies, kind, &info);
    if (info.state == NEAP_POLICY_ACTIVE)
        return info.name;
    return kind == NEAP_POLICY_PACK ? neap_policy_best_fit.name
                                    : neap_policy_by_priority.name;
}

void api_info(struct app *app, struct request *request, const char *id,
              struct reply *reply)
{
    struct neap_json json = reply_document(reply, "neap.info/1");
    struct neap_res all;

    (void)request, (void)id;
    neap_json_str(&json, "version", NEAP_VERSION);
    neap_json_int(&json, "api", 1);
    neap_json_str(&json, "name", app->config.name);
    neap_json_int(&json, "pid", getpid());
    neap_json_time(&json, "started", app->started_ns);
    neap_json_bool(&json, "private", app->config.private_engine);
    neap_json_str(&json, "repo", app->config.repo);
    neap_json_str(&json, "state", app->config.state);
    if (neap_engine_largest(app->engine, &all)) {
        neap_json_num(&json, "cpu", neap_res_get(&all, NEAP_CPU));
        neap_json_num(&json, "mem", neap_res_get(&all, NEAP_MEM));
        neap_json_num(&json, "disk", neap_res_get(&all, NEAP_DISK));
    }
    neap_json_open(&json, "policy", '{');
    neap_json_str(&json, "pack", policy_name(app, NEAP_POLICY_PACK));
    neap_json_str(&json, "priority", policy_name(app, NEAP_POLICY_PRIORITY));
    neap_json_close(&json, '}');
    neap_json_str(&json, "socket", app->socket);
    neap_json_close(&json, '}');
}

static void put_task_counts(struct app *app, struct neap_json *json)
{
    int counts[NEAP_RT_STATES] = { 0 };

    for (int i = 0; i < neap_engine_nruns(app->engine); i++) {
        for (int k = 0; k < NEAP_RT_STATES; k++)
            counts[k] += neap_engine_run(app->engine, i)->counts[k];
    }
    neap_json_open(json, "tasks", '{');
    for (int k = 0; k < NEAP_RT_STATES; k++)
        neap_json_int(json, neap_run_task_state_name(k), counts[k]);
    neap_json_close(json, '}');
}

void api_stats(struct app *app, struct request *request, const char *id,
               struct reply *reply)
{
    struct neap_json json = reply_document(reply, "neap.stats/1");
    struct neap_sched_stats s;

    (void)request, (void)id;
    neap_sched_stats(neap_engine_sched(app->engine), &s);
    neap_json_int(&json, "total_tasks", (int64_t)s.total_tasks);
    neap_json_int(&json, "total_allocs", (int64_t)s.total_allocs);
    neap_json_int(&json, "rounds", (int64_t)s.rounds);
    neap_json_int(&json, "assigned", (int64_t)s.assigned);
    neap_json_int(&json, "rejected_lines", (int64_t)s.rejected_lines);
    neap_json_int(&json, "policy_errors", (int64_t)s.policy_errors);
    neap_json_int(&json, "requests", (int64_t)s.requests);
    neap_json_int(&json, "refused", (int64_t)s.refused);
    neap_json_int(&json, "queued", s.queued);
    neap_json_int(&json, "staging", s.staging);
    neap_json_int(&json, "running", s.running);
    neap_json_int(&json, "lost", s.lost);
    neap_json_int(&json, "done", s.done);
    neap_json_int(&json, "failed", s.failed);
    neap_json_int(&json, "classes", s.classes);
    neap_json_int(&json, "pending_allocs", s.pending_allocs);
    neap_json_int(&json, "live_allocs", s.live_allocs);
    neap_json_big(&json, "round_ns_last", s.round_ns_last);
    neap_json_big(&json, "round_ns_max", s.round_ns_max);
    put_task_counts(app, &json);
    neap_json_close(&json, '}');
}

/* ---- allocs ---- */

struct alloc_list {
    struct app *app;
    struct neap_json *json;
    int64_t now_ns;
};

static void put_tasks_of(const struct alloc_list *list, const char *alloc)
{
    char id[32];

    neap_json_open(list->json, "tasks", '[');
    for (int i = 0; i < neap_engine_nruns(list->app->engine); i++) {
        const struct neap_run *run = neap_engine_run(list->app->engine, i);

        if (run->state != NEAP_RUN_RUNNING)
            continue;
        for (int k = 0; k < run->ntasks; k++) {
            const struct neap_run_task *task = run->tasks[k];

            if (task->state < NEAP_RT_STAGING || neap_run_task_over(task) ||
                strcmp(task->last->alloc, alloc) != 0)
                continue;
            neap_run_task_id(task, id);
            neap_json_str(list->json, NULL, id);
        }
    }
    neap_json_close(list->json, ']');
}

static void put_alloc(void *ctx, struct neap_alloc *alloc)
{
    const struct alloc_list *list = ctx;
    const struct neap_labels *labels = neap_engine_labels(list->app->engine);
    const char *node = neap_engine_node(list->app->engine, alloc);
    int ntasks = neap_alloc_ntasks(alloc);
    struct neap_json *json = list->json;

    neap_json_open(json, NULL, '{');
    neap_json_str(json, "id", neap_alloc_id(alloc));
    neap_json_str(json, "pool", neap_alloc_pool(alloc));
    neap_json_str(json, "node", node != NULL ? node : neap_alloc_shape(alloc));
    neap_json_str(json, "state",
                  neap_alloc_state_name(neap_alloc_state(alloc)));
    neap_row_res(json, "total", neap_alloc_total(alloc), labels, false);
    neap_row_res(json, "free", neap_alloc_free(alloc), labels, false);
    neap_json_int(json, "ntasks", ntasks);
    neap_json_num(json, "idle",
                  ntasks == 0 ? (double)(list->now_ns -
                                         neap_alloc_idle_since_ns(alloc)) /
                                    1e9
                              : 0);
    neap_json_num(json, "age",
                  (double)(list->now_ns - neap_alloc_since_ns(alloc)) / 1e9);
    put_tasks_of(list, neap_alloc_id(alloc));
    neap_json_close(json, '}');
}

void api_allocs(struct app *app, struct request *request, const char *id,
                struct reply *reply)
{
    struct neap_json json = reply_document(reply, "neap.allocs/1");
    struct alloc_list list = { app, &json, neap_clock_mono_ns() };

    (void)request, (void)id;
    neap_json_open(&json, "allocs", '[');
    neap_sched_each_alloc(neap_engine_sched(app->engine), put_alloc, &list);
    neap_json_close(&json, ']');
    neap_json_close(&json, '}');
}

/* ---- policies ---- */

void api_policies(struct app *app, struct request *request, const char *id,
                  struct reply *reply)
{
    struct neap_json json = reply_document(reply, "neap.policies/1");

    (void)request, (void)id;
    neap_json_open(&json, "policies", '[');
    for (int kind = NEAP_POLICY_PACK; kind <= NEAP_POLICY_PRIORITY; kind++) {
        struct neap_policy_info info;

        neap_policy_host_info(app->policies, kind, &info);
        neap_json_open(&json, NULL, '{');
        neap_json_str(&json, "kind", neap_policy_kind_name(kind));
        neap_json_str(&json, "name", policy_name(app, kind));
        neap_json_str(&json, "state", neap_policy_state_name(info.state));
        neap_json_str(&json, "file", info.path);
        neap_json_str(&json, "hooks", info.hooks);
        neap_json_str(&json, "last_error", info.last_error);
        neap_json_int(&json, "calls", (int64_t)info.calls);
        neap_json_int(&json, "slow", (int64_t)info.slow);
        neap_json_int(&json, "errors", (int64_t)info.errors);
        neap_json_num(&json, "mean_ns", info.mean_ns);
        neap_json_num(&json, "ns_per_candidate", info.ns_per_candidate);
        neap_json_close(&json, '}');
    }
    neap_json_close(&json, ']');
    neap_json_close(&json, '}');
}

struct swap_body {
    const char *file, *name, *text; /* borrowed from the body */
    char *params;                   /* free() */
};

static int swap_file(void *ctx, const json_t *json, struct neap_err *err)
{
    struct swap_body *swap = ctx;

    return neap_read_str(json, "file", &swap->file, err);
}

static int swap_name(void *ctx, const json_t *json, struct neap_err *err)
{
    struct swap_body *swap = ctx;

    return neap_read_str(json, "name", &swap->name, err);
}

static int swap_text(void *ctx, const json_t *json, struct neap_err *err)
{
    struct swap_body *swap = ctx;

    return neap_read_str(json, "text", &swap->text, err);
}

static int swap_params(void *ctx, const json_t *json, struct neap_err *err)
{
    struct swap_body *swap = ctx;

    if (json_is_array(json) && json_array_size(json) == 0)
        return 0; /* Lua's empty table */
    if (!json_is_object(json))
        return neap_read_type_error(json, "params", "an object", err);
    swap->params = json_dumps(json, JSON_COMPACT);
    return 0;
}

/* The host reads files: give a text one for the time of the load. */
static int swap_by_text(struct app *app, enum neap_policy_kind kind,
                        const struct swap_body *swap, struct neap_err *err)
{
    char *path = neap_format("%s/%s.policy.lua", app->config.socket_dir,
                             app->config.name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t size = strlen(swap->text);
    int rc;

    if (fd < 0 || write(fd, swap->text, size) != (ssize_t)size)
        rc = neap_err_set(err, NEAP_EOTHER, "cannot write %s", path);
    else
        rc = policies_swap(app, kind, path, swap->params, err);
    if (fd >= 0)
        (void)close(fd);
    (void)unlink(path);
    neap_free(path);
    return rc;
}

static int do_swap(struct app *app, enum neap_policy_kind kind,
                   const struct swap_body *swap, struct neap_err *err)
{
    int given =
        (swap->file != NULL) + (swap->name != NULL) + (swap->text != NULL);

    if (given != 1)
        return neap_err_set(err, NEAP_EINVAL,
                            "give one of file, name and text");
    if (swap->text != NULL)
        return swap_by_text(app, kind, swap, err);
    if (swap->file != NULL && swap->file[0] != '/')
        return neap_err_set(err, NEAP_EINVAL,
                            "'file' must be an absolute path, not '%.200s'",
                            swap->file);
    return policies_swap(app, kind,
                         swap->file != NULL ? swap->file : swap->name,
                         swap->params, err);
}

static bool find_kind(const char *name, enum neap_policy_kind *ret)
{
    for (int kind = NEAP_POLICY_PACK; kind <= NEAP_POLICY_PRIORITY; kind++) {
        if (strcmp(neap_policy_kind_name(kind), name) == 0) {
            *ret = (enum neap_policy_kind)kind;
            return true;
        }
    }
    return false;
}

static void answer_swap(struct app *app, enum neap_policy_kind kind,
                        const struct swap_body *swap, struct reply *reply)
{
    struct neap_json json = NEAP_JSON(&reply->body);
    char *from = neap_strdup(policy_name(app, kind));
    struct neap_err err;

    if (do_swap(app, kind, swap, &err) < 0) {
        reply_error(reply, 400, "E_POLICY", "%s", err.text);
    } else {
        neap_json_open(&json, NULL, '{');
        neap_json_str(&json, "from", from);
        neap_json_str(&json, "to", policy_name(app, kind));
        neap_json_close(&json, '}');
    }
    neap_free(from);
}

void api_swap(struct app *app, struct request *request, const char *id,
              struct reply *reply)
{
    static const struct neap_read_field fields[] = {
        { "file", false, swap_file },
        { "name", false, swap_name },
        { "text", false, swap_text },
        { "params", false, swap_params },
    };
    struct swap_body swap = { NULL, NULL, NULL, NULL };
    enum neap_policy_kind kind;
    const char *field;
    struct neap_err err;
    json_t *body;
    int rc;

    if (!find_kind(id, &kind)) {
        reply_error(reply, 404, "E_NOENT",
                    "there are pack and priority policies, no '%s'", id);
        return;
    }
    body = api_body(request, reply);
    if (body == NULL)
        return;
    rc = neap_read_object(body, "a swap", fields, 4, &swap, &field, &err);
    if (rc < 0)
        api_refuse(reply, rc, field, -1, &err);
    else
        answer_swap(app, kind, &swap, reply);
    free(swap.params);
    json_decref(body);
}

/* ---- stop ---- */

static int stop_mode(void *ctx, const json_t *json, struct neap_err *err)
{
    bool *drain = ctx;
    const char *text;
    int rc = neap_read_str(json, "mode", &text, err);

    if (rc < 0)
        return rc;
    *drain = strcmp(text, "drain") == 0;
    if (*drain || strcmp(text, "abort") == 0)
        return 0;
    return neap_err_set(err, NEAP_EINVAL,
                        "'mode' must be drain or abort, not "
                        "'%.40s'",
                        text);
}

void api_stop(struct app *app, struct request *request, const char *id,
              struct reply *reply)
{
    static const struct neap_read_field fields[] = {
        { "mode", true, stop_mode },
    };
    const char *field;
    bool drain = false;
    struct neap_err err;
    json_t *body = api_body(request, reply);
    int rc;

    (void)id;
    if (body == NULL)
        return;
    rc = neap_read_object(body, "a stop", fields, 1, &drain, &field, &err);
    if (rc < 0) {
        api_refuse(reply, rc, field, -1, &err);
    } else {
        app_stop(app, drain);
        neap_buf_puts(&reply->body, "{}");
    }
    json_decref(body);
}
