/* The configuration of the engine: the JSON of --config. */
#ifndef NEAP_APP_ENGINE_CONFIG_H
#define NEAP_APP_ENGINE_CONFIG_H

#include <stdbool.h>

#include "base/err.h"
#include "sched/keep.h"

struct config {
    struct neap_keep *keep; /* all strings are in it */
    const char *name, *socket_dir, *repo, *state, *lua_path;
    const char *policy_pack, *policy_priority; /* NULL: the default */
    const char *policy_params;                 /* JSON object; NULL: none */
    const char *agent_path, *agent_shim, *agent_cgroup;
    const char *const *labels; /* "KEY=VALUE" facts of the local node */
    int nlabels;
    const char *const *res; /* "NAME=AMOUNT": gpu and what people add */
    int nres;
    bool private_engine;
    double cpu, mem, disk, max_idle, drain;
    int max_pending, lost_max;
};

/* Unknown fields are refused. NEAP_EINVAL. */
int config_parse(const char *text, struct config *ret, struct neap_err *err);
void config_deinit(struct config *config);

#endif
