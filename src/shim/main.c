/* neap-shim: runs tasks for the agent, one after the other.
 *
 *   idle ──RUN──▶ running ──program over──▶ sweeping ──no child left──▶ idle
 *
 * It is the subreaper of its task: whatever the task starts ends as a child
 * of the shim. When the program is over, what it left behind is killed, the
 * exit record is written and the agent is told. When the agent is gone, the
 * task is killed or, if so ordered, allowed to finish; then the shim ends.
 *
 * SIGCHLD is blocked but while ppoll waits, so nothing is missed and no
 * descriptor is needed per task. An idle shim has no child and waits in recv.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cluster/shim_proto.h"
#include "shim/task.h"
#include "shim/tree.h"

enum { SWEEP_MS = 20, FIRST_ROOM = 16 << 10 };

struct shim {
    char *in; /* bytes from the agent */
    size_t have, room;
    char **vector; /* argv and env of the task */
    size_t vector_room;
    int work, tmp; /* SLOT/w, SLOT/w/tmp, open */
    uint64_t work_ino, tmp_ino;
    int records; /* SLOT/records, open */
    uint64_t sequence;
    bool gone;  /* the agent is */
    bool busy;  /* a task is running or being swept */
    bool kill;  /* no process of it may live on */
    pid_t main; /* the program; 0 when it is over */
    struct neap_shim_run run;
    struct neap_shim_ended ended;
};

static void on_child(int signal)
{
    (void)signal; /* it is enough that ppoll returns */
}

static int64_t wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Tell the agent; if it has gone, the record on disk must do. */
static void tell(struct shim *shim, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0 && !shim->gone) {
        ssize_t n = send(NEAP_SHIM_FD, at, size, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            shim->gone = true;
            return;
        }
        at += n;
        size -= (size_t)n;
    }
}

static void fail(struct shim *shim, const char *what)
{
    struct neap_shim_failed failed = { { sizeof failed, NEAP_SHIM_FAILED },
                                       errno,
                                       { 0 } };

    strncpy(failed.what, what, sizeof failed.what - 1);
    tell(shim, &failed, sizeof failed);
    _exit(1);
}

struct entry { /* as the kernel fills it */
    uint64_t ino;
    int64_t off;
    unsigned short size;
    unsigned char type;
    char name[];
};

/* Is the directory empty but for an entry with inode number `tmp` (0: not even
 * that)? One that is gone or cannot be read is not. */
static bool is_empty(int fd, uint64_t tmp)
{
    _Alignas(struct entry) char list[256];
    long n = lseek(fd, 0, SEEK_SET) < 0
                 ? -1
                 : syscall(SYS_getdents64, fd, list, sizeof list);
    bool found = tmp == 0;

    for (long at = 0; at < n;) {
        const struct entry *entry = (const void *)(list + at);

        at += entry->size;
        if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
            continue;
        if (found || entry->ino != tmp)
            return false;
        found = true;
    }
    return n > 0 && found;
}

/* Has the task left anything in its work directory but an empty tmp, or put
 * something else in the place of them? */
static bool work_used(const struct shim *shim)
{
    struct stat st;

    return lstat("w", &st) < 0 || st.st_ino != shim->work_ino ||
           !is_empty(shim->work, shim->tmp_ino) || !is_empty(shim->tmp, 0);
}

static bool open_work(struct shim *shim)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat st;

    shim->work = open("w", flags);
    shim->tmp = open("w/tmp", flags);
    if (shim->work < 0 || shim->tmp < 0)
        return false;
    if (fstat(shim->work, &st) == 0)
        shim->work_ino = st.st_ino;
    if (fstat(shim->tmp, &st) == 0)
        shim->tmp_ino = st.st_ino;
    return true;
}

static int64_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void write_record(struct shim *shim)
{
    const struct neap_shim_ended *ended = &shim->ended;
    struct neap_shim_record record = {
        .magic = NEAP_SHIM_MAGIC,
        .attempt = shim->run.attempt,
        .sequence = ++shim->sequence,
        .status = ended->status,
        .step = ended->step,
        .number = ended->number,
        .started_ns = ended->started_ns,
        .ended_ns = ended->ended_ns,
        .usage = ended->usage,
    };
    off_t at =
        (off_t)(shim->sequence % NEAP_SHIM_RECORDS) * (off_t)sizeof record;

    memcpy(record.task, shim->run.task, sizeof record.task);
    if (pwrite(shim->records, &record, sizeof record, at) < 0)
        return; /* a full disk; the agent is told all the same */
}

