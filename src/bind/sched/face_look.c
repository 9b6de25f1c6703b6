/* Why does a task wait, and how much of everything there is. */
#include <string.h>

#include "bind/sched/face_impl.h"

void neap_face_stats(struct neap_face_page *page,
                     struct neap_face_stats_view *ret)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_sched_stats stats;

    neap_sched_stats(face->sched, &stats);
    *ret = (struct neap_face_stats_view){
        .total_tasks = (double)stats.total_tasks,
        .total_allocs = (double)stats.total_allocs,
        .rounds = (double)stats.rounds,
        .assigned = (double)stats.assigned,
        .rejected_lines = (double)stats.rejected_lines,
        .policy_errors = (double)stats.policy_errors,
        .requests = (double)stats.requests,
        .refused = (double)stats.refused,
        .queued = stats.queued,
        .staging = stats.staging,
        .running = stats.running,
        .lost = stats.lost,
        .done = (double)stats.done,
        .failed = (double)stats.failed,
        .classes = stats.classes,
        .pending_allocs = stats.pending_allocs,
        .live_allocs = stats.live_allocs,
        .round_ns_last = (double)stats.round_ns_last,
        .round_ns_max = (double)stats.round_ns_max,
        .bytes_per_task = (double)(neap_sched_task_bytes(face->sched) +
                                   sizeof(*face->handle)),
        .rejected_last = stats.rejected_last,
    };
}

static void show_allocs(struct neap_face *face)
{
    const struct neap_why *why = &face->why;

    face->why_allocs = neap_realloc(face->why_allocs, (size_t)why->nallocs + 1,
                                    sizeof(*face->why_allocs));
    for (int i = 0; i < why->nallocs; i++) {
        struct neap_face_why_alloc *to = &face->why_allocs[i];
        const struct neap_why_alloc *from = &why->allocs[i];

        to->number = neap_alloc_number(from->alloc);
        to->fits = from->fits;
        to->refused = from->refused;
        for (int k = 0; k < face->labels.count; k++)
            to->missing[k] = neap_res_get(&from->missing, k);
    }
}

static void show(struct neap_face *face)
{
    const struct neap_why *why = &face->why;
    struct neap_face_why_view *view = &face->why_view;

    show_allocs(face);
    *view = (struct neap_face_why_view){
        .verdict = neap_why_name(why->verdict),
        .text = why->text,
        .pack = why->pack,
        .priority = why->priority,
        .allocs = face->why_allocs,
        .backoff_s = why->backoff_s,
        .position = why->position,
        .nahead = why->nahead,
        .nallocs = why->nallocs,
        .npending = why->npending,
        .nkeys = why->nkeys,
    };
    memcpy(view->key, why->key, sizeof(view->key));
    for (int i = 0; i < why->nahead; i++)
        view->ahead[i] = (double)(intptr_t)neap_task_owner(why->ahead[i]);
}

const struct neap_face_why_view *neap_face_why(struct neap_face_page *page,
                                               int handle, double now_ns,
                                               double wall_s)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_task *task = neap_face_find_task(face, handle);

    if (task == NULL)
        return NULL;
    neap_why_deinit(&face->why);
    neap_sched_why(face->sched, task, neap_face_ns(now_ns),
                   neap_face_ns(wall_s * 1e9), &face->why);
    show(face);
    return &face->why_view;
}
