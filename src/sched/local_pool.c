/* A node has at most one alloc here, so the request for it, its grant and its
 * release are the state of the node. */
#include "sched/local_pool.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define NODES_MAX 64

struct node {
    struct neap_agent *agent;
    struct neap_res res;
    struct neap_strmap *facts;
    struct neap_alloc *alloc; /* asked for or held; NULL: none */
};

struct neap_local_pool {
    struct neap_cluster table;
    struct neap_sched *sched;
    struct neap_labels *labels;
    struct neap_res limit;
    struct node node[NODES_MAX];
    int nnode;
};

static struct node *by_agent(struct neap_local_pool *pool,
                             const struct neap_agent *agent)
{
    for (int i = 0; i < pool->nnode; i++) {
        if (pool->node[i].agent == agent)
            return &pool->node[i];
    }
    return NULL;
}

static struct node *by_alloc(struct neap_local_pool *pool,
                             const struct neap_alloc *alloc)
{
    for (int i = 0; i < pool->nnode; i++) {
        if (pool->node[i].alloc == alloc)
            return &pool->node[i];
    }
    return NULL;
}

static void offer_menu(struct neap_local_pool *pool)
{
    struct neap_shape_spec shapes[NODES_MAX];
    struct neap_err err;
    int rc;

    memset(shapes, 0, sizeof shapes);
    for (int i = 0; i < pool->nnode; i++) {
        shapes[i].name = neap_agent_node(pool->node[i].agent);
        shapes[i].res = pool->node[i].res;
        shapes[i].max = 1;
        shapes[i].facts = pool->node[i].facts;
    }
    rc = neap_sched_set_menu(pool->sched, pool->table.name, shapes, pool->nnode,
                             neap_clock_mono_ns(), &err);
    if (rc < 0)
        neap_log(NEAP_ERROR, "pool local: %s", err.text);
}

/* What the node has, no more than the configuration lets us use. */
static void read_capacity(struct neap_local_pool *pool, struct node *node,
                          const struct neap_msg *msg)
{
    for (int i = 0; i < msg->ncapacity; i++) {
        const struct neap_wire_amount *amount = &msg->capacity[i];
        int label = neap_labels_intern(pool->labels, amount->label, NULL);

        if (label >= 0)
            node->res.v[label] = amount->amount;
    }
    for (int i = 0; i < NEAP_LABELS_MAX; i++) {
        if (pool->limit.v[i] > 0 && pool->limit.v[i] < node->res.v[i])
            node->res.v[i] = pool->limit.v[i];
    }
}

static void joined(void *ctx, struct neap_agent *agent,
                   const struct neap_msg *hello)
{
    struct neap_local_pool *pool = ctx;
    struct node *node;

    if (pool->nnode == NODES_MAX) {
        neap_log(NEAP_ERROR, "pool local has %d nodes; agent %s is not used",
                 NODES_MAX, hello->node);
        return;
    }
    node = &pool->node[pool->nnode++];
    memset(node, 0, sizeof *node);
    node->agent = agent;
    node->facts = neap_strmap_create();
    for (int i = 0; i + 1 < hello->nfacts; i += 2)
        neap_strmap_set(node->facts, hello->facts[i], hello->facts[i + 1]);
    read_capacity(pool, node, hello);
    offer_menu(pool);
}

static void suspect(void *ctx, struct neap_agent *agent, bool suspicious)
{
    struct neap_local_pool *pool = ctx;
    struct node *node = by_agent(pool, agent);

    if (node != NULL && node->alloc != NULL &&
        neap_alloc_state(node->alloc) != NEAP_ALLOC_REQUESTED)
        neap_sched_suspect(pool->sched, node->alloc, suspicious,
                           neap_clock_mono_ns());
}

/* First out of the menu, so that nothing is asked of it any more. */
static void gone(void *ctx, struct neap_agent *agent,
                 const struct neap_err *why)
{
    struct neap_local_pool *pool = ctx;
    struct node *node = by_agent(pool, agent);
    struct neap_alloc *alloc;
    int64_t now_ns = neap_clock_mono_ns();

    if (node == NULL)
        return;
    alloc = node->alloc;
    neap_strmap_destroy(node->facts);
    *node = pool->node[--pool->nnode];
    offer_menu(pool);
    if (alloc == NULL)
        return;
    if (neap_alloc_state(alloc) == NEAP_ALLOC_REQUESTED)
        neap_sched_refused(pool->sched, alloc, why, now_ns);
    else
        neap_sched_dead(pool->sched, alloc, why, now_ns);
}

static void refuse(struct neap_local_pool *pool, struct neap_alloc *alloc,
                   int code, const char *text)
{
    struct neap_err err;

    (void)neap_err_set(&err, code, "%s", text);
    neap_sched_refused(pool->sched, alloc, &err, neap_clock_mono_ns());
}

