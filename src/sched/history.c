/* Losing a history is no reason to lose a run: the first error of a file is
 * logged, and nothing more is written to it. */
#include "sched/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sched/row.h"
#include "sched/spec_row.h"
#include "store/mkdirs.h"

#define FLUSH_BYTES ((size_t)64 << 10)

struct neap_history {
    int fd; /* -1 after an error */
    char *path;
    struct neap_buf buf;
    int64_t flushed_ns;
};

/* Read, add one, write back; the lock goes with the descriptor. */
static int count_up(int fd, const char *path, struct neap_err *err)
{
    char text[24] = "";
    int number, length;

    if (flock(fd, LOCK_EX) < 0 || pread(fd, text, sizeof text - 1, 0) < 0)
        return neap_err_errno(err, errno, "cannot read %s", path);
    number = atoi(text);
    if (number < 1)
        number = 1;
    length = snprintf(text, sizeof text, "%d\n", number + 1);
    if (pwrite(fd, text, (size_t)length, 0) != length)
        return neap_err_errno(err, errno, "cannot write %s", path);
    return number;
}

int neap_history_next_run(const char *state, struct neap_err *err)
{
    char *path = neap_format("%s/next_run", state);
    int rc = neap_mkdirs(state, 0700, err), fd;

    if (rc == 0) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            rc = neap_err_errno(err, errno, "cannot open %s", path);
        } else {
            rc = count_up(fd, path, err);
            (void)close(fd);
        }
    }
    neap_free(path);
    return rc;
}

static void flush(struct neap_history *history, int64_t now_ns)
{
    size_t at = 0;

    history->flushed_ns = now_ns;
    while (history->fd >= 0 && at < history->buf.len) {
        ssize_t n =
            write(history->fd, history->buf.data + at, history->buf.len - at);

        if (n >= 0) {
            at += (size_t)n;
        } else if (errno != EINTR) {
            neap_log(NEAP_ERROR, "history: cannot write %s: %s", history->path,
                     strerror(errno));
            (void)close(history->fd);
            history->fd = -1;
        }
    }
    neap_buf_clear(&history->buf);
}

static void put_run(struct neap_history *history, const struct neap_run *run)
{
    struct neap_json json = NEAP_JSON(&history->buf);

    neap_row_run(&json, run, "neap.run/1");
    neap_buf_putc(&history->buf, '\n');
}

int neap_history_open(const char *state, const struct neap_run *run,
                      struct neap_history **ret, struct neap_err *err)
{
    char *folder = neap_format("%s/runs", state);
    char *path = neap_format("%s/%s.jsonl", folder, run->id);
    struct neap_history *history;
    int rc = neap_mkdirs(folder, 0700, err), fd = -1;

    neap_free(folder);
    if (rc == 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            rc = neap_err_errno(err, errno, "cannot make %s", path);
    }
    if (rc < 0) {
        neap_free(path);
        return rc;
    }
    history = NEAP_NEW(struct neap_history);
    history->fd = fd;
    history->path = path;
    put_run(history, run);
    flush(history, neap_clock_mono_ns());
    *ret = history;
    return 0;
}

void neap_history_task(struct neap_history *history,
                       const struct neap_run_task *task,
                       const struct neap_labels *labels, int64_t now_ns)
{
    struct neap_json json = NEAP_JSON(&history->buf);

    neap_row_task(&json, task, labels);
    history->buf.len--; /* open the row again: there is more to say */
    neap_spec_row(&json, "spec", task, labels);
    neap_row_attempts(&json, "attempts", task);
    neap_json_close(&json, '}');
    neap_buf_putc(&history->buf, '\n');
    if (history->buf.len > FLUSH_BYTES ||
        now_ns - history->flushed_ns > NEAP_SEC)
        flush(history, now_ns);
}

void neap_history_close(struct neap_history *history,
                        const struct neap_run *run)
{
    if (history == NULL)
        return;
    put_run(history, run);
    flush(history, 0);
    if (history->fd >= 0)
        (void)close(history->fd);
    neap_buf_deinit(&history->buf);
    neap_free(history->path);
    neap_free(history);
}
