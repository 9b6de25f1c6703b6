/* An engine that does what a test says: it starts an agent, and sends and
 * receives one message at a time. Blocking. */
#ifndef NEAP_TESTS_FAKE_ENGINE_H
#define NEAP_TESTS_FAKE_ENGINE_H

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cluster/wire.h"

struct engine {
    char dir[64]; /* repo, sock, work */
    char sock[96], repo[96], work[96];
    int listener, fd;
    pid_t agent;
    struct neap_buf in, out;
};

#define ENGINE_WAIT_MS 20000

static inline void engine_listen(struct engine *e)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    memset(e, 0, sizeof *e);
    strcpy(e->dir, "/tmp/neap-test-XXXXXX");
    if (mkdtemp(e->dir) == NULL)
        abort();
    snprintf(e->sock, sizeof e->sock, "%s/sock", e->dir);
    snprintf(e->repo, sizeof e->repo, "%s/repo", e->dir);
    snprintf(e->work, sizeof e->work, "%s/repo/work/e1", e->dir);
    strcpy(addr.sun_path, e->sock);
    e->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(e->listener, (struct sockaddr *)&addr, sizeof addr) < 0 ||
        listen(e->listener, 8) < 0)
        abort();
    e->fd = -1;
}

static inline void engine_start_agent(struct engine *e, const char *const *more)
{
    const char *argv[32] = { NEAP_BUILD_DIR "/libexec/neap/neap-agent",
                             "--socket",
                             e->sock,
                             "--repo",
                             e->repo,
                             "--work",
                             e->work };
    int n = 7;

    while (*more != NULL)
        argv[n++] = *more++;
    e->agent = fork();
    if (e->agent == 0) {
        /* a test that fails does not get to its end */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(argv[0], (char **)argv);
        perror(argv[0]);
        _exit(127);
    }
}

static inline void engine_send(struct engine *e, const struct neap_msg *msg)
{
    size_t at = 0;

    neap_buf_clear(&e->out);
    if (neap_msg_pack(msg, &e->out) < 0)
        abort();
    while (at < e->out.len) {
        ssize_t n =
            send(e->fd, e->out.data + at, e->out.len - at, MSG_NOSIGNAL);

        if (n < 0)
            return; /* the next receive says so */
        at += (size_t)n;
    }
}

/* The next message; false at the end of the connection or after `wait_ms`. */
static inline bool engine_receive(struct engine *e, struct neap_msg *msg,
                                  int wait_ms)
{
    for (;;) {
        struct neap_err err = { 0 };
        int64_t used = neap_msg_parse(e->in.data, e->in.len, msg, &err);
        struct pollfd fd = { e->fd, POLLIN, 0 };
        ssize_t n;

        if (used < 0) {
            fprintf(stderr, "from the agent: %s\n", err.text);
            return false;
        }
        if (used > 0) {
            neap_buf_consume(&e->in, (size_t)used);
            return true;
        }
        if (poll(&fd, 1, wait_ms) <= 0)
            return false;
        n = recv(e->fd, neap_buf_reserve(&e->in, 65536), 65536, 0);
        if (n <= 0)
            return false;
        e->in.len += (size_t)n;
    }
}

/* The next message of `type`; others are dropped. */
static inline bool engine_expect(struct engine *e, int type,
                                 struct neap_msg *msg)
{
    while (engine_receive(e, msg, ENGINE_WAIT_MS)) {
        if (msg->type == type)
            return true;
        neap_msg_deinit(msg);
    }
    return false;
}

static inline bool engine_accept(struct engine *e, bool private_engine)
{
    struct pollfd fd = { e->listener, POLLIN, 0 };
    struct neap_msg msg;

    if (poll(&fd, 1, ENGINE_WAIT_MS) <= 0)
        return false;
    e->fd = accept4(e->listener, NULL, NULL, SOCK_CLOEXEC);
    if (!engine_expect(e, NEAP_MSG_HELLO, &msg))
        return false;
    neap_msg_deinit(&msg);
    neap_msg_init(&msg, NEAP_MSG_WELCOME);
    msg.engine = "e1";
    msg.private_engine = private_engine;
    engine_send(e, &msg);
    return true;
}

static inline void engine_lease(struct engine *e, const char *alloc,
                                int64_t cpu, int64_t mem, double lease_s)
{
    struct neap_wire_amount amounts[] = { { "cpu", cpu },
                                          { "mem", mem },
                                          { "disk", 1 << 30 } };
    struct neap_msg msg;

    neap_msg_init(&msg, NEAP_MSG_LEASE);
    msg.alloc = alloc;
    msg.capacity = amounts;
    msg.ncapacity = 3;
    msg.lease_s = lease_s;
    engine_send(e, &msg);
}

static inline void engine_hang_up(struct engine *e)
{
    if (e->fd >= 0)
        close(e->fd);
    e->fd = -1;
    neap_buf_clear(&e->in);
}

/* Wait for the agent; returns its wait status, -1 if it does not end. */
static inline int engine_wait_agent(struct engine *e)
{
    int status;

    for (int i = 0; i < ENGINE_WAIT_MS; i++) {
        if (waitpid(e->agent, &status, WNOHANG) == e->agent) {
            e->agent = 0;
            return status;
        }
        usleep(1000);
    }
    return -1;
}

static inline void engine_close(struct engine *e)
{
    char *rm = neap_format("rm -rf %s", e->dir);

    engine_hang_up(e);
    close(e->listener);
    neap_buf_deinit(&e->in);
    neap_buf_deinit(&e->out);
    if (system(rm) != 0)
        perror(rm);
    neap_free(rm);
}

#endif
