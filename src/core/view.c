/* The snapshot that policies see, kept up to date row by row.
 *
 *   rows of allocs    all anew when an alloc came or went (rows_changed); else
 *                     those that were touched, and the times of those that are
 *                     open or idle
 *   rows of classes   the first ones in the order; a row is written again when
 *                     another class has come to its place or its own changed
 *   times             of all rows, when they are older than STALE_NS
 *
 * So an event costs what it changed, not what there is.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/sched_impl.h"

#define STALE_NS      (10 * NEAP_MSEC)
#define ESTIMATE_FROM 64 /* tasks of an alloc, for busy_until */

void neap_amounts_from_res(const struct neap_res *res, int nlabels,
                           struct neap_amounts *out)
{
    out->cpu = (double)res->v[NEAP_CPU] / 1000;
    out->mem = (double)res->v[NEAP_MEM];
    out->disk = (double)res->v[NEAP_DISK];
    out->gpu = (double)res->v[NEAP_GPU] / 1000;
    for (int i = NEAP_LABELS_FIXED; i < nlabels; i++)
        out->other[i - NEAP_LABELS_FIXED] = neap_res_get(res, i);
}

bool neap_amounts_to_res(const struct neap_amounts *amounts, int nlabels,
                         struct neap_res *ret)
{
    struct neap_res res = { 0 };
    const double fixed[] = { amounts->cpu, amounts->mem, amounts->disk,
                             amounts->gpu };

