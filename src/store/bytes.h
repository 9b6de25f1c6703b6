/* Bytes of open files: hash, copy, both. Blocking; any thread. */
#ifndef NEAP_STORE_BYTES_H
#define NEAP_STORE_BYTES_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "store/sha256.h"

/* Offsets are used, not the position, unless it says so. `name` is for the
 * sentence. All return bytes or NEAP_E…; a full disk is NEAP_EEXHAUSTED. */

/* Read all of a file into a digest. */
int64_t neap_bytes_hash(int fd, const char *name, char hex[NEAP_DIGEST_HEX],
                        struct neap_err *err);
/* Copy, and hash what was copied. `to` is empty and at its beginning. */
int64_t neap_bytes_copy_hash(int from, int to, const char *name,
                             char hex[NEAP_DIGEST_HEX], struct neap_err *err);
/* Copy the cheapest way: reflink, in the kernel, by hand. Holes may stay. */
int64_t neap_bytes_copy(int from, int to, const char *name,
                        struct neap_err *err);
/* Write all of it at the position of `fd`. */
int neap_bytes_write(int fd, const void *data, size_t size, const char *name,
                     struct neap_err *err);

/* Has the file been written to between the two looks at it? */
bool neap_bytes_same(const struct stat *before, const struct stat *after);

#endif
