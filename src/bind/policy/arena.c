/* See the header. A free block holds the pointer to the next one of its size.
 * Nothing here may be left half done: the VM can be interrupted for good at
 * any instruction of LuaJIT, but not inside this file, which belongs to the
 * program (jail.h). */
#include "bind/policy/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SMALLEST 4 /* 16 bytes: LuaJIT wants that alignment */

static int exponent(size_t size)
{
    if (size <= (size_t)1 << SMALLEST)
        return SMALLEST;
    return (int)(sizeof(size_t) * 8) - __builtin_clzl(size - 1);
}

int neap_arena_init(struct neap_arena *arena, size_t cap)
{
    memset(arena, 0, sizeof(*arena));
    arena->base = mmap(NULL, cap, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena->base == MAP_FAILED) {
        arena->base = NULL;
        return -errno;
    }
    arena->cap = cap;
    return 0;
}

void neap_arena_deinit(struct neap_arena *arena)
{
    if (arena->base)
        munmap(arena->base, arena->cap);
    memset(arena, 0, sizeof(*arena));
}

static void give_back(struct neap_arena *arena, void *p, int e)
{
    *(void **)p = arena->free_list[e];
    arena->free_list[e] = p;
}

static void *take(struct neap_arena *arena, int e)
{
    void *p;

    if (e >= NEAP_ARENA_CLASSES)
        return NULL;
    p = arena->free_list[e];
    if (p) {
        arena->free_list[e] = *(void **)p;
        return p;
    }
    if (arena->cap - arena->used < (size_t)1 << e)
        return NULL;
    p = arena->base + arena->used;
    arena->used += (size_t)1 << e;
    return p;
}

void *neap_arena_alloc(void *ud, void *p, size_t old_size, size_t new_size)
{
    struct neap_arena *arena = ud;
    int old_e = p ? exponent(old_size) : 0;
    int e;
    void *q;

    if (new_size == 0) {
        if (p)
            give_back(arena, p, old_e);
        return NULL;
    }
    e = exponent(new_size);
    if (p && e == old_e)
        return p;
    q = take(arena, e);
    if (!q && p && e < old_e)
        return p; /* shrinking must not fail */
    if (q && p) {
        memcpy(q, p, old_size < new_size ? old_size : new_size);
        give_back(arena, p, old_e);
    }
    return q;
}