    for (int i = 0; i < nlabels; i++) {
        double amount = i < NEAP_LABELS_FIXED
                            ? fixed[i]
                            : amounts->other[i - NEAP_LABELS_FIXED];

        if (neap_res_set(&res, i, amount, NULL) < 0)
            return false;
    }
    *ret = res;
    return true;
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

/* Room for `count` rows; those that are there stay, new ones are zero. */
static void *fit_rows(void *rows, int *cap, int count, size_t size)
{
    int more = count > *cap ? count + count / 2 + 8 : *cap;

    if (more == *cap)
        return rows;
    rows = neap_realloc(rows, (size_t)more, size);
    memset((char *)rows + (size_t)*cap * size, 0, (size_t)(more - *cap) * size);
    *cap = more;
    return rows;
}

/* ---- allocs ---- */

/* How long a task of this demand takes, as far as anybody knows. */
static double estimate_s(const struct neap_demand *demand)
{
    const struct neap_durations *known = demand->name->durations;

    if (demand->expect_s > 0)
        return demand->expect_s;
    return known != NULL ? neap_durations_mean(known) : 0;
}

static double busy_until(const struct neap_alloc *alloc, int64_t now_ns)
{
    double until_s = 0;
    int seen = 0;

    neap_list_for_each (at, &alloc->tasks) {
        const struct neap_task *task =
            neap_list_item(at, struct neap_task, link);
        double left_s =
            estimate_s(task->demand) - seconds(now_ns - task->since_ns);

        until_s = fmax(until_s, left_s);
        if (++seen == ESTIMATE_FROM)
            break;
    }
    return until_s;
}

static void fill_times(struct neap_alloc_view *row,
                       const struct neap_alloc *alloc, int64_t now_ns)
{
    row->idle = alloc->ntasks == 0 ? seconds(now_ns - alloc->idle_since_ns) : 0;
    row->age = seconds(now_ns - alloc->born_ns);
    row->life_left = alloc->life_end_ns == NEAP_NEVER
                         ? INFINITY
                         : seconds(alloc->life_end_ns - now_ns);
    row->busy_until = busy_until(alloc, now_ns);
}

static void widen(struct neap_amounts *amounts, int nlabels, double times)
{
    amounts->cpu *= times;
    amounts->mem *= times;
    amounts->disk *= times;
    amounts->gpu *= times;
    for (int i = NEAP_LABELS_FIXED; i < nlabels; i++)
        amounts->other[i - NEAP_LABELS_FIXED] *= times;
}

static void fill_room(struct neap_sched *sched, struct neap_alloc_view *row,
                      const struct neap_alloc *alloc)
{
    static const struct neap_res nothing;

    neap_amounts_from_res(sched->hold == alloc ? &nothing : &alloc->free,
                          sched->labels->count, &row->free);
    if (alloc->state == NEAP_ALLOC_REQUESTED && alloc->width > 0)
        widen(&row->free, sched->labels->count, 1.0 + alloc->width);
    row->ntasks = alloc->ntasks;
}

static void fill_alloc(struct neap_sched *sched, struct neap_alloc_view *row,
                       const struct neap_alloc *alloc)
{
    neap_amounts_from_res(&alloc->total, sched->labels->count, &row->total);
    fill_room(sched, row, alloc);
    fill_times(row, alloc, sched->now_ns);
    row->price = alloc->shape->price;
    row->id_number = alloc->number;
    row->index = alloc->row;
    row->pool = alloc->shape->pool->index;
    row->width = alloc->width;
    row->id = alloc->id;
    row->pool_name = alloc->shape->pool->name->text;
    row->labels = alloc->shape->facts;
    row->handle = (void *)alloc;
}

static void fill_pending_times(struct neap_alloc_view *row, int64_t now_ns)
{
    const struct neap_alloc *alloc = row->handle;

    row->idle = 0;
    row->age = seconds(now_ns - alloc->born_ns);
    row->life_left =
        alloc->shape->walltime_s > 0 ? alloc->shape->walltime_s : INFINITY;
    row->busy_until = 0;
    row->eta = fmax(0, alloc->shape->startup_s - row->age);
    row->phase = NEAP_VIEW_PENDING;
}

static void rebuild_allocs(struct neap_sched *sched)
{
    struct neap_view_store *store = &sched->store;
    int nlive = 0;
    int npending = 0;

    store->allocs = fit_rows(store->allocs, &store->cap_allocs, sched->nlive,
                             sizeof(*store->allocs));
    store->pending = fit_rows(store->pending, &store->cap_pending,
                              sched->npending, sizeof(*store->pending));
    neap_list_for_each (at, &sched->allocs) {
        struct neap_alloc *alloc = neap_list_item(at, struct neap_alloc, link);

        if (alloc->state == NEAP_ALLOC_LIVE) {
            alloc->row = nlive++;
            fill_alloc(sched, &store->allocs[alloc->row], alloc);
        } else if (alloc->state == NEAP_ALLOC_REQUESTED && !alloc->cancelling) {
            alloc->row = npending++;
            fill_alloc(sched, &store->pending[alloc->row], alloc);
        } else {
            alloc->row = -1;
        }
    }
    store->view.nallocs = nlive;
    store->view.npending = npending;
}

static void patch_allocs(struct neap_sched *sched, bool all_times)
{
    struct neap_view_store *store = &sched->store;

    for (int i = 0; i < sched->ntouched; i++) {
        struct neap_alloc *alloc = sched->touched[i];

        alloc->touched = false;
        if (alloc->state == NEAP_ALLOC_LIVE && alloc->row >= 0) {
            fill_room(sched, &store->allocs[alloc->row], alloc);
            fill_times(&store->allocs[alloc->row], alloc, sched->now_ns);
        }
    }
    sched->ntouched = 0;
    for (int i = 0; all_times && i < store->view.nallocs; i++)
        fill_times(&store->allocs[i], store->allocs[i].handle, sched->now_ns);
    for (int i = 0; i < store->view.npending; i++)
        fill_pending_times(&store->pending[i], sched->now_ns);
    if (all_times)
        return;
    neap_list_for_each (at, &sched->idle) {
        struct neap_alloc *alloc = neap_list_item(at, struct neap_alloc, idle);

        if (alloc->row >= 0)
            fill_times(&store->allocs[alloc->row], alloc, sched->now_ns);
    }
}

static void list_open(struct neap_sched *sched)
{
    struct neap_view_store *store = &sched->store;

    if (sched->demand_left) {
        sched->demand_left = false;
        for (int i = sched->nopen; i-- > 0;)
            neap_alloc_check_open(sched->open[i]);
    }
    store->open = fit_rows(store->open, &store->cap_open, sched->nopen,
                           sizeof(*store->open));
    for (int i = 0; i < sched->nopen; i++) {
        struct neap_alloc *alloc = sched->open[i];

        store->open[i] = alloc->row;
        fill_times(&store->allocs[alloc->row], alloc, sched->now_ns);
    }
    store->view.nopen = sched->nopen;
}

/* ---- shapes ---- */

static void rebuild_shapes(struct neap_sched *sched)
{
    struct neap_view_store *store = &sched->store;
    int count = 0;

    for (int i = 0; i < sched->npools; i++) {
        neap_list_for_each (at, &sched->pools[i]->menu) {
            struct neap_shape *shape =
                neap_list_item(at, struct neap_shape, link);
            struct neap_shape_view *row;

            store->shapes = fit_rows(store->shapes, &store->cap_shapes,
                                     count + 1, sizeof(*store->shapes));
            row = &store->shapes[count];
            shape->row = count++;
            neap_amounts_from_res(&shape->res, sched->labels->count, &row->res);
            row->price = shape->price;
            row->startup = shape->startup_s;
            row->walltime = shape->walltime_s;
            row->elastic = shape->elastic;
            row->unbounded = shape->unbounded;
            row->name = shape->name;
            row->pool_name = shape->pool->name->text;
            row->handle = shape;
        }
    }
    store->view.nshapes = count;
    sched->quotas_changed = true;
}

static int shrink_of(const struct neap_shape *shape)
{
    return shape->unbounded ? shape->shrink : 0;
}

static void patch_shapes(struct neap_sched *sched)
{
    struct neap_view_store *store = &sched->store;

    if (!sched->quotas_changed)
        return;
    sched->quotas_changed = false;
    store->requestable = false;
    for (int i = 0; i < store->view.nshapes; i++) {
        int quota = neap_shape_quota(sched, store->shapes[i].handle);

        store->shapes[i].quota = quota;
        store->shapes[i].shrink = shrink_of(store->shapes[i].handle);
        store->requestable |= quota != 0;
    }
}

/* ---- classes ---- */

/* Where may tasks of this class go? Nothing to say for most of them. */
static void fill_may(struct neap_sched *sched, struct neap_class *cls)
{
    struct neap_view_store *store = &sched->store;
    const struct neap_demand *demand = cls->demand;
    int nlive = store->view.nallocs;
    int nrows = nlive + store->view.npending;

    if (demand->npool == 0 && demand->where == NULL && cls->avoid == 0)
        return;
    if (cls->may != NULL && cls->may_version == store->version)
        return;
    cls->may_version = store->version;
    cls->may = neap_realloc(cls->may, (size_t)(nrows + store->view.nshapes), 1);
    for (int i = 0; i < nrows; i++) {
        const struct neap_alloc *alloc = i < nlive
                                             ? store->allocs[i].handle
                                             : store->pending[i - nlive].handle;

        cls->may[i] =
            neap_judge_suits(sched, demand, cls->avoid, alloc) == NULL;
    }
    for (int i = 0; i < store->view.nshapes; i++)
        cls->may[nrows + i] = neap_shape_suits(store->shapes[i].handle, demand);
}

static void fill_class_times(struct neap_sched *sched,
                             struct neap_class_view *row)
{
    const struct neap_class *cls = row->handle;
    const struct neap_durations *known = cls->demand->name->durations;
    const struct neap_task *head = neap_class_head(cls);

