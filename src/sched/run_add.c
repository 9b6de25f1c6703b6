#include "sched/run_add.h"

#include <stdio.h>

#include "sched/graph.h"
#include "sched/reader.h"

static int add_one(struct neap_run *run, const json_t *json,
                   struct neap_labels *labels, int64_t wall_ns,
                   struct neap_spec_where *where, struct neap_err *err)
{
    struct neap_run_task *task;
    struct neap_spec spec;
    int rc;

    rc = neap_spec_parse(json, run->store, labels, &spec, where, err);
    if (rc < 0)
        return rc;
    if (neap_run_find(run, spec.n) != NULL) {
        snprintf(where->field, sizeof where->field, "n");
        return neap_err_set(err, NEAP_EINVAL, "run %s has a task %d already",
                            run->id, spec.n);
    }
    task = neap_keep_alloc(run->store, sizeof *task);
    task->spec = spec;
    task->run = run;
    task->need = spec.common->need;
    task->timeout_s = spec.common->timeout_s;
    task->submitted_ns = wall_ns;
    rc = neap_graph_resolve(task, where, err);
    if (rc == 0)
        neap_run_append(run, task);
    return rc;
}

int neap_run_add(struct neap_run *run, const json_t *list,
                 struct neap_labels *labels, int64_t wall_ns,
                 neap_run_check_fn check, void *ctx, int *ret_at,
                 struct neap_spec_where *where, struct neap_err *err)
{
    size_t count = json_array_size(list);
    int before = run->ntasks, rc = 0;

    *ret_at = -1;
    snprintf(where->field, sizeof where->field, "tasks");
    if (!json_is_array(list))
        return neap_read_type_error(list, "tasks", "a list", err);
    if (count > NEAP_SPEC_BATCH_MAX)
        return neap_err_set(err, NEAP_EINVAL,
                            "%zu tasks in one request; at most %d are allowed",
                            count, NEAP_SPEC_BATCH_MAX);
    for (size_t i = 0; i < count && rc == 0; i++) {
        *ret_at = (int)i;
        rc = add_one(run, json_array_get(list, i), labels, wall_ns, where, err);
        if (rc == 0 && check != NULL)
            rc = check(ctx, &run->tasks[run->ntasks - 1]->spec, where, err);
    }
    if (rc < 0) {
        neap_run_truncate(run, before);
        return rc;
    }
    for (int i = before; i < run->ntasks; i++)
        neap_graph_link(run->tasks[i]);
    run->counts[NEAP_RT_WAITING] += (int)count;
    return (int)count;
}
