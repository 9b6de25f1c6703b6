/* Lists of values that a fact may have: any one will do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/wants.h"

static void test_any_of_the_values_will_do(void **state)
{
    struct neap_wants *wants = neap_wants_create();
    struct neap_strmap *facts = neap_strmap_create();

    (void)state;
    assert_true(neap_wants_met(NULL, NULL));
    assert_true(neap_wants_met(wants, NULL));
    neap_wants_add(wants, "os", "debian");
    neap_wants_add(wants, "arch", "arm64");
    neap_wants_add(wants, "os", "ubuntu");
    assert_false(neap_wants_met(wants, NULL));
    neap_strmap_set(facts, "os", "ubuntu");
    assert_false(neap_wants_met(wants, facts)); /* no arch */
    neap_strmap_set(facts, "arch", "arm64");
    assert_true(neap_wants_met(wants, facts));
    neap_strmap_set(facts, "os", "debian");
    assert_true(neap_wants_met(wants, facts));
    neap_strmap_set(facts, "os", "deb");
    assert_false(neap_wants_met(wants, facts));
    neap_strmap_destroy(facts);
    neap_wants_destroy(wants);
}

static void test_copies_are_equal_until_they_differ(void **state)
{
    struct neap_wants *wants = neap_wants_create();
    struct neap_wants *copy;

    (void)state;
    assert_true(neap_wants_equal(NULL, wants));
    assert_null(neap_wants_copy(NULL));
    neap_wants_add(wants, "b", "1");
    neap_wants_add(wants, "a", "2");
    copy = neap_wants_copy(wants);
    assert_true(neap_wants_equal(wants, copy));
    assert_int_equal(neap_wants_hash(wants, 7), neap_wants_hash(copy, 7));
    neap_wants_add(copy, "a", "3");
    assert_false(neap_wants_equal(wants, copy));
    neap_wants_add(wants, "a", "4");
    assert_false(neap_wants_equal(wants, copy));
    neap_wants_destroy(copy);
    neap_wants_destroy(wants);
    neap_wants_destroy(NULL);
}

static void test_says_what_is_wanted(void **state)
{
    struct neap_wants *wants = neap_wants_create();
    struct neap_buf text = NEAP_BUF_INIT;

    (void)state;
    neap_wants_add(wants, "os", "debian");
    neap_wants_add(wants, "arch", "arm64");
    neap_wants_add(wants, "os", "ubuntu");
    neap_wants_format(wants, &text);
    assert_string_equal(text.data, "arch=arm64, os=debian or ubuntu");
    neap_buf_deinit(&text);
    neap_wants_destroy(wants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_of_the_values_will_do),
        cmocka_unit_test(test_copies_are_equal_until_they_differ),
        cmocka_unit_test(test_says_what_is_wanted),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
