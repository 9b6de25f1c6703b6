#include "cluster/finish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "cluster/tail.h"
#include "store/folder.h"
#include "store/stage.h"

enum { CHEAP_LOG_BYTES = 256 << 10, DISK_FULL_BYTES = 64 << 10 };

static bool success(const struct neap_finish *f)
{
    return f->verdict.cause == NEAP_END_EXIT && f->verdict.exit == 0;
}

bool neap_finish_is_cheap(const struct neap_finish *f)
{
    return !f->ended.used && (f->run->noutput == 0 || !success(f)) &&
           f->ended.out_size + f->ended.err_size <= CHEAP_LOG_BYTES;
}

/* The first thing that goes wrong is what is told. */
static void worse(struct neap_finish *f, enum neap_end_cause cause,
                  const struct neap_err *why)
{
    if (!success(f))
        return;
    f->verdict.cause = cause;
    f->why = *why;
}

/* What a shell would have said, had it been asked to run the program. */
static void add_exec_line(struct neap_finish *f, const char *path)
{
    struct neap_buf line = NEAP_BUF_INIT;
    int fd;

    neap_verdict_exec_line(&f->ended, f->run->argv[0], &line);
    if (line.len == 0)
        return;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, line.data, line.len) == (ssize_t)line.len)
        f->ended.err_size += (int64_t)line.len;
    if (fd >= 0)
        close(fd);
    neap_buf_deinit(&line);
}

/* Store a log, or empty it. */
static int take_log(struct neap_finish *f, const char *path, int64_t size,
                    bool keep, struct neap_file_ref *ref, char *digest,
                    struct neap_err *err)
{
    int64_t rc;

    if (size == 0)
        return 0;
    if (!keep) {
        if (truncate(path, 0) < 0)
            f->broken = true;
        return 0;
    }
    rc = neap_repo_put_file(f->repo, path, NEAP_PUT_MOVE, false, digest, err);
    if (rc < 0) {
        (void)truncate(path, 0);
        return (int)rc;
    }
    ref->path = ".";
    ref->digest = digest;
    ref->size = rc;
    return 0;
}

static bool stdout_is_output(const struct neap_msg *run)
{
    for (int i = 0; i < run->noutput; i++) {
        if (run->output[i].kind == NEAP_OUTPUT_STDOUT)
            return true;
    }
    return false;
}

/* A task that dies of a full disk cannot say so: its stderr is on that disk.
 * So it is said at the end of the tail. */
static void add_disk_line(struct neap_finish *f)
{
    struct neap_buf tail = NEAP_BUF_INIT;
    struct statvfs fs;
    uint64_t left;

    if (statvfs(f->dir, &fs) < 0)
        return;
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left > DISK_FULL_BYTES)
        return;
    if (f->tail != NULL)
        neap_buf_puts(&tail, f->tail);
    if (tail.len > 0 && tail.data[tail.len - 1] != '\n')
        neap_buf_putc(&tail, '\n');
    neap_buf_printf(&tail,
                    "neap: no space left on the file system of the "
                    "repository (%llu bytes free at %s)\n",
                    (unsigned long long)left, neap_repo_root(f->repo));
    neap_free(f->tail);
    f->tail = neap_buf_take(&tail);
}

static void take_logs(struct neap_finish *f)
{
    bool ok = success(f);
    bool keep = f->run->keep_logs == 2 || (f->run->keep_logs == 1 && !ok);
    struct neap_err why;

    add_exec_line(f, f->err_path);
    if (!ok && f->ended.err_size > 0)
        f->tail = neap_tail_file(f->err_path);
    if (!ok)
        add_disk_line(f);
    if (take_log(f, f->out_path, f->ended.out_size,
                 keep || (ok && stdout_is_output(f->run)), &f->out,
                 f->out_digest, &why) < 0)
        worse(f, NEAP_END_STORE, &why);
    if (take_log(f, f->err_path, f->ended.err_size, keep, &f->err,
                 f->err_digest, &why) < 0)
        worse(f, NEAP_END_STORE, &why);
}

/* stdout as an output: the log, or the empty object. */
static int collect_stdout(struct neap_finish *f, const struct neap_output *decl,
                          struct neap_output *ret, struct neap_err *err)
{
    int64_t rc;

    if (f->out.digest == NULL) {
        rc = neap_repo_put_data(f->repo, "", 0, f->out_digest, err);
        if (rc < 0)
            return (int)rc;
    }
    *ret = *decl;
    ret->found = true;
    ret->nfile = 1;
    ret->file = NEAP_NEW(struct neap_file_ref);
    ret->file->path = ".";
    ret->file->digest = f->out_digest;
    ret->file->size = f->out.size;
    return 0;
}

static void collect(struct neap_finish *f)
{
    const struct neap_msg *run = f->run;
    struct neap_err why;

    if (run->noutput == 0 || !success(f))
        return;
    f->output = neap_calloc((size_t)run->noutput, sizeof *f->output);
    for (int i = 0; i < run->noutput; i++) {
        const struct neap_output *decl = &run->output[i];
        int rc;

        f->output[i] = *decl;
        f->output[i].nfile = 0;
        if (decl->kind == NEAP_OUTPUT_STDOUT)
            rc = collect_stdout(f, decl, &f->output[i], &why);
        else
            rc = neap_collect_output(f->repo, f->work, decl, &f->output[i],
                                     &why);
        if (rc < 0) {
            f->output_name = decl->name;
            worse(f,
                  rc == NEAP_ENOTEXIST || rc == NEAP_EPRECONDITION
                      ? NEAP_END_OUTPUT
                      : NEAP_END_STORE,
                  &why);
            return;
        }
    }
}

/* A task may have put something else in the place of its folder, such as a
 * link to "/". Nothing is looked for behind that. */
static void restore_work(const char *work)
{
    struct stat st;

    if (lstat(work, &st) == 0 && !S_ISDIR(st.st_mode))
        (void)unlink(work);
    (void)mkdir(work, 0700);
}

/* As a new slot has it: an empty w with an empty tmp. */
static void clear_work(struct neap_finish *f)
{
    char *tmp = neap_format("%s/tmp", f->work);

    if (chmod(f->work, 0700) < 0 ||
        neap_folder_remove(f->work, false, NULL) < 0 || mkdir(tmp, 0700) < 0)
        f->broken = true;
    neap_free(tmp);
}

void neap_finish_do(struct neap_finish *f)
{
    if (f->ended.used) {
        restore_work(f->work);
        f->disk_used = neap_folder_size(f->work, 0);
    }
    take_logs(f);
    collect(f);
    if (f->ended.used)
        clear_work(f);
}

void neap_finish_deinit(struct neap_finish *f)
{
    for (int i = 0; f->output != NULL && i < f->run->noutput; i++) {
        struct neap_output *output = &f->output[i];

        if (output->kind == NEAP_OUTPUT_STDOUT)
            neap_free(output->file);
        else if (output->nfile > 0)
            neap_collected_deinit(output);
    }
    neap_free(f->output);
    neap_free(f->tail);
}
