/* Storing. The file is hashed first, so that an object that is there costs no
 * write; then it gets a second name in objects/ (if it is ours), or it is
 * copied and hashed again on the way: what has the name has the digest.
 *
 * A file with other names is never taken over: who has them could change the
 * object. Nothing is synced: the repository is a cache, and sizes are checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/bytes.h"
#include "store/repo.h"
#include "store/repo_impl.h"

struct put {
    struct neap_repo *repo;
    int dirfd;
    const char *path; /* from dirfd */
    const char *name; /* for people */
    enum neap_put_mode mode;
    bool executable;
    int fd;
    struct stat st; /* before the first byte was read */
    char digest[NEAP_DIGEST_HEX];
    char *object;
};

static mode_t object_mode(bool executable)
{
    return executable ? 0555 : 0444;
}

/* A failure here does not matter: taking out looks at the mode again. */
static void make_executable(const char *object)
{
    (void)chmod(object, 0555);
}

/* --- putting files -------------------------------------------------------- */

static int open_file(struct put *put, struct neap_err *err)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    if (put->mode != NEAP_PUT_COPY || put->dirfd != AT_FDCWD)
        flags |= O_NOFOLLOW;
    put->fd = openat(put->dirfd, put->path, flags);
    if (put->fd < 0)
        return neap_err_errno(err, errno, "cannot read '%s'", put->name);
    if (fstat(put->fd, &put->st) < 0)
        return neap_err_errno(err, errno, "cannot look at '%s'", put->name);
    if (!S_ISREG(put->st.st_mode))
        return neap_err_set(err, NEAP_EINVAL, "'%s' is no regular file",
                            put->name);
    return 0;
}

static int changed(const struct put *put, struct neap_err *err)
{
    return neap_err_set(err, NEAP_EINTEGRITY,
                        "'%s' changed while it was being stored", put->name);
}

static int check_unchanged(const struct put *put, struct neap_err *err)
{
    struct stat now;

    if (fstat(put->fd, &now) < 0)
        return neap_err_errno(err, errno, "cannot look at '%s'", put->name);
    return neap_bytes_same(&put->st, &now) ? 0 : changed(put, err);
}

static bool link_fd(int fd, const char *object)
{
    char self[32];

    (void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, object, AT_SYMLINK_FOLLOW) == 0;
}

/* Give our own file the object's name: true if the object is there now. Any
 * doubt means copying. */
static bool adopt(const struct put *put)
{
    if (put->mode == NEAP_PUT_COPY || put->st.st_nlink != 1 ||
        put->st.st_uid != geteuid())
        return false;
    if (fchmod(put->fd, object_mode(put->executable)) < 0)
        return false;
    if (link_fd(put->fd, put->object) || errno == EEXIST)
        return true;
    return errno == ENOENT &&
           neap_repo_folder(put->repo, put->digest, NULL) == 0 &&
           (link_fd(put->fd, put->object) || errno == EEXIST);
}

/* Fill the temporary file `to`. */
static int fill(const struct put *put, int to, struct neap_err *err)
{
    char hex[NEAP_DIGEST_HEX];
    int64_t size = neap_bytes_copy_hash(put->fd, to, put->name, hex, err);

    if (size < 0)
        return (int)size;
    if (strcmp(hex, put->digest) != 0)
        return changed(put, err);
    if (fchmod(to, object_mode(put->executable)) < 0)
        return neap_err_errno(err, errno, "cannot set the mode of an object");
    return 0;
}

static int copy(const struct put *put, bool replace, struct neap_err *err)
{
    char *temp;
    int to = neap_repo_temp(put->repo, &temp, err);
    int rc;

    if (to < 0)
        return to;
    rc = fill(put, to, err);
    if (close(to) < 0 && rc == 0)
        rc = neap_err_errno(err, errno, "cannot write '%s'", temp);
    if (rc == 0)
        rc = neap_repo_install(put->repo, temp, put->digest, put->object,
                               replace, err);
    else
        (void)unlink(temp);
    neap_free(temp);
    return rc;
}