static void finish(struct shim *shim)
{
    struct neap_shim_ended *ended = &shim->ended;

    ended->out_size = size_of("out");
    ended->err_size = size_of("err");
    ended->used = work_used(shim);
    write_record(shim);
    shim->busy = false;
    shim->kill = false;
    tell(shim, ended, sizeof *ended);
}

static void add_usage(struct neap_shim_usage *sum, const struct rusage *ru)
{
    sum->utime_us += ru->ru_utime.tv_sec * 1000000 + ru->ru_utime.tv_usec;
    sum->stime_us += ru->ru_stime.tv_sec * 1000000 + ru->ru_stime.tv_usec;
    if (ru->ru_maxrss > sum->maxrss_kib)
        sum->maxrss_kib = ru->ru_maxrss;
    sum->inblock += ru->ru_inblock;
    sum->oublock += ru->ru_oublock;
}

/* Reap what has ended. Returns true if there is no child any more. */
static bool reap(struct shim *shim)
{
    struct rusage ru;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0) {
        add_usage(&shim->ended.usage, &ru);
        if (pid != shim->main)
            continue;
        shim->ended.status = status;
        shim->ended.ended_ns = wall_ns();
        shim->main = 0;
        shim->kill = true;
    }
    return pid < 0 && errno == ECHILD;
}

/* Go on with the task after a child has ended or it was to be killed. */
static void advance(struct shim *shim)
{
    if (!shim->busy)
        return;
    if (reap(shim)) {
        finish(shim);
    } else if (shim->kill) {
        int count = neap_shim_tree_signal(SIGKILL);

        if (shim->main == 0 && count > shim->ended.killed)
            shim->ended.killed = count;
    }
}

/* Room for `count` pointers. */
static bool need_vector(struct shim *shim, size_t count)
{
    char **more;

    if (count <= shim->vector_room)
        return true;
    more = realloc(shim->vector, count * sizeof *more);
    if (more == NULL)
        return false;
    shim->vector = more;
    shim->vector_room = count;
    return true;
}

/* Point argv and env into the message. */
static void unpack(struct shim *shim, char *text, const char *end,
                   struct neap_shim_start *start)
{
    size_t argc = shim->run.argc, envc = shim->run.envc;
    char **at = shim->vector;

    start->argv = at;
    start->env = at + argc + 1;
    for (size_t i = 0; i < argc + envc && text < end; i++) {
        if (i == argc)
            *at++ = NULL;
        *at++ = text;
        text += strlen(text) + 1;
    }
    if (envc == 0)
        *at++ = NULL;
    *at = NULL;
    start->stdin_path = text < end && *text != '\0' ? text : NULL;
}

static void run(struct shim *shim, char *message, size_t size)
{
    struct neap_shim_start start = { 0 };
    struct neap_shim_ended *ended = &shim->ended;
    pid_t pid;

    memcpy(&shim->run, message, sizeof shim->run);
    if (shim->run.flags & NEAP_SHIM_FRESH) {
        close(shim->work);
        close(shim->tmp);
        (void)open_work(shim);
    }
    memset(ended, 0, sizeof *ended);
    ended->head.size = sizeof *ended;
    ended->head.type = NEAP_SHIM_ENDED;
    ended->started_ns = wall_ns();
    shim->busy = true;
    if (need_vector(shim, (size_t)shim->run.argc + shim->run.envc + 2)) {
        unpack(shim, message + sizeof shim->run, message + size, &start);
        start.fsize = shim->run.fsize;
        pid = neap_shim_task_start(&start);
    } else {
        start.step = NEAP_SHIM_STEP_FORK;
        start.number = ENOMEM;
        pid = -1;
    }
    ended->step = start.step;
    ended->number = start.number;
    ended->pid = pid;
    if (pid > 0) {
        shim->main = pid;
        return;
    }
    ended->status = 127 << 8;
    ended->ended_ns = wall_ns();
    finish(shim);
}

