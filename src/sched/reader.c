#include "sched/reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *neap_read_type(const json_t *json)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",
        [JSON_STRING] = "a string",  [JSON_INTEGER] = "an integer",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };

    return json == NULL ? "nothing" : names[json_typeof(json)];
}

int neap_read_type_error(const json_t *json, const char *what, const char *want,
                         struct neap_err *err)
{
    return neap_err_set(err, NEAP_EINVAL, "'%s' must be %s, not %s", what, want,
                        neap_read_type(json));
}

int neap_read_str(const json_t *json, const char *what, const char **ret,
                  struct neap_err *err)
{
    if (!json_is_string(json))
        return neap_read_type_error(json, what, "a string", err);
    *ret = json_string_value(json);
    return 0;
}

int neap_read_int(const json_t *json, const char *what, int64_t min,
                  int64_t max, int64_t *ret, struct neap_err *err)
{
    int64_t value;

    if (json_is_real(json) &&
        json_real_value(json) == (double)(int64_t)json_real_value(json))
        value = (int64_t)json_real_value(json);
    else if (json_is_integer(json))
        value = json_integer_value(json);
    else
        return neap_read_type_error(json, what, "an integer", err);
    if (value < min || value > max)
        return neap_err_set(err, NEAP_EINVAL,
                            "'%s' is %lld; it must be from %lld to %lld", what,
                            (long long)value, (long long)min, (long long)max);
    *ret = value;
    return 0;
}

int neap_read_big(const json_t *json, const char *what, int64_t *ret,
                  struct neap_err *err)
{
    const char *text = json_string_value(json);
    char *end;
    long long value;

    if (text == NULL)
        return neap_read_int(json, what, INT64_MIN, INT64_MAX, ret, err);
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return neap_err_set(err, NEAP_EINVAL, "'%s' is no integer: '%.40s'",
                            what, text);
    *ret = value;
    return 0;
}

int neap_read_num(const json_t *json, const char *what, double min, double max,
                  double *ret, struct neap_err *err)
{
    double value;

    if (!json_is_number(json))
        return neap_read_type_error(json, what, "a number", err);
    value = json_number_value(json);
    if (!(value >= min && value <= max))
        return neap_err_set(err, NEAP_EINVAL,
                            "'%s' is %g; it must be from %g to %g", what, value,
                            min, max);
    *ret = value;
    return 0;
}

int neap_read_bool(const json_t *json, const char *what, bool *ret,
                   struct neap_err *err)
{
    if (!json_is_boolean(json))
        return neap_read_type_error(json, what, "true or false", err);
    *ret = json_is_true(json);
    return 0;
}

int neap_read_strs(const json_t *json, const char *what, size_t max,
                   struct neap_keep *keep, const char *const **ret,
                   int *ret_count, struct neap_err *err)
{
    size_t count = json_array_size(json);
    const char **list;
    int rc = 0;

    if (!json_is_array(json))
        return neap_read_type_error(json, what, "a list of strings", err);
    if (count > max)
        return neap_err_set(err, NEAP_EINVAL,
                            "'%s' has %zu entries; at most %zu are allowed",
                            what, count, max);
    list = neap_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = neap_read_str(json_array_get(json, i), what, &list[i], err);
        if (rc == 0)
            list[i] = neap_keep_string(keep, list[i]);
    }
    if (rc == 0) {
        *ret = neap_keep_bytes(keep, list, count * sizeof *list);
        *ret_count = (int)count;
    }
    neap_free(list);
    return rc;
}

static int find(const struct neap_read_field *fields, int count,
                const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return i;
    }
    return -1;
}

int neap_read_object(const json_t *json, const char *what,
                     const struct neap_read_field *fields, int count, void *ctx,
                     const char **field, struct neap_err *err)
{
    const char *name;
    json_t *value;
    uint64_t seen = 0;

    assert(count <= 64);
    if (field != NULL)
        *field = NULL;
    if (!json_is_object(json))
        return neap_read_type_error(json, what, "an object", err);
    json_object_foreach((json_t *)json, name, value)
    {
        int i = find(fields, count, name), rc;

        if (field != NULL)
            *field = i < 0 ? name : fields[i].name;
        if (i < 0)
            return neap_err_set(err, NEAP_EINVAL, "unknown field '%.64s' in %s",
                                name, what);
        rc = fields[i].read(ctx, value, err);
        if (rc < 0)
            return rc;
        seen |= UINT64_C(1) << i;
    }
    for (int i = 0; i < count; i++) {
        if (!fields[i].required || (seen & (UINT64_C(1) << i)) != 0)
            continue;
        if (field != NULL)
            *field = fields[i].name;
        return neap_err_set(err, NEAP_EINVAL, "'%s' is missing in %s",
                            fields[i].name, what);
    }
    return 0;
}
