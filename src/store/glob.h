/* Paths that fit a pattern (store/pattern.h), sorted by bytes. Any thread.
 *
 * "**" stands for any number of folders, none too; it does not go through
 * links, everything else does. What cannot be read has nothing in it. More
 * than NEAP_PATHS_MAX paths found or folders read: NEAP_EEXHAUSTED. */
#ifndef NEAP_STORE_GLOB_H
#define NEAP_STORE_GLOB_H

#include <dirent.h>

#include "base/err.h"
#include "store/paths.h"

/* Files and folders on disk. Also {a,b}, which may be nested; at most 10 000
 * patterns come of it (NEAP_EINVAL). `ret` is empty before; release it with
 * neap_paths_deinit. */
int neap_glob(const char *pattern, struct neap_paths *ret,
              struct neap_err *err);

/* Where to look; for other places than the disk as it is. */
enum neap_glob_type { NEAP_GLOB_NONE, NEAP_GLOB_FOLDER, NEAP_GLOB_OTHER };
struct neap_glob_place {
    void *ctx;
    DIR *(*open)(void *ctx, const char *folder); /* NULL: nothing there */
    /* Links are followed. */
    enum neap_glob_type (*look)(void *ctx, const char *path);
};
/* The same without braces. */
int neap_glob_in(const struct neap_glob_place *place, const char *pattern,
                 struct neap_paths *ret, struct neap_err *err);

#endif
