/* Beginning, settings, end. */
#include "core/sched.h"

#include <assert.h>

#include "base/mem.h"
#include "core/sched_impl.h"

void neap_sched_config_init(struct neap_sched_config *config)
{
    *config = (struct neap_sched_config){
        .max_pending = 5,
        .max_idle_ns = 300 * NEAP_SEC,
        .drain_ns = 50 * NEAP_MSEC,
        .max_attempts = 10,
        .backfill_age_ns = 600 * NEAP_SEC,
    };
}

struct neap_sched *neap_sched_create(const struct neap_sched_config *config,
                                     struct neap_labels *labels,
                                     const struct neap_sched_ops *ops,
                                     void *ctx)
{
    struct neap_sched *sched = NEAP_NEW(struct neap_sched);

    sched->config = *config;
    sched->ops = *ops;
    sched->ctx = ctx;
    sched->labels = labels;
    sched->refs = 1;
    sched->priority = &neap_policy_by_priority;
    sched->menu_version = 1;
    sched->rows_changed = true;
    sched->random = config->seed;
    sched->window_end_ns = sched->rekey_ns = sched->policy_wake_ns = NEAP_NEVER;
    sched->begin_ns = NEAP_NEVER;
    sched->hold_check_ns = INT64_MIN;
    sched->store.refreshed_ns = INT64_MIN / 2;
    sched->stats.rejected_last = "";
    neap_intern_init(sched);
    neap_slab_init(&sched->task_slab, sizeof(struct neap_task));
    neap_list_init(&sched->retired);
    neap_list_init(&sched->allocs);
    neap_list_init(&sched->ended);
    neap_list_init(&sched->idle);
    neap_queue_init(sched);
    return sched;
}

void neap_sched_enter(struct neap_sched *sched, int64_t now_ns)
{
    if (sched->begin_ns == NEAP_NEVER)
        sched->begin_ns = now_ns;
    sched->now_ns = now_ns;
    sched->depth++;
}

static void free_ended(struct neap_list *list)
{
    neap_list_for_each_safe (at, list) {
        neap_alloc_destroy(neap_list_item(at, struct neap_alloc, link));
    }
}

void neap_sched_leave(struct neap_sched *sched)
{
    if (--sched->depth > 0)
        return;
    if (!neap_list_empty(&sched->ended))
        free_ended(&sched->ended);
    if (!neap_list_empty(&sched->retired))
        neap_pool_sweep(sched);
}

static void forget_tasks(struct neap_list *list)
{
    while (!neap_list_empty(list)) {
        struct neap_task *task =
            neap_list_item(list->next, struct neap_task, link);

        neap_list_remove(&task->link);
        neap_list_init(&task->demand->active);
        task->cls = NULL;
        task->alloc = NULL;
        task->queued = false;
        neap_task_unref(task);
    }
}

static void forget_all_tasks(struct neap_sched *sched)
{
    neap_map_for_each (at, &sched->class_map) {
        forget_tasks(&((struct neap_class *)at->item)->tasks);
    }
    forget_tasks(&sched->fresh);
    neap_list_for_each (at, &sched->allocs) {
        forget_tasks(&neap_list_item(at, struct neap_alloc, link)->tasks);
    }
}

void neap_sched_destroy(struct neap_sched *sched, bool force)
{
    if (sched == NULL)
        return;
    assert(force || neap_sched_idle(sched));
    assert(sched->depth == 0);
    sched->stopping = true;
    if (sched->hold_demand != NULL)
        neap_demand_unref(sched, sched->hold_demand);
    forget_all_tasks(sched);
    free_ended(&sched->allocs);
    neap_queue_deinit(sched);
    neap_pool_deinit(sched);
    neap_view_deinit(&sched->store);
    neap_plan_deinit(&sched->plan);
    neap_shared_err_unref(sched->last_err);
    sched->last_err = NULL;
    neap_free(sched->open);
    neap_free(sched->touched);
    neap_free(sched->chain);
    neap_sched_unref(sched);
}

void neap_sched_unref(struct neap_sched *sched)
{
    if (--sched->refs > 0)
        return;
    neap_intern_deinit(sched);
    neap_slab_deinit(&sched->task_slab);
    neap_free(sched);
}

void neap_sched_set_config(struct neap_sched *sched,
                           const struct neap_sched_config *config)
{
    sched->config = *config;
    sched->dirty = true;
}

void neap_sched_set_pack(struct neap_sched *sched,
                         const struct neap_pack_policy *const *chain, int count)
{
    neap_free(sched->chain);
    sched->chain =
        neap_realloc(NULL, (size_t)count, sizeof(struct neap_pack_policy *));
    for (int i = 0; i < count; i++)
        sched->chain[i] = chain[i];
    sched->nchain = count;
    sched->dirty = true;
}

void neap_sched_set_priority(struct neap_sched *sched,
                             const struct neap_priority_policy *policy)
{
    sched->priority = policy != NULL ? policy : &neap_policy_by_priority;
    sched->rekey_all = true;
    sched->dirty = true;
}

void neap_sched_stats(const struct neap_sched *sched,
                      struct neap_sched_stats *ret)
{
    *ret = sched->stats;
    ret->classes = (uint32_t)sched->nclasses;
    ret->pending_allocs = (uint32_t)sched->npending;
    ret->live_allocs = (uint32_t)sched->nlive;
}

size_t neap_sched_task_bytes(const struct neap_sched *sched)
{
    return sched->task_slab.size;
}
