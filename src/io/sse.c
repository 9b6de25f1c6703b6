/* Complete lines are parsed where they lie; only the rest of a piece is
 * copied, so that a burst of events costs one copy of its data. */
#include "io/sse.h"

#include <string.h>

void neap_sse_init(struct neap_sse *sse, size_t limit)
{
    memset(sse, 0, sizeof(*sse));
    neap_buf_init(&sse->line);
    neap_buf_init(&sse->data);
    sse->limit = limit;
}

void neap_sse_deinit(struct neap_sse *sse)
{
    neap_buf_deinit(&sse->line);
    neap_buf_deinit(&sse->data);
}

static int too_big(const struct neap_sse *sse, struct neap_err *err)
{
    return neap_err_set(err, NEAP_EEXHAUSTED,
                        "an event of the stream has more than %zu bytes",
                        sse->limit);
}

static int add_data(struct neap_sse *sse, const char *value, size_t len,
                    struct neap_err *err)
{
    if (sse->data.len + len + 1 > sse->limit)
        return too_big(sse, err);
    if (sse->has_data)
        neap_buf_putc(&sse->data, '\n');
    neap_buf_append(&sse->data, value, len);
    sse->has_data = true;
    return 0;
}

static int set_id(struct neap_sse *sse, const char *value, size_t len,
                  struct neap_err *err)
{
    if (len >= sizeof(sse->id))
        return neap_err_set(err, NEAP_EINVAL,
                            "an event of the stream has an id of %zu bytes; "
                            "at most %zu are allowed",
                            len, sizeof(sse->id) - 1);
    if (memchr(value, '\0', len))
        return 0; /* the standard says: ignore the field */
    memcpy(sse->id, value, len);
    sse->id[len] = '\0';
    return 0;
}

static void dispatch(struct neap_sse *sse, neap_sse_fn fn, void *ctx)
{
    if (!sse->has_data)
        return;
    fn(ctx, sse->data.data ? sse->data.data : "", sse->data.len, sse->id);
    neap_buf_clear(&sse->data);
    sse->has_data = false;
}

static bool is_field(const char *line, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(line, name, len) == 0;
}

static int take_line(struct neap_sse *sse, const char *line, size_t len,
                     neap_sse_fn fn, void *ctx, struct neap_err *err)
{
    const char *colon, *value = "";
    size_t name_len, value_len = 0;

    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0) {
        dispatch(sse, fn, ctx);
        return 0;
    }
    colon = memchr(line, ':', len);
    name_len = colon ? (size_t)(colon - line) : len;
    if (colon) {
        value = colon + 1;
        value_len = len - name_len - 1;
        if (value_len > 0 && *value == ' ') {
            value++;
            value_len--;
        }
    }
    if (is_field(line, name_len, "data"))
        return add_data(sse, value, value_len, err);
    if (is_field(line, name_len, "id"))
        return set_id(sse, value, value_len, err);
    return 0;
}

int neap_sse_feed(struct neap_sse *sse, const char *bytes, size_t len,
                  neap_sse_fn fn, void *ctx, struct neap_err *err)
{
    const char *end = bytes + len;
    int rc = 0;

    while (bytes < end && rc == 0) {
        const char *lf = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t n = (size_t)((lf ? lf : end) - bytes);

        if (sse->line.len + n > sse->limit)
            return too_big(sse, err);
        if (!lf || sse->line.len > 0)
            neap_buf_append(&sse->line, bytes, n);
        if (!lf)
            return 0;
        if (sse->line.len > 0)
            rc = take_line(sse, sse->line.data, sse->line.len, fn, ctx, err);
        else
            rc = take_line(sse, bytes, n, fn, ctx, err);
        neap_buf_clear(&sse->line);
        bytes = lf + 1;
    }
    return rc;
}
