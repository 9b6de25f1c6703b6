#include "store/repo_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/mkdirs.h"
#include "store/sha256.h"

/* --- names and folders ---------------------------------------------------- */

char *neap_repo_object_in(const char *root, const char *digest)
{
    return neap_format("%s/objects/%.2s/%s", root, digest, digest + 2);
}

char *neap_repo_object(const struct neap_repo *repo, const char *digest)
{
    return neap_repo_object_in(repo->base, digest);
}

int neap_repo_make_folders(const struct neap_repo *repo, struct neap_err *err)
{
    static const char *const names[] = { "objects", "tmp" };
    int rc = 0;

    for (int i = 0; i < 2 && rc == 0; i++) {
        char *path = neap_format("%s/%s", repo->base, names[i]);

        rc = neap_mkdirs(path, 0777, err);
        neap_free(path);
    }
    if (rc < 0)
        neap_err_prefix(err, "repository '%s'", repo->root);
    return rc;
}

/* --- objects -------------------------------------------------------------- */

int neap_repo_bad(const char *digest, struct neap_err *err)
{
    return neap_err_set(err, NEAP_EINVAL,
                        "'%.80s' is no digest (64 lower-case hex digits)",
                        digest != NULL ? digest : "");
}

int64_t neap_repo_look(const struct neap_repo *repo, const char *digest,
                       const char *object, bool *ret_executable,
                       struct neap_err *err)
{
    struct stat st;

    if (lstat(object, &st) < 0) {
        if (errno == ENOENT)
            return neap_err_set(err, NEAP_ENOTEXIST,
                                "repository '%s' has no object %s", repo->root,
                                digest);
        return neap_err_errno(err, errno, "cannot look at object '%s'", object);
    }
    if (!S_ISREG(st.st_mode))
        return neap_err_set(err, NEAP_EINTEGRITY,
                            "'%s' is no file; remove it from the repository",
                            object);
    if (ret_executable != NULL)
        *ret_executable = (st.st_mode & 0111) != 0;
    return st.st_size;
}

/* --- new ones ------------------------------------------------------------- */

int neap_repo_temp(struct neap_repo *repo, char **ret_path,
                   struct neap_err *err)
{
    bool again = true;

    for (;;) {
        char *path =
            neap_format("%s/tmp/%d-%08x-%u", repo->base, (int)getpid(),
                        repo->token, atomic_fetch_add(&repo->count, 1));
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int rc;

        if (fd >= 0) {
            *ret_path = path;
            return fd;
        }
        neap_free(path);
        if (errno == EEXIST) /* of a process with our number elsewhere */
            continue;
        if (errno != ENOENT || !again)
            return neap_err_errno(err, errno,
                                  "cannot make a file in repository '%s'",
                                  repo->root);
        again = false;
        rc = neap_repo_make_folders(repo, err);
        if (rc < 0)
            return rc;
    }
}

int neap_repo_folder(struct neap_repo *repo, const char *digest,
                     struct neap_err *err)
{
    char *path = neap_format("%s/objects/%.2s", repo->base, digest);
    int rc = neap_mkdirs(path, 0777, err);

    if (rc < 0)
        neap_err_prefix(err, "repository '%s'", repo->root);
    neap_free(path);
    return rc;
}

/* 0 or -1 with errno */
static int rename_new(const char *temp, const char *object, bool replace)
{
    if (!replace) {
        if (renameat2(AT_FDCWD, temp, AT_FDCWD, object, RENAME_NOREPLACE) == 0)
            return 0;
        if (errno != EINVAL && errno != ENOSYS)
            return -1;
    }
    return rename(temp, object);
}

int neap_repo_install(struct neap_repo *repo, const char *temp,
                      const char *digest, const char *object, bool replace,
                      struct neap_err *err)
{
    int rc = 0;

    if (rename_new(temp, object, replace) == 0)
        return 0;
    if (errno == ENOENT) {
        rc = neap_repo_folder(repo, digest, err);
        if (rc == 0 && rename_new(temp, object, replace) == 0)
            return 0;
    }
    if (rc == 0 && errno != EEXIST)
        rc = neap_err_errno(err, errno, "cannot make object '%s'", object);
    (void)unlink(temp);
    return rc;
}
