/* The built-in packing policy.
 *
 * For each class in queue order: the open allocs that hold one of its tasks,
 * the one with the least room first, each filled to the brim. (The alloc that
 * is left with the least after one task is also the one left with the least
 * after the next.) What remains goes to requests under way, then to new ones:
 * a bin for each, of the smallest shape that holds the task.
 *
 *   room = cores + memory / 8 GiB
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/policy.h"

#define GIB 1073741824.0

/* An alloc, a request under way, or a request to be made. */
struct bin {
    struct neap_amounts free;
    int row; /* of an alloc, a pending one, or a shape */
    bool used;
    bool elastic;
    struct neap_amounts taken; /* of an elastic shape */
};

struct packing {
    const struct neap_view *view;
    struct neap_plan *plan;
    struct bin *live, *pending, *wanted;
    int nwanted, max_wanted;
    int *order; /* scratch: live bins for the class at hand */
};

static double label(const struct neap_amounts *a, int i)
{
    switch (i) {
    case 0:
        return a->cpu;
    case 1:
        return a->mem;
    case 2:
        return a->disk;
    case 3:
        return a->gpu;
    default:
        return a->other[i - 4];
    }
}

static double room(const struct neap_amounts *a)
{
    return a->cpu + a->mem / (8 * GIB);
}

/* How often `need` fits into `have`, at most `limit`. */
static int times(const struct neap_view *view, const struct neap_amounts *have,
                 const struct neap_amounts *need, int limit)
{
    for (int i = 0; i < view->nlabels && limit > 0; i++) {
        double one = label(need, i);
        double all = label(have, i);

        if (one > 0 && all < one * limit)
            limit = (int)fmax(0, floor(all / one + 1e-9));
    }
    return limit;
}

/* have += k · need */
static void add(const struct neap_view *view, struct neap_amounts *have,
                const struct neap_amounts *need, double k)
{
    have->cpu += k * need->cpu;
    have->mem += k * need->mem;
    have->disk += k * need->disk;
    have->gpu += k * need->gpu;
    for (int i = 4; i < view->nlabels; i++)
        have->other[i - 4] += k * need->other[i - 4];
}

static int put(struct packing *p, struct bin *bin,
               const struct neap_class_view *cls, int left)
{
    int n = times(p->view, &bin->free, &cls->res, left);

    if (n == 0)
        return 0;
    add(p->view, &bin->free, &cls->res, -n);
    if (bin->elastic)
        add(p->view, &bin->taken, &cls->res, n);
    bin->used = true;
    return n;
}

static bool may(const uint8_t *bytes, int row)
{
    return bytes == NULL || bytes[row] != 0;
}

/* ---- live allocs ---- */

static bool lives_long_enough(const struct packing *p, int row,
                              const struct neap_class_view *cls)
{
    return p->view->allocs[row].life_left >= cls->expect;
}

static bool before(const struct bin *a, const struct bin *b)
{
    double room_a = room(&a->free);
    double room_b = room(&b->free);

    return room_a != room_b ? room_a < room_b : a->row < b->row;
}

static int order_bins(const void *x, const void *y, void *ctx)
{
    const struct bin *bins = ctx;
    const struct bin *a = &bins[*(const int *)x];
    const struct bin *b = &bins[*(const int *)y];

    return before(a, b) ? -1 : before(b, a);
}

/* The bins that hold a task of the class, the tightest first. */
static int candidates(struct packing *p, const struct neap_class_view *cls)
{
    int count = 0;

    for (int i = 0; i < p->view->nopen; i++) {
        const struct bin *bin = &p->live[i];

        if (may(cls->may_alloc, bin->row) &&
            times(p->view, &bin->free, &cls->res, 1) == 1 &&
            lives_long_enough(p, bin->row, cls))
            p->order[count++] = i;
    }
    if (count > 1)
        qsort_r(p->order, (size_t)count, sizeof(*p->order), order_bins,
                p->live);
    return count;
}

static int assign(struct packing *p, const struct neap_class_view *cls)
{
    int left = cls->count;
    int count = candidates(p, cls);

    for (int i = 0; i < count && left > 0; i++) {
        struct bin *bin = &p->live[p->order[i]];
        int n = put(p, bin, cls, left);
        struct neap_plan_line *line = n > 0 ? neap_plan_add(p->plan) : NULL;

        if (line == NULL)
            continue;
        line->kind = NEAP_LINE_ASSIGN;
        line->a = cls->index;
        line->b = bin->row;
        line->n = n;
        left -= n;
    }
    return left;
}

/* ---- requests ---- */

static bool lasts(double walltime, const struct neap_class_view *cls)
{
    return walltime <= 0 || walltime >= cls->expect;
}

static bool has_quota(const struct packing *p, int row)
{
    int quota = p->view->shapes[row].quota;

    for (int i = 0; i < p->nwanted && quota >= 0; i++)
        quota -= p->wanted[i].row == row;
    return quota != 0;
}