static void request(void *ctx, struct neap_alloc *alloc)
{
    struct neap_local_pool *pool = ctx;
    const struct neap_res *total = neap_alloc_total(alloc);
    struct neap_wire_amount amount[NEAP_LABELS_MAX];
    struct node *node = NULL;
    int count = 0;

    for (int i = 0; i < pool->nnode; i++) {
        if (strcmp(neap_agent_node(pool->node[i].agent),
                   neap_alloc_shape(alloc)) == 0)
            node = &pool->node[i];
    }
    if (node == NULL || node->alloc != NULL) {
        refuse(pool, alloc, NEAP_EUNAVAILABLE,
               "the node is not there or is taken");
        return;
    }
    for (int i = 0; i < pool->labels->count; i++) {
        if (total->v[i] > 0)
            amount[count++] =
                (struct neap_wire_amount){ pool->labels->name[i], total->v[i] };
    }
    node->alloc = alloc;
    neap_agent_lease(node->agent, neap_alloc_id(alloc), amount, count);
}

static void cancel_request(void *ctx, struct neap_alloc *alloc)
{
    struct neap_local_pool *pool = ctx;
    struct node *node = by_alloc(pool, alloc);

    if (node == NULL)
        return;
    neap_agent_free(node->agent, neap_alloc_id(alloc));
    node->alloc = NULL;
    refuse(pool, alloc, NEAP_ECANCELED, "no longer wanted");
}

static void release(void *ctx, struct neap_alloc *alloc)
{
    struct neap_local_pool *pool = ctx;
    struct node *node = by_alloc(pool, alloc);

    if (node != NULL)
        neap_agent_free(node->agent, neap_alloc_id(alloc));
    else
        neap_sched_released(pool->sched, alloc, neap_clock_mono_ns());
}

static void granted(struct neap_local_pool *pool, struct node *node)
{
    if (neap_alloc_state(node->alloc) != NEAP_ALLOC_REQUESTED)
        return; /* the lease was prolonged */
    neap_sched_granted(pool->sched, node->alloc, neap_alloc_total(node->alloc),
                       NEAP_NEVER, neap_clock_mono_ns());
}

static void answer(void *ctx, struct neap_agent *agent,
                   const struct neap_msg *msg)
{
    struct neap_local_pool *pool = ctx;
    struct node *node = by_agent(pool, agent);
    struct neap_alloc *alloc = node != NULL ? node->alloc : NULL;

    if (alloc == NULL || strcmp(neap_alloc_id(alloc), msg->alloc) != 0)
        return; /* of an alloc that was given up */
    if (msg->type == NEAP_MSG_GRANTED) {
        granted(pool, node);
        return;
    }
    node->alloc = NULL;
    if (msg->type == NEAP_MSG_FREED)
        neap_sched_released(pool->sched, alloc, neap_clock_mono_ns());
    else if (neap_alloc_state(alloc) == NEAP_ALLOC_REQUESTED)
        refuse(pool, alloc, neap_err_code((enum neap_kind)msg->kind),
               msg->text != NULL ? msg->text : "refused");
}

static struct neap_agent *agent_of(void *ctx, const struct neap_alloc *alloc)
{
    struct node *node = by_alloc(ctx, alloc);

    return node != NULL ? node->agent : NULL;
}

static bool largest(void *ctx, struct neap_res *ret)
{
    struct neap_local_pool *pool = ctx;

    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < pool->nnode; i++)
        neap_res_max(ret, &pool->node[i].res);
    return pool->nnode > 0;
}

struct neap_local_pool *neap_local_pool_create(struct neap_sched *sched,
                                               struct neap_labels *labels,
                                               const struct neap_res *limit)
{
    struct neap_local_pool *pool = NEAP_NEW(struct neap_local_pool);

    pool->sched = sched;
    pool->labels = labels;
    pool->limit = *limit;
    pool->table = (struct neap_cluster){
        .name = "local",
        .ctx = pool,
        .request = request,
        .cancel_request = cancel_request,
        .release = release,
        .joined = joined,
        .suspect = suspect,
        .gone = gone,
        .answer = answer,
        .agent = agent_of,
        .largest = largest,
    };
    return pool;
}

void neap_local_pool_destroy(struct neap_local_pool *pool)
{
    if (pool == NULL)
        return;
    for (int i = 0; i < pool->nnode; i++)
        neap_strmap_destroy(pool->node[i].facts);
    neap_free(pool);
}

const struct neap_cluster *neap_local_pool_table(struct neap_local_pool *pool)
{
    return &pool->table;
}
