/* How fast do agent and shims run tasks? Plays the engine with J tasks in
 * flight and prints the time per task beside that of a bare posix_spawn loop,
 * and the cpu time of the agent and its shims.
 *
 *   agent_rate [N [J [CGROUP [PROGRAM]]]]
 */
#include <spawn.h>
#include <sys/resource.h>

#include "../unit/cluster/fake_engine.h"

extern char **environ;

static double limit_us(int n, int j, const char *program)
{
    char *argv[] = { (char *)program, NULL };
    int64_t start_ns = neap_clock_mono_ns();
    int started = 0, running = 0;
    pid_t pid;

    while (started < n || running > 0) {
        while (started < n && running < j) {
            if (posix_spawn(&pid, program, NULL, NULL, argv, environ) != 0)
                abort();
            started++;
            running++;
        }
        wait(NULL);
        running--;
    }
    return (double)(neap_clock_mono_ns() - start_ns) / 1000 / n;
}

static void send_run(struct engine *e, int number, const char *program)
{
    static struct neap_wire_amount need[] = { { "cpu", 1000 },
                                              { "mem", 512 << 20 } };
    const char *argv[] = { program };
    struct neap_msg msg;
    char task[32];

    snprintf(task, sizeof task, "r1.%d", number);
    neap_msg_init(&msg, NEAP_MSG_RUN);
    msg.task = task;
    msg.attempt = 1;
    msg.alloc = "a1";
    msg.argv = argv;
    msg.argc = 1;
    msg.need = need;
    msg.nneed = 2;
    msg.keep_logs = 2;
    engine_send(e, &msg);
}

static double agent_us(struct engine *e, int n, int j, const char *program)
{
    int64_t start_ns = neap_clock_mono_ns();
    int sent = 0, done = 0;

    while (done < n) {
        struct neap_msg msg;

        while (sent < n && sent - done < j)
            send_run(e, ++sent, program);
        if (!engine_expect(e, NEAP_MSG_ENDED, &msg))
            abort();
        if (msg.cause != NEAP_END_EXIT || msg.exit != 0) {
            fprintf(stderr, "%s: %s %d %s\n", msg.task,
                    neap_end_cause_name((enum neap_end_cause)msg.cause),
                    msg.exit, msg.text != NULL ? msg.text : "");
            exit(1);
        }
        neap_msg_deinit(&msg);
        done++;
    }
    return (double)(neap_clock_mono_ns() - start_ns) / 1000 / n;
}

/* cpu time of a process itself, in us. */
static double cpu_us(pid_t pid)
{
    char path[64];
    unsigned long long ns = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%llu", &ns) != 1)
        ns = 0;
    if (file != NULL)
        fclose(file);
    return (double)ns / 1000;
}

static double children_us(pid_t parent)
{
    char path[64];
    double sum = 0;
    FILE *file;
    int pid;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent,
             (int)parent);
    file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        sum += cpu_us(pid);
    if (file != NULL)
        fclose(file);
    return sum;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2000, j = argc > 2 ? atoi(argv[2]) : 2;
    const char *cgroup = argc > 3 ? argv[3] : "auto";
    const char *program = argc > 4 ? argv[4] : "/bin/true";
    const char *more[] = { "--cgroup", cgroup,        "--cpu", "64",
                           "--mem",    "68719476736", NULL };
    double limit[2], agent, own, shims;
    struct engine e;
    struct neap_msg msg;

    engine_listen(&e);
    engine_start_agent(&e, more);
    if (!engine_accept(&e, true))
        return 1;
    engine_lease(&e, "a1", j * 1000, (int64_t)j * (512 << 20), 1e6);
    if (!engine_expect(&e, NEAP_MSG_GRANTED, &msg))
        return 1;
    neap_msg_deinit(&msg);
    (void)agent_us(&e, 10 * j, j, program); /* shims are there then */
    limit[0] = limit_us(n / 2, j, program);
    own = cpu_us(e.agent);
    shims = children_us(e.agent);
    agent = agent_us(&e, n, j, program);
    own = cpu_us(e.agent) - own;
    shims = children_us(e.agent) - shims;
    limit[1] = limit_us(n / 2, j, program);
    printf("limit %.0f us, agent %.0f us, ratio %.2f; cpu per task: agent "
           "%.1f us, shims %.1f us (with the fork and exec of the child)\n",
           (limit[0] + limit[1]) / 2, agent, 2 * agent / (limit[0] + limit[1]),
           own / n, shims / n);
    engine_hang_up(&e);
    (void)engine_wait_agent(&e);
    engine_close(&e);
    return 0;
}
