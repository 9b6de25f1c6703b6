/* "a{b,c{d,e}}f" stands for abf, acdf, acef. */
#ifndef NEAP_STORE_BRACES_H
#define NEAP_STORE_BRACES_H

#include "base/err.h"
#include "store/paths.h"

/* Braces without a comma or without an end mean themselves. More than 10 000
 * results, or one longer than 64 KiB: NEAP_EINVAL. `ret` is empty before. */
int neap_braces_expand(const char *pattern, struct neap_paths *ret,
                       struct neap_err *err);

#endif
