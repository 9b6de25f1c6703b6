/* Why does a task wait? Asked on demand, answered by the functions that
 * decide: the judge, the quotas, the policy's own explain. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/sched_impl.h"

static const char *const names[] = {
    [NEAP_WHY_CAPACITY] = "capacity",
    [NEAP_WHY_PRIORITY] = "priority",
    [NEAP_WHY_PENDING] = "pending",
    [NEAP_WHY_POLICY] = "policy",
    [NEAP_WHY_BACKOFF] = "backoff",
    [NEAP_WHY_WINDOW] = "window",
    [NEAP_WHY_STAGING] = "staging",
    [NEAP_WHY_RUNNING] = "running",
    [NEAP_WHY_DONE] = "done",
    [NEAP_WHY_UNSCHEDULABLE] = "unschedulable",
};

const char *neap_why_name(enum neap_why_kind kind)
{
    return names[kind];
}

static void say(struct neap_why *why, enum neap_why_kind verdict,
                const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(struct neap_why *why, enum neap_why_kind verdict,
                const char *format, ...)
{
    va_list ap;

    why->verdict = verdict;
    va_start(ap, format);
    (void)vsnprintf(why->text, sizeof(why->text), format, ap);
    va_end(ap);
}

/* ---- place in the queue ---- */

static void look_ahead(const struct neap_sched *sched,
                       const struct neap_task *task, struct neap_why *why)
{
    const struct neap_class *cls = neap_queue_first(sched);
    int position = 1;

    for (; cls != NULL && cls != task->cls; cls = neap_queue_next(cls)) {
        position += (int)cls->count;
        neap_list_for_each (at, &cls->tasks) {
            if (why->nahead == 8)
                break;
            why->ahead[why->nahead++] =
                neap_list_item(at, struct neap_task, link);
        }
    }
    if (cls == NULL)
        return;
    neap_list_for_each (at, &cls->tasks) {
        if (at == &task->link)
            break;
        position++;
        if (why->nahead < 8)
            why->ahead[why->nahead++] =
                neap_list_item(at, struct neap_task, link);
    }
    why->position = position;
    why->nkeys = cls->nkeys;
    memcpy(why->key, cls->key, sizeof(why->key));
    if (cls->by_seq)
        why->key[cls->nkeys - 1] = (double)task->seq;
}

/* ---- allocs ---- */

static const struct neap_pack_policy *active_policy(
    const struct neap_sched *sched)
{
    return sched->nchain > 0 ? sched->chain[0] : &neap_policy_best_fit;
}

static void ask_policy(const struct neap_sched *sched,
                       const struct neap_view *view,
                       const struct neap_class *cls,
                       const struct neap_alloc *alloc,
                       struct neap_why_alloc *out)
{
    const struct neap_pack_policy *policy = active_policy(sched);
    bool has_rows = cls->row >= 0 && cls->row < view->nclasses &&
                    view->classes[cls->row].handle == cls && alloc->row >= 0 &&
                    alloc->row < view->nallocs;

    if (has_rows && policy->explain != NULL)
        policy->explain(policy->ctx, view, cls->row, alloc->row, out->refused,
                        (int)sizeof(out->refused));
}

static void look_at_alloc(const struct neap_sched *sched,
                          const struct neap_view *view,
                          const struct neap_class *cls,
                          struct neap_alloc *alloc, struct neap_why_alloc *out)
{
    const struct neap_res *need = &cls->demand->need;
    const char *wrong = neap_judge_place(sched, cls->demand, cls->avoid, alloc);

    memset(out, 0, sizeof(*out));
    out->alloc = alloc;
    out->fits = wrong == NULL;
    for (int i = 0; i < sched->labels->count; i++) {
        if (need->v[i] > alloc->free.v[i])
            out->missing.v[i] = need->v[i] - alloc->free.v[i];
    }
    if (out->fits)
        ask_policy(sched, view, cls, alloc, out);
    else if (neap_res_zero(&out->missing))
        (void)snprintf(out->refused, sizeof(out->refused), "%s", wrong);
}

