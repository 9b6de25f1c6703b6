/* Tasks.
 *
 *   INIT ──▶ STAGING ──▶ RUNNING ──▶ DONE
 *    ▲  └──────┬────────────┬───────▶ DONE
 *    └── LOST ◀┴────────────┘
 *          └────────────────────────▶ DONE
 *
 * INIT     waits: in the queue, or not yet submitted
 * STAGING  on an alloc, inputs on their way
 * RUNNING  on an alloc, its program runs
 * LOST     its attempt has gone; for a moment, while people are told
 * DONE     over, with an error or without
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "core/sched_impl.h"

#define TO(state) (1u << NEAP_TASK_##state)

/* Where one may go from each state. */
static const unsigned edges[] = {
    [NEAP_TASK_INIT] = TO(STAGING) | TO(DONE),
    [NEAP_TASK_STAGING] = TO(RUNNING) | TO(LOST) | TO(DONE),
    [NEAP_TASK_RUNNING] = TO(LOST) | TO(DONE),
    [NEAP_TASK_LOST] = TO(INIT) | TO(DONE),
    [NEAP_TASK_DONE] = 0,
};

static const char *const names[] = {
    [NEAP_TASK_INIT] = "init",       [NEAP_TASK_STAGING] = "staging",
    [NEAP_TASK_RUNNING] = "running", [NEAP_TASK_LOST] = "lost",
    [NEAP_TASK_DONE] = "done",
};

const char *neap_task_state_name(enum neap_task_state state)
{
    return names[state];
}

static uint32_t *count_of(struct neap_sched_stats *stats,
                          enum neap_task_state state)
{
    switch (state) {
    case NEAP_TASK_INIT:
        return &stats->queued;
    case NEAP_TASK_STAGING:
        return &stats->staging;
    case NEAP_TASK_RUNNING:
        return &stats->running;
    case NEAP_TASK_LOST:
        return &stats->lost;
    default:
        return &stats->done;
    }
}

void neap_task_move(struct neap_task *task, enum neap_task_state next,
                    int64_t now_ns)
{
    struct neap_sched *sched = task->sched;

    assert(edges[task->state] & (1u << next));
    --*count_of(&sched->stats, task->state);
    ++*count_of(&sched->stats, next);
    task->state = (uint8_t)next;
    task->since_ns = now_ns;
    if (sched->ops.task_changed != NULL)
        sched->ops.task_changed(sched->ctx, task);
}

struct neap_task *neap_task_create(struct neap_sched *sched,
                                   const struct neap_task_spec *spec)
{
    struct neap_task *task = neap_slab_take(&sched->task_slab);

    neap_list_init(&task->link);
    task->sched = sched;
    sched->refs++;
    task->demand = neap_demand_get(sched, spec);
    task->id = neap_strdup(spec->id);
    task->labels = neap_strmap_copy(spec->labels);
    task->owner = spec->owner;
    task->priority = spec->priority;
    task->rank = spec->rank;
    task->input_bytes = spec->input_bytes;
    task->depth = spec->depth;
    task->ninputs = spec->ninputs;
    task->data = neap_data_create(spec->data, spec->ndata);
    if (task->data != NULL) {
        task->input_bytes = task->data->bytes;
        task->ninputs = task->data->count;
    }
    task->attempt = 1;
    task->refs = 1;
    return task;
}

struct neap_task *neap_task_ref(struct neap_task *task)
{
    task->refs++;
    return task;
}

void neap_task_unref(struct neap_task *task)
{
    struct neap_sched *sched;

    if (task == NULL || --task->refs > 0)
        return;
    sched = task->sched;
    assert(neap_list_empty(&task->link));
    neap_task_clear_err(task);
    neap_strmap_destroy(task->labels);
    neap_data_destroy(task->data);
    neap_free(task->id);
    neap_demand_unref(sched, task->demand);
    neap_slab_give(&sched->task_slab, task);
    neap_sched_unref(sched);
}

void neap_shared_err_unref(struct neap_shared_err *err)
{
    if (err != NULL && --err->refs == 0)
        neap_free(err);
}

void neap_task_clear_err(struct neap_task *task)
{
    neap_shared_err_unref(task->err);
    task->err = NULL;
}

/* When a thousand tasks are cancelled for one reason it is kept once. */
void neap_task_set_err(struct neap_task *task, const struct neap_err *err)
{
    struct neap_sched *sched = task->sched;
    struct neap_shared_err *last = sched->last_err;

    if (last == NULL || last->err.kind != err->kind ||
        strcmp(last->err.text, err->text) != 0) {
        last = NEAP_NEW(struct neap_shared_err);
        last->refs = 1;
        last->err = *err;
        neap_shared_err_unref(sched->last_err);
        sched->last_err = last;
    }
    last->refs++;
    neap_task_clear_err(task);
    task->err = last;
}

/* How long it ran, for the statistics of its name and for the policy. */
static void record_end(struct neap_task *task, int64_t now_ns)
{
    struct neap_sched *sched = task->sched;
    struct neap_word *name = task->demand->name;
    double runtime_s = (double)(now_ns - task->since_ns) / 1e9;
    bool ok = task->err == NULL;

    if (task->state != NEAP_TASK_RUNNING)
        return;
    if (ok) {
        if (name->durations == NULL)
            name->durations = NEAP_NEW(struct neap_durations);
        neap_durations_add(name->durations, runtime_s);
    }
    if (sched->priority->ended != NULL) {
        struct neap_key_view view;

        neap_key_view_fill(task, &view);
        sched->priority->ended(sched->priority->ctx, &view, runtime_s, ok);
    }
}

void neap_task_finish(struct neap_task *task, const struct neap_err *err,
                      int64_t now_ns)
{
    assert(!task->queued && task->alloc == NULL);
    if (err != NULL)
        neap_task_set_err(task, err); /* may be the one that it has */
    else
        neap_task_clear_err(task);
    record_end(task, now_ns);
    if (err != NULL)
        task->sched->stats.failed++;
    neap_task_move(task, NEAP_TASK_DONE, now_ns);
    neap_task_unref(task);
}

enum neap_task_state neap_task_state(const struct neap_task *task)
{
    return (enum neap_task_state)task->state;
}

void *neap_task_owner(const struct neap_task *task)
{
    return task->owner;
}

bool neap_task_submitted(const struct neap_task *task)
{
    return task->submitted;
}

const char *neap_task_id(const struct neap_task *task)
{
    return task->id != NULL ? task->id : "";
}

const char *neap_task_title(const struct neap_task *task)
{
    const char *name = task->demand->name->text;

    return name[0] != '\0' ? name : neap_task_id(task);
}

int neap_task_attempt(const struct neap_task *task)
{
    return task->attempt;
}

struct neap_alloc *neap_task_alloc(const struct neap_task *task)
{
    return task->alloc;
}

const struct neap_res *neap_task_need(const struct neap_task *task)
{
    return &task->demand->need;
}

const struct neap_err *neap_task_err(const struct neap_task *task)
{
    return task->err != NULL ? &task->err->err : NULL;
}

int64_t neap_task_since_ns(const struct neap_task *task)
{
    return task->since_ns;
}
