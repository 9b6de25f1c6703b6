#include "sched/row.h"

#include <string.h>

void neap_row_res(struct neap_json *json, const char *key,
                  const struct neap_res *res, const struct neap_labels *labels,
                  bool sparse)
{
    neap_json_open(json, key, '{');
    for (int i = 0; i < labels->count; i++) {
        bool always = !sparse && (i == NEAP_CPU || i == NEAP_MEM);

        if (res->v[i] != 0 || always)
            neap_json_num(json, labels->name[i], neap_res_get(res, i));
    }
    neap_json_close(json, '}');
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* `name`: of a single file, whose path is "."; NULL: by its path. */
static void put_file(struct neap_json *json, const char *key,
                     const struct neap_file_ref *file, const char *name)
{
    bool single = file->path == NULL || strcmp(file->path, ".") == 0;

    neap_json_open(json, key, '{');
    if (!single)
        neap_json_str(json, "path", file->path);
    neap_json_str(json, "name", single ? name : base_name(file->path));
    neap_json_str(json, "sha256", file->digest);
    neap_json_big(json, "size", file->size);
    if (file->executable)
        neap_json_bool(json, "x", true);
    neap_json_close(json, '}');
}

static void put_outputs(struct neap_json *json,
                        const struct neap_attempt *attempt)
{
    neap_json_open(json, "outputs", '{');
    for (int i = 0; i < attempt->noutput; i++) {
        const struct neap_output *output = &attempt->output[i];
        const char *name = output->kind == NEAP_OUTPUT_STDOUT
                               ? "stdout"
                               : base_name(output->place);

        if (!output->found)
            continue;
        neap_json_open(json, output->name, '{');
        neap_json_str(json, "kind", neap_output_kind_name(output->kind));
        neap_json_open(json, "files", '[');
        for (int k = 0; k < output->nfile; k++)
            put_file(json, NULL, &output->file[k], name);
        neap_json_close(json, ']');
        neap_json_close(json, '}');
    }
    neap_json_close(json, '}');
}

static void put_usage(struct neap_json *json, const struct neap_usage *usage)
{
    neap_json_open(json, "usage", '{');
    neap_json_micros(json, "cpu_s", usage->utime_us + usage->stime_us);
    neap_json_big(json, "mem_peak", usage->mem_peak);
    neap_json_big(json, "disk_peak", usage->disk_peak);
    neap_json_big(json, "read_bytes", usage->read_bytes);
    neap_json_big(json, "write_bytes", usage->write_bytes);
    neap_json_close(json, '}');
}

void neap_row_failure(struct neap_json *json, const char *key,
                      const struct neap_failure *failure)
{
    char id[32];

    neap_json_open(json, key, '{');
    neap_json_str(json, "kind", failure->kind);
    neap_json_str(json, "message", failure->message);
    if (failure->exit >= 0)
        neap_json_int(json, "exit", failure->exit);
    if (failure->signal > 0)
        neap_json_int(json, "signal", failure->signal);
    if (failure->attempts > 0)
        neap_json_int(json, "attempts", failure->attempts);
    if (failure->timeout_s >= 0)
        neap_json_num(json, "timeout", failure->timeout_s);
    if (failure->limit >= 0)
        neap_json_num(json, "limit", failure->limit);
    if (failure->peak >= 0)
        neap_json_num(json, "peak", failure->peak);
    if (failure->tail != NULL)
        neap_json_str(json, "stderr_tail", failure->tail);
    if (failure->output != NULL)
        neap_json_str(json, "output", failure->output);
    if (failure->reason != NULL)
        neap_json_str(json, "reason", failure->reason);
    if (failure->upstream != NULL) {
        neap_run_task_id(failure->upstream, id);
        neap_json_open(json, "upstream", '[');
        neap_json_str(json, NULL, id);
        neap_json_close(json, ']');
    }
    if (failure->missing != NULL)
        neap_json_raw(json, "missing", failure->missing);
    if (failure->pools != NULL)
        neap_json_raw(json, "pools", failure->pools);
    neap_json_close(json, '}');
}

static int64_t micros(int64_t from_ns, int64_t to_ns)
{
    return to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
}

/* What the program left behind: only once an attempt has ended. */
static void put_ended(struct neap_json *json, const struct neap_attempt *at)
{
    if (at->signal > 0)
        neap_json_int(json, "signal", at->signal);
    else if (at->exit >= 0)
        neap_json_int(json, "exit", at->exit);
    if (at->started_ns > 0)
        neap_json_micros(json, "runtime", micros(at->started_ns, at->ended_ns));
    neap_json_big(json, "staged_bytes", at->staged_bytes);
    put_usage(json, &at->usage);
    if (at->noutput > 0)
        put_outputs(json, at);
    if (at->out != NULL)
        put_file(json, "stdout", at->out, "stdout");
    if (at->err != NULL)
        put_file(json, "stderr", at->err, "stderr");
}

static void put_labels(struct neap_json *json, const struct neap_strmap *map)
{
    neap_json_open(json, "labels", '{');
    for (int i = 0; map != NULL && i < map->count; i++)
        neap_json_str(json, map->pair[i].key, map->pair[i].value);
    neap_json_close(json, '}');
}

static void put_deps(struct neap_json *json, const struct neap_run_task *task)
{
    char id[32];

    neap_json_open(json, "deps", '[');
    for (int i = 0; i < task->ndeps; i++) {
        neap_run_task_id(task->deps[i], id);
        neap_json_str(json, NULL, id);
    }
    neap_json_close(json, ']');
}

static void put_attempt_of_row(struct neap_json *json,
                               const struct neap_run_task *task)
{
    const struct neap_attempt *at = task->last;
    bool queued = task->state <= NEAP_RT_QUEUED;

    if (at == NULL)
        return;
    if (!queued) {
        neap_json_str(json, "alloc", at->alloc);
        neap_json_str(json, "node", at->node);
        neap_json_micros(json, "queued",
                         micros(task->queued_ns, at->placed_ns));
    }
    if (!queued && at->started_ns > 0)
        neap_json_time(json, "started", at->started_ns);
    if (neap_run_task_over(task) && at->ended_ns > 0)
        put_ended(json, at);
}

void neap_row_task(struct neap_json *json, const struct neap_run_task *task,
                   const struct neap_labels *labels)
{
    const struct neap_spec_common *common = task->spec.common;
    char id[32];

    neap_run_task_id(task, id);
    neap_json_open(json, NULL, '{');
    neap_json_str(json, "id", id);
    neap_json_str(json, "run", task->run->id);
    neap_json_int(json, "n", task->spec.n);
    neap_json_str(json, "name", common->name);
    neap_json_str(json, "state", neap_run_task_state_name(task->state));
    neap_json_int(json, "attempt", task->attempt);
    neap_json_int(json, "priority", common->priority);
    neap_row_res(json, "res", task->need, labels, false);
    put_labels(json, common->labels);
    if (common->src != NULL)
        neap_json_str(json, "src", common->src);
    neap_json_time(json, "submitted", task->submitted_ns);
    put_attempt_of_row(json, task);
    if (task->ended_ns > 0)
        neap_json_time(json, "ended", task->ended_ns);
    neap_json_bool(json, "cached", false);
    if (task->failure != NULL)
        neap_row_failure(json, "error", task->failure);
    if (task->ndeps > 0)
        put_deps(json, task);
    neap_json_close(json, '}');
}

void neap_row_attempts(struct neap_json *json, const char *key,
                       const struct neap_run_task *task)
{
    neap_json_open(json, key, '[');
    for (int n = 1; n <= task->attempt; n++) {
        const struct neap_attempt *at = task->last;

        while (at != NULL && at->n != n)
            at = at->before;
        if (at == NULL)
            continue;
        neap_json_open(json, NULL, '{');
        neap_json_int(json, "n", n);
        neap_json_str(json, "alloc", at->alloc);
        neap_json_str(json, "node", at->node);
        if (at->started_ns > 0)
            neap_json_time(json, "started", at->started_ns);
        if (at->ended_ns > 0) {
            neap_json_time(json, "ended", at->ended_ns);
            put_ended(json, at);
        }
        if (at->failure != NULL)
            neap_row_failure(json, "error", at->failure);
        neap_json_close(json, '}');
    }
    neap_json_close(json, ']');
}

void neap_row_run(struct neap_json *json, const struct neap_run *run,
                  const char *schema)
{
    neap_json_open(json, NULL, '{');
    if (schema != NULL)
        neap_json_str(json, "schema", schema);
    neap_json_str(json, "id", run->id);
    neap_json_str(json, "uid", run->uid);
    neap_json_str(json, "script", run->script);
    neap_json_raw(json, "args", run->args);
    neap_json_raw(json, "params", run->params);
    neap_json_raw(json, "labels", run->labels);
    neap_json_str(json, "user", run->user);
    neap_json_str(json, "state", neap_run_state_name(run->state));
    neap_json_time(json, "started", run->started_ns);
    if (run->ended_ns > 0)
        neap_json_time(json, "ended", run->ended_ns);
    neap_json_str(json, "on_error", run->on_error);
    neap_json_open(json, "counts", '{');
    for (int i = 0; i < NEAP_RT_STATES; i++)
        neap_json_int(json, neap_run_task_state_name(i), run->counts[i]);
    neap_json_int(json, "cached", 0);
    neap_json_close(json, '}');
    if (run->error != NULL)
        neap_json_raw(json, "error", run->error);
    neap_json_close(json, '}');
}
