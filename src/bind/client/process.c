/* About this process, its host, and where it writes to. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/client/parts.h"

/* core.wall() -> Unix seconds */
static int core_wall(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)neap_clock_wall_ns() / 1e9);
    return 1;
}

/* core.mono() -> seconds of a clock that only runs forward */
static int core_mono(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)neap_clock_mono_ns() / 1e9);
    return 1;
}

/* core.pid() -> integer */
static int core_pid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

/* core.uid() -> integer */
static int core_uid(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)getuid());
    return 1;
}

/* core.user() -> login name, or the number as a string */
static int core_user(lua_State *L)
{
    const struct passwd *entry = getpwuid(getuid());

    if (entry)
        lua_pushstring(L, entry->pw_name);
    else
        lua_pushfstring(L, "%d", (int)getuid());
    return 1;
}

/* core.host() -> name of the machine */
static int core_host(lua_State *L)
{
    struct utsname name;

    lua_pushstring(L, uname(&name) == 0 ? name.nodename : "localhost");
    return 1;
}

/* core.isatty(fd) -> boolean */
static int core_isatty(lua_State *L)
{
    lua_pushboolean(L, isatty(luaL_checkint(L, 1)));
    return 1;
}

/* core.columns(fd) -> width of the terminal, or nil if it is none */
static int core_columns(lua_State *L)
{
    struct winsize size;

    if (ioctl(luaL_checkint(L, 1), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        lua_pushinteger(L, size.ws_col);
    else
        lua_pushnil(L);
    return 1;
}

/* --- core.output ------------------------------------------------------------ */

/* Returns 0 or an errno value. The descriptor may be non-blocking, because
 * whoever shares the terminal or the pipe has made it so. */
static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

            (void)poll(&pollfd, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* The same without dying of SIGPIPE, whatever the host program does with it:
 * blocked meanwhile, and taken back if it came from this write. */
static int write_quietly(int fd, const char *data, size_t len)
{
    const struct timespec now = { 0, 0 };
    sigset_t pipe_set, before, pending;
    int number;

    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
    number = write_all(fd, data, len);
    if (number == EPIPE && !sigismember(&pending, SIGPIPE)) {
        while (sigtimedwait(&pipe_set, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
}

/* core.output(fd, text) -> true, or nil, message, code
 *
 * Writes all of it, waiting where it must. Nobody reads: code "Net". */
static int core_output(lua_State *L)
{
    int fd = luaL_checkint(L, 1);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    int number = write_quietly(fd, text, len);
    struct neap_err err;

    if (number == EPIPE) {
        (void)neap_err_set(&err, NEAP_ENET,
                           "nobody reads from descriptor %d any more", fd);
        return neap_client_fail(L, &err);
    }
    if (number) {
        (void)neap_err_errno(&err, number, "cannot write to descriptor %d", fd);
        return neap_client_fail(L, &err);
    }
    lua_pushboolean(L, 1);
    return 1;
}

const luaL_Reg neap_client_process_functions[] = {
    { "wall", core_wall },     { "mono", core_mono },
    { "pid", core_pid },       { "uid", core_uid },
    { "user", core_user },     { "host", core_host },
    { "isatty", core_isatty }, { "columns", core_columns },
    { "output", core_output }, { NULL, NULL },
};
