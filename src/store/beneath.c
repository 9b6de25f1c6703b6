/* The usual path has no links: one openat2 for its parent tells. Otherwise
 * the path is walked by hand, one name at a time and never through a link:
 *
 *   done   where we are, a path without links; `fd` is that folder
 *   rest   what is still to be walked; a link's text is put before it
 *
 * ".." (it comes only from links) takes a name off `done` and walks there
 * again, so that the answer does not depend on where a folder was moved to.
 */
#include "store/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define LINKS_MAX 40 /* as the kernel's */
#define FOLDER    (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct walk {
    const struct neap_beneath *top;
    const char *path; /* the whole request, for people */
    int fd;
    struct neap_buf done, rest;
    int links;
    char link[NAME_MAX + 2]; /* the last one, for people */
};

/* --- the top -------------------------------------------------------------- */

int neap_beneath_open(const char *path, struct neap_beneath *ret,
                      struct neap_err *err)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *real;

    if (fd < 0)
        return neap_err_errno(err, errno, "cannot open folder '%s'", path);
    real = realpath(path, NULL);
    ret->fd = fd;
    ret->path = neap_strdup(path);
    ret->real = neap_strdup(real != NULL ? real : path);
    free(real);
    return 0;
}

void neap_beneath_close(struct neap_beneath *top)
{
    (void)close(top->fd);
    neap_free(top->path);
    neap_free(top->real);
}

/* --- steps ---------------------------------------------------------------- */

/* A folder without any link on the way; -1 with errno: ask by hand. */
static int open_fast(int fd, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

    return (int)syscall(SYS_openat2, fd, path, &how, sizeof how);
}

/* Takes `fd`, and gives the folder `name` in it; -1 with errno. */
static int descend(int fd, const char *name)
{
    int next = openat(fd, name, FOLDER);
    int why = errno;

    (void)close(fd);
    errno = why;
    return next;
}

/* Take the first name off `rest`; false at the end. */
static bool next_name(struct neap_buf *rest, char *name)
{
    size_t at = 0, n = 0;

    while (at < rest->len && rest->data[at] == '/')
        at++;
    while (at + n < rest->len && rest->data[at + n] != '/')
        n++;
    if (n == 0)
        return false;
    if (n > NAME_MAX) /* the kernel will refuse it by its length */
        n = NAME_MAX + 1;
    memcpy(name, rest->data + at, n);
    name[n] = '\0';
    neap_buf_consume(rest, at + n);
    return true;
}

int neap_beneath_folder(const struct neap_beneath *top, const char *path)
{
    int fd = open_fast(top->fd, path[0] != '\0' ? path : ".");
    char *copy, *save = NULL;

    if (fd >= 0)
        return fd;
    copy = neap_strdup(path);
    fd = openat(top->fd, ".", FOLDER);
    for (char *name = strtok_r(copy, "/", &save); name != NULL && fd >= 0;
         name = strtok_r(NULL, "/", &save))
        fd = descend(fd, name);
    neap_free(copy);
    return fd;
}

/* Open `done` again. -1 with errno. */
static int again_from_top(struct walk *walk)
{
    const char *done = walk->done.len > 0 ? walk->done.data : "";

    if (walk->fd >= 0)
        (void)close(walk->fd);
    walk->fd = neap_beneath_folder(walk->top, done);
    return walk->fd;
}

static int go_up(struct walk *walk, struct neap_err *err)
{
    char *slash;

    if (walk->done.len == 0)
        return neap_err_set(err, NEAP_EPRECONDITION,
                            "'%.200s': link '%s' leads out of the work "
                            "directory",
                            walk->path, walk->link);
    slash = strrchr(walk->done.data, '/');
    walk->done.len = slash != NULL ? (size_t)(slash - walk->done.data) : 0;
    walk->done.data[walk->done.len] = '\0';
    if (again_from_top(walk) < 0)
        return neap_err_errno(err, errno, "'%.200s': cannot open its folder",
                              walk->path);
    return 0;
}

static int go_down(struct walk *walk, const char *name, struct neap_err *err)
{
    walk->fd = descend(walk->fd, name);
    if (walk->fd < 0)
        return neap_err_errno(err, errno, "'%.200s': cannot open '%s'",
                              walk->path, name);
    if (walk->done.len > 0)
        neap_buf_putc(&walk->done, '/');
    neap_buf_puts(&walk->done, name);
    return 0;
}

/* --- links ---------------------------------------------------------------- */

