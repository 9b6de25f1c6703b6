/* Why does a task wait? What the scheduler says, and what only the engine
 * knows: dependencies, and tasks that would have to end. */
#include <stdio.h>
#include <string.h>

#include "app/engine/api.h"
#include "base/clock.h"
#include "sched/row.h"

#define NAMED_MAX 8 /* ids in a list */

static void put_reason(struct neap_json *json, const char *kind,
                       const char *text)
{
    neap_json_open(json, NULL, '{');
    neap_json_str(json, "kind", kind);
    neap_json_str(json, "text", text);
    neap_json_close(json, '}');
}

static void put_head(struct neap_json *json, const struct neap_run_task *task,
                     const char *verdict)
{
    char id[32];

    neap_run_task_id(task, id);
    neap_json_str(json, "task", id);
    neap_json_str(json, "name", task->spec.common->name);
    neap_json_str(json, "state", neap_run_task_state_name(task->state));
    neap_json_str(json, "verdict", verdict);
}

/* "waits for r7.1 (index, running), r7.2 (…)"; those that are not done. */
static void deps_text(const struct neap_run_task *task, struct neap_buf *out,
                      struct neap_buf *ids)
{
    int named = 0, left = 0;
    char id[32];

    for (int i = 0; i < task->ndeps; i++) {
        const struct neap_run_task *dep = task->deps[i];

        if (dep->state == NEAP_RT_DONE)
            continue;
        if (named == NAMED_MAX) {
            left++;
            continue;
        }
        neap_run_task_id(dep, id);
        neap_buf_printf(out, "%s%s (%s, %s)", named > 0 ? ", " : "waits for ",
                        id, dep->spec.common->name,
                        neap_run_task_state_name(dep->state));
        neap_buf_printf(ids, "%s%s", named > 0 ? ", " : "", id);
        named++;
    }
    if (left > 0)
        neap_buf_printf(out, " and %d more", left);
}

static void why_deps(struct neap_json *json, const struct neap_run_task *task)
{
    struct neap_buf text = NEAP_BUF_INIT, ids = NEAP_BUF_INIT;

    deps_text(task, &text, &ids);
    put_head(json, task, "deps");
    neap_json_open(json, "reasons", '[');
    put_reason(json, "deps", text.data != NULL ? text.data : "");
    neap_json_close(json, ']');
    neap_buf_puts(&ids, " done");
    neap_json_open(json, "unblock", '[');
    neap_json_str(json, NULL, ids.data);
    neap_json_close(json, ']');
    neap_buf_deinit(&text);
    neap_buf_deinit(&ids);
}

/* Between a failure and the next attempt. */
static void why_retry(struct neap_json *json, const struct neap_run_task *task)
{
    char text[200];

    snprintf(text, sizeof text,
             "attempt %d was no success; the next one "
             "follows after a delay",
             task->attempt);
    put_head(json, task, "backoff");
    neap_json_open(json, "reasons", '[');
    put_reason(json, "backoff", text);
    neap_json_close(json, ']');
}

static void why_over(struct neap_json *json, const struct neap_run_task *task)
{
    const struct neap_failure *failure = task->failure;
    bool never =
        failure != NULL && strcmp(failure->kind, "E_UNSCHEDULABLE") == 0;

    put_head(json, task, never ? "unschedulable" : "done");
    neap_json_open(json, "reasons", '[');
    put_reason(json, never ? "unschedulable" : "done",
               failure != NULL ? failure->message : "it is done");
    neap_json_close(json, ']');
}

/* ---- what the scheduler says ---- */

