/* The library that parses MessagePack asks for memory for an array as soon as
 * it has seen its length. So lengths are checked here first, without memory
 * and without recursion: `left[d]` values are still to come at level d. */
#include "cluster/frame.h"

#include <stdint.h>

enum { LEVELS = 8 };

struct walk {
    const unsigned char *data;
    size_t len, at;
    uint64_t children; /* of the value just read */
};

static uint64_t big_endian(const unsigned char *data, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | data[i];
    return value;
}

/* A length field of so many bytes; what follows is `unit` bytes per count
 * (0: children of `per` each). False: past the end. */
static bool take_length(struct walk *w, size_t bytes, uint64_t per_child)
{
    uint64_t count;

    if (w->len - w->at < bytes)
        return false;
    count = big_endian(w->data + w->at, bytes);
    w->at += bytes;
    if (count > w->len - w->at)
        return false;
    if (per_child > 0)
        w->children = count * per_child;
    else
        w->at += (size_t)count;
    return true;
}

static bool take_bytes(struct walk *w, size_t bytes)
{
    if (w->len - w->at < bytes)
        return false;
    w->at += bytes;
    return true;
}

/* Read one value without its children. */
static bool take_value(struct walk *w)
{
    unsigned char type;

    w->children = 0;
    if (w->at >= w->len)
        return false;
    type = w->data[w->at++];
    if (type <= 0x7f || type >= 0xe0) /* small integers */
        return true;
    if (type <= 0x8f) {
        w->children = 2u * (type & 0x0f);
        return true;
    }
    if (type <= 0x9f) {
        w->children = type & 0x0f;
        return true;
    }
    if (type <= 0xbf)
        return take_bytes(w, type & 0x1f);
    switch (type) {
    case 0xc0: /* nil */
    case 0xc2: /* false */
    case 0xc3: /* true */
        return true;
    case 0xc4: /* bin */
    case 0xd9: /* str */
        return take_length(w, 1, 0);
    case 0xc5:
    case 0xda:
        return take_length(w, 2, 0);
    case 0xc6:
    case 0xdb:
        return take_length(w, 4, 0);
    case 0xcc: /* integers */
    case 0xd0:
        return take_bytes(w, 1);
    case 0xcd:
    case 0xd1:
        return take_bytes(w, 2);
    case 0xca: /* float */
    case 0xce:
    case 0xd2:
        return take_bytes(w, 4);
    case 0xcb: /* double */
    case 0xcf:
    case 0xd3:
        return take_bytes(w, 8);
    case 0xdc: /* array */
        return take_length(w, 2, 1);
    case 0xdd:
        return take_length(w, 4, 1);
    case 0xde: /* map */
        return take_length(w, 2, 2);
    case 0xdf:
        return take_length(w, 4, 2);
    default:
        return false;
    }
}

int neap_frame_check(const unsigned char *data, size_t len, size_t max_items,
                     struct neap_err *err)
{
    struct walk w = { data, len, 0, 0 };
    uint64_t left[LEVELS] = { 1 };
    size_t items = 0;
    int level = 0;

    while (level >= 0) {
        if (left[level] == 0) {
            level--;
            continue;
        }
        left[level]--;
        if (!take_value(&w))
            return neap_err_set(err, NEAP_EINVAL,
                                "bad MessagePack at byte %zu of %zu", w.at,
                                len);
        if (++items > max_items)
            return neap_err_set(err, NEAP_EINVAL,
                                "more than %zu values in a frame", max_items);
        if (w.children == 0)
            continue;
        if (++level == LEVELS)
            return neap_err_set(err, NEAP_EINVAL,
                                "a frame is nested deeper than %d", LEVELS);
        left[level] = w.children;
    }
    if (w.at != len)
        return neap_err_set(err, NEAP_EINVAL,
                            "%zu bytes too many in a frame of %zu", len - w.at,
                            len);
    return 0;
}
