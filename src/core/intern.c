/* Names and demands are kept once: a million tasks of ten kinds hold pointers
 * to ten demands, and comparing two demands is comparing two pointers.
 *
 * A name that no task has is kept for a while when it knows how long its tasks
 * took: the next run will have the same names. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/sched_impl.h"

static bool same_word(const void *item, const void *key)
{
    return strcmp(((const struct neap_word *)item)->text, key) == 0;
}

struct neap_word *neap_word_get(struct neap_sched *sched, const char *text)
{
    uint64_t hash = neap_hash_text(text, 0);
    struct neap_word *word = neap_map_find(&sched->words, hash, text);

    if (word == NULL) {
        size_t size = strlen(text) + 1;

        word = neap_calloc(1, sizeof(*word) + size);
        word->hash = hash;
        memcpy(word->text, text, size);
        neap_map_add(&sched->words, hash, word);
    } else if (word->refs == 0) {
        sched->kept_words--;
    }
    word->refs++;
    return word;
}

static void free_word(struct neap_word *word)
{
    neap_free(word->durations);
    neap_free(word);
}

void neap_word_unref(struct neap_sched *sched, struct neap_word *word)
{
    if (word == NULL || --word->refs > 0)
        return;
    if (word->durations != NULL && sched->kept_words < NEAP_KEPT_NAMES_MAX) {
        sched->kept_words++;
        return;
    }
    (void)neap_map_remove(&sched->words, word->hash, word->text);
    free_word(word);
}

static bool same_pools(const struct neap_demand *a, const struct neap_demand *b)
{
    return a->npool == b->npool &&
           (a->npool == 0 ||
            memcmp(a->pool, b->pool, (size_t)a->npool * sizeof(*a->pool)) == 0);
}

static bool same_demand(const void *item, const void *key)
{
    const struct neap_demand *a = item;
    const struct neap_demand *b = key;

    return a->name == b->name && a->user == b->user && a->run == b->run &&
           same_pools(a, b) && a->expect_s == b->expect_s &&
           a->timeout_s == b->timeout_s && neap_res_equal(&a->need, &b->need) &&
           neap_wants_equal(a->where, b->where);
}

static uint64_t hash_demand(const struct neap_demand *demand)
{
    const void *names[] = { demand->name, demand->user, demand->run };
    double times[] = { demand->expect_s, demand->timeout_s };
    uint64_t hash = neap_hash(&demand->need, sizeof(demand->need), 0);

    hash = neap_hash(names, sizeof(names), hash);
    hash = neap_hash(times, sizeof(times), hash);
    for (int i = 0; i < demand->npool; i++)
        hash = neap_hash_text(demand->pool[i]->text, hash);
    return neap_wants_hash(demand->where, hash);
}

/* A time that is no time counts as unknown; also makes -0 and 0 one. */
static double clean_s(double seconds)
{
    return seconds > 0 && isfinite(seconds) ? seconds : 0;
}

static void release_names(struct neap_sched *sched, struct neap_demand *demand)
{
    neap_word_unref(sched, demand->name);
    neap_word_unref(sched, demand->user);
    neap_word_unref(sched, demand->run);
    for (int i = 0; i < demand->npool; i++)
        neap_word_unref(sched, demand->pool[i]);
    neap_free(demand->pool);
    neap_wants_destroy(demand->where);
}

static void get_pools(struct neap_sched *sched,
                      const struct neap_task_spec *spec,
                      struct neap_demand *demand)
{
    if (spec->npool == 0)
        return;
    demand->npool = spec->npool;
    demand->pool = neap_calloc((size_t)spec->npool, sizeof(struct neap_word *));
    for (int i = 0; i < spec->npool; i++)
        demand->pool[i] = neap_word_get(sched, spec->pool[i]);
}

/* The one that is like `wanted`, whose names it takes. */
static struct neap_demand *get_demand(struct neap_sched *sched,
                                      struct neap_demand *wanted)
{
    uint64_t hash = hash_demand(wanted);
    struct neap_demand *demand =
        neap_map_find(&sched->demand_map, hash, wanted);

    if (demand != NULL) {
        release_names(sched, wanted);
    } else {
        demand = NEAP_NEW(struct neap_demand);
        *demand = *wanted;
        demand->hash = hash;
        neap_list_init(&demand->active);
        neap_map_add(&sched->demand_map, hash, demand);
    }
    demand->refs++;
    return demand;
}

