/* A bump allocator and an open hash table of blobs in it. A slot holds the
 * hash, so that growing does not touch the blobs. */
#include "sched/keep.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK ((size_t)64 << 10)
#define ALIGN 16u

struct chunk {
    struct chunk *next;
    size_t size; /* keeps data aligned to 16, with `next` */
    char data[];
};

struct slot {
    uint64_t hash; /* 0: empty */
    size_t size;
    const void *data;
};

struct neap_keep {
    struct chunk *chunks;
    char *at, *end;
    struct slot *slots;
    size_t nslots, nused, bytes;
};

struct neap_keep *neap_keep_create(void)
{
    struct neap_keep *keep = NEAP_NEW(struct neap_keep);

    keep->nslots = 64;
    keep->slots = neap_calloc(keep->nslots, sizeof *keep->slots);
    return keep;
}

void neap_keep_destroy(struct neap_keep *keep)
{
    if (keep == NULL)
        return;
    while (keep->chunks != NULL) {
        struct chunk *next = keep->chunks->next;

        neap_free(keep->chunks);
        keep->chunks = next;
    }
    neap_free(keep->slots);
    neap_free(keep);
}

/* A large piece gets a chunk of its own behind the current one. */
static char *add_chunk(struct neap_keep *keep, size_t size)
{
    struct chunk *chunk = neap_calloc(1, sizeof *chunk + size);

    chunk->size = size;
    chunk->next = keep->chunks;
    keep->chunks = chunk;
    keep->bytes += size;
    return chunk->data;
}

static void *take(struct neap_keep *keep, size_t size, size_t align)
{
    size_t pad = (align - ((uintptr_t)keep->at & (align - 1))) & (align - 1);
    char *at;

    if (size > CHUNK / 4)
        return add_chunk(keep, size);
    if (keep->at == NULL || (size_t)(keep->end - keep->at) < size + pad) {
        keep->at = add_chunk(keep, CHUNK);
        keep->end = keep->at + CHUNK;
        pad = 0;
    }
    at = keep->at + pad;
    keep->at = at + size;
    return at;
}

/* FNV-1a over words: short keys, no adversary inside one run. */
static uint64_t hash_bytes(const unsigned char *data, size_t size)
{
    uint64_t hash = UINT64_C(1469598103934665603) ^ size;
    uint64_t word;

    for (; size >= 8; size -= 8, data += 8) {
        memcpy(&word, data, 8);
        hash = (hash ^ word) * UINT64_C(1099511628211);
        hash ^= hash >> 29;
    }
    for (; size > 0; size--)
        hash = (hash ^ *data++) * UINT64_C(1099511628211);
    hash ^= hash >> 32;
    return hash != 0 ? hash : 1;
}

static void grow(struct neap_keep *keep)
{
    size_t n = keep->nslots * 2;
    struct slot *slots = neap_calloc(n, sizeof *slots);

    for (size_t i = 0; i < keep->nslots; i++) {
        size_t k = keep->slots[i].hash & (n - 1);

        if (keep->slots[i].hash == 0)
            continue;
        while (slots[k].hash != 0)
            k = (k + 1) & (n - 1);
        slots[k] = keep->slots[i];
    }
    neap_free(keep->slots);
    keep->slots = slots;
    keep->nslots = n;
}

static const void *intern(struct neap_keep *keep, const void *data, size_t size,
                          size_t align)
{
    uint64_t hash = hash_bytes(data, size);
    size_t k = hash & (keep->nslots - 1);
    char *copy;

    for (; keep->slots[k].hash != 0; k = (k + 1) & (keep->nslots - 1)) {
        const struct slot *slot = &keep->slots[k];

        if (slot->hash == hash && slot->size == size &&
            ((uintptr_t)slot->data & (align - 1)) == 0 &&
            memcmp(slot->data, data, size) == 0)
            return slot->data;
    }
    copy = take(keep, size > 0 ? size : 1, align);
    memcpy(copy, data, size);
    keep->slots[k] = (struct slot){ hash, size, copy };
    if (++keep->nused * 2 > keep->nslots)
        grow(keep);
    return copy;
}

const void *neap_keep_bytes(struct neap_keep *keep, const void *data,
                            size_t size)
{
    return intern(keep, size > 0 ? data : "", size, ALIGN);
}

const char *neap_keep_string(struct neap_keep *keep, const char *text)
{
    return text == NULL ? NULL : intern(keep, text, strlen(text) + 1, 1);
}

void *neap_keep_alloc(struct neap_keep *keep, size_t size)
{
    return memset(take(keep, size > 0 ? size : 1, ALIGN), 0, size);
}

const char *neap_keep_copy(struct neap_keep *keep, const char *text)
{
    size_t size;

    if (text == NULL)
        return NULL;
    size = strlen(text) + 1;
    return memcpy(take(keep, size, 1), text, size);
}

size_t neap_keep_used(const struct neap_keep *keep)
{
    return keep->bytes + keep->nslots * sizeof *keep->slots;
}
