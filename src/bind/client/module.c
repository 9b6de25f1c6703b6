/* neap.core, the C module of the client (docs/design/client.md).
 *
 * Loading it opens an event loop and nothing else: libcurl, SQLite and the
 * thread pool come with the first call that needs them.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bind/client/parts.h"

/* Add the functions to the table at -2; the client at -1 is their upvalue and
 * stays. Raises. */
static void add_functions(lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name; functions++) {
        lua_pushvalue(L, -1);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -3, functions->name);
    }
}

/* Push the folder that holds lib/neap/core.so: where neap was built or
 * installed. Raises. */
static void push_prefix(lua_State *L)
{
    char path[PATH_MAX];
    Dl_info info;

    if (dladdr((void *)push_prefix, &info) == 0 ||
        !realpath(info.dli_fname, path))
        luaL_error(L, "neap.core: cannot find out where it was loaded from");
    for (int up = 0; up < 3; up++) { /* core.so, neap, lib */
        char *slash = strrchr(path, '/');

        if (slash)
            *slash = '\0';
    }
    lua_pushstring(L, path);
}

/* core.version, core.build_dir, core.libexec. Raises. */
static void add_strings(lua_State *L)
{
    const char *libexec = getenv("NEAP_LIBEXEC");

    lua_pushliteral(L, NEAP_VERSION);
    lua_setfield(L, -2, "version");
    push_prefix(L);
    if (libexec && *libexec)
        lua_pushstring(L, libexec);
    else
        lua_pushfstring(L, "%s/libexec/neap", lua_tostring(L, -1));
    lua_setfield(L, -3, "libexec");
    lua_setfield(L, -2, "build_dir");
}

__attribute__((visibility("default"))) int luaopen_neap_core(lua_State *L);

int luaopen_neap_core(lua_State *L)
{
    const luaL_Reg *const parts[] = {
        neap_client_step_functions,     neap_client_http_functions,
        neap_client_store_functions,    neap_client_engine_functions,
        neap_client_deadline_functions, neap_client_signal_functions,
        neap_client_file_functions,     neap_client_folder_functions,
        neap_client_save_functions,     neap_client_state_functions,
        neap_client_process_functions,
    };

    lua_newtable(L);
    add_strings(L);
    (void)neap_client_push(L);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        add_functions(L, parts[i]);
    lua_pop(L, 1); /* the functions keep the client */
    return 1;
}
