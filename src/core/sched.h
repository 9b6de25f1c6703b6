/* The scheduler: which task goes to which alloc, which allocs to ask for and
 * which to give back. A pure state machine: no I/O, no thread, no clock; every
 * call takes the time, every effect is a callback, so that the engine, the
 * simulator and the specs run the same code.
 *
 *   events (submit, granted, ended, lost, tick …) mark it dirty;
 *   neap_sched_round() then plans (policy), judges and applies, once.
 *
 * Life of a task:
 *
 *   INIT ──▶ STAGING ──▶ RUNNING ──▶ DONE
 *    ▲  └──────┬────────────┬───────▶ DONE   (cancelled, impossible, failed)
 *    └── LOST ◀┴────────────┘
 *
 * Life of an alloc:
 *
 *   REQUESTED ──▶ LIVE ⇄ SUSPECT ──▶ DRAINING ──▶ RELEASED
 *       │           └───────┴───────────┴───────▶ DEAD
 *       └──▶ CANCELLED | FAILED
 *
 * A callback never runs before the function that caused it has updated its
 * own state; a callback may call back into the scheduler (answers may come at
 * once). Pointers to tasks and allocs stay valid until neap_task_unref or
 * until the alloc's end was reported.
 */
#ifndef NEAP_CORE_SCHED_H
#define NEAP_CORE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/policy.h"
#include "core/res.h"

struct neap_sched;
struct neap_task;
struct neap_alloc;
struct neap_shape;
struct neap_strmap; /* core/strmap.h: a small sorted map of strings */
struct neap_wants;  /* core/wants.h: values that a fact may have */
struct neap_datum;  /* core/data.h: a piece of data and its size */

enum neap_task_state {
    NEAP_TASK_INIT,
    NEAP_TASK_STAGING,
    NEAP_TASK_RUNNING,
    NEAP_TASK_LOST,
    NEAP_TASK_DONE
};
const char *neap_task_state_name(enum neap_task_state state);

enum neap_alloc_state {
    NEAP_ALLOC_REQUESTED,
    NEAP_ALLOC_LIVE,
    NEAP_ALLOC_SUSPECT,
    NEAP_ALLOC_DRAINING,
    NEAP_ALLOC_RELEASED,
    NEAP_ALLOC_DEAD,
    NEAP_ALLOC_CANCELLED,
    NEAP_ALLOC_FAILED
};
const char *neap_alloc_state_name(enum neap_alloc_state state);

/* ---- tasks ---- */

struct neap_task_spec {
    const char *id;                /* "r7.12"; copied; NULL: none */
    const char *name, *user, *run; /* copied (interned) */
    struct neap_res need;
    int priority;               /* low first */
    double expect_s, timeout_s; /* 0: unknown, none */
    double rank, input_bytes;
    int depth, ninputs;
    const struct neap_datum *data;    /* what it reads (core/data.h); copied */
    int ndata;                        /* 0: not said */
    const struct neap_strmap *labels; /* copied; NULL: none */
    const struct neap_wants *where;   /* node facts it needs; copied */
    const char *const *pool;          /* only these pools; copied */
    int npool;                        /* 0: any */
    void *owner;                      /* yours: neap_task_owner() */
};

/* Create a task in state INIT, not yet submitted. Owned: one reference for the
 * caller, another for the scheduler while it is queued or on an alloc. It may
 * outlive the scheduler. A task is submitted once. */
struct neap_task *neap_task_create(struct neap_sched *sched,
                                   const struct neap_task_spec *spec);
struct neap_task *neap_task_ref(struct neap_task *task);
void neap_task_unref(struct neap_task *task);

enum neap_task_state neap_task_state(const struct neap_task *task);
void *neap_task_owner(const struct neap_task *task);
bool neap_task_submitted(const struct neap_task *task);
const char *neap_task_id(const struct neap_task *task); /* "": none */
int neap_task_attempt(const struct neap_task *task);    /* 1 is the first */
struct neap_alloc *neap_task_alloc(const struct neap_task *task); /* or NULL */
const struct neap_res *neap_task_need(const struct neap_task *task);
const struct neap_err *neap_task_err(
    const struct neap_task *task);                        /* NULL: ok */
