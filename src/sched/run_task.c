#include "sched/run_task.h"

#include <string.h>

static const char *const names[] = {
    [NEAP_RT_WAITING] = "waiting",       [NEAP_RT_QUEUED] = "queued",
    [NEAP_RT_STAGING] = "staging",       [NEAP_RT_RUNNING] = "running",
    [NEAP_RT_COLLECTING] = "collecting", [NEAP_RT_DONE] = "done",
    [NEAP_RT_FAILED] = "failed",         [NEAP_RT_CANCELLED] = "cancelled",
    [NEAP_RT_SKIPPED] = "skipped",
};

#define TO(state) (1u << NEAP_RT_##state)

/* Messages of an agent may come late or be skipped, so an attempt may jump
 * forward; it only ever goes back to queued. */
static const unsigned edges[] = {
    [NEAP_RT_WAITING] = TO(QUEUED) | TO(SKIPPED) | TO(CANCELLED) | TO(FAILED),
    [NEAP_RT_QUEUED] = TO(STAGING) | TO(CANCELLED) | TO(FAILED),
    [NEAP_RT_STAGING] = TO(RUNNING) | TO(COLLECTING) | TO(QUEUED) | TO(DONE) |
                        TO(FAILED) | TO(CANCELLED),
    [NEAP_RT_RUNNING] =
        TO(COLLECTING) | TO(QUEUED) | TO(DONE) | TO(FAILED) | TO(CANCELLED),
    [NEAP_RT_COLLECTING] = TO(QUEUED) | TO(DONE) | TO(FAILED) | TO(CANCELLED),
    [NEAP_RT_DONE] = 0,
    [NEAP_RT_FAILED] = 0,
    [NEAP_RT_CANCELLED] = 0,
    [NEAP_RT_SKIPPED] = 0,
};

const char *neap_run_task_state_name(enum neap_run_task_state state)
{
    return names[state];
}

int neap_run_task_state_parse(const char *name)
{
    for (int i = 0; i < NEAP_RT_STATES; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

bool neap_run_task_over(const struct neap_run_task *task)
{
    return task->state >= NEAP_RT_DONE;
}

bool neap_run_task_may(enum neap_run_task_state from,
                       enum neap_run_task_state to)
{
    return (edges[from] & (1u << to)) != 0;
}
