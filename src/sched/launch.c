#include "sched/launch.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "sched/cmdline.h"
#include "sched/late.h"

/* A list of pointers that keeps its memory. */
struct list {
    const char **item;
    int count, cap;
};

struct neap_launch {
    struct neap_buf text; /* NUL-terminated strings, one after the other */
    struct list argv, env;
    struct neap_input *input;
    int input_cap;
    struct neap_wire_amount need[NEAP_LABELS_MAX];
    char id[32];
};

struct neap_launch *neap_launch_create(void)
{
    return NEAP_NEW(struct neap_launch);
}

void neap_launch_destroy(struct neap_launch *launch)
{
    if (launch == NULL)
        return;
    neap_buf_deinit(&launch->text);
    neap_free(launch->argv.item);
    neap_free(launch->env.item);
    neap_free(launch->input);
    neap_free(launch);
}

static void push(struct list *list, const char *item)
{
    if (list->count == list->cap) {
        list->cap = list->cap > 0 ? list->cap * 2 : 16;
        list->item =
            neap_realloc(list->item, (size_t)list->cap, sizeof *list->item);
    }
    list->item[list->count++] = item;
}

/* While strings are collected the buffer may move: remember offsets, turn
 * them into pointers at the end. A string that is used as it is stands for
 * itself; offsets are marked by being below the size of the buffer. */
static void push_text(struct neap_launch *launch, struct list *list,
                      size_t offset)
{
    neap_buf_putc(&launch->text, '\0');
    push(list, (const char *)(uintptr_t)offset);
}

static void fix(const struct neap_launch *launch, struct list *list)
{
    for (int i = 0; i < list->count; i++) {
        uintptr_t at = (uintptr_t)list->item[i];

        if (at < launch->text.len)
            list->item[i] = launch->text.data + at;
    }
}

static void push_rendered(struct neap_launch *launch, struct list *list,
                          const struct neap_late *late, const char *text)
{
    size_t at = launch->text.len;

    if (!neap_late_has(text)) {
        push(list, text);
        return;
    }
    neap_late_render(late, text, &launch->text);
    push_text(launch, list, at);
}

/* A line that needs no shell is split in place. */
static bool push_split(struct neap_launch *launch, const struct neap_late *late,
                       const char *line)
{
    size_t at = launch->text.len, from = at;
    int count;

    if (neap_late_has(line)) {
        struct neap_buf whole = NEAP_BUF_INIT;

        neap_late_render(late, line, &whole);
        count = neap_cmdline_split(whole.data, &launch->text);
        neap_buf_deinit(&whole);
    } else {
        count = neap_cmdline_split(line, &launch->text);
    }
    if (count == 0) {
        launch->text.len = from;
        return false;
    }
    for (int i = 0; i < count; i++) {
        push(&launch->argv, (const char *)(uintptr_t)at);
        at += strlen(launch->text.data + at) + 1;
    }
    return true;
}

static void put_command(struct neap_launch *launch,
                        const struct neap_run_task *task,
                        const struct neap_late *late)
{
    const struct neap_spec *spec = &task->spec;
    const struct neap_spec_common *common = spec->common;

    for (int i = 0; i < spec->ncmd; i++)
        push_rendered(launch, &launch->argv, late, spec->cmd.argv[i]);
    if (spec->ncmd > 0)
        return;
    if (neap_cmdline_default_shell(common->shell, common->nshell) &&
        push_split(launch, late, spec->cmd.line))
        return;
    for (int i = 0; i < common->nshell; i++)
        push(&launch->argv, common->shell[i]);
    push_rendered(launch, &launch->argv, late, spec->cmd.line);
}

static void put_env(struct neap_launch *launch,
                    const struct neap_run_task *task,
                    const struct neap_late *late)
{
    const struct neap_spec_common *common = task->spec.common;
    const struct neap_strmap *labels = common->labels;

    for (int i = 0; labels != NULL && i < labels->count; i++) {
        size_t at = launch->text.len;

        neap_buf_puts(&launch->text, "NEAP_LABEL_");
        for (const char *c = labels->pair[i].key; *c != '\0'; c++)
            neap_buf_putc(&launch->text, isalnum((unsigned char)*c) ? *c : '_');
        neap_buf_putc(&launch->text, '=');
        neap_buf_puts(&launch->text, labels->pair[i].value);
        push_text(launch, &launch->env, at);
    }
    for (int i = 0; i < common->nenv; i++)
        push_rendered(launch, &launch->env, late, common->env[i]);
}