static void put_allocs(struct neap_json *json, const struct neap_why *why,
                       const struct neap_labels *labels)
{
    neap_json_open(json, "allocs", '[');
    for (int i = 0; i < why->nallocs; i++) {
        const struct neap_why_alloc *at = &why->allocs[i];

        neap_json_open(json, NULL, '{');
        neap_json_str(json, "id", neap_alloc_id(at->alloc));
        neap_json_bool(json, "fits", at->fits);
        if (!at->fits)
            neap_row_res(json, "missing", &at->missing, labels, true);
        if (at->refused[0] != '\0') {
            neap_json_str(json, "refused", at->refused);
            neap_json_str(json, "by", why->pack);
        }
        neap_json_close(json, '}');
    }
    neap_json_close(json, ']');
}

static void put_policy(struct neap_json *json, const struct neap_why *why)
{
    neap_json_open(json, "policy", '{');
    neap_json_str(json, "pack", why->pack);
    neap_json_str(json, "priority", why->priority);
    neap_json_open(json, "key", '[');
    for (int i = 0; i < why->nkeys; i++)
        neap_json_num(json, NULL, why->key[i]);
    neap_json_close(json, ']');
    neap_json_close(json, '}');
}

static void put_position(struct neap_json *json, const struct neap_why *why)
{
    if (why->position < 1)
        return;
    neap_json_int(json, "position", why->position);
    neap_json_open(json, "ahead", '[');
    for (int i = 0; i < why->nahead; i++)
        neap_json_str(json, NULL, neap_task_id(why->ahead[i]));
    neap_json_close(json, ']');
}

/* "r7.3, r7.4 ends": what now runs on allocs that are too full. */
static void running_text(struct app *app, struct neap_buf *out)
{
    int named = 0;
    char id[32];

    for (int i = 0; i < neap_engine_nruns(app->engine); i++) {
        const struct neap_run *run = neap_engine_run(app->engine, i);

        for (int k = 0; k < run->ntasks && named < NAMED_MAX; k++) {
            if (run->tasks[k]->state < NEAP_RT_STAGING ||
                neap_run_task_over(run->tasks[k]))
                continue;
            neap_run_task_id(run->tasks[k], id);
            neap_buf_printf(out, "%s%s", named > 0 ? ", " : "any of ", id);
            named++;
        }
    }
    if (named > 0)
        neap_buf_puts(out, " ends");
}

static void put_unblock(struct app *app, struct neap_json *json,
                        const struct neap_why *why)
{
    struct neap_buf text = NEAP_BUF_INIT;

    neap_json_open(json, "unblock", '[');
    if (why->verdict == NEAP_WHY_CAPACITY ||
        why->verdict == NEAP_WHY_PRIORITY || why->verdict == NEAP_WHY_POLICY)
        running_text(app, &text);
    if (text.len > 0)
        neap_json_str(json, NULL, text.data);
    if (why->npending > 0)
        neap_json_str(json, NULL, "an alloc that was asked for is granted");
    neap_json_close(json, ']');
    neap_buf_deinit(&text);
}

static void put_pools(struct app *app, struct neap_json *json,
                      const struct neap_run_task *task)
{
    struct neap_res best, missing = *task->need;
    bool can;

    if (!neap_engine_largest(app->engine, &best))
        return;
    can = neap_res_fits(&best, task->need);
    for (int i = 0; i < NEAP_LABELS_MAX; i++)
        missing.v[i] = missing.v[i] > best.v[i] ? missing.v[i] - best.v[i] : 0;
    neap_json_open(json, "pools", '[');
    neap_json_open(json, NULL, '{');
    neap_json_str(json, "id", "local");
    neap_json_bool(json, "can", can);
    if (!can)
        neap_row_res(json, "missing", &missing, neap_engine_labels(app->engine),
                     true);
    neap_json_close(json, '}');
    neap_json_close(json, ']');
}

/* A word of user-api §3.11: the batching window is a back-off for people. */
static const char *verdict_name(const struct neap_why *why)
{
    return why->verdict == NEAP_WHY_WINDOW ? "backoff"
                                           : neap_why_name(why->verdict);
}

