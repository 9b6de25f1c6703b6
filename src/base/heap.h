/* A binary heap of pointers, the least on top. Each thing keeps its place in
 * the heap, so that it can be taken out or moved in O(log n). */
#ifndef NEAP_BASE_HEAP_H
#define NEAP_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct neap_heap_node {
    size_t place; /* counts from 1; 0: in no heap */
};

/* Called now. Must be a strict order. */
typedef bool (*neap_heap_less_fn)(const struct neap_heap_node *a,
                                  const struct neap_heap_node *b);

struct neap_heap {
    struct neap_heap_node **node;
    size_t count, cap;
    neap_heap_less_fn less;
};

void neap_heap_init(struct neap_heap *heap, neap_heap_less_fn less);
void neap_heap_deinit(struct neap_heap *heap); /* the things are yours */
void neap_heap_add(struct neap_heap *heap, struct neap_heap_node *node);
/* Does nothing to a node that is in no heap. */
void neap_heap_remove(struct neap_heap *heap, struct neap_heap_node *node);
/* `node`, which is in the heap, has become more or less: find its new place. */
void neap_heap_move(struct neap_heap *heap, struct neap_heap_node *node);
/* The least, or NULL; stays in the heap. */
struct neap_heap_node *neap_heap_top(const struct neap_heap *heap);

#endif
