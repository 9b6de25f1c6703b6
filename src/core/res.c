/* Amounts are whole numbers of a label's smallest part. No amount exceeds
 * 2^53 parts: exact as a double, and a thousand of them add up in 64 bits. */
#include "core/res.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAME_MAX_BYTES 128
#define AMOUNT_MAX     (INT64_C(1) << 53)
#define GIB            (INT64_C(1) << 30)

static const char *const fixed_name[NEAP_LABELS_FIXED] = { "cpu", "mem", "disk",
                                                           "gpu" };

void neap_labels_init(struct neap_labels *labels)
{
    memset(labels, 0, sizeof(*labels));
    for (int i = 0; i < NEAP_LABELS_FIXED; i++)
        labels->name[i] = neap_strdup(fixed_name[i]);
    labels->count = NEAP_LABELS_FIXED;
}

void neap_labels_deinit(struct neap_labels *labels)
{
    for (int i = 0; i < labels->count; i++)
        neap_free(labels->name[i]);
    memset(labels, 0, sizeof(*labels));
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(const char *name)
{
    size_t n = strnlen(name, NAME_MAX_BYTES + 1);

    if (n == 0 || n > NAME_MAX_BYTES || !is_letter(name[0]))
        return false;
    for (size_t i = 1; i < n; i++) {
        char c = name[i];

        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '.' && c != '-')
            return false;
    }
    return true;
}

int neap_labels_find(const struct neap_labels *labels, const char *name)
{
    for (int i = 0; i < labels->count; i++) {
        if (strcmp(labels->name[i], name) == 0)
            return i;
    }
    return -1;
}

int neap_labels_intern(struct neap_labels *labels, const char *name,
                       struct neap_err *err)
{
    int id = neap_labels_find(labels, name);

    if (id >= 0)
        return id;
    if (!is_name(name))
        return neap_err_set(err, NEAP_EINVAL,
                            "'%.*s' is no name of a resource: letters, "
                            "digits, '_', '.' and '-', at most %d bytes, "
                            "not beginning with a digit",
                            NAME_MAX_BYTES, name, NAME_MAX_BYTES);
    if (labels->count == NEAP_LABELS_MAX)
        return neap_err_set(err, NEAP_EEXHAUSTED,
                            "resource '%s' is one too many: %d are known and "
                            "no more can be",
                            name, NEAP_LABELS_MAX);
    id = labels->count++;
    labels->name[id] = neap_strdup(name);
    return id;
}

int64_t neap_label_scale(int id)
{
    return id == NEAP_MEM || id == NEAP_DISK ? 1 : 1000;
}

bool neap_res_fits(const struct neap_res *have, const struct neap_res *need)
{
    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        if (need->v[i] > have->v[i])
            return false;
    }
    return true;
}

void neap_res_add(struct neap_res *a, const struct neap_res *b)
{
    for (int i = 0; i < NEAP_LABELS_MAX; i++)
        a->v[i] += b->v[i];
}

void neap_res_sub(struct neap_res *a, const struct neap_res *b)
{
    for (int i = 0; i < NEAP_LABELS_MAX; i++)
        a->v[i] -= b->v[i];
}

void neap_res_fill(struct neap_res *res)
{
    for (int i = 0; i < NEAP_LABELS_MAX; i++)
        res->v[i] = AMOUNT_MAX;
}

void neap_res_max(struct neap_res *a, const struct neap_res *b)
{
    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        if (b->v[i] > a->v[i])
            a->v[i] = b->v[i];
    }
}

void neap_res_min(struct neap_res *a, const struct neap_res *b)
{
    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        if (b->v[i] < a->v[i])
            a->v[i] = b->v[i];
    }
}

bool neap_res_equal(const struct neap_res *a, const struct neap_res *b)
{
    return memcmp(a->v, b->v, sizeof(a->v)) == 0;
}

bool neap_res_zero(const struct neap_res *a)
{
    static const struct neap_res zero;

    return neap_res_equal(a, &zero);
}

int64_t neap_res_times(const struct neap_res *have, const struct neap_res *need,
                       int64_t limit)
{
    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        int64_t times;

        if (need->v[i] <= 0)
            continue;
        times = have->v[i] > 0 ? have->v[i] / need->v[i] : 0;
        if (times < limit)
            limit = times;
    }
    return limit;
}

/* Nearest number of parts; false if there is none in range. */
static bool to_parts(double amount, int64_t *ret)
{
    if (!(amount >= 0) || amount > (double)AMOUNT_MAX)
        return false; /* the first also holds for NaN */
    *ret = (int64_t)llround(amount);
    return true;
}

