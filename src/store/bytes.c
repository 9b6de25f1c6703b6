#include "store/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"

#define BLOCK ((size_t)64 << 10)
#define CHUNK ((size_t)1 << 30) /* of one copy_file_range */

static int cannot_write(const char *name, struct neap_err *err)
{
    return neap_err_errno(err, errno, "cannot write '%s'", name);
}

static ssize_t read_block(int fd, char *block, int64_t at)
{
    ssize_t n;

    do {
        n = pread(fd, block, BLOCK, at);
    } while (n < 0 && errno == EINTR);
    return n;
}

int neap_bytes_write(int fd, const void *data, size_t size, const char *name,
                     struct neap_err *err)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot_write(name, err);
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Hash (unless NULL) and write (unless to < 0) what is behind `at`. */
static int64_t pump(int from, int64_t at, int to, struct neap_sha256 *sha,
                    const char *name, struct neap_err *err)
{
    char *block = neap_alloc(BLOCK);
    int64_t rc = 0;
    ssize_t n;

    while ((n = read_block(from, block, at)) > 0) {
        if (sha != NULL)
            neap_sha256_update(sha, block, (size_t)n);
        if (to >= 0)
            rc = neap_bytes_write(to, block, (size_t)n, name, err);
        if (rc < 0)
            break;
        at += n;
    }
    if (n < 0)
        rc = neap_err_errno(err, errno, "cannot read '%s'", name);
    neap_free(block);
    return rc < 0 ? rc : at;
}

static int64_t pump_hash(int from, int to, const char *name,
                         char hex[NEAP_DIGEST_HEX], struct neap_err *err)
{
    struct neap_sha256 *sha = neap_sha256_create();
    int64_t size = pump(from, 0, to, sha, name, err);

    if (size >= 0)
        neap_sha256_finish(sha, hex);
    neap_sha256_destroy(sha);
    return size;
}

int64_t neap_bytes_hash(int fd, const char *name, char hex[NEAP_DIGEST_HEX],
                        struct neap_err *err)
{
    return pump_hash(fd, -1, name, hex, err);
}

int64_t neap_bytes_copy_hash(int from, int to, const char *name,
                             char hex[NEAP_DIGEST_HEX], struct neap_err *err)
{
    /* a reflink is a snapshot, so hashing it is hashing what was copied */
    if (ioctl(to, FICLONE, from) == 0)
        return neap_bytes_hash(to, name, hex, err);
    return pump_hash(from, to, name, hex, err);
}

int64_t neap_bytes_copy(int from, int to, const char *name,
                        struct neap_err *err)
{
    off_t at = 0;
    ssize_t n;

    if (ioctl(to, FICLONE, from) == 0) {
        struct stat st;

        if (fstat(to, &st) < 0)
            return cannot_write(name, err);
        return st.st_size;
    }
    do {
        n = copy_file_range(from, &at, to, NULL, CHUNK, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return cannot_write(name, err);
    /* at the end, or refused for this pair of file systems: the rest (maybe
     * nothing) by hand, from where the kernel has stopped */
    return pump(from, at, to, NULL, name, err);
}

bool neap_bytes_same(const struct stat *before, const struct stat *after)
{
    return before->st_dev == after->st_dev && before->st_ino == after->st_ino &&
           before->st_size == after->st_size &&
           before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
           before->st_mtim.tv_nsec == after->st_mtim.tv_nsec &&
           before->st_ctim.tv_sec == after->st_ctim.tv_sec &&
           before->st_ctim.tv_nsec == after->st_ctim.tv_nsec;
}
