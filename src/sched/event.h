/* The events of a run, in order, kept until the run is forgotten.
 *
 * An entry is small: a row is put into words when somebody reads it, so that a
 * reader may be slow, come late or come again, and costs nothing meanwhile.
 * The number of an event is its place, from 1, without gaps.
 */
#ifndef NEAP_SCHED_EVENT_H
#define NEAP_SCHED_EVENT_H

#include <stdint.h>

enum neap_event_kind {
    NEAP_EVENT_TASK_START, /* task, what: struct neap_attempt */
    NEAP_EVENT_TASK_RETRY, /* task, what: struct neap_attempt; number: delay
                              in ms */
    NEAP_EVENT_TASK_LOST,  /* task, what: struct neap_attempt */
    NEAP_EVENT_TASK_OVER,  /* task; the kind by its state */
    NEAP_EVENT_ALLOC,      /* what: text, the whole event but seq, at and run */
    NEAP_EVENT_POLICY,     /* the same */
    NEAP_EVENT_RUN_END
};

struct neap_event {
    int64_t at_ns; /* wall */
    void *task;    /* struct neap_run_task, or NULL */
    const void *what;
    int kind, number;
};

struct neap_event_log {
    struct neap_event *event;
    int64_t count, cap;
};

void neap_event_log_deinit(struct neap_event_log *log);
void neap_event_add(struct neap_event_log *log, const struct neap_event *event);
#endif
