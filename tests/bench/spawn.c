/* The bare limit: N times PROG by posix_spawn, J in flight, reaped by waitpid.
 *
 *   bench_spawn N J PROG
 *
 * Prints one line of JSON: wall seconds, cpu seconds of the children and of
 * the loop itself. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu(int who)
{
    struct rusage u;

    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

int main(int argc, char **argv)
{
    long left, in_flight = 0, limit;
    char *args[2];
    double start = now();

    if (argc != 4) {
        fprintf(stderr, "usage: bench_spawn N J PROG\n");
        return 2;
    }
    left = strtol(argv[1], NULL, 10);
    limit = strtol(argv[2], NULL, 10);
    args[0] = argv[3];
    args[1] = NULL;
    while (left > 0 || in_flight > 0) {
        pid_t pid;

        if (left > 0 && in_flight < limit) {
            if (posix_spawn(&pid, argv[3], NULL, NULL, args, environ) != 0) {
                perror(argv[3]);
                return 1;
            }
            left--;
            in_flight++;
        } else if (waitpid(-1, NULL, 0) > 0) {
            in_flight--;
        }
    }
    printf("{\"wall\":%.6f,\"children\":%.6f,\"self\":%.6f}\n", now() - start,
           cpu(RUSAGE_CHILDREN), cpu(RUSAGE_SELF));
    return 0;
}
