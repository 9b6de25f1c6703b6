/* Signals become events: the handler counts and writes a byte into a pipe
 * that the loop watches. So one that comes while Lua computes is remembered,
 * and one that comes during step ends the waiting.
 *
 * A script that computes for ever never turns the loop: the third interrupt
 * that nobody has seen kills the process, as if none were caught; TERM and HUP
 * that nobody has seen do it after a while.
 *
 * What is caught is a matter of the process, hence the static state; one
 * client at a time may have it. A signal that was ignored when the process
 * started (nohup, a job in the background) stays ignored.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "bind/client/parts.h"

static const struct {
    int number;
    const char *name;
} caught_signals[] = {
    { SIGINT, "INT" },
    { SIGTERM, "TERM" },
    { SIGHUP, "HUP" },
    { SIGWINCH, "WINCH" },
};
#define NCAUGHT (sizeof(caught_signals) / sizeof(caught_signals[0]))

#define PATIENCE   3  /* interrupts that the loop may leave unseen */
#define PATIENCE_S 10 /* how long it may leave TERM and HUP unseen */

static struct {
    atomic_int interrupts; /* since signal_pending was asked last */
    atomic_int unseen;     /* interrupts since the loop looked last */
    atomic_int ending;     /* the deadline runs because of TERM or HUP */
    atomic_int pipe_fd;    /* where the handler writes, or -1 */
    pid_t pid;
} handler = { .pipe_fd = -1 };

struct neap_client_signals {
    struct neap_client *client;
    uv_poll_t poll;
    int fd[2];
    struct sigaction before[NCAUGHT];
};

struct signal_event {
    struct neap_client_event event;
    const char *name;
};

static void on_signal(int number)
{
    int saved = errno;
    unsigned char byte = (unsigned char)number;

    if (getpid() != handler.pid) {
        /* a child between fork and exec: not ours to report */
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        return;
    }
    if (number == SIGINT) {
        atomic_fetch_add(&handler.interrupts, 1);
        if (atomic_fetch_add(&handler.unseen, 1) + 1 >= PATIENCE) {
            (void)signal(SIGINT, SIG_DFL);
            (void)raise(SIGINT);
        }
    }
    if (number == SIGTERM || number == SIGHUP) {
        atomic_store(&handler.ending, 1);
        neap_client_deadline_set(PATIENCE_S, 128 + number);
    }
    /* A full pipe loses a byte: hundreds are waiting already. */
    if (write(atomic_load(&handler.pipe_fd), &byte, 1) < 0)
        errno = saved;
    errno = saved;
}

/* --- Events -------------------------------------------------------------- */

static void push_signal(lua_State *L, const struct neap_client_event *event)
{
    const struct signal_event *signal_event =
        neap_container_of(event, struct signal_event, event);

    neap_client_push_event(L, "signal", event->id);
    lua_pushstring(L, signal_event->name);
    lua_setfield(L, -2, "name");
}

static void destroy_signal(struct neap_client_event *event)
{
    neap_free(neap_container_of(event, struct signal_event, event));
}

static void emit(struct neap_client *client, int number)
{
    struct signal_event *event = NEAP_NEW(struct signal_event);

    event->event.id = NEAP_CLIENT_NO_ID;
    event->event.push = push_signal;
    event->event.destroy = destroy_signal;
    for (size_t i = 0; i < NCAUGHT; i++) {
        if (caught_signals[i].number == number)
            event->name = caught_signals[i].name;
    }
    neap_client_emit(client, &event->event);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct neap_client_signals *signals = poll->data;
    unsigned char bytes[64];
    ssize_t n;

    (void)status;
    (void)events;
    atomic_store(&handler.unseen, 0);
    if (atomic_exchange(&handler.ending, 0) != 0)
        neap_client_deadline_clear();
    while ((n = read(signals->fd[0], bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < n; i++)
            emit(signals->client, bytes[i]);
    }
}

/* --- Catching ------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct neap_client_signals *signals = handle->data;

    (void)close(signals->fd[0]);
    (void)close(signals->fd[1]);
    neap_free(signals);
}

static void install(struct neap_client_signals *signals)
{
    struct sigaction action;

    neap_client_deadline_catch();
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < NCAUGHT; i++) {
        int number = caught_signals[i].number;

        (void)sigaction(number, NULL, &signals->before[i]);
        if (signals->before[i].sa_handler != SIG_IGN)
            (void)sigaction(number, &action, NULL);
    }
}

void neap_client_signals_close(struct neap_client *client)
{
    struct neap_client_signals *signals = client->signals;

    if (!signals)
        return;
    for (size_t i = 0; i < NCAUGHT; i++)
        (void)sigaction(caught_signals[i].number, &signals->before[i], NULL);
    atomic_store(&handler.pipe_fd, -1);
    client->signals = NULL;
    uv_close((uv_handle_t *)&signals->poll, on_closed);
}

static int open_signals(struct neap_client *client, struct neap_err *err)
{
    struct neap_client_signals *signals;
    int fd[2];

    if (atomic_load(&handler.pipe_fd) >= 0)
        return neap_err_set(err, NEAP_EUNAVAILABLE,
                            "another Lua state of this process catches the "
                            "signals");
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
        return neap_err_errno(err, errno, "no pipe for signals");
    signals = NEAP_NEW(struct neap_client_signals);
    signals->client = client;
    signals->fd[0] = fd[0];
    signals->fd[1] = fd[1];
    signals->poll.data = signals;
    (void)uv_poll_init(&client->loop, &signals->poll, fd[0]);
    (void)uv_poll_start(&signals->poll, UV_READABLE, on_readable);
    /* waiting for a signal alone is nothing under way */
    uv_unref((uv_handle_t *)&signals->poll);
    client->signals = signals;
    handler.pid = getpid();
    atomic_store(&handler.pipe_fd, fd[1]);
    install(signals);
    return 0;
}

/* core.catch_signals() -> true; events { type="signal", name="INT" }, for
 * INT, TERM, HUP, WINCH */
static int core_catch_signals(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    struct neap_err err;

    if (!client->signals && open_signals(client, &err) < 0)
        return neap_client_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* core.default_signals(): what was before catch_signals */
static int core_default_signals(lua_State *L)
{
    neap_client_signals_close(neap_client_get(L));
    return 0;
}

/* core.signal_pending() -> how many INT have come since it was asked last
 *
 * Apart from the events: for a loop that computes and wants to stop. */
static int core_signal_pending(lua_State *L)
{
    lua_pushinteger(L, atomic_exchange(&handler.interrupts, 0));
    return 1;
}

const luaL_Reg neap_client_signal_functions[] = {
    { "catch_signals", core_catch_signals },
    { "default_signals", core_default_signals },
    { "signal_pending", core_signal_pending },
    { NULL, NULL },
};
