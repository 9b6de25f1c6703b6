/* What deciding in Lua costs, as ratios to the same in C, in one run.
 *
 *   bench_policy_rate [LUA_DIR [ALLOCS [CLASSES]]]
 *
 * The view: ALLOCS allocs (default 10000) with room for everything, CLASSES
 * classes (default 1000) of one task each, so every pair is a candidate. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bind/policy/host.h"
#include "core/policy.h"

#define GIB  (1024.0 * 1024 * 1024)
#define RUNS 5
#define KEYS 200000

struct bench {
    struct neap_view view;
    struct neap_class_view *classes;
    struct neap_alloc_view *allocs;
    int32_t *open;
    struct neap_plan plan;
};

static void make_view(struct bench *b, struct neap_labels *labels, int nallocs,
                      int nclasses)
{
    b->allocs = neap_calloc((size_t)nallocs, sizeof(*b->allocs));
    b->classes = neap_calloc((size_t)nclasses, sizeof(*b->classes));
    b->open = neap_calloc((size_t)nallocs, sizeof(*b->open));
    for (int i = 0; i < nallocs; i++) {
        struct neap_alloc_view *a = &b->allocs[i];

        a->total.cpu = a->free.cpu = 1000 + i * 7 % 16;
        a->total.mem = a->free.mem = 4096 * GIB;
        a->life_left = INFINITY;
        a->id = "a1";
        a->index = b->open[i] = i;
    }
    for (int i = 0; i < nclasses; i++) {
        struct neap_class_view *c = &b->classes[i];

        c->res.cpu = 1 + i % 4;
        c->res.mem = GIB;
        c->count = 1;
        c->name = c->user = c->run = c->id = "x";
        c->index = i;
    }
    b->view = (struct neap_view){ .now = 1.8e9,
                                  .max_idle = 300,
                                  .nclasses = nclasses,
                                  .nallocs = nallocs,
                                  .nlabels = labels->count,
                                  .queue_len = nclasses,
                                  .classes = b->classes,
                                  .allocs = b->allocs,
                                  .open = b->open,
                                  .nopen = nallocs,
                                  .labels = (const char *const *)labels->name };
}

/* Nanoseconds per class × alloc, the best of some rounds. */
static double pack_ns(struct bench *b, const struct neap_pack_policy *policy)
{
    double pairs = (double)b->view.nclasses * b->view.nallocs;
    double best = INFINITY;
    struct neap_err err;

    for (int i = 0; i < RUNS; i++) {
        int64_t start_ns = neap_clock_mono_ns();

        b->plan.count = 0;
        if (policy->pack(policy->ctx, &b->view, &b->plan, &err) != 0) {
            fprintf(stderr, "%s: %s\n", policy->name, err.text);
            exit(1);
        }
        best = fmin(best, (double)(neap_clock_mono_ns() - start_ns) / pairs);
    }
    return best;
}

static double key_ns(const struct neap_priority_policy *policy)
{
    struct neap_key_view task = {
        .id = "r1.1", .name = "x", .user = "u", .run = "r1", .res.cpu = 1
    };
    double key[NEAP_KEYS_MAX];
    int64_t start_ns = neap_clock_mono_ns();
    struct neap_err err;

    for (int i = 0; i < KEYS; i++) {
        task.seq = i;
        if (policy->key(policy->ctx, &task, key, &err) < 1) {
            fprintf(stderr, "%s: %s\n", policy->name, err.text);
            exit(1);
        }
    }
    return (double)(neap_clock_mono_ns() - start_ns) / KEYS;
}

static void must(int rc, const struct neap_err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

int main(int argc, char **argv)
{
    const char *lua = argc > 1 ? argv[1] : "lua";
    struct bench b = { .plan = { 0 } };
    struct neap_labels labels;
    struct neap_policy_host *host;
    struct neap_err err;
    double c, l, kc, kl;

    neap_labels_init(&labels);
    host = neap_policy_host_create(lua, &labels, &err);
    must(host ? 0 : -1, &err);
    must(neap_policy_host_load(host, NEAP_POLICY_PACK, "default", NULL, &err),
         &err);
    must(neap_policy_host_load(host, NEAP_POLICY_PRIORITY, "fifo", NULL, &err),
         &err);
    make_view(&b, &labels, argc > 2 ? atoi(argv[2]) : 10000,
              argc > 3 ? atoi(argv[3]) : 1000);
    c = pack_ns(&b, &neap_policy_best_fit);
    l = pack_ns(&b, neap_policy_host_pack(host));
    kc = key_ns(&neap_policy_by_priority);
    kl = key_ns(neap_policy_host_priority(host));
    printf("candidate  C best_fit %.2f ns, Lua default %.2f ns, ratio %.2f\n",
           c, l, l / c);
    printf("round      %d x %d in %.1f ms (C %.1f ms)\n", b.view.nallocs,
           b.view.nclasses, l * b.view.nallocs * b.view.nclasses / 1e6,
           c * b.view.nallocs * b.view.nclasses / 1e6);
    printf("key        C by_priority %.0f ns, Lua fifo %.0f ns, %.0f keys/s\n",
           kc, kl, 1e9 / kl);
    neap_policy_host_destroy(host);
    neap_plan_deinit(&b.plan);
    neap_labels_deinit(&labels);
    neap_free(b.allocs);
    neap_free(b.classes);
    neap_free(b.open);
    return 0;
}
