/* What the parts of the engine program share. */
#ifndef NEAP_APP_ENGINE_APP_H
#define NEAP_APP_ENGINE_APP_H

#include <uv.h>

#include "app/engine/config.h"
#include "app/engine/sse.h"
#include "bind/policy/host.h"
#include "sched/engine.h"
#include "store/repo.h"

struct agent_child;
struct lifeline;

struct app {
    uv_loop_t loop;
    struct config config;
    char *socket, *agent_socket; /* paths */
    int64_t started_ns;          /* wall */
    struct neap_engine *engine;
    struct server *server;
    struct sse_set *streams;
    struct neap_policy_host *policies;
    struct agent_child *agent;
    struct lifeline *lifeline; /* NULL: none */
    uv_signal_t sigint, sigterm;
    uv_timer_t deadline; /* of a stop */
    uv_timer_t left;     /* runs: while some is read by nobody */
    struct neap_repo *repo;
    bool leaving, closing;
    int status;
};

/* Stop: `drain` lets running tasks end. Twice is fine. */
void app_stop(struct app *app, bool drain);

/* ---- policies.c ---- */
/* Load those of the configuration. */
int policies_open(struct app *app, struct neap_err *err);
int policies_swap(struct app *app, enum neap_policy_kind kind,
                  const char *name_or_path, const char *params,
                  struct neap_err *err);

#endif
