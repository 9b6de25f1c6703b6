/* Starting a task. */
#ifndef NEAP_SHIM_TASK_H
#define NEAP_SHIM_TASK_H

#include <stdint.h>
#include <sys/types.h>

struct neap_shim_start {
    char **argv, **env;
    const char *stdin_path; /* relative to w; NULL: ours */
    uint64_t fsize;         /* 0: no limit */
    int step, number;       /* out: what failed, and errno */
};

/* Start the program in ./w with ./out and ./err. Returns its pid, or -1 with
 * step and number set; a program that could not be executed has been reaped
 * already. */
pid_t neap_shim_task_start(struct neap_shim_start *start);

#endif
