/* A round: bring the queue and the snapshot up to date, ask the policies for a
 * plan, judge each line against the real state, apply what is left.
 *
 * Anything may change between two lines, because callbacks may report at once;
 * so a line is judged when its turn comes, and a row is only the name of a
 * class, an alloc or a shape that lives at least until the round is over.
 *
 *   submit opens a window of drain_ns; until its end no requests are made, and
 *   no round takes place unless some live alloc has room for what waits
 */
#include <math.h>

#include "core/sched_impl.h"

bool neap_pending_allowed(const struct neap_sched *sched)
{
    bool window_open = sched->window_end_ns != NEAP_NEVER &&
                       sched->window_end_ns > sched->now_ns;

    return !window_open && sched->npending < sched->config.max_pending;
}

/* ---- when ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first tick after `due_ns`, where the policy wants ticks. */
static int64_t next_tick(const struct neap_sched *sched, int64_t due_ns)
{
    double share = sched->nchain > 0 ? sched->chain[0]->idle_tick : 0;
    int64_t tick_ns = (int64_t)((double)sched->config.max_idle_ns * share);
    int64_t ticks;

    if (tick_ns <= 0)
        return due_ns;
    ticks = (due_ns - sched->begin_ns) / tick_ns + 1;
    return sched->begin_ns + ticks * tick_ns;
}

static int64_t idle_until(const struct neap_sched *sched)
{
    const struct neap_alloc *first;

    if (neap_list_empty(&sched->idle))
        return NEAP_NEVER;
    first = neap_list_item(sched->idle.next, struct neap_alloc, idle);
    return next_tick(sched, first->idle_since_ns + sched->config.max_idle_ns);
}

/* The next thing that happens by itself. */
static int64_t deadline(const struct neap_sched *sched)
{
    int64_t next_ns = earlier(sched->window_end_ns, sched->policy_wake_ns);

    next_ns = earlier(next_ns, idle_until(sched));
    if (sched->queued > 0) {
        next_ns = earlier(next_ns, sched->rekey_ns);
        next_ns = earlier(next_ns, neap_pool_next_retry(sched));
    }
    return next_ns;
}

static bool ready(const struct neap_sched *sched, int64_t now_ns)
{
    bool window_open =
        sched->window_end_ns != NEAP_NEVER && sched->window_end_ns > now_ns;

    return sched->dirty && (!window_open || sched->nopen > 0);
}

bool neap_sched_dirty(const struct neap_sched *sched, int64_t now_ns)
{
    if (sched->stopping)
        return false;
    return ready(sched, now_ns) || deadline(sched) <= now_ns;
}

int64_t neap_sched_wake_ns(const struct neap_sched *sched)
{
    if (sched->stopping)
        return NEAP_NEVER;
    return ready(sched, sched->now_ns) ? sched->now_ns : deadline(sched);
}

/* ---- applying ---- */

void neap_start(struct neap_sched *sched, struct neap_task *task,
                struct neap_alloc *alloc)
{
    neap_task_ref(task);
    neap_queue_remove(sched, task);
    task->started = false;
    neap_alloc_put(alloc, task, sched->now_ns);
    sched->stats.assigned++;
    neap_task_move(task, NEAP_TASK_STAGING, sched->now_ns);
    if (task->alloc == alloc && task->killed) { /* while it was told */
        neap_sched_ended(sched, task, NULL, sched->now_ns);
    } else if (task->alloc == alloc) {
        task->started = true;
        sched->ops.start(sched->ctx, task, alloc);
    }
    neap_task_unref(task);
}

static bool is_row(int32_t row, int32_t count)
{
    return row >= 0 && row < count;
}

