/* The repository's folders and names; storing is in repo_put.c, taking out in
 * repo_get.c.
 *
 * Everything goes by absolute paths, never by descriptors of folders kept
 * open: a user may delete the repository (it is a cache), and the folders are
 * made again when they are needed.
 */
#include "store/repo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/bytes.h"
#include "store/mkdirs.h"
#include "store/repo_impl.h"

#define OLD_S (24 * 60 * 60) /* a temporary file that nobody will finish */

/* --- names ---------------------------------------------------------------- */

char *neap_repo_path(const struct neap_repo *repo, const char *digest)
{
    return neap_digest_ok(digest) ? neap_repo_object_in(repo->root, digest)
                                  : NULL;
}

const char *neap_repo_root(const struct neap_repo *repo)
{
    return repo->root;
}

/* --- open and close ------------------------------------------------------- */

/* What killed writers have left. Errors do not matter: it is only space. */
static void sweep(const char *folder)
{
    DIR *dir = opendir(folder);
    time_t now = time(NULL);
    const struct dirent *entry;
    struct stat st;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        int fd = dirfd(dir);

        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtime < now - OLD_S)
            (void)unlinkat(fd, entry->d_name, 0);
    }
    (void)closedir(dir);
}

static char *absolute(const char *path)
{
    char *cwd, *full;

    if (path[0] == '/')
        return neap_strdup(path);
    cwd = getcwd(NULL, 0);
    if (cwd == NULL)
        return NULL;
    full = neap_format("%s/%s", cwd, path);
    free(cwd);
    return full;
}

int neap_repo_open(const char *root, struct neap_repo **ret,
                   struct neap_err *err)
{
    struct neap_repo *repo;
    char *tmp;
    int rc;

    if (root[0] == '\0')
        return neap_err_set(err, NEAP_EINVAL,
                            "the path of a repository is empty");
    repo = NEAP_NEW(struct neap_repo);
    repo->root = neap_strdup(root);
    repo->base = absolute(root);
    if (repo->base == NULL) {
        rc = neap_err_errno(err, errno, "repository '%s': no current folder",
                            root);
        goto fail;
    }
    if (getrandom(&repo->token, sizeof repo->token, GRND_NONBLOCK) < 0)
        repo->token = (unsigned)time(NULL);
    rc = neap_repo_make_folders(repo, err);
    if (rc < 0)
        goto fail;
    tmp = neap_format("%s/tmp", repo->base);
    sweep(tmp);
    neap_free(tmp);
    *ret = repo;
    return 0;

fail:
    neap_repo_close(repo);
    return rc;
}

void neap_repo_close(struct neap_repo *repo)
{
    if (repo == NULL)
        return;
    neap_free(repo->root);
    neap_free(repo->base);
    neap_free(repo);
}

/* --- looking at objects --------------------------------------------------- */

int64_t neap_repo_stat(const struct neap_repo *repo, const char *digest,
                       struct neap_err *err)
{
    char *object;
    int64_t size;

    if (!neap_digest_ok(digest))
        return neap_repo_bad(digest, err);
    object = neap_repo_object(repo, digest);
    size = neap_repo_look(repo, digest, object, NULL, err);
    neap_free(object);
    return size;
}

static int verify(const char *object, const char *digest, struct neap_err *err)
{
    int fd = open(object, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char hex[NEAP_DIGEST_HEX];
    int64_t size;

    if (fd < 0)
        return neap_err_errno(err, errno, "cannot read object '%s'", object);
    size = neap_bytes_hash(fd, object, hex, err);
    (void)close(fd);
    if (size < 0)
        return (int)size;
    if (strcmp(hex, digest) != 0)
        return neap_err_set(err, NEAP_EINTEGRITY,
                            "object '%s' is damaged: its %lld bytes have the "
                            "digest %s; remove it",
                            object, (long long)size, hex);
    return 0;
}

int neap_repo_verify(struct neap_repo *repo, const char *digest,
                     struct neap_err *err)
{
    char *object;
    int64_t rc;

    if (!neap_digest_ok(digest))
        return neap_repo_bad(digest, err);
    object = neap_repo_object(repo, digest);
    rc = neap_repo_look(repo, digest, object, NULL, err);
    if (rc >= 0)
        rc = verify(object, digest, err);
    neap_free(object);
    return (int)rc;
}
