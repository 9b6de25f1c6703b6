/* neap: the command line.
 *
 * `neap agent …` and `neap engine …` become the programs of these names, which
 * carry what they need and nothing else. Everything else is Lua: a state is
 * made, told where its modules are, and `require("neap.cli").main(arg)` gives
 * the exit code. Its errors are its own business; what reaches this file is a
 * bug, and is shown with a traceback.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "app/cli/paths.h"

#define EXIT_INTERNAL 70

/* Descriptors 0 to 2 that are closed become /dev/null, or the next file that
 * is opened would be taken for the standard output. */
static void open_standard_files(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

/* --- Roles that are programs --------------------------------------------- */

static const struct {
    const char *role, *program;
} roles[] = {
    { "agent", "neap-agent" },
    { "engine", "neap-engine" },
};

/* Returns only if argv asks for no such role. */
static void exec_role(const struct neap_cli_paths *paths, char **argv)
{
    char path[4096];

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (!argv[1] || strcmp(argv[1], roles[i].role) != 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", paths->libexec,
                       roles[i].program);
        argv[1] = path;
        (void)execv(path, argv + 1);
        (void)fprintf(stderr,
                      "neap: cannot start '%s': %s\n"
                      "  hint: NEAP_LIBEXEC names the folder that holds it\n",
                      path, strerror(errno));
        exit(EXIT_INTERNAL);
    }
}

/* --- Lua -------------------------------------------------------------------- */

static int panic(lua_State *L)
{
    const char *text = lua_tostring(L, -1);

    (void)fprintf(stderr, "neap: Lua gave up: %s\n",
                  text ? text : "(no message)");
    _exit(EXIT_INTERNAL); /* nothing is safe any more */
}

#ifdef NEAP_SANITIZE
/* The leak checker does not see the heap that LuaJIT makes itself. */
static void *allocate(void *ctx, void *old, size_t old_size, size_t size)
{
    (void)ctx;
    (void)old_size;
    if (size > 0)
        return realloc(old, size);
    free(old);
    return NULL;
}

static lua_State *new_state(void)
{
    return lua_newstate(allocate, NULL);
}
#else
static lua_State *new_state(void)
{
    return luaL_newstate();
}
#endif

/* Put `pattern` before package[field]. Raises. */
static void prepend_path(lua_State *L, const char *field, const char *pattern)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, field);
    lua_pushfstring(L, "%s;%s", pattern, lua_tostring(L, -1));
    lua_setfield(L, -3, field);
    lua_pop(L, 2);
}

static void set_paths(lua_State *L, const struct neap_cli_paths *paths)
{
    prepend_path(L, "path",
                 lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", paths->lua,
                                 paths->lua));
    prepend_path(L, "cpath", lua_pushfstring(L, "%s/lib/?.so", paths->prefix));
    lua_pop(L, 2);
}

/* The global `arg`. Raises. */
static void set_arg(lua_State *L, char **argv)
{
    lua_newtable(L);
    for (int i = 0; argv[i]; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

struct start {
    const struct neap_cli_paths *paths;
    char **argv;
};

/* Make the state ready and return the function to call. */
static int prepare(lua_State *L)
{
    const struct start *start = lua_touserdata(L, 1);

    luaL_openlibs(L);
    set_paths(L, start->paths);
    set_arg(L, start->argv);
    if (luaL_loadstring(L, "return require('neap.cli').main(arg)") != 0)
        lua_error(L);
    return 1;
}

/* An error of neap speaks for itself; any other is a bug. */
static int describe(lua_State *L)
{
    const char *text = lua_tostring(L, 1);

    if (!text && luaL_callmeta(L, 1, "__tostring"))
        return 1;
    if (!text)
        text = lua_pushfstring(L, "(a %s)", luaL_typename(L, 1));
    luaL_traceback(L, L, text, 1);
    return 1;
}

static int run_lua(const struct neap_cli_paths *paths, char **argv)
{
    struct start start = { paths, argv };
    lua_State *L = new_state();
    int code = 0;

    if (!L) {
        (void)fputs("neap: no memory for Lua\n", stderr);
        return EXIT_INTERNAL;
    }
    (void)lua_atpanic(L, panic);
    lua_pushcfunction(L, describe);
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, &start);
    if (lua_pcall(L, 1, 1, 1) != 0 || lua_pcall(L, 0, 1, 1) != 0) {
        const char *text = lua_tostring(L, -1);

        (void)fprintf(stderr, "neap: internal error: %s\n",
                      text ? text : "(no message)");
        code = EXIT_INTERNAL;
    } else if (lua_isnumber(L, -1)) {
        code = (int)lua_tointeger(L, -1);
    }
    lua_close(L);
    return code;
}

int main(int argc, char **argv)
{
    struct neap_cli_paths paths;
    int code;

    (void)argc;
    open_standard_files();
    neap_cli_paths_init(&paths);
    exec_role(&paths, argv);
    code = run_lua(&paths, argv);
    neap_cli_paths_deinit(&paths);
    return code;
}
