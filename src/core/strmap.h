/* A small map of strings, sorted by key; made for labels and node facts. */
#ifndef NEAP_CORE_STRMAP_H
#define NEAP_CORE_STRMAP_H

#include <stdbool.h>

struct neap_strpair {
    char *key, *value;
};

struct neap_strmap {
    int count;
    struct neap_strpair *pair; /* sorted by key, no key twice */
};

struct neap_strmap *neap_strmap_create(void); /* owned */
struct neap_strmap *neap_strmap_copy(
    const struct neap_strmap *map);                /* NULL ok */
void neap_strmap_destroy(struct neap_strmap *map); /* NULL is fine */
void neap_strmap_set(struct neap_strmap *map, const char *key,
                     const char *value); /* copied */
const char *neap_strmap_get(const struct neap_strmap *map, const char *key);
bool neap_strmap_equal(const struct neap_strmap *a,
                       const struct neap_strmap *b);

#endif
