/* Walking is breadth first over the list itself: each directory that was
 * found appends what it holds. The file system is read while no Lua code
 * runs, so a DIR is never left open by an error. */
#include "bind/client/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "bind/client/paths.h"

#define CLASS "neap.core.names"

static int names_gc(lua_State *L)
{
    struct neap_names *names = luaL_checkudata(L, 1, CLASS);

    for (size_t i = 0; i < names->count; i++)
        neap_free(names->name[i].path);
    neap_free(names->name);
    memset(names, 0, sizeof(*names));
    return 0;
}

struct neap_names *neap_names_push(lua_State *L)
{
    struct neap_names *names = lua_newuserdata(L, sizeof(*names));

    memset(names, 0, sizeof(*names));
    if (luaL_newmetatable(L, CLASS)) {
        lua_pushcfunction(L, names_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return names;
}

/* `path` is taken. */
static void append(struct neap_names *names, char *path, const char *type)
{
    if (names->count == names->cap) {
        names->cap = names->cap ? names->cap * 2 : 64;
        names->name =
            neap_realloc(names->name, names->cap, sizeof(*names->name));
    }
    names->name[names->count].path = path;
    names->name[names->count].type = type;
    names->count++;
}

void neap_names_take(struct neap_names *names, struct neap_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        append(names, paths->path[i], NULL);
    paths->count = 0; /* the strings are ours now */
    neap_paths_deinit(paths);
}

/* The folder usually knows the type; some file systems have to be asked. */
static const char *type_of(int dir_fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return neap_client_type_name(DTTOIF(entry->d_type));
    if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return "file"; /* gone meanwhile */
    return neap_client_type_name(st.st_mode);
}

/* Append what is in ROOT/parent. */
static int add_folder(struct neap_names *names, const char *root,
                      const char *parent, struct neap_err *err)
{
    char *path = *parent ? neap_paths_join(root, parent) : neap_strdup(root);
    DIR *dir = opendir(path);
    struct dirent *entry;
    int rc = 0;

    if (!dir) {
        rc = neap_err_errno(err, errno, "cannot list '%s'", path);
        neap_free(path);
        return rc;
    }
    for (errno = 0; rc == 0 && (entry = readdir(dir)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (names->count == NEAP_NAMES_MAX)
            rc =
                neap_err_set(err, NEAP_EEXHAUSTED, "more than %d files in '%s'",
                             NEAP_NAMES_MAX, root);
        else
            append(names, neap_paths_join(parent, entry->d_name),
                   type_of(dirfd(dir), entry));
    }
    if (rc == 0 && errno != 0)
        rc = neap_err_errno(err, errno, "cannot list '%s'", path);
    (void)closedir(dir);
    neap_free(path);
    return rc;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct neap_name *)a)->path,
                  ((const struct neap_name *)b)->path);
}

static void sort(struct neap_names *names)
{
    if (names->count > 1)
        qsort(names->name, names->count, sizeof(*names->name), compare);
}

int neap_names_list(struct neap_names *names, const char *dir,
                    struct neap_err *err)
{
    int rc = add_folder(names, dir, "", err);

    sort(names);
    return rc;
}

int neap_names_walk(struct neap_names *names, const char *dir,
                    struct neap_err *err)
{
    int rc = add_folder(names, dir, "", err);

    for (size_t i = 0; rc == 0 && i < names->count; i++) {
        if (strcmp(names->name[i].type, "dir") == 0)
            rc = add_folder(names, dir, names->name[i].path, err);
    }
    sort(names);
    return rc;
}
