#include "sched/event.h"

#include "base/mem.h"

void neap_event_log_deinit(struct neap_event_log *log)
{
    neap_free(log->event);
    *log = (struct neap_event_log){ NULL, 0, 0 };
}

void neap_event_add(struct neap_event_log *log, const struct neap_event *event)
{
    if (log->count == log->cap) {
        log->cap = log->cap > 0 ? log->cap * 2 : 64;
        log->event =
            neap_realloc(log->event, (size_t)log->cap, sizeof *log->event);
    }
    log->event[log->count++] = *event;
}
