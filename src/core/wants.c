#include "core/wants.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct neap_wants *neap_wants_create(void)
{
    return NEAP_NEW(struct neap_wants);
}

struct neap_wants *neap_wants_copy(const struct neap_wants *wants)
{
    struct neap_wants *copy;

    if (wants == NULL)
        return NULL;
    copy = neap_wants_create();
    for (int i = 0; i < wants->count; i++) {
        for (int k = 0; k < wants->want[i].count; k++)
            neap_wants_add(copy, wants->want[i].key, wants->want[i].value[k]);
    }
    return copy;
}

void neap_wants_destroy(struct neap_wants *wants)
{
    if (wants == NULL)
        return;
    for (int i = 0; i < wants->count; i++) {
        for (int k = 0; k < wants->want[i].count; k++)
            neap_free(wants->want[i].value[k]);
        neap_free(wants->want[i].value);
        neap_free(wants->want[i].key);
    }
    neap_free(wants->want);
    neap_free(wants);
}

/* Few enough to look at one after the other. */
static struct neap_want *get_want(struct neap_wants *wants, const char *key)
{
    struct neap_want *want;
    int at = 0;

    while (at < wants->count && strcmp(wants->want[at].key, key) < 0)
        at++;
    if (at < wants->count && strcmp(wants->want[at].key, key) == 0)
        return &wants->want[at];
    wants->want =
        neap_realloc(wants->want, (size_t)wants->count + 1, sizeof(*want));
    want = &wants->want[at];
    memmove(want + 1, want, (size_t)(wants->count - at) * sizeof(*want));
    *want = (struct neap_want){ .key = neap_strdup(key) };
    wants->count++;
    return want;
}

void neap_wants_add(struct neap_wants *wants, const char *key,
                    const char *value)
{
    struct neap_want *want = get_want(wants, key);

    want->value = neap_realloc(want->value, (size_t)want->count + 1,
                               sizeof(*want->value));
    want->value[want->count++] = neap_strdup(value);
}

static bool same_want(const struct neap_want *a, const struct neap_want *b)
{
    if (strcmp(a->key, b->key) != 0 || a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++) {
        if (strcmp(a->value[i], b->value[i]) != 0)
            return false;
    }
    return true;
}

bool neap_wants_equal(const struct neap_wants *a, const struct neap_wants *b)
{
    int na = a != NULL ? a->count : 0;
    int nb = b != NULL ? b->count : 0;

    if (na != nb)
        return false;
    for (int i = 0; i < na; i++) {
        if (!same_want(&a->want[i], &b->want[i]))
            return false;
    }
    return true;
}

uint64_t neap_wants_hash(const struct neap_wants *wants, uint64_t seed)
{
    for (int i = 0; wants != NULL && i < wants->count; i++) {
        seed = neap_hash_text(wants->want[i].key, seed);
        for (int k = 0; k < wants->want[i].count; k++)
            seed = neap_hash_text(wants->want[i].value[k], seed);
    }
    return seed;
}

static bool any_is(const struct neap_want *want, const char *value)
{
    for (int i = 0; i < want->count; i++) {
        if (strcmp(want->value[i], value) == 0)
            return true;
    }
    return false;
}

bool neap_wants_met(const struct neap_wants *wants,
                    const struct neap_strmap *facts)
{
    int count = wants != NULL ? wants->count : 0;

    for (int i = 0; i < count; i++) {
        const char *value = neap_strmap_get(facts, wants->want[i].key);

        if (value == NULL || !any_is(&wants->want[i], value))
            return false;
    }
    return true;
}

void neap_wants_format(const struct neap_wants *wants, struct neap_buf *out)
{
    for (int i = 0; i < wants->count; i++) {
        const struct neap_want *want = &wants->want[i];

        neap_buf_printf(out, "%s%s=", i > 0 ? ", " : "", want->key);
        for (int k = 0; k < want->count; k++)
            neap_buf_printf(out, "%s%s", k > 0 ? " or " : "", want->value[k]);
    }
}
