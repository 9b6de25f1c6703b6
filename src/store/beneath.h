/* Opening what is below a folder, and never anything else. Links inside the
 * folder are followed as long as they stay inside. One exception: a link
 * below in/ that belongs to us was made by staging, and may lead outside.
 *
 * Paths may be longer than PATH_MAX. Blocking; any thread. */
#ifndef NEAP_STORE_BENEATH_H
#define NEAP_STORE_BENEATH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

struct neap_beneath {
    int fd;     /* the folder */
    char *path; /* as given: absolute links below it are inside */
    char *real; /* and as the kernel says it */
};

int neap_beneath_open(const char *path, struct neap_beneath *ret,
                      struct neap_err *err);
void neap_beneath_close(struct neap_beneath *top);

/* What a path leads to. */
struct neap_found {
    int dirfd;      /* the folder that has it, owned (close it) */
    char *name;     /* in that folder; "." for the top itself. Owned */
    struct stat st; /* of no link */
    bool outside;   /* a user's file, through a staged link: never ours */
};

/* Follow `path` (relative; "" is the top itself). Returns 0;
 * NEAP_ENOTEXIST: nothing there; NEAP_EPRECONDITION: a link that leads out
 * of the folder, nowhere, or in a circle, or below a file; else what the
 * system says. The sentence names the link. */
int neap_beneath_find(const struct neap_beneath *top, const char *path,
                      struct neap_found *ret, struct neap_err *err);
void neap_found_deinit(struct neap_found *found);

/* Open the folder `path` (no link, no dots in it; "": the top) to reach what
 * is in it. Returns a descriptor, or -1 with errno. */
int neap_beneath_folder(const struct neap_beneath *top, const char *path);

/* Make the folders of `path` that are missing, following no link, and open
 * the last. Returns a descriptor. */
int neap_beneath_mkdirs(const struct neap_beneath *top, const char *path,
                        struct neap_err *err);

#endif
