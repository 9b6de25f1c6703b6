#include "sched/late.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    double size;
} units[] = {
    { "KiB", 1024.0 },       { "MiB", 1048576.0 },
    { "GiB", 1073741824.0 }, { "TiB", 1099511627776.0 },
    { "kB", 1e3 },           { "MB", 1e6 },
    { "GB", 1e9 },
};

/* What one placeholder asks for. */
struct ask {
    int label;   /* -1: the attempt */
    double unit; /* 0: as it is */
};

static int parse(const char *name, size_t len, const struct neap_labels *labels,
                 struct ask *ret, struct neap_err *err)
{
    char text[192];
    char *unit;

    if (len >= sizeof text)
        return neap_err_set(err, NEAP_EINVAL,
                            "a placeholder of %zu bytes is too long", len);
    memcpy(text, name, len);
    text[len] = '\0';
    *ret = (struct ask){ -1, 0 };
    if (strcmp(text, "task.attempt") == 0)
        return 0;
    unit = strchr(text, ':');
    if (unit != NULL) {
        *unit++ = '\0';
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
            if (strcmp(unit, units[i].name) == 0)
                ret->unit = units[i].size;
        }
        if (ret->unit == 0)
            return neap_err_set(err, NEAP_EINVAL,
                                "placeholder '%s': unknown unit '%s' (one of "
                                "KiB MiB GiB TiB kB MB GB)",
                                text, unit);
    }
    if (strncmp(text, "res.", 4) == 0)
        ret->label = neap_labels_find(labels, text + 4);
    if (ret->label < 0)
        return neap_err_set(err, NEAP_EINVAL, "unknown placeholder '%s'", text);
    return 0;
}

bool neap_late_has(const char *text)
{
    return strchr(text, NEAP_LATE) != NULL;
}

int neap_late_check(const char *text, const struct neap_labels *labels,
                    struct neap_err *err)
{
    const char *at = text;

    while ((at = strchr(at, NEAP_LATE)) != NULL) {
        const char *end = strchr(at + 1, NEAP_LATE);
        struct ask ask;
        int rc;

        if (end == NULL)
            return neap_err_set(err, NEAP_EINVAL,
                                "a placeholder is not closed (byte %d)",
                                (int)(at - text));
        rc = parse(at + 1, (size_t)(end - at - 1), labels, &ask, err);
        if (rc < 0)
            return rc;
        at = end + 1;
    }
    return 0;
}

static void render_one(const struct neap_late *late, const struct ask *ask,
                       struct neap_buf *out)
{
    double value;

    if (ask->label < 0) {
        neap_buf_printf(out, "%d", late->attempt);
        return;
    }
    value = neap_res_get(late->need, ask->label);
    if (ask->unit > 0)
        value = floor(value / ask->unit); /* whole units, never too much */
    neap_buf_printf(out, "%.15g", value);
}

void neap_late_render(const struct neap_late *late, const char *text,
                      struct neap_buf *out)
{
    const char *at;

    while ((at = strchr(text, NEAP_LATE)) != NULL) {
        const char *end = strchr(at + 1, NEAP_LATE);
        struct ask ask;
        int rc;

        assert(end != NULL);
        rc = parse(at + 1, (size_t)(end - at - 1), late->labels, &ask, NULL);
        assert(rc == 0);
        (void)rc;
        neap_buf_append(out, text, (size_t)(at - text));
        render_one(late, &ask, out);
        text = end + 1;
    }
    neap_buf_puts(out, text);
}
