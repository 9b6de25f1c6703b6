/* The queue: classes of tasks that are alike, in the order of their keys.
 *
 *   submit ──▶ fresh ──(key)──▶ class ──▶ alloc
 *
 * A task gets its key in the first round after its submit. Tasks of one demand
 * and one key are a class, oldest first; classes are in a tree, by key and then
 * by the age of their first task. So a million tasks of ten kinds are ten
 * nodes.
 *
 * Between two updates a class may have lost its first task, or all: such
 * classes are in `changed`, their place in the tree may be wrong, and nothing
 * compares keys. Classes are freed in an update only, so a round may hold on
 * to them.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/sched_impl.h"

static double effective_key(const struct neap_class *cls, int i)
{
    if (cls->by_seq && i == cls->nkeys - 1)
        return (double)neap_class_head(cls)->seq;
    return cls->key[i];
}

static int order_classes(const struct neap_tree_node *x,
                         const struct neap_tree_node *y)
{
    const struct neap_class *a = neap_container_of(x, struct neap_class, node);
    const struct neap_class *b = neap_container_of(y, struct neap_class, node);
    uint64_t seq_a = neap_class_head(a)->seq;
    uint64_t seq_b = neap_class_head(b)->seq;

    for (int i = 0; i < a->nkeys && i < b->nkeys; i++) {
        double key_a = effective_key(a, i);
        double key_b = effective_key(b, i);

        if (key_a != key_b)
            return key_a < key_b ? -1 : 1;
    }
    if (a->nkeys != b->nkeys)
        return a->nkeys - b->nkeys;
    return seq_a < seq_b ? -1 : seq_a > seq_b;
}

static bool same_class(const void *item, const void *key)
{
    const struct neap_class *a = item;
    const struct neap_class *b = key;
    int nkeys = a->by_seq ? a->nkeys - 1 : a->nkeys;

    return a->demand == b->demand && a->avoid == b->avoid &&
           a->data == b->data && a->nkeys == b->nkeys &&
           a->by_seq == b->by_seq &&
           memcmp(a->key, b->key, (size_t)nkeys * sizeof(a->key[0])) == 0;
}

static uint64_t hash_class(const struct neap_class *cls)
{
    int nkeys = cls->by_seq ? cls->nkeys - 1 : cls->nkeys;
    uint64_t hash = neap_hash(&cls->demand, sizeof(cls->demand),
                              cls->data + cls->avoid + 64u * (unsigned)nkeys);

    return neap_hash(cls->key, (size_t)nkeys * sizeof(cls->key[0]), hash);
}

void neap_queue_init(struct neap_sched *sched)
{
    neap_list_init(&sched->demands);
    neap_list_init(&sched->fresh);
    neap_list_init(&sched->changed);
    neap_map_init(&sched->class_map, same_class);
    neap_slab_init(&sched->class_slab, sizeof(struct neap_class));
    neap_tree_init(&sched->order, order_classes);
}

void neap_queue_deinit(struct neap_sched *sched)
{
    neap_map_for_each (at, &sched->class_map) {
        struct neap_class *cls = at->item;

        neap_demand_unref(sched, cls->demand);
        neap_free(cls->may);
        neap_slab_give(&sched->class_slab, cls);
    }
    neap_map_deinit(&sched->class_map);
    neap_slab_deinit(&sched->class_slab);
}

struct neap_class *neap_queue_first(const struct neap_sched *sched)
{
    struct neap_tree_node *node = neap_tree_first(&sched->order);

    return node != NULL ? neap_container_of(node, struct neap_class, node)
                        : NULL;
}

struct neap_class *neap_queue_next(const struct neap_class *cls)
{
    struct neap_tree_node *node = neap_tree_next(&cls->node);

    return node != NULL ? neap_container_of(node, struct neap_class, node)
                        : NULL;
}

/* ---- coming and going ---- */

static void count_in(struct neap_sched *sched, struct neap_demand *demand)
{
    sched->queued++;
    if (demand->queued++ > 0)
        return;
    if (neap_list_empty(&sched->demands))
        sched->least = demand->need;
    neap_res_min(&sched->least, &demand->need);
    neap_list_push(&sched->demands, &demand->active);
    neap_list_for_each (at, &sched->allocs) {
        neap_alloc_check_demand(neap_list_item(at, struct neap_alloc, link),
                                demand);
    }
}

static void count_out(struct neap_sched *sched, struct neap_demand *demand)
{
    sched->queued--;
    if (--demand->queued > 0)
        return;
    neap_list_remove(&demand->active);
    sched->demand_left = true;
}

