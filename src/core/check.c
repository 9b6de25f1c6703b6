/* Everything that must hold between two calls; asserted, for tests. */
#include <assert.h>
#include <string.h>

#include "core/sched_impl.h"

struct count {
    uint32_t queued, staging, running;
    int pending, live, open, idle;
};

static void check_waiting(const struct neap_list *tasks,
                          const struct neap_class *cls, struct count *count)
{
    uint64_t before = 0;

    neap_list_for_each (at, tasks) {
        const struct neap_task *task =
            neap_list_item(at, struct neap_task, link);

        assert(task->queued && task->state == NEAP_TASK_INIT);
        assert(task->alloc == NULL && task->cls == cls && task->refs > 0);
        assert(cls == NULL || task->seq > before);
        before = task->seq;
        count->queued++;
    }
}

static void check_classes(const struct neap_sched *sched, struct count *count)
{
    neap_map_for_each (slot, &sched->class_map) {
        const struct neap_class *cls = slot->item;
        uint32_t seen = count->queued;

        check_waiting(&cls->tasks, cls, count);
        assert(count->queued - seen == cls->count);
        assert(cls->in_tree || !neap_list_empty(&cls->changed));
        assert(cls->count > 0 || !neap_list_empty(&cls->changed));
    }
    check_waiting(&sched->fresh, NULL, count);
    assert(count->queued == sched->queued);
    assert((size_t)sched->nclasses == sched->class_map.count);
}

static void check_demands(const struct neap_sched *sched)
{
    uint32_t queued = 0;

    neap_map_for_each (slot, &sched->demand_map) {
        const struct neap_demand *demand = slot->item;

        assert(demand->refs > 0);
        assert((demand->queued > 0) == !neap_list_empty(&demand->active));
        queued += demand->queued;
    }
    assert(queued == sched->queued);
}

static void check_room(const struct neap_alloc *alloc, struct count *count)
{
    struct neap_res sum = alloc->free;
    int ntasks = 0;

    neap_list_for_each (at, &alloc->tasks) {
        const struct neap_task *task =
            neap_list_item(at, struct neap_task, link);

        assert(task->alloc == alloc && !task->queued && task->cls == NULL);
        assert(task->state == NEAP_TASK_STAGING ||
               task->state == NEAP_TASK_RUNNING);
        count->staging += task->state == NEAP_TASK_STAGING;
        count->running += task->state == NEAP_TASK_RUNNING;
        neap_res_add(&sum, &task->demand->need);
        ntasks++;
    }
    assert(ntasks == alloc->ntasks);
    assert(neap_res_equal(&sum, &alloc->total));
    for (int i = 0; i < NEAP_LABELS_MAX; i++)
        assert(alloc->free.v[i] >= 0);
}

/* An alloc that is not open has no room for anything that waits. */
static void check_open(const struct neap_alloc *alloc)
{
    const struct neap_sched *sched = alloc->sched;

    if (alloc->open_at >= 0) {
        assert(sched->open[alloc->open_at] == alloc);
        assert(alloc->state == NEAP_ALLOC_LIVE);
        return;
    }
    neap_list_for_each (at, &sched->demands) {
        const struct neap_demand *demand =
            neap_list_item(at, struct neap_demand, active);

        assert(alloc == sched->hold ||
               neap_judge_place(sched, demand, 0, alloc) != NULL);
    }
}

static void check_alloc(const struct neap_alloc *alloc, struct count *count)
{
    bool may_idle = alloc->ntasks == 0 && (alloc->state == NEAP_ALLOC_LIVE ||
                                           alloc->state == NEAP_ALLOC_SUSPECT);

    assert(alloc->state == NEAP_ALLOC_REQUESTED || neap_alloc_granted(alloc));
    assert(alloc->state != NEAP_ALLOC_REQUESTED || alloc->ntasks == 0);
    assert(alloc->state != NEAP_ALLOC_DRAINING || alloc->ntasks > 0 ||
           alloc->releasing);
    assert(may_idle == !neap_list_empty(&alloc->idle));
    count->pending += alloc->state == NEAP_ALLOC_REQUESTED;
    count->live += neap_alloc_granted(alloc);
    count->open += alloc->open_at >= 0;
    count->idle += may_idle;
    check_room(alloc, count);
    check_open(alloc);
}

static void check_order(const struct neap_sched *sched)
{
    const struct neap_class *before = NULL;

    if (!neap_list_empty(&sched->changed))
        return; /* the next update brings it in order */
    for (const struct neap_class *cls = neap_queue_first(sched); cls != NULL;
         cls = neap_queue_next(cls)) {
        assert(before == NULL ||
               sched->order.order(&before->node, &cls->node) < 0);
        before = cls;
    }
}

void neap_sched_check_invariants(const struct neap_sched *sched)
{
    const struct neap_sched_stats *stats = &sched->stats;
    struct count count = { 0 };
    uint32_t number = 0;

    check_classes(sched, &count);
    check_demands(sched);
    check_order(sched);
    neap_list_for_each (at, &sched->allocs) {
        const struct neap_alloc *alloc =
            neap_list_item(at, struct neap_alloc, link);

        assert(alloc->number > number);
        number = alloc->number;
        check_alloc(alloc, &count);
    }
    assert(sched->depth > 0 || neap_list_empty(&sched->ended));
    assert(count.pending == sched->npending && count.live == sched->nlive);
    assert(count.open == sched->nopen);
    assert(count.queued == stats->queued && count.staging == stats->staging);
    assert(count.running == stats->running && stats->lost == 0);
    assert(stats->total_tasks == (uint64_t)stats->queued + stats->staging +
                                     stats->running + stats->lost +
                                     stats->done);
    assert(stats->failed <= stats->done);
}
