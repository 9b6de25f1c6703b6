/* Single files and paths: stat, read, write, mkdirs, remove, realpath, cwd.
 *
 * Scratch space is a userdata, and a descriptor is never open while Lua may
 * raise.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "bind/client/parts.h"
#include "bind/client/paths.h"
#include "store/bytes.h"
#include "store/mkdirs.h"

#define READ_MAX   (64u << 20)
#define READ_GUESS (64u << 10) /* of a file that does not tell its size */

static int fail_errno(lua_State *L, const char *what, const char *path)
{
    struct neap_err err;

    (void)neap_err_errno(&err, errno, "cannot %s '%s'", what, path);
    return neap_client_fail(L, &err);
}

/* core.stat(path) -> { type="file"|"dir"|…, size=, mode=, mtime=, x= }
 *
 * Follows links; mtime in Unix seconds; x: somebody may execute it. */
static int core_stat(lua_State *L)
{
    const char *path = neap_client_check_path(L, 1);
    struct stat st;

    if (stat(path, &st) < 0)
        return fail_errno(L, "look at", path);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, neap_client_type_name(st.st_mode));
    lua_setfield(L, -2, "type");
    lua_pushnumber(L, (lua_Number)st.st_size);
    lua_setfield(L, -2, "size");
    lua_pushinteger(L, st.st_mode & 07777);
    lua_setfield(L, -2, "mode");
    lua_pushnumber(L, (lua_Number)st.st_mtim.tv_sec +
                          (lua_Number)st.st_mtim.tv_nsec / 1e9);
    lua_setfield(L, -2, "mtime");
    lua_pushboolean(L, (st.st_mode & 0111) != 0);
    lua_setfield(L, -2, "x");
    return 1;
}

/* core.realpath(path) -> absolute path without links */
static int core_realpath(lua_State *L)
{
    const char *path = neap_client_check_path(L, 1);
    char full[PATH_MAX];

    if (!realpath(path, full))
        return fail_errno(L, "resolve", path);
    lua_pushstring(L, full);
    return 1;
}

/* core.cwd() -> absolute path */
static int core_cwd(lua_State *L)
{
    char path[PATH_MAX];

    if (!getcwd(path, sizeof(path)))
        return fail_errno(L, "find", "the current folder");
    lua_pushstring(L, path);
    return 1;
}

/* core.mkdirs(path, mode?) -> true; parents too; mode is 0777 less umask */
static int core_mkdirs(lua_State *L)
{
    const char *path = neap_client_check_path(L, 1);
    int mode = luaL_optint(L, 2, 0777);
    struct neap_err err;

    luaL_argcheck(L, mode >= 0 && mode <= 07777, 2, "no mode of a file");
    if (neap_mkdirs(path, (mode_t)mode, &err) < 0)
        return neap_client_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* core.remove(path) -> true; a file, a link, or an empty folder */
static int core_remove(lua_State *L)
{
    const char *path = neap_client_check_path(L, 1);

    if (remove(path) < 0)
        return fail_errno(L, "remove", path);
    lua_pushboolean(L, 1);
    return 1;
}

/* --- core.read --------------------------------------------------------------- */

/* How much to read: what the caller says, else the rest of the file. Returns
 * 0, or NEAP_E… */
static int find_length(const char *path, lua_Number offset, lua_Number asked,
                       size_t *ret, struct neap_err *err)
{
    lua_Number len = asked;
    struct stat st;

    if (stat(path, &st) < 0)
        return neap_err_errno(err, errno, "cannot read '%s'", path);
    if (S_ISDIR(st.st_mode))
        return neap_err_errno(err, EISDIR, "cannot read '%s'", path);
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        lua_Number rest = (lua_Number)st.st_size - offset;

        if (rest < 0)
            rest = 0;
        if (len < 0 || len > rest)
            len = rest;
    } else if (len < 0) {
        len = READ_GUESS;
    }
    if (len > READ_MAX)
        return neap_err_set(err, NEAP_EEXHAUSTED,
                            "'%s': %.0f bytes are too many to read at once; "
                            "at most %u",
                            path, len, READ_MAX);
    *ret = (size_t)len;
    return 0;
}

/* Returns bytes read, or -1 with errno. */
static ssize_t read_at(const char *path, char *data, size_t len, off_t offset)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t done = 0;
    ssize_t n = 0;
    int saved;

    if (fd < 0)
        return -1;
    while (done < len) {
        n = pread(fd, data + done, len - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    saved = errno;
    (void)close(fd);
    errno = saved;
    return n < 0 ? -1 : (ssize_t)done;
}

/* core.read(path, offset?, n?) -> string
 *
 * At most n bytes from offset (0); without n all to the end. Shorter, maybe
 * empty, at the end of the file. More than 64 MiB: "ResourcesExhausted". */
static int core_read(lua_State *L)
{
    const char *path = neap_client_check_path(L, 1);
    lua_Number offset = luaL_optnumber(L, 2, 0);
    lua_Number asked = luaL_optnumber(L, 3, -1);
    struct neap_err err;
    size_t len = 0;
    ssize_t n;
    char *data;

    luaL_argcheck(L, offset >= 0 && offset <= 0x1p53, 2, "no offset");
    luaL_argcheck(L, lua_isnoneornil(L, 3) || asked >= 0, 3, "no length");
    if (find_length(path, offset, asked, &len, &err) < 0)
        return neap_client_fail(L, &err);
    data = lua_newuserdata(L, len + 1);
    n = read_at(path, data, len, (off_t)offset);
    if (n < 0)
        return fail_errno(L, "read", path);
    lua_pushlstring(L, data, (size_t)n);
    return 1;
}

/* --- core.write -------------------------------------------------------------- */

static int write_file(const char *path, const char *data, size_t len,
                      mode_t mode, struct neap_err *err)
{
    char *temp = neap_client_temp_name(path);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int rc;

    if (fd < 0) {
        rc = neap_err_errno(err, errno, "cannot write '%s'", path);
    } else {
        rc = neap_bytes_write(fd, data, len, path, err);
        if (close(fd) < 0 && rc == 0)
            rc = neap_err_errno(err, errno, "cannot write '%s'", path);
        if (rc == 0)
            rc = neap_client_rename(temp, path, err);
        if (rc < 0)
            (void)unlink(temp);
    }
    neap_free(temp);
    return rc;
}

/* core.write(path, data, mode?) -> true
 *
 * To a temporary name beside it, then renamed: readers see the old file or
 * the new one. mode is 0666 less umask. */
static int core_write(lua_State *L)
{
    const char *path = neap_client_check_path(L, 1);
    size_t len;
    const char *data = luaL_checklstring(L, 2, &len);
    int mode = luaL_optint(L, 3, 0666);
    struct neap_err err;

    luaL_argcheck(L, mode >= 0 && mode <= 07777, 3, "no mode of a file");
    if (write_file(path, data, len, (mode_t)mode, &err) < 0)
        return neap_client_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

const luaL_Reg neap_client_file_functions[] = {
    { "stat", core_stat },     { "realpath", core_realpath },
    { "cwd", core_cwd },       { "mkdirs", core_mkdirs },
    { "remove", core_remove }, { "read", core_read },
    { "write", core_write },   { NULL, NULL },
};