/* Make the object, or find it. */
static int store(const struct put *put, int64_t size, struct neap_err *err)
{
    bool executable = false;
    int64_t have =
        neap_repo_look(put->repo, put->digest, put->object, &executable, err);
    int rc = 0;

    if (have < 0 && have != NEAP_ENOTEXIST)
        return (int)have;
    if (have != size) {
        if (have >= 0 || !adopt(put)) /* other size: a torn write, replace */
            rc = copy(put, have >= 0, err);
        if (rc < 0 || !put->executable)
            return rc;
        have = neap_repo_look(put->repo, put->digest, put->object, &executable,
                              err);
    }
    if (put->executable && !executable)
        make_executable(put->object);
    return have < 0 ? (int)have : 0;
}

static int64_t hash_and_store(struct put *put, struct neap_err *err)
{
    int64_t size = neap_bytes_hash(put->fd, put->name, put->digest, err);
    int rc;

    if (size < 0)
        return size;
    rc = check_unchanged(put, err);
    if (rc < 0)
        return rc;
    put->object = neap_repo_object(put->repo, put->digest);
    rc = store(put, size, err);
    if (rc < 0)
        neap_err_prefix(err, "storing '%s' (%lld bytes) in repository '%s'",
                        put->name, (long long)size, put->repo->root);
    neap_free(put->object);
    return rc < 0 ? rc : size;
}

int64_t neap_repo_put_at(struct neap_repo *repo, int dirfd, const char *path,
                         const char *name, enum neap_put_mode mode,
                         bool executable, char digest[NEAP_DIGEST_HEX],
                         struct neap_err *err)
{
    struct put put = { .repo = repo,
                       .dirfd = dirfd,
                       .path = path,
                       .name = name,
                       .mode = mode,
                       .executable = executable,
                       .fd = -1 };
    int64_t rc = open_file(&put, err);

    if (rc == 0)
        rc = hash_and_store(&put, err);
    if (put.fd >= 0)
        (void)close(put.fd);
    if (rc < 0)
        return rc;
    if (mode == NEAP_PUT_MOVE && unlinkat(dirfd, path, 0) < 0 &&
        errno != ENOENT)
        return neap_err_errno(err, errno,
                              "'%s' is stored, but cannot be "
                              "removed",
                              name);
    memcpy(digest, put.digest, NEAP_DIGEST_HEX);
    return rc;
}

int64_t neap_repo_put_file(struct neap_repo *repo, const char *path,
                           enum neap_put_mode mode, bool executable,
                           char digest[NEAP_DIGEST_HEX], struct neap_err *err)
{
    return neap_repo_put_at(repo, AT_FDCWD, path, path, mode, executable,
                            digest, err);
}

/* --- putting bytes -------------------------------------------------------- */

static int store_data(struct neap_repo *repo, const void *data, size_t size,
                      const char *digest, const char *object, bool replace,
                      struct neap_err *err)
{
    char *temp;
    int to = neap_repo_temp(repo, &temp, err);
    int rc;

    if (to < 0)
        return to;
    rc = neap_bytes_write(to, data, size, temp, err);
    if (rc == 0 && fchmod(to, 0444) < 0)
        rc = neap_err_errno(err, errno, "cannot set the mode of an object");
    if (close(to) < 0 && rc == 0)
        rc = neap_err_errno(err, errno, "cannot write '%s'", temp);
    if (rc == 0)
        rc = neap_repo_install(repo, temp, digest, object, replace, err);
    else
        (void)unlink(temp);
    neap_free(temp);
    return rc;
}

int64_t neap_repo_put_data(struct neap_repo *repo, const void *data,
                           size_t size, char digest[NEAP_DIGEST_HEX],
                           struct neap_err *err)
{
    char hex[NEAP_DIGEST_HEX];
    char *object;
    int64_t have, rc = 0;

    neap_sha256_of(data, size, hex);
    object = neap_repo_object(repo, hex);
    have = neap_repo_look(repo, hex, object, NULL, err);
    if (have < 0 && have != NEAP_ENOTEXIST)
        rc = have;
    else if (have != (int64_t)size)
        rc = store_data(repo, data, size, hex, object, have >= 0, err);
    neap_free(object);
    if (rc < 0) {
        neap_err_prefix(err, "storing %zu bytes in repository '%s'", size,
                        repo->root);
        return rc;
    }
    memcpy(digest, hex, NEAP_DIGEST_HEX);
    return (int64_t)size;
}
