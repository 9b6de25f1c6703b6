/* The fields of a SPEC, one function each. A draft collects them; what many
 * tasks share is interned as a whole at the end. */

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sched/late.h"
#include "sched/reader.h"
#include "sched/spec_parts.h"

#define LONG_S 1e9 /* more seconds than anybody waits */

struct draft {
    struct neap_spec spec;
    struct neap_spec_common common;
    struct neap_spec_parts parts;
};

static int field_n(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    int64_t n = 0;
    int rc = neap_read_int(json, "n", 1, INT32_MAX, &n, err);

    draft->spec.n = (int)n;
    return rc;
}

static int field_name(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    const char *name;
    int rc = neap_read_str(json, "name", &name, err);

    if (rc < 0)
        return rc;
    if (*name == '\0' || strlen(name) > NEAP_SPEC_NAME_MAX)
        return neap_err_set(err, NEAP_EINVAL,
                            "'name' must have 1 to %d bytes, not %zu",
                            NEAP_SPEC_NAME_MAX, strlen(name));
    draft->common.name = neap_keep_string(draft->parts.keep, name);
    return 0;
}

static int check_cmd(const char *text, size_t *total, struct neap_err *err)
{
    *total += strlen(text) + 1;
    if (*total > NEAP_SPEC_CMD_MAX)
        return neap_err_set(err, NEAP_EINVAL, "'cmd' has more than %d bytes",
                            NEAP_SPEC_CMD_MAX);
    return 0;
}

static int field_cmd(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    size_t total = 0;
    int rc;

    if (json_is_string(json)) {
        draft->spec.cmd.line = json_string_value(json);
        draft->spec.ncmd = 0;
        if (draft->spec.cmd.line[0] == '\0')
            return neap_err_set(err, NEAP_EINVAL, "'cmd' is empty");
        rc = check_cmd(draft->spec.cmd.line, &total, err);
        /* lines are mostly different: no use in interning them */
        if (rc == 0)
            draft->spec.cmd.line =
                neap_keep_copy(draft->parts.keep, draft->spec.cmd.line);
        return rc;
    }
    if (!json_is_array(json) || json_array_size(json) == 0)
        return neap_read_type_error(json, "cmd",
                                    "a line or a list of at least one word",
                                    err);
    rc = neap_read_strs(json, "cmd", NEAP_SPEC_LIST_MAX, draft->parts.keep,
                        &draft->spec.cmd.argv, &draft->spec.ncmd, err);
    for (int i = 0; i < draft->spec.ncmd && rc == 0; i++)
        rc = check_cmd(draft->spec.cmd.argv[i], &total, err);
    if (rc == 0 && draft->spec.cmd.argv[0][0] == '\0')
        return neap_err_set(err, NEAP_EINVAL,
                            "the first word of 'cmd' is empty");
    return rc;
}

static int field_shell(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    int rc = neap_read_strs(json, "shell", 100, draft->parts.keep,
                            &draft->common.shell, &draft->common.nshell, err);

    if (rc == 0 &&
        (draft->common.nshell == 0 || draft->common.shell[0][0] == '\0'))
        return neap_err_set(err, NEAP_EINVAL, "'shell' names no program");
    return rc;
}

static int field_res(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_read_res(&draft->parts, json, "res", &draft->common.need,
                              err);
}

static int field_inputs(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_read_inputs(&draft->parts, json, &draft->spec.input,
                                 &draft->spec.ninput, err);
}

static int field_stdin(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    int64_t at = -1;
    int rc = neap_read_int(json, "stdin", 0, NEAP_SPEC_INPUTS_MAX, &at, err);

    draft->spec.stdin_input = (int)at;
    return rc;
}

static int field_outputs(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_read_outputs(&draft->parts, json, &draft->common.output,
                                  &draft->common.noutput, err);
}

static int field_env(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_read_env(&draft->parts, json, &draft->common.env,
                              &draft->common.nenv, err);
}

static int field_labels(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_parse_labels(json, draft->parts.keep,
                                  &draft->common.labels, err);
}

static int field_where(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_read_where(&draft->parts, json, &draft->common.where,
                                &draft->common.nwhere, err);
}

static int field_pool(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    const char *name;

    if (!json_is_string(json))
        return neap_read_strs(json, "pool", 100, draft->parts.keep,
                              &draft->common.pool, &draft->common.npool, err);
    name = neap_keep_string(draft->parts.keep, json_string_value(json));
    draft->common.pool = neap_keep_bytes(draft->parts.keep, &name, sizeof name);
    draft->common.npool = 1;
    return 0;
}

static int field_timeout(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_read_num(json, "timeout", 1e-3, LONG_S,
                         &draft->common.timeout_s, err);
}

static int field_expect(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_read_num(json, "expect", 0, LONG_S, &draft->common.expect_s,
                         err);
}

static int field_priority(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    int64_t value = 0;
    int rc = neap_read_int(json, "priority", INT32_MIN, INT32_MAX, &value, err);

    draft->common.priority = (int)value;
    return rc;
}