static void look_at_allocs(const struct neap_sched *sched,
                           const struct neap_view *view,
                           const struct neap_class *cls, struct neap_why *why)
{
    why->allocs = neap_calloc((size_t)sched->nlive, sizeof(*why->allocs));
    neap_list_for_each (at, &sched->allocs) {
        struct neap_alloc *alloc = neap_list_item(at, struct neap_alloc, link);

        if (neap_alloc_granted(alloc))
            look_at_alloc(sched, view, cls, alloc,
                          &why->allocs[why->nallocs++]);
        else if (!alloc->cancelling &&
                 neap_judge_suits(sched, cls->demand, cls->avoid, alloc) ==
                     NULL)
            why->npending++;
    }
}

/* 0 if some shape that holds the task may be asked for now, or none does. */
static double backoff_s(const struct neap_sched *sched,
                        const struct neap_demand *demand)
{
    int64_t first_ns = NEAP_NEVER;

    for (int i = 0; i < sched->npools; i++) {
        neap_list_for_each (at, &sched->pools[i]->menu) {
            const struct neap_shape *shape =
                neap_list_item(at, struct neap_shape, link);

            if (!neap_shape_holds(shape, demand))
                continue;
            if (neap_shape_quota(sched, shape) != 0)
                return 0;
            if (shape->retry_ns > sched->now_ns && shape->retry_ns < first_ns)
                first_ns = shape->retry_ns;
        }
    }
    return first_ns != NEAP_NEVER ? (double)(first_ns - sched->now_ns) / 1e9
                                  : 0;
}

/* ---- the verdict ---- */

/* "no live alloc has 16 GiB of mem free (best: a2, 11.5 GiB)": of the label
 * that is shortest on the alloc that lacks least. */
static void say_capacity(const struct neap_sched *sched,
                         const struct neap_task *task, struct neap_why *why)
{
    const struct neap_res *need = &task->demand->need;
    const struct neap_why_alloc *best = NULL;
    struct neap_buf text = NEAP_BUF_INIT;
    double best_share = 0;
    int label = -1;

    for (int i = 0; i < why->nallocs; i++) {
        const struct neap_why_alloc *at = &why->allocs[i];
        double share = neap_res_dominant(&at->missing, need);

        if (!neap_res_zero(&at->missing) &&
            (best == NULL || share < best_share)) {
            best = at;
            best_share = share;
        }
    }
    for (int i = 0; best != NULL && i < sched->labels->count; i++) {
        if (best->missing.v[i] > 0 &&
            (label < 0 ||
             (double)best->missing.v[i] * (double)need->v[label] >
                 (double)best->missing.v[label] * (double)need->v[i]))
            label = i;
    }
    if (label < 0) {
        say(why, NEAP_WHY_CAPACITY, "%s",
            why->nallocs > 0 ? "no live alloc takes it"
                             : "there is no live alloc");
        return;
    }
    neap_buf_puts(&text, "no live alloc has ");
    neap_res_format_amount(label, need->v[label], &text);
    neap_buf_printf(&text, " of %s free (best: %s, ",
                    sched->labels->name[label], best->alloc->id);
    neap_res_format_amount(label, best->alloc->free.v[label], &text);
    neap_buf_puts(&text, ")");
    say(why, NEAP_WHY_CAPACITY, "%s", text.data);
    neap_buf_deinit(&text);
}

static const struct neap_why_alloc *find_fitting(const struct neap_why *why)
{
    const struct neap_why_alloc *fitting = NULL;

    for (int i = 0; i < why->nallocs; i++) {
        if (!why->allocs[i].fits)
            continue;
        if (fitting == NULL || why->allocs[i].refused[0] == '\0')
            fitting = &why->allocs[i];
    }
    return fitting;
}

