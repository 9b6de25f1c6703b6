/* What the files of the scheduler share; nobody else includes it.
 *
 *   intern.c  names and demands that many tasks share
 *   task.c    life of a task            pool.c   menus, shapes, back-off
 *   alloc.c   life of an alloc          queue.c  classes and their order
 *   view.c    the snapshot              judge.c  may this line be applied?
 *   round.c   plan, judge, apply        hold.c   no task waits for ever
 *   events.c  what others report        why.c    why does it wait?
 *
 * Each public function that changes something is between neap_sched_enter and
 * neap_sched_leave: what ended meanwhile is freed when the outermost leaves,
 * so that callbacks may call back and loops need not look out.
 */
#ifndef NEAP_CORE_SCHED_IMPL_H
#define NEAP_CORE_SCHED_IMPL_H

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/tree.h"
#include "core/data.h"
#include "core/durations.h"
#include "core/sched.h"
#include "core/strmap.h"
#include "core/wants.h"

enum {
    NEAP_VIEW_CLASSES_MAX = 1024, /* rows; later classes wait unseen */
    NEAP_RECENT_BITS = 8,
    /* So many classes may there be because of what tasks read; then tasks that
     * read different things are in one class again, for a policy sees no more
     * than NEAP_VIEW_CLASSES_MAX. */
    NEAP_DATA_CLASSES_MAX = 256,
    NEAP_KEPT_NAMES_MAX = 1024 /* with durations, although no task has them */
};

/* ---- intern.c ---- */

struct neap_word {
    uint64_t hash;
    uint32_t refs;
    struct neap_durations *durations; /* NULL: none ended yet */
    char text[];
};

/* What many tasks have in common. */
struct neap_demand {
    struct neap_res need;
    struct neap_word *name, *user, *run;
    struct neap_word **pool;  /* any of these, in no order */
    struct neap_wants *where; /* NULL: any */
    double expect_s, timeout_s;
    uint64_t hash;
    struct neap_list active; /* in sched->demands while some wait */
    int npool;               /* 0: any */
    uint32_t refs;           /* tasks */
    uint32_t queued;         /* of these, waiting */
    uint32_t checked;        /* menu_version of `impossible` */
    bool impossible;
};

struct neap_word *neap_word_get(struct neap_sched *sched, const char *text);
void neap_word_unref(struct neap_sched *sched, struct neap_word *word);
struct neap_demand *neap_demand_get(struct neap_sched *sched,
                                    const struct neap_task_spec *spec);
/* Replace a task's demand by one that differs in nothing but `expect_s`. */
void neap_demand_set_expect(struct neap_sched *sched,
                            struct neap_demand **demand, double expect_s);
void neap_demand_unref(struct neap_sched *sched, struct neap_demand *demand);
/* May its tasks go to the pool of this name? */
bool neap_demand_allows(const struct neap_demand *demand,
                        const struct neap_word *pool);
/* "pool 'a'", "pools 'a' or 'b'", "any pool" */
void neap_demand_say_pool(const struct neap_demand *demand,
                          struct neap_buf *out);
void neap_intern_init(struct neap_sched *sched);
void neap_intern_deinit(struct neap_sched *sched);

/* ---- tasks ---- */

struct neap_shared_err {
    uint32_t refs;
    struct neap_err err;
};
void neap_shared_err_unref(struct neap_shared_err *err); /* NULL is fine */

struct neap_task {
    struct neap_list link; /* in a class, in sched->fresh or on an alloc */
    struct neap_sched *sched;
    struct neap_demand *demand;
    struct neap_class *cls;   /* while it waits and has its key */
    struct neap_alloc *alloc; /* while STAGING or RUNNING */
    struct neap_shared_err *err;
    struct neap_strmap *labels;
    struct neap_data *data; /* NULL: not said */
    char *id;
    void *owner;
    int64_t since_ns;
    int64_t queued_ns; /* first submit */
    uint64_t seq;
    double rank, input_bytes;
    uint32_t refs;
    uint32_t avoid; /* number of the alloc it was just lost on; 0: none */
    int32_t priority, attempt, depth, ninputs;
    uint8_t state; /* enum neap_task_state */
    bool submitted;
    bool queued;  /* INIT and with the scheduler */
    bool started; /* the attempt was begun: `start` was called */
    bool killed;  /* its end was asked for; `err` says why */
};

