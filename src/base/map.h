/* A hash table of pointers to things that hold their own keys.
 *
 * The caller brings the hash, so that it is computed once, and a function that
 * says whether an item has a key. Open addressing; the order of a walk depends
 * on hashes and sizes: nothing that must be reproducible may use it.
 */
#ifndef NEAP_BASE_MAP_H
#define NEAP_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called now. `key` is what was given to neap_map_find. */
typedef bool (*neap_map_same_fn)(const void *item, const void *key);

struct neap_map_slot {
    uint64_t hash;
    void *item; /* NULL: empty */
};

struct neap_map {
    struct neap_map_slot *slot;
    size_t count, cap; /* cap: 0 or a power of two */
    neap_map_same_fn same;
};

void neap_map_init(struct neap_map *map, neap_map_same_fn same);
void neap_map_deinit(struct neap_map *map); /* the items are yours */
void *neap_map_find(const struct neap_map *map, uint64_t hash, const void *key);
/* Add an item whose key is not there yet; not NULL. */
void neap_map_add(struct neap_map *map, uint64_t hash, void *item);
/* Take the item with this key out; NULL if there is none. */
void *neap_map_remove(struct neap_map *map, uint64_t hash, const void *key);

/* Each item once; the body may neither add nor remove. */
#define neap_map_for_each(at, map)                            \
 for (const struct neap_map_slot *at = (map)->slot,           \
                                 *at##_end = at + (map)->cap; \
      at != at##_end; at++)                                   \
  if (at->item != NULL)

/* Good enough for tables, useless against an attacker who may choose keys at
 * length: sizes from outside are limited elsewhere. */
uint64_t neap_hash(const void *data, size_t size, uint64_t seed);
uint64_t neap_hash_text(const char *text, uint64_t seed);

#endif
