/* core.save: a file gets a second name, or a copy, at a place of the user's.
 *
 * Cheapest first: rename (if the file may be moved), hard link, reflink,
 * copy. A hard link shares mode and bytes with the source, so it is made only
 * to a file of ours that has the wanted mode already. An object of a
 * repository is read-only and never has it: the user may edit the saved file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "bind/client/parts.h"
#include "bind/client/paths.h"
#include "store/bytes.h"

static mode_t wanted_mode(const struct stat *st)
{
    return st->st_mode & 0111 ? 0755 : 0644;
}

/* A copy of `src` at `temp`, with its final mode. */
static int copy_file(const char *src, const char *temp, mode_t mode,
                     struct neap_err *err)
{
    int from = open(src, O_RDONLY | O_CLOEXEC);
    int to, rc;

    if (from < 0)
        return neap_err_errno(err, errno, "cannot read '%s'", src);
    to = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        rc = neap_err_errno(err, errno, "cannot write '%s'", temp);
    } else {
        int64_t n = neap_bytes_copy(from, to, src, err);

        rc = n < 0 ? (int)n : 0;
        if (rc == 0 && fchmod(to, mode) < 0)
            rc =
                neap_err_errno(err, errno, "cannot set the mode of '%s'", temp);
        if (close(to) < 0 && rc == 0)
            rc = neap_err_errno(err, errno, "cannot write '%s'", temp);
        if (rc < 0)
            (void)unlink(temp);
    }
    (void)close(from);
    return rc;
}

static bool may_link(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & 07777) == wanted_mode(st);
}

/* Rename the source itself; -1 with errno if it takes a copy. */
static int move_file(const char *src, const char *dest, mode_t mode)
{
    struct stat st;

    if (lstat(src, &st) < 0 || S_ISLNK(st.st_mode) || rename(src, dest) < 0)
        return -1;
    return chmod(dest, mode);
}

/* dest is a file of ours, or a new one; it is replaced in one step. */
static int save(const char *src, const char *dest, bool move,
                struct neap_err *err)
{
    struct stat st;
    char *temp;
    int rc;

    if (stat(src, &st) < 0)
        return neap_err_errno(err, errno, "cannot read '%s'", src);
    if (!S_ISREG(st.st_mode))
        return neap_err_set(err, NEAP_EINVAL, "'%s' is a %s, not a file", src,
                            neap_client_type_name(st.st_mode));
    rc = neap_client_mkdirs_for(dest, err);
    if (rc < 0)
        return rc;
    if (move && move_file(src, dest, wanted_mode(&st)) == 0)
        return 0;
    temp = neap_client_temp_name(dest);
    if (!may_link(&st) ||
        linkat(AT_FDCWD, src, AT_FDCWD, temp, AT_SYMLINK_FOLLOW) < 0)
        rc = copy_file(src, temp, wanted_mode(&st), err);
    if (rc == 0)
        rc = neap_client_rename(temp, dest, err);
    /* renaming onto another name of the same file leaves both */
    (void)unlink(temp);
    if (rc == 0 && move)
        (void)unlink(src);
    neap_free(temp);
    return rc;
}

/* core.save(src, dest, { move=boolean }) -> true
 *
 * Parents of dest are made; an old dest is replaced in one step. The mode is
 * 0644, or 0755 if src is executable. A directory at dest is refused. */
static int core_save(lua_State *L)
{
    const char *src = neap_client_check_path(L, 1);
    const char *dest = neap_client_check_path(L, 2);
    struct neap_err err;
    bool move = false;

    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        lua_getfield(L, 3, "move");
        move = lua_toboolean(L, -1);
    }
    if (save(src, dest, move, &err) < 0)
        return neap_client_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

const luaL_Reg neap_client_save_functions[] = {
    { "save", core_save },
    { NULL, NULL },
};