/* What follows `top` in `text`; NULL if it is elsewhere. */
static const char *below(const char *text, const char *top)
{
    size_t n = strlen(top);

    while (n > 1 && top[n - 1] == '/')
        n--;
    if (strncmp(text, top, n) != 0 || (text[n] != '/' && text[n] != '\0'))
        return NULL;
    return text + n;
}

static bool is_staged(const struct walk *walk, const struct stat *st)
{
    return walk->done.len >= 2 && below(walk->done.data, "in") != NULL &&
           st->st_uid == geteuid();
}

/* The user's file behind a staged link. */
static int find_staged(const struct walk *walk, const char *text,
                       struct neap_found *ret, struct neap_err *err)
{
    char *real = realpath(text, NULL);
    char *slash = real != NULL ? strrchr(real, '/') : NULL;
    struct stat st;
    int fd, rc;

    if (slash == NULL || lstat(real, &st) < 0 || !S_ISREG(st.st_mode) ||
        walk->rest.len > 0) {
        free(real);
        return neap_err_set(err, NEAP_EPRECONDITION,
                            "'%.200s': link '%s' leads to '%.300s', which is "
                            "no file",
                            walk->path, walk->link, text);
    }
    ret->name = neap_strdup(slash + 1);
    *slash = '\0';
    fd = open(slash == real ? "/" : real, FOLDER);
    if (fd < 0) {
        rc = neap_err_errno(err, errno, "cannot open folder '%s'", real);
        neap_free(ret->name);
    } else {
        ret->dirfd = fd;
        ret->st = st;
        ret->outside = true;
        rc = 1;
    }
    free(real);
    return rc;
}

/* Put the link's text before the rest. Returns 0, or 1 if `ret` is found. */
static int follow(struct walk *walk, const char *name, const struct stat *st,
                  struct neap_found *ret, struct neap_err *err)
{
    char text[PATH_MAX];
    ssize_t n = readlinkat(walk->fd, name, text, sizeof text - 1);
    const char *inside = text;
    struct neap_buf rest = NEAP_BUF_INIT;

    if (n < 0)
        return neap_err_errno(err, errno, "'%.200s': cannot read link '%s'",
                              walk->path, name);
    text[n] = '\0';
    (void)snprintf(walk->link, sizeof walk->link, "%s", name);
    if (++walk->links > LINKS_MAX)
        return neap_err_set(err, NEAP_EPRECONDITION,
                            "'%.200s': link '%s' leads in a circle (more than "
                            "%d links)",
                            walk->path, name, LINKS_MAX);
    if (text[0] == '/') {
        inside = below(text, walk->top->path);
        if (inside == NULL)
            inside = below(text, walk->top->real);
        if (inside == NULL && is_staged(walk, st))
            return find_staged(walk, text, ret, err);
        if (inside == NULL)
            return neap_err_set(err, NEAP_EPRECONDITION,
                                "'%.200s': link '%s' leads out of the work "
                                "directory, to '%.300s'; copy the file instead",
                                walk->path, name, text);
        neap_buf_clear(&walk->done);
        if (again_from_top(walk) < 0)
            return neap_err_errno(err, errno, "cannot open folder '%s'",
                                  walk->top->path);
    }
    neap_buf_puts(&rest, inside);
    if (walk->rest.len > 0) {
        neap_buf_putc(&rest, '/');
        neap_buf_append(&rest, walk->rest.data, walk->rest.len);
    }
    neap_buf_deinit(&walk->rest);
    walk->rest = rest;
    return 0;
}

/* --- finding -------------------------------------------------------------- */

static int not_there(const char *path, struct neap_err *err)
{
    return neap_err_set(err, NEAP_ENOTEXIST, "'%.200s' does not exist", path);
}

static int missing(const struct walk *walk, const char *name, int number,
                   struct neap_err *err)
{
    if (number != ENOENT)
        return neap_err_errno(err, number, "'%.200s': cannot look at '%s'",
                              walk->path, name);
    if (walk->links > 0)
        return neap_err_set(err, NEAP_EPRECONDITION,
                            "'%.200s': link '%s' leads to nothing ('%s' does "
                            "not exist)",
                            walk->path, walk->link, name);
    return not_there(walk->path, err);
}

static bool at_end(const struct neap_buf *rest)
{
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->data[i] != '/')
            return false;
    }
    return true;
}