/* Nothing is known about the pools that it may use. */
static void say_unknown(const struct neap_demand *demand, struct neap_why *why)
{
    struct neap_buf text = NEAP_BUF_INIT;

    if (demand->npool == 0) {
        neap_buf_puts(&text, "no pool has said yet what it offers");
    } else {
        neap_demand_say_pool(demand, &text);
        neap_buf_puts(&text, demand->npool > 1
                                 ? " have not said what they offer"
                                 : " has not said what it offers");
    }
    say(why, NEAP_WHY_UNSCHEDULABLE, "%s", text.data);
    neap_buf_deinit(&text);
}

static void judge_queued(const struct neap_sched *sched,
                         const struct neap_task *task, struct neap_why *why)
{
    const struct neap_why_alloc *fitting = find_fitting(why);

    if (fitting != NULL && fitting->refused[0] != '\0')
        say(why, NEAP_WHY_POLICY, "%s has room; %s: %s", fitting->alloc->id,
            why->pack, fitting->refused);
    else if (fitting != NULL && why->position > 1)
        say(why, NEAP_WHY_PRIORITY, "%s has room; %d tasks are before it",
            fitting->alloc->id, why->position - 1);
    else if (fitting != NULL)
        say(why, NEAP_WHY_POLICY,
            "%s has room; it has not been placed there by %s",
            fitting->alloc->id, why->pack);
    else if (why->npending > 0)
        say(why, NEAP_WHY_PENDING,
            "%d alloc%s that can hold it %s been requested", why->npending,
            why->npending > 1 ? "s" : "", why->npending > 1 ? "have" : "has");
    else if (neap_demand_unknown(sched, task->demand))
        say_unknown(task->demand, why);
    else if (sched->window_end_ns != NEAP_NEVER &&
             sched->window_end_ns > sched->now_ns)
        say(why, NEAP_WHY_WINDOW,
            "waits %.3f s for more tasks before allocs are requested",
            (double)(sched->window_end_ns - sched->now_ns) / 1e9);
    else if (why->backoff_s > 0)
        say(why, NEAP_WHY_BACKOFF,
            "the last request was refused; the next is made in %.1f s",
            why->backoff_s);
    else
        say_capacity(sched, task, why);
}

static void why_queued(struct neap_sched *sched, struct neap_task *task,
                       struct neap_why *why)
{
    const struct neap_view *view = &sched->store.view;

    if (!sched->in_round) {
        neap_queue_update(sched);
        view = neap_view_update(sched);
    }
    if (task->cls == NULL) {
        say(why, NEAP_WHY_WINDOW, "it has only just been submitted");
        return;
    }
    look_ahead(sched, task, why);
    look_at_allocs(sched, view, task->cls, why);
    why->backoff_s = backoff_s(sched, task->demand);
    judge_queued(sched, task, why);
}

void neap_sched_why(struct neap_sched *sched, struct neap_task *task,
                    int64_t now_ns, int64_t wall_ns, struct neap_why *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->pack = active_policy(sched)->name;
    ret->priority = sched->priority->name;
    neap_sched_enter(sched, now_ns);
    sched->wall_ns = wall_ns;
    if (task->queued)
        why_queued(sched, task, ret);
    else if (task->state == NEAP_TASK_DONE)
        say(ret, NEAP_WHY_DONE, "%s",
            task->err != NULL ? task->err->err.text : "it has ended");
    else if (task->state == NEAP_TASK_STAGING)
        say(ret, NEAP_WHY_STAGING, "its inputs are on their way to %s",
            task->alloc != NULL ? task->alloc->id : "its alloc");
    else if (task->state == NEAP_TASK_RUNNING)
        say(ret, NEAP_WHY_RUNNING, "it runs on %s",
            task->alloc != NULL ? task->alloc->id : "its alloc");
    else
        say(ret, NEAP_WHY_WINDOW, "it has not been submitted");
    neap_sched_leave(sched);
}

void neap_why_deinit(struct neap_why *why)
{
    neap_free(why->allocs);
    why->allocs = NULL;
    why->nallocs = 0;
}
