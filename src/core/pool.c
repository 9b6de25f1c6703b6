/* What clusters offer: pools with menus of shapes. A menu is replaced as a
 * whole; a shape that keeps its name stays the same object, so that its allocs
 * count against its limit. One that is no longer on the menu is freed when its
 * last alloc has ended.
 *
 * Back-off: a refusal closes the shape for 0.1 s, 0.2 s, 0.4 s … 5 s. While
 * the last answer was a refusal only one request at a time is made. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/sched_impl.h"

#define BACKOFF_FIRST_NS (100 * NEAP_MSEC)
#define BACKOFF_LAST_NS  (5 * NEAP_SEC)
/* What a shape without a limit is asked for is halved by a refusal, at most so
 * often, and doubled again after so many grants. */
#define SHRINK_MAX     6
#define GRANTS_TO_GROW 4

struct neap_pool *neap_pool_find(const struct neap_sched *sched,
                                 const char *name)
{
    for (int i = 0; i < sched->npools; i++) {
        if (strcmp(sched->pools[i]->name->text, name) == 0)
            return sched->pools[i];
    }
    return NULL;
}

static struct neap_pool *get_pool(struct neap_sched *sched, const char *name)
{
    struct neap_pool *pool = neap_pool_find(sched, name);

    if (pool != NULL)
        return pool;
    pool = NEAP_NEW(struct neap_pool);
    pool->name = neap_word_get(sched, name);
    neap_list_init(&pool->menu);
    pool->index = sched->npools++;
    sched->pools = neap_realloc(sched->pools, (size_t)sched->npools,
                                sizeof(struct neap_pool *));
    sched->pools[pool->index] = pool;
    return pool;
}

static struct neap_shape *find_shape(const struct neap_list *menu,
                                     const char *name)
{
    neap_list_for_each (at, menu) {
        struct neap_shape *shape = neap_list_item(at, struct neap_shape, link);

        if (strcmp(shape->name, name) == 0)
            return shape;
    }
    return NULL;
}

static int check_menu(const char *pool, const struct neap_shape_spec *shapes,
                      int count, struct neap_err *err)
{
    for (int i = 0; i < count; i++) {
        if (neap_res_zero(&shapes[i].res) && !shapes[i].unbounded)
            return neap_err_set(err, NEAP_EINVAL,
                                "pool '%s': there is nothing in shape '%s'",
                                pool, shapes[i].name);
        for (int k = 0; k < i; k++) {
            if (strcmp(shapes[i].name, shapes[k].name) == 0)
                return neap_err_set(err, NEAP_EINVAL,
                                    "pool '%s': two shapes are called '%s'",
                                    pool, shapes[i].name);
        }
    }
    return 0;
}

static bool same_shape(const struct neap_shape *shape,
                       const struct neap_shape_spec *spec)
{
    return strcmp(shape->name, spec->name) == 0 &&
           shape->unbounded == spec->unbounded &&
           (spec->unbounded || (shape->elastic == spec->elastic &&
                                neap_res_equal(&shape->res, &spec->res))) &&
           shape->max == spec->max && shape->price == spec->price &&
           shape->startup_s == spec->startup_s &&
           shape->walltime_s == spec->walltime_s &&
           neap_strmap_equal(shape->facts, spec->facts);
}

/* Clusters are asked again and again what they offer: a shape that is put
 * aside stays there as long as they say the same. */
static bool same_menu(const struct neap_sched *sched, const char *pool_name,
                      const struct neap_shape_spec *shapes, int count)
{
    const struct neap_pool *pool = neap_pool_find(sched, pool_name);
    int i = 0;

    if (pool == NULL)
        return false;
    neap_list_for_each (at, &pool->menu) {
        if (i == count ||
            !same_shape(neap_list_item(at, struct neap_shape, link),
                        &shapes[i++]))
            return false;
    }
    return i == count;
}

static void free_shape(struct neap_shape *shape)
{
    neap_list_remove(&shape->link);
    neap_strmap_destroy(shape->facts);
    neap_free(shape->name);
    neap_free(shape);
}

