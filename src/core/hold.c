/* No task waits for ever because smaller ones keep taking the room.
 *
 * When a task has waited longer than backfill_age_ns and fits on no alloc that
 * has room, one alloc is held for it: policies see no room there and the judge
 * refuses other tasks, so that it empties until the task fits, and then the
 * task starts there at once. One alloc at a time, and never for a task while a
 * more urgent one waits: strict priorities are the user's wish. */
#include "core/sched_impl.h"

#define CHECK_NS (100 * NEAP_MSEC)

void neap_hold_set(struct neap_sched *sched, struct neap_alloc *alloc,
                   struct neap_demand *demand)
{
    struct neap_alloc *before = sched->hold;
    struct neap_demand *demand_before = sched->hold_demand;

    if (demand != NULL)
        demand->refs++;
    sched->hold = alloc;
    sched->hold_demand = demand;
    if (demand_before != NULL)
        neap_demand_unref(sched, demand_before);
    if (before != NULL) {
        neap_alloc_touch(before);
        neap_alloc_check_open(before);
    }
    if (alloc != NULL) {
        neap_alloc_touch(alloc);
        neap_alloc_check_open(alloc);
    }
}

static bool is_aged(const struct neap_sched *sched,
                    const struct neap_task *task)
{
    return sched->now_ns - task->queued_ns > sched->config.backfill_age_ns;
}

static bool fits_somewhere(const struct neap_sched *sched,
                           const struct neap_class *cls)
{
    for (int i = 0; i < sched->nopen; i++) {
        if (neap_judge_place(sched, cls->demand, cls->avoid, sched->open[i]) ==
            NULL)
            return true;
    }
    return false;
}

/* The largest part of an alloc that must still become free. */
static double missing_share(const struct neap_alloc *alloc,
                            const struct neap_res *need)
{
    struct neap_res missing = { 0 };

    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        if (need->v[i] > alloc->free.v[i])
            missing.v[i] = need->v[i] - alloc->free.v[i];
    }
    return neap_res_dominant(&missing, &alloc->total);
}

static struct neap_alloc *nearest_alloc(const struct neap_sched *sched,
                                        const struct neap_class *cls)
{
    struct neap_alloc *best = NULL;
    double best_share = 0;

    neap_list_for_each (at, &sched->allocs) {
        struct neap_alloc *alloc = neap_list_item(at, struct neap_alloc, link);
        double share;

        if (alloc->state != NEAP_ALLOC_LIVE ||
            neap_judge_suits(sched, cls->demand, cls->avoid, alloc) != NULL)
            continue;
        share = missing_share(alloc, &cls->demand->need);
        if (best == NULL || share < best_share) {
            best = alloc;
            best_share = share;
        }
    }
    return best;
}

static int most_urgent(const struct neap_sched *sched)
{
    int urgent = INT32_MAX;

    for (struct neap_class *cls = neap_queue_first(sched); cls != NULL;
         cls = neap_queue_next(cls)) {
        if (neap_class_head(cls)->priority < urgent)
            urgent = neap_class_head(cls)->priority;
    }
    return urgent;
}

/* The class whose first task has waited longest, of those that need help. */
static struct neap_class *find_starving(const struct neap_sched *sched,
                                        int urgent)
{
    struct neap_class *oldest = NULL;

    for (struct neap_class *cls = neap_queue_first(sched); cls != NULL;
         cls = neap_queue_next(cls)) {
        const struct neap_task *head = neap_class_head(cls);

        if (head->priority > urgent || !is_aged(sched, head))
            continue;
        if (oldest != NULL &&
            neap_class_head(oldest)->queued_ns <= head->queued_ns)
            continue;
        if (!fits_somewhere(sched, cls))
            oldest = cls;
    }
    return oldest;
}

/* The class of the held demand that has waited longest and still needs it. */
static struct neap_class *held_class(const struct neap_sched *sched, int urgent)
{
    struct neap_class *oldest = NULL;

    for (struct neap_class *cls = neap_queue_first(sched); cls != NULL;
         cls = neap_queue_next(cls)) {
        const struct neap_task *head = neap_class_head(cls);

        if (cls->demand == sched->hold_demand && head->priority <= urgent &&
            is_aged(sched, head) &&
            (oldest == NULL ||
             head->queued_ns < neap_class_head(oldest)->queued_ns))
            oldest = cls;
    }
    return oldest;
}

/* Start the task if it fits now; give up if nobody needs the hold any more. */
static void serve(struct neap_sched *sched)
{
    struct neap_alloc *alloc = sched->hold;
    struct neap_class *cls;

    if (alloc->state != NEAP_ALLOC_LIVE || sched->hold_demand->queued == 0) {
        neap_hold_set(sched, NULL, NULL);
        return;
    }
    if (!neap_fits(sched, &alloc->free, &sched->hold_demand->need) &&
        sched->now_ns < sched->hold_check_ns)
        return;
    cls = held_class(sched, most_urgent(sched));
    if (cls == NULL ||
        neap_judge_suits(sched, cls->demand, cls->avoid, alloc)) {
        neap_hold_set(sched, NULL, NULL);
    } else if (neap_judge_place(sched, cls->demand, cls->avoid, alloc) ==
               NULL) {
        neap_hold_set(sched, NULL, NULL);
        neap_start(sched, neap_class_head(cls), alloc);
    }
}

void neap_hold_update(struct neap_sched *sched)
{
    int64_t wait_ns = sched->config.backfill_age_ns / 16;
    struct neap_class *cls;

    if (sched->hold != NULL) {
        serve(sched);
        return;
    }
    if (sched->hold_demand != NULL) /* its alloc has ended */
        neap_hold_set(sched, NULL, NULL);
    if (sched->queued == 0 || sched->now_ns < sched->hold_check_ns ||
        (sched->nchain > 0 && sched->chain[0]->no_hold))
        return;
    sched->hold_check_ns =
        sched->now_ns + (wait_ns < CHECK_NS ? wait_ns : CHECK_NS);
    cls = find_starving(sched, most_urgent(sched));
    if (cls != NULL) {
        struct neap_alloc *alloc = nearest_alloc(sched, cls);

        if (alloc != NULL)
            neap_hold_set(sched, alloc, cls->demand);
    }
}
