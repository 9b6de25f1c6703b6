/* Removing goes down with an open folder for each level, up to a limit; what
 * lies deeper is moved up to the top first, so that neither descriptors nor
 * the stack run out, however deep a task has built.
 *
 * Measuring may meet a running task, so nothing is moved: folders wait in a
 * list and are opened from the top, one at a time.
 */
#include "store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "store/beneath.h"
#include "store/paths.h"

#define FOLDER    (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LEVEL_MAX 32

static bool is_dots(const char *name)
{
    return name[0] == '.' &&
           (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* --- remove --------------------------------------------------------------- */

struct removal {
    int top;
    unsigned moved;
    uint64_t done; /* removed or moved up, so far */
    int rc;        /* the first error of this pass */
    struct neap_err *err;
};

static void remember(struct removal *removal, const char *name)
{
    if (removal->rc == 0)
        removal->rc =
            neap_err_errno(removal->err, errno, "cannot remove '%s'", name);
}

/* Open a folder so that it may be emptied; a mode that is in the way is
 * changed through a descriptor, for a name could be a link by now. */
static int open_folder(int fd, const char *name)
{
    int dir = openat(fd, name, FOLDER);
    struct stat st;
    char self[32];
    int handle;

    if (dir < 0 && errno == EACCES) {
        handle =
            openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (handle < 0)
            return -1;
        (void)snprintf(self, sizeof self, "/proc/self/fd/%d", handle);
        (void)chmod(self, 0700); /* opening again tells */
        (void)close(handle);
        dir = openat(fd, name, FOLDER);
    }
    if (dir >= 0 && fstat(dir, &st) == 0 && (st.st_mode & 0700) != 0700)
        (void)fchmod(dir, 0700);
    return dir;
}

/* A folder that is too deep goes to the top, for the next pass. */
static bool move_up(struct removal *removal, int fd, const char *name)
{
    char fresh[32];
    int dir = open_folder(fd, name); /* a move writes to the folder's ".." */
    int rc;

    if (dir >= 0)
        (void)close(dir);
    do {
        (void)snprintf(fresh, sizeof fresh, ".removed-%u", removal->moved++);
        rc = renameat2(fd, name, removal->top, fresh, RENAME_NOREPLACE);
    } while (rc < 0 && errno == EEXIST && removal->moved != 0);
    return rc == 0;
}

static void empty_folder(struct removal *removal, int fd, int level);

static void remove_folder(struct removal *removal, int fd, const char *name,
                          int level)
{
    int dir = level < LEVEL_MAX ? open_folder(fd, name) : -1;

    if (dir >= 0)
        empty_folder(removal, dir, level + 1); /* closes it */
    if (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ||
        (level == LEVEL_MAX && move_up(removal, fd, name)))
        removal->done++;
    else
        remember(removal, name);
}

static void remove_entry(struct removal *removal, int fd,
                         const struct dirent *entry, int level)
{
    const char *name = entry->d_name;

    if (entry->d_type == DT_DIR)
        remove_folder(removal, fd, name, level);
    else if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        removal->done++;
    else if (errno == EISDIR) /* a file system that tells no types */
        remove_folder(removal, fd, name, level);
    else
        remember(removal, name);
}

/* Takes `fd`. */
static void empty_folder(struct removal *removal, int fd, int level)
{
    DIR *dir = fdopendir(fd);
    const struct dirent *entry;

    if (dir == NULL) {
        remember(removal, ".");
        (void)close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (!is_dots(entry->d_name))
            remove_entry(removal, fd, entry, level);
    }
    (void)closedir(dir);
}

/* Until a pass finds nothing that it can remove; its errors are those that
 * count. */
static void empty_top(struct removal *removal)
{
    uint64_t before;

    do {
        int fd = openat(removal->top, ".", FOLDER);

        before = removal->done;
        removal->rc = 0;
        if (fd < 0) {
            remember(removal, ".");
            return;
        }
        empty_folder(removal, fd, 0);
    } while (removal->done != before);
}

int neap_folder_remove(const char *path, bool itself, struct neap_err *err)
{
    struct removal removal = { .err = err };

    removal.top = open_folder(AT_FDCWD, path);
    if (removal.top < 0) {
        if (errno == ENOENT)
            return 0;
        if (!itself || (errno != ENOTDIR && errno != ELOOP))
            return neap_err_errno(err, errno, "cannot open folder '%s'", path);
        if (unlink(path) < 0)
            return neap_err_errno(err, errno, "cannot remove '%s'", path);
        return 0;
    }
    empty_top(&removal);
    (void)close(removal.top);
    if (itself && rmdir(path) < 0 && errno != ENOENT)
        remember(&removal, path);
    if (removal.rc < 0)
        neap_err_prefix(err, "removing '%s'", path);
    return removal.rc;
}

/* --- size ----------------------------------------------------------------- */

struct inode {
    dev_t dev;
    ino_t ino;
};

struct measure {
    struct neap_beneath top;
    struct neap_paths todo; /* folders below the top */
    struct neap_map seen;   /* struct inode */
    char *last;             /* the folder read before; NULL at first */
    int last_fd;            /* and that folder */
    int64_t bytes, limit;
};

static bool same_inode(const void *item, const void *key)
{
    const struct inode *a = item, *b = key;

    return a->dev == b->dev && a->ino == b->ino;
}

/* Files with several names count once. */
static bool is_new(struct measure *measure, const struct stat *st)
{
    struct inode key, *inode;
    uint64_t hash;

    if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
        return true;
    memset(&key, 0, sizeof key);
    key.dev = st->st_dev;
    key.ino = st->st_ino;
    hash = neap_hash(&key, sizeof key, 0);
    if (neap_map_find(&measure->seen, hash, &key) != NULL)
        return false;
    inode = NEAP_NEW(struct inode);
    *inode = key;
    neap_map_add(&measure->seen, hash, inode);
    return true;
}

static bool is_over(const struct measure *measure)
{
    return measure->limit > 0 && measure->bytes > measure->limit;
}

static void measure_entry(struct measure *measure, int fd, const char *folder,
                          const char *name)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (is_new(measure, &st))
        measure->bytes += (int64_t)st.st_blocks * 512;
    if (S_ISDIR(st.st_mode))
        neap_paths_add(&measure->todo, neap_paths_join(folder, name));
}

/* Mostly it is in the folder that was read before it: going there from the
 * top each time would be quadratic in a deep tree. */
static int reach(const struct measure *measure, const char *folder)
{
    size_t n = measure->last != NULL ? strlen(measure->last) : 0;
    int handle, fd;

    if (n > 0 && strncmp(folder, measure->last, n) == 0 && folder[n] == '/' &&
        strchr(folder + n + 1, '/') == NULL)
        return openat(measure->last_fd, folder + n + 1, FOLDER);
    handle = neap_beneath_folder(&measure->top, folder);
    if (handle < 0)
        return -1;
    fd = openat(handle, ".", FOLDER);
    (void)close(handle);
    return fd;
}

static void forget_last(struct measure *measure)
{
    if (measure->last != NULL)
        (void)close(measure->last_fd);
    neap_free(measure->last);
    measure->last = NULL;
}

/* Takes `folder`. */
static void measure_folder(struct measure *measure, char *folder)
{
    int fd = reach(measure, folder);
    DIR *dir = fd >= 0 ? fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0)) : NULL;
    const struct dirent *entry;

    forget_last(measure);
    while (dir != NULL && !is_over(measure) && (entry = readdir(dir)) != NULL) {
        if (!is_dots(entry->d_name))
            measure_entry(measure, fd, folder, entry->d_name);
    }
    if (dir != NULL)
        (void)closedir(dir);
    if (fd >= 0) {
        measure->last = folder;
        measure->last_fd = fd;
    } else {
        neap_free(folder);
    }
}

int64_t neap_folder_size(const char *path, int64_t limit)
{
    struct measure measure = { .limit = limit };

    if (neap_beneath_open(path, &measure.top, NULL) < 0)
        return 0;
    neap_map_init(&measure.seen, same_inode);
    neap_paths_add(&measure.todo, neap_strdup(""));
    while (measure.todo.count > 0 && !is_over(&measure))
        measure_folder(&measure, measure.todo.path[--measure.todo.count]);
    forget_last(&measure);
    neap_paths_deinit(&measure.todo);
    neap_map_for_each (at, &measure.seen)
        neap_free(at->item);
    neap_map_deinit(&measure.seen);
    neap_beneath_close(&measure.top);
    return measure.bytes;
}