/* The only function that writes the state: stamps the time, counts, reports. */
void neap_task_move(struct neap_task *task, enum neap_task_state next,
                    int64_t now_ns);
void neap_task_set_err(struct neap_task *task, const struct neap_err *err);
void neap_task_clear_err(struct neap_task *task);
/* Its name, or its id if it has none: for sentences. */
const char *neap_task_title(const struct neap_task *task);
/* End a task that is neither queued nor on an alloc, and drop the scheduler's
 * reference. `err` NULL: it ran. */
void neap_task_finish(struct neap_task *task, const struct neap_err *err,
                      int64_t now_ns);

/* ---- pools ---- */

struct neap_shape {
    struct neap_list link; /* in its pool's menu, or in sched->retired */
    struct neap_pool *pool;
    char *name;
    struct neap_res res;
    struct neap_strmap *facts;
    double price, startup_s, walltime_s;
    int max;
    int nallocs;      /* requested or live */
    int fails;        /* refusals in a row */
    int shrink;       /* so often was it refused that less is asked for */
    int grants;       /* since `shrink` changed */
    int64_t retry_ns; /* back-off until then; 0: none */
    int row;          /* in the view */
    bool elastic, unbounded;
    bool aside;   /* not asked for before the menu changes */
    bool retired; /* no longer on the menu */
};

struct neap_pool {
    struct neap_word *name;
    struct neap_list menu;
    int index;
};

struct neap_pool *neap_pool_find(const struct neap_sched *sched,
                                 const char *name);
/* May tasks of this demand ever go to nodes of this shape, as far as pool and
 * facts are concerned? */
bool neap_shape_suits(const struct neap_shape *shape,
                      const struct neap_demand *demand);
/* The same and large and lasting enough. */
bool neap_shape_holds(const struct neap_shape *shape,
                      const struct neap_demand *demand);
int neap_shape_quota(const struct neap_sched *sched,
                     const struct neap_shape *shape); /* -1: no limit */
void neap_shape_unref(struct neap_shape *shape);      /* an alloc less */
void neap_shape_granted(struct neap_sched *sched, struct neap_shape *shape);
void neap_shape_refused(struct neap_sched *sched, struct neap_shape *shape,
                        enum neap_kind kind, int64_t now_ns);
/* Is there a menu, and nothing on it that can hold it? */
bool neap_demand_impossible(struct neap_sched *sched,
                            struct neap_demand *demand);
/* Is nothing known yet about the pools it may use? */
bool neap_demand_unknown(const struct neap_sched *sched,
                         const struct neap_demand *demand);
/* Why it is impossible: "task 'call' needs 512 GiB of mem; the largest node of
 * any pool has 22.9 GiB (local)". */
void neap_demand_explain(const struct neap_sched *sched,
                         const struct neap_demand *demand, const char *title,
                         struct neap_err *ret);
/* Back-offs that are over: forget them. Earliest that is not, or NEAP_NEVER. */
int64_t neap_pool_next_retry(const struct neap_sched *sched);
void neap_pool_tick(struct neap_sched *sched, int64_t now_ns);
void neap_pool_sweep(struct neap_sched *sched); /* free retired shapes */
void neap_pool_deinit(struct neap_sched *sched);

/* ---- allocs ---- */

struct neap_alloc {
    struct neap_list link;  /* in sched->allocs by number, or in ->ended */
    struct neap_list idle;  /* in sched->idle while it can be released */
    struct neap_list tasks; /* on it */
    struct neap_sched *sched;
    struct neap_shape *shape;
    struct neap_res total, free;
    struct neap_holding holding;
    int64_t since_ns;
    int64_t born_ns; /* requested, then granted */
    int64_t idle_since_ns, life_end_ns;
    void *owner;
    uint32_t number;
    int width; /* of the request */
    int ntasks;
    int row;     /* in the view; -1: none */
    int open_at; /* place in sched->open; -1: not there */
    enum neap_alloc_state state;
    bool used;       /* it has had a task */
    bool touched;    /* its row is out of date */
    bool cancelling; /* the request is to be cancelled; told so once */
    bool releasing;  /* told to release, once */
    char id[16];
};

