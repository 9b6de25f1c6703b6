/* The packing core alone: N tasks of random sizes go through submit, rounds,
 * start and end, on allocs that a cluster grants at once. No processes.
 *
 *   bench_decisions [N]
 *
 * Standard output is the same on every machine and with every compiler (what
 * went where, as a checksum); the rate goes to standard error. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/sched.h"

#define GIB         (INT64_C(1) << 30)
#define MAX_RUNNING 4096

struct world {
    struct neap_sched *sched;
    struct neap_task *running[MAX_RUNNING]; /* a ring, oldest first */
    unsigned head, count;
    uint64_t checksum, random;
    uint64_t starts, allocs;
    int64_t now_ns;
};

static uint64_t next_random(struct world *w)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = (w->random += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void mix(struct world *w, const char *text)
{
    for (; *text; text++) /* FNV-1a */
        w->checksum =
            (w->checksum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
}

static void on_start(void *ctx, struct neap_task *task,
                     struct neap_alloc *alloc)
{
    struct world *w = ctx;

    mix(w, neap_task_id(task));
    mix(w, neap_alloc_id(alloc));
    w->starts++;
    if (w->count == MAX_RUNNING)
        abort(); /* the menu holds fewer */
    w->running[(w->head + w->count++) % MAX_RUNNING] = neap_task_ref(task);
}

static void on_kill(void *ctx, struct neap_task *task, const char *reason)
{
    (void)ctx;
    (void)task;
    (void)reason;
}

static void on_request(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;

    w->allocs++;
    neap_sched_granted(w->sched, alloc, neap_alloc_total(alloc), NEAP_NEVER,
                       w->now_ns);
}

static void on_cancel_request(void *ctx, struct neap_alloc *alloc)
{
    (void)ctx;
    (void)alloc;
}

static void on_release(void *ctx, struct neap_alloc *alloc)
{
    struct world *w = ctx;

    neap_sched_released(w->sched, alloc, w->now_ns);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Ten kinds of tasks, as a real queue has. */
static void submit_all(struct world *w, long n)
{
    struct neap_task **tasks = neap_calloc((size_t)n, sizeof(tasks[0]));

    for (long i = 0; i < n; i++) {
        uint64_t kind = next_random(w) % 10;
        char id[32];
        struct neap_task_spec spec = { .id = id, .name = "noop", .run = "r1" };

        snprintf(id, sizeof(id), "r1.%ld", i + 1);
        spec.need.v[NEAP_CPU] = 1000 * (int64_t)(1 + kind % 4);
        spec.need.v[NEAP_MEM] = GIB * (int64_t)(1 + kind);
        tasks[i] = neap_task_create(w->sched, &spec);
    }
    neap_sched_submit(w->sched, tasks, (int)n, w->now_ns);
    for (long i = 0; i < n; i++)
        neap_task_unref(tasks[i]);
    neap_free(tasks);
}

/* Rounds until all are done; between two rounds the older half of what runs
 * ends. */
static void run_all(struct world *w, long n)
{
    long done = 0;

    while (done < n) {
        unsigned ends;

        w->now_ns += NEAP_SEC;
        neap_sched_round(w->sched, w->now_ns, w->now_ns);
        ends = (w->count + 1) / 2;
        for (unsigned i = 0; i < ends; i++) {
            struct neap_task *task = w->running[w->head];

            w->head = (w->head + 1) % MAX_RUNNING;
            w->count--;
            neap_sched_running(w->sched, task, w->now_ns);
            neap_sched_ended(w->sched, task, NULL, w->now_ns);
            neap_task_unref(task);
            done++;
        }
    }
}

int main(int argc, char **argv)
{
    static struct world w = { .checksum = UINT64_C(0xcbf29ce484222325),
                              .random = 42 };
    const struct neap_sched_ops ops = {
        .start = on_start,
        .kill = on_kill,
        .request = on_request,
        .cancel_request = on_cancel_request,
        .release = on_release,
    };
    struct neap_shape_spec shape = { .name = "node", .max = 16 };
    struct neap_sched_config config;
    struct neap_labels labels;
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
    double start;

    if (n < 1 || n > 10000000) {
        fprintf(stderr, "usage: bench_decisions [N], N from 1 to 10000000\n");
        return 2;
    }
    shape.res.v[NEAP_CPU] = 64000;
    shape.res.v[NEAP_MEM] = 256 * GIB;
    neap_labels_init(&labels);
    neap_sched_config_init(&config);
    config.max_pending = 16;
    w.sched = neap_sched_create(&config, &labels, &ops, &w);
    neap_sched_set_menu(w.sched, "bench", &shape, 1, 0, NULL);
    start = seconds();
    submit_all(&w, n);
    run_all(&w, n);
    fprintf(stderr, "{\"tasks\":%ld,\"seconds\":%.6f,\"per_second\":%.0f}\n", n,
            seconds() - start, (double)n / (seconds() - start));
    printf("%" PRIu64 " starts on %" PRIu64 " allocs, checksum %016" PRIx64
           "\n",
           w.starts, w.allocs, w.checksum);
    neap_sched_destroy(w.sched, true);
    neap_labels_deinit(&labels);
    return 0;
}