static struct neap_demand *find_demand(struct neap_sched *sched,
                                       const struct neap_task_spec *spec)
{
    struct neap_demand wanted = {
        .need = spec->need,
        .name = neap_word_get(sched, spec->name != NULL ? spec->name : ""),
        .user = neap_word_get(sched, spec->user != NULL ? spec->user : ""),
        .run = neap_word_get(sched, spec->run != NULL ? spec->run : ""),
        .where = neap_wants_copy(spec->where),
        .expect_s = clean_s(spec->expect_s),
        .timeout_s = clean_s(spec->timeout_s),
    };

    get_pools(sched, spec, &wanted);
    return get_demand(sched, &wanted);
}

static bool same_text(const char *text, const struct neap_word *word)
{
    return strcmp(text != NULL ? text : "", word->text) == 0;
}

static bool is_like(const struct neap_demand *demand,
                    const struct neap_task_spec *spec)
{
    return neap_res_equal(&demand->need, &spec->need) &&
           same_text(spec->name, demand->name) &&
           same_text(spec->user, demand->user) &&
           same_text(spec->run, demand->run) &&
           clean_s(spec->expect_s) == demand->expect_s &&
           clean_s(spec->timeout_s) == demand->timeout_s &&
           demand->npool == 0 && demand->where == NULL;
}

/* Tasks come in crowds of a few kinds: a look at the last demand with the same
 * first amounts saves looking up each name. Only for those without pools and
 * facts. */
static struct neap_demand **recent(struct neap_sched *sched,
                                   const struct neap_res *need)
{
    uint64_t mixed = (uint64_t)need->v[NEAP_CPU] * 31 +
                     (uint64_t)need->v[NEAP_MEM] +
                     (uint64_t)need->v[NEAP_DISK] * 7;

    return &sched->recent[mixed * UINT64_C(0x9e3779b97f4a7c15) >>
                          (64 - NEAP_RECENT_BITS)];
}

struct neap_demand *neap_demand_get(struct neap_sched *sched,
                                    const struct neap_task_spec *spec)
{
    struct neap_demand **last = recent(sched, &spec->need);
    struct neap_demand *demand = *last;

    if (demand != NULL && spec->npool == 0 && spec->where == NULL &&
        is_like(demand, spec))
        demand->refs++;
    else
        demand = *last = find_demand(sched, spec);
    return demand;
}

void neap_demand_set_expect(struct neap_sched *sched,
                            struct neap_demand **demand, double expect_s)
{
    struct neap_demand *before = *demand;
    struct neap_demand wanted = *before;

    wanted.expect_s = clean_s(expect_s);
    wanted.name = neap_word_get(sched, before->name->text);
    wanted.user = neap_word_get(sched, before->user->text);
    wanted.run = neap_word_get(sched, before->run->text);
    wanted.where = neap_wants_copy(before->where);
    wanted.pool = NULL;
    if (before->npool > 0)
        wanted.pool =
            neap_calloc((size_t)before->npool, sizeof(struct neap_word *));
    for (int i = 0; i < before->npool; i++)
        wanted.pool[i] = neap_word_get(sched, before->pool[i]->text);
    wanted.refs = wanted.queued = wanted.checked = 0;
    *demand = get_demand(sched, &wanted);
    neap_demand_unref(sched, before);
}

void neap_demand_unref(struct neap_sched *sched, struct neap_demand *demand)
{
    struct neap_demand **last;

    if (--demand->refs > 0)
        return;
    last = recent(sched, &demand->need);
    if (*last == demand)
        *last = NULL;
    (void)neap_map_remove(&sched->demand_map, demand->hash, demand);
    release_names(sched, demand);
    neap_free(demand);
}

bool neap_demand_allows(const struct neap_demand *demand,
                        const struct neap_word *pool)
{
    for (int i = 0; i < demand->npool; i++) {
        if (demand->pool[i] == pool)
            return true;
    }
    return demand->npool == 0;
}

void neap_intern_init(struct neap_sched *sched)
{
    neap_map_init(&sched->words, same_word);
    neap_map_init(&sched->demand_map, same_demand);
}

void neap_intern_deinit(struct neap_sched *sched)
{
    neap_map_for_each (at, &sched->words) {
        free_word(at->item);
    }
    neap_map_deinit(&sched->words);
    neap_map_deinit(&sched->demand_map);
}