static void add_shape(struct neap_pool *pool, struct neap_list *old,
                      const struct neap_shape_spec *spec)
{
    struct neap_shape *shape = find_shape(old, spec->name);

    if (shape != NULL) {
        neap_list_remove(&shape->link);
        neap_strmap_destroy(shape->facts);
    } else {
        shape = NEAP_NEW(struct neap_shape);
        neap_list_init(&shape->link);
        shape->name = neap_strdup(spec->name);
        shape->pool = pool;
    }
    shape->res = spec->res;
    if (spec->unbounded)
        neap_res_fill(&shape->res);
    shape->facts = neap_strmap_copy(spec->facts);
    shape->price = spec->price;
    shape->startup_s = spec->startup_s;
    shape->walltime_s = spec->walltime_s;
    shape->max = spec->max;
    shape->elastic = spec->elastic || spec->unbounded;
    shape->unbounded = spec->unbounded;
    shape->aside = false;
    neap_list_push(&pool->menu, &shape->link);
}

static void end_if_impossible(void *ctx, struct neap_task *task)
{
    struct neap_sched *sched = ctx;
    struct neap_err err;

    if (!neap_demand_impossible(sched, task->demand))
        return;
    neap_demand_explain(sched, task->demand, neap_task_title(task), &err);
    neap_queue_remove(sched, task);
    neap_task_finish(task, &err, sched->now_ns);
}

static void end_impossible_tasks(struct neap_sched *sched)
{
    neap_list_for_each (at, &sched->demands) {
        struct neap_demand *demand =
            neap_list_item(at, struct neap_demand, active);

        if (neap_demand_impossible(sched, demand)) {
            neap_queue_each(sched, end_if_impossible, sched);
            return;
        }
    }
}

int neap_sched_set_menu(struct neap_sched *sched, const char *pool_name,
                        const struct neap_shape_spec *shapes, int count,
                        int64_t now_ns, struct neap_err *err)
{
    struct neap_pool *pool;
    struct neap_list old;
    int rc = check_menu(pool_name, shapes, count, err);

    if (rc < 0 || same_menu(sched, pool_name, shapes, count))
        return rc;
    neap_sched_enter(sched, now_ns);
    pool = get_pool(sched, pool_name);
    neap_list_init(&old);
    neap_list_splice(&old, &pool->menu);
    for (int i = 0; i < count; i++)
        add_shape(pool, &old, &shapes[i]);
    neap_list_for_each (at, &old) {
        neap_list_item(at, struct neap_shape, link)->retired = true;
    }
    neap_list_splice(&sched->retired, &old);
    sched->menu_version++;
    sched->rows_changed = true;
    sched->dirty = true;
    neap_list_for_each (at, &sched->allocs) { /* their facts may be others */
        neap_alloc_check_open(neap_list_item(at, struct neap_alloc, link));
    }
    end_impossible_tasks(sched);
    neap_sched_leave(sched);
    return 0;
}

bool neap_shape_suits(const struct neap_shape *shape,
                      const struct neap_demand *demand)
{
    return neap_demand_allows(demand, shape->pool->name) &&
           neap_wants_met(demand->where, shape->facts);
}

bool neap_shape_holds(const struct neap_shape *shape,
                      const struct neap_demand *demand)
{
    return neap_shape_suits(shape, demand) &&
           neap_res_fits(&shape->res, &demand->need) &&
           (shape->walltime_s <= 0 || demand->expect_s <= shape->walltime_s);
}

int neap_shape_quota(const struct neap_sched *sched,
                     const struct neap_shape *shape)
{
    int quota = -1;

    if (shape->retired || shape->aside || shape->retry_ns > sched->now_ns)
        return 0;
    if (shape->max >= 0)
        quota = shape->max > shape->nallocs ? shape->max - shape->nallocs : 0;
    if (shape->fails == 0 || quota == 0)
        return quota;
    neap_list_for_each (at, &sched->allocs) {
        const struct neap_alloc *alloc =
            neap_list_item(at, struct neap_alloc, link);

        if (alloc->shape == shape && alloc->state == NEAP_ALLOC_REQUESTED)
            return 0;
    }
    return 1;
}

