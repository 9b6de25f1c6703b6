/* Resources in fixed point: what a task needs, what an alloc has.
 *
 * A label is a name such as "cpu", interned to a small number. Amounts are
 * integers: cpu and gpu in 1/1000, everything else in whole units (bytes for
 * mem and disk). A missing label counts as 0. There is no float drift and
 * "free" never goes negative unless a caller subtracts too much.
 */
#ifndef NEAP_CORE_RES_H
#define NEAP_CORE_RES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    NEAP_CPU,  /* 1/1000 cores */
    NEAP_MEM,  /* bytes */
    NEAP_DISK, /* bytes */
    NEAP_GPU,  /* 1/1000 */
    NEAP_LABELS_FIXED,
    NEAP_LABELS_MAX = 32
};

/* The labels of one scheduler. Numbers are never reused. */
struct neap_labels {
    char *name[NEAP_LABELS_MAX];
    int count;
};

void neap_labels_init(struct neap_labels *labels); /* knows the fixed four */
void neap_labels_deinit(struct neap_labels *labels);
/* Number of `name`, interning it; NEAP_EINVAL (bad name: not
 * [A-Za-z_][A-Za-z0-9_.-]*, over 128 bytes), NEAP_EEXHAUSTED (32 labels). */
int neap_labels_intern(struct neap_labels *labels, const char *name,
                       struct neap_err *err);
int neap_labels_find(const struct neap_labels *labels, const char *name);
/* How many of label `id` make a user's unit: 1000 for cpu and gpu, 1 else.
 * Labels that people add are kept in 1/1000 too. */
int64_t neap_label_scale(int id);

struct neap_res {
    int64_t v[NEAP_LABELS_MAX];
};

bool neap_res_fits(const struct neap_res *have, const struct neap_res *need);
void neap_res_add(struct neap_res *a, const struct neap_res *b);
void neap_res_sub(struct neap_res *a, const struct neap_res *b);
/* As much of every label, known or not, as may be. */
void neap_res_fill(struct neap_res *res);
void neap_res_max(struct neap_res *a, const struct neap_res *b);
void neap_res_min(struct neap_res *a, const struct neap_res *b);
bool neap_res_equal(const struct neap_res *a, const struct neap_res *b);
bool neap_res_zero(const struct neap_res *a);
/* How many times `need` fits into `have`, at most `limit`. */
int64_t neap_res_times(const struct neap_res *have, const struct neap_res *need,
                       int64_t limit);
/* a · k; NEAP_EINVAL if it overflows or is negative (`a` is then unchanged).
 * No amount may exceed 2^53 parts, here and in neap_res_set. */
int neap_res_scale(struct neap_res *a, double k, struct neap_err *err);
/* mem/8 GiB + cpu, absolute difference (Reflow's magnitude), in cores. */
double neap_res_distance(const struct neap_res *a, const struct neap_res *b);
/* Largest a[k]/total[k]; infinity where total has none. */
double neap_res_dominant(const struct neap_res *a,
                         const struct neap_res *total);
/* "{mem:8GiB cpu:4 disk:0B gpu:1}"; sizes exact: the largest binary unit that
 * divides, else bytes. */
void neap_res_format(const struct neap_labels *labels,
                     const struct neap_res *res, struct neap_buf *out);
/* One amount as a person says it: "22.9 GiB", "1.5" (of the label's unit). */
void neap_res_format_amount(int label, int64_t amount, struct neap_buf *out);
/* From a user's unit; NEAP_EINVAL for negative, NaN, infinite, overflow. */
int neap_res_set(struct neap_res *res, int label, double amount,
                 struct neap_err *err);
double neap_res_get(const struct neap_res *res, int label);

#endif
