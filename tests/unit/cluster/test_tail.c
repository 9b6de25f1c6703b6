#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"
#include "base/buf.h"
#include "base/mem.h"
#include "cluster/tail.h"

static void short_texts(void **state)
{
    static const struct {
        const char *text, *tail;
        bool cut;
    } cases[] = {
        { "", NULL, false },
        { "\n", NULL, false },
        { "one", "one", false },
        { "one\n", "one", false },
        { "one\ntwo\n", "one\ntwo", false },
        { "half\ntwo\n", "two", true },
        { "endless", "endless", true },
        { "\xa4 tail of a character", " tail of a character", true },
        { "f\xc3\xa4il \xff\xc3", "f\xc3\xa4il ??", false },
        { "\xc0\x80 \xed\xa0\x80 \xf5", "?? ??? ?", false },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *tail =
            neap_tail(cases[i].text, strlen(cases[i].text), cases[i].cut);

        assert_int_equal(tail == NULL, cases[i].tail == NULL);
        if (tail != NULL)
            assert_string_equal(tail, cases[i].tail);
        neap_free(tail);
    }
}

static void only_the_last_lines(void **state)
{
    struct neap_buf text = NEAP_BUF_INIT;
    char *tail;

    (void)state;
    for (int i = 1; i <= 100; i++)
        neap_buf_printf(&text, "line %d\n", i);
    tail = neap_tail(text.data, text.len, false);
    assert_memory_equal(tail, "line 81\n", 8);
    assert_string_equal(tail + strlen(tail) - 8, "line 100");
    neap_free(tail);
    neap_buf_deinit(&text);
}

static void never_longer_than_the_limit(void **state)
{
    static char text[3 * NEAP_TAIL_BYTES];
    char *tail;

    (void)state;
    memset(text, 'x', sizeof text);
    tail = neap_tail(text, sizeof text, false);
    assert_int_equal(strlen(tail), NEAP_TAIL_BYTES);
    neap_free(tail);
    text[sizeof text - 100] = '\n'; /* whole lines are better */
    tail = neap_tail(text, sizeof text, false);
    assert_int_equal(strlen(tail), 99);
    neap_free(tail);
}

static void of_a_file(void **state)
{
    char path[] = "/tmp/neap-test-XXXXXX";
    int fd = mkstemp(path);
    char *tail;

    (void)state;
    for (int i = 0; i < 5000; i++)
        assert_int_equal(write(fd, "some words\n", 11), 11);
    assert_int_equal(write(fd, "the end\n", 8), 8);
    close(fd);
    tail = neap_tail_file(path);
    assert_memory_equal(tail, "some words\n", 11);
    assert_non_null(strstr(tail, "\nthe end"));
    neap_free(tail);
    unlink(path);
    assert_null(neap_tail_file(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_texts),
        cmocka_unit_test(only_the_last_lines),
        cmocka_unit_test(never_longer_than_the_limit),
        cmocka_unit_test(of_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
