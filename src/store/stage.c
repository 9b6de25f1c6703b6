/* Putting in. Files come folder by folder, so the folder of the last one is
 * kept open. */
#include "store/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/beneath.h"
#include "store/pattern.h"

#define PLACE_MAX 4096
#define CHEAP_MAX 32 /* files; about 10 µs each */

bool neap_place_ok(const char *place)
{
    const char *at = place;

    if (strlen(place) > PLACE_MAX)
        return false;
    for (;;) {
        size_t n = strcspn(at, "/");

        if (n == 0 || (n == 1 && at[0] == '.') ||
            (n == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        if (at[n] == '\0')
            return true;
        at += n + 1;
    }
}

bool neap_stage_is_cheap(const struct neap_input *input, int count)
{
    int files = 0;

    for (int i = 0; i < count && files <= CHEAP_MAX; i++)
        files += input[i].nfile + 1;
    return files <= CHEAP_MAX;
}

/* --- inputs --------------------------------------------------------------- */

struct stage {
    struct neap_repo *repo;
    const struct neap_beneath *top;
    char *folder; /* of the last file; NULL at first */
    int fd;       /* that folder, open */
    int64_t copied;
};

static int64_t nanoseconds(struct timespec time)
{
    return time.tv_sec * NEAP_SEC + time.tv_nsec;
}

static int check_source(const struct neap_file_ref *file, const char *place,
                        struct neap_err *err)
{
    struct stat st;

    if (file->source[0] != '/')
        return neap_err_set(err, NEAP_EINVAL,
                            "input '%.200s': source '%.300s' is no absolute "
                            "path",
                            place, file->source);
    if (stat(file->source, &st) < 0)
        return neap_err_set(err, NEAP_EINTEGRITY,
                            "input '%.200s': '%.300s' is not there any more: "
                            "%s",
                            place, file->source, strerror(errno));
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_dev == file->dev &&
        (uint64_t)st.st_ino == file->ino && st.st_size == file->size &&
        nanoseconds(st.st_mtim) == file->mtime_ns &&
        nanoseconds(st.st_ctim) == file->ctime_ns)
        return 0;
    return neap_err_set(err, NEAP_EINTEGRITY,
                        "input '%.200s': '%.300s' has changed since it was "
                        "hashed (%lld bytes then, %lld now)",
                        place, file->source, (long long)file->size,
                        (long long)st.st_size);
}

/* Open the folder of `path` (it is made); returns the last name. */
static const char *enter(struct stage *stage, const char *path,
                         struct neap_err *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;

    if (stage->folder == NULL || strlen(stage->folder) != n ||
        memcmp(stage->folder, path, n) != 0) {
        char *folder = neap_strndup(path, n);
        int fd = neap_beneath_mkdirs(stage->top, folder, err);

        if (fd < 0) {
            neap_free(folder);
            return NULL;
        }
        if (stage->folder != NULL)
            (void)close(stage->fd);
        neap_free(stage->folder);
        stage->folder = folder;
        stage->fd = fd;
    }
    return slash != NULL ? slash + 1 : path;
}

static int place_file(struct stage *stage, const struct neap_file_ref *file,
                      const char *path, struct neap_err *err)
{
    const char *name;
    int64_t rc;

    if (file->source != NULL) {
        rc = check_source(file, path, err);
        if (rc < 0)
            return (int)rc;
    }
    name = enter(stage, path, err);
    if (name == NULL)
        return neap_err_code(err->kind);
    if (file->source != NULL) {
        if (symlinkat(file->source, stage->fd, name) < 0)
            return neap_err_errno(err, errno, "cannot make link '%.300s'",
                                  path);
        return 0;
    }
    rc = neap_repo_get_at(stage->repo, file->digest, file->size, stage->fd,
                          name, file->executable, err);
    if (rc < 0) {
        neap_err_prefix(err, "input '%.200s'", path);
        return (int)rc;
    }
    stage->copied += rc;
    return 0;
}

static int make_folder(struct stage *stage, const char *path,
                       struct neap_err *err)
{
    int fd = neap_beneath_mkdirs(stage->top, path, err);

    if (fd < 0)
        return fd;
    (void)close(fd);
    return 0;
}

static int place_input(struct stage *stage, const struct neap_input *input,
                       struct neap_err *err)
{
    if (!neap_place_ok(input->place))
        return neap_err_set(err, NEAP_EINVAL,
                            "'%.200s' is no place for an input (relative, "
                            "without '..')",
                            input->place);
    if (!input->dir) {
        if (input->nfile != 1)
            return neap_err_set(err, NEAP_EINVAL,
                                "input '%.200s' is %d files, not one",
                                input->place, input->nfile);
        return place_file(stage, input->file, input->place, err);
    }
    if (input->nfile == 0)
        return make_folder(stage, input->place, err);
    for (int i = 0; i < input->nfile; i++) {
        const struct neap_file_ref *file = &input->file[i];
        char *path;
        int rc;

        if (!neap_place_ok(file->path))
            return neap_err_set(err, NEAP_EINVAL,
                                "input '%.200s': '%.200s' is no relative path "
                                "without '..'",
                                input->place, file->path);
        path = neap_format("%s/%s", input->place, file->path);
        rc = place_file(stage, file, path, err);
        neap_free(path);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int neap_stage_inputs(struct neap_repo *repo, const char *workdir,
                      const struct neap_input *input, int count,
                      int64_t *ret_bytes, struct neap_err *err)
{
    struct neap_beneath top;
    struct stage stage = { .repo = repo, .top = &top, .fd = -1 };
    struct neap_err why; /* `err` may be NULL, and kinds are needed */
    int rc = neap_beneath_open(workdir, &top, err);

    if (rc < 0)
        return rc;
    for (int i = 0; i < count && rc == 0; i++)
        rc = place_input(&stage, &input[i], &why);
    if (stage.folder != NULL)
        (void)close(stage.fd);
    neap_free(stage.folder);
    neap_beneath_close(&top);
    if (rc < 0) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    *ret_bytes = stage.copied;
    return 0;
}

/* --- outputs -------------------------------------------------------------- */

/* The folder that must be there before the task starts. Owned. */
static char *folder_of(const struct neap_output *output)
{
    const char *place = output->place;
    const char *slash;

    if (output->kind == NEAP_OUTPUT_DIR)
        return neap_strdup(place);
    if (output->kind == NEAP_OUTPUT_GLOB)
        return neap_strndup(place, neap_pattern_root(place));
    slash = strrchr(place, '/');
    return neap_strndup(place, slash != NULL ? (size_t)(slash - place) : 0);
}

int neap_stage_outputs(const char *workdir, const struct neap_output *output,
                       int count, struct neap_err *err)
{
    struct neap_beneath top;
    struct stage stage = { .top = &top, .fd = -1 };
    int rc = neap_beneath_open(workdir, &top, err);

    if (rc < 0)
        return rc;
    for (int i = 0; i < count && rc == 0; i++) {
        char *folder;

        if (output[i].kind == NEAP_OUTPUT_STDOUT)
            continue;
        folder = folder_of(&output[i]);
        rc = make_folder(&stage, folder, err);
        if (rc < 0)
            neap_err_prefix(err, "output '%s'", output[i].name);
        neap_free(folder);
    }
    neap_beneath_close(&top);
    return rc;
}
