/* A treap: ordered by key from left to right, by a random weight from top to
 * bottom, which keeps it flat on average whatever order the keys come in. */
#include "base/tree.h"

#include <assert.h>
#include <stddef.h>

void neap_tree_init(struct neap_tree *tree, neap_tree_order_fn order)
{
    *tree = (struct neap_tree){ .order = order, .random = 2463534242u };
}

static uint32_t next_weight(struct neap_tree *tree)
{
    uint32_t x = tree->random; /* xorshift, Marsaglia 2003 */

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    tree->random = x;
    return x;
}

/* Where the pointer to `node` is kept. */
static struct neap_tree_node **link_of(struct neap_tree *tree,
                                       struct neap_tree_node *node)
{
    if (node->parent == NULL)
        return &tree->root;
    return node->parent->left == node ? &node->parent->left
                                      : &node->parent->right;
}

/* Lift `node` above its parent; the order from left to right stays. */
static void lift(struct neap_tree *tree, struct neap_tree_node *node)
{
    struct neap_tree_node *parent = node->parent;
    struct neap_tree_node **link = link_of(tree, parent);
    struct neap_tree_node *moved;

    if (parent->left == node) {
        moved = node->right;
        parent->left = moved;
        node->right = parent;
    } else {
        moved = node->left;
        parent->right = moved;
        node->left = parent;
    }
    if (moved != NULL)
        moved->parent = parent;
    node->parent = parent->parent;
    parent->parent = node;
    *link = node;
}

void neap_tree_add(struct neap_tree *tree, struct neap_tree_node *node)
{
    struct neap_tree_node **link = &tree->root;

    *node = (struct neap_tree_node){ .weight = next_weight(tree) };
    while (*link != NULL) {
        int order = tree->order(node, *link);

        assert(order != 0);
        node->parent = *link;
        link = order < 0 ? &(*link)->left : &(*link)->right;
    }
    *link = node;
    while (node->parent != NULL && node->weight < node->parent->weight)
        lift(tree, node);
}

void neap_tree_remove(struct neap_tree *tree, struct neap_tree_node *node)
{
    struct neap_tree_node *child;

    while (node->left != NULL && node->right != NULL)
        lift(tree, node->left->weight < node->right->weight ? node->left
                                                            : node->right);
    child = node->left != NULL ? node->left : node->right;
    *link_of(tree, node) = child;
    if (child != NULL)
        child->parent = node->parent;
}

struct neap_tree_node *neap_tree_first(const struct neap_tree *tree)
{
    struct neap_tree_node *node = tree->root;

    while (node != NULL && node->left != NULL)
        node = node->left;
    return node;
}

struct neap_tree_node *neap_tree_next(const struct neap_tree_node *node)
{
    if (node->right != NULL) {
        node = node->right;
        while (node->left != NULL)
            node = node->left;
        return (struct neap_tree_node *)node;
    }
    while (node->parent != NULL && node->parent->right == node)
        node = node->parent;
    return node->parent;
}
