/* Allocs by number, from their request to their end. */
#include "bind/sched/face_impl.h"

static bool same_number(const void *item, const void *key)
{
    return ((const struct neap_face_alloc *)item)->number ==
           *(const uint32_t *)key;
}

static uint64_t hash_number(uint32_t number)
{
    return neap_hash(&number, sizeof(number), 0);
}

struct neap_face_alloc *neap_face_find_alloc(const struct neap_face *face,
                                             double number)
{
    uint32_t key = (uint32_t)fmax(0, fmin(number, UINT32_MAX));

    if (face->allocs.same == NULL)
        return NULL;
    return neap_map_find(&face->allocs, hash_number(key), &key);
}

void neap_face_add_alloc(struct neap_face *face, struct neap_alloc *alloc)
{
    struct neap_face_alloc *item = NEAP_NEW(struct neap_face_alloc);

    if (face->allocs.same == NULL)
        neap_map_init(&face->allocs, same_number);
    item->number = neap_alloc_number(alloc);
    item->alloc = alloc;
    neap_map_add(&face->allocs, hash_number(item->number), item);
    face->asked = neap_face_fit(face->asked, &face->cap_asked, face->nasked + 1,
                                sizeof(*face->asked));
    face->asked[face->nasked++] = item;
}

void neap_face_forget_alloc(struct neap_face *face, struct neap_alloc *alloc)
{
    uint32_t key = neap_alloc_number(alloc);
    struct neap_face_alloc *item =
        neap_map_remove(&face->allocs, hash_number(key), &key);

    for (int i = 0; i < face->nasked; i++) {
        if (face->asked[i] == item)
            face->asked[i] = face->asked[--face->nasked];
    }
    neap_free(item);
}

/* Names are the scheduler's own: one shape, one pointer. */
static bool same_shape(const struct neap_alloc *a, const struct neap_alloc *b)
{
    return neap_alloc_shape(a) == neap_alloc_shape(b);
}

void neap_face_count_asked(struct neap_face *face)
{
    for (int i = 0; i < face->nasked; i++) {
        struct neap_face_alloc *item = face->asked[i];

        for (int k = 0; k < face->nasked; k++) {
            if (!same_shape(item->alloc, face->asked[k]->alloc))
                continue;
            item->count++;
            item->index += k <= i;
        }
    }
    face->nasked = 0;
}

void neap_face_drop_allocs(struct neap_face *face)
{
    neap_map_for_each (at, &face->allocs) {
        neap_free(at->item);
    }
    neap_map_deinit(&face->allocs);
    neap_free(face->asked);
}

int neap_face_granted(struct neap_face_page *page, double number, int res,
                      double life_end_ns, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_face_alloc *item = neap_face_find_alloc(face, number);

    if (item == NULL || neap_alloc_state(item->alloc) != NEAP_ALLOC_REQUESTED)
        return 0;
    neap_sched_granted(face->sched, item->alloc, neap_face_kept(face, res),
                       neap_face_ns(life_end_ns), neap_face_ns(now_ns));
    return 1;
}

int neap_face_refused(struct neap_face_page *page, double number,
                      const char *kind, const char *text, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_face_alloc *item = neap_face_find_alloc(face, number);
    struct neap_err err;

    if (item == NULL || neap_alloc_state(item->alloc) != NEAP_ALLOC_REQUESTED)
        return 0;
    neap_face_err(kind, text, &err);
    neap_sched_refused(face->sched, item->alloc, &err, neap_face_ns(now_ns));
    return 1;
}

int neap_face_suspect(struct neap_face_page *page, double number, int suspect,
                      double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_face_alloc *item = neap_face_find_alloc(face, number);

    if (item == NULL)
        return 0;
    neap_sched_suspect(face->sched, item->alloc, suspect != 0,
                       neap_face_ns(now_ns));
    return 1;
}

int neap_face_holds(struct neap_face_page *page, double number, double key)
{
    struct neap_face_alloc *item =
        neap_face_find_alloc(neap_face_of(page), number);

    if (item == NULL || !(key >= 0 && key < 0x1p53))
        return 0;
    neap_alloc_holds(item->alloc, (uint64_t)key);
    return 1;
}

int neap_face_dead(struct neap_face_page *page, double number, const char *kind,
                   const char *text, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_face_alloc *item = neap_face_find_alloc(face, number);
    struct neap_err err;

    if (item == NULL)
        return 0;
    neap_face_err(kind, text, &err);
    neap_sched_dead(face->sched, item->alloc, &err, neap_face_ns(now_ns));
    return 1;
}

int neap_face_drain(struct neap_face_page *page, double number, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_face_alloc *item = neap_face_find_alloc(face, number);

    if (item == NULL)
        return 0;
    neap_sched_drain(face->sched, item->alloc, neap_face_ns(now_ns));
    return 1;
}

int neap_face_released(struct neap_face_page *page, double number,
                       double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_face_alloc *item = neap_face_find_alloc(face, number);

    if (item == NULL)
        return 0;
    neap_sched_released(face->sched, item->alloc, neap_face_ns(now_ns));
    return 1;
}

int neap_face_request(struct neap_face_page *page, double number,
                      struct neap_face_request_view *ret)
{
    struct neap_face *face = neap_face_of(page);
    const struct neap_face_alloc *item = neap_face_find_alloc(face, number);

    if (item == NULL || neap_alloc_state(item->alloc) != NEAP_ALLOC_REQUESTED)
        return 0;
    *ret = (struct neap_face_request_view){
        .pool = neap_alloc_pool(item->alloc),
        .shape = neap_alloc_shape(item->alloc),
        .width = neap_alloc_width(item->alloc),
        .count = item->count,
        .index = item->index,
        .price = neap_alloc_price(item->alloc),
        .walltime_s = neap_alloc_walltime_s(item->alloc),
    };
    neap_face_show_amounts(face, neap_alloc_total(item->alloc));
    return 1;
}

int neap_face_free(struct neap_face_page *page, double number)
{
    struct neap_face *face = neap_face_of(page);
    const struct neap_face_alloc *item = neap_face_find_alloc(face, number);

    if (item == NULL)
        return 0;
    neap_face_show_amounts(face, neap_alloc_free(item->alloc));
    return 1;
}
