/* The field `retry` of a SPEC. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sched/reader.h"
#include "sched/spec_parts.h"

#define FACTOR_MAX 1000.0

struct retry_draft {
    struct neap_spec_parts *parts;
    struct neap_retry_spec retry;
};

static const struct {
    const char *name;
    unsigned bit;
} causes[] = {
    { "exit", NEAP_RETRY_EXIT },       { "oom", NEAP_RETRY_OOM },
    { "timeout", NEAP_RETRY_TIMEOUT }, { "signal", NEAP_RETRY_SIGNAL },
    { "output", NEAP_RETRY_OUTPUT },
};

static int retry_max(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;
    int64_t max = 0;
    int rc = neap_read_int(json, "retry.max", 0, 1000, &max, err);

    draft->retry.max = (int)max;
    return rc;
}

/* A name of the table above, or "exit:N" into `ret_exit`. */
static int read_cause(const char *text, unsigned *bits, int *ret_exit,
                      struct neap_err *err)
{
    char *end;
    long code;

    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        if (strcmp(text, causes[i].name) == 0) {
            *bits |= causes[i].bit;
            return 0;
        }
    }
    if (strncmp(text, "exit:", 5) == 0 && text[5] != '\0') {
        code = strtol(text + 5, &end, 10);
        if (*end == '\0' && code >= 1 && code <= 255) {
            *ret_exit = (int)code;
            return 1;
        }
    }
    return neap_err_set(err, NEAP_EINVAL,
                        "'retry.on' knows exit, exit:1 to "
                        "exit:255, oom, timeout, signal and output, not "
                        "'%.40s'",
                        text);
}

static int retry_on(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;
    const char *const *names;
    int exits[256], count, rc;

    draft->retry.on = 0;
    rc = neap_read_strs(json, "retry.on", 256, draft->parts->keep, &names,
                        &count, err);
    if (rc < 0)
        return rc;
    draft->retry.nexits = 0;
    for (int i = 0; i < count; i++) {
        rc = read_cause(names[i], &draft->retry.on, &exits[draft->retry.nexits],
                        err);
        if (rc < 0)
            return rc;
        draft->retry.nexits += rc;
    }
    draft->retry.exits =
        neap_keep_bytes(draft->parts->keep, exits,
                        (size_t)draft->retry.nexits * sizeof *exits);
    return 0;
}

static int retry_delay(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;

    return neap_read_num(json, "retry.delay", 0, 1e9, &draft->retry.delay_s,
                         err);
}

static int retry_factor(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;

    return neap_read_num(json, "retry.factor", 1, FACTOR_MAX,
                         &draft->retry.factor, err);
}

static int retry_max_delay(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;

    return neap_read_num(json, "retry.max_delay", 0, 1e9,
                         &draft->retry.max_delay_s, err);
}

static int retry_jitter(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;

    return neap_read_num(json, "retry.jitter", 0, 1, &draft->retry.jitter, err);
}

static int retry_grow(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;
    struct neap_grow grow[NEAP_LABELS_MAX];
    const char *label;
    json_t *value;
    int n = 0;

    if (!json_is_object(json))
        return neap_read_type_error(json, "retry.grow", "an object of factors",
                                    err);
    memset(grow, 0, sizeof grow);
    json_object_foreach((json_t *)json, label, value)
    {
        double factor;
        int id, rc = neap_read_num(value, "retry.grow", 1, FACTOR_MAX, &factor,
                                   err);

        if (rc < 0)
            return rc;
        if (strcmp(label, "timeout") == 0) {
            draft->retry.grow_timeout = factor;
            continue;
        }
        id = neap_labels_intern(draft->parts->labels, label, err);
        if (id < 0)
            return id;
        grow[n].label = id;
        grow[n++].factor = factor;
    }
    draft->retry.grow =
        neap_keep_bytes(draft->parts->keep, grow, (size_t)n * sizeof *grow);
    draft->retry.ngrow = n;
    return 0;
}

static int retry_limit(void *ctx, const json_t *json, struct neap_err *err)
{
    struct retry_draft *draft = ctx;

    return neap_spec_read_res(draft->parts, json, "retry.limit",
                              &draft->retry.limit, err);
}

int neap_spec_read_retry(struct neap_spec_parts *parts, const json_t *json,
                         const struct neap_retry_spec **ret,
                         struct neap_err *err)
{
    static const struct neap_read_field fields[] = {
        { "max", true, retry_max },
        { "on", false, retry_on },
        { "delay", false, retry_delay },
        { "factor", false, retry_factor },
        { "max_delay", false, retry_max_delay },
        { "jitter", false, retry_jitter },
        { "grow", false, retry_grow },
        { "limit", false, retry_limit },
    };
    struct retry_draft draft;
    int rc;

    memset(&draft, 0, sizeof draft);
    draft.parts = parts;
    draft.retry.on = NEAP_RETRY_EXIT | NEAP_RETRY_OOM | NEAP_RETRY_TIMEOUT |
                     NEAP_RETRY_SIGNAL | NEAP_RETRY_OUTPUT;
    draft.retry.delay_s = 1;
    draft.retry.factor = 2;
    draft.retry.max_delay_s = 300;
    draft.retry.jitter = 0.1;
    rc = neap_read_object(json, "retry", fields, 8, &draft, NULL, err);
    if (rc == 0)
        *ret = neap_keep_bytes(parts->keep, &draft.retry, sizeof draft.retry);
    return rc;
}
