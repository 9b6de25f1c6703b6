/* Descendants by /proc/PID/task/TID/children. This process is the subreaper
 * of all of them, so none escapes by setsid or a double fork. A process that
 * forks while the list is made may be missed: the caller repeats SIGKILL until
 * there is no child left. */
#include "shim/tree.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TREE_MAX = 1 << 16 }; /* processes of one task that are looked at */

struct pids {
    pid_t *pid;
    int count, room;
};

static void add_pid(struct pids *pids, pid_t pid)
{
    if (pids->count == pids->room) {
        int room = pids->room > 0 ? 2 * pids->room : 256;
        pid_t *more = realloc(pids->pid, (size_t)room * sizeof *more);

        if (more == NULL || pids->count >= TREE_MAX) {
            pids->pid = more != NULL ? more : pids->pid;
            return;
        }
        pids->pid = more;
        pids->room = room;
    }
    pids->pid[pids->count++] = pid;
}

/* "12 345 " → pids; a number may be cut by the end of a read. */
static void read_children(struct pids *pids, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[4096];
    pid_t pid = 0;
    ssize_t n;

    if (fd < 0)
        return;
    while ((n = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = 10 * pid + (text[i] - '0');
            } else if (pid > 0) {
                add_pid(pids, pid);
                pid = 0;
            }
        }
    }
    if (pid > 0)
        add_pid(pids, pid);
    close(fd);
}

/* Put "PREFIXnumberSUFFIX" at `out`; returns its end. (No stdio here: it would
 * be most of the program.) */
static char *put_path(char *out, const char *prefix, pid_t number,
                      const char *suffix)
{
    char digits[12];
    int n = 0;

    out = stpcpy(out, prefix);
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (n > 0)
        *out++ = digits[--n];
    return stpcpy(out, suffix);
}

struct entry { /* as the kernel fills it */
    uint64_t ino;
    int64_t off;
    unsigned short size;
    unsigned char type;
    char name[];
};

/* Children belong to the thread that made them. */
static void add_children(struct pids *pids, pid_t parent)
{
    _Alignas(struct entry) char list[4096];
    char path[96], *tail;
    long n;
    int fd;

    tail = put_path(path, "/proc/", parent, "/task");
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    while ((n = syscall(SYS_getdents64, fd, list, sizeof list)) > 0) {
        for (long at = 0; at < n;) {
            const struct entry *entry = (const void *)(list + at);

            at += entry->size;
            if (entry->name[0] == '.')
                continue;
            if (strlen(entry->name) > 20)
                continue;
            stpcpy(stpcpy(stpcpy(tail, "/"), entry->name), "/children");
            read_children(pids, path);
        }
    }
    close(fd);
}

int neap_shim_tree_signal(int signal)
{
    struct pids pids = { 0 };
    int count;

    add_children(&pids, getpid());
    for (int i = 0; i < pids.count; i++)
        add_children(&pids, pids.pid[i]);
    for (int i = 0; i < pids.count; i++)
        (void)kill(pids.pid[i], signal);
    count = pids.count;
    free(pids.pid);
    return count;
}
