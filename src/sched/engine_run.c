/* Runs of an engine, from their number to their end. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sched/engine_impl.h"
#include "sched/run_end.h"

#define ENDED_RUNS_MAX 64 /* in memory; the others are in their files */

int neap_engine_nruns(const struct neap_engine *engine)
{
    return engine->nruns;
}

struct neap_run *neap_engine_run(const struct neap_engine *engine, int i)
{
    return engine->runs[i];
}

static struct neap_run *find_number(const struct neap_engine *engine,
                                    long number)
{
    for (int i = engine->nruns - 1; i >= 0; i--) { /* mostly the newest */
        if (engine->runs[i]->number == number)
            return engine->runs[i];
    }
    return NULL;
}

struct neap_run *neap_engine_find_run(const struct neap_engine *engine,
                                      const char *id)
{
    char *end;
    long number;

    if (id[0] != 'r' || id[1] < '1' || id[1] > '9')
        return NULL;
    number = strtol(id + 1, &end, 10);
    return *end == '\0' ? find_number(engine, number) : NULL;
}

struct neap_run_task *neap_engine_find_task(const struct neap_engine *engine,
                                            const char *id)
{
    const struct neap_run *run;
    char *end;
    long number;

    if (id[0] != 'r' || id[1] < '1' || id[1] > '9')
        return NULL;
    number = strtol(id + 1, &end, 10);
    if (*end != '.' || end[1] < '1' || end[1] > '9')
        return NULL;
    run = find_number(engine, number);
    number = strtol(end + 1, &end, 10);
    if (run == NULL || *end != '\0' || number > INT_MAX)
        return NULL;
    return neap_run_find(run, (int)number);
}

/* Forget the oldest run that has ended and that nobody reads. */
static void forget_one(struct neap_engine *engine)
{
    int ended = 0, oldest = -1;

    for (int i = engine->nruns - 1; i >= 0; i--) {
        if (engine->runs[i]->state == NEAP_RUN_RUNNING)
            continue;
        ended++;
        if (engine->runs[i]->watchers == NULL)
            oldest = i;
    }
    if (ended <= ENDED_RUNS_MAX || oldest < 0)
        return;
    neap_run_destroy(engine->runs[oldest]);
    engine->nruns--;
    memmove(engine->runs + oldest, engine->runs + oldest + 1,
            (size_t)(engine->nruns - oldest) * sizeof *engine->runs);
}

int neap_engine_new_run(struct neap_engine *engine, struct neap_run **ret,
                        struct neap_err *err)
{
    int number;

    if (engine->stopping)
        return neap_err_set(err, NEAP_EPRECONDITION, "the engine is stopping");
    number = neap_history_next_run(engine->state_dir, err);
    if (number < 0)
        return number;
    *ret = neap_run_create(number, neap_clock_wall_ns());
    return 0;
}

int neap_engine_start_run(struct neap_engine *engine, struct neap_run *run,
                          struct neap_err *err)
{
    int rc = neap_history_open(engine->state_dir, run, &run->history, err);

    if (rc < 0)
        return rc;
    forget_one(engine);
    engine->runs = neap_realloc(engine->runs, (size_t)engine->nruns + 1,
                                sizeof *engine->runs);
    engine->runs[engine->nruns++] = run;
    return 0;
}

void neap_engine_abort_run(struct neap_engine *engine, struct neap_run *run,
                           const char *reason)
{
    if (run->state != NEAP_RUN_RUNNING)
        return;
    if (!run->script_ended)
        neap_run_script_ended(run, NEAP_RUN_ABORTED, NULL);
    (void)neap_engine_cancel_run(engine, run, true, reason);
}
