/* Inside of the repository; only for repo*.c. */
#ifndef NEAP_STORE_REPO_IMPL_H
#define NEAP_STORE_REPO_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct neap_repo {
    char *root;     /* as given: for people */
    char *base;     /* absolute: the process may change its directory */
    unsigned token; /* temporary names of two openers differ */
    atomic_uint count;
};

/* Make objects/ and tmp/. */
int neap_repo_make_folders(const struct neap_repo *repo, struct neap_err *err);

/* Path of an object, owned; `digest` is one. */
char *neap_repo_object_in(const char *root, const char *digest);
/* The same below `base`: absolute. */
char *neap_repo_object(const struct neap_repo *repo, const char *digest);

/* Is the object there? Returns its size or NEAP_ENOTEXIST. */
int64_t neap_repo_look(const struct neap_repo *repo, const char *digest,
                       const char *object, bool *ret_executable,
                       struct neap_err *err);

/* Fail: it is no digest. */
int neap_repo_bad(const char *digest, struct neap_err *err);

/* Name a finished temporary file as the object, or remove it if the object
 * is there; `replace`: the object is damaged. The temporary file is gone
 * afterwards in any case. */
int neap_repo_install(struct neap_repo *repo, const char *temp,
                      const char *digest, const char *object, bool replace,
                      struct neap_err *err);

/* A new empty file in tmp/. Returns a descriptor; `ret_path` is owned. */
int neap_repo_temp(struct neap_repo *repo, char **ret_path,
                   struct neap_err *err);

/* Make the folder of an object. */
int neap_repo_folder(struct neap_repo *repo, const char *digest,
                     struct neap_err *err);

#endif
