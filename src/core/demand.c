/* Can a demand ever be met? And if not, the sentence that says what is missing
 * where: the one label that no node has enough of, or else what the nearest
 * shape lacks. */
#include <math.h>
#include <string.h>

#include "core/sched_impl.h"

/* Something to do for each shape of the pools that a demand may use. */
typedef void (*shape_fn)(void *ctx, const struct neap_shape *shape);

static void each_shape(const struct neap_sched *sched,
                       const struct neap_demand *demand, shape_fn fn, void *ctx)
{
    for (int i = 0; i < sched->npools; i++) {
        const struct neap_pool *pool = sched->pools[i];

        if (!neap_demand_allows(demand, pool->name))
            continue;
        neap_list_for_each (at, &pool->menu) {
            fn(ctx, neap_list_item(at, struct neap_shape, link));
        }
    }
}

struct search {
    const struct neap_demand *demand;
    int shapes;                       /* on the menus in question */
    int suiting;                      /* with the facts it wants */
    bool held;                        /* by one of them */
    const struct neap_shape *nearest; /* of those that suit */
    double nearest_share;
    const struct neap_shape *longest;
    const struct neap_shape *largest[NEAP_LABELS_MAX];
};

static void look_at(void *ctx, const struct neap_shape *shape)
{
    struct search *search = ctx;
    double share = neap_res_dominant(&search->demand->need, &shape->res);

    search->shapes++;
    if (!neap_shape_suits(shape, search->demand))
        return;
    search->suiting++;
    if (neap_shape_holds(shape, search->demand))
        search->held = true;
    if (search->nearest == NULL || share < search->nearest_share) {
        search->nearest = shape;
        search->nearest_share = share;
    }
    if (search->longest == NULL ||
        shape->walltime_s > search->longest->walltime_s)
        search->longest = shape;
    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        const struct neap_shape *largest = search->largest[i];

        if (largest == NULL || shape->res.v[i] > largest->res.v[i])
            search->largest[i] = shape;
    }
}

bool neap_demand_unknown(const struct neap_sched *sched,
                         const struct neap_demand *demand)
{
    struct search search = { .demand = demand };

    each_shape(sched, demand, look_at, &search);
    return search.shapes == 0;
}

bool neap_demand_impossible(struct neap_sched *sched,
                            struct neap_demand *demand)
{
    struct search search = { .demand = demand };

    if (demand->checked == sched->menu_version)
        return demand->impossible;
    each_shape(sched, demand, look_at, &search);
    demand->checked = sched->menu_version;
    demand->impossible = search.shapes > 0 && !search.held;
    return demand->impossible;
}

static void say_amount(const struct neap_sched *sched, int label,
                       int64_t amount, struct neap_buf *out)
{
    neap_res_format_amount(label, amount, out);
    neap_buf_printf(out, " of %s", sched->labels->name[label]);
}

void neap_demand_say_pool(const struct neap_demand *demand,
                          struct neap_buf *out)
{
    if (demand->npool == 0)
        neap_buf_puts(out, "any pool");
    else
        neap_buf_puts(out, demand->npool > 1 ? "pools " : "pool ");
    for (int i = 0; i < demand->npool; i++)
        neap_buf_printf(out, "%s'%s'", i > 0 ? " or " : "",
                        demand->pool[i]->text);
}

/* "wants nodes with arch=arm64, which no node of any pool has" */
static void say_facts(const struct neap_demand *demand, struct neap_buf *out)
{
    neap_buf_puts(out, "wants nodes with ");
    neap_wants_format(demand->where, out);
    neap_buf_puts(out, "; there is none in ");
    neap_demand_say_pool(demand, out);
}

/* "needs 512 GiB of mem; the largest node of any pool has 22.9 GiB (local)" */
static void say_label(const struct neap_sched *sched,
                      const struct search *search, int label,
                      struct neap_buf *out)
{
    const struct neap_shape *largest = search->largest[label];

    neap_buf_puts(out, "needs ");
    say_amount(sched, label, search->demand->need.v[label], out);
    neap_buf_puts(out, "; ");
    if (largest->res.v[label] <= 0) {
        neap_buf_puts(out, "no node of ");
        neap_demand_say_pool(search->demand, out);
        neap_buf_puts(out, " has any");
        return;
    }
    neap_buf_puts(out, "the largest node of ");
    neap_demand_say_pool(search->demand, out);
    neap_buf_puts(out, " has ");
    neap_res_format_amount(label, largest->res.v[label], out);
    if (search->demand->npool != 1)
        neap_buf_printf(out, " (%s)", largest->pool->name->text);
}

/* Each label fits somewhere, but nowhere all of them. */
static void say_nearest(const struct neap_sched *sched,
                        const struct search *search, struct neap_buf *out)
{
    const struct neap_shape *nearest = search->nearest;
    const struct neap_res *need = &search->demand->need;
    const char *between = "";

    neap_buf_puts(out, "needs ");
    for (int i = 0; i < sched->labels->count; i++) {
        if (need->v[i] <= 0)
            continue;
        neap_buf_puts(out, between);
        say_amount(sched, i, need->v[i], out);
        between = " and ";
    }
    neap_buf_printf(out, " on one node; the nearest shape, '%s' (%s), has ",
                    nearest->name, nearest->pool->name->text);
    between = "only ";
    for (int i = 0; i < sched->labels->count; i++) {
        if (need->v[i] <= nearest->res.v[i])
            continue;
        neap_buf_puts(out, between);
        say_amount(sched, i, nearest->res.v[i], out);
        between = " and ";
    }
}

/* The label of which most is missing everywhere, or -1. */
static int worst_label(const struct search *search, int nlabels)
{
    double worst = 1;
    int label = -1;

    for (int i = 0; i < nlabels; i++) {
        double need = (double)search->demand->need.v[i];
        double have = (double)search->largest[i]->res.v[i];
        double share = have > 0 ? need / have : INFINITY;

        if (need > have && share > worst) {
            worst = share;
            label = i;
        }
    }
    return label;
}

void neap_demand_explain(const struct neap_sched *sched,
                         const struct neap_demand *demand, const char *title,
                         struct neap_err *ret)
{
    struct search search = { .demand = demand };
    struct neap_buf text = NEAP_BUF_INIT;
    int label;

    each_shape(sched, demand, look_at, &search);
    if (search.suiting == 0) {
        say_facts(demand, &text);
    } else if ((label = worst_label(&search, sched->labels->count)) >= 0) {
        say_label(sched, &search, label, &text);
    } else if (search.nearest_share > 1) {
        say_nearest(sched, &search, &text);
    } else {
        neap_buf_printf(&text,
                        "expects to run for %g s; a node of shape '%s' (%s) "
                        "lasts %g s",
                        demand->expect_s, search.longest->name,
                        search.longest->pool->name->text,
                        search.longest->walltime_s);
    }
    (void)neap_err_set(ret, NEAP_EEXHAUSTED, "task '%s' %s", title, text.data);
    neap_buf_deinit(&text);
}
