/* Errors, buffers, memory, time, log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

static void test_kinds(void **state)
{
    (void)state;
    for (int i = 0; i < NEAP_KINDS; i++) {
        enum neap_kind kind = (enum neap_kind)i;

        assert_int_equal(neap_kind_parse(neap_kind_name(kind)), i);
        assert_int_equal(neap_err_kind(neap_err_code(kind)), i);
        assert_true(strlen(neap_kind_text(kind)) > 0);
    }
    assert_int_equal(neap_kind_parse("nonsense"), -1);
    assert_int_equal(neap_err_kind(-1), NEAP_KIND_OTHER);
    assert_int_equal(neap_err_kind(0), NEAP_KIND_OTHER);
    assert_true(neap_kind_transient(NEAP_KIND_TIMEOUT));
    assert_false(neap_kind_transient(NEAP_KIND_NET));
    assert_true(neap_kind_non_retryable(NEAP_KIND_INVALID));
    assert_false(neap_kind_non_retryable(NEAP_KIND_OOM));
}

static void test_err(void **state)
{
    char long_text[3000];
    struct neap_err err;

    (void)state;
    assert_int_equal(neap_err_set(NULL, NEAP_EINVAL, "x"), NEAP_EINVAL);
    assert_int_equal(neap_err_set(&err, NEAP_EINVAL, "bad %d", 7), NEAP_EINVAL);
    assert_int_equal(err.kind, NEAP_KIND_INVALID);
    assert_string_equal(err.text, "bad 7");
    neap_err_prefix(&err, "line %d", 3);
    assert_string_equal(err.text, "line 3: bad 7");
    neap_err_prefix(NULL, "x");
    assert_int_equal(neap_err_errno(&err, ENOENT, "open '%s'", "a"),
                     NEAP_ENOTEXIST);
    assert_string_equal(err.text, "open 'a': No such file or directory");
    assert_int_equal(neap_err_errno(NULL, ENOSPC, "x"), NEAP_EEXHAUSTED);
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    neap_err_set(&err, NEAP_ENET, "%s", long_text);
    assert_int_equal(strlen(err.text), NEAP_ERR_TEXT - 1);
}

static void test_buf(void **state)
{
    struct neap_buf buf = NEAP_BUF_INIT;
    char *text;

    (void)state;
    neap_buf_puts(&buf, "one");
    neap_buf_putc(&buf, ' ');
    neap_buf_printf(&buf, "%0300d", 5);
    assert_int_equal(buf.len, 304);
    assert_int_equal(buf.data[303], '5');
    assert_int_equal(buf.data[304], '\0');
    neap_buf_consume(&buf, 303);
    assert_string_equal(buf.data, "5");
    neap_buf_append(&buf, "\0x", 2);
    assert_int_equal(buf.len, 3);
    memset(neap_buf_reserve(&buf, 100000), 'y', 100000);
    assert_memory_equal(buf.data, "5\0xyy", 5);
    neap_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    text = neap_buf_take(&buf);
    assert_string_equal(text, "");
    neap_free(text);
    assert_null(buf.data);
    neap_buf_deinit(&buf);
    text = neap_buf_take(&buf); /* also of one that was never used */
    assert_string_equal(text, "");
    neap_free(text);
}

static void test_mem(void **state)
{
    char *text = neap_format("%s-%d", "a", 1);

    (void)state;
    assert_string_equal(text, "a-1");
    neap_free(text);
    text = neap_strndup("abcdef", 3);
    assert_string_equal(text, "abc");
    neap_free(text);
    assert_null(neap_strdup(NULL));
    neap_free(NULL);
    neap_free(neap_alloc(0));
    neap_free(neap_calloc(0, 8));
}

static void test_clock(void **state)
{
    char out[32];
    int64_t before = neap_clock_mono_ns();

    (void)state;
    assert_true(neap_clock_mono_ns() >= before);
    assert_true(neap_clock_wall_ns() > INT64_C(1600000000) * NEAP_SEC);
    neap_clock_format(INT64_C(1700000000) * NEAP_SEC + 42 * NEAP_MSEC, out);
    assert_string_equal(out, "2023-11-14T22:13:20.042Z");
    neap_clock_format(-NEAP_MSEC, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
}

static void keep(void *ctx, enum neap_level level, const char *component,
                 const char *text)
{
    snprintf(ctx, 128, "%d %s %s", (int)level, component, text);
}

static void test_log(void **state)
{
    char line[128] = "";

    (void)state;
    setenv("NEAP_LOG", "info", 1);
    neap_log_init("test");
    neap_log_sink(keep, line);
    neap_log(NEAP_DEBUG, "too much");
    assert_string_equal(line, "");
    neap_log(NEAP_INFO, "n = %d", 3);
    assert_string_equal(line, "2 test n = 3");
    neap_log_level(NEAP_ERROR);
    neap_log(NEAP_WARN, "no");
    assert_string_equal(line, "2 test n = 3");
    neap_log_level(NEAP_WARN);
    setenv("NEAP_LOG", "loud", 1);
    neap_log_init("test");
    assert_string_equal(
        line, "1 test NEAP_LOG is 'loud'; expected error, warn, info or debug");
    neap_log_sink(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds), cmocka_unit_test(test_err),
        cmocka_unit_test(test_buf),   cmocka_unit_test(test_mem),
        cmocka_unit_test(test_clock), cmocka_unit_test(test_log),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
