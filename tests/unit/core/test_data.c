/* What tasks read and what allocs have. */
#include "../unit.h"
#include "core/data.h"

static void test_bytes_of_what_is_there(void **state)
{
    static const struct neap_datum datum[] = { { 7, 100 },
                                               { 0, 20 },
                                               { UINT64_C(1) << 63, 3 } };
    struct neap_data *data = neap_data_create(datum, 3);
    struct neap_holding holding = { 0 };

    (void)state;
    assert_true(data->bytes == 123);
    assert_true(neap_holding_bytes(&holding, data) == 0);
    neap_holding_add(&holding, 7);
    neap_holding_add(&holding, 7);
    neap_holding_add(&holding, 8);
    assert_true(neap_holding_bytes(&holding, data) == 100);
    neap_holding_add(&holding, 0);
    neap_holding_add(&holding, UINT64_C(1) << 63);
    assert_true(neap_holding_bytes(&holding, data) == 123);
    assert_true(neap_holding_bytes(&holding, NULL) == 0);
    assert_int_equal(holding.count, 4);
    neap_holding_deinit(&holding);
    neap_data_destroy(data);
}

static void test_nothing_is_null(void **state)
{
    (void)state;
    assert_null(neap_data_create(NULL, 0));
    neap_data_destroy(NULL);
}

static void test_the_hash_tells_lists_apart(void **state)
{
    static const struct neap_datum a[] = { { 1, 5 }, { 2, 5 } };
    static const struct neap_datum b[] = { { 2, 5 }, { 1, 5 } };
    struct neap_data *x = neap_data_create(a, 2);
    struct neap_data *y = neap_data_create(b, 2);
    struct neap_data *z = neap_data_create(a, 2);

    (void)state;
    assert_true(x->hash != y->hash);
    assert_true(x->hash == z->hash);
    neap_data_destroy(x);
    neap_data_destroy(y);
    neap_data_destroy(z);
}

static void test_many_are_found_again(void **state)
{
    struct neap_holding holding = { 0 };

    (void)state;
    for (uint64_t key = 0; key < 10000; key++)
        neap_holding_add(&holding, key * 4096);
    assert_int_equal(holding.count, 10000);
    for (uint64_t key = 0; key < 10000; key++) {
        assert_true(neap_holding_has(&holding, key * 4096));
        assert_false(neap_holding_has(&holding, key * 4096 + 2));
    }
    neap_holding_deinit(&holding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_of_what_is_there),
        cmocka_unit_test(test_nothing_is_null),
        cmocka_unit_test(test_the_hash_tells_lists_apart),
        cmocka_unit_test(test_many_are_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
