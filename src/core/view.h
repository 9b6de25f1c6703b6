/* What a packing policy sees in a round: read-only columns.
 *
 * This file is read twice: by the C compiler and, from the line "cdef begin"
 * to "cdef end", by LuaJIT's FFI. Amounts are doubles in users' units (cores,
 * bytes): exact up to 2^53. Valid during one call of the policy.
 */
#ifndef NEAP_CORE_VIEW_H
#define NEAP_CORE_VIEW_H

#include <stdint.h>

/* cdef begin */
struct neap_amounts {
    double cpu, mem, disk, gpu;
    double other[28]; /* label number - 4 */
};

/* A class: queued tasks that are alike in needs, constraints and key. Times
 * and statistics may be 10 ms old. */
struct neap_class_view {
    struct neap_amounts res;
    double key[8]; /* of the priority policy, low first */
    double age;    /* seconds since the oldest one was queued */
    double expect; /* seconds, 0: unknown */
    double dur_mean, dur_q50, dur_q95; /* seconds, of tasks of this name */
    double timeout;                    /* seconds, 0: none */
    double rank; /* longest chain of work behind it, seconds */
    double due;  /* Unix seconds, 0: none */
    double input_bytes;
    double seq;       /* submission number of the oldest one */
    double id_number; /* internal id of the oldest one */
    int32_t count;    /* how many wait */
    int32_t samples;  /* finished tasks of this name */
    int32_t priority, attempt, depth, ninputs, nkeys;
    int32_t index;                      /* its row */
    const char *id, *name, *user, *run; /* of the oldest one; borrowed */
    const void *labels; /* struct neap_strmap of the first one, or NULL */
    void *handle;       /* struct neap_class */
    /* A byte for each row: may it go there (pool, node facts, not where it was
     * just lost)? 0 is no. NULL: everywhere. Room is another matter. */
    const uint8_t *may_alloc, *may_pending, *may_shape;
};

enum neap_alloc_phase_view { NEAP_VIEW_LIVE = 0, NEAP_VIEW_PENDING = 1 };

struct neap_alloc_view {
    struct neap_amounts total;
    struct neap_amounts free; /* nothing while kept for a task that waits;
                                 pending: what is expected, with its width */
    double idle;              /* seconds without a task, 0 while it has some */
    double age;               /* seconds since it was granted or requested */
    double life_left;         /* seconds, infinity: no end known */
    double busy_until;        /* estimated, seconds from now */
    double price;             /* per hour, 0: unknown */
    double bandwidth;         /* bytes per second, 0: unknown */
    double eta;       /* pending: expected seconds until granted, 0: unknown */
    double id_number; /* 3 for "a3" */
    int32_t ntasks;
    int32_t phase; /* enum neap_alloc_phase_view */
    int32_t index;
    int32_t pool;               /* row of the menu's pool */
    int32_t width;              /* pending: so many more of `total` */
    const char *id, *pool_name; /* "a3", "local" */
    const void *labels;
    void *handle; /* struct neap_alloc */
};

struct neap_shape_view {
    struct neap_amounts res;
    double price, startup, walltime; /* per hour, seconds, seconds; 0 unknown */
    int32_t quota;     /* how many more may be requested; -1: no limit; 0 also
                      while it is in back-off */
    int32_t elastic;   /* 1: any size up to `res` may be asked for */
    int32_t unbounded; /* 1: and `res` only says "more than anything" */
    int32_t shrink;    /* ask for so many times less, as a power of two: more
                          was refused; of an unbounded shape */
    const char *name;  /* of the shape */
    const char *pool_name;
    void *handle; /* struct neap_shape */
};

struct neap_view {
    double now;      /* Unix seconds; virtual in simulations */
    double max_idle; /* seconds */
    int32_t nclasses, nallocs, npending, nshapes;
    int32_t nlabels, queue_len;
    int32_t max_pending; /* requests that may be outstanding; 0 while the
                            batching window is open */
    const struct neap_class_view *classes; /* the first 1024 in queue order */
    const struct neap_alloc_view *allocs;  /* live, by id */
    const struct neap_alloc_view *pending; /* requested, whole size */
    const struct neap_shape_view *shapes;  /* the menu */
    const char *const *labels;             /* names of the labels */
    /* Rows of the allocs that have room for something queued; the others need
     * not be looked at to assign. In no order. */
    const int32_t *open;
    int32_t nopen;
};

enum neap_line_kind {
    NEAP_LINE_ASSIGN = 1,  /* n tasks of class a to alloc b */
    NEAP_LINE_REQUEST = 2, /* n allocs of shape a (res if elastic) */
    NEAP_LINE_CANCEL = 3,  /* pending request b */
    NEAP_LINE_RELEASE = 4, /* live alloc b */
    NEAP_LINE_WAKE = 5     /* another round at `at` */
};

struct neap_plan_line {
    int32_t kind;  /* enum neap_line_kind */
    int32_t a;     /* row of a class or shape */
    int32_t b;     /* row of an alloc or a pending request */
    int32_t n;     /* how many */
    int32_t width; /* REQUEST of an elastic shape: could use so many more */
    struct neap_amounts res; /* REQUEST of an elastic shape */
    double at;               /* WAKE: Unix seconds; REQUEST: walltime, 0 none */
};

/* Filled by the policy; the memory is the caller's. */
struct neap_plan {
    struct neap_plan_line *line;
    int32_t count, cap;
};
/* cdef end */

/* Bytes that the first task of a class reads and an alloc (or a request: none)
 * already has. For whom nobody has said what it reads: all of its input, as on
 * one machine. */
double neap_view_local_bytes(const struct neap_class_view *task,
                             const struct neap_alloc_view *alloc);

#endif
