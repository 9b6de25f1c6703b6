/* What the client keeps and finds on disk: the number of the next run, and
 * the sockets of engines. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "bind/client/names.h"
#include "bind/client/parts.h"
#include "bind/client/paths.h"
#include "store/mkdirs.h"

#define RUN_MAX 1000000000L

/* --- core.next_run ------------------------------------------------------------ */

static int parse_run(const char *text, const char *path, long *ret,
                     struct neap_err *err)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*text == '\0')
        number = 1; /* a new file */
    else if (number < 1 || number >= RUN_MAX || *end != '\n')
        return neap_err_set(err, NEAP_EINTEGRITY,
                            "'%s' should hold the number of the next run, "
                            "and is damaged; write one number into it",
                            path);
    *ret = number;
    return 0;
}

/* Read the number and write the next one; `fd` is locked. */
static int take_run(int fd, const char *path, long *ret, struct neap_err *err)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    long number = 0;
    int len, rc;

    if (n < 0)
        return neap_err_errno(err, errno, "cannot read '%s'", path);
    text[n] = '\0';
    rc = parse_run(text, path, &number, err);
    if (rc < 0)
        return rc;
    /* never shorter than before, so one write replaces all of it */
    len = snprintf(text, sizeof(text), "%ld\n", number + 1);
    if (pwrite(fd, text, (size_t)len, 0) != len)
        return neap_err_errno(err, errno, "cannot write '%s'", path);
    *ret = number;
    return 0;
}

static int next_run(const char *state, long *ret, struct neap_err *err)
{
    char *path = neap_format("%s/next_run", state);
    int rc = neap_mkdirs(state, 0700, err);
    int fd;

    if (rc == 0) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
            rc = neap_err_errno(err, errno, "cannot lock '%s'", path);
        else
            rc = take_run(fd, path, ret, err);
        if (fd >= 0)
            (void)close(fd);
    }
    neap_free(path);
    return rc;
}

/* core.next_run(state) -> integer, from STATE/next_run, which is made */
static int core_next_run(lua_State *L)
{
    const char *state = neap_client_check_path(L, 1);
    struct neap_err err;
    long number = 0;

    if (next_run(state, &number, &err) < 0)
        return neap_client_fail(L, &err);
    lua_pushinteger(L, number);
    return 1;
}

/* --- core.sockets --------------------------------------------------------------- */

/* Does somebody answer? A full backlog means yes. */
static bool is_alive(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, rc, number;
    size_t len = strlen(path);

    if (len >= sizeof(address.sun_path))
        return false;
    memcpy(address.sun_path, path, len + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
    number = errno;
    (void)close(fd);
    return rc == 0 || number == EAGAIN;
}

/* Length of NAME in "NAME.sock", or 0; "NAME.agent.sock" is no engine. */
static size_t engine_name(const char *file)
{
    size_t len = strlen(file);

    if (len <= 5 || strcmp(file + len - 5, ".sock") != 0)
        return 0;
    len -= 5;
    if (len >= 6 && strncmp(file + len - 6, ".agent", 6) == 0)
        return 0;
    return len;
}

/* core.sockets(dir) -> { { name=, path=, alive= } … } of engines, sorted
 *
 * A folder that is not there holds none. */
static int core_sockets(lua_State *L)
{
    const char *dir = neap_client_check_path(L, 1);
    struct neap_names *names = neap_names_push(L);
    struct neap_err err;
    int count = 0;

    if (neap_names_list(names, dir, &err) < 0) {
        if (err.kind != NEAP_KIND_NOT_EXIST)
            return neap_client_fail(L, &err);
    }
    lua_newtable(L);
    for (size_t i = 0; i < names->count; i++) {
        size_t len = engine_name(names->name[i].path);

        if (len == 0)
            continue;
        lua_createtable(L, 0, 3);
        lua_pushlstring(L, names->name[i].path, len);
        lua_setfield(L, -2, "name");
        lua_pushfstring(L, "%s/%s", dir, names->name[i].path);
        lua_pushboolean(L, is_alive(lua_tostring(L, -1)));
        lua_setfield(L, -3, "alive");
        lua_setfield(L, -2, "path");
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

const luaL_Reg neap_client_state_functions[] = {
    { "next_run", core_next_run },
    { "sockets", core_sockets },
    { NULL, NULL },
};
