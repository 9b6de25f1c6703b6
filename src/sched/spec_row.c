#include "sched/spec_row.h"

#include <string.h>

#include "sched/row.h"

static void put_list(struct neap_json *json, const char *key,
                     const char *const *list, int count)
{
    neap_json_open(json, key, '[');
    for (int i = 0; i < count; i++)
        neap_json_str(json, NULL, list[i]);
    neap_json_close(json, ']');
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static void put_file(struct neap_json *json, const char *key,
                     const struct neap_file_ref *file, const char *place)
{
    bool single = strcmp(file->path, ".") == 0;

    neap_json_open(json, key, '{');
    if (!single)
        neap_json_str(json, "path", file->path);
    neap_json_str(json, "name", base_name(single ? place : file->path));
    neap_json_str(json, "sha256", file->digest);
    neap_json_big(json, "size", file->size);
    if (file->executable)
        neap_json_bool(json, "x", true);
    if (file->source != NULL)
        neap_json_str(json, "source", file->source);
    neap_json_close(json, '}');
}

static void put_inputs(struct neap_json *json, const struct neap_spec *spec)
{
    neap_json_open(json, "inputs", '[');
    for (int i = 0; i < spec->ninput; i++) {
        const struct neap_spec_input *input = &spec->input[i];

        neap_json_open(json, NULL, '{');
        neap_json_str(json, "place", input->place);
        if (input->task != 0) {
            neap_json_int(json, "task", input->task);
            neap_json_str(json, "output", input->output);
        } else if (!input->dir) {
            put_file(json, "file", input->file, input->place);
        } else {
            neap_json_open(json, "files", '[');
            for (int k = 0; k < input->nfile; k++)
                put_file(json, NULL, &input->file[k], input->place);
            neap_json_close(json, ']');
        }
        neap_json_close(json, '}');
    }
    neap_json_close(json, ']');
}

static void put_outputs(struct neap_json *json,
                        const struct neap_spec_common *common)
{
    neap_json_open(json, "outputs", '[');
    for (int i = 0; i < common->noutput; i++) {
        const struct neap_output *output = &common->output[i];

        neap_json_open(json, NULL, '{');
        neap_json_str(json, "name", output->name);
        if (output->place != NULL)
            neap_json_str(json, "place", output->place);
        neap_json_str(json, "kind", neap_output_kind_name(output->kind));
        if (output->optional)
            neap_json_bool(json, "optional", true);
        neap_json_close(json, '}');
    }
    neap_json_close(json, ']');
}

static void put_env(struct neap_json *json,
                    const struct neap_spec_common *common)
{
    neap_json_open(json, "env", '{');
    for (int i = 0; i < common->nenv; i++) {
        const char *value = strchr(common->env[i], '=') + 1;

        if (json->comma)
            neap_buf_putc(json->out, ',');
        json->comma = false;
        neap_json_strn(json, NULL, common->env[i],
                       (size_t)(value - 1 - common->env[i]));
        neap_buf_putc(json->out, ':');
        json->comma = false;
        neap_json_str(json, NULL, value);
    }
    neap_json_close(json, '}');
}

static void put_where(struct neap_json *json,
                      const struct neap_spec_common *common)
{
    neap_json_open(json, "where", '{');
    for (int i = 0; i < common->nwhere; i++)
        put_list(json, common->where[i].key, common->where[i].value,
                 common->where[i].nvalue);
    neap_json_close(json, '}');
}

static void put_retry(struct neap_json *json,
                      const struct neap_retry_spec *retry)
{
    static const char *const names[] = { "exit", "oom", "timeout", "signal",
                                         "output" };

    neap_json_open(json, "retry", '{');
    neap_json_int(json, "max", retry->max);
    neap_json_open(json, "on", '[');
    for (int i = 0; i < 5; i++) {
        if ((retry->on & (1u << i)) != 0)
            neap_json_str(json, NULL, names[i]);
    }
    for (int i = 0; i < retry->nexits; i++) {
        if (json->comma)
            neap_buf_putc(json->out, ',');
        neap_buf_printf(json->out, "\"exit:%d\"", retry->exits[i]);
        json->comma = true;
    }
    neap_json_close(json, ']');
    neap_json_num(json, "delay", retry->delay_s);
    neap_json_num(json, "factor", retry->factor);
    neap_json_num(json, "max_delay", retry->max_delay_s);
    neap_json_num(json, "jitter", retry->jitter);
    neap_json_close(json, '}');
}

static void put_command(struct neap_json *json, const struct neap_spec *spec)
{
    const struct neap_spec_common *common = spec->common;

    if (spec->ncmd > 0) {
        put_list(json, "cmd", spec->cmd.argv, spec->ncmd);
        return;
    }
    neap_json_str(json, "cmd", spec->cmd.line);
    put_list(json, "shell", common->shell, common->nshell);
}

void neap_spec_row(struct neap_json *json, const char *key,
                   const struct neap_run_task *task,
                   const struct neap_labels *labels)
{
    static const char *const logs[] = { "none", "failed", "keep" };
    const struct neap_spec *spec = &task->spec;
    const struct neap_spec_common *common = spec->common;

    neap_json_open(json, key, '{');
    neap_json_int(json, "n", spec->n);
    neap_json_str(json, "name", common->name);
    put_command(json, spec);
    neap_row_res(json, "res", task->need, labels, false);
    put_inputs(json, spec);
    if (spec->stdin_input >= 0)
        neap_json_int(json, "stdin", spec->stdin_input);
    put_outputs(json, common);
    put_env(json, common);
    put_where(json, common);
    put_list(json, "pool", common->pool, common->npool);
    if (task->timeout_s > 0)
        neap_json_num(json, "timeout", task->timeout_s);
    if (common->expect_s > 0)
        neap_json_num(json, "expect", common->expect_s);
    neap_json_int(json, "priority", common->priority);
    neap_json_open(json, "after", '[');
    for (int i = 0; i < spec->nafter; i++)
        neap_json_int(json, NULL, spec->after[i]);
    neap_json_close(json, ']');
    neap_json_str(json, "logs", logs[common->logs]);
    if (common->retry != NULL)
        put_retry(json, common->retry);
    neap_json_close(json, '}');
}