/* The smallest shape that holds a task of the class; -1: none. */
static int pick_shape(const struct packing *p,
                      const struct neap_class_view *cls)
{
    int best = -1;

    for (int i = 0; i < p->view->nshapes; i++) {
        const struct neap_shape_view *shape = &p->view->shapes[i];

        if (shape->quota == 0 || !may(cls->may_shape, i) ||
            !lasts(shape->walltime, cls) ||
            times(p->view, &shape->res, &cls->res, 1) == 0 || !has_quota(p, i))
            continue;
        if (best < 0 || room(&shape->res) < room(&p->view->shapes[best].res))
            best = i;
    }
    return best;
}

/* What is asked for at once where there is no limit. */
#define USUAL_CPU 64
#define USUAL_MEM (512 * GIB)

static struct neap_amounts bin_size(const struct neap_shape_view *shape,
                                    const struct neap_class_view *cls)
{
    struct neap_amounts size = shape->res;

    if (shape->unbounded) {
        size.cpu = fmax(ldexp(USUAL_CPU, -shape->shrink), cls->res.cpu);
        size.mem = fmax(ldexp(USUAL_MEM, -shape->shrink), cls->res.mem);
    }
    return size;
}

static int put_in_wanted(struct packing *p, const struct neap_class_view *cls,
                         int left)
{
    for (int i = 0; i < p->nwanted && left > 0; i++) {
        int row = p->wanted[i].row;

        if (may(cls->may_shape, row) &&
            lasts(p->view->shapes[row].walltime, cls))
            left -= put(p, &p->wanted[i], cls, left);
    }
    return left;
}

static int want_more(struct packing *p, const struct neap_class_view *cls,
                     int left)
{
    while (left > 0 && p->nwanted < p->max_wanted) {
        int row = pick_shape(p, cls);
        struct bin *bin = &p->wanted[p->nwanted];

        if (row < 0)
            break;
        memset(bin, 0, sizeof(*bin));
        bin->free = bin_size(&p->view->shapes[row], cls);
        bin->row = row;
        bin->elastic = p->view->shapes[row].elastic != 0;
        p->nwanted++;
        left -= put(p, bin, cls, left);
    }
    return left;
}

static int put_in_pending(struct packing *p, const struct neap_class_view *cls,
                          int left)
{
    for (int i = 0; i < p->view->npending && left > 0; i++) {
        if (may(cls->may_pending, i) &&
            p->view->pending[i].life_left >= cls->expect)
            left -= put(p, &p->pending[i], cls, left);
    }
    return left;
}

static void write_requests(struct packing *p)
{
    for (int i = 0; i < p->nwanted; i++) {
        struct neap_plan_line *line = neap_plan_add(p->plan);

        if (line == NULL)
            return;
        line->kind = NEAP_LINE_REQUEST;
        line->a = p->wanted[i].row;
        line->n = 1;
        if (p->wanted[i].elastic)
            line->res = p->wanted[i].taken;
    }
    for (int i = 0; i < p->view->npending; i++) {
        struct neap_plan_line *line =
            p->pending[i].used ? NULL : neap_plan_add(p->plan);

        if (line == NULL)
            continue;
        line->kind = NEAP_LINE_CANCEL;
        line->b = i;
    }
}

/* ---- all of it ---- */

static void open_bins(struct packing *p)
{
    const struct neap_view *view = p->view;
    int most = view->max_pending - view->npending;
    size_t count;

    p->max_wanted = most > 0 ? most : 0;
    count = (size_t)(view->nopen + view->npending + p->max_wanted);
    p->live = neap_alloc(count * sizeof(*p->live) + 1);
    p->pending = p->live + view->nopen;
    p->wanted = p->pending + view->npending;
    p->order = neap_alloc((size_t)view->nopen * sizeof(*p->order) + 1);
    for (int i = 0; i < view->nopen; i++) {
        p->live[i].free = view->allocs[view->open[i]].free;
        p->live[i].row = view->open[i];
        p->live[i].elastic = false;
    }
    for (int i = 0; i < view->npending; i++) {
        p->pending[i].free = view->pending[i].free;
        p->pending[i].elastic = p->pending[i].used = false;
    }
}

static int pack(void *ctx, const struct neap_view *view, struct neap_plan *plan,
                struct neap_err *err)
{
    struct packing p = { .view = view, .plan = plan };

    (void)ctx;
    (void)err;
    open_bins(&p);
    for (int i = 0; i < view->nclasses; i++) {
        const struct neap_class_view *cls = &view->classes[i];
        int left = assign(&p, cls);

        left = put_in_pending(&p, cls, left);
        left = put_in_wanted(&p, cls, left);
        (void)want_more(&p, cls, left);
    }
    write_requests(&p);
    neap_free(p.live);
    neap_free(p.order);
    return 0;
}

const struct neap_pack_policy neap_policy_best_fit = {
    .name = "best_fit",
    .pack = pack,
};
