/* posix_spawn runs on vfork, so it costs the same in a process of 1 GB.
 *
 * Sources of descriptors are moved above the targets first, so that the dup2
 * list cannot overwrite one that is still needed. "All others are closed" is
 * closefrom in the child: libraries of a host program (a stock luajit) do not
 * all open close-on-exec.
 */
#include "io/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

struct neap_child {
    uv_poll_t poll;
    int pidfd;
    pid_t pid;
    bool reaped;
    neap_child_cb ended;
    void *ctx;
};

static void on_poll_closed(uv_handle_t *handle)
{
    struct neap_child *child = handle->data;

    (void)close(child->pidfd);
    neap_free(child);
}

void neap_child_close(struct neap_child *child)
{
    if (child && !uv_is_closing((uv_handle_t *)&child->poll))
        uv_close((uv_handle_t *)&child->poll, on_poll_closed);
}

pid_t neap_child_pid(const struct neap_child *child)
{
    return child->pid;
}

int neap_child_kill(struct neap_child *child, int signum, struct neap_err *err)
{
    if (child->reaped)
        return neap_err_set(err, NEAP_ENOTEXIST, "process %d has ended",
                            (int)child->pid);
    if (syscall(SYS_pidfd_send_signal, child->pidfd, signum, NULL, 0) < 0)
        return neap_err_errno(err, errno, "cannot send signal %d to process %d",
                              signum, (int)child->pid);
    return 0;
}

/* glibc's waitid has no rusage; the system call has. */
static int reap(int pidfd, siginfo_t *info, struct rusage *usage)
{
    int rc;

    memset(info, 0, sizeof(*info));
    do {
        rc = (int)syscall(SYS_waitid, P_PIDFD, pidfd, info, WEXITED | WNOHANG,
                          usage);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct neap_child *child = poll->data;
    struct neap_child_end end = { 0 };
    siginfo_t info;
    int rc = reap(child->pidfd, &info, &end.usage);

    (void)status;
    (void)events;
    if (rc == 0 && info.si_pid == 0)
        return; /* not yet */
    uv_poll_stop(poll);
    child->reaped = true;
    if (rc < 0)
        end.exit = 127; /* somebody else has waited for it: status unknown */
    else if (info.si_code == CLD_EXITED)
        end.exit = info.si_status;
    else
        end.signal = info.si_status;
    child->ended(child->ctx, &end);
}

/* Duplicates of the sources, all above the targets. */
static int lift_fds(const struct neap_spawn *spawn, int *lifted,
                    struct neap_err *err)
{
    for (int i = 0; i < spawn->nfd; i++) {
        lifted[i] = -1;
        if (spawn->fd[i] == NEAP_SPAWN_NULL)
            continue;
        lifted[i] = fcntl(spawn->fd[i], F_DUPFD_CLOEXEC, NEAP_SPAWN_FDS);
        if (lifted[i] < 0)
            return neap_err_errno(err, errno,
                                  "descriptor %d for '%s' cannot be duplicated",
                                  spawn->fd[i], spawn->path);
    }
    return 0;
}

static void drop_fds(const int *lifted, int count)
{
    for (int i = 0; i < count; i++) {
        if (lifted[i] >= 0)
            (void)close(lifted[i]);
    }
}

static int add_actions(posix_spawn_file_actions_t *actions, const int *lifted,
                       int count)
{
    int rc = 0;

    for (int i = 0; i < count && rc == 0; i++) {
        if (lifted[i] < 0)
            rc = posix_spawn_file_actions_addopen(actions, i, "/dev/null",
                                                  i == 0 ? O_RDONLY : O_WRONLY,
                                                  0);
        else
            rc = posix_spawn_file_actions_adddup2(actions, lifted[i], i);
    }
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, count);
    return rc;
}

static int set_attributes(posix_spawnattr_t *attr, bool session)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    (void)posix_spawnattr_setsigdefault(attr, &all);
    (void)posix_spawnattr_setsigmask(attr, &none);
    if (session)
        flags |= POSIX_SPAWN_SETSID;
    return posix_spawnattr_setflags(attr, flags);
}

/* Returns 0 or an errno value. */
static int spawn_with(const struct neap_spawn *spawn, const int *lifted,
                      pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int rc;

    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attr);
    rc = add_actions(&actions, lifted, spawn->nfd);
    if (rc == 0)
        rc = set_attributes(&attr, spawn->session);
    if (rc == 0)
        rc = posix_spawn(ret, spawn->path, &actions, &attr, spawn->argv,
                         spawn->env ? spawn->env : environ);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* The child runs already: without a way to watch it, it must not go on. */
static int watch(struct neap_child *child, uv_loop_t *loop,
                 struct neap_err *err)
{
    int rc;

    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd < 0) {
        rc = neap_err_errno(err, errno, "cannot watch process %d",
                            (int)child->pid);
    } else {
        rc = uv_poll_init(loop, &child->poll, child->pidfd);
        if (rc == 0) {
            rc = uv_poll_start(&child->poll, UV_READABLE, on_readable);
            assert(rc == 0); /* fails only on a closing handle */
            return 0;
        }
        rc = neap_err_errno(err, -rc, "cannot watch process %d",
                            (int)child->pid);
        (void)close(child->pidfd);
    }
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, NULL, 0);
    return rc;
}

int neap_child_spawn(uv_loop_t *loop, const struct neap_spawn *spawn,
                     neap_child_cb ended, void *ctx, struct neap_child **ret,
                     struct neap_err *err)
{
    struct neap_child *child;
    int lifted[NEAP_SPAWN_FDS] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    pid_t pid = -1;
    int rc;

    assert(spawn->nfd >= 3 && spawn->nfd <= NEAP_SPAWN_FDS);
    rc = lift_fds(spawn, lifted, err);
    if (rc == 0) {
        int number = spawn_with(spawn, lifted, &pid);

        if (number)
            rc = neap_err_errno(err, number, "cannot start '%s'", spawn->path);
    }
    drop_fds(lifted, spawn->nfd);
    if (rc < 0)
        return rc;

    child = NEAP_NEW(struct neap_child);
    child->pid = pid;
    child->ended = ended;
    child->ctx = ctx;
    child->poll.data = child;
    rc = watch(child, loop, err);
    if (rc < 0) {
        neap_free(child);
        return rc;
    }
    *ret = child;
    return 0;
}
