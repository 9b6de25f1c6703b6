#include <errno.h>
#include <signal.h>

#include "../unit.h"
#include "cluster/verdict.h"

#define EXIT(code)  ((code) << 8)
#define SIGNAL(sig) (sig)

static void how_a_task_ended(void **state)
{
    static const struct {
        const char *what;
        struct neap_shim_ended ended;
        struct neap_seen seen;
        struct neap_verdict want;
    } cases[] = {
        { "success", { .status = EXIT(0) }, { 0 }, { NEAP_END_EXIT, 0, 0 } },
        { "exit 3", { .status = EXIT(3) }, { 0 }, { NEAP_END_EXIT, 3, 0 } },
        { "signal",
          { .status = SIGNAL(SIGSEGV) },
          { 0 },
          { NEAP_END_SIGNAL, 0, SIGSEGV } },
        { "not found",
          { .step = NEAP_SHIM_STEP_EXEC, .number = ENOENT },
          { 0 },
          { NEAP_END_EXIT, 127, 0 } },
        { "no format",
          { .step = NEAP_SHIM_STEP_EXEC, .number = ENOEXEC },
          { 0 },
          { NEAP_END_EXIT, 126, 0 } },
        { "no process",
          { .step = NEAP_SHIM_STEP_FORK, .number = EAGAIN },
          { 0 },
          { NEAP_END_SPAWN, 0, 0 } },
        { "killed",
          { .status = SIGNAL(SIGTERM) },
          { .killed = true, .timed_out = true },
          { NEAP_END_KILLED, 0, SIGTERM } },
        { "timeout, exit 0",
          { .status = EXIT(0) },
          { .timed_out = true },
          { NEAP_END_TIMEOUT, 0, 0 } },
        { "kernel killed a child, program failed",
          { .status = EXIT(1) },
          { .oom = true },
          { NEAP_END_OOM, 1, 0 } },
        { "kernel killed a child, program went on",
          { .status = EXIT(0) },
          { .oom = true },
          { NEAP_END_EXIT, 0, 0 } },
        { "we saw too much memory",
          { .status = SIGNAL(SIGKILL) },
          { .over_mem = true },
          { NEAP_END_OOM, 0, SIGKILL } },
        { "file too large",
          { .status = SIGNAL(SIGXFSZ) },
          { .disk_limit = true },
          { NEAP_END_DISK, 0, SIGXFSZ } },
        { "file too large without our limit",
          { .status = SIGNAL(SIGXFSZ) },
          { 0 },
          { NEAP_END_SIGNAL, 0, SIGXFSZ } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct neap_verdict got =
            neap_verdict_of(&cases[i].ended, &cases[i].seen);

        if (got.cause != cases[i].want.cause ||
            got.exit != cases[i].want.exit ||
            got.signal != cases[i].want.signal)
            fail_msg("%s: %s %d %d", cases[i].what,
                     neap_end_cause_name(got.cause), got.exit, got.signal);
    }
}

static void what_a_shell_would_say(void **state)
{
    struct neap_shim_ended ended = { .step = NEAP_SHIM_STEP_EXEC,
                                     .number = ENOENT };
    struct neap_buf line = NEAP_BUF_INIT;

    (void)state;
    neap_verdict_exec_line(&ended, "bwa", &line);
    assert_string_equal(line.data, "neap: bwa: command not found\n");
    neap_buf_clear(&line);
    neap_verdict_exec_line(&ended, "./bwa", &line);
    assert_string_equal(line.data, "neap: ./bwa: No such file or directory\n");
    neap_buf_clear(&line);
    ended.step = NEAP_SHIM_STEP_NONE;
    neap_verdict_exec_line(&ended, "bwa", &line);
    assert_int_equal(line.len, 0);
    neap_buf_deinit(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_a_task_ended),
        cmocka_unit_test(what_a_shell_would_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
