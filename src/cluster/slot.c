#include "cluster/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cluster/taskenv.h"
#include "io/stream.h"
#include "store/folder.h"

struct neap_slot {
    const struct neap_slot_options *options;
    char *dir, *work, *out, *err;
    struct neap_cgroup *group;
    struct neap_stream *stream; /* NULL once the shim has gone */
    pid_t pid;
    bool fresh;
    void *owner;
};

void neap_slot_set_owner(struct neap_slot *slot, void *owner)
{
    slot->owner = owner;
}

void *neap_slot_owner(const struct neap_slot *slot)
{
    return slot->owner;
}

const char *neap_slot_dir(const struct neap_slot *slot)
{
    return slot->dir;
}

const char *neap_slot_work(const struct neap_slot *slot)
{
    return slot->work;
}

const char *neap_slot_out(const struct neap_slot *slot)
{
    return slot->out;
}

const char *neap_slot_err(const struct neap_slot *slot)
{
    return slot->err;
}

pid_t neap_slot_pid(const struct neap_slot *slot)
{
    return slot->pid;
}

struct neap_cgroup *neap_slot_group(struct neap_slot *slot)
{
    return slot->group;
}

void neap_slot_set_fresh(struct neap_slot *slot)
{
    slot->fresh = true;
}

static int64_t on_data(void *ctx, const char *data, size_t len,
                       struct neap_err *err)
{
    struct neap_slot *slot = ctx;
    struct neap_shim_head head;

    if (len < sizeof head)
        return 0;
    memcpy(&head, data, sizeof head);
    if (head.size > len)
        return 0;
    if (head.type == NEAP_SHIM_ENDED) {
        struct neap_shim_ended ended;

        memcpy(&ended, data, sizeof ended);
        slot->options->ended(slot->options->ctx, slot, &ended);
        return (int64_t)sizeof ended;
    }
    if (head.type == NEAP_SHIM_FAILED) {
        struct neap_shim_failed failed;

        memcpy(&failed, data, sizeof failed);
        return neap_err_errno(err, failed.number, "a shim could not start: %s",
                              failed.what);
    }
    return neap_err_set(err, NEAP_EINVAL, "a shim sent message %u", head.type);
}

static void on_end(void *ctx, const struct neap_err *why)
{
    struct neap_slot *slot = ctx;

    slot->stream = NULL;
    slot->options->lost(slot->options->ctx, slot, why);
}

static int make_folders(struct neap_slot *slot, struct neap_err *err)
{
    char *tmp = neap_format("%s/tmp", slot->work);
    int rc = 0;

    if (mkdir(slot->dir, 0700) < 0 || mkdir(slot->work, 0700) < 0 ||
        mkdir(tmp, 0700) < 0)
        rc = neap_err_errno(err, errno, "making '%s'", tmp);
    neap_free(tmp);
    return rc;
}

