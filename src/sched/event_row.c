#include "sched/event_row.h"

#include "sched/json.h"
#include "sched/row.h"

static const char *kind_name(const struct neap_event *event)
{
    static const char *const over[] = {
        [NEAP_RT_DONE] = "task.done",
        [NEAP_RT_FAILED] = "task.failed",
        [NEAP_RT_CANCELLED] = "task.cancelled",
        [NEAP_RT_SKIPPED] = "task.skipped",
    };
    const struct neap_run_task *task = event->task;

    switch (event->kind) {
    case NEAP_EVENT_TASK_START:
        return "task.start";
    case NEAP_EVENT_TASK_RETRY:
        return "task.retry";
    case NEAP_EVENT_TASK_LOST:
        return "task.lost";
    case NEAP_EVENT_TASK_OVER:
        return over[task->state];
    default:
        return "run.end";
    }
}

static void put_attempt(struct neap_json *json, const struct neap_event *event)
{
    const struct neap_attempt *attempt = event->what;

    neap_json_int(json, "attempt", attempt->n);
    if (event->kind == NEAP_EVENT_TASK_START) {
        neap_json_str(json, "alloc", attempt->alloc);
        neap_json_str(json, "node", attempt->node);
        return;
    }
    if (attempt->failure != NULL)
        neap_row_failure(json, "error", attempt->failure);
    if (event->kind == NEAP_EVENT_TASK_RETRY)
        neap_json_num(json, "delay", event->number / 1e3);
}

void neap_event_format(const struct neap_run *run, int64_t seq,
                       const struct neap_labels *labels, struct neap_buf *out)
{
    const struct neap_event *event = &run->events.event[seq - 1];
    const struct neap_run_task *task = event->task;
    struct neap_json json = NEAP_JSON(out);
    char id[32];

    neap_json_open(&json, NULL, '{');
    neap_json_int(&json, "seq", seq);
    neap_json_time(&json, "at", event->at_ns);
    neap_json_str(&json, "run", run->id);
    if (event->kind == NEAP_EVENT_ALLOC || event->kind == NEAP_EVENT_POLICY) {
        neap_json_raw(&json, NULL, event->what);
        neap_json_close(&json, '}');
        return;
    }
    neap_json_str(&json, "kind", kind_name(event));
    if (task != NULL) {
        neap_run_task_id(task, id);
        neap_json_str(&json, "task", id);
    }
    if (event->kind == NEAP_EVENT_RUN_END) {
        neap_json_key(&json, "row");
        neap_row_run(&json, run, NULL);
    } else if (event->kind == NEAP_EVENT_TASK_OVER) {
        neap_json_key(&json, "row");
        neap_row_task(&json, task, labels);
    } else {
        put_attempt(&json, event);
    }
    neap_json_close(&json, '}');
}
