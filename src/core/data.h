/* Which data a task reads, and which an alloc already has: the ground of data
 * locality. Content is named by 64-bit keys (the first bits of its digest):
 * a collision makes a guess of a policy a little wrong, and nothing else.
 */
#ifndef NEAP_CORE_DATA_H
#define NEAP_CORE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct neap_datum {
    uint64_t key;
    double bytes;
};

/* What a task reads; immutable. */
struct neap_data {
    uint64_t hash; /* of the keys in their order */
    double bytes;  /* of all */
    int count;
    struct neap_datum datum[];
};

/* Owned; NULL for none. `datum` is copied. */
struct neap_data *neap_data_create(const struct neap_datum *datum, int count);
void neap_data_destroy(struct neap_data *data); /* NULL is fine */

/* What an alloc has. Zeroed is empty. */
struct neap_holding {
    uint64_t *key; /* open addressing; 0: empty */
    size_t count, cap;
};

void neap_holding_add(struct neap_holding *holding, uint64_t key);
bool neap_holding_has(const struct neap_holding *holding, uint64_t key);
/* Bytes of `data` (NULL: none) that are there. */
double neap_holding_bytes(const struct neap_holding *holding,
                          const struct neap_data *data);
void neap_holding_deinit(struct neap_holding *holding);

#endif
