#include "sched/spec_parts.h"

#include <string.h>

#include "base/mem.h"
#include "sched/reader.h"

int neap_spec_read_res(struct neap_spec_parts *parts, const json_t *json,
                       const char *what, const struct neap_res **ret,
                       struct neap_err *err)
{
    struct neap_res need;
    const char *label;
    json_t *value;

    if (!json_is_object(json))
        return neap_read_type_error(json, what, "an object of amounts", err);
    memset(&need, 0, sizeof need);
    json_object_foreach((json_t *)json, label, value)
    {
        int id = neap_labels_intern(parts->labels, label, err), rc;

        if (id < 0)
            return id;
        if (!json_is_number(value))
            return neap_err_set(err, NEAP_EINVAL,
                                "'%s.%s' must be a number, not %s", what, label,
                                neap_read_type(value));
        rc = neap_res_set(&need, id, json_number_value(value), err);
        if (rc < 0) {
            neap_err_prefix(err, "'%s.%s'", what, label);
            return rc;
        }
    }
    *ret = neap_keep_bytes(parts->keep, &need, sizeof need);
    return 0;
}

/* One string to string pair of labels or env. */
static int check_pair(const char *what, const char *key, const json_t *value,
                      size_t *total, struct neap_err *err)
{
    if (*key == '\0')
        return neap_err_set(err, NEAP_EINVAL, "'%s' has an empty name", what);
    if (!json_is_string(value))
        return neap_err_set(err, NEAP_EINVAL,
                            "'%s.%.64s' must be a string, not %s", what, key,
                            neap_read_type(value));
    *total += strlen(key) + json_string_length(value) + 2;
    if (*total > NEAP_SPEC_CMD_MAX)
        return neap_err_set(err, NEAP_EINVAL, "'%s' has more than %d bytes",
                            what, NEAP_SPEC_CMD_MAX);
    return 0;
}

int neap_spec_parse_labels(const json_t *json, struct neap_keep *keep,
                           const struct neap_strmap **ret, struct neap_err *err)
{
    struct neap_strmap *sorted, map = { 0 };
    struct neap_strpair *pairs;
    const char *key;
    json_t *value;
    size_t total = 0;
    int rc = 0;

    if (!json_is_object(json))
        return neap_read_type_error(json, "labels", "an object of strings",
                                    err);
    sorted = neap_strmap_create();
    json_object_foreach((json_t *)json, key, value)
    {
        rc = check_pair("labels", key, value, &total, err);
        if (rc < 0)
            break;
        neap_strmap_set(sorted, key, json_string_value(value));
    }
    if (rc == 0 && sorted->count > 0) {
        pairs = neap_calloc((size_t)sorted->count, sizeof *pairs);
        for (int i = 0; i < sorted->count; i++) {
            pairs[i].key = (char *)neap_keep_string(keep, sorted->pair[i].key);
            pairs[i].value =
                (char *)neap_keep_string(keep, sorted->pair[i].value);
        }
        map.count = sorted->count;
        map.pair = (struct neap_strpair *)neap_keep_bytes(keep, pairs,
                                                          (size_t)map.count *
                                                              sizeof *pairs);
        neap_free(pairs);
        *ret = neap_keep_bytes(keep, &map, sizeof map);
    } else if (rc == 0) {
        *ret = NULL;
    }
    neap_strmap_destroy(sorted);
    return rc;
}

int neap_spec_read_env(struct neap_spec_parts *parts, const json_t *json,
                       const char *const **ret, int *ret_count,
                       struct neap_err *err)
{
    struct neap_buf text = NEAP_BUF_INIT;
    const char **list;
    const char *key;
    json_t *value;
    size_t total = 0;
    int n = 0, rc = 0;

    if (!json_is_object(json))
        return neap_read_type_error(json, "env", "an object of strings", err);
    list = neap_calloc(json_object_size(json) + 1, sizeof *list);
    json_object_foreach((json_t *)json, key, value)
    {
        rc = check_pair("env", key, value, &total, err);
        if (rc == 0 && strchr(key, '=') != NULL)
            rc = neap_err_set(err, NEAP_EINVAL,
                              "the variable '%.64s' of 'env' holds a '='", key);
        if (rc < 0)
            break;
        neap_buf_clear(&text);
        neap_buf_printf(&text, "%s=%s", key, json_string_value(value));
        list[n++] = neap_keep_string(parts->keep, text.data);
    }
    if (rc == 0) {
        *ret = neap_keep_bytes(parts->keep, list, (size_t)n * sizeof *list);
        *ret_count = n;
    }
    neap_buf_deinit(&text);
    neap_free(list);
    return rc;
}

static int read_term(struct neap_spec_parts *parts, const char *key,
                     const json_t *value, struct neap_where *term,
                     struct neap_err *err)
{
    const char *text;
    int rc;

    term->key = neap_keep_string(parts->keep, key);
    if (json_is_string(value)) {
        text = neap_keep_string(parts->keep, json_string_value(value));
        term->value = neap_keep_bytes(parts->keep, &text, sizeof text);
        term->nvalue = 1;
        return 0;
    }
    rc = neap_read_strs(value, "where", 1000, parts->keep, &term->value,
                        &term->nvalue, err);
    if (rc == 0 && term->nvalue == 0)
        rc =
            neap_err_set(err, NEAP_EINVAL, "'where.%.64s' allows nothing", key);
    return rc;
}

int neap_spec_read_where(struct neap_spec_parts *parts, const json_t *json,
                         const struct neap_where **ret, int *ret_count,
                         struct neap_err *err)
{
    struct neap_where *terms;
    const char *key;
    json_t *value;
    int n = 0, rc = 0;

