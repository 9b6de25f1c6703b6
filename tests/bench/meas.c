/* Run a command and measure its whole tree.
 *
 *   bench_meas OUT.json COMMAND ARG…
 *
 * Writes wall seconds, cpu seconds of all processes (orphans too: this is a
 * subreaper), peak resident KiB of the largest one, exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    double start = now(), wall = 0;
    struct rusage u;
    int status = 0, s;
    pid_t child, pid;
    FILE *out;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_meas OUT.json COMMAND ARG...\n");
        return 2;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    while ((pid = waitpid(-1, &s, 0)) > 0) {
        if (pid == child) {
            status = s;
            wall = now() - start;
        }
    }
    getrusage(RUSAGE_CHILDREN, &u);
    out = fopen(argv[1], "w");
    if (!out) {
        perror(argv[1]);
        return 1;
    }
    fprintf(out, "{\"wall\":%.6f,\"cpu\":%.6f,\"rss_kib\":%ld,\"status\":%d}\n",
            wall,
            (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6,
            u.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}
