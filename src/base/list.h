/* A ring of links inside the things that it holds: adding and removing never
 * fail and never allocate. A link that is in no list points to itself. */
#ifndef NEAP_BASE_LIST_H
#define NEAP_BASE_LIST_H

#include <stdbool.h>

#include "base/mem.h"

struct neap_list {
    struct neap_list *next, *prev;
};

static inline void neap_list_init(struct neap_list *list)
{
    list->next = list->prev = list;
}

/* Of a list: is it empty? Of a link: is it in no list? */
static inline bool neap_list_empty(const struct neap_list *list)
{
    return list->next == list;
}

/* Put `link`, which is in no list, right before `at`: at the end, if `at` is
 * the list itself. */
static inline void neap_list_insert(struct neap_list *at,
                                    struct neap_list *link)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

static inline void neap_list_push(struct neap_list *list,
                                  struct neap_list *link)
{
    neap_list_insert(list, link);
}

/* Removing a link that is in no list does nothing. */
static inline void neap_list_remove(struct neap_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    neap_list_init(link);
}

/* Move all of `from` to the end of `to`. */
static inline void neap_list_splice(struct neap_list *to,
                                    struct neap_list *from)
{
    if (neap_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    neap_list_init(from);
}

#define neap_list_item(link, type, member) neap_container_of(link, type, member)

/* Each link from first to last; the loop's body may not remove it. */
#define neap_list_for_each(at, list) \
 for (struct neap_list *at = (list)->next; at != (list); at = at->next)

/* The body may remove `at`, but not its successor. */
#define neap_list_for_each_safe(at, list)                         \
 for (struct neap_list *at = (list)->next, *at##_next = at->next; \
      at != (list); at = at##_next, at##_next = at->next)

#endif
