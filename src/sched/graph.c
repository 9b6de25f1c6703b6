#include "sched/graph.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sched/run.h"

static int find_dep(const struct neap_run_task *task, int n,
                    struct neap_run_task **ret, struct neap_err *err)
{
    *ret = neap_run_find(task->run, n);
    if (*ret == NULL)
        return neap_err_set(err, NEAP_EINVAL,
                            "task %d depends on task %d, which is not known in "
                            "run %s (it must be submitted before)",
                            task->spec.n, n, task->run->id);
    return 0;
}

static int check_output(const struct neap_run_task *task,
                        const struct neap_run_task *dep,
                        const struct neap_spec_input *input,
                        struct neap_err *err)
{
    if (neap_spec_output(&dep->spec, input->output) != NULL)
        return 0;
    return neap_err_set(err, NEAP_EINVAL,
                        "input '%s' of task %d wants output '%s' of task %d, "
                        "which has no such output",
                        input->place, task->spec.n, input->output, dep->spec.n);
}

static int by_number(const void *a, const void *b)
{
    const struct neap_run_task *const *left = a, *const *right = b;

    return ((*left)->spec.n > (*right)->spec.n) -
           ((*left)->spec.n < (*right)->spec.n);
}

/* Sorted and without doubles, in the store of the run. */
static void keep_deps(struct neap_run_task *task, struct neap_run_task **list,
                      int count)
{
    int n = 0;

    qsort(list, (size_t)count, sizeof *list, by_number);
    for (int i = 0; i < count; i++) {
        if (i == 0 || list[i] != list[i - 1])
            list[n++] = list[i];
        if (list[i]->depth >= task->depth)
            task->depth = list[i]->depth + 1;
    }
    task->ndeps = n;
    task->deps = (struct neap_run_task **)neap_keep_bytes(
        task->run->store, list, (size_t)n * sizeof(struct neap_run_task *));
}

int neap_graph_resolve(struct neap_run_task *task,
                       struct neap_spec_where *where, struct neap_err *err)
{
    const struct neap_spec *spec = &task->spec;
    struct neap_run_task **list;
    int count = 0, rc = 0;

    list = neap_calloc((size_t)(spec->ninput + spec->nafter) + 1, sizeof *list);
    snprintf(where->field, sizeof where->field, "inputs");
    for (int i = 0; i < spec->ninput && rc == 0; i++) {
        if (spec->input[i].task == 0)
            continue;
        rc = find_dep(task, spec->input[i].task, &list[count], err);
        if (rc == 0)
            rc = check_output(task, list[count++], &spec->input[i], err);
    }
    if (rc == 0)
        snprintf(where->field, sizeof where->field, "after");
    for (int i = 0; i < spec->nafter && rc == 0; i++) {
        rc = find_dep(task, spec->after[i], &list[count], err);
        count += rc == 0;
    }
    if (rc == 0 && count > 0)
        keep_deps(task, list, count);
    neap_free(list);
    return rc;
}

void neap_graph_link(struct neap_run_task *task)
{
    for (int i = 0; i < task->ndeps; i++) {
        struct neap_run_task *dep = task->deps[i];
        struct neap_edge *edge;

        if (dep->state == NEAP_RT_DONE)
            continue;
        task->unmet++;
        if (neap_run_task_over(dep))
            continue; /* broken: the task is skipped at once */
        edge = neap_keep_alloc(task->run->store, sizeof *edge);
        *edge = (struct neap_edge){ task, dep->dependents };
        dep->dependents = edge;
    }
}

bool neap_graph_ready(const struct neap_run_task *task)
{
    return task->state == NEAP_RT_WAITING && task->unmet == 0;
}

struct neap_run_task *neap_graph_broken(const struct neap_run_task *task)
{
    for (int i = 0; i < task->ndeps; i++) {
        if (neap_run_task_over(task->deps[i]) &&
            task->deps[i]->state != NEAP_RT_DONE)
            return task->deps[i];
    }
    return NULL;
}

/* Edges were put in front; take them in order of submission. */
static struct neap_edge *take_edges(struct neap_run_task *task)
{
    struct neap_edge *in_order = NULL;

    while (task->dependents != NULL) {
        struct neap_edge *edge = task->dependents;

        task->dependents = edge->next;
        edge->next = in_order;
        in_order = edge;
    }
    return in_order;
}

void neap_graph_done(struct neap_run_task *task, neap_graph_fn ready, void *ctx)
{
    struct neap_edge *edge = take_edges(task);

    for (; edge != NULL; edge = edge->next) {
        edge->to->unmet--;
        if (neap_graph_ready(edge->to))
            ready(ctx, edge->to);
    }
}

/* Breadth first with a list of edges instead of recursion: a chain may be as
 * long as the run. */
void neap_graph_skip(struct neap_run_task *task, neap_graph_fn skip, void *ctx)
{
    struct neap_edge *edge = take_edges(task), *last = edge;

    while (last != NULL && last->next != NULL)
        last = last->next;
    for (; edge != NULL; edge = edge->next) {
        if (edge->to->state != NEAP_RT_WAITING)
            continue;
        skip(ctx, edge->to);
        last->next = take_edges(edge->to);
        while (last->next != NULL)
            last = last->next;
    }
}