static int field_after(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_read_after(&draft->parts, json, &draft->spec.after,
                                &draft->spec.nafter, err);
}

static int field_logs(void *ctx, const json_t *json, struct neap_err *err)
{
    static const char *const names[] = { "none", "failed", "keep" };
    struct draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "logs", &text, err);

    if (rc < 0)
        return rc;
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            draft->common.logs = i;
            return 0;
        }
    }
    return neap_err_set(err, NEAP_EINVAL,
                        "'logs' must be keep, failed or none, not '%.40s'",
                        text);
}

static int field_retry(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;

    return neap_spec_read_retry(&draft->parts, json, &draft->common.retry, err);
}

static int field_src(void *ctx, const json_t *json, struct neap_err *err)
{
    struct draft *draft = ctx;
    const char *text;
    int rc = neap_read_str(json, "src", &text, err);

    if (rc == 0)
        draft->common.src = neap_keep_string(draft->parts.keep, text);
    return rc;
}

static const struct neap_read_field fields[] = {
    { "n", true, field_n },
    { "name", true, field_name },
    { "cmd", true, field_cmd },
    { "shell", false, field_shell },
    { "res", false, field_res },
    { "inputs", false, field_inputs },
    { "stdin", false, field_stdin },
    { "outputs", false, field_outputs },
    { "env", false, field_env },
    { "labels", false, field_labels },
    { "where", false, field_where },
    { "pool", false, field_pool },
    { "timeout", false, field_timeout },
    { "expect", false, field_expect },
    { "priority", false, field_priority },
    { "after", false, field_after },
    { "logs", false, field_logs },
    { "retry", false, field_retry },
    { "src", false, field_src },
};

static void set_defaults(struct draft *draft)
{
    static const char *const words[] = { "/bin/bash", "-euo", "pipefail",
                                         "-c" };
    struct neap_keep *keep = draft->parts.keep;
    const char *shell[4];
    struct neap_res need;

    for (int i = 0; i < 4; i++)
        shell[i] = neap_keep_string(keep, words[i]);
    draft->common.shell = neap_keep_bytes(keep, shell, sizeof shell);
    draft->common.nshell = 4;
    memset(&need, 0, sizeof need);
    need.v[NEAP_CPU] = 1000;
    draft->common.need = neap_keep_bytes(keep, &need, sizeof need);
    draft->common.logs = NEAP_LOGS_KEEP;
    draft->spec.stdin_input = -1;
}

/* What can only be said when all fields are known. */
static int check_whole(const struct draft *draft, struct neap_spec_where *where,
                       struct neap_err *err)
{
    const struct neap_spec *spec = &draft->spec;
    int rc = 0;

    snprintf(where->field, sizeof where->field, "stdin");
    if (spec->stdin_input >= spec->ninput)
        return neap_err_set(err, NEAP_EINVAL,
                            "'stdin' is %d, but there are %d inputs",
                            spec->stdin_input, spec->ninput);
    snprintf(where->field, sizeof where->field, "cmd");
    if (spec->ncmd == 0)
        return neap_late_check(spec->cmd.line, draft->parts.labels, err);
    for (int i = 0; i < spec->ncmd && rc == 0; i++)
        rc = neap_late_check(spec->cmd.argv[i], draft->parts.labels, err);
    snprintf(where->field, sizeof where->field, "env");
    for (int i = 0; i < draft->common.nenv && rc == 0; i++)
        rc = neap_late_check(draft->common.env[i], draft->parts.labels, err);
    return rc;
}

int neap_spec_parse(const json_t *json, struct neap_keep *keep,
                    struct neap_labels *labels, struct neap_spec *ret,
                    struct neap_spec_where *where, struct neap_err *err)
{
    struct draft draft;
    const char *field = NULL;
    int rc;

    memset(&draft, 0, sizeof draft); /* padding too: it is interned */
    draft.parts.keep = keep;
    draft.parts.labels = labels;
    set_defaults(&draft);
    where->field[0] = '\0';
    rc = neap_read_object(json, "a task", fields,
                          (int)(sizeof fields / sizeof *fields), &draft, &field,
                          err);
    if (rc == 0)
        rc = check_whole(&draft, where, err);
    else
        snprintf(where->field, sizeof where->field, "%s", field ? field : "");
    if (rc < 0)
        return rc;
    draft.spec.common =
        neap_keep_bytes(keep, &draft.common, sizeof draft.common);
    *ret = draft.spec;
    return 0;
}

const struct neap_output *neap_spec_output(const struct neap_spec *spec,
                                           const char *name)
{
    for (int i = 0; i < spec->common->noutput; i++) {
        if (strcmp(spec->common->output[i].name, name) == 0)
            return &spec->common->output[i];
    }
    return NULL;
}

const char *neap_output_kind_name(int kind)
{
    static const char *const names[] = {
        [NEAP_OUTPUT_FILE] = "file",
        [NEAP_OUTPUT_DIR] = "dir",
        [NEAP_OUTPUT_GLOB] = "glob",
        [NEAP_OUTPUT_STDOUT] = "stdout",
    };

    return names[kind];
}
