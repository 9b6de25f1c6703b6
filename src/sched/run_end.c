#include "sched/run_end.h"

#include "base/clock.h"
#include "sched/history.h"

void neap_run_check_end(struct neap_run *run)
{
    struct neap_event end = { neap_clock_wall_ns(), NULL, NULL,
                              NEAP_EVENT_RUN_END, 0 };

    if (run->state != NEAP_RUN_RUNNING || !run->script_ended ||
        run->nover < run->ntasks)
        return;
    run->state = run->script_state;
    run->ended_ns = end.at_ns;
    neap_event_add(&run->events, &end);
    neap_history_close(run->history, run);
    run->history = NULL;
}

void neap_run_script_ended(struct neap_run *run, enum neap_run_state state,
                           const char *error)
{
    if (run->script_ended)
        return;
    run->script_ended = true;
    run->script_state = state;
    run->error = neap_keep_copy(run->store, error);
    neap_run_check_end(run);
}