static const char *apply_assign(struct neap_sched *sched,
                                const struct neap_view *view,
                                const struct neap_plan_line *line)
{
    const char *wrong = NULL;
    struct neap_class *cls;
    struct neap_alloc *alloc;
    int started = 0;

    if (!is_row(line->a, view->nclasses) || !is_row(line->b, view->nallocs))
        return "there is no such class or alloc";
    cls = view->classes[line->a].handle;
    alloc = view->allocs[line->b].handle;
    while (started < line->n && cls->count > 0) {
        wrong = neap_judge_place(sched, cls->demand, cls->avoid, alloc);
        if (wrong != NULL)
            break;
        neap_start(sched, neap_class_head(cls), alloc);
        started++;
    }
    if (started > 0)
        neap_alloc_check_open(alloc);
    if (started < line->n && wrong == NULL)
        wrong = "not so many tasks wait";
    return wrong;
}

/* What a request is for: of a fixed shape all of it; of an elastic one what
 * the line says, but not less than min_alloc. A line that says nothing means
 * all that there is, where there is a limit. */
static bool find_wanted(const struct neap_sched *sched,
                        const struct neap_shape *shape,
                        const struct neap_amounts *amounts,
                        struct neap_res *ret)
{
    struct neap_res floor = sched->config.min_alloc;

    if (!neap_amounts_to_res(amounts, sched->labels->count, ret))
        return false;
    if (!shape->elastic || (neap_res_zero(ret) && !shape->unbounded)) {
        *ret = shape->res;
        return true;
    }
    neap_res_min(&floor, &shape->res);
    neap_res_max(ret, &floor);
    return true;
}

static const char *apply_request(struct neap_sched *sched,
                                 const struct neap_view *view,
                                 const struct neap_plan_line *line)
{
    struct neap_shape *shape;
    struct neap_res want;

    if (!is_row(line->a, view->nshapes))
        return "there is no such shape";
    shape = view->shapes[line->a].handle;
    if (!find_wanted(sched, shape, &line->res, &want))
        return "it asks for an impossible amount";
    for (int i = 0; i < line->n; i++) {
        const char *wrong = neap_judge_request(sched, shape, &want);
        struct neap_alloc *alloc;

        if (wrong != NULL)
            return wrong;
        sched->requests_left--;
        sched->stats.requests++;
        alloc = neap_alloc_create(sched, shape, &want, sched->now_ns);
        if (shape->elastic && line->width > 0)
            alloc->width = line->width;
        sched->ops.request(sched->ctx, alloc);
    }
    return NULL;
}

static const char *apply_cancel(struct neap_sched *sched,
                                const struct neap_view *view,
                                const struct neap_plan_line *line)
{
    struct neap_alloc *alloc;

    (void)sched;
    if (!is_row(line->b, view->npending))
        return "there is no such request";
    alloc = view->pending[line->b].handle;
    if (alloc->state != NEAP_ALLOC_REQUESTED || alloc->cancelling)
        return "the request is no longer under way";
    neap_alloc_cancel_request(alloc);
    return NULL;
}

static const char *apply_release(struct neap_sched *sched,
                                 const struct neap_view *view,
                                 const struct neap_plan_line *line)
{
    struct neap_alloc *alloc;

    if (!is_row(line->b, view->nallocs))
        return "there is no such alloc";
    alloc = view->allocs[line->b].handle;
    if (alloc->state != NEAP_ALLOC_LIVE || alloc->ntasks > 0)
        return "the alloc has tasks or has ended";
    neap_alloc_move(alloc, NEAP_ALLOC_DRAINING, sched->now_ns);
    neap_alloc_release_if_empty(alloc);
    return NULL;
}

static const char *apply_wake(struct neap_sched *sched,
                              const struct neap_view *view,
                              const struct neap_plan_line *line)
{
    double wait_s = line->at - view->now;
    int64_t at_ns;

    if (!(wait_s > 0) || wait_s > 1e9)
        return "it wants to be woken in the past or never";
    at_ns = sched->now_ns + (int64_t)(wait_s * 1e9) + NEAP_USEC;
    sched->policy_wake_ns = earlier(sched->policy_wake_ns, at_ns);
    return NULL;
}

