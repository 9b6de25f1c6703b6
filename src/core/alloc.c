/* Allocs.
 *
 *   REQUESTED ──▶ LIVE ⇄ SUSPECT ──▶ DRAINING ──▶ RELEASED
 *       │           └───────┴───────────┴───────▶ DEAD
 *       └──▶ CANCELLED | FAILED
 *
 * REQUESTED  asked for; counts with what it will bring
 * LIVE       takes tasks
 * SUSPECT    does not answer in time: its tasks go on, no new ones
 * DRAINING   no new tasks; released when the last one has ended
 * RELEASED   given back
 * DEAD       gone, with its tasks
 * CANCELLED  not wanted any more, and never came
 * FAILED     refused
 *
 * Invariants: free + what its tasks need = total, label by label; it is in the
 * idle list exactly while LIVE or SUSPECT without tasks. */
#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "core/sched_impl.h"

#define TO(state) (1u << NEAP_ALLOC_##state)

static const unsigned edges[] = {
    [NEAP_ALLOC_REQUESTED] = TO(LIVE) | TO(CANCELLED) | TO(FAILED),
    [NEAP_ALLOC_LIVE] = TO(SUSPECT) | TO(DRAINING) | TO(DEAD),
    [NEAP_ALLOC_SUSPECT] = TO(LIVE) | TO(DRAINING) | TO(DEAD),
    [NEAP_ALLOC_DRAINING] = TO(RELEASED) | TO(DEAD),
    [NEAP_ALLOC_RELEASED] = 0,
    [NEAP_ALLOC_DEAD] = 0,
    [NEAP_ALLOC_CANCELLED] = 0,
    [NEAP_ALLOC_FAILED] = 0,
};

static const char *const names[] = {
    [NEAP_ALLOC_REQUESTED] = "requested", [NEAP_ALLOC_LIVE] = "live",
    [NEAP_ALLOC_SUSPECT] = "suspect",     [NEAP_ALLOC_DRAINING] = "draining",
    [NEAP_ALLOC_RELEASED] = "released",   [NEAP_ALLOC_DEAD] = "dead",
    [NEAP_ALLOC_CANCELLED] = "cancelled", [NEAP_ALLOC_FAILED] = "failed",
};

const char *neap_alloc_state_name(enum neap_alloc_state state)
{
    return names[state];
}

struct neap_alloc *neap_alloc_create(struct neap_sched *sched,
                                     struct neap_shape *shape,
                                     const struct neap_res *want,
                                     int64_t now_ns)
{
    struct neap_alloc *alloc = NEAP_NEW(struct neap_alloc);

    neap_list_init(&alloc->idle);
    neap_list_init(&alloc->tasks);
    alloc->sched = sched;
    alloc->shape = shape;
    shape->nallocs++;
    alloc->total = alloc->free = *want;
    alloc->since_ns = alloc->born_ns = now_ns;
    alloc->life_end_ns = NEAP_NEVER;
    alloc->row = alloc->open_at = -1;
    alloc->number = ++sched->last_alloc;
    (void)snprintf(alloc->id, sizeof(alloc->id), "a%u", alloc->number);
    neap_list_push(&sched->allocs, &alloc->link);
    sched->npending++;
    sched->rows_changed = true;
    sched->quotas_changed = true;
    return alloc;
}

void neap_alloc_destroy(struct neap_alloc *alloc)
{
    neap_list_remove(&alloc->link);
    neap_list_remove(&alloc->idle);
    neap_holding_deinit(&alloc->holding);
    neap_free(alloc);
}

bool neap_alloc_granted(const struct neap_alloc *alloc)
{
    return alloc->state == NEAP_ALLOC_LIVE ||
           alloc->state == NEAP_ALLOC_SUSPECT ||
           alloc->state == NEAP_ALLOC_DRAINING;
}

static bool may_idle(const struct neap_alloc *alloc)
{
    return alloc->ntasks == 0 && (alloc->state == NEAP_ALLOC_LIVE ||
                                  alloc->state == NEAP_ALLOC_SUSPECT);
}

