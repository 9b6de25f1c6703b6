/* Callbacks of the scheduler: each appends one operation. Two arrays take
 * turns, so what Lua has taken stays as it is while new ones come. */
#include "bind/sched/face_impl.h"

static struct neap_face_op *add(struct neap_face *face, int kind)
{
    struct neap_face_ops *ops = &face->filling;
    struct neap_face_op *op;

    ops->op =
        neap_face_fit(ops->op, &ops->cap, ops->count + 1, sizeof(*ops->op));
    op = &ops->op[ops->count++];
    *op = (struct neap_face_op){ .kind = kind, .slot = -1 };
    return op;
}

static double slot_of(const struct neap_task *task)
{
    return (double)(intptr_t)neap_task_owner(task);
}

static void add_task(struct neap_face *face, int kind,
                     const struct neap_task *task,
                     const struct neap_alloc *alloc)
{
    struct neap_face_op *op = add(face, kind);

    op->state = (int32_t)neap_task_state(task);
    op->slot = slot_of(task);
    if (alloc != NULL)
        op->alloc = neap_alloc_number(alloc);
}

static void add_alloc(struct neap_face *face, int kind,
                      const struct neap_alloc *alloc)
{
    struct neap_face_op *op = add(face, kind);

    op->state = (int32_t)neap_alloc_state(alloc);
    op->alloc = neap_alloc_number(alloc);
}

static void start(void *ctx, struct neap_task *task, struct neap_alloc *alloc)
{
    add_task(ctx, NEAP_FACE_START, task, alloc);
}

static void stop(void *ctx, struct neap_task *task, const char *reason)
{
    (void)reason; /* it is the task's error */
    add_task(ctx, NEAP_FACE_KILL, task, neap_task_alloc(task));
}

static void request(void *ctx, struct neap_alloc *alloc)
{
    neap_face_add_alloc(ctx, alloc);
    add_alloc(ctx, NEAP_FACE_REQUEST, alloc);
}

static void cancel_request(void *ctx, struct neap_alloc *alloc)
{
    add_alloc(ctx, NEAP_FACE_CANCEL_REQUEST, alloc);
}

static void release(void *ctx, struct neap_alloc *alloc)
{
    add_alloc(ctx, NEAP_FACE_RELEASE, alloc);
}

static void task_changed(void *ctx, struct neap_task *task)
{
    add_task(ctx, NEAP_FACE_TASK, task, neap_task_alloc(task));
}

static void alloc_changed(void *ctx, struct neap_alloc *alloc)
{
    add_alloc(ctx, NEAP_FACE_ALLOC, alloc);
    if (neap_alloc_state(alloc) >= NEAP_ALLOC_RELEASED)
        neap_face_forget_alloc(ctx, alloc);
}

static int64_t clock_ns(void *ctx)
{
    (void)ctx;
    return neap_clock_mono_ns();
}

const struct neap_sched_ops neap_face_sched_ops = {
    .start = start,
    .kill = stop,
    .request = request,
    .cancel_request = cancel_request,
    .release = release,
    .task_changed = task_changed,
    .alloc_changed = alloc_changed,
    .clock_ns = clock_ns,
};

int neap_face_take(struct neap_face_page *page)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_face_ops taken = face->filling;

    face->filling = face->taken;
    face->filling.count = 0;
    face->taken = taken;
    face->page.ops = taken.op;
    return taken.count;
}

const char *neap_face_task_state(int state)
{
    return neap_task_state_name((enum neap_task_state)state);
}

const char *neap_face_alloc_state(int state)
{
    return neap_alloc_state_name((enum neap_alloc_state)state);
}