int64_t neap_task_since_ns(const struct neap_task *task); /* last change */

/* ---- pools, shapes, allocs ---- */

/* What a cluster offers. A pool's menu is replaced as a whole; a shape that
 * keeps its name stays the same shape for its allocs and its `max`. A pool
 * whose menu is empty has nothing to say: its tasks wait. */
struct neap_shape_spec {
    const char *name; /* copied */
    struct neap_res res;
    bool elastic;   /* any size up to res may be asked for */
    bool unbounded; /* elastic, and there is no limit: res does not count */
    int max;        /* allocs at a time; -1: no limit */
    double price, startup_s, walltime_s; /* 0: unknown */
    const struct neap_strmap *facts;     /* of its nodes; copied */
};
/* Returns 0 or NEAP_EINVAL (duplicate names, nothing in a shape; nothing has
 * changed then). A menu that is as before changes nothing either. Tasks that fit no shape any more end DONE with
 * ResourcesExhausted. A task for a pool without a menu waits. */
int neap_sched_set_menu(struct neap_sched *sched, const char *pool,
                        const struct neap_shape_spec *shapes, int count,
                        int64_t now_ns, struct neap_err *err);

const char *neap_alloc_id(const struct neap_alloc *alloc);  /* "a3" */
uint32_t neap_alloc_number(const struct neap_alloc *alloc); /* 3 for "a3" */
enum neap_alloc_state neap_alloc_state(const struct neap_alloc *alloc);
const char *neap_alloc_pool(const struct neap_alloc *alloc);
const char *neap_alloc_shape(const struct neap_alloc *alloc);
/* Of a request: how many more allocs of its size there would be work for; 0
 * unless the shape is elastic. */
int neap_alloc_width(const struct neap_alloc *alloc);
double neap_alloc_price(const struct neap_alloc *alloc);      /* of its shape */
double neap_alloc_walltime_s(const struct neap_alloc *alloc); /* of it too */
const struct neap_res *neap_alloc_total(const struct neap_alloc *alloc);
const struct neap_res *neap_alloc_free(const struct neap_alloc *alloc);
int neap_alloc_ntasks(const struct neap_alloc *alloc);
int64_t neap_alloc_since_ns(const struct neap_alloc *alloc);
int64_t neap_alloc_idle_since_ns(const struct neap_alloc *alloc);
/* The alloc has the data of this key now: policies may prefer it for tasks that
 * read them. */
void neap_alloc_holds(struct neap_alloc *alloc, uint64_t key);
void *neap_alloc_owner(const struct neap_alloc *alloc);
void neap_alloc_set_owner(struct neap_alloc *alloc, void *owner);

/* ---- what the scheduler asks for ---- */

struct neap_sched_ops {
    /* Begin the attempt on `alloc`; the task is STAGING. Report with
     * neap_sched_running, _ended or _lost. */
    void (*start)(void *ctx, struct neap_task *task, struct neap_alloc *alloc);
    /* Stop the attempt; report its end as usual. Called once an attempt. */
    void (*kill)(void *ctx, struct neap_task *task, const char *reason);
    /* Ask for an alloc (REQUESTED, neap_alloc_total = what is wanted). Report
     * with neap_sched_granted or _refused. */
    void (*request)(void *ctx, struct neap_alloc *alloc);
    /* The request is no longer wanted; a late grant is used if there is work
     * that fits by then, else released. Report with
     * neap_sched_refused (Canceled) or _granted. */
    void (*cancel_request)(void *ctx, struct neap_alloc *alloc);
    /* Give the alloc back. Report with neap_sched_released. */
    void (*release)(void *ctx, struct neap_alloc *alloc);
    /* After each change of state: task_changed also for LOST (before the
     * INIT that follows) and DONE. May be NULL. */
    void (*task_changed)(void *ctx, struct neap_task *task);
    void (*alloc_changed)(void *ctx, struct neap_alloc *alloc);
    /* Monotonic nanoseconds, for round_ns_last and round_ns_max and nothing
     * else. May be NULL: they stay 0. */
    int64_t (*clock_ns)(void *ctx);
};

