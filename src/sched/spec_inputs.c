/* Inputs of a SPEC: files by digest, or outputs of other tasks. */
#include <string.h>

#include "base/mem.h"
#include "sched/reader.h"
#include "sched/spec_parts.h"
#include "store/stage.h"

bool neap_spec_place_ok(const char *place, const char *below)
{
    size_t n = strlen(place);
    char *clean;
    bool ok;

    if (strncmp(place, below, strlen(below)) != 0)
        return false;
    if (n > 0 && place[n - 1] == '/') /* a directory may say so */
        n--;
    clean = neap_strndup(place, n);
    ok = neap_place_ok(clean);
    neap_free(clean);
    return ok;
}

struct file_draft {
    struct neap_spec_parts *parts;
    struct neap_file_ref *ref;
};

static int file_path(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "file.path", &text, err);

    if (rc == 0 && strcmp(text, ".") != 0 && !neap_place_ok(text))
        rc = neap_err_set(err, NEAP_EINVAL,
                          "'%.200s' is no relative path "
                          "without '..'",
                          text);
    if (rc == 0)
        draft->ref->path = neap_keep_string(draft->parts->keep, text);
    return rc;
}

/* Only for people; its place is what counts. */
static int file_name(void *ctx, const json_t *json, struct neap_err *err)
{
    const char *text;

    (void)ctx;
    return neap_read_str(json, "file.name", &text, err);
}

static int file_sha256(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "file.sha256", &text, err);

    if (rc == 0 &&
        (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64))
        rc = neap_err_set(err, NEAP_EINVAL,
                          "'sha256' must be 64 lower-case "
                          "hexadecimal digits, not '%.80s'",
                          text);
    if (rc == 0)
        draft->ref->digest = neap_keep_string(draft->parts->keep, text);
    return rc;
}

static int file_size(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;
    int rc = neap_read_big(json, "file.size", &draft->ref->size, err);

    if (rc == 0 && draft->ref->size < 0)
        rc = neap_err_set(err, NEAP_EINVAL, "the size of a file is negative");
    return rc;
}

static int file_x(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;

    return neap_read_bool(json, "file.x", &draft->ref->executable, err);
}

static int file_source(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "file.source", &text, err);

    if (rc == 0 && text[0] != '/')
        rc = neap_err_set(err, NEAP_EINVAL,
                          "the source '%.200s' of a file is "
                          "no absolute path",
                          text);
    if (rc == 0)
        draft->ref->source = neap_keep_string(draft->parts->keep, text);
    return rc;
}

static int file_dev(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;

    return neap_read_big(json, "file.dev", (int64_t *)&draft->ref->dev, err);
}

static int file_ino(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;

    return neap_read_big(json, "file.ino", (int64_t *)&draft->ref->ino, err);
}

static int file_mtime(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;

    return neap_read_big(json, "file.mtime_ns", &draft->ref->mtime_ns, err);
}

static int file_ctime(void *ctx, const json_t *json, struct neap_err *err)
{
    struct file_draft *draft = ctx;

    return neap_read_big(json, "file.ctime_ns", &draft->ref->ctime_ns, err);
}

static int read_file(struct neap_spec_parts *parts, const json_t *json,
                     struct neap_file_ref *ret, struct neap_err *err)
{
    static const struct neap_read_field fields[] = {
        { "path", false, file_path },
        { "name", false, file_name },
        { "sha256", true, file_sha256 },
        { "size", true, file_size },
        { "x", false, file_x },
        { "source", false, file_source },
        { "dev", false, file_dev },
        { "ino", false, file_ino },
        { "mtime_ns", false, file_mtime },
        { "ctime_ns", false, file_ctime },
    };
    struct file_draft draft = { parts, ret };

    return neap_read_object(json, "a file", fields,
                            (int)(sizeof fields / sizeof *fields), &draft, NULL,
                            err);
}

struct input_draft {
    struct neap_spec_parts *parts;
    struct neap_spec_input *input;
    int *files_left; /* over all inputs of the task */
    int sources;     /* of file, files and task: one must be given */
};

static int input_place(void *ctx, const json_t *json, struct neap_err *err)
{
    struct input_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "inputs.place", &text, err);

    if (rc == 0 && !neap_spec_place_ok(text, "in/"))
        rc = neap_err_set(err, NEAP_EINVAL,
                          "'%.200s' is no place below in/ "
                          "(relative, without '..')",
                          text);
    if (rc == 0)
        draft->input->place = neap_keep_string(draft->parts->keep, text);
    return rc;
}

