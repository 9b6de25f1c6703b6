/* Tasks by handle. An entry is a pointer to a task, which is even; or, of a free
 * handle, twice the next free one plus 1. "Free one" is the handle + 1, so that
 * 0 says that there is none. */
#include <string.h>

#include "bind/sched/face_impl.h"

#define FIRST_HANDLES 64

static uintptr_t link_to(uint32_t free_one)
{
    return ((uintptr_t)free_one << 1) | 1;
}

static void more_handles(struct neap_face *face)
{
    if (face->nhandles == face->cap_handles) {
        face->cap_handles += face->cap_handles / 2 + FIRST_HANDLES;
        face->handle = neap_realloc(face->handle, face->cap_handles,
                                    sizeof(*face->handle));
    }
    face->handle[face->nhandles] = link_to(0);
    face->free_handle = ++face->nhandles;
}

static int take_handle(struct neap_face *face, struct neap_task *task)
{
    uint32_t handle;

    if (face->free_handle == 0)
        more_handles(face);
    handle = face->free_handle - 1;
    face->free_handle = (uint32_t)(face->handle[handle] >> 1);
    face->handle[handle] = (uintptr_t)task;
    return (int)handle;
}

struct neap_task *neap_face_find_task(const struct neap_face *face, int handle)
{
    if (handle < 0 || (uint32_t)handle >= face->nhandles ||
        (face->handle[handle] & 1) != 0)
        return NULL;
    return (struct neap_task *)face->handle[handle];
}

void neap_face_pool(struct neap_face_page *page, const char *name)
{
    struct neap_face *face = neap_face_of(page);

    face->pool = neap_face_fit(face->pool, &face->cap_pools, face->npools + 1,
                               sizeof(*face->pool));
    face->pool[face->npools++] = neap_strdup(name);
}

void neap_face_datum(struct neap_face_page *page, double key, double bytes)
{
    struct neap_face *face = neap_face_of(page);

    if (!(key >= 0 && key < 0x1p53) || !(bytes >= 0))
        return;
    face->datum = neap_face_fit(face->datum, &face->cap_data, face->ndata + 1,
                                sizeof(*face->datum));
    face->datum[face->ndata++] = (struct neap_datum){ (uint64_t)key, bytes };
}

static void forget_pools(struct neap_face *face)
{
    while (face->npools > 0)
        neap_free(face->pool[--face->npools]);
}

int neap_face_task(struct neap_face_page *page, int res, const char *name,
                   const char *user, const char *run, double priority,
                   double expect_s, double timeout_s, double slot)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_strmap *labels = neap_face_take_pairs(face);
    struct neap_task_spec spec = {
        .name = name,
        .user = user,
        .run = run,
        .need = *neap_face_kept(face, res),
        .priority = neap_face_int(priority),
        .expect_s = expect_s,
        .timeout_s = timeout_s,
        .labels = labels,
        .pool = (const char *const *)face->pool,
        .npool = face->npools,
        .data = face->datum,
        .ndata = face->ndata,
        .owner = (void *)(intptr_t)slot,
    };
    struct neap_task *task = neap_task_create(face->sched, &spec);

    neap_strmap_destroy(labels);
    forget_pools(face);
    face->ndata = 0;
    return take_handle(face, task);
}

int neap_face_submit(struct neap_face_page *page, const int32_t *handles,
                     int count, double now_ns)
{
    struct neap_face *face = neap_face_of(page);

    face->batch = neap_face_fit(face->batch, &face->cap_batch, count,
                                sizeof(struct neap_task *));
    for (int i = 0; i < count; i++) {
        struct neap_task *task = neap_face_find_task(face, handles[i]);

        if (task == NULL || neap_task_submitted(task))
            return 0;
        face->batch[i] = task;
    }
    neap_sched_submit(face->sched, face->batch, count, neap_face_ns(now_ns));
    return 1;
}

int neap_face_cancel(struct neap_face_page *page, int handle,
                     const char *reason, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);

    return task != NULL &&
           neap_sched_cancel(face->sched, task, reason, neap_face_ns(now_ns));
}

int neap_face_set_priority(struct neap_face_page *page, int handle,
                           double priority, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);

    if (task == NULL)
        return 0;
    neap_sched_set_task_priority(face->sched, task, neap_face_int(priority),
                                 neap_face_ns(now_ns));
    return 1;
}

int neap_face_set_expect(struct neap_face_page *page, int handle,
                         double expect_s, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);

    if (task == NULL)
        return 0;
    neap_sched_set_task_expect(face->sched, task, expect_s,
                               neap_face_ns(now_ns));
    return 1;
}

int neap_face_running(struct neap_face_page *page, int handle, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);

    if (task == NULL)
        return 0;
    neap_sched_running(face->sched, task, neap_face_ns(now_ns));
    return 1;
}

int neap_face_ended(struct neap_face_page *page, int handle, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);

    if (task == NULL)
        return 0;
    neap_sched_ended(face->sched, task, NULL, neap_face_ns(now_ns));
    return 1;
}

int neap_face_failed(struct neap_face_page *page, int handle, const char *kind,
                     const char *text, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);
    struct neap_err err;

    if (task == NULL)
        return 0;
    neap_face_err(kind, text, &err);
    neap_sched_ended(face->sched, task, &err, neap_face_ns(now_ns));
    return 1;
}

int neap_face_lost(struct neap_face_page *page, int handle, const char *kind,
                   const char *text, double now_ns)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);
    struct neap_err err;

    if (task == NULL)
        return 0;
    neap_face_err(kind, text, &err);
    neap_sched_lost(face->sched, task, &err, neap_face_ns(now_ns));
    return 1;
}

int neap_face_task_err(struct neap_face_page *page, int handle)
{
    struct neap_face *face = neap_face_of(page);
    const struct neap_task *task = neap_face_find_task(face, handle);
    const struct neap_err *err = task != NULL ? neap_task_err(task) : NULL;

    return err != NULL ? neap_face_fail(face, 1, err) : 0;
}

int neap_face_unref(struct neap_face_page *page, int handle)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);

    if (task == NULL)
        return 0;
    face->handle[handle] = link_to(face->free_handle);
    face->free_handle = (uint32_t)handle + 1;
    neap_task_unref(task);
    return 1;
}

void neap_face_drop_tasks(struct neap_face *face)
{
    for (uint32_t i = 0; i < face->nhandles; i++)
        neap_task_unref(neap_face_find_task(face, (int)i));
    forget_pools(face);
    neap_free(face->pool);
    neap_free(face->datum);
    neap_free(face->handle);
    neap_free(face->batch);
}
