#include "cluster/verdict.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

struct neap_verdict neap_verdict_of(const struct neap_shim_ended *ended,
                                    const struct neap_seen *seen)
{
    struct neap_verdict v = { NEAP_END_EXIT, 0, 0 };
    bool missing = ended->number == ENOENT || ended->number == ENOTDIR;
    bool success;

    if (ended->step == NEAP_SHIM_STEP_EXEC) {
        v.exit = missing ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
        return v;
    }
    if (ended->step != NEAP_SHIM_STEP_NONE) {
        v.cause = NEAP_END_SPAWN;
        return v;
    }
    if (WIFSIGNALED(ended->status)) {
        v.cause = NEAP_END_SIGNAL;
        v.signal = WTERMSIG(ended->status);
    } else {
        v.exit = WEXITSTATUS(ended->status);
    }
    success = v.cause == NEAP_END_EXIT && v.exit == 0;
    if (seen->killed)
        v.cause = NEAP_END_KILLED;
    else if (seen->over_mem || (seen->oom && !success))
        v.cause = NEAP_END_OOM;
    else if (seen->over_disk || (seen->disk_limit && v.signal == SIGXFSZ))
        v.cause = NEAP_END_DISK;
    else if (seen->timed_out)
        v.cause = NEAP_END_TIMEOUT;
    return v;
}

void neap_verdict_exec_line(const struct neap_shim_ended *ended,
                            const char *program, struct neap_buf *out)
{
    if (ended->step != NEAP_SHIM_STEP_EXEC)
        return;
    if (ended->number == ENOENT && strchr(program, '/') == NULL)
        neap_buf_printf(out, "neap: %s: command not found\n", program);
    else
        neap_buf_printf(out, "neap: %s: %s\n", program,
                        strerror(ended->number));
}
