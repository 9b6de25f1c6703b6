/* A list of paths. */
#ifndef NEAP_STORE_PATHS_H
#define NEAP_STORE_PATHS_H

#include <stddef.h>

struct neap_paths {
    char **path;
    size_t count, cap;
};

#define NEAP_PATHS_INIT \
 {                      \
  NULL, 0, 0            \
 }
/* As many are still reasonable in one folder, pattern or output. */
#define NEAP_PATHS_MAX ((size_t)1000000)

void neap_paths_add(struct neap_paths *paths, char *path); /* takes it */
/* By bytes; a path that is there twice stays once. */
void neap_paths_sort(struct neap_paths *paths);
void neap_paths_deinit(struct neap_paths *paths);

/* "folder/name", or "name" if the folder is "". Owned. */
char *neap_paths_join(const char *folder, const char *name);

#endif