struct neap_sched_config {
    int max_pending;     /* outstanding requests, default 5 */
    int64_t max_idle_ns; /* default 5 min */
    int64_t drain_ns; /* batching window after a submit: the first round waits
                         so long, counted from the FIRST submit; default 50 ms;
                         skipped while some live alloc has room */
    int max_attempts; /* lost attempts before TooManyTries, default 10 */
    int64_t backfill_age_ns;   /* when a task has waited for longer and fits on
                                no alloc, one alloc takes nothing else until
                                it does; then it starts there, whatever the
                                policy says. One task at a time, and only if
                                none in the queue has a lower `priority`.
                                Default 10 min */
    struct neap_res min_alloc; /* a request of an elastic shape is at least so
                                  large; nothing by default */
    uint64_t seed;             /* jitter of back-off; 0 is a fixed seed too */
};
void neap_sched_config_init(struct neap_sched_config *config);

/* Owned. `labels`: borrowed, outlives the scheduler. `ops`: copied. */
struct neap_sched *neap_sched_create(const struct neap_sched_config *config,
                                     struct neap_labels *labels,
                                     const struct neap_sched_ops *ops,
                                     void *ctx);
/* Every task must be DONE and every alloc ended (asserted), or `force`. */
void neap_sched_destroy(struct neap_sched *sched, bool force);

/* Replace limits at run time; takes effect at the next round. */
void neap_sched_set_config(struct neap_sched *sched,
                           const struct neap_sched_config *config);

/* The chain of pack policies, tried in order until one returns 0; best_fit is
 * always the last and need not be given. Borrowed until replaced. */
void neap_sched_set_pack(struct neap_sched *sched,
                         const struct neap_pack_policy *const *chain,
                         int count);
void neap_sched_set_priority(struct neap_sched *sched,
                             const struct neap_priority_policy *policy);

/* ---- events ---- */

/* Accept tasks; those that no shape of any pool can ever hold (once a menu is
 * known) end DONE with ResourcesExhausted naming the nearest shape. */
void neap_sched_submit(struct neap_sched *sched, struct neap_task **tasks,
                       int count, int64_t now_ns);
/* A queued task ends at once (Canceled, reason); a running one is killed
 * first. Returns false if it was done already. */
bool neap_sched_cancel(struct neap_sched *sched, struct neap_task *task,
                       const char *reason, int64_t now_ns);
void neap_sched_set_task_priority(struct neap_sched *sched,
                                  struct neap_task *task, int priority,
                                  int64_t now_ns);
/* How long it is expected to run, in seconds; 0: unknown. Does nothing once
 * the task has left the queue. */
void neap_sched_set_task_expect(struct neap_sched *sched,
                                struct neap_task *task, double expect_s,
                                int64_t now_ns);

/* A report about a task that is on no alloc comes too late and is ignored. A
 * task whose kill was asked for ends Canceled, however its attempt ends. */
void neap_sched_running(struct neap_sched *sched, struct neap_task *task,
                        int64_t now_ns);
/* The attempt is over and the task with it; `why` NULL: it ran (its program
 * may have failed: that is the owner's affair). */
void neap_sched_ended(struct neap_sched *sched, struct neap_task *task,
                      const struct neap_err *why, int64_t now_ns);
/* The attempt was lost (alloc gone, network): queued again as attempt + 1,
 * not for the same alloc if another exists or can be asked for, or DONE with
 * TooManyTries. */
void neap_sched_lost(struct neap_sched *sched, struct neap_task *task,
                     const struct neap_err *why, int64_t now_ns);

/* `actual`: what was granted, may differ from what was asked; one that is
 * smaller and holds nothing that waits counts as a refusal and is released. `life_end_ns`:
 * NEAP_NEVER or the end of its walltime. */
void neap_sched_granted(struct neap_sched *sched, struct neap_alloc *alloc,
                        const struct neap_res *actual, int64_t life_end_ns,
                        int64_t now_ns);
/* Back-off per pool and shape: 0.1 s · 2ⁿ ± 20 %, at most 5 s. NotSupported
 * and Invalid put the shape aside until the menu changes. */
void neap_sched_refused(struct neap_sched *sched, struct neap_alloc *alloc,
                        const struct neap_err *why, int64_t now_ns);
void neap_sched_suspect(struct neap_sched *sched, struct neap_alloc *alloc,
                        bool suspect, int64_t now_ns);
