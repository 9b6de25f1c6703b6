/* vfork and exec.
 *
 * The child borrows our memory until it executes, so it touches nothing but
 * its own locals and step and number of `start`, where it says what failed.
 */
#include "shim/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/shim_proto.h"

static void redirect(int fd, int to)
{
    if (fd == to)
        (void)fcntl(fd, F_SETFD, 0);
    else
        (void)dup2(fd, to);
}

/* Set up what the program finds. Returns the step that failed. */
static int prepare(const struct neap_shim_start *start)
{
    struct rlimit limit = { start->fsize, start->fsize };
    int out, err, in;
    sigset_t none;

    (void)setpgid(0, 0);
    out = open("out", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    err = open("err", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (out < 0 || err < 0)
        return NEAP_SHIM_STEP_LOGS;
    if (chdir("w") < 0)
        return NEAP_SHIM_STEP_DIR;
    if (start->stdin_path != NULL) {
        in = open(start->stdin_path, O_RDONLY | O_CLOEXEC);
        if (in < 0)
            return NEAP_SHIM_STEP_STDIN;
        redirect(in, 0);
    }
    redirect(out, 1);
    redirect(err, 2);
    if (start->fsize > 0)
        (void)setrlimit(RLIMIT_FSIZE, &limit);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    return NEAP_SHIM_STEP_NONE;
}

static const char *find_env(char **env, const char *name)
{
    size_t length = strlen(name);

    for (; *env != NULL; env++) {
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            return *env + length + 1;
    }
    return NULL;
}

/* Try each folder of PATH as a shell would: the first failure that is not
 * "not there" is what is told. Returns an errno. */
static int execute(const struct neap_shim_start *start)
{
    const char *name = start->argv[0];
    const char *at = find_env(start->env, "PATH");
    size_t length = strlen(name);
    char path[PATH_MAX];
    int number = ENOENT;

    if (strchr(name, '/') != NULL) {
        execve(name, start->argv, start->env);
        return errno;
    }
    for (at = at != NULL ? at : "/usr/bin:/bin"; at != NULL;) {
        const char *end = strchrnul(at, ':');
        size_t dir = (size_t)(end - at);

        if (dir + length + 2 <= sizeof path) {
            memcpy(path, at, dir);
            path[dir] = '/';
            memcpy(path + dir + 1, name, length + 1);
            execve(dir > 0 ? path : name, start->argv, start->env);
            if (errno != ENOENT && errno != ENOTDIR && number == ENOENT)
                number = errno;
        }
        at = *end == ':' ? end + 1 : NULL;
    }
    return number;
}

__attribute__((noreturn, noinline)) static void in_child(
    struct neap_shim_start *start)
{
    int step = prepare(start);

    if (step != NEAP_SHIM_STEP_NONE) {
        start->number = errno;
        start->step = step;
    } else {
        start->number = execute(start);
        start->step = NEAP_SHIM_STEP_EXEC;
    }
    _exit(127);
}

pid_t neap_shim_task_start(struct neap_shim_start *start)
{
    pid_t pid;

    start->step = NEAP_SHIM_STEP_NONE;
    start->number = 0;
    pid = vfork();
    if (pid == 0)
        in_child(start);
    if (pid < 0) {
        start->step = NEAP_SHIM_STEP_FORK;
        start->number = errno;
    } else if (start->step != NEAP_SHIM_STEP_NONE) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        pid = -1;
    }
    return pid;
}