void neap_queue_add(struct neap_sched *sched, struct neap_task *task)
{
    assert(!task->queued && task->alloc == NULL);
    task->queued = true;
    neap_list_push(&sched->fresh, &task->link);
    count_in(sched, task->demand);
}

static void class_changed(struct neap_sched *sched, struct neap_class *cls)
{
    cls->stale = true;
    sched->order_changed = true;
    if (neap_list_empty(&cls->changed))
        neap_list_push(&sched->changed, &cls->changed);
}

void neap_queue_remove(struct neap_sched *sched, struct neap_task *task)
{
    struct neap_class *cls = task->cls;

    assert(task->queued);
    if (cls != NULL) {
        if (neap_class_head(cls) == task)
            class_changed(sched, cls);
        cls->count--;
        cls->stale = true;
        sched->order_changed = true;
    }
    neap_list_remove(&task->link);
    task->cls = NULL;
    task->queued = false;
    count_out(sched, task->demand);
}

void neap_queue_each(struct neap_sched *sched, neap_task_each_fn fn, void *ctx)
{
    size_t count = 0;
    struct neap_task **all;

    all = neap_realloc(NULL, sched->queued, sizeof(struct neap_task *));
    for (struct neap_class *cls = neap_queue_first(sched); cls != NULL;
         cls = neap_queue_next(cls)) {
        neap_list_for_each (at, &cls->tasks) {
            all[count++] =
                neap_task_ref(neap_list_item(at, struct neap_task, link));
        }
    }
    neap_list_for_each (at, &sched->fresh) {
        all[count++] =
            neap_task_ref(neap_list_item(at, struct neap_task, link));
    }
    for (size_t i = 0; i < count; i++) {
        if (all[i]->queued) /* what `fn` caused may have ended it */
            fn(ctx, all[i]);
        neap_task_unref(all[i]);
    }
    neap_free(all);
}

/* ---- keys ---- */

void neap_key_view_fill(const struct neap_task *task,
                        struct neap_key_view *view)
{
    const struct neap_sched *sched = task->sched;
    const struct neap_demand *demand = task->demand;

    memset(view, 0, sizeof(*view));
    neap_amounts_from_res(&demand->need, sched->labels->count, &view->res);
    view->now = (double)sched->wall_ns / 1e9;
    view->seq = (double)task->seq;
    view->age = (double)(sched->now_ns - task->queued_ns) / 1e9;
    view->expect = demand->expect_s;
    view->rank = task->rank;
    view->input_bytes = task->input_bytes;
    view->priority = task->priority;
    view->attempt = task->attempt;
    view->depth = task->depth;
    view->ninputs = task->ninputs;
    view->id = neap_task_id(task);
    view->name = demand->name->text;
    view->user = demand->user->text;
    view->run = demand->run->text;
    view->labels = task->labels;
}

static bool good_keys(const double *key, int count)
{
    if (count < 0 || count > NEAP_KEYS_MAX)
        return false;
    for (int i = 0; i < count; i++) {
        if (isnan(key[i]))
            return false;
    }
    return true;
}

static void find_keys(struct neap_sched *sched, const struct neap_task *task,
                      struct neap_class *out)
{
    const struct neap_priority_policy *policy = sched->priority;
    struct neap_key_view view;

    neap_key_view_fill(task, &view);
    out->nkeys = policy->key(policy->ctx, &view, out->key, NULL);
    if (!good_keys(out->key, out->nkeys)) {
        sched->stats.policy_errors++;
        policy = &neap_policy_by_priority;
        out->nkeys = policy->key(policy->ctx, &view, out->key, NULL);
    }
    for (int i = 0; i < out->nkeys; i++)
        out->key[i] += 0.0; /* -0 is 0 */
    out->by_seq = out->nkeys > 0 && out->key[out->nkeys - 1] == view.seq;
}

/* The number of the alloc it was lost on, if that is still there. */
static uint32_t avoided(const struct neap_sched *sched,
                        const struct neap_task *task)
{
    if (task->avoid == 0)
        return 0;
    neap_list_for_each (at, &sched->allocs) {
        if (neap_list_item(at, struct neap_alloc, link)->number == task->avoid)
            return task->avoid;
    }
    return 0;
}

static struct neap_class *get_class(struct neap_sched *sched,
                                    const struct neap_class *wanted)
{
    uint64_t hash = hash_class(wanted);
    struct neap_class *cls = neap_map_find(&sched->class_map, hash, wanted);

    if (cls != NULL)
        return cls;
    cls = neap_slab_take(&sched->class_slab);
    *cls = *wanted;
    cls->demand->refs++;
    cls->hash = hash;
    cls->row = -1;
    neap_list_init(&cls->changed);
    neap_list_init(&cls->tasks);
    neap_map_add(&sched->class_map, hash, cls);
    sched->nclasses++;
    return cls;
}

