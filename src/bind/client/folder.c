/* Folders: list, walk, glob. */
#include "bind/client/names.h"
#include "bind/client/parts.h"
#include "store/glob.h"

/* The names as a list of strings on the stack. Raises. */
static void push_paths(lua_State *L, const struct neap_names *names)
{
    lua_createtable(L, (int)names->count, 0);
    for (size_t i = 0; i < names->count; i++) {
        lua_pushstring(L, names->name[i].path);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

/* core.list(dir) -> { name … } sorted, without "." and ".." */
static int core_list(lua_State *L)
{
    const char *dir = neap_client_check_path(L, 1);
    struct neap_names *names = neap_names_push(L);
    struct neap_err err;

    if (neap_names_list(names, dir, &err) < 0)
        return neap_client_fail(L, &err);
    push_paths(L, names);
    return 1;
}

/* core.walk(dir) -> { { path=, type= } … }
 *
 * All below dir, relative to it, sorted by path; links are not followed. */
static int core_walk(lua_State *L)
{
    const char *dir = neap_client_check_path(L, 1);
    struct neap_names *names = neap_names_push(L);
    struct neap_err err;

    if (neap_names_walk(names, dir, &err) < 0)
        return neap_client_fail(L, &err);
    lua_createtable(L, (int)names->count, 0);
    for (size_t i = 0; i < names->count; i++) {
        lua_createtable(L, 0, 2);
        lua_pushstring(L, names->name[i].path);
        lua_setfield(L, -2, "path");
        lua_pushstring(L, names->name[i].type);
        lua_setfield(L, -2, "type");
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

/* core.glob(pattern) -> { path … } sorted
 *
 * "*", "?", "[]", "{a,b}", "**"; a hidden name only if the pattern has its
 * dot. Nothing that fits: an empty list. */
static int core_glob(lua_State *L)
{
    const char *pattern = neap_client_check_path(L, 1);
    struct neap_names *names = neap_names_push(L);
    struct neap_paths paths = NEAP_PATHS_INIT;
    struct neap_err err;
    int rc = neap_glob(pattern, &paths, &err);

    neap_names_take(names, &paths);
    if (rc < 0)
        return neap_client_fail(L, &err);
    push_paths(L, names);
    return 1;
}

const luaL_Reg neap_client_folder_functions[] = {
    { "list", core_list },
    { "walk", core_walk },
    { "glob", core_glob },
    { NULL, NULL },
};