int neap_res_scale(struct neap_res *a, double k, struct neap_err *err)
{
    struct neap_res scaled;

    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        double amount = a->v[i] != 0 ? (double)a->v[i] * k : 0;

        if (!(k >= 0) || !to_parts(amount, &scaled.v[i]))
            return neap_err_set(err, NEAP_EINVAL,
                                "resources cannot be multiplied by %g", k);
    }
    *a = scaled;
    return 0;
}

double neap_res_distance(const struct neap_res *a, const struct neap_res *b)
{
    double mem = (double)llabs(a->v[NEAP_MEM] - b->v[NEAP_MEM]);
    double cpu = (double)llabs(a->v[NEAP_CPU] - b->v[NEAP_CPU]);

    return mem / (double)(8 * GIB) + cpu / 1000;
}

double neap_res_dominant(const struct neap_res *a, const struct neap_res *total)
{
    double share = 0;

    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        if (a->v[i] <= 0)
            continue;
        if (total->v[i] <= 0)
            return INFINITY;
        share = fmax(share, (double)a->v[i] / (double)total->v[i]);
    }
    return share;
}

static const char *const size_unit[] = { "B",   "KiB", "MiB", "GiB",
                                         "TiB", "PiB", "EiB" };

static void format_exact(int label, int64_t amount, struct neap_buf *out)
{
    int unit = 0;

    if (neap_label_scale(label) != 1) {
        neap_buf_printf(out, "%.15g", (double)amount / 1000);
        return;
    }
    while (amount != 0 && amount % 1024 == 0 && unit < 6) {
        amount /= 1024;
        unit++;
    }
    neap_buf_printf(out, "%lld%s", (long long)amount, size_unit[unit]);
}

void neap_res_format_amount(int label, int64_t amount, struct neap_buf *out)
{
    double value = (double)amount;
    int unit = 0;

    if (neap_label_scale(label) != 1) {
        neap_buf_printf(out, "%.15g", value / 1000);
        return;
    }
    while (fabs(value) >= 1024 && unit < 6) {
        value /= 1024;
        unit++;
    }
    neap_buf_printf(out, value == floor(value) ? "%.0f %s" : "%.1f %s", value,
                    size_unit[unit]);
}

static void format_label(const struct neap_labels *labels,
                         const struct neap_res *res, int label,
                         struct neap_buf *out)
{
    char last = out->len > 0 ? out->data[out->len - 1] : '{';

    if (last != '{')
        neap_buf_putc(out, ' ');
    neap_buf_printf(out, "%s:", labels->name[label]);
    format_exact(label, res->v[label], out);
}

/* The label after `previous` (-1: the first) by name, of those from gpu on. */
static int next_by_name(const struct neap_labels *labels, int previous)
{
    int best = -1;

    for (int i = NEAP_GPU; i < labels->count; i++) {
        if (previous >= 0 &&
            strcmp(labels->name[i], labels->name[previous]) <= 0)
            continue;
        if (best < 0 || strcmp(labels->name[i], labels->name[best]) < 0)
            best = i;
    }
    return best;
}

void neap_res_format(const struct neap_labels *labels,
                     const struct neap_res *res, struct neap_buf *out)
{
    neap_buf_putc(out, '{');
    if (res->v[NEAP_CPU] != 0 || res->v[NEAP_MEM] != 0 ||
        res->v[NEAP_DISK] != 0) {
        format_label(labels, res, NEAP_MEM, out);
        format_label(labels, res, NEAP_CPU, out);
        format_label(labels, res, NEAP_DISK, out);
    }
    for (int i = next_by_name(labels, -1); i >= 0;
         i = next_by_name(labels, i)) {
        if (res->v[i] != 0)
            format_label(labels, res, i, out);
    }
    neap_buf_putc(out, '}');
}

int neap_res_set(struct neap_res *res, int label, double amount,
                 struct neap_err *err)
{
    int64_t parts;

    assert(label >= 0 && label < NEAP_LABELS_MAX);
    if (!to_parts(amount * (double)neap_label_scale(label), &parts))
        return neap_err_set(err, NEAP_EINVAL,
                            "an amount of %g is out of range: 0 to %g", amount,
                            (double)(AMOUNT_MAX / neap_label_scale(label)));
    res->v[label] = parts;
    return 0;
}

double neap_res_get(const struct neap_res *res, int label)
{
    return (double)res->v[label] / (double)neap_label_scale(label);
}