void neap_shape_unref(struct neap_shape *shape)
{
    assert(shape->nallocs > 0);
    shape->nallocs--;
}

void neap_pool_sweep(struct neap_sched *sched)
{
    neap_list_for_each_safe (at, &sched->retired) {
        struct neap_shape *shape = neap_list_item(at, struct neap_shape, link);

        if (shape->nallocs == 0)
            free_shape(shape);
    }
}

static double random_unit(struct neap_sched *sched)
{
    uint64_t x = sched->random += UINT64_C(0x9e3779b97f4a7c15);

    return (double)(neap_hash(&x, sizeof(x), 0) >> 11) * 0x1p-53;
}

/* Is it a matter of how much was asked for? Nobody knows; what fails for other
 * reasons says so. */
static bool may_be_too_much(enum neap_kind kind)
{
    return kind == NEAP_KIND_RESOURCES_EXHAUSTED ||
           kind == NEAP_KIND_UNAVAILABLE || kind == NEAP_KIND_OTHER;
}

void neap_shape_granted(struct neap_sched *sched, struct neap_shape *shape)
{
    shape->retry_ns = 0; /* `fails` stays until a task has been there */
    if (shape->shrink > 0 && ++shape->grants == GRANTS_TO_GROW) {
        shape->shrink--;
        shape->grants = 0;
    }
    sched->quotas_changed = true;
}

void neap_shape_refused(struct neap_sched *sched, struct neap_shape *shape,
                        enum neap_kind kind, int64_t now_ns)
{
    double wait_ns;

    if (kind == NEAP_KIND_NOT_SUPPORTED || kind == NEAP_KIND_INVALID) {
        shape->aside = true;
        return;
    }
    if (shape->retry_ns > now_ns)
        return; /* one of several requests that met the same wall */
    if (may_be_too_much(kind) && shape->shrink < SHRINK_MAX)
        shape->shrink++;
    shape->grants = 0;
    wait_ns =
        (double)BACKOFF_FIRST_NS * exp2(shape->fails < 16 ? shape->fails : 16);
    wait_ns = fmin(wait_ns, (double)BACKOFF_LAST_NS);
    wait_ns *= 0.8 + 0.4 * random_unit(sched);
    shape->retry_ns = now_ns + (int64_t)fmin(wait_ns, (double)BACKOFF_LAST_NS);
    shape->fails++;
}

int64_t neap_pool_next_retry(const struct neap_sched *sched)
{
    int64_t next_ns = NEAP_NEVER;

    for (int i = 0; i < sched->npools; i++) {
        neap_list_for_each (at, &sched->pools[i]->menu) {
            const struct neap_shape *shape =
                neap_list_item(at, struct neap_shape, link);

            if (shape->retry_ns != 0 && shape->retry_ns < next_ns)
                next_ns = shape->retry_ns;
        }
    }
    return next_ns;
}

void neap_pool_tick(struct neap_sched *sched, int64_t now_ns)
{
    for (int i = 0; i < sched->npools; i++) {
        neap_list_for_each (at, &sched->pools[i]->menu) {
            struct neap_shape *shape =
                neap_list_item(at, struct neap_shape, link);

            if (shape->retry_ns == 0 || shape->retry_ns > now_ns)
                continue;
            shape->retry_ns = 0;
            sched->quotas_changed = true;
        }
    }
}

static void free_shapes(struct neap_list *list)
{
    neap_list_for_each_safe (at, list) {
        free_shape(neap_list_item(at, struct neap_shape, link));
    }
}

void neap_pool_deinit(struct neap_sched *sched)
{
    free_shapes(&sched->retired);
    for (int i = 0; i < sched->npools; i++) {
        free_shapes(&sched->pools[i]->menu);
        neap_word_unref(sched, sched->pools[i]->name);
        neap_free(sched->pools[i]);
    }
    neap_free(sched->pools);
}
