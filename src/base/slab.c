/* A page begins with a pointer to the page before. Under AddressSanitizer each
 * thing is an allocation of its own, so that a use after its end is seen. */
#include "base/slab.h"

#include <string.h>

#include "base/mem.h"

#define PAGE_BYTES  ((size_t)64 * 1024)
#define ALIGN_BYTES ((size_t)16)

struct unused {
    struct unused *next;
};

void neap_slab_init(struct neap_slab *slab, size_t size)
{
    size = (size + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    *slab = (struct neap_slab){ .size = size != 0 ? size : ALIGN_BYTES };
}

void neap_slab_deinit(struct neap_slab *slab)
{
    while (slab->page != NULL) {
        void *before = *(void **)slab->page;

        neap_free(slab->page);
        slab->page = before;
    }
    neap_slab_init(slab, slab->size);
}

#ifdef NEAP_SANITIZE

void *neap_slab_take(struct neap_slab *slab)
{
    slab->used++;
    return neap_calloc(1, slab->size);
}

void neap_slab_give(struct neap_slab *slab, void *thing)
{
    slab->used--;
    neap_free(thing);
}

#else

static void add_page(struct neap_slab *slab)
{
    size_t count = (PAGE_BYTES - ALIGN_BYTES) / slab->size;
    char *page;

    if (count == 0)
        count = 1;
    page = neap_alloc(ALIGN_BYTES + count * slab->size);
    *(void **)page = slab->page;
    slab->page = page;
    for (size_t i = count; i-- > 0;) { /* low addresses are taken first */
        struct unused *free = (void *)(page + ALIGN_BYTES + i * slab->size);

        free->next = slab->unused;
        slab->unused = free;
    }
}

void *neap_slab_take(struct neap_slab *slab)
{
    struct unused *thing;

    if (slab->unused == NULL)
        add_page(slab);
    thing = slab->unused;
    slab->unused = thing->next;
    slab->used++;
    return memset(thing, 0, slab->size);
}

void neap_slab_give(struct neap_slab *slab, void *thing)
{
    struct unused *free = thing;

    free->next = slab->unused;
    slab->unused = free;
    slab->used--;
}

#endif
