/* Small operations on paths, without Lua. */
#include "bind/client/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/mkdirs.h"

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
    return neap_mkdirs(parent, 0777, err);
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