/* Signals as if newly started, so that a shim does not depend on ours. */
static void set_signals(posix_spawnattr_t *attr)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setflags(attr,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(struct neap_slot *slot, int fd, struct neap_err *err)
{
    const char *argv[] = { "neap-shim", slot->dir,
                           neap_cgroup_procs(slot->group, 0),
                           neap_cgroup_procs(slot->group, 1), NULL };
    char *env[] = { NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int number;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, NEAP_SHIM_FD);
    posix_spawnattr_init(&attr);
    set_signals(&attr);
    number = posix_spawn(&slot->pid, slot->options->shim, &actions, &attr,
                         (char **)argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (number == 0)
        return 0;
    slot->pid = 0;
    return neap_err_errno(err, number, "starting '%s'", slot->options->shim);
}

static int start_shim(struct neap_slot *slot, struct neap_err *err)
{
    static const struct neap_stream_cbs cbs = { on_data, on_end };
    int fd[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
        return neap_err_errno(err, errno, "making a socket for a shim");
    rc = spawn(slot, fd[1], err);
    close(fd[1]);
    if (rc < 0) {
        close(fd[0]);
        return rc;
    }
    slot->stream = neap_stream_open(slot->options->loop, fd[0]);
    neap_stream_start(slot->stream, &cbs, slot);
    return 0;
}

int neap_slot_open(const struct neap_slot_options *options, int number,
                   struct neap_slot **ret, struct neap_err *err)
{
    struct neap_slot *slot = NEAP_NEW(struct neap_slot);
    int rc;

    slot->options = options;
    slot->dir = neap_format("%s/s%d", options->work, number);
    slot->work = neap_format("%s/w", slot->dir);
    slot->out = neap_format("%s/out", slot->dir);
    slot->err = neap_format("%s/err", slot->dir);
    rc = make_folders(slot, err);
    if (rc == 0)
        rc = neap_cgroup_open(options->groups, number, &slot->group, err);
    if (rc == 0)
        rc = start_shim(slot, err);
    if (rc < 0) {
        neap_slot_close(slot);
        return rc;
    }
    *ret = slot;
    return 0;
}

void neap_slot_hang_up(struct neap_slot *slot)
{
    if (slot->stream == NULL)
        return;
    /* now, not when the loop turns: somebody will wait for the shim */
    (void)shutdown(neap_stream_fd(slot->stream), SHUT_RDWR);
    neap_stream_close(slot->stream);
    slot->stream = NULL;
}

/* A shim ends when its socket does; one that hangs is killed. */
static void wait_for(pid_t pid)
{
    enum { TRIES = 10000, PAUSE_US = 1000 };

    for (int i = 0; i < TRIES; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(PAUSE_US);
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

void neap_slot_close(struct neap_slot *slot)
{
    if (slot == NULL)
        return;
    neap_slot_hang_up(slot);
    if (slot->pid > 0)
        wait_for(slot->pid);
    neap_cgroup_close(slot->group);
    (void)neap_folder_remove(slot->dir, true, NULL);
    neap_free(slot->dir);
    neap_free(slot->work);
    neap_free(slot->out);
    neap_free(slot->err);
    neap_free(slot);
}

static void put_string(struct neap_buf *out, const char *text)
{
    neap_buf_append(out, text, strlen(text) + 1);
}

/* Relative to the work directory; empty: none. */
static const char *stdin_path(const struct neap_msg *run)
{
    return run->stdin_input >= 0 ? run->input[run->stdin_input].place : "";
}

static void put_run(struct neap_slot *slot, const struct neap_msg *run,
                    struct neap_buf *out)
{
    struct neap_shim_run head = {
        .head.type = NEAP_SHIM_RUN,
        .flags = slot->fresh ? NEAP_SHIM_FRESH : 0,
        .argc = (uint32_t)run->argc,
        .attempt = run->attempt,
        .fsize = (uint64_t)neap_taskenv_need(run, "disk"),
    };
    size_t start = out->len;

    snprintf(head.task, sizeof head.task, "%s", run->task);
    neap_buf_append(out, &head, sizeof head);
    for (int i = 0; i < run->argc; i++)
        put_string(out, run->argv[i]);
    head.envc =
        (uint32_t)neap_taskenv_put(run, slot->options->path, slot->work, out);
    put_string(out, stdin_path(run));
    head.head.size = (uint32_t)(out->len - start);
    memcpy(out->data + start, &head, sizeof head);
}

int neap_slot_run(struct neap_slot *slot, const struct neap_msg *run,
                  struct neap_err *err)
{
    int rc = neap_cgroup_limit(slot->group, neap_taskenv_need(run, "mem"),
                               neap_taskenv_need(run, "cpu"), err);

    if (rc < 0)
        return rc;
    if (slot->stream == NULL)
        return neap_err_set(err, NEAP_EUNAVAILABLE, "the shim has gone");
    put_run(slot, run, neap_stream_out_lazy(slot->stream));
    neap_stream_flush(slot->stream);
    slot->fresh = false;
    return 0;
}

void neap_slot_signal(struct neap_slot *slot, int signal)
{
    struct neap_shim_signal order = { { sizeof order, NEAP_SHIM_SIGNAL },
                                      signal };

    if (slot->stream == NULL)
        return;
    neap_buf_append(neap_stream_out_lazy(slot->stream), &order, sizeof order);
    neap_stream_flush(slot->stream);
}