static void on_signal(struct shim *shim, const char *message)
{
    struct neap_shim_signal order;

    memcpy(&order, message, sizeof order);
    if (!shim->busy)
        return;
    if (order.signal == SIGKILL)
        shim->kill = true;
    else
        (void)neap_shim_tree_signal(order.signal);
    advance(shim);
}

/* Handle whole messages; the rest moves to the front. */
static void handle(struct shim *shim)
{
    struct neap_shim_head head;
    size_t at = 0;

    while (shim->have - at >= sizeof head) {
        memcpy(&head, shim->in + at, sizeof head);
        if (head.size > shim->have - at)
            break;
        if (head.type == NEAP_SHIM_RUN)
            run(shim, shim->in + at, head.size);
        else
            on_signal(shim, shim->in + at);
        at += head.size;
    }
    memmove(shim->in, shim->in + at, shim->have - at);
    shim->have -= at;
}

/* Make sure that there is room for the message that is coming. */
static void need_room(struct shim *shim)
{
    struct neap_shim_head head = { FIRST_ROOM, 0 };
    char *more;

    if (shim->have >= sizeof head)
        memcpy(&head, shim->in, sizeof head);
    if (head.size < FIRST_ROOM)
        head.size = FIRST_ROOM;
    if (head.size <= shim->room)
        return;
    more = head.size <= NEAP_SHIM_MAX ? realloc(shim->in, head.size) : NULL;
    if (more == NULL)
        fail(shim, "no memory for a message");
    shim->in = more;
    shim->room = head.size;
}

static void on_readable(struct shim *shim)
{
    ssize_t n;

    need_room(shim);
    n = recv(NEAP_SHIM_FD, shim->in + shim->have, shim->room - shim->have,
             shim->busy ? MSG_DONTWAIT : 0);
    if (n > 0) {
        shim->have += (size_t)n;
        handle(shim);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        shim->gone = true;
        if (shim->busy && !(shim->run.flags & NEAP_SHIM_FINISH)) {
            shim->kill = true;
            advance(shim);
        }
    }
}

/* Of the agent or of a child. */
static void wait_for_news(struct shim *shim, const sigset_t *waiting)
{
    struct pollfd fd = { shim->gone ? -1 : NEAP_SHIM_FD, POLLIN, 0 };
    struct timespec sweep = { 0, SWEEP_MS * 1000000L };
    int n = ppoll(&fd, 1, shim->kill ? &sweep : NULL, waiting);

    if (n > 0)
        on_readable(shim);
    else
        advance(shim);
}

static void serve(struct shim *shim, const sigset_t *waiting)
{
    while (!shim->gone || shim->busy) {
        if (shim->busy)
            wait_for_news(shim, waiting);
        else /* there is no child: only the agent can say more */
            on_readable(shim);
    }
}

/* The first group limits memory and must be joined; others are worth having
 * (a real-time process may not enter any group of version 1 for cpu). */
static void join_groups(struct shim *shim, char **path)
{
    for (int i = 0; path[i] != NULL; i++) {
        int fd = open(path[i], O_WRONLY | O_CLOEXEC);

        if ((fd < 0 || write(fd, "0", 1) != 1) && i == 0)
            fail(shim, path[i]);
        if (fd >= 0)
            close(fd);
    }
}

/* Start from the defaults, whoever started us. */
static void reset_signals(sigset_t *waiting)
{
    struct sigaction action = { 0 };
    sigset_t blocked;

    action.sa_handler = SIG_DFL;
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &action, NULL);
    action.sa_handler = on_child;
    (void)sigaction(SIGCHLD, &action, NULL);
    sigemptyset(waiting);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &blocked, NULL);
}

int main(int argc, char **argv)
{
    struct shim shim = { 0 };
    sigset_t waiting;

    if (argc < 2 || fcntl(NEAP_SHIM_FD, F_SETFD, FD_CLOEXEC) < 0)
        return 2;
    reset_signals(&waiting);
    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    join_groups(&shim, argv + 2);
    if (chdir(argv[1]) < 0)
        fail(&shim, argv[1]);
    if (!open_work(&shim))
        fail(&shim, "w/tmp");
    shim.records = open("records", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (shim.records < 0)
        fail(&shim, "records");
    serve(&shim, &waiting);
    return 0;
}