/* The alloc is gone; its tasks are LOST. */
void neap_sched_dead(struct neap_sched *sched, struct neap_alloc *alloc,
                     const struct neap_err *why, int64_t now_ns);
void neap_sched_drain(struct neap_sched *sched, struct neap_alloc *alloc,
                      int64_t now_ns); /* no new tasks, release when empty */
/* An alloc that nobody asked to release counts as dead. */
void neap_sched_released(struct neap_sched *sched, struct neap_alloc *alloc,
                         int64_t now_ns);

/* No new requests or starts; queued tasks end Canceled; running ones are
 * killed unless `drain`; then every alloc is released. Finished when
 * neap_sched_idle(). */
void neap_sched_stop(struct neap_sched *sched, bool drain, int64_t now_ns);
bool neap_sched_idle(const struct neap_sched *sched); /* no task, no alloc */

/* ---- rounds ---- */

/* Does a round make sense now? (Dirty, or something is due; and no batching
 * window is open, or a live alloc has room for a queued task.) */
bool neap_sched_dirty(const struct neap_sched *sched, int64_t now_ns);
/* When a round is due without any event: window, back-off, idle alloc,
 * refresh of keys, policy's wake; NEAP_NEVER if none. */
int64_t neap_sched_wake_ns(const struct neap_sched *sched);
/* wall_ns: Unix time, shown to policies as `now`. */
void neap_sched_round(struct neap_sched *sched, int64_t now_ns,
                      int64_t wall_ns);

/* ---- looking ---- */

struct neap_sched_stats {
    uint64_t total_tasks, total_allocs, rounds, assigned;
    uint64_t rejected_lines, policy_errors, requests, refused;
    uint32_t queued, staging, running, lost, done, failed, classes;
    uint32_t pending_allocs, live_allocs;
    int64_t round_ns_last, round_ns_max;
    const char *rejected_last; /* why the last such line was dropped; "" */
};
void neap_sched_stats(const struct neap_sched *sched,
                      struct neap_sched_stats *ret);
/* Memory of one waiting task without id and labels: all that it costs. */
size_t neap_sched_task_bytes(const struct neap_sched *sched);
typedef void (*neap_alloc_each_fn)(void *ctx, struct neap_alloc *alloc);
/* Every alloc that has not ended, by id. */
void neap_sched_each_alloc(struct neap_sched *sched, neap_alloc_each_fn fn,
                           void *ctx);

/* Why does `task` wait? Everything the engine needs for the JSON of `why`. */
enum neap_why_kind {
    NEAP_WHY_CAPACITY,
    NEAP_WHY_PRIORITY,
    NEAP_WHY_PENDING,
    NEAP_WHY_POLICY,
    NEAP_WHY_BACKOFF,
    NEAP_WHY_WINDOW, /* the batching window is open */
    NEAP_WHY_STAGING,
    NEAP_WHY_RUNNING,
    NEAP_WHY_DONE,
    NEAP_WHY_UNSCHEDULABLE
};
const char *neap_why_name(enum neap_why_kind kind);
struct neap_why_alloc {
    struct neap_alloc *alloc;
    bool fits;               /* free now */
    struct neap_res missing; /* what is short, >= 0 */
    char refused[256];       /* the policy's words; "" none */
};
struct neap_why {
    enum neap_why_kind verdict;
    int position;               /* 1 is next; 0: not queued */
    struct neap_task *ahead[8]; /* borrowed, up to 8 */
    int nahead;
    struct neap_why_alloc *allocs; /* owned by the struct */
    int nallocs;
    int npending;     /* requests under way that would hold it */
    double backoff_s; /* until the next request may be made; 0 none */
    char text[512];   /* the verdict as a sentence */
    double key[NEAP_KEYS_MAX];
    int nkeys;
    const char *pack, *priority; /* names of the active policies */
};
void neap_sched_why(struct neap_sched *sched, struct neap_task *task,
                    int64_t now_ns, int64_t wall_ns, struct neap_why *ret);
void neap_why_deinit(struct neap_why *why);

/* For tests: assert everything that must hold between two calls. */
void neap_sched_check_invariants(const struct neap_sched *sched);

#endif
