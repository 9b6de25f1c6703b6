/* See the header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/sched/face_impl.h"

#define FIRST_CAP 16

void *neap_face_fit(void *array, int *cap, int count, size_t size)
{
    if (count <= *cap)
        return array;
    *cap = count > 2 * *cap ? count + FIRST_CAP : 2 * *cap;
    return neap_realloc(array, (size_t)*cap, size);
}

int neap_face_fail(struct neap_face *face, int rc, const struct neap_err *err)
{
    face->page.error_kind = neap_kind_name(err->kind);
    (void)snprintf(face->page.error, sizeof(face->page.error), "%s", err->text);
    return rc;
}

void neap_face_err(const char *kind, const char *text, struct neap_err *ret)
{
    int number = neap_kind_parse(kind);

    ret->kind = number >= 0 ? (enum neap_kind)number : NEAP_KIND_OTHER;
    (void)snprintf(ret->text, sizeof(ret->text), "%s", text);
}

struct neap_face_page *neap_face_create(const char *lua_path, double seed)
{
    struct neap_face *face = NEAP_NEW(struct neap_face);
    char *absolute = realpath(lua_path, NULL);

    neap_labels_init(&face->labels);
    neap_sched_config_init(&face->config);
    face->config.seed = (uint64_t)(int64_t)seed;
    face->lua_path = neap_strdup(absolute != NULL ? absolute : lua_path);
    free(absolute);
    face->sched = neap_sched_create(&face->config, &face->labels,
                                    &neap_face_sched_ops, face);
    return &face->page;
}

void neap_face_destroy(struct neap_face_page *page)
{
    struct neap_face *face;

    if (page == NULL)
        return;
    face = neap_face_of(page);
    neap_sched_destroy(face->sched, true);
    neap_face_drop_tasks(face);
    neap_face_drop_allocs(face);
    neap_face_drop_menu(face);
    neap_face_drop_policies(face);
    neap_why_deinit(&face->why);
    neap_free(face->why_allocs);
    neap_free(face->filling.op);
    neap_free(face->taken.op);
    neap_labels_deinit(&face->labels);
    neap_free(face->lua_path);
    neap_free(face);
}

void neap_face_get_limits(struct neap_face_page *page,
                          struct neap_face_limits *ret)
{
    const struct neap_sched_config *config = &neap_face_of(page)->config;

    *ret = (struct neap_face_limits){
        .max_pending = config->max_pending,
        .max_idle_ns = (double)config->max_idle_ns,
        .drain_ns = (double)config->drain_ns,
        .max_attempts = config->max_attempts,
        .backfill_age_ns = (double)config->backfill_age_ns,
        .policy_ns = (double)neap_face_of(page)->policy_ns,
        .min_alloc = -1,
    };
}

int neap_face_set_limits(struct neap_face_page *page,
                         const struct neap_face_limits *limits)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_sched_config *config = &face->config;
    const struct neap_res *floor = neap_face_kept(face, limits->min_alloc);

    config->max_pending = neap_face_int(limits->max_pending);
    config->max_idle_ns = neap_face_ns(limits->max_idle_ns);
    config->drain_ns = neap_face_ns(limits->drain_ns);
    config->max_attempts = neap_face_int(limits->max_attempts);
    config->backfill_age_ns = neap_face_ns(limits->backfill_age_ns);
    config->min_alloc = floor != NULL ? *floor : (struct neap_res){ { 0 } };
    neap_sched_set_config(face->sched, config);
    face->policy_ns = neap_face_ns(limits->policy_ns);
    neap_face_limit_policies(face);
    return 1;
}

/* ---- rounds ---- */

void neap_face_stop(struct neap_face_page *page, int drain, double now_ns)
{
    neap_sched_stop(neap_face_of(page)->sched, drain != 0,
                    neap_face_ns(now_ns));
}

int neap_face_idle(struct neap_face_page *page)
{
    return neap_sched_idle(neap_face_of(page)->sched);
}

int neap_face_dirty(struct neap_face_page *page, double now_ns)
{
    return neap_sched_dirty(neap_face_of(page)->sched, neap_face_ns(now_ns));
}

double neap_face_wake(struct neap_face_page *page)
{
    int64_t wake_ns = neap_sched_wake_ns(neap_face_of(page)->sched);

    return wake_ns == NEAP_NEVER ? HUGE_VAL : (double)wake_ns;
}

void neap_face_round(struct neap_face_page *page, double now_ns, double wall_s)
{
    struct neap_face *face = neap_face_of(page);

    neap_sched_round(face->sched, neap_face_ns(now_ns),
                     neap_face_ns(wall_s * 1e9));
    neap_face_count_asked(face);
}
