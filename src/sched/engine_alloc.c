/* Between the scheduler and the pools: each alloc to the pool it is of. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sched/engine_impl.h"
#include "sched/row.h"

const struct neap_cluster *neap_engine_cluster(const struct neap_engine *engine,
                                               const char *name)
{
    for (int i = 0; i < engine->npool; i++) {
        if (strcmp(engine->pool[i]->name, name) == 0)
            return engine->pool[i];
    }
    return NULL;
}

static const struct neap_cluster *pool_of(const struct neap_engine *engine,
                                          const struct neap_alloc *alloc)
{
    return neap_engine_cluster(engine, neap_alloc_pool(alloc));
}

const char *neap_engine_node(struct neap_engine *engine,
                             const struct neap_alloc *alloc)
{
    const struct neap_cluster *pool = pool_of(engine, alloc);
    const struct neap_agent *agent =
        pool != NULL ? pool->agent(pool->ctx, alloc) : NULL;

    return agent != NULL ? neap_agent_node(agent) : NULL;
}

bool neap_engine_largest(struct neap_engine *engine, struct neap_res *ret)
{
    bool known = false;

    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < engine->npool; i++) {
        struct neap_res best;

        if (!engine->pool[i]->largest(engine->pool[i]->ctx, &best))
            continue;
        neap_res_max(ret, &best);
        known = true;
    }
    return known;
}

void neap_engine_cancel_alloc(void *ctx, struct neap_alloc *alloc)
{
    const struct neap_cluster *pool = pool_of(ctx, alloc);

    pool->cancel_request(pool->ctx, alloc);
}

void neap_engine_release_alloc(void *ctx, struct neap_alloc *alloc)
{
    const struct neap_cluster *pool = pool_of(ctx, alloc);

    pool->release(pool->ctx, alloc);
}

static void alloc_event(struct neap_engine *engine, const char *kind,
                        const struct neap_alloc *alloc)
{
    struct neap_buf text = NEAP_BUF_INIT;
    struct neap_json json = NEAP_JSON(&text);

    neap_json_str(&json, "kind", kind);
    neap_json_str(&json, "alloc", neap_alloc_id(alloc));
    neap_json_str(&json, "pool", neap_alloc_pool(alloc));
    neap_row_res(&json, "total", neap_alloc_total(alloc), &engine->labels,
                 false);
    neap_engine_event_all(engine, NEAP_EVENT_ALLOC, text.data);
    neap_buf_deinit(&text);
}

void neap_engine_alloc_changed(void *ctx, struct neap_alloc *alloc)
{
    static const char *const kinds[] = {
        [NEAP_ALLOC_LIVE] = "alloc.live",
        [NEAP_ALLOC_RELEASED] = "alloc.free",
        [NEAP_ALLOC_DEAD] = "alloc.lost",
        [NEAP_ALLOC_FAILED] = NULL,
    };
    const char *kind = kinds[neap_alloc_state(alloc)];

    if (kind != NULL)
        alloc_event(ctx, kind, alloc);
}

void neap_engine_request_alloc(void *ctx, struct neap_alloc *alloc)
{
    const struct neap_cluster *pool = pool_of(ctx, alloc);

    alloc_event(ctx, "alloc.request", alloc);
    pool->request(pool->ctx, alloc);
}

static void on_joined(void *ctx, struct neap_agent *agent,
                      const struct neap_msg *hello)
{
    struct neap_engine *engine = ctx;

    neap_log(NEAP_INFO, "agent %s has come (pid %lld)", hello->node,
             (long long)hello->pid);
    for (int i = 0; i < engine->npool; i++)
        engine->pool[i]->joined(engine->pool[i]->ctx, agent, hello);
}

static void on_suspect(void *ctx, struct neap_agent *agent, bool suspect)
{
    struct neap_engine *engine = ctx;

    for (int i = 0; i < engine->npool; i++)
        engine->pool[i]->suspect(engine->pool[i]->ctx, agent, suspect);
}

static void on_gone(void *ctx, struct neap_agent *agent,
                    const struct neap_err *why)
{
    struct neap_engine *engine = ctx;
    struct neap_err gone;

    (void)neap_err_set(&gone, NEAP_EUNAVAILABLE, "agent %s is gone: %s",
                       neap_agent_node(agent),
                       why != NULL ? why->text
                                   : "it has closed the connection");
    neap_log(engine->stopping ? NEAP_INFO : NEAP_WARN, "%s", gone.text);
    for (int i = 0; i < engine->npool; i++)
        engine->pool[i]->gone(engine->pool[i]->ctx, agent, &gone);
}

static void on_message(void *ctx, struct neap_agent *agent,
                       const struct neap_msg *msg)
{
    struct neap_engine *engine = ctx;

    switch (msg->type) {
    case NEAP_MSG_GRANTED:
    case NEAP_MSG_REFUSED:
    case NEAP_MSG_FREED:
        for (int i = 0; i < engine->npool; i++)
            engine->pool[i]->answer(engine->pool[i]->ctx, agent, msg);
        break;
    case NEAP_MSG_STARTED:
    case NEAP_MSG_COLLECTING:
    case NEAP_MSG_ENDED:
        neap_engine_message(engine, msg);
        break;
    default:
        neap_log(NEAP_WARN, "agent %s sent %s, which is not for an engine",
                 neap_agent_node(agent), neap_msg_type_name(msg->type));
    }
}

const struct neap_agents_cbs neap_engine_agent_cbs = {
    .joined = on_joined,
    .message = on_message,
    .suspect = on_suspect,
    .gone = on_gone,
};