    row->age = seconds(sched->now_ns - head->queued_ns);
    if (known == NULL) {
        row->dur_mean = row->dur_q50 = row->dur_q95 = 0;
        row->samples = 0;
        return;
    }
    row->dur_mean = neap_durations_mean(known);
    row->dur_q50 = neap_durations_quantile(known, 0.5);
    row->dur_q95 = neap_durations_quantile(known, 0.95);
    row->samples = (int32_t)known->count;
}

static void fill_key(struct neap_class_view *row, const struct neap_class *cls)
{
    for (int i = 0; i < NEAP_KEYS_MAX; i++)
        row->key[i] = i < cls->nkeys ? cls->key[i] : 0;
    if (cls->by_seq)
        row->key[cls->nkeys - 1] = (double)neap_class_head(cls)->seq;
    row->nkeys = cls->nkeys;
}

/* What concerns the first task of the class and how many there are. */
static void fill_head(struct neap_class_view *row, const struct neap_class *cls)
{
    const struct neap_task *head = neap_class_head(cls);

    fill_key(row, cls);
    row->id = neap_task_id(head);
    row->rank = head->rank;
    row->input_bytes = head->input_bytes;
    row->seq = row->id_number = (double)head->seq;
    row->count = cls->count < INT32_MAX ? (int32_t)cls->count : INT32_MAX;
    row->priority = head->priority;
    row->attempt = head->attempt;
    row->depth = head->depth;
    row->ninputs = head->ninputs;
    row->labels = head->labels;
}

static void fill_class(struct neap_sched *sched, struct neap_class_view *row,
                       struct neap_class *cls, int index)
{
    const struct neap_demand *demand = cls->demand;