/* The idle list is in order of time: who becomes idle now is the last. */
static void check_idle(struct neap_alloc *alloc, int64_t now_ns)
{
    if (!may_idle(alloc)) {
        neap_list_remove(&alloc->idle);
    } else if (neap_list_empty(&alloc->idle)) {
        alloc->idle_since_ns = now_ns;
        neap_list_push(&alloc->sched->idle, &alloc->idle);
    }
}

void neap_alloc_touch(struct neap_alloc *alloc)
{
    struct neap_sched *sched = alloc->sched;

    if (alloc->touched)
        return;
    alloc->touched = true;
    if (sched->ntouched == sched->cap_touched) {
        sched->cap_touched = sched->cap_touched * 2 + 16;
        sched->touched =
            neap_realloc(sched->touched, (size_t)sched->cap_touched,
                         sizeof(struct neap_alloc *));
    }
    sched->touched[sched->ntouched++] = alloc;
}

static void untouch(struct neap_alloc *alloc)
{
    struct neap_sched *sched = alloc->sched;

    for (int i = 0; alloc->touched && i < sched->ntouched; i++) {
        if (sched->touched[i] == alloc) {
            sched->touched[i] = sched->touched[--sched->ntouched];
            alloc->touched = false;
        }
    }
}

static void set_open(struct neap_alloc *alloc, bool open)
{
    struct neap_sched *sched = alloc->sched;

    if (open == (alloc->open_at >= 0))
        return;
    if (open) {
        if (sched->nopen == sched->cap_open) {
            sched->cap_open = sched->cap_open * 2 + 16;
            sched->open = neap_realloc(sched->open, (size_t)sched->cap_open,
                                       sizeof(struct neap_alloc *));
        }
        alloc->open_at = sched->nopen++;
        sched->open[alloc->open_at] = alloc;
    } else {
        struct neap_alloc *last = sched->open[--sched->nopen];

        sched->open[alloc->open_at] = last;
        last->open_at = alloc->open_at;
        alloc->open_at = -1;
    }
}

static bool has_room_for_some(const struct neap_alloc *alloc)
{
    const struct neap_sched *sched = alloc->sched;

    if (alloc->state != NEAP_ALLOC_LIVE || alloc == sched->hold ||
        !neap_fits(sched, &alloc->free, &sched->least))
        return false;
    neap_list_for_each (at, &sched->demands) {
        const struct neap_demand *demand =
            neap_list_item(at, struct neap_demand, active);

        if (neap_judge_place(sched, demand, 0, alloc) == NULL)
            return true;
    }
    return false;
}

void neap_alloc_check_open(struct neap_alloc *alloc)
{
    set_open(alloc, has_room_for_some(alloc));
}

void neap_alloc_check_demand(struct neap_alloc *alloc,
                             const struct neap_demand *demand)
{
    if (alloc->open_at < 0 && alloc != alloc->sched->hold &&
        neap_judge_place(alloc->sched, demand, 0, alloc) == NULL)
        set_open(alloc, true);
}

static void end_alloc(struct neap_alloc *alloc)
{
    struct neap_sched *sched = alloc->sched;

    assert(alloc->ntasks == 0);
    if (sched->hold == alloc)
        sched->hold = NULL;
    untouch(alloc);
    neap_shape_unref(alloc->shape);
    neap_list_remove(&alloc->link);
    neap_list_push(&sched->ended, &alloc->link);
    sched->quotas_changed = true;
}

void neap_alloc_move(struct neap_alloc *alloc, enum neap_alloc_state next,
                     int64_t now_ns)
{
    struct neap_sched *sched = alloc->sched;

    assert(edges[alloc->state] & (1u << next));
    sched->npending -= alloc->state == NEAP_ALLOC_REQUESTED;
    sched->nlive -= neap_alloc_granted(alloc);
    alloc->state = next;
    alloc->since_ns = now_ns;
    sched->npending += next == NEAP_ALLOC_REQUESTED;
    sched->nlive += neap_alloc_granted(alloc);
    check_idle(alloc, now_ns);
    neap_alloc_check_open(alloc);
    sched->rows_changed = true;
    sched->dirty = true;
    if (edges[next] == 0)
        end_alloc(alloc);
    if (sched->ops.alloc_changed != NULL)
        sched->ops.alloc_changed(sched->ctx, alloc);
}

