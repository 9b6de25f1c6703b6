#include "store/paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void neap_paths_add(struct neap_paths *paths, char *path)
{
    if (paths->count == paths->cap) {
        paths->cap = paths->cap > 0 ? 2 * paths->cap : 16;
        paths->path =
            neap_realloc(paths->path, paths->cap, sizeof *paths->path);
    }
    paths->path[paths->count++] = path;
}

static int order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void neap_paths_sort(struct neap_paths *paths)
{
    size_t n = 0;

    if (paths->count == 0)
        return;
    qsort(paths->path, paths->count, sizeof *paths->path, order);
    for (size_t i = 1; i < paths->count; i++) {
        if (strcmp(paths->path[n], paths->path[i]) == 0)
            neap_free(paths->path[i]);
        else
            paths->path[++n] = paths->path[i];
    }
    paths->count = n + 1;
}

void neap_paths_deinit(struct neap_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        neap_free(paths->path[i]);
    neap_free(paths->path);
    *paths = (struct neap_paths)NEAP_PATHS_INIT;
}

char *neap_paths_join(const char *folder, const char *name)
{
    size_t n = strlen(folder);

    if (n == 0)
        return neap_strdup(name);
    return neap_format(folder[n - 1] == '/' ? "%s%s" : "%s/%s", folder, name);
}
