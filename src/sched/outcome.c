#include "sched/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sched/run.h"

static struct neap_failure *blank(struct neap_keep *store, const char *kind)
{
    struct neap_failure *failure =
        neap_keep_alloc(store, sizeof(struct neap_failure));

    failure->kind = kind;
    failure->exit = -1;
    failure->timeout_s = failure->limit = failure->peak = -1;
    return failure;
}

struct neap_failure *neap_outcome_failure(struct neap_keep *store,
                                          const char *kind, const char *format,
                                          ...)
{
    struct neap_failure *failure = blank(store, kind);
    char text[NEAP_ERR_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    failure->message = neap_keep_copy(store, text);
    return failure;
}

/* "1.5 GiB" for a sentence. */
static void size_text(int64_t bytes, char out[32])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)bytes;
    int unit = 0;

    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(out, 32, "%.4g %s", value, units[unit]);
}

static struct neap_failure *over_limit(struct neap_run_task *task,
                                       const struct neap_msg *msg, int label)
{
    bool mem = label == NEAP_MEM;
    int64_t peak = mem ? msg->usage.mem_peak : msg->usage.disk_peak;
    struct neap_failure *failure;
    char have[32], used[32];

    size_text(task->need->v[label], have);
    size_text(peak, used);
    failure =
        neap_outcome_failure(task->run->store, mem ? "E_OOM" : "E_BUDGET",
                             "used more %s than its limit of %s (peak %s)",
                             mem ? "memory" : "disk", have, used);
    failure->limit = (double)task->need->v[label];
    failure->peak = (double)peak;
    return failure;
}

static struct neap_failure *by_cause(struct neap_run_task *task,
                                     const struct neap_msg *msg)
{
    struct neap_keep *store = task->run->store;
    const char *text = msg->text != NULL ? msg->text : "";
    struct neap_failure *failure;

    switch (msg->cause) {
    case NEAP_END_EXIT:
        return neap_outcome_failure(store, "E_EXIT", "exited with %d",
                                    msg->exit);
    case NEAP_END_SPAWN:
        return neap_outcome_failure(store, "E_EXIT", "exited with %d%s%s",
                                    msg->exit, *text ? ": " : "", text);
    case NEAP_END_SIGNAL:
        return neap_outcome_failure(store, "E_SIGNAL",
                                    "was killed by signal %d (%s)", msg->signal,
                                    strsignal(msg->signal));
    case NEAP_END_OOM:
        return over_limit(task, msg, NEAP_MEM);
    case NEAP_END_DISK:
        return over_limit(task, msg, NEAP_DISK);
    case NEAP_END_TIMEOUT:
        failure =
            neap_outcome_failure(store, "E_TIMEOUT",
                                 "was not over after %.15g s", task->timeout_s);
        failure->timeout_s = task->timeout_s;
        return failure;
    case NEAP_END_OUTPUT:
        failure = neap_outcome_failure(store, "E_OUTPUT", "%s", text);
        failure->output = neap_keep_string(store, msg->output_name);
        return failure;
    case NEAP_END_INTEGRITY:
        return neap_outcome_failure(store, "E_INTEGRITY", "%s", text);
    case NEAP_END_KILLED:
        return neap_outcome_failure(store, "E_CANCELLED", "was cancelled");
    case NEAP_END_STAGE:
        return neap_outcome_failure(store, "E_FETCH", "%s", text);
    case NEAP_END_STORE:
        return neap_outcome_failure(store, "E_TRANSFER", "%s", text);
    default:
        return neap_outcome_failure(store, "E_LOST", "%s",
                                    *text ? text : "the attempt was lost");
    }
}

static const struct neap_failure *make_failure(struct neap_run_task *task,
                                               const struct neap_msg *msg)
{
    struct neap_failure *failure;

    if (msg->cause == NEAP_END_EXIT && msg->exit == 0)
        return NULL;
    failure = by_cause(task, msg);
    if (msg->cause == NEAP_END_EXIT || msg->cause == NEAP_END_SPAWN)
        failure->exit = msg->exit;
    if (msg->cause == NEAP_END_SIGNAL)
        failure->signal = msg->signal;
    if (msg->tail != NULL && *msg->tail != '\0')
        failure->tail = neap_keep_copy(task->run->store, msg->tail);
    return failure;
}

static void copy_file(struct neap_keep *store, struct neap_file_ref *to,
                      const struct neap_file_ref *from)
{
    memset(to, 0, sizeof *to);
    to->path = neap_keep_string(store, from->path);
    to->digest = neap_keep_string(store, from->digest);
    to->size = from->size;
    to->executable = from->executable;
}

static const struct neap_file_ref *log_file(struct neap_keep *store,
                                            const struct neap_file_ref *from)
{
    struct neap_file_ref file;

    if (from->digest == NULL)
        return NULL;
    copy_file(store, &file, from);
    file.path = neap_keep_string(store, ".");
    return neap_keep_bytes(store, &file, sizeof file);
}

static void copy_outputs(struct neap_keep *store, struct neap_attempt *attempt,
                         const struct neap_msg *msg)
{
    struct neap_output *list =
        neap_keep_alloc(store, (size_t)msg->noutput * sizeof *list);

    for (int i = 0; i < msg->noutput; i++) {
        const struct neap_output *from = &msg->output[i];

        list[i].name = neap_keep_string(store, from->name);
        list[i].place = neap_keep_string(store, from->place);
        list[i].kind = from->kind;
        list[i].optional = from->optional;
        list[i].found = from->found;
        list[i].nfile = from->nfile;
        list[i].file =
            neap_keep_alloc(store, (size_t)from->nfile * sizeof *list[i].file);
        for (int k = 0; k < from->nfile; k++)
            copy_file(store, &list[i].file[k], &from->file[k]);
    }
    attempt->output = list;
    attempt->noutput = msg->noutput;
}

void neap_outcome_take(struct neap_run_task *task, struct neap_attempt *attempt,
                       const struct neap_msg *msg)
{
    struct neap_keep *store = task->run->store;
    bool exited = msg->cause == NEAP_END_EXIT || msg->cause == NEAP_END_SPAWN ||
                  msg->cause == NEAP_END_OUTPUT;

    attempt->exit = exited ? msg->exit : -1;
    attempt->signal = msg->signal;
    attempt->usage = msg->usage;
    attempt->staged_bytes = msg->staged_bytes;
    if (msg->started_ns > 0)
        attempt->started_ns = msg->started_ns;
    attempt->ended_ns = msg->ended_ns;
    attempt->out = log_file(store, &msg->out);
    attempt->err = log_file(store, &msg->err);
    attempt->out_path = attempt->err_path = NULL;
    if (msg->noutput > 0)
        copy_outputs(store, attempt, msg);
    attempt->failure = make_failure(task, msg);
}
