#include <string.h>

#include "../unit.h"
#include "io/sse.h"

struct seen {
    int count;
    char all[4096]; /* "id=data|" of each */
};

static void note(void *ctx, const char *data, size_t len, const char *id)
{
    struct seen *seen = ctx;

    seen->count++;
    assert_int_equal(strlen(data), len);
    strcat(seen->all, id);
    strcat(seen->all, "=");
    strcat(seen->all, data);
    strcat(seen->all, "|");
}

static const struct {
    const char *text, *expect;
} cases[] = {
    { "data: a\n\n", "=a|" },
    { "data:a\r\n\r\n", "=a|" },
    { "id: 7\ndata: a\ndata: b\n\n", "7=a\nb|" },
    { "id: 7\ndata: a\n\ndata: b\n\n", "7=a|7=b|" },
    { ": comment\nevent: x\nretry: 3\ndata: a\n\n", "=a|" },
    { "data\n\n", "=|" },
    { "id: 9\n\n\n", "" },
    { "data:  two blanks\n\n", "= two blanks|" },
    { "data: not at its end\n", "" },
    { "database: no\n\n", "" },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = strlen(cases[i].text);

        for (size_t piece = 1; piece <= len; piece++) {
            struct seen seen = { 0 };
            struct neap_sse sse;

            neap_sse_init(&sse, 1000);
            for (size_t at = 0; at < len; at += piece) {
                size_t n = len - at < piece ? len - at : piece;

                assert_int_equal(neap_sse_feed(&sse, cases[i].text + at, n,
                                               note, &seen, NULL),
                                 0);
            }
            assert_string_equal(seen.all, cases[i].expect);
            neap_sse_deinit(&sse);
        }
    }
}

static int feed(const char *text, size_t limit, struct neap_err *err)
{
    struct seen seen = { 0 };
    struct neap_sse sse;
    int rc;

    neap_sse_init(&sse, limit);
    rc = neap_sse_feed(&sse, text, strlen(text), note, &seen, err);
    neap_sse_deinit(&sse);
    return rc;
}

static void test_limits(void **state)
{
    struct neap_err err;
    char id[400];

    (void)state;
    assert_int_equal(feed("data: 0123456789\n\n", 20, &err), 0);
    assert_int_equal(feed("data: 01234567890123456789", 20, &err),
                     NEAP_EEXHAUSTED);
    assert_non_null(strstr(err.text, "20 bytes"));
    /* many short lines are one long event */
    assert_int_equal(feed("data: 0123456\ndata: 0123456\ndata: 0123456\n", 20,
                          &err),
                     NEAP_EEXHAUSTED);
    memset(id, 'x', sizeof(id));
    memcpy(id, "id: ", 4);
    memcpy(id + sizeof(id) - 3, "\n\n", 3);
    assert_int_equal(feed(id, 1000, &err), NEAP_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