struct neap_alloc *neap_alloc_create(struct neap_sched *sched,
                                     struct neap_shape *shape,
                                     const struct neap_res *want,
                                     int64_t now_ns);
void neap_alloc_destroy(struct neap_alloc *alloc);
/* The only function that writes the state. An ended alloc is freed when the
 * outermost function of the scheduler leaves. */
void neap_alloc_move(struct neap_alloc *alloc, enum neap_alloc_state next,
                     int64_t now_ns);
void neap_alloc_put(struct neap_alloc *alloc, struct neap_task *task,
                    int64_t now_ns); /* must fit */
/* Take the task off; its references stay as they are. */
void neap_alloc_drop(struct neap_alloc *alloc, struct neap_task *task,
                     int64_t now_ns);
bool neap_alloc_granted(const struct neap_alloc *alloc); /* and not ended */
/* Room, state or queue changed: should it be in sched->open? */
void neap_alloc_check_open(struct neap_alloc *alloc);
/* The same when only `demand` is new in the queue. */
void neap_alloc_check_demand(struct neap_alloc *alloc,
                             const struct neap_demand *demand);
void neap_alloc_touch(struct neap_alloc *alloc);
/* DRAINING and empty: give it back. */
void neap_alloc_release_if_empty(struct neap_alloc *alloc);
void neap_alloc_cancel_request(struct neap_alloc *alloc);
/* All that have not ended, by number, then NULL; owned. The allocs are valid
 * until the outermost function leaves. */
struct neap_alloc **neap_all_allocs(const struct neap_sched *sched);

/* ---- queue ---- */

struct neap_class {
    struct neap_tree_node node; /* in sched->order */
    struct neap_list changed;   /* in sched->changed: look at it again */
    struct neap_list tasks;     /* by seq */
    struct neap_demand *demand; /* holds a reference */
    uint64_t hash;
    double key[NEAP_KEYS_MAX];
    int nkeys;
    bool by_seq; /* the last key is the seq of the first task */
    bool in_tree;
    bool stale;     /* count or first task are not those of its row */
    int row;        /* in the view, when it was last written; -1: never */
    uint32_t avoid; /* no task of it may go to this alloc */
    uint64_t data;  /* hash of what its tasks read; 0: of no matter */
    uint32_t count;
    uint32_t may_version; /* of `may`: of the view's rows */
    uint8_t *may; /* NULL: everywhere; rows of allocs, pending, shapes */
};

void neap_queue_init(struct neap_sched *sched);
void neap_queue_deinit(struct neap_sched *sched);
/* Append an INIT task; it gets its key in the next neap_queue_update. */
void neap_queue_add(struct neap_sched *sched, struct neap_task *task);
void neap_queue_remove(struct neap_sched *sched, struct neap_task *task);
/* Keys for the new ones, all keys again if that is due, classes in order. */
void neap_queue_update(struct neap_sched *sched);
struct neap_class *neap_queue_first(const struct neap_sched *sched);
struct neap_class *neap_queue_next(const struct neap_class *cls);
static inline struct neap_task *neap_class_head(const struct neap_class *cls)
{
    return neap_list_item(cls->tasks.next, struct neap_task, link);
}
/* Call `fn` for each waiting task; it may take the task out. */
typedef void (*neap_task_each_fn)(void *ctx, struct neap_task *task);
void neap_queue_each(struct neap_sched *sched, neap_task_each_fn fn, void *ctx);
void neap_key_view_fill(const struct neap_task *task,
                        struct neap_key_view *view);

/* ---- view ---- */

struct neap_view_store {
    struct neap_view view;
    struct neap_class_view *classes;
    struct neap_alloc_view *allocs, *pending;
    struct neap_shape_view *shapes;
    int32_t *open;
    int cap_classes, cap_allocs, cap_pending, cap_shapes, cap_open;
    int64_t refreshed_ns; /* all times of all rows */
    uint32_t version;     /* which rows there are, but for classes */
    int nlabels;          /* when the rows were filled */
    bool requestable;     /* some shape may be asked for */
};

void neap_amounts_from_res(const struct neap_res *res, int nlabels,
                           struct neap_amounts *out);
/* User's units back to parts; false: negative, not a number, too much. */
bool neap_amounts_to_res(const struct neap_amounts *amounts, int nlabels,
                         struct neap_res *ret);
