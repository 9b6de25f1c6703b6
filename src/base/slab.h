/* Many things of one size without a header each: pages of them, and a list of
 * the free ones. Pages double, from 64 KiB to 2 MiB, where the system has pages
 * of that size. Memory goes back only when the slab ends. */
#ifndef NEAP_BASE_SLAB_H
#define NEAP_BASE_SLAB_H

#include <stddef.h>

struct neap_slab {
    size_t size;       /* of one thing */
    size_t used;       /* how many are out */
    size_t page_bytes; /* of the next page; 0: the smallest */
    void *page, *unused;
};

void neap_slab_init(struct neap_slab *slab, size_t size);
/* Give everything back first; a sanitizer build reports what is still out. */
void neap_slab_deinit(struct neap_slab *slab);
void *neap_slab_take(struct neap_slab *slab); /* zeroed */
void neap_slab_give(struct neap_slab *slab, void *thing);

#endif
