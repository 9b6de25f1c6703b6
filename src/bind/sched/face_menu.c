/* Labels, amounts, and the menus of pools. */
#include <string.h>

#include "bind/sched/face_impl.h"

int neap_face_label(struct neap_face_page *page, const char *name)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_err err;
    int label = neap_labels_intern(&face->labels, name, &err);

    return label >= 0 ? label : neap_face_fail(face, label, &err);
}

int neap_face_labels(struct neap_face_page *page)
{
    return neap_face_of(page)->labels.count;
}

const char *neap_face_label_name(struct neap_face_page *page, int label)
{
    return neap_face_of(page)->labels.name[label];
}

int neap_face_keep(struct neap_face_page *page, int id)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_res res = { { 0 } };
    struct neap_err err;

    for (int i = 0; i < face->labels.count; i++) {
        int rc = neap_res_set(&res, i, page->amounts[i], &err);

        if (rc < 0) {
            neap_err_prefix(&err, "%s", face->labels.name[i]);
            return neap_face_fail(face, rc, &err);
        }
    }
    face->kept =
        neap_face_fit(face->kept, &face->cap_kept, id + 1, sizeof(*face->kept));
    face->kept[id] = res;
    if (id >= face->nkept)
        face->nkept = id + 1;
    return 1;
}

const struct neap_res *neap_face_kept(const struct neap_face *face, int id)
{
    return id >= 0 && id < face->nkept ? &face->kept[id] : NULL;
}

void neap_face_show_amounts(struct neap_face *face, const struct neap_res *res)
{
    for (int i = 0; i < face->labels.count; i++)
        face->page.amounts[i] = neap_res_get(res, i);
}

void neap_face_pair(struct neap_face_page *page, const char *key,
                    const char *value)
{
    struct neap_face *face = neap_face_of(page);

    if (face->pairs == NULL)
        face->pairs = neap_strmap_create();
    neap_strmap_set(face->pairs, key, value);
}

struct neap_strmap *neap_face_take_pairs(struct neap_face *face)
{
    struct neap_strmap *pairs = face->pairs;

    face->pairs = NULL;
    return pairs;
}

void neap_face_forget_shapes(struct neap_face_page *page)
{
    struct neap_face *face = neap_face_of(page);

    for (int i = 0; i < face->nshapes; i++) {
        neap_free((char *)face->shape[i].name);
        neap_strmap_destroy((struct neap_strmap *)face->shape[i].facts);
    }
    face->nshapes = 0;
}

void neap_face_shape(struct neap_face_page *page, const char *name, int res,
                     int elastic, double max, double price, double startup_s,
                     double walltime_s)
{
    struct neap_face *face = neap_face_of(page);
    const struct neap_res *amounts = neap_face_kept(face, res);

    face->shape = neap_face_fit(face->shape, &face->cap_shapes,
                                face->nshapes + 1, sizeof(*face->shape));
    face->shape[face->nshapes++] = (struct neap_shape_spec){
        .name = neap_strdup(name),
        .res = amounts != NULL ? *amounts : (struct neap_res){ { 0 } },
        .elastic = elastic != 0,
        .unbounded = amounts == NULL,
        .max = neap_face_int(max),
        .price = price,
        .startup_s = startup_s,
        .walltime_s = walltime_s,
        .facts = neap_face_take_pairs(face),
    };
}

int neap_face_menu(struct neap_face_page *page, const char *pool, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_err err;
    int rc = neap_sched_set_menu(face->sched, pool, face->shape, face->nshapes,
                                 neap_face_ns(now_ns), &err);

    neap_face_forget_shapes(&face->page);
    return rc < 0 ? neap_face_fail(face, rc, &err) : 1;
}

void neap_face_drop_menu(struct neap_face *face)
{
    neap_face_forget_shapes(&face->page);
    neap_free(face->shape);
    neap_free(face->kept);
    neap_strmap_destroy(face->pairs);
}