static void why_sched(struct app *app, struct neap_json *json,
                      const struct neap_run_task *task)
{
    struct neap_why why;

    neap_sched_why(neap_engine_sched(app->engine), task->queued,
                   neap_clock_mono_ns(), neap_clock_wall_ns(), &why);
    put_head(json, task, verdict_name(&why));
    neap_json_num(json, "since",
                  (double)(neap_clock_mono_ns() -
                           neap_task_since_ns(task->queued)) /
                      1e9);
    neap_json_open(json, "reasons", '[');
    put_reason(json, verdict_name(&why), why.text);
    neap_json_close(json, ']');
    put_position(json, &why);
    put_allocs(json, &why, neap_engine_labels(app->engine));
    put_pools(app, json, task);
    put_policy(json, &why);
    put_unblock(app, json, &why);
    neap_why_deinit(&why);
}

void api_why(struct app *app, struct request *request, const char *id,
             struct reply *reply)
{
    const struct neap_run_task *task = api_find_task(app, id, reply);
    struct neap_json json;

    (void)request;
    if (task == NULL)
        return;
    json = reply_document(reply, "neap.why/1");
    if (neap_run_task_over(task))
        why_over(&json, task);
    else if (task->queued != NULL)
        why_sched(app, &json, task);
    else if (task->state == NEAP_RT_WAITING)
        why_deps(&json, task);
    else
        why_retry(&json, task);
    neap_json_close(&json, '}');
}

/* ---- all that wait ---- */

struct summary {
    int count[NEAP_WHY_UNSCHEDULABLE + 2]; /* by verdict; the last: deps */
    char text[NEAP_WHY_UNSCHEDULABLE + 2][512];
    int waiting;
};

/* A full answer for each of a million tasks would take too long: the first
 * thousand queued ones are asked, the rest is like the last of them. */
#define ASKED_MAX 1000

static void sum_run(struct app *app, const struct neap_run *run,
                    struct summary *sum, int *asked, int *last)
{
    for (int i = 0; i < run->ntasks; i++) {
        const struct neap_run_task *task = run->tasks[i];
        struct neap_why why;

        if (task->state == NEAP_RT_WAITING) {
            sum->count[NEAP_WHY_UNSCHEDULABLE + 1]++;
            sum->waiting++;
        }
        if (task->state != NEAP_RT_QUEUED)
            continue;
        sum->waiting++;
        if (task->queued != NULL && (*asked)++ < ASKED_MAX) {
            neap_sched_why(neap_engine_sched(app->engine), task->queued,
                           neap_clock_mono_ns(), neap_clock_wall_ns(), &why);
            *last = (int)why.verdict;
            snprintf(sum->text[*last], sizeof sum->text[*last], "%s", why.text);
            neap_why_deinit(&why);
        }
        sum->count[*last]++;
    }
}

void api_why_summary(struct app *app, struct request *request, const char *id,
                     struct reply *reply)
{
    struct neap_json json = reply_document(reply, "neap.why_summary/1");
    int deps = NEAP_WHY_UNSCHEDULABLE + 1, asked = 0, last = NEAP_WHY_BACKOFF;
    struct summary sum;

    (void)request, (void)id;
    memset(&sum, 0, sizeof sum);
    for (int i = 0; i < neap_engine_nruns(app->engine); i++)
        sum_run(app, neap_engine_run(app->engine, i), &sum, &asked, &last);
    snprintf(sum.text[deps], sizeof sum.text[deps], "wait for other tasks");
    neap_json_int(&json, "waiting", sum.waiting);
    neap_json_open(&json, "reasons", '[');
    for (int i = 0; i <= deps; i++) {
        if (sum.count[i] == 0)
            continue;
        neap_json_open(&json, NULL, '{');
        neap_json_str(&json, "kind", i == deps ? "deps" : neap_why_name(i));
        neap_json_int(&json, "count", sum.count[i]);
        neap_json_str(&json, "text", sum.text[i]);
        neap_json_close(&json, '}');
    }
    neap_json_close(&json, ']');
    neap_json_close(&json, '}');
}
