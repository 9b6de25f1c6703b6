/* Standard output and standard error of a task: the growing file while it
 * runs, the object of the repository afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/engine/api.h"
#include "base/mem.h"
#include "store/repo.h"

#define PIECE ((size_t)4 << 20) /* of one answer */

static void add_header(struct reply *reply, const char *name, long long value)
{
    int i = reply->nheader++;

    reply->header[i].name = name;
    snprintf(reply->header[i].value, sizeof reply->header[i].value, "%lld",
             value);
}

/* Returns the size of the file, or -1: it is not there. */
static int64_t read_piece(const char *path, int64_t offset,
                          struct neap_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    ssize_t n = 0;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_size > offset) {
        size_t want = (size_t)(st.st_size - offset);

        if (want > PIECE)
            want = PIECE;
        n = pread(fd, neap_buf_reserve(out, want), want, offset);
    }
    (void)close(fd);
    if (n > 0)
        out->len += (size_t)n;
    return st.st_size;
}

static const struct neap_attempt *find_attempt(const struct neap_run_task *task,
                                               int64_t n)
{
    const struct neap_attempt *at = task->last;

    while (n > 0 && at != NULL && at->n != n)
        at = at->before;
    return at;
}

static char *log_path(struct app *app, const struct neap_attempt *attempt,
                      bool out)
{
    const char *live = out ? attempt->out_path : attempt->err_path;
    const struct neap_file_ref *file = out ? attempt->out : attempt->err;

    if (attempt->ended_ns == 0)
        return neap_strdup(live);
    return file != NULL ? neap_repo_path(app->repo, file->digest) : NULL;
}

void api_log(struct app *app, struct request *request, const char *id,
             struct reply *reply)
{
    struct neap_run_task *task = api_find_task(app, id, reply);
    const char *stream = request_arg(request, "stream");
    const struct neap_attempt *attempt;
    int64_t offset, n, size = -1;
    bool out = stream == NULL || strcmp(stream, "stdout") == 0, over;
    char *path;

    if (task == NULL)
        return;
    if (!out && strcmp(stream, "stderr") != 0) {
        reply_error(reply, 400, "E_USAGE",
                    "'stream' must be stdout or stderr, "
                    "not '%.40s'",
                    stream);
        return;
    }
    offset = api_number(request, "offset", 0, reply);
    n = offset < 0 ? -1 : api_number(request, "attempt", 0, reply);
    if (n < 0)
        return;
    attempt = find_attempt(task, n);
    if (attempt == NULL && n > 0) {
        reply_error(reply, 404, "E_NOENT", "task %s has no attempt %lld", id,
                    (long long)n);
        return;
    }
    over = n > 0 ? attempt->ended_ns > 0 : neap_run_task_over(task);
    path = attempt != NULL ? log_path(app, attempt, out) : NULL;
    if (path != NULL)
        size = read_piece(path, offset, &reply->body);
    neap_free(path);
    reply->type = "application/octet-stream";
    /* a file that has just gone: its end is on the way */
    add_header(reply, "X-Neap-Size", size >= 0 ? size : over ? 0 : offset);
    add_header(reply, "X-Neap-Done", over);
}
