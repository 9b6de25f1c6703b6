/* A page begins with where it came from. Under AddressSanitizer each thing is
 * an allocation of its own, so that a use after its end is seen. */
#include "base/slab.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

#define FIRST_BYTES ((size_t)64 * 1024)
#define LAST_BYTES  ((size_t)2 * 1024 * 1024) /* a huge page of the system */
#define ALIGN_BYTES ((size_t)16)

struct unused {
    struct unused *next;
};

struct page {
    struct page *before;
    size_t mapped; /* bytes from the system; 0: from the heap */
};

void neap_slab_init(struct neap_slab *slab, size_t size)
{
    size = (size + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    *slab = (struct neap_slab){ .size = size != 0 ? size : ALIGN_BYTES };
}

void neap_slab_deinit(struct neap_slab *slab)
{
    while (slab->page != NULL) {
        struct page *page = slab->page;

        slab->page = page->before;
        if (page->mapped != 0)
            (void)munmap(page, page->mapped);
        else
            neap_free(page);
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

/* The first touch of memory costs more than all that is done with a thing; a
 * huge page is touched once. It must begin at a multiple of its size. */
static struct page *map_huge(void)
{
    char *area = mmap(NULL, 2 * LAST_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;

    if (area == MAP_FAILED)
        return NULL;
    before = -(uintptr_t)area % LAST_BYTES;
    if (before != 0)
        (void)munmap(area, before);
    area += before;
    (void)munmap(area + LAST_BYTES, LAST_BYTES - before);
    (void)madvise(area, LAST_BYTES, MADV_HUGEPAGE);
    return (struct page *)area;
}

static struct page *new_page(size_t bytes)
{
    struct page *page = bytes == LAST_BYTES ? map_huge() : NULL;

    if (page != NULL) {
        page->mapped = bytes;
        return page;
    }
    page = neap_alloc(bytes);
    page->mapped = 0;
    return page;
}

static void add_page(struct neap_slab *slab)
{
    size_t bytes = slab->page_bytes != 0 ? slab->page_bytes : FIRST_BYTES;
    size_t count = (bytes - ALIGN_BYTES) / slab->size;
    struct page *page;
    char *things;

    slab->page_bytes = bytes < LAST_BYTES ? 2 * bytes : bytes;
    if (count == 0) {
        count = 1;
        bytes = ALIGN_BYTES + slab->size;
    }
    page = new_page(bytes);
    page->before = slab->page;
    slab->page = page;
    things = (char *)page + ALIGN_BYTES;
    for (size_t i = count; i-- > 0;) { /* low addresses are taken first */
        struct unused *free = (void *)(things + i * slab->size);

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