const struct neap_view *neap_view_update(struct neap_sched *sched);
void neap_view_deinit(struct neap_view_store *store);

/* ---- judge ---- */

/* NULL: yes. Else what is wrong, for the log and for why. */
const char *neap_judge_place(const struct neap_sched *sched,
                             const struct neap_demand *demand, uint32_t avoid,
                             const struct neap_alloc *alloc);
/* The part that no end of a task can change. */
const char *neap_judge_suits(const struct neap_sched *sched,
                             const struct neap_demand *demand, uint32_t avoid,
                             const struct neap_alloc *alloc);
const char *neap_judge_request(const struct neap_sched *sched,
                               const struct neap_shape *shape,
                               const struct neap_res *want);

/* ---- round, hold ---- */

void neap_start(struct neap_sched *sched, struct neap_task *task,
                struct neap_alloc *alloc);
bool neap_pending_allowed(const struct neap_sched *sched);
/* Choose, keep, serve or drop the hold. May start a task: the queue is then to
 * be updated again. */
void neap_hold_update(struct neap_sched *sched);
void neap_hold_set(struct neap_sched *sched, struct neap_alloc *alloc,
                   struct neap_demand *demand); /* NULL, NULL: none */

/* ---- all of it ---- */

struct neap_sched {
    struct neap_sched_config config;
    struct neap_sched_ops ops;
    void *ctx;
    struct neap_labels *labels;
    uint32_t refs; /* the owner's and one for each task */
    int depth;     /* of enter */

    struct neap_map words, demand_map;
    struct neap_demand *recent[1 << NEAP_RECENT_BITS]; /* by first amounts */
    uint32_t kept_words;
    struct neap_slab task_slab;
    struct neap_shared_err *last_err;

    const struct neap_pack_policy **chain;
    int nchain;
    const struct neap_priority_policy *priority;

    struct neap_pool **pools;
    int npools;
    struct neap_list retired; /* shapes */
    uint32_t menu_version;
    bool quotas_changed;

    struct neap_list allocs, ended, idle;
    struct neap_alloc **open; /* room for something that waits */
    int nopen, cap_open;
    struct neap_alloc **touched;
    int ntouched, cap_touched;
    uint32_t last_alloc;
    int npending, nlive;
    bool rows_changed; /* an alloc came or went */

    struct neap_list demands; /* with tasks that wait */
    struct neap_res least;    /* no demand of these needs less of any label */
    struct neap_list fresh;   /* tasks without a key */
    struct neap_list changed; /* classes */
    struct neap_map class_map;
    struct neap_slab class_slab;
    struct neap_tree order;
    int nclasses;
    bool order_changed;
    bool demand_left; /* some demand has no task waiting any more */
    uint64_t last_seq;
    uint32_t queued;

    struct neap_view_store store;
    struct neap_plan plan;
    struct neap_alloc *hold; /* takes nothing but a task of hold_demand */
    struct neap_demand *hold_demand;
    int64_t hold_check_ns; /* look for a new one then */
    int requests_left;     /* in this round */

    int64_t begin_ns;        /* of the first event */
    int64_t now_ns, wall_ns; /* of the event at hand; of the last round */
    int64_t window_end_ns, rekey_ns, policy_wake_ns; /* NEAP_NEVER: none */
    uint64_t random;
    bool dirty, in_round, stopping, rekey_all;

    struct neap_sched_stats stats;
};

/* Begin the end of an attempt that is no longer on an alloc: queued again, or
 * DONE. `number`: of the alloc where it was. */
void neap_task_lose(struct neap_task *task, uint32_t number,
                    const struct neap_err *why, int64_t now_ns);

void neap_sched_enter(struct neap_sched *sched, int64_t now_ns);
void neap_sched_leave(struct neap_sched *sched);
void neap_sched_unref(struct neap_sched *sched);

/* Only the labels that exist: the rest is 0 everywhere. */
static inline bool neap_fits(const struct neap_sched *sched,
                             const struct neap_res *have,
                             const struct neap_res *need)
{
    int count = sched->labels->count;

    for (int i = 0; i < count; i++) {
        if (need->v[i] > have->v[i])
            return false;
    }
    return true;
}

#endif
