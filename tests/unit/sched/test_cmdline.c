/* Lines that need no shell, and what is left for the engine to fill in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sched/cmdline.h"
#include "sched/late.h"

static void plain_lines_are_split(void **state)
{
    struct neap_buf out = NEAP_BUF_INIT;

    (void)state;
    assert_int_equal(neap_cmdline_split("  /bin/cp -a\t in/x  out/y ", &out),
                     4);
    assert_memory_equal(out.data, "/bin/cp\0-a\0in/x\0out/y\0", 23);
    neap_buf_clear(&out);
    assert_int_equal(neap_cmdline_split("make CFLAGS=-O2", &out), 2);
    neap_buf_deinit(&out);
}

static void the_shell_gets_the_rest(void **state)
{
    static const char *const lines[] = {
        "",       "   ",       "echo hi",  "true",      "a | b",    "a > b",
        "a; b",   "a && b",    "a $b",     "a `b`",     "a 'b'",    "a \"b\"",
        "a \\ b", "a *",       "a ?",      "a [b]",     "a {b,c}",  "a ~",
        "a # b",  "a\nb",      "A=1 b",    "! a",       "(a)",      "cd x",
        "exit 3", "time make", ". script", "test -f x", "[ -f x ]", "while x",
    };
    struct neap_buf out = NEAP_BUF_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        neap_buf_clear(&out);
        assert_int_equal(neap_cmdline_split(lines[i], &out), 0);
    }
    neap_buf_deinit(&out);
}

static void only_the_default_shell_counts(void **state)
{
    const char *const usual[] = { "/bin/bash", "-euo", "pipefail", "-c" };
    const char *const other[] = { "/bin/bash", "-eu", "pipefail", "-c" };

    (void)state;
    assert_true(neap_cmdline_default_shell(usual, 4));
    assert_false(neap_cmdline_default_shell(usual, 3));
    assert_false(neap_cmdline_default_shell(other, 4));
}

static void placeholders_are_filled_in(void **state)
{
    struct neap_buf out = NEAP_BUF_INIT;
    struct neap_labels labels;
    struct neap_res need;
    struct neap_late late = { 2, &need, &labels };

    (void)state;
    neap_labels_init(&labels);
    memset(&need, 0, sizeof need);
    need.v[NEAP_CPU] = 1500;
    need.v[NEAP_MEM] = (INT64_C(3) << 30) + 5;
    neap_late_render(&late,
                     "a\001task.attempt\001 \001res.cpu\001 "
                     "\001res.mem:MiB\001M \001res.mem\001z",
                     &out);
    assert_string_equal(out.data, "a2 1.5 3072M 3221225477z");
    neap_buf_deinit(&out);
    neap_labels_deinit(&labels);
}

static void bad_placeholders_are_named(void **state)
{
    struct neap_labels labels;
    struct neap_err err;

    (void)state;
    neap_labels_init(&labels);
    assert_int_equal(neap_late_check("x\001res.cpu\001y", &labels, &err), 0);
    assert_int_equal(neap_late_check("x\001res.cpu", &labels, &err),
                     NEAP_EINVAL);
    assert_int_equal(neap_late_check("\001res.nix\001", &labels, &err),
                     NEAP_EINVAL);
    assert_non_null(strstr(err.text, "res.nix"));
    assert_int_equal(neap_late_check("\001res.mem:furlong\001", &labels, &err),
                     NEAP_EINVAL);
    assert_non_null(strstr(err.text, "furlong"));
    neap_labels_deinit(&labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines_are_split),
        cmocka_unit_test(the_shell_gets_the_rest),
        cmocka_unit_test(only_the_default_shell_counts),
        cmocka_unit_test(placeholders_are_filled_in),
        cmocka_unit_test(bad_placeholders_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