static void apply(struct neap_sched *sched, const struct neap_view *view,
                  const struct neap_plan_line *line)
{
    const char *wrong = "there is no such kind of line";

    switch (line->kind) {
    case NEAP_LINE_ASSIGN:
        wrong = apply_assign(sched, view, line);
        break;
    case NEAP_LINE_REQUEST:
        wrong = apply_request(sched, view, line);
        break;
    case NEAP_LINE_CANCEL:
        wrong = apply_cancel(sched, view, line);
        break;
    case NEAP_LINE_RELEASE:
        wrong = apply_release(sched, view, line);
        break;
    case NEAP_LINE_WAKE:
        wrong = apply_wake(sched, view, line);
        break;
    }
    if (wrong != NULL) {
        sched->stats.rejected_lines++;
        sched->stats.rejected_last = wrong;
    }
}

/* ---- planning ---- */

static bool good_plan(const struct neap_plan *plan)
{
    return plan->count >= 0 && plan->count <= plan->cap &&
           (plan->count == 0 || plan->line != NULL);
}

static void make_plan(struct neap_sched *sched, const struct neap_view *view)
{
    struct neap_plan *plan = &sched->plan;

    for (int i = 0; i < sched->nchain; i++) {
        const struct neap_pack_policy *policy = sched->chain[i];

        plan->count = 0;
        if (policy->pack(policy->ctx, view, plan, NULL) >= 0 && good_plan(plan))
            return;
        sched->stats.policy_errors++;
    }
    plan->count = 0;
    (void)neap_policy_best_fit.pack(NULL, view, plan, NULL);
}

/* Is there anything that a plan could change? Most rounds of a full cluster
 * end here. */
static bool worth_planning(const struct neap_sched *sched,
                           const struct neap_view *view, bool woken)
{
    if (woken || sched->nopen > 0 || view->npending > 0 ||
        !neap_list_empty(&sched->idle))
        return true;
    return sched->queued > 0 && sched->store.requestable &&
           view->max_pending > view->npending;
}

static void plan_and_apply(struct neap_sched *sched)
{
    const struct neap_view *view = neap_view_update(sched);
    bool woken = sched->policy_wake_ns <= sched->now_ns;

    if (woken)
        sched->policy_wake_ns = NEAP_NEVER;
    if (!worth_planning(sched, view, woken))
        return;
    make_plan(sched, view);
    sched->requests_left = sched->config.max_pending - sched->npending;
    for (int i = 0; i < sched->plan.count && !sched->stopping; i++)
        apply(sched, view, &sched->plan.line[i]);
}

static void release_idle(struct neap_sched *sched)
{
    while (idle_until(sched) <= sched->now_ns) {
        struct neap_alloc *alloc =
            neap_list_item(sched->idle.next, struct neap_alloc, idle);

        neap_alloc_move(alloc, NEAP_ALLOC_DRAINING, sched->now_ns);
        neap_alloc_release_if_empty(alloc);
    }
}

static int64_t read_clock(const struct neap_sched *sched)
{
    return sched->ops.clock_ns != NULL ? sched->ops.clock_ns(sched->ctx) : 0;
}

void neap_sched_round(struct neap_sched *sched, int64_t now_ns, int64_t wall_ns)
{
    int64_t began_ns;

    if (sched->in_round || sched->stopping)
        return; /* what made it dirty keeps it so */
    neap_sched_enter(sched, now_ns);
    began_ns = read_clock(sched);
    sched->in_round = true;
    sched->wall_ns = wall_ns;
    sched->dirty = false;
    sched->stats.rounds++;
    if (sched->window_end_ns <= now_ns)
        sched->window_end_ns = NEAP_NEVER;
    neap_pool_tick(sched, now_ns);
    neap_queue_update(sched);
    neap_hold_update(sched);
    neap_queue_update(sched);
    plan_and_apply(sched);
    if (!sched->stopping)
        release_idle(sched);
    sched->in_round = false;
    sched->stats.round_ns_last = read_clock(sched) - began_ns;
    if (sched->stats.round_ns_last > sched->stats.round_ns_max)
        sched->stats.round_ns_max = sched->stats.round_ns_last;
    neap_sched_leave(sched);
}
