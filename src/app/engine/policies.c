/* Policies in Lua between the host that runs them and the scheduler. */
#include <string.h>

#include "app/engine/app.h"
#include "base/log.h"

static void on_policy_error(void *ctx, const char *policy, const char *text)
{
    struct app *app = ctx;

    neap_log(NEAP_WARN, "policy %s: %s", policy, text);
    neap_engine_policy_error(app->engine, policy, text);
}

/* The chain's last link, best fit in C, is the scheduler's own. */
static void use(struct app *app)
{
    const struct neap_pack_policy *pack = neap_policy_host_pack(app->policies);
    const struct neap_priority_policy *priority =
        neap_policy_host_priority(app->policies);
    struct neap_sched *sched = neap_engine_sched(app->engine);

    if (pack != NULL)
        neap_sched_set_pack(sched, &pack, 1);
    if (priority != NULL)
        neap_sched_set_priority(sched, priority);
}

int policies_swap(struct app *app, enum neap_policy_kind kind,
                  const char *name_or_path, const char *params,
                  struct neap_err *err)
{
    int rc =
        neap_policy_host_load(app->policies, kind, name_or_path, params, err);

    if (rc == 0)
        use(app);
    return rc;
}

static int open_pack(struct app *app, struct neap_err *err)
{
    const char *name = app->config.policy_pack;
    const char *params = app->config.policy_params;
    int rc;

    if (name != NULL || params != NULL)
        return policies_swap(app, NEAP_POLICY_PACK,
                             name != NULL ? name : "default", params, err);
    rc = neap_policy_host_load_shipped(app->policies, err);
    if (rc == 0)
        use(app);
    return rc;
}

int policies_open(struct app *app, struct neap_err *err)
{
    const struct config *config = &app->config;
    int rc = 0;

    app->policies =
        neap_policy_host_create(config->lua_path,
                                neap_engine_labels(app->engine), err);
    if (app->policies == NULL)
        return err->kind == NEAP_KIND_OTHER ? NEAP_EOTHER
                                            : neap_err_code(err->kind);
    neap_policy_host_on_error(app->policies, on_policy_error, app);
    rc = open_pack(app, err);
    if (rc == 0 && config->policy_priority != NULL)
        rc = policies_swap(app, NEAP_POLICY_PRIORITY, config->policy_priority,
                           NULL, err);
    return rc;
}
