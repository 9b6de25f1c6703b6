/* Small operations on paths, without Lua. */
#include "bind/client/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int neap_client_mkdirs(const char *path, mode_t mode, struct neap_err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);

    if (len >= sizeof(part))
        return neap_err_set(err, NEAP_EINVAL, "a path of %zu bytes is too long",
                            len);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        /* not EEXIST alone: a read-only file system says EROFS first */
        if (mkdir(part, mode) < 0 && !is_dir(part))
            return neap_err_errno(err, errno == EEXIST ? ENOTDIR : errno,
                                  "cannot make folder '%s'", part);
    }
    return 0;
}

int neap_client_mkdirs_for(const char *path, struct neap_err *err)
{
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX];
    size_t len;

    if (!slash || slash == path)
        return 0;
    len = (size_t)(slash - path);
    if (len >= sizeof(parent))
        return neap_err_set(err, NEAP_EINVAL, "a path of %zu bytes is too long",
                            len);
    memcpy(parent, path, len);
    parent[len] = '\0';
    return neap_client_mkdirs(parent, 0777, err);
}

char *neap_client_temp_name(const char *path)
{
    static atomic_uint count;
    const char *slash = strrchr(path, '/');
    int folder_len = slash ? (int)(slash + 1 - path) : 0;

    return neap_format("%.*s.%.200s.%d-%u", folder_len, path, path + folder_len,
                       (int)getpid(), atomic_fetch_add(&count, 1));
}

int neap_client_rename(const char *from, const char *to, struct neap_err *err)
{
    if (rename(from, to) < 0)
        return neap_err_errno(err, errno, "cannot rename '%s' to '%s'", from,
                              to);
    return 0;
}

int neap_client_write_all(int fd, const void *data, size_t len,
                          const char *path, struct neap_err *err)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return neap_err_errno(err, errno, "cannot write '%s'", path);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

const char *neap_client_type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "dir";
    case S_IFLNK:
        return "link";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    case S_IFCHR:
        return "char";
    default:
        return "block";
    }
}
