/* Linear probing; removing shifts the items behind the gap back, so there are
 * no tombstones and a table that is used for ever stays as fast as new.
 *
 * Invariant: between the home of an item and its slot no slot is empty. */
#include "base/map.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 16

void neap_map_init(struct neap_map *map, neap_map_same_fn same)
{
    *map = (struct neap_map){ .same = same };
}

void neap_map_deinit(struct neap_map *map)
{
    neap_free(map->slot);
    neap_map_init(map, map->same);
}

/* The slot of `key`, or the empty one where it belongs. */
static size_t slot_of(const struct neap_map *map, uint64_t hash,
                      const void *key)
{
    size_t mask = map->cap - 1;
    size_t at = hash & mask;

    while (map->slot[at].item != NULL &&
           (map->slot[at].hash != hash || !map->same(map->slot[at].item, key)))
        at = (at + 1) & mask;
    return at;
}

void *neap_map_find(const struct neap_map *map, uint64_t hash, const void *key)
{
    return map->count != 0 ? map->slot[slot_of(map, hash, key)].item : NULL;
}

static void place(struct neap_map *map, uint64_t hash, void *item)
{
    size_t mask = map->cap - 1;
    size_t at = hash & mask;

    while (map->slot[at].item != NULL)
        at = (at + 1) & mask;
    map->slot[at] = (struct neap_map_slot){ hash, item };
}

static void grow(struct neap_map *map)
{
    struct neap_map old = *map;

    map->cap = old.cap != 0 ? old.cap * 2 : FIRST_CAP;
    map->slot = neap_calloc(map->cap, sizeof(*map->slot));
    neap_map_for_each (at, &old) {
        place(map, at->hash, at->item);
    }
    neap_free(old.slot);
}

void neap_map_add(struct neap_map *map, uint64_t hash, void *item)
{
    assert(item != NULL);
    if (map->count + map->count / 2 >= map->cap) /* two thirds full */
        grow(map);
    place(map, hash, item);
    map->count++;
}

void *neap_map_remove(struct neap_map *map, uint64_t hash, const void *key)
{
    size_t mask = map->cap - 1;
    size_t gap;
    void *item;

    if (map->count == 0)
        return NULL;
    gap = slot_of(map, hash, key);
    item = map->slot[gap].item;
    if (item == NULL)
        return NULL;
    for (size_t at = (gap + 1) & mask; map->slot[at].item != NULL;
         at = (at + 1) & mask) {
        size_t home = map->slot[at].hash & mask;

        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->slot[gap] = map->slot[at];
            gap = at;
        }
    }
    map->slot[gap].item = NULL;
    map->count--;
    return item;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ (x >> 32);
}

uint64_t neap_hash(const void *data, size_t size, uint64_t seed)
{
    const char *at = data;
    uint64_t hash = mix(seed + size);

    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;

        memcpy(&word, at, 8);
        hash = mix(hash ^ word);
    }
    if (size != 0) {
        uint64_t word = 0;

        memcpy(&word, at, size);
        hash = mix(hash ^ word);
    }
    return hash;
}

uint64_t neap_hash_text(const char *text, uint64_t seed)
{
    return neap_hash(text, strlen(text), seed);
}
