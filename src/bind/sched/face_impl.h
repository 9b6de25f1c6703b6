/* What the files of the face share; nobody else includes it.
 *
 *   face.c         making and ending it, settings, rounds
 *   face_ops.c     what the scheduler asks for becomes a list
 *   face_task.c    handles              face_alloc.c   allocs by number
 *   face_menu.c    labels, amounts, menus
 *   face_policy.c  policies in Lua      face_look.c    why, stats
 *   face_cdef.c    the header as text
 */
#ifndef NEAP_BIND_SCHED_FACE_IMPL_H
#define NEAP_BIND_SCHED_FACE_IMPL_H

#include <math.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "bind/policy/host.h"
#include "bind/sched/face.h"
#include "core/data.h"
#include "core/sched.h"
#include "core/strmap.h"

/* An alloc that has not ended. */
struct neap_face_alloc {
    uint32_t number;
    struct neap_alloc *alloc;
    int index, count; /* among the requests for its shape in that round */
};

struct neap_face_ops {
    struct neap_face_op *op;
    int count, cap;
};

struct neap_face {
    struct neap_face_page page; /* first: Lua's pointer is to it */
    struct neap_sched *sched;
    struct neap_sched_config config;
    struct neap_labels labels;

    struct neap_face_ops filling, taken;

    /* By handle: a task, or the next free handle (odd). */
    uintptr_t *handle;
    uint32_t nhandles, cap_handles, free_handle;
    struct neap_task **batch; /* of a submit */
    int cap_batch;

    struct neap_map allocs;         /* by number */
    struct neap_face_alloc **asked; /* in this round */
    int nasked, cap_asked;

    struct neap_res *kept; /* amounts by id */
    int nkept, cap_kept;
    struct neap_strmap *pairs; /* for what is made next; NULL: none */
    char **pool;               /* for the next task */
    int npools, cap_pools;
    struct neap_datum *datum; /* of the next task */
    int ndata, cap_data;
    struct neap_shape_spec *shape;
    int nshapes, cap_shapes;

    char *lua_path;
    struct neap_policy_host *policies; /* NULL: none was loaded yet */
    int64_t policy_ns;                 /* of a call of them; 0: as is usual */
    bool own_priority; /* a priority policy of theirs is at work */
    char **complaint;
    int ncomplaints;

    struct neap_why why;
    struct neap_face_why_view why_view;
    struct neap_face_why_alloc *why_allocs;
};

static inline struct neap_face *neap_face_of(struct neap_face_page *page)
{
    return (struct neap_face *)page;
}

/* A time from Lua: whole nanoseconds, infinity is never. */
static inline int64_t neap_face_ns(double ns)
{
    return ns < 0x1p62 ? (int64_t)ns : NEAP_NEVER;
}

static inline int neap_face_int(double number)
{
    return (int)fmax(INT32_MIN, fmin(INT32_MAX, number));
}

/* Room for `count` items in an array that grows by doubling. */
void *neap_face_fit(void *array, int *cap, int count, size_t size);
/* Put `err` where Lua finds it; returns `rc`. */
int neap_face_fail(struct neap_face *face, int rc, const struct neap_err *err);
/* An error of which Lua tells kind and text. */
void neap_face_err(const char *kind, const char *text, struct neap_err *ret);

extern const struct neap_sched_ops neap_face_sched_ops;

/* NULL: there is none. */
struct neap_task *neap_face_find_task(const struct neap_face *face, int handle);
void neap_face_drop_tasks(struct neap_face *face);

struct neap_face_alloc *neap_face_find_alloc(const struct neap_face *face,
                                             double number);
void neap_face_add_alloc(struct neap_face *face, struct neap_alloc *alloc);
void neap_face_forget_alloc(struct neap_face *face, struct neap_alloc *alloc);
/* All requests of a round are made: count them. */
void neap_face_count_asked(struct neap_face *face);
void neap_face_drop_allocs(struct neap_face *face);

/* NULL: no such id. */
const struct neap_res *neap_face_kept(const struct neap_face *face, int id);
void neap_face_show_amounts(struct neap_face *face, const struct neap_res *res);
/* The pairs so far, or NULL; owned by the caller. */
struct neap_strmap *neap_face_take_pairs(struct neap_face *face);
void neap_face_drop_menu(struct neap_face *face);

void neap_face_drop_policies(struct neap_face *face);
/* Tell them how long a call may take. */
void neap_face_limit_policies(struct neap_face *face);

#endif
