/* The memory of one Lua VM: a single mapping with a cap.
 *
 * A VM that cannot be closed any more is freed by dropping its arena, and a
 * memory bomb ends at the cap with Lua's own "not enough memory". Blocks are
 * powers of two with a free list for each size.
 */
#ifndef NEAP_BIND_POLICY_ARENA_H
#define NEAP_BIND_POLICY_ARENA_H

#include <stddef.h>

#define NEAP_ARENA_CLASSES 48

struct neap_arena {
    char *base;
    size_t cap, used;
    void *free_list[NEAP_ARENA_CLASSES]; /* by exponent */
};

/* Map `cap` bytes, untouched until used. Returns 0 or a negative errno. */
int neap_arena_init(struct neap_arena *arena, size_t cap);
void neap_arena_deinit(struct neap_arena *arena); /* twice is fine */
/* A lua_Alloc; `ud` is the arena. */
void *neap_arena_alloc(void *ud, void *p, size_t old_size, size_t new_size);

#endif