static const struct neap_output *found_output(const struct neap_run_task *task,
                                              const char *name)
{
    const struct neap_attempt *last = task->last;

    for (int i = 0; last != NULL && i < last->noutput; i++) {
        if (last->output[i].found && strcmp(last->output[i].name, name) == 0)
            return &last->output[i];
    }
    return NULL;
}

/* False: an optional output that was not made; its place stays empty. */
static bool resolve(const struct neap_run_task *task,
                    const struct neap_spec_input *from, struct neap_input *to)
{
    const struct neap_output *output = NULL;

    *to = (struct neap_input){ .place = from->place,
                               .dir = from->dir,
                               .file = (struct neap_file_ref *)from->file,
                               .nfile = from->nfile };
    if (from->task == 0)
        return true;
    for (int i = 0; i < task->ndeps && output == NULL; i++) {
        if (task->deps[i]->spec.n == from->task)
            output = found_output(task->deps[i], from->output);
    }
    if (output == NULL)
        return false;
    to->dir =
        output->kind == NEAP_OUTPUT_DIR || output->kind == NEAP_OUTPUT_GLOB;
    to->file = output->file;
    to->nfile = output->nfile;
    return to->dir || to->nfile == 1;
}

static void put_inputs(struct neap_launch *launch,
                       const struct neap_run_task *task, struct neap_msg *msg)
{
    const struct neap_spec *spec = &task->spec;

    msg->stdin_input = -1;
    if (spec->ninput > launch->input_cap) {
        launch->input_cap = spec->ninput;
        launch->input = neap_realloc(launch->input, (size_t)spec->ninput,
                                     sizeof *launch->input);
    }
    for (int i = 0; i < spec->ninput; i++) {
        if (!resolve(task, &spec->input[i], &launch->input[msg->ninput]))
            continue;
        if (spec->stdin_input == i)
            msg->stdin_input = msg->ninput;
        msg->ninput++;
    }
    msg->input = launch->input;
}

static void put_needs(struct neap_launch *launch,
                      const struct neap_run_task *task,
                      const struct neap_labels *labels, struct neap_msg *msg)
{
    for (int i = 0; i < labels->count; i++) {
        if (task->need->v[i] > 0)
            launch->need[msg->nneed++] =
                (struct neap_wire_amount){ labels->name[i], task->need->v[i] };
    }
    msg->need = launch->need;
}

void neap_launch_prepare(struct neap_launch *launch,
                         const struct neap_run_task *task, const char *alloc,
                         const struct neap_labels *labels, struct neap_msg *ret)
{
    struct neap_late late = { task->attempt, task->need, labels };
    const struct neap_spec_common *common = task->spec.common;

    neap_buf_clear(&launch->text);
    launch->argv.count = launch->env.count = 0;
    neap_run_task_id(task, launch->id);
    neap_msg_init(ret, NEAP_MSG_RUN);
    put_command(launch, task, &late);
    put_env(launch, task, &late);
    fix(launch, &launch->argv);
    fix(launch, &launch->env);
    put_inputs(launch, task, ret);
    put_needs(launch, task, labels, ret);
    ret->alloc = alloc;
    ret->task = launch->id;
    ret->attempt = task->attempt;
    ret->name = common->name;
    ret->argv = launch->argv.item;
    ret->argc = launch->argv.count;
    ret->env = launch->env.item;
    ret->nenv = launch->env.count;
    ret->output = (struct neap_output *)common->output;
    ret->noutput = common->noutput;
    ret->timeout_s = task->timeout_s;
    ret->keep_logs = common->logs;
}

int64_t neap_launch_input_bytes(const struct neap_run_task *task)
{
    int64_t bytes = 0;

    for (int i = 0; i < task->spec.ninput; i++) {
        struct neap_input input;

        if (!resolve(task, &task->spec.input[i], &input))
            continue;
        for (int k = 0; k < input.nfile; k++)
            bytes += input.file[k].size;
    }
    return bytes;
}
