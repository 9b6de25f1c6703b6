/* A host, made-up views and policies written to a temporary folder: what the
 * tests of bind/policy share. */
#ifndef NEAP_TESTS_POLICY_FIXTURE_H
#define NEAP_TESTS_POLICY_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bind/policy/host.h"
#include "core/strmap.h"

#define GIB     (1024.0 * 1024 * 1024)
#define ROWS    16
#define NOW     1.8e9
#define LUA_DIR NEAP_SOURCE_DIR "/lua"

struct fixture {
    struct neap_labels labels;
    struct neap_policy_host *host;
    struct neap_err err;
    char dir[64];                    /* for policies */
    char path[128];                  /* the last one written */
    int errors;                      /* calls of on_error */
    char error[NEAP_ERR_TEXT + 256]; /* the first one since reset */

    struct neap_view view;
    struct neap_class_view classes[ROWS];
    struct neap_alloc_view allocs[ROWS], pending[ROWS];
    struct neap_shape_view shapes[ROWS];
    int32_t open[ROWS];
    struct neap_plan plan;
};

static inline void note_error(void *ctx, const char *policy, const char *text)
{
    struct fixture *f = ctx;

    if (f->errors++ == 0)
        snprintf(f->error, sizeof(f->error), "%s: %s", policy, text);
}

static inline int setup(void **state)
{
    struct fixture *f = NEAP_NEW(struct fixture);

    neap_labels_init(&f->labels);
    f->host = neap_policy_host_create(LUA_DIR, &f->labels, &f->err);
    if (!f->host) {
        fprintf(stderr, "%s\n", f->err.text);
        return -1;
    }
    neap_policy_host_on_error(f->host, note_error, f);
    strcpy(f->dir, "/tmp/neap-policy-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    f->view.now = NOW;
    f->view.max_idle = 300;
    f->view.max_pending = 5;
    f->view.nlabels = f->labels.count;
    f->view.labels = (const char *const *)f->labels.name;
    f->view.classes = f->classes;
    f->view.allocs = f->allocs;
    f->view.pending = f->pending;
    f->view.shapes = f->shapes;
    f->view.open = f->open;
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char *command = neap_format("rm -r %s", f->dir);
    int rc = system(command);

    neap_free(command);
    neap_plan_deinit(&f->plan);
    neap_policy_host_destroy(f->host);
    neap_labels_deinit(&f->labels);
    neap_free(f);
    return rc;
}

static inline struct neap_class_view *add_class(struct fixture *f, int count,
                                                double cpu, double mem)
{
    struct neap_class_view *c = &f->classes[f->view.nclasses];

    c->index = f->view.nclasses++;
    c->id = "r1.1";
    c->name = "align";
    c->user = "ada";
    c->run = "r1";
    c->count = count;
    c->attempt = 1;
    c->res.cpu = cpu;
    c->res.mem = mem;
    f->view.queue_len += count;
    return c;
}

static inline struct neap_alloc_view *add_alloc(struct fixture *f, double cpu,
                                                double mem)
{
    static const char *const ids[ROWS] = { "a1", "a2", "a3", "a4", "a5", "a6" };
    struct neap_alloc_view *a = &f->allocs[f->view.nallocs];

    a->index = f->view.nallocs;
    a->id = ids[f->view.nallocs];
    a->pool_name = "local";
    a->total.cpu = a->free.cpu = cpu;
    a->total.mem = a->free.mem = mem;
    a->life_left = INFINITY;
    f->open[f->view.nopen++] = f->view.nallocs++;
    return a;
}

static inline struct neap_shape_view *add_shape(struct fixture *f,
                                                const char *name, double cpu,
                                                double mem, double price)
{
    struct neap_shape_view *s = &f->shapes[f->view.nshapes++];

    s->name = name;
    s->pool_name = "cloud";
    s->res.cpu = cpu;
    s->res.mem = mem;
    s->price = price;
    s->quota = -1;
    return s;
}

static inline void clear_view(struct fixture *f)
{
    f->view.nclasses = f->view.nallocs = f->view.npending = 0;
    f->view.nshapes = f->view.nopen = f->view.queue_len = 0;
    memset(f->classes, 0, sizeof(f->classes));
    memset(f->allocs, 0, sizeof(f->allocs));
    memset(f->pending, 0, sizeof(f->pending));
    memset(f->shapes, 0, sizeof(f->shapes));
}

/* Write `text` as a policy file; its path. */
static inline const char *policy_file(struct fixture *f, const char *text)
{
    FILE *file;

    snprintf(f->path, sizeof(f->path), "%s/made.lua", f->dir);
    file = fopen(f->path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return f->path;
}

#define PACK(body)                        \
 "local policy = require 'neap.policy'\n" \
 "return policy.pack 'made' { api = 1,\n" body "\n}\n"
#define PRIORITY(body)                    \
 "local policy = require 'neap.policy'\n" \
 "return policy.priority 'made' { api = 1,\n" body "\n}\n"

static inline int load_text(struct fixture *f, enum neap_policy_kind kind,
                            const char *text, const char *params)
{
    f->err.text[0] = '\0';
    return neap_policy_host_load(f->host, kind, policy_file(f, text), params,
                                 &f->err);
}

/* Load what must load. */
static inline void must_load(struct fixture *f, enum neap_policy_kind kind,
                             const char *text)
{
    if (load_text(f, kind, text, NULL) != 0)
        fail_msg("%s", f->err.text);
}

static inline int pack(struct fixture *f)
{
    const struct neap_pack_policy *p = neap_policy_host_pack(f->host);

    assert_non_null(p);
    f->plan.count = 0;
    f->err.text[0] = '\0';
    return p->pack(p->ctx, &f->view, &f->plan, &f->err);
}

static inline void must_pack(struct fixture *f)
{
    if (pack(f) != 0)
        fail_msg("%s", f->err.text);
}

/* Lines of a kind. */
static inline int lines(const struct fixture *f, enum neap_line_kind kind)
{
    int n = 0;

    for (int i = 0; i < f->plan.count; i++)
        n += f->plan.line[i].kind == (int)kind;
    return n;
}

static inline const struct neap_plan_line *line(const struct fixture *f,
                                                enum neap_line_kind kind,
                                                int nth)
{
    for (int i = 0; i < f->plan.count; i++) {
        if (f->plan.line[i].kind == (int)kind && nth-- == 0)
            return &f->plan.line[i];
    }
    fail_msg("the plan has no such line");
    return NULL;
}

/* How many tasks of class `c` the plan puts on alloc `a`. */
static inline int assigned(const struct fixture *f, int c, int a)
{
    int n = 0;

    for (int i = 0; i < f->plan.count; i++) {
        const struct neap_plan_line *l = &f->plan.line[i];

        if (l->kind == NEAP_LINE_ASSIGN && l->a == c && l->b == a)
            n += l->n;
    }
    return n;
}

static inline void assert_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

#endif
