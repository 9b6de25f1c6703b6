/* Is a piece of MessagePack harmless? */
#ifndef NEAP_CLUSTER_FRAME_H
#define NEAP_CLUSTER_FRAME_H

#include <stddef.h>

#include "base/err.h"

/* Walk data[0..len), which must be exactly one value, before anything is
 * allocated for it: no length may point past the end, at most 8 levels, at
 * most `max_items` values, no extension types. Returns 0 or NEAP_EINVAL. */
int neap_frame_check(const unsigned char *data, size_t len, size_t max_items,
                     struct neap_err *err);

#endif