static int take_files(struct input_draft *draft, size_t count,
                      struct neap_err *err)
{
    draft->sources++;
    if (count > (size_t)*draft->files_left)
        return neap_err_set(err, NEAP_EINVAL,
                            "a task has more than %d input "
                            "files",
                            NEAP_SPEC_INPUTS_MAX);
    *draft->files_left -= (int)count;
    return 0;
}

static int input_file(void *ctx, const json_t *json, struct neap_err *err)
{
    struct input_draft *draft = ctx;
    struct neap_file_ref ref;
    int rc = take_files(draft, 1, err);

    memset(&ref, 0, sizeof ref);
    if (rc == 0)
        rc = read_file(draft->parts, json, &ref, err);
    if (rc < 0)
        return rc;
    ref.path = neap_keep_string(draft->parts->keep, ".");
    draft->input->file = neap_keep_bytes(draft->parts->keep, &ref, sizeof ref);
    draft->input->nfile = 1;
    return 0;
}

static int input_files(void *ctx, const json_t *json, struct neap_err *err)
{
    struct input_draft *draft = ctx;
    size_t count = json_array_size(json);
    struct neap_file_ref *list;
    int rc;

    if (!json_is_array(json))
        return neap_read_type_error(json, "inputs.files", "a list", err);
    rc = take_files(draft, count, err);
    if (rc < 0)
        return rc;
    list = neap_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = read_file(draft->parts, json_array_get(json, i), &list[i], err);
        if (rc == 0 && list[i].path == NULL)
            rc = neap_err_set(err, NEAP_EINVAL,
                              "a file of 'inputs.files' has no path");
    }
    draft->input->dir = true;
    draft->input->nfile = (int)count;
    if (rc == 0)
        draft->input->file =
            neap_keep_bytes(draft->parts->keep, list, count * sizeof *list);
    neap_free(list);
    return rc;
}

static int input_task(void *ctx, const json_t *json, struct neap_err *err)
{
    struct input_draft *draft = ctx;
    int64_t n = 0;
    int rc = neap_read_int(json, "inputs.task", 1, INT32_MAX, &n, err);

    draft->input->task = (int)n;
    draft->sources++;
    return rc;
}

static int input_output(void *ctx, const json_t *json, struct neap_err *err)
{
    struct input_draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "inputs.output", &text, err);

    if (rc == 0)
        draft->input->output = neap_keep_string(draft->parts->keep, text);
    return rc;
}

static int read_input(struct neap_spec_parts *parts, const json_t *json,
                      int *files_left, struct neap_spec_input *ret,
                      struct neap_err *err)
{
    static const struct neap_read_field fields[] = {
        { "place", true, input_place },    { "file", false, input_file },
        { "files", false, input_files },   { "task", false, input_task },
        { "output", false, input_output },
    };
    struct input_draft draft = { parts, ret, files_left, 0 };
    int rc = neap_read_object(json, "an input", fields, 5, &draft, NULL, err);

    if (rc < 0)
        return rc;
    if (draft.sources != 1)
        return neap_err_set(err, NEAP_EINVAL,
                            "input '%.200s' must have one of "
                            "file, files and task",
                            ret->place);
    if ((ret->task != 0) != (ret->output != NULL))
        return neap_err_set(err, NEAP_EINVAL,
                            "input '%.200s' must have both "
                            "task and output, or neither",
                            ret->place);
    return 0;
}

int neap_spec_read_inputs(struct neap_spec_parts *parts, const json_t *json,
                          const struct neap_spec_input **ret, int *ret_count,
                          struct neap_err *err)
{
    size_t count = json_array_size(json);
    int files_left = NEAP_SPEC_INPUTS_MAX;
    struct neap_spec_input *list;
    int rc = 0;

    if (!json_is_array(json))
        return neap_read_type_error(json, "inputs", "a list", err);
    if (count > NEAP_SPEC_INPUTS_MAX)
        return neap_err_set(err, NEAP_EINVAL,
                            "a task has %zu inputs; at most "
                            "%d are allowed",
                            count, NEAP_SPEC_INPUTS_MAX);
    list = neap_calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = read_input(parts, json_array_get(json, i), &files_left, &list[i],
                        err);
    if (rc == 0) {
        *ret = neap_keep_bytes(parts->keep, list, count * sizeof *list);
        *ret_count = (int)count;
    }
    neap_free(list);
    return rc;
}
