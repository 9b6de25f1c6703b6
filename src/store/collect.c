/* Taking out what a task has left. Every path is looked up from the work
 * directory (store/beneath.h), so a link can lead to other results of the
 * task or to its inputs, never elsewhere. Folders are read one after the
 * other, none stays open: a tree may be deeper than there are descriptors. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/beneath.h"
#include "store/glob.h"
#include "store/paths.h"
#include "store/pattern.h"
#include "store/stage.h"

#define PATH_LONGEST 4096 /* what neap_place_ok takes */

struct folder {
    const struct folder *parent;
    char *path; /* below the place; "" for the place itself */
    dev_t dev;
    ino_t ino;
};

struct collect {
    struct neap_repo *repo;
    struct neap_beneath top;
    char *place; /* without a slash at the end */
    struct neap_file_ref *file;
    int nfile, cap;
    struct folder **folder; /* read in this order */
    size_t nfolder, folder_cap;
    struct neap_paths names; /* files, below the place */
};

static const char *type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a file";
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "of no known sort";
    }
}

/* --- files ---------------------------------------------------------------- */

/* `path` as it will be in the list; takes nothing. */
static void add_file(struct collect *c, const char *path,
                     const char digest[NEAP_DIGEST_HEX], int64_t size,
                     bool executable)
{
    size_t n = strlen(path) + 1;
    char *text = neap_alloc(n + NEAP_DIGEST_HEX); /* one piece: path, digest */

    memcpy(text, path, n);
    memcpy(text + n, digest, NEAP_DIGEST_HEX);
    if (c->nfile == c->cap) {
        c->cap = c->cap > 0 ? 2 * c->cap : 4;
        c->file = neap_realloc(c->file, (size_t)c->cap, sizeof *c->file);
    }
    c->file[c->nfile++] = (struct neap_file_ref){
        .path = text, .digest = text + n, .size = size, .executable = executable
    };
}

/* Store the file at `place`, to be called `path`. */
static int store_file(struct collect *c, const char *place, const char *path,
                      struct neap_err *err)
{
    struct neap_found found;
    char digest[NEAP_DIGEST_HEX];
    int64_t rc = neap_beneath_find(&c->top, place, &found, err);
    bool executable;

    if (rc < 0)
        return (int)rc;
    executable = (found.st.st_mode & 0111) != 0;
    if (!S_ISREG(found.st.st_mode))
        rc = neap_err_set(err, NEAP_EPRECONDITION, "'%.300s' is %s, not a file",
                          place, type_name(found.st.st_mode));
    else
        rc = neap_repo_put_at(c->repo, found.dirfd, found.name, place,
                              found.outside ? NEAP_PUT_COPY : NEAP_PUT_LINK,
                              executable, digest, err);
    if (rc == NEAP_ENOTEXIST) /* it was there: this is no missing output */
        rc = neap_err_set(err, NEAP_EINTEGRITY, "%s", err->text);
    if (rc >= 0)
        add_file(c, path, digest, rc, executable);
    neap_found_deinit(&found);
    return rc < 0 ? (int)rc : 0;
}

static int collect_file(struct collect *c, struct neap_err *err)
{
    return store_file(c, c->place, ".", err);
}

static int store_names(struct collect *c, const char *folder,
                       struct neap_err *err)
{
    int rc = 0;

    neap_paths_sort(&c->names);
    for (size_t i = 0; i < c->names.count && rc == 0; i++) {
        char *place = neap_paths_join(folder, c->names.path[i]);

        rc = store_file(c, place, c->names.path[i], err);
        neap_free(place);
    }
    return rc;
}

/* --- folders -------------------------------------------------------------- */

static int check_size(const struct collect *c, const char *path,
                      struct neap_err *err)
{
    if (strlen(path) > PATH_LONGEST)
        return neap_err_set(err, NEAP_EPRECONDITION,
                            "'%.200s…' is a path of %zu bytes; at most %d "
                            "below '%.100s'",
                            path, strlen(path), PATH_LONGEST, c->place);
    if (c->names.count + c->nfolder >= NEAP_PATHS_MAX)
        return neap_err_set(err, NEAP_EEXHAUSTED,
                            "'%.200s' has more than %zu files and folders; "
                            "pack them",
                            c->place, NEAP_PATHS_MAX);
    return 0;
}

