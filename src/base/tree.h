/* A sorted set of nodes inside the things that it holds: add and remove in
 * O(log n), first and next in order. Two nodes may not be equal.
 *
 * A node whose key is about to change is removed first and added again after;
 * removing looks at no key. */
#ifndef NEAP_BASE_TREE_H
#define NEAP_BASE_TREE_H

#include <stdint.h>

struct neap_tree_node {
    struct neap_tree_node *parent, *left, *right;
    uint32_t weight;
};

/* Called now. < 0, 0 or > 0, as strcmp. */
typedef int (*neap_tree_order_fn)(const struct neap_tree_node *a,
                                  const struct neap_tree_node *b);

struct neap_tree {
    struct neap_tree_node *root;
    neap_tree_order_fn order;
    uint32_t random;
};

void neap_tree_init(struct neap_tree *tree, neap_tree_order_fn order);
void neap_tree_add(struct neap_tree *tree, struct neap_tree_node *node);
void neap_tree_remove(struct neap_tree *tree, struct neap_tree_node *node);
struct neap_tree_node *neap_tree_first(const struct neap_tree *tree);
struct neap_tree_node *neap_tree_next(const struct neap_tree_node *node);

#endif
