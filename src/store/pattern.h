/* Patterns for paths: *  ?  [a-z]  [!a-z]  ** as a whole name. Bytes count,
 * but ? takes a whole character of UTF-8. A dot at the beginning of a name
 * must be in the pattern too. */
#ifndef NEAP_STORE_PATTERN_H
#define NEAP_STORE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Does one name fit one part of a pattern (`n` bytes, no slash)? */
bool neap_pattern_match(const char *part, size_t n, const char *name);
/* Is there anything special in these bytes? */
bool neap_pattern_special(const char *part, size_t n);
/* Length of the folder at the beginning that has nothing special: 3 for
 * "out/x*", 5 for "out/a/b" (the parent). Without the slash, but 0 for both
 * "x" and "/x". */
size_t neap_pattern_root(const char *pattern);

#endif
