/* Taking out: a hard link is nearly free and shares the page cache. When a
 * file system allows no more names for an object, the object is replaced by a
 * copy of itself, so that the next 65 000 links are free again. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/bytes.h"
#include "store/repo.h"
#include "store/repo_impl.h"

struct get {
    struct neap_repo *repo;
    const char *digest;
    const char *object;
    int dirfd;
    const char *dest; /* from dirfd */
    bool executable;
};

/* Copy the object into the open file `to`; returns its bytes. */
static int64_t fill(const struct get *get, int to, struct neap_err *err)
{
    int from = open(get->object, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t rc;

    if (from < 0)
        return neap_err_errno(err, errno, "cannot read object '%s'",
                              get->object);
    rc = neap_bytes_copy(from, to, get->dest, err);
    if (rc >= 0 && fchmod(to, get->executable ? 0555 : 0444) < 0)
        rc = neap_err_errno(err, errno, "cannot set the mode of '%s'",
                            get->dest);
    (void)close(from);
    return rc;
}

static int64_t copy(const struct get *get, struct neap_err *err)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int to = openat(get->dirfd, get->dest, flags, 0600);
    int64_t rc;

    if (to < 0)
        return neap_err_errno(err, errno, "cannot make '%s'", get->dest);
    rc = fill(get, to, err);
    if (close(to) < 0 && rc >= 0)
        rc = neap_err_errno(err, errno, "cannot write '%s'", get->dest);
    if (rc < 0)
        (void)unlinkat(get->dirfd, get->dest, 0);
    return rc;
}

static bool link_dest(const struct get *get)
{
    return linkat(AT_FDCWD, get->object, get->dirfd, get->dest, 0) == 0;
}

/* Replace the object by a copy that has no other names. If that fails,
 * nothing has happened. */
static bool renew(const struct get *get)
{
    char *temp;
    int to = neap_repo_temp(get->repo, &temp, NULL);
    int64_t rc;

    if (to < 0)
        return false;
    rc = fill(get, to, NULL);
    if (close(to) < 0)
        rc = -1;
    if (rc >= 0)
        rc = neap_repo_install(get->repo, temp, get->digest, get->object, true,
                               NULL);
    else
        (void)unlink(temp);
    neap_free(temp);
    return rc >= 0;
}

/* A link, or what kept us from it in errno. */
static bool link_or_renew(const struct get *get)
{
    if (link_dest(get))
        return true;
    return errno == EMLINK && renew(get) && link_dest(get);
}

static int64_t get_object(struct get *get, int64_t size, struct neap_err *err)
{
    bool executable = false;
    int64_t have =
        neap_repo_look(get->repo, get->digest, get->object, &executable, err);

    if (have < 0)
        return have;
    if (size >= 0 && have != size)
        return neap_err_set(err, NEAP_EINTEGRITY,
                            "object '%s' is damaged: it has %lld bytes, not "
                            "%lld; remove it",
                            get->object, (long long)have, (long long)size);
    /* the repository of somebody else: its mode stays, ours is a copy */
    if (get->executable && !executable && chmod(get->object, 0555) < 0)
        return copy(get, err);
    get->executable |= executable;
    if (link_or_renew(get))
        return 0;
    if (errno == EEXIST || errno == ENOENT || errno == ENOTDIR ||
        errno == ENOSPC || errno == EDQUOT)
        return neap_err_errno(err, errno, "cannot make '%s'", get->dest);
    return copy(get, err);
}

int64_t neap_repo_get_at(struct neap_repo *repo, const char *digest,
                         int64_t size, int dirfd, const char *dest,
                         bool executable, struct neap_err *err)
{
    struct get get = { .repo = repo,
                       .digest = digest,
                       .dirfd = dirfd,
                       .dest = dest,
                       .executable = executable };
    char *object;
    int64_t rc;

    if (!neap_digest_ok(digest))
        return neap_repo_bad(digest, err);
    object = neap_repo_object(repo, digest);
    get.object = object;
    rc = get_object(&get, size, err);
    if (rc == NEAP_EEXHAUSTED)
        neap_err_prefix(err, "taking object %s out of repository '%s'", digest,
                        repo->root);
    neap_free(object);
    return rc;
}

int neap_repo_get(struct neap_repo *repo, const char *digest, const char *dest,
                  bool executable, struct neap_err *err)
{
    int64_t rc =
        neap_repo_get_at(repo, digest, -1, AT_FDCWD, dest, executable, err);

    return rc < 0 ? (int)rc : 0;
}
