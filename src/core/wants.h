/* What a task wants of its node: for some facts a list of values, any of which
 * will do. */
#ifndef NEAP_CORE_WANTS_H
#define NEAP_CORE_WANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/strmap.h"

struct neap_want {
    char *key;
    char **value; /* at least one, in the order in which they were added */
    int count;
};

struct neap_wants {
    int count;
    struct neap_want *want; /* sorted by key, no key twice */
};

struct neap_wants *neap_wants_create(void); /* owned */
struct neap_wants *neap_wants_copy(
    const struct neap_wants *wants);               /* NULL ok */
void neap_wants_destroy(struct neap_wants *wants); /* NULL is fine */
/* `value` will do for `key` too. Copied. */
void neap_wants_add(struct neap_wants *wants, const char *key,
                    const char *value);
/* The same values in the same order. NULL wants nothing. */
bool neap_wants_equal(const struct neap_wants *a, const struct neap_wants *b);
uint64_t neap_wants_hash(const struct neap_wants *wants, uint64_t seed);
/* Does a node with these facts do? NULL: no facts, no wants. */
bool neap_wants_met(const struct neap_wants *wants,
                    const struct neap_strmap *facts);
/* "arch=arm64, os=debian or ubuntu" */
void neap_wants_format(const struct neap_wants *wants, struct neap_buf *out);

#endif
