/* Digests of local files, remembered in a cache. Any thread. */
#ifndef NEAP_STORE_DIGEST_H
#define NEAP_STORE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/sha256.h"

/* The file that was hashed. */
struct neap_file_id {
    uint64_t dev, ino;
    int64_t size, mtime_ns, ctime_ns;
    bool executable;
};

/* Cache in an SQLite file at `path` (made if absent; NULL: no cache). A cache
 * that cannot be opened or is damaged is moved aside or done without. */
struct neap_digests;
struct neap_digests *neap_digests_open(const char *path); /* owned */
void neap_digests_close(struct neap_digests *digests);
/* Digest of a regular file (symbolic links are followed). NEAP_EINTEGRITY if
 * it changes meanwhile; NEAP_EINVAL if it is no regular file. A file whose
 * mtime or ctime is not yet 2 s old is hashed but not remembered (it might
 * change within the clock's grain). */
int neap_digests_file(struct neap_digests *digests, const char *path,
                      char hex[NEAP_DIGEST_HEX], struct neap_file_id *ret_id,
                      struct neap_err *err);

#endif