/* Takes `path`. A folder inside itself: a link led back up. */
static int add_folder(struct collect *c, const struct folder *parent,
                      char *path, const struct stat *st, struct neap_err *err)
{
    struct folder *folder;

    for (const struct folder *up = parent; up != NULL; up = up->parent) {
        if (up->dev == st->st_dev && up->ino == st->st_ino) {
            int rc = neap_err_set(err, NEAP_EPRECONDITION,
                                  "'%.200s/%.200s' is a link that leads in a "
                                  "circle, back to '%.200s/%.100s'",
                                  c->place, path, c->place, up->path);
            neap_free(path);
            return rc;
        }
    }
    if (c->nfolder == c->folder_cap) {
        c->folder_cap = c->folder_cap > 0 ? 2 * c->folder_cap : 16;
        c->folder = neap_realloc(c->folder, c->folder_cap, sizeof *c->folder);
    }
    folder = NEAP_NEW(struct folder);
    folder->parent = parent;
    folder->path = path;
    folder->dev = st->st_dev;
    folder->ino = st->st_ino;
    c->folder[c->nfolder++] = folder;
    return 0;
}

/* Takes `path`, a name in `folder`. */
static int add_entry(struct collect *c, const struct folder *folder, char *path,
                     unsigned char type, struct neap_err *err)
{
    struct neap_found found;
    char *place;
    int rc = check_size(c, path, err);

    if (rc == 0 && type == DT_REG) {
        neap_paths_add(&c->names, path);
        return 0;
    }
    if (rc == 0) {
        place = neap_paths_join(c->place, path);
        rc = neap_beneath_find(&c->top, place, &found, err);
        neap_free(place);
    }
    if (rc < 0) {
        neap_free(path);
        return rc;
    }
    if (S_ISDIR(found.st.st_mode))
        rc = add_folder(c, folder, path, &found.st, err);
    else /* no file either: storing it will say so */
        neap_paths_add(&c->names, path);
    neap_found_deinit(&found);
    return rc;
}

static DIR *open_folder(const struct neap_beneath *top, const char *place,
                        struct neap_err *err)
{
    struct neap_found found;
    DIR *dir = NULL;
    int fd, rc = neap_beneath_find(top, place, &found, err);

    if (rc < 0)
        return NULL;
    fd = openat(found.dirfd, found.name,
                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        dir = fdopendir(fd);
    if (dir == NULL)
        (void)neap_err_errno(err, errno, "cannot read folder '%.300s'", place);
    if (dir == NULL && fd >= 0)
        (void)close(fd);
    neap_found_deinit(&found);
    return dir;
}

static int read_folder(struct collect *c, const struct folder *folder,
                       struct neap_err *err)
{
    char *place = folder->path[0] != '\0'
                      ? neap_paths_join(c->place, folder->path)
                      : neap_strdup(c->place);
    DIR *dir = open_folder(&c->top, place, err);
    const struct dirent *entry;
    int rc = 0;

    if (dir == NULL) {
        neap_free(place);
        return neap_err_code(err->kind);
    }
    errno = 0;
    while (rc == 0 && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = add_entry(c, folder,
                           neap_paths_join(folder->path, entry->d_name),
                           entry->d_type, err);
        errno = 0;
    }
    if (rc == 0 && errno != 0)
        rc = neap_err_errno(err, errno, "cannot read folder '%.300s'", place);
    (void)closedir(dir);
    neap_free(place);
    return rc;
}

/* Folders without files in them are dropped: a list of files is all there
 * is. */
static int collect_folder(struct collect *c, struct neap_err *err)
{
    struct neap_found found;
    int rc = neap_beneath_find(&c->top, c->place, &found, err);

    if (rc < 0)
        return rc;
    if (!S_ISDIR(found.st.st_mode))
        rc = neap_err_set(err, NEAP_EPRECONDITION,
                          "'%.300s' is %s, not a folder", c->place,
                          type_name(found.st.st_mode));
    else
        rc = add_folder(c, NULL, neap_strdup(""), &found.st, err);
    neap_found_deinit(&found);
    for (size_t i = 0; i < c->nfolder && rc == 0; i++)
        rc = read_folder(c, c->folder[i], err);
    return rc < 0 ? rc : store_names(c, c->place, err);
}

/* --- patterns ------------------------------------------------------------- */

static DIR *open_inside(void *ctx, const char *folder)
{
    struct neap_err why;

    return open_folder(ctx, folder, &why);
}

static enum neap_glob_type look_inside(void *ctx, const char *path)
{
    struct neap_found found;
    struct neap_err why;
    int rc = neap_beneath_find(ctx, path, &found, &why);
    bool folder;