/* We are there: give the folder away. */
static int arrive(struct walk *walk, const char *name, const struct stat *st,
                  struct neap_found *ret)
{
    ret->dirfd = walk->fd;
    walk->fd = -1;
    ret->name = neap_strdup(name);
    ret->st = *st;
    ret->outside = false;
    return 1;
}

/* Returns 0 to go on, 1 when `ret` is found. */
static int step(struct walk *walk, const char *name, struct neap_found *ret,
                struct neap_err *err)
{
    struct stat st;

    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0)
        return go_up(walk, err);
    if (fstatat(walk->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return missing(walk, name, errno, err);
    if (S_ISLNK(st.st_mode))
        return follow(walk, name, &st, ret, err);
    /* a slash at the end asks for a folder */
    if (walk->rest.len == 0 || (S_ISDIR(st.st_mode) && at_end(&walk->rest)))
        return arrive(walk, name, &st, ret);
    if (!S_ISDIR(st.st_mode))
        return neap_err_set(err, NEAP_EPRECONDITION,
                            "'%.200s': '%s' is no folder", walk->path, name);
    return go_down(walk, name, err);
}

static int find_slow(const struct neap_beneath *top, const char *path,
                     struct neap_found *ret, struct neap_err *err)
{
    struct walk walk = { .top = top, .path = path, .fd = -1 };
    char name[NAME_MAX + 2];
    struct stat st;
    int rc = 0;

    neap_buf_puts(&walk.rest, path);
    if (again_from_top(&walk) < 0)
        rc = neap_err_errno(err, errno, "cannot open folder '%s'", top->path);
    while (rc == 0 && next_name(&walk.rest, name))
        rc = step(&walk, name, ret, err);
    if (rc == 0) { /* the end was "." or "..": a folder, by itself */
        if (fstat(walk.fd, &st) < 0)
            rc = neap_err_errno(err, errno, "cannot look at '%.200s'", path);
        else
            rc = arrive(&walk, ".", &st, ret);
    }
    if (walk.fd >= 0)
        (void)close(walk.fd);
    neap_buf_deinit(&walk.done);
    neap_buf_deinit(&walk.rest);
    return rc < 0 ? rc : 0;
}

/* Without links: one look. Returns 1 if found, 0 to ask by hand, or
 * NEAP_ENOTEXIST: no link was on the way to where it ends. */
static int find_fast(const struct neap_beneath *top, const char *path,
                     struct neap_found *ret)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct stat st;
    char *parent;
    int fd, rc = 0;

    if (name[0] == '\0')
        return 0;
    parent = neap_strndup(path, slash != NULL ? (size_t)(slash - path) : 0);
    fd = open_fast(top->fd, parent[0] != '\0' ? parent : ".");
    neap_free(parent);
    if (fd < 0)
        return errno == ENOENT ? NEAP_ENOTEXIST : 0;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        rc = errno == ENOENT ? NEAP_ENOTEXIST : 0;
    } else if (!S_ISLNK(st.st_mode)) {
        ret->dirfd = fd;
        ret->name = neap_strdup(name);
        ret->st = st;
        ret->outside = false;
        return 1;
    }
    (void)close(fd);
    return rc;
}

int neap_beneath_find(const struct neap_beneath *top, const char *path,
                      struct neap_found *ret, struct neap_err *err)
{
    int rc = find_fast(top, path, ret);

    if (rc == NEAP_ENOTEXIST)
        return not_there(path, err);
    return rc == 1 ? 0 : find_slow(top, path, ret, err);
}

void neap_found_deinit(struct neap_found *found)
{
    (void)close(found->dirfd);
    neap_free(found->name);
}

/* --- making folders ------------------------------------------------------- */

int neap_beneath_mkdirs(const struct neap_beneath *top, const char *path,
                        struct neap_err *err)
{
    char name[NAME_MAX + 2];
    struct neap_buf rest = NEAP_BUF_INIT;
    int fd = open_fast(top->fd, path[0] != '\0' ? path : ".");
    int rc = 0;

    if (fd >= 0)
        return fd;
    fd = openat(top->fd, ".", FOLDER);
    neap_buf_puts(&rest, path);
    while (fd >= 0 && next_name(&rest, name)) {
        if (mkdirat(fd, name, 0777) < 0 && errno != EEXIST)
            rc = errno;
        fd = descend(fd, name);
    }
    if (fd < 0)
        rc = neap_err_errno(err, rc != 0 ? rc : errno,
                            "cannot make folder '%.300s' below '%s'", path,
                            top->path);
    neap_buf_deinit(&rest);
    return fd >= 0 ? fd : rc;
}
