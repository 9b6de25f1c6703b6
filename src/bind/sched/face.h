/* The scheduler (core/sched.h) as plain functions for LuaJIT's FFI: numbers in,
 * numbers out, and nothing calls back. What the scheduler wants done is in a
 * list of operations that Lua takes.
 *
 * Tasks are handles: small numbers, used again after neap_face_unref. Allocs
 * are the scheduler's numbers, never used again. Amounts travel in `amounts`,
 * in users' units, and are kept under an id so that a task only names it.
 * Times are whole nanoseconds as doubles; infinity is "never".
 *
 * Functions that return int: 1 is yes or done, 0 is no (no such task or
 * alloc), negative is an error whose kind and text are in `error_kind` and
 * `error`. A face and all its tasks belong to one thread.
 *
 * This file is read twice: by the C compiler and, between the marks, by Lua.
 */
#ifndef NEAP_BIND_SCHED_FACE_H
#define NEAP_BIND_SCHED_FACE_H

#include <stdint.h>

#include "core/res.h"

#ifdef __GNUC__
# pragma GCC visibility push(default)
#endif

/* cdef begin */
enum neap_face_op_kind {
    NEAP_FACE_START = 1, /* begin the attempt of `slot` on `alloc` */
    NEAP_FACE_KILL,      /* stop the attempt of `slot` */
    NEAP_FACE_REQUEST,   /* ask for `alloc`; see neap_face_request */
    NEAP_FACE_CANCEL_REQUEST,
    NEAP_FACE_RELEASE, /* give `alloc` back */
    NEAP_FACE_TASK,    /* the task is in `state` */
    NEAP_FACE_ALLOC    /* the alloc is in `state` */
};

struct neap_face_op {
    int32_t kind;  /* enum neap_face_op_kind */
    int32_t state; /* enum neap_task_state or enum neap_alloc_state */
    double slot;   /* the task's, as given; -1 none */
    double alloc;  /* number; 0 none */
};

/* What may be changed while it runs. `min_alloc` is the id of amounts; -1:
 * nothing. `policy_ns` is real time, after which a call of a policy is stopped;
 * 0: as long as is usual. */
struct neap_face_limits {
    double max_pending, max_idle_ns, drain_ns, max_attempts, backfill_age_ns;
    double policy_ns;
    int32_t min_alloc;
};

/* The first fields of a face, for Lua to read and write. */
struct neap_face_page {
    const struct neap_face_op *ops; /* of the last neap_face_take */
    double amounts[32];             /* by label, in users' units */
    const char *error_kind;         /* "Invalid" */
    char error[1024];
};

/* A request under way. */
struct neap_face_request_view {
    const char *pool, *shape;
    double width, count, index;
    double price, walltime_s; /* 0: unknown */
};

struct neap_face_why_alloc {
    double number;
    double missing[32]; /* by label */
    int32_t fits;
    const char *refused; /* "" none */
};

struct neap_face_why_view {
    const char *verdict, *text, *pack, *priority;
    const struct neap_face_why_alloc *allocs;
    double backoff_s;
    double key[8];
    double ahead[8]; /* slots */
    int32_t position, nahead, nallocs, npending, nkeys;
};

struct neap_face_stats_view {
    double total_tasks, total_allocs, rounds, assigned, rejected_lines;
    double policy_errors, requests, refused, queued, staging, running, lost;
    double done, failed, classes, pending_allocs, live_allocs;
    double round_ns_last, round_ns_max;
    double bytes_per_task; /* of one queued task, all included */
    const char *rejected_last;
};

struct neap_face_policy_view {
    const char *state, *name, *path, *hooks, *last_error;
    double calls, slow, errors, candidates, mean_ns, ns_per_candidate, strikes;
};

/* Owned. `lua_path` is the folder that holds neap/policy.lua; it is not read
 * before the first policy is loaded. */
struct neap_face_page *neap_face_create(const char *lua_path, double seed);
void neap_face_destroy(struct neap_face_page *face);
void neap_face_get_limits(struct neap_face_page *face,
                          struct neap_face_limits *ret);
int neap_face_set_limits(struct neap_face_page *face,
                         const struct neap_face_limits *limits);

/* Number of a label, made known; negative: it cannot be. */
int neap_face_label(struct neap_face_page *face, const char *name);
int neap_face_labels(struct neap_face_page *face); /* how many there are */
const char *neap_face_label_name(struct neap_face_page *face, int label);
/* Keep the `amounts` under `id`, from 0 on, without gaps. */
int neap_face_keep(struct neap_face_page *face, int id);

