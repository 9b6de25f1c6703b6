/* Child processes: posix_spawn, and a pidfd in the loop instead of SIGCHLD.
 *
 * The cost of a start does not grow with the parent's memory, other children
 * of the process are left alone, and a signal can never hit a stranger that
 * got the same pid.
 */
#ifndef NEAP_IO_SPAWN_H
#define NEAP_IO_SPAWN_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <uv.h>

#include "base/err.h"

struct neap_child;

#define NEAP_SPAWN_FDS 8

/* What to start. Everything is borrowed during the call. */
struct neap_spawn {
    const char *path;  /* the program; PATH is not searched */
    char *const *argv; /* NULL at the end */
    char *const *env;  /* NULL at the end; NULL: the parent's */
    /* fd[i] becomes descriptor i of the child, NEAP_SPAWN_NULL is /dev/null.
     * nfd is at least 3. All others are closed. */
    int fd[NEAP_SPAWN_FDS];
    int nfd;
    bool session; /* a session of its own: no ^C of the terminal */
};
#define NEAP_SPAWN_NULL (-1)

struct neap_child_end {
    int exit;            /* status, if signal is 0 */
    int signal;          /* that ended it, or 0 */
    struct rusage usage; /* of the child and what it has waited for */
};

/* The child has ended and is reaped. Called once, from the loop, not after
 * neap_child_close; close the child in it. */
typedef void (*neap_child_cb)(void *ctx, const struct neap_child_end *end);

/* The child starts with all signals at their defaults and none blocked.
 * Close `*ret` with neap_child_close. NEAP_ENOTEXIST, NEAP_ENOTALLOWED, …
 * name the program. */
int neap_child_spawn(uv_loop_t *loop, const struct neap_spawn *spawn,
                     neap_child_cb ended, void *ctx, struct neap_child **ret,
                     struct neap_err *err);
pid_t neap_child_pid(const struct neap_child *child);
/* NEAP_ENOTEXIST when it has ended already. */
int neap_child_kill(struct neap_child *child, int signum, struct neap_err *err);
/* Stop watching; the process itself goes on. NULL is fine. */
void neap_child_close(struct neap_child *child);

#endif
