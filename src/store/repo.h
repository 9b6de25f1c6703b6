/* A directory repository: objects named by the SHA-256 of their content.
 *
 *   ROOT/objects/ab/cdef…   mode 0444 (0555 once stored as executable)
 *   ROOT/tmp/               on the same file system; swept at open of what is
 *                           older than a day
 *
 * Every function may be called from any thread; none needs a loop. Writers
 * make a temporary file and link or rename it into place, so that an object
 * is whole or absent, whoever is killed.
 */
#ifndef NEAP_STORE_REPO_H
#define NEAP_STORE_REPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/sha256.h"

struct neap_repo;

/* Makes the folders if they are not there. Owned. */
int neap_repo_open(const char *root, struct neap_repo **ret,
                   struct neap_err *err);
void neap_repo_close(struct neap_repo *repo); /* NULL is fine */
const char *neap_repo_root(const struct neap_repo *repo);

/* Path of an object (whether it is there or not), owned. NULL if `digest` is
 * not 64 lower-case hex digits. */
char *neap_repo_path(const struct neap_repo *repo, const char *digest);
/* Size of an object, or NEAP_ENOTEXIST. */
int64_t neap_repo_stat(const struct neap_repo *repo, const char *digest,
                       struct neap_err *err);

enum neap_put_mode {
    NEAP_PUT_COPY, /* the file stays as it is */
    NEAP_PUT_MOVE, /* the file is ours: renamed into place, or removed if the
                      object was there; copied across file systems */
    NEAP_PUT_LINK  /* the file is ours and will not be written to any more: it
                     keeps its name and becomes the object too, with its mode;
                     copied where a hard link would not do */
};
/* Store a regular file; `digest` receives its name. Returns its size. A file
 * that changes while it is stored: NEAP_EINTEGRITY. Disk full:
 * NEAP_EEXHAUSTED; nothing half-written stays. */
int64_t neap_repo_put_file(struct neap_repo *repo, const char *path,
                           enum neap_put_mode mode, bool executable,
                           char digest[NEAP_DIGEST_HEX], struct neap_err *err);
/* The same; `path` begins at the open directory `dirfd` (or AT_FDCWD), and is
 * opened without following a link at its end. `name` is for errors. */
int64_t neap_repo_put_at(struct neap_repo *repo, int dirfd, const char *path,
                         const char *name, enum neap_put_mode mode,
                         bool executable, char digest[NEAP_DIGEST_HEX],
                         struct neap_err *err);
int64_t neap_repo_put_data(struct neap_repo *repo, const void *data,
                           size_t size, char digest[NEAP_DIGEST_HEX],
                           struct neap_err *err);
/* Make `dest` the object: hard link, else reflink, else copy (EXDEV, EMLINK,
 * …). dest must not exist. */
int neap_repo_get(struct neap_repo *repo, const char *digest, const char *dest,
                  bool executable, struct neap_err *err);
/* The same; `dest` begins at the open directory `dirfd` (or AT_FDCWD).
 * `size`: what the object must have (-1: unknown), else NEAP_EINTEGRITY.
 * Returns the bytes that had to be copied: 0 for a hard link. */
int64_t neap_repo_get_at(struct neap_repo *repo, const char *digest,
                         int64_t size, int dirfd, const char *dest,
                         bool executable, struct neap_err *err);
/* Re-hash an object: 0, NEAP_EINTEGRITY, NEAP_ENOTEXIST. */
int neap_repo_verify(struct neap_repo *repo, const char *digest,
                     struct neap_err *err);

#endif