    neap_amounts_from_res(&demand->need, sched->labels->count, &row->res);
    row->expect = demand->expect_s;
    row->timeout = demand->timeout_s;
    row->index = index;
    row->name = demand->name->text;
    row->user = demand->user->text;
    row->run = demand->run->text;
    row->handle = cls;
    cls->row = index;
    fill_head(row, cls);
    fill_class_times(sched, row);
}

static void patch_classes(struct neap_sched *sched)
{
    struct neap_view_store *store = &sched->store;
    int known = store->view.nclasses;
    int count = sched->nclasses < NEAP_VIEW_CLASSES_MAX ? sched->nclasses
                                                        : NEAP_VIEW_CLASSES_MAX;
    struct neap_class *cls = neap_queue_first(sched);

    store->classes = fit_rows(store->classes, &store->cap_classes, count,
                              sizeof(*store->classes));
    for (int i = 0; i < count; i++, cls = neap_queue_next(cls)) {
        struct neap_class_view *row = &store->classes[i];

        if (i >= known || cls->row != i || row->handle != cls)
            fill_class(sched, row, cls, i);
        else if (cls->stale)
            fill_head(row, cls);
        cls->stale = false;
    }
    store->view.nclasses = count;
    sched->order_changed = false;
}

static void point_may(struct neap_sched *sched, struct neap_class_view *row)
{
    const struct neap_view *view = &sched->store.view;
    struct neap_class *cls = row->handle;

    fill_may(sched, cls);
    row->may_alloc = cls->may;
    row->may_pending = cls->may != NULL ? cls->may + view->nallocs : NULL;
    row->may_shape =
        cls->may != NULL ? row->may_pending + view->npending : NULL;
}

/* ---- all of it ---- */

static void fill_frame(struct neap_sched *sched)
{
    struct neap_view_store *store = &sched->store;
    struct neap_view *view = &store->view;

    view->now = seconds(sched->wall_ns);
    view->max_idle = seconds(sched->config.max_idle_ns);
    view->nlabels = sched->labels->count;
    view->queue_len =
        sched->queued < INT32_MAX ? (int32_t)sched->queued : INT32_MAX;
    view->max_pending =
        neap_pending_allowed(sched) ? sched->config.max_pending : 0;
    view->classes = store->classes;
    view->allocs = store->allocs;
    view->pending = store->pending;
    view->shapes = store->shapes;
    view->labels = (const char *const *)sched->labels->name;
    view->open = store->open;
}

const struct neap_view *neap_view_update(struct neap_sched *sched)
{
    struct neap_view_store *store = &sched->store;
    bool new_labels = store->nlabels != sched->labels->count;
    bool all_times = sched->now_ns - store->refreshed_ns >= STALE_NS;
    bool rows_changed = sched->rows_changed || new_labels;
    bool order_changed = sched->order_changed;

    if (new_labels)
        store->view.nclasses = 0; /* so that each is written anew */
    store->nlabels = sched->labels->count;
    if (rows_changed) {
        rebuild_allocs(sched);
        rebuild_shapes(sched);
        store->version++;
        sched->rows_changed = false;
    }
    patch_allocs(sched, all_times);
    list_open(sched);
    patch_shapes(sched);
    if (order_changed || new_labels)
        patch_classes(sched);
    for (int i = 0; i < store->view.nclasses; i++) {
        if (all_times)
            fill_class_times(sched, &store->classes[i]);
        if (rows_changed || order_changed)
            point_may(sched, &store->classes[i]);
    }
    if (all_times)
        store->refreshed_ns = sched->now_ns;
    fill_frame(sched);
    return &store->view;
}

void neap_view_deinit(struct neap_view_store *store)
{
    neap_free(store->classes);
    neap_free(store->allocs);
    neap_free(store->pending);
    neap_free(store->shapes);
    neap_free(store->open);
}

/* ---- locality ---- */

double neap_view_local_bytes(const struct neap_class_view *task,
                             const struct neap_alloc_view *alloc)
{
    const struct neap_class *cls = task->handle;
    const struct neap_alloc *there = alloc->handle;

    if (cls == NULL || there == NULL || neap_class_head(cls)->data == NULL)
        return task->input_bytes;
    return neap_holding_bytes(&there->holding, neap_class_head(cls)->data);
}