    if (!json_is_object(json))
        return neap_read_type_error(json, "where", "an object", err);
    if (json_object_size(json) > 1000)
        return neap_err_set(err, NEAP_EINVAL,
                            "'where' has more than 1000 facts");
    terms = neap_calloc(json_object_size(json) + 1, sizeof *terms);
    json_object_foreach((json_t *)json, key, value)
    {
        rc = read_term(parts, key, value, &terms[n++], err);
        if (rc < 0)
            break;
    }
    if (rc == 0) {
        *ret = n > 0 ? neap_keep_bytes(parts->keep, terms,
                                       (size_t)n * sizeof *terms)
                     : NULL;
        *ret_count = n;
    }
    neap_free(terms);
    return rc;
}

int neap_spec_read_after(struct neap_spec_parts *parts, const json_t *json,
                         const int **ret, int *ret_count, struct neap_err *err)
{
    size_t count = json_array_size(json);
    int *list;
    int rc = 0;

    if (!json_is_array(json))
        return neap_read_type_error(json, "after", "a list of task numbers",
                                    err);
    if (count > NEAP_SPEC_LIST_MAX)
        return neap_err_set(err, NEAP_EINVAL,
                            "'after' has %zu entries; at "
                            "most %d are allowed",
                            count, NEAP_SPEC_LIST_MAX);
    list = neap_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count && rc == 0; i++) {
        int64_t n = 0;

        rc = neap_read_int(json_array_get(json, i), "after", 1, INT32_MAX, &n,
                           err);
        list[i] = (int)n;
    }
    if (rc == 0) {
        *ret = neap_keep_bytes(parts->keep, list, count * sizeof *list);
        *ret_count = (int)count;
    }
    neap_free(list);
    return rc;
}

struct output_draft {
    struct neap_spec_parts *parts;
    struct neap_output *output;
};

static int output_name(void *ctx, const json_t *json, struct neap_err *err)
{
    struct output_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "outputs.name", &text, err);

    if (rc == 0 && (*text == '\0' || strlen(text) > NEAP_SPEC_NAME_MAX))
        rc = neap_err_set(err, NEAP_EINVAL,
                          "the name of an output must have 1 to %d bytes",
                          NEAP_SPEC_NAME_MAX);
    if (rc == 0)
        draft->output->name = neap_keep_string(draft->parts->keep, text);
    return rc;
}

static int output_place(void *ctx, const json_t *json, struct neap_err *err)
{
    struct output_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "outputs.place", &text, err);

    if (rc == 0)
        draft->output->place = neap_keep_string(draft->parts->keep, text);
    return rc;
}

static int output_kind(void *ctx, const json_t *json, struct neap_err *err)
{
    struct output_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "outputs.kind", &text, err);

    if (rc < 0)
        return rc;
    for (int kind = NEAP_OUTPUT_FILE; kind <= NEAP_OUTPUT_STDOUT; kind++) {
        if (strcmp(text, neap_output_kind_name(kind)) == 0) {
            draft->output->kind = kind;
            return 0;
        }
    }
    return neap_err_set(err, NEAP_EINVAL,
                        "the kind of an output must be file, "
                        "dir, glob or stdout, not '%.40s'",
                        text);
}

static int output_optional(void *ctx, const json_t *json, struct neap_err *err)
{
    struct output_draft *draft = ctx;

    return neap_read_bool(json, "outputs.optional", &draft->output->optional,
                          err);
}

static int check_output(const struct neap_output *all, int at,
                        struct neap_err *err)
{
    const struct neap_output *output = &all[at];

    for (int i = 0; i < at; i++) {
        if (all[i].name == output->name) /* interned */
            return neap_err_set(err, NEAP_EINVAL, "two outputs are called '%s'",
                                output->name);
    }
    if (output->kind == NEAP_OUTPUT_STDOUT)
        return 0;
    if (output->place == NULL)
        return neap_err_set(err, NEAP_EINVAL, "output '%s' has no place",
                            output->name);
    if (!neap_spec_place_ok(output->place, "out/"))
        return neap_err_set(err, NEAP_EINVAL,
                            "output '%s': '%.200s' is no "
                            "place below out/ (relative, without '..')",
                            output->name, output->place);
    return 0;
}

int neap_spec_read_outputs(struct neap_spec_parts *parts, const json_t *json,
                           const struct neap_output **ret, int *ret_count,
                           struct neap_err *err)
{
    static const struct neap_read_field fields[] = {
        { "name", true, output_name },
        { "place", false, output_place },
        { "kind", true, output_kind },
        { "optional", false, output_optional },
    };
    size_t count = json_array_size(json);
    struct neap_output *list;
    int rc = 0;

    if (!json_is_array(json))
        return neap_read_type_error(json, "outputs", "a list", err);
    if (count > NEAP_SPEC_OUTPUTS_MAX)
        return neap_err_set(err, NEAP_EINVAL,
                            "a task has %zu outputs; at most "
                            "%d are allowed",
                            count, NEAP_SPEC_OUTPUTS_MAX);
    list = neap_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct output_draft draft = { parts, &list[i] };

        rc = neap_read_object(json_array_get(json, i), "an output", fields, 4,
                              &draft, NULL, err);
        if (rc == 0)
            rc = check_output(list, (int)i, err);
    }
    if (rc == 0) {
        *ret = neap_keep_bytes(parts->keep, list, count * sizeof *list);
        *ret_count = (int)count;
    }
    neap_free(list);
    return rc;
}
