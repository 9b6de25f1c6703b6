#include "core/data.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

struct neap_data *neap_data_create(const struct neap_datum *datum, int count)
{
    struct neap_data *data;
    size_t size = (size_t)count * sizeof(*datum);

    if (count <= 0)
        return NULL;
    data = neap_alloc(sizeof(*data) + size);
    memcpy(data->datum, datum, size);
    data->count = count;
    data->hash = 0;
    data->bytes = 0;
    for (int i = 0; i < count; i++) {
        data->hash = neap_hash(&datum[i].key, sizeof(datum[i].key), data->hash);
        data->bytes += datum[i].bytes;
    }
    return data;
}

void neap_data_destroy(struct neap_data *data)
{
    neap_free(data);
}

/* Key 0 marks an empty slot. */
static uint64_t used_key(uint64_t key)
{
    return key != 0 ? key : 1;
}

/* The slot of `key`, or the empty one where it belongs. */
static size_t find(const struct neap_holding *holding, uint64_t key)
{
    size_t mask = holding->cap - 1;
    size_t at = neap_hash(&key, sizeof(key), 0) & mask;

    while (holding->key[at] != 0 && holding->key[at] != key)
        at = (at + 1) & mask;
    return at;
}

static void grow(struct neap_holding *holding)
{
    struct neap_holding old = *holding;

    holding->cap = old.cap > 0 ? 2 * old.cap : 16;
    holding->key = neap_calloc(holding->cap, sizeof(*holding->key));
    for (size_t i = 0; i < old.cap; i++) {
        if (old.key[i] != 0)
            holding->key[find(holding, old.key[i])] = old.key[i];
    }
    neap_free(old.key);
}

void neap_holding_add(struct neap_holding *holding, uint64_t key)
{
    size_t at;

    key = used_key(key);
    if (4 * (holding->count + 1) > 3 * holding->cap)
        grow(holding);
    at = find(holding, key);
    holding->count += holding->key[at] == 0;
    holding->key[at] = key;
}

bool neap_holding_has(const struct neap_holding *holding, uint64_t key)
{
    key = used_key(key);
    return holding->cap > 0 && holding->key[find(holding, key)] == key;
}

double neap_holding_bytes(const struct neap_holding *holding,
                          const struct neap_data *data)
{
    double bytes = 0;

    if (data == NULL || holding->count == 0)
        return 0;
    for (int i = 0; i < data->count; i++) {
        if (neap_holding_has(holding, data->datum[i].key))
            bytes += data->datum[i].bytes;
    }
    return bytes;
}

void neap_holding_deinit(struct neap_holding *holding)
{
    neap_free(holding->key);
    memset(holding, 0, sizeof(*holding));
}
