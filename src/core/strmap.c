#include "core/strmap.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

struct neap_strmap *neap_strmap_create(void)
{
    return NEAP_NEW(struct neap_strmap);
}

struct neap_strmap *neap_strmap_copy(const struct neap_strmap *map)
{
    struct neap_strmap *copy;

    if (map == NULL)
        return NULL;
    copy = neap_strmap_create();
    copy->pair = neap_realloc(NULL, (size_t)map->count, sizeof(*copy->pair));
    for (int i = 0; i < map->count; i++) {
        copy->pair[i].key = neap_strdup(map->pair[i].key);
        copy->pair[i].value = neap_strdup(map->pair[i].value);
    }
    copy->count = map->count;
    return copy;
}

void neap_strmap_destroy(struct neap_strmap *map)
{
    if (map == NULL)
        return;
    for (int i = 0; i < map->count; i++) {
        neap_free(map->pair[i].key);
        neap_free(map->pair[i].value);
    }
    neap_free(map->pair);
    neap_free(map);
}

/* Where `key` is or belongs; *ret_found says which. */
static int place_of(const struct neap_strmap *map, const char *key,
                    bool *ret_found)
{
    int low = 0;
    int high = map->count;

    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(map->pair[middle].key, key);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

void neap_strmap_set(struct neap_strmap *map, const char *key,
                     const char *value)
{
    char *copy = neap_strdup(value); /* `value` may be the one replaced */
    bool found;
    int at = place_of(map, key, &found);

    if (found) {
        neap_free(map->pair[at].value);
        map->pair[at].value = copy;
        return;
    }
    map->pair =
        neap_realloc(map->pair, (size_t)map->count + 1, sizeof(*map->pair));
    memmove(&map->pair[at + 1], &map->pair[at],
            (size_t)(map->count - at) * sizeof(*map->pair));
    map->pair[at].key = neap_strdup(key);
    map->pair[at].value = copy;
    map->count++;
}

const char *neap_strmap_get(const struct neap_strmap *map, const char *key)
{
    bool found;
    int at;

    if (map == NULL)
        return NULL;
    at = place_of(map, key, &found);
    return found ? map->pair[at].value : NULL;
}

bool neap_strmap_equal(const struct neap_strmap *a, const struct neap_strmap *b)
{
    int na = a != NULL ? a->count : 0;
    int nb = b != NULL ? b->count : 0;

    if (na != nb)
        return false;
    for (int i = 0; i < na; i++) {
        if (strcmp(a->pair[i].key, b->pair[i].key) != 0 ||
            strcmp(a->pair[i].value, b->pair[i].value) != 0)
            return false;
    }
    return true;
}