/* A pair for what is made next: facts of the next shape, labels of the next
 * task. */
void neap_face_pair(struct neap_face_page *face, const char *key,
                    const char *value);
/* A pool that the next task may use; without any it may use all. */
void neap_face_pool(struct neap_face_page *face, const char *name);
/* A shape of the next menu; `res` -1: unbounded. */
void neap_face_shape(struct neap_face_page *face, const char *name, int res,
                     int elastic, double max, double price, double startup_s,
                     double walltime_s);
void neap_face_forget_shapes(struct neap_face_page *face);
/* The shapes so far are the menu of `pool`. */
int neap_face_menu(struct neap_face_page *face, const char *pool,
                   double now_ns);

/* Something that the next task reads. `key`: the first 52 bits of its digest. */
void neap_face_datum(struct neap_face_page *face, double key, double bytes);
/* Something that an alloc has now. */
int neap_face_holds(struct neap_face_page *face, double alloc, double key);
/* A task that was not submitted yet; its handle. */
int neap_face_task(struct neap_face_page *face, int res, const char *name,
                   const char *user, const char *run, double priority,
                   double expect_s, double timeout_s, double slot);
/* All, or none if one is unknown or was submitted before (0). */
int neap_face_submit(struct neap_face_page *face, const int32_t *handles,
                     int count, double now_ns);
int neap_face_cancel(struct neap_face_page *face, int handle,
                     const char *reason, double now_ns);
int neap_face_set_priority(struct neap_face_page *face, int handle,
                           double priority, double now_ns);
int neap_face_set_expect(struct neap_face_page *face, int handle,
                         double expect_s, double now_ns);
int neap_face_running(struct neap_face_page *face, int handle, double now_ns);
int neap_face_ended(struct neap_face_page *face, int handle, double now_ns);
int neap_face_failed(struct neap_face_page *face, int handle, const char *kind,
                     const char *text, double now_ns);
int neap_face_lost(struct neap_face_page *face, int handle, const char *kind,
                   const char *text, double now_ns);
/* Its error in `error_kind` and `error`; 0: it has none. */
int neap_face_task_err(struct neap_face_page *face, int handle);
int neap_face_unref(struct neap_face_page *face, int handle);

int neap_face_granted(struct neap_face_page *face, double alloc, int res,
                      double life_end_ns, double now_ns);
int neap_face_refused(struct neap_face_page *face, double alloc,
                      const char *kind, const char *text, double now_ns);
int neap_face_suspect(struct neap_face_page *face, double alloc, int suspect,
                      double now_ns);
int neap_face_dead(struct neap_face_page *face, double alloc, const char *kind,
                   const char *text, double now_ns);
int neap_face_drain(struct neap_face_page *face, double alloc, double now_ns);
int neap_face_released(struct neap_face_page *face, double alloc,
                       double now_ns);
/* What is wanted, its size in `amounts`. */
int neap_face_request(struct neap_face_page *face, double alloc,
                      struct neap_face_request_view *ret);
/* What is free, in `amounts`. */
int neap_face_free(struct neap_face_page *face, double alloc);

void neap_face_stop(struct neap_face_page *face, int drain, double now_ns);
int neap_face_idle(struct neap_face_page *face);
int neap_face_dirty(struct neap_face_page *face, double now_ns);
double neap_face_wake(struct neap_face_page *face); /* infinity: never */
void neap_face_round(struct neap_face_page *face, double now_ns, double wall_s);
/* How many operations there are, in `ops` until the next call of this. */
int neap_face_take(struct neap_face_page *face);

/* kind: 0 packing, 1 priority. `params`: JSON object or NULL. */
int neap_face_load_policy(struct neap_face_page *face, int kind,
                          const char *name, const char *params);
/* 0: it is built in, and only `name` is told. */
int neap_face_policy(struct neap_face_page *face, int kind,
                     struct neap_face_policy_view *ret);
/* The next thing that a policy did wrong or logged, in `error`; 0: no more. */
int neap_face_complaint(struct neap_face_page *face);
void neap_face_stats(struct neap_face_page *face,
                     struct neap_face_stats_view *ret);
/* Borrowed until the next call of it. */
const struct neap_face_why_view *neap_face_why(struct neap_face_page *face,
                                               int handle, double now_ns,
                                               double wall_s);
const char *neap_face_task_state(int state); /* "init" … */
const char *neap_face_alloc_state(int state);
/* cdef end */

/* The text between the marks, for ffi.cdef; it does not end there. */
const char *neap_face_cdef(int *ret_length);

#ifdef __GNUC__
# pragma GCC visibility pop
#endif
#endif
