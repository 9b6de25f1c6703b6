/* The real state decides, whatever a policy says. These functions answer for
 * the round and for `why`, so that both always agree. */
#include "core/sched_impl.h"

/* Could another alloc be asked for that holds it? Not now perhaps: back-off
 * and full queues pass. */
static bool another_obtainable(const struct neap_sched *sched,
                               const struct neap_demand *demand)
{
    for (int i = 0; i < sched->npools; i++) {
        neap_list_for_each (at, &sched->pools[i]->menu) {
            const struct neap_shape *shape =
                neap_list_item(at, struct neap_shape, link);

            if (!shape->aside &&
                (shape->max < 0 || shape->nallocs < shape->max) &&
                neap_shape_holds(shape, demand))
                return true;
        }
    }
    return false;
}

/* Another alloc where the task might go sooner or later. */
static bool another_exists(const struct neap_sched *sched,
                           const struct neap_demand *demand,
                           const struct neap_alloc *alloc)
{
    neap_list_for_each (at, &sched->allocs) {
        const struct neap_alloc *other =
            neap_list_item(at, struct neap_alloc, link);
        bool takes_tasks =
            other->state == NEAP_ALLOC_LIVE ||
            (other->state == NEAP_ALLOC_REQUESTED && !other->cancelling);

        if (other != alloc && takes_tasks &&
            neap_judge_suits(sched, demand, 0, other) == NULL)
            return true;
    }
    return false;
}

const char *neap_judge_suits(const struct neap_sched *sched,
                             const struct neap_demand *demand, uint32_t avoid,
                             const struct neap_alloc *alloc)
{
    if (!neap_demand_allows(demand, alloc->shape->pool->name))
        return "it is in another pool";
    if (!neap_wants_met(demand->where, alloc->shape->facts))
        return "its node lacks a fact that the task wants";
    if (!neap_fits(sched, &alloc->total, &demand->need))
        return "it is too small";
    if (alloc->life_end_ns != NEAP_NEVER &&
        (double)(alloc->life_end_ns - sched->now_ns) < demand->expect_s * 1e9)
        return "it ends before the task would";
    if (avoid == alloc->number && (another_exists(sched, demand, alloc) ||
                                   another_obtainable(sched, demand)))
        return "the task was just lost there";
    return NULL;
}

const char *neap_judge_place(const struct neap_sched *sched,
                             const struct neap_demand *demand, uint32_t avoid,
                             const struct neap_alloc *alloc)
{
    if (alloc->state != NEAP_ALLOC_LIVE)
        return "it takes no tasks now";
    if (!neap_fits(sched, &alloc->free, &demand->need))
        return "it has no room";
    if (alloc == sched->hold && demand != sched->hold_demand)
        return "it is kept for a task that has waited for long";
    return neap_judge_suits(sched, demand, avoid, alloc);
}

const char *neap_judge_request(const struct neap_sched *sched,
                               const struct neap_shape *shape,
                               const struct neap_res *want)
{
    if (!neap_pending_allowed(sched) || sched->requests_left <= 0)
        return "no more requests may be outstanding now";
    if (neap_shape_quota(sched, shape) == 0)
        return "the shape is used up or in back-off";
    if (!neap_fits(sched, &shape->res, want))
        return "the shape does not have so much";
    if (neap_res_zero(want) && !shape->unbounded)
        return "it asks for nothing";
    return NULL;
}
