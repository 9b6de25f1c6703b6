#include "sched/run.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

static const char *const state_names[] = {
    [NEAP_RUN_RUNNING] = "running", [NEAP_RUN_DONE] = "done",
    [NEAP_RUN_FAILED] = "failed",   [NEAP_RUN_CANCELLED] = "cancelled",
    [NEAP_RUN_ABORTED] = "aborted",
};

const char *neap_run_state_name(enum neap_run_state state)
{
    return state_names[state];
}

int neap_run_state_parse(const char *name)
{
    for (int i = NEAP_RUN_RUNNING; i <= NEAP_RUN_ABORTED; i++) {
        if (strcmp(state_names[i], name) == 0)
            return i;
    }
    return -1;
}

static void make_uid(struct neap_run *run)
{
    unsigned char noise[16];

    if (getrandom(noise, sizeof noise, 0) != (ssize_t)sizeof noise)
        memcpy(noise, &run->started_ns, sizeof run->started_ns);
    for (size_t i = 0; i < sizeof noise; i++)
        snprintf(run->uid + 2 * i, 3, "%02x", noise[i]);
}

struct neap_run *neap_run_create(int number, int64_t wall_ns)
{
    struct neap_run *run = NEAP_NEW(struct neap_run);

    run->number = number;
    snprintf(run->id, sizeof run->id, "r%d", number);
    run->started_ns = wall_ns;
    make_uid(run);
    run->store = neap_keep_create();
    run->script = run->user = "";
    run->args = "[]";
    run->params = run->labels = "{}";
    run->on_error = "finish";
    run->nindex = 64;
    run->index = neap_calloc((size_t)run->nindex, sizeof *run->index);
    return run;
}

void neap_run_destroy(struct neap_run *run)
{
    if (run == NULL)
        return;
    assert(run->watchers == NULL);
    for (int i = 0; i < run->ntasks; i++)
        assert(run->tasks[i]->queued == NULL);
    neap_event_log_deinit(&run->events);
    neap_free(run->tasks);
    neap_free(run->index);
    neap_keep_destroy(run->store);
    neap_free(run);
}

/* The slot of `n`, or the free one where it would be. */
static struct neap_run_slot *slot_of(const struct neap_run *run, int n)
{
    unsigned mask = (unsigned)run->nindex - 1;
    unsigned at = ((unsigned)n * 2654435761u) & mask;

    while (run->index[at].n != 0 && run->index[at].n != n)
        at = (at + 1) & mask;
    return &run->index[at];
}

static void rebuild_index(struct neap_run *run, int size)
{
    neap_free(run->index);
    run->nindex = size;
    run->index = neap_calloc((size_t)size, sizeof *run->index);
    for (int i = 0; i < run->ntasks; i++) {
        struct neap_run_slot *slot = slot_of(run, run->tasks[i]->spec.n);

        *slot = (struct neap_run_slot){ run->tasks[i]->spec.n, i + 1 };
    }
}

struct neap_run_task *neap_run_find(const struct neap_run *run, int n)
{
    const struct neap_run_slot *slot = slot_of(run, n);

    return n > 0 && slot->n == n ? run->tasks[slot->at - 1] : NULL;
}

void neap_run_append(struct neap_run *run, struct neap_run_task *task)
{
    if (run->ntasks == run->cap) {
        run->cap = run->cap > 0 ? run->cap * 2 : 256;
        run->tasks =
            neap_realloc(run->tasks, (size_t)run->cap, sizeof *run->tasks);
    }
    run->tasks[run->ntasks++] = task;
    if (run->ntasks * 2 > run->nindex)
        rebuild_index(run, run->nindex * 2);
    else
        *slot_of(run, task->spec.n) =
            (struct neap_run_slot){ task->spec.n, run->ntasks };
}

void neap_run_truncate(struct neap_run *run, int count)
{
    run->ntasks = count;
    rebuild_index(run, run->nindex);
}

void neap_run_task_set_state(struct neap_run_task *task,
                             enum neap_run_task_state next, int64_t wall_ns)
{
    struct neap_run *run = task->run;

    assert(neap_run_task_may(task->state, next));
    run->counts[task->state]--;
    run->counts[next]++;
    task->state = (uint8_t)next;
    if (next == NEAP_RT_QUEUED)
        task->queued_ns = wall_ns;
    if (neap_run_task_over(task)) {
        task->ended_ns = wall_ns;
        run->nover++;
    }
}

void neap_run_task_id(const struct neap_run_task *task, char *out)
{
    snprintf(out, 32, "%s.%d", task->run->id, task->spec.n);
}

void neap_run_watch(struct neap_run *run, struct neap_run_watch *watch)
{
    watch->next = run->watchers;
    run->watchers = watch;
}

void neap_run_unwatch(struct neap_run *run, struct neap_run_watch *watch)
{
    struct neap_run_watch **at = &run->watchers;

    while (*at != NULL && *at != watch)
        at = &(*at)->next;
    if (*at != NULL)
        *at = watch->next;
}

void neap_run_notify(struct neap_run *run)
{
    struct neap_run_watch *next;

    for (struct neap_run_watch *at = run->watchers; at != NULL; at = next) {
        next = at->next;
        at->grown(at->ctx, run);
    }
}
