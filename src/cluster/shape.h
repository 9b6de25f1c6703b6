/* The shapes of wire messages: which key holds which field.
 *
 * Packing and parsing walk the same tables, so that they cannot disagree.
 */
#ifndef NEAP_CLUSTER_SHAPE_H
#define NEAP_CLUSTER_SHAPE_H

#include <stddef.h>
#include <stdint.h>

enum neap_field_kind {
    NEAP_FIELD_INT,     /* int */
    NEAP_FIELD_I64,     /* int64_t */
    NEAP_FIELD_U64,     /* uint64_t */
    NEAP_FIELD_BOOL,    /* bool */
    NEAP_FIELD_DOUBLE,  /* double */
    NEAP_FIELD_STR,     /* const char * */
    NEAP_FIELD_STRS,    /* const char **, and its count */
    NEAP_FIELD_STRUCT,  /* a struct in place, of `shape` */
    NEAP_FIELD_STRUCTS, /* a pointer to structs, and their count */
};

struct neap_shape;

struct neap_field {
    const char *key;
    enum neap_field_kind kind;
    size_t at;        /* offset */
    size_t count_at;  /* offset of the count, an int */
    int64_t min, max; /* INT, I64: what is allowed */
    const struct neap_shape *shape;
};

struct neap_shape {
    const struct neap_field *field;
    int count;
    size_t size;
};

/* What an absent INT is: -1 where that is the smallest allowed, else 0. */
static inline int64_t neap_field_default(const struct neap_field *field)
{
    return field->min == -1 ? -1 : 0;
}

extern const struct neap_shape neap_shape_msg; /* struct neap_msg */

#endif