void neap_alloc_put(struct neap_alloc *alloc, struct neap_task *task,
                    int64_t now_ns)
{
    const struct neap_res *need = &task->demand->need;

    assert(neap_fits(alloc->sched, &alloc->free, need));
    neap_res_sub(&alloc->free, need);
    if (!alloc->used) {
        alloc->used = true;
        alloc->shape->fails = 0;
    }
    alloc->ntasks++;
    task->alloc = alloc;
    neap_list_push(&alloc->tasks, &task->link);
    check_idle(alloc, now_ns);
    neap_alloc_touch(alloc);
}

void neap_alloc_drop(struct neap_alloc *alloc, struct neap_task *task,
                     int64_t now_ns)
{
    assert(task->alloc == alloc);
    neap_list_remove(&task->link);
    task->alloc = NULL;
    alloc->ntasks--;
    neap_res_add(&alloc->free, &task->demand->need);
    check_idle(alloc, now_ns);
    neap_alloc_touch(alloc);
    if (alloc->open_at < 0)
        neap_alloc_check_open(alloc);
}

void neap_alloc_release_if_empty(struct neap_alloc *alloc)
{
    if (alloc->state != NEAP_ALLOC_DRAINING || alloc->ntasks > 0 ||
        alloc->releasing)
        return;
    alloc->releasing = true;
    alloc->sched->ops.release(alloc->sched->ctx, alloc);
}

void neap_alloc_cancel_request(struct neap_alloc *alloc)
{
    if (alloc->cancelling)
        return;
    alloc->cancelling = true;
    alloc->sched->rows_changed = true;
    alloc->sched->ops.cancel_request(alloc->sched->ctx, alloc);
}

struct neap_alloc **neap_all_allocs(const struct neap_sched *sched)
{
    size_t count = (size_t)(sched->nlive + sched->npending);
    struct neap_alloc **all;
    size_t i = 0;

    all = neap_calloc(count + 1, sizeof(struct neap_alloc *));
    neap_list_for_each (at, &sched->allocs) {
        all[i++] = neap_list_item(at, struct neap_alloc, link);
    }
    return all;
}

void neap_sched_each_alloc(struct neap_sched *sched, neap_alloc_each_fn fn,
                           void *ctx)
{
    struct neap_alloc **all = neap_all_allocs(sched);

    neap_sched_enter(sched, sched->now_ns); /* `fn` may end some */
    for (int i = 0; all[i] != NULL; i++)
        fn(ctx, all[i]);
    neap_free(all);
    neap_sched_leave(sched);
}

void neap_alloc_holds(struct neap_alloc *alloc, uint64_t key)
{
    neap_holding_add(&alloc->holding, key);
}

const char *neap_alloc_id(const struct neap_alloc *alloc)
{
    return alloc->id;
}

uint32_t neap_alloc_number(const struct neap_alloc *alloc)
{
    return alloc->number;
}

enum neap_alloc_state neap_alloc_state(const struct neap_alloc *alloc)
{
    return alloc->state;
}

const char *neap_alloc_pool(const struct neap_alloc *alloc)
{
    return alloc->shape->pool->name->text;
}

const char *neap_alloc_shape(const struct neap_alloc *alloc)
{
    return alloc->shape->name;
}

int neap_alloc_width(const struct neap_alloc *alloc)
{
    return alloc->width;
}

double neap_alloc_price(const struct neap_alloc *alloc)
{
    return alloc->shape->price;
}

double neap_alloc_walltime_s(const struct neap_alloc *alloc)
{
    return alloc->shape->walltime_s;
}

const struct neap_res *neap_alloc_total(const struct neap_alloc *alloc)
{
    return &alloc->total;
}

const struct neap_res *neap_alloc_free(const struct neap_alloc *alloc)
{
    return &alloc->free;
}

int neap_alloc_ntasks(const struct neap_alloc *alloc)
{
    return alloc->ntasks;
}

int64_t neap_alloc_since_ns(const struct neap_alloc *alloc)
{
    return alloc->since_ns;
}

int64_t neap_alloc_idle_since_ns(const struct neap_alloc *alloc)
{
    return alloc->idle_since_ns;
}

void *neap_alloc_owner(const struct neap_alloc *alloc)
{
    return alloc->owner;
}

void neap_alloc_set_owner(struct neap_alloc *alloc, void *owner)
{
    alloc->owner = owner;
}