/* By seq, from the end that is nearer: new tasks belong to the back, lost ones
 * to the front. */
static void insert_by_seq(struct neap_class *cls, struct neap_task *task)
{
    struct neap_list *at = &cls->tasks;
    uint64_t first = 0;
    uint64_t last = 0;

    if (!neap_list_empty(at)) {
        first = neap_class_head(cls)->seq;
        last = neap_list_item(at->prev, struct neap_task, link)->seq;
    }
    if (task->seq < last &&
        (task->seq < first || task->seq - first < last - task->seq)) {
        at = at->next;
        while (neap_list_item(at, struct neap_task, link)->seq < task->seq)
            at = at->next;
    } else if (task->seq < last) {
        while (neap_list_item(at->prev, struct neap_task, link)->seq >
               task->seq)
            at = at->prev;
    }
    neap_list_insert(at, &task->link);
}

static void classify(struct neap_sched *sched, struct neap_task *task)
{
    struct neap_class wanted = { .demand = task->demand };
    struct neap_class *cls;

    find_keys(sched, task, &wanted);
    wanted.avoid = avoided(sched, task);
    if (task->data != NULL && sched->nclasses < NEAP_DATA_CLASSES_MAX)
        wanted.data = task->data->hash;
    cls = get_class(sched, &wanted);
    neap_list_remove(&task->link);
    insert_by_seq(cls, task);
    task->cls = cls;
    cls->count++;
    cls->stale = true;
    sched->order_changed = true;
    if (neap_class_head(cls) == task)
        class_changed(sched, cls);
}

static int order_tasks(const void *x, const void *y)
{
    const struct neap_task *a = *(struct neap_task *const *)x;
    const struct neap_task *b = *(struct neap_task *const *)y;

    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* All waiting tasks back to `fresh`, oldest first. */
static void unclassify_all(struct neap_sched *sched)
{
    size_t count = 0;
    struct neap_task **all;

    all = neap_realloc(NULL, sched->queued, sizeof(struct neap_task *));
    neap_map_for_each (at, &sched->class_map) {
        struct neap_class *cls = at->item;

        neap_list_for_each_safe (link, &cls->tasks) {
            struct neap_task *task =
                neap_list_item(link, struct neap_task, link);

            neap_list_remove(link);
            task->cls = NULL;
            all[count++] = task;
        }
        cls->count = 0;
        class_changed(sched, cls);
    }
    qsort(all, count, sizeof(struct neap_task *), order_tasks);
    for (size_t i = count; i-- > 0;)
        neap_list_insert(sched->fresh.next, &all[i]->link);
    neap_free(all);
}

static void rekey_if_due(struct neap_sched *sched)
{
    double refresh_s = sched->priority->refresh;

    if (!sched->rekey_all && sched->now_ns < sched->rekey_ns)
        return;
    sched->rekey_all = false;
    sched->rekey_ns = NEAP_NEVER;
    if (refresh_s > 0 && refresh_s < 1e9)
        sched->rekey_ns = sched->now_ns + (int64_t)(refresh_s * 1e9);
    unclassify_all(sched);
}

static void free_class(struct neap_sched *sched, struct neap_class *cls)
{
    (void)neap_map_remove(&sched->class_map, cls->hash, cls);
    neap_demand_unref(sched, cls->demand);
    neap_free(cls->may);
    neap_slab_give(&sched->class_slab, cls);
    sched->nclasses--;
}

/* First all out, then in again: nothing may be compared with a node whose
 * place is wrong. */
static void reorder(struct neap_sched *sched)
{
    neap_list_for_each (at, &sched->changed) {
        struct neap_class *cls = neap_list_item(at, struct neap_class, changed);

        if (cls->in_tree)
            neap_tree_remove(&sched->order, &cls->node);
        cls->in_tree = false;
    }
    while (!neap_list_empty(&sched->changed)) {
        struct neap_class *cls =
            neap_list_item(sched->changed.next, struct neap_class, changed);

        neap_list_remove(&cls->changed);
        if (cls->count == 0) {
            free_class(sched, cls);
        } else {
            neap_tree_add(&sched->order, &cls->node);
            cls->in_tree = true;
        }
    }
}

void neap_queue_update(struct neap_sched *sched)
{
    rekey_if_due(sched);
    while (!neap_list_empty(&sched->fresh))
        classify(sched,
                 neap_list_item(sched->fresh.next, struct neap_task, link));
    reorder(sched);
}
