/* A list of paths with their types, found on disk; in Lua a userdata, so that
 * it goes whatever happens while it is turned into tables. */
#ifndef NEAP_BIND_CLIENT_NAMES_H
#define NEAP_BIND_CLIENT_NAMES_H

#include <stddef.h>

#include <lua.h>

#include "base/err.h"
#include "store/paths.h"

#define NEAP_NAMES_MAX 10000000 /* more are an error: NEAP_EEXHAUSTED */

struct neap_name {
    char *path;
    const char *type; /* "file", "dir", "link", …, or NULL */
};

struct neap_names {
    struct neap_name *name;
    size_t count, cap;
};

/* A new, empty list on the stack. Raises. */
struct neap_names *neap_names_push(lua_State *L);
/* The names in `dir` without "." and "..", sorted. */
int neap_names_list(struct neap_names *names, const char *dir,
                    struct neap_err *err);
/* Everything below `dir`, relative to it, sorted; links are not followed. */
int neap_names_walk(struct neap_names *names, const char *dir,
                    struct neap_err *err);
/* Take over what was found, types unknown (NULL); `paths` is empty then. */
void neap_names_take(struct neap_names *names, struct neap_paths *paths);

#endif