    if (rc < 0) /* a bad link has a name: storing it says what is wrong */
        return rc == NEAP_ENOTEXIST ? NEAP_GLOB_NONE : NEAP_GLOB_OTHER;
    folder = S_ISDIR(found.st.st_mode);
    neap_found_deinit(&found);
    return folder ? NEAP_GLOB_FOLDER : NEAP_GLOB_OTHER;
}

/* Folders that fit are passed over: a star means the files. */
static void keep_files(struct collect *c, const struct neap_paths *all,
                       size_t root)
{
    for (size_t i = 0; i < all->count; i++) {
        const char *path = all->path[i];

        if (look_inside(&c->top, path) == NEAP_GLOB_FOLDER)
            continue;
        neap_paths_add(&c->names, neap_strdup(path + root));
    }
}

static int collect_pattern(struct collect *c, struct neap_err *err)
{
    const struct neap_glob_place inside = { &c->top, open_inside, look_inside };
    struct neap_paths all = NEAP_PATHS_INIT;
    size_t root = neap_pattern_root(c->place);
    char *folder;
    int rc = neap_glob_in(&inside, c->place, &all, err);

    if (rc < 0)
        return rc;
    keep_files(c, &all, root > 0 ? root + 1 : 0);
    neap_paths_deinit(&all);
    if (c->names.count == 0)
        return neap_err_set(err, NEAP_ENOTEXIST, "no file fits '%.300s'",
                            c->place);
    folder = neap_strndup(c->place, root);
    rc = store_names(c, folder, err);
    neap_free(folder);
    return rc;
}

/* -------------------------------------------------------------------------- */

static int collect(struct collect *c, int kind, struct neap_err *err)
{
    if (!neap_place_ok(c->place))
        return neap_err_set(err, NEAP_EINVAL,
                            "'%.200s' is no place (relative, without '..')",
                            c->place);
    switch (kind) {
    case NEAP_OUTPUT_FILE:
        return collect_file(c, err);
    case NEAP_OUTPUT_DIR:
        return collect_folder(c, err);
    case NEAP_OUTPUT_GLOB:
        return collect_pattern(c, err);
    default:
        return neap_err_set(err, NEAP_EINVAL, "it has no place");
    }
}

static char *without_slash(const char *place)
{
    size_t n = strlen(place);

    return neap_strndup(place, n > 1 && place[n - 1] == '/' ? n - 1 : n);
}

static void release_files(struct neap_file_ref *file, int nfile)
{
    for (int i = 0; i < nfile; i++)
        neap_free((char *)file[i].path);
    neap_free(file);
}

static void collect_deinit(struct collect *c)
{
    for (size_t i = 0; i < c->nfolder; i++) {
        neap_free(c->folder[i]->path);
        neap_free(c->folder[i]);
    }
    neap_free(c->folder);
    neap_paths_deinit(&c->names);
    neap_free(c->place);
    neap_beneath_close(&c->top);
}

int neap_collect_output(struct neap_repo *repo, const char *workdir,
                        const struct neap_output *decl, struct neap_output *ret,
                        struct neap_err *err)
{
    struct collect c = { .repo = repo };
    struct neap_err why; /* `err` may be NULL, and kinds are needed */
    int rc = neap_beneath_open(workdir, &c.top, err);

    if (rc < 0)
        return rc;
    c.place = without_slash(decl->place != NULL ? decl->place : "");
    rc = collect(&c, decl->kind, &why);
    collect_deinit(&c);
    if (rc < 0) {
        release_files(c.file, c.nfile);
        if (rc != NEAP_ENOTEXIST || !decl->optional) {
            neap_err_prefix(&why, "output '%s'", decl->name);
            if (err != NULL)
                *err = why;
            return rc;
        }
        c.file = NULL;
        c.nfile = 0;
    }
    *ret = *decl;
    ret->found = rc == 0;
    ret->file = c.file;
    ret->nfile = c.nfile;
    return 0;
}

void neap_collected_deinit(struct neap_output *output)
{
    release_files(output->file, output->nfile);
    output->file = NULL;
    output->nfile = 0;
}
