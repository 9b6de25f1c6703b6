#include "store/mkdirs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int neap_mkdirs(const char *path, mode_t mode, struct neap_err *err)
{
    char *part = neap_strdup(path);
    int rc = 0;

    /* mostly it is there, or its parent is */
    if (mkdir(part, mode) == 0 || (errno == EEXIST && is_folder(part)))
        goto out;
    for (size_t i = path[0] != '\0'; rc == 0; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        part[i] = '\0';
        /* not EEXIST alone: a read-only file system says EROFS first */
        if (mkdir(part, mode) < 0 && !is_folder(part))
            rc = neap_err_errno(err, errno == EEXIST ? ENOTDIR : errno,
                                "cannot make folder '%s'", part);
        part[i] = path[i];
        if (path[i] == '\0')
            break;
    }
out:
    neap_free(part);
    return rc;
}
