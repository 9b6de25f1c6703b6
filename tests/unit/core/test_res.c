/* Resources, string maps, durations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/durations.h"
#include "core/res.h"
#include "core/strmap.h"

#define GIB (INT64_C(1) << 30)

static void test_labels(void **state)
{
    static const char *const bad[] = { "", "1a", "a b", "é", "-a", "a/b" };
    struct neap_labels labels;
    struct neap_err err;
    char name[200];

    (void)state;
    neap_labels_init(&labels);
    assert_int_equal(neap_labels_intern(&labels, "mem", NULL), NEAP_MEM);
    assert_int_equal(neap_labels_find(&labels, "licence"), -1);
    assert_int_equal(neap_labels_intern(&labels, "licence", NULL), 4);
    assert_int_equal(neap_labels_intern(&labels, "licence", NULL), 4);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(neap_labels_intern(&labels, bad[i], &err),
                         NEAP_EINVAL);
    memset(name, 'a', sizeof(name));
    name[129] = '\0';
    assert_int_equal(neap_labels_intern(&labels, name, &err), NEAP_EINVAL);
    name[128] = '\0';
    assert_int_equal(neap_labels_intern(&labels, name, &err), 5);
    for (int i = 6; i < NEAP_LABELS_MAX; i++) {
        snprintf(name, sizeof(name), "x%d", i);
        assert_int_equal(neap_labels_intern(&labels, name, NULL), i);
    }
    assert_int_equal(neap_labels_intern(&labels, "more", &err),
                     NEAP_EEXHAUSTED);
    assert_string_equal(err.text, "resource 'more' is one too many: 32 are "
                                  "known and no more can be");
    neap_labels_deinit(&labels);
}

static void test_amounts(void **state)
{
    static const double bad[] = { -1, -1e-300 * 1e300, NAN, INFINITY, 1e30 };
    struct neap_res res = { 0 };
    struct neap_err err;

    (void)state;
    assert_int_equal(neap_res_set(&res, NEAP_CPU, 0.1, NULL), 0);
    assert_int_equal(res.v[NEAP_CPU], 100);
    assert_true(neap_res_get(&res, NEAP_CPU) == 0.1);
    assert_int_equal(neap_res_set(&res, NEAP_MEM, 1.5, NULL), 0);
    assert_int_equal(res.v[NEAP_MEM], 2);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(neap_res_set(&res, NEAP_CPU, bad[i], &err),
                         NEAP_EINVAL);
    assert_int_equal(res.v[NEAP_CPU], 100);
    assert_int_equal(neap_res_scale(&res, 1.5, NULL), 0);
    assert_int_equal(res.v[NEAP_CPU], 150);
    assert_int_equal(neap_res_scale(&res, -1, &err), NEAP_EINVAL);
    assert_int_equal(neap_res_scale(&res, NAN, &err), NEAP_EINVAL);
    assert_int_equal(neap_res_scale(&res, 1e300, &err), NEAP_EINVAL);
    assert_int_equal(res.v[NEAP_CPU], 150);
}

static void test_arithmetic(void **state)
{
    struct neap_res have = { { 4000, 16 * GIB, 0, 1000 } };
    struct neap_res need = { { 1500, 4 * GIB, 0, 0 } };
    struct neap_res none = { 0 };
    struct neap_res a = have;

    (void)state;
    assert_true(neap_res_fits(&have, &need));
    assert_false(neap_res_fits(&need, &have));
    assert_true(neap_res_fits(&none, &none));
    assert_int_equal(neap_res_times(&have, &need, 100), 2);
    assert_int_equal(neap_res_times(&have, &need, 1), 1);
    assert_int_equal(neap_res_times(&have, &none, 77), 77);
    assert_int_equal(neap_res_times(&none, &need, 77), 0);
    neap_res_sub(&a, &need);
    neap_res_add(&a, &need);
    assert_true(neap_res_equal(&a, &have));
    neap_res_min(&a, &need);
    assert_true(neap_res_equal(&a, &need));
    neap_res_max(&a, &have);
    assert_true(neap_res_equal(&a, &have));
    assert_true(neap_res_zero(&none));
    assert_true(neap_res_distance(&have, &need) == 4);
    assert_true(neap_res_dominant(&need, &have) == 0.375);
    assert_true(isinf(neap_res_dominant(&have, &need)));
}

static void test_formats(void **state)
{
    struct neap_labels labels;
    struct neap_buf buf = NEAP_BUF_INIT;
    struct neap_res res = { { 4000, 8 * GIB, 0, 1000 } };

    (void)state;
    neap_labels_init(&labels);
    neap_res_format(&labels, &res, &buf);
    assert_string_equal(buf.data, "{mem:8GiB cpu:4 disk:0B gpu:1}");
    neap_buf_clear(&buf);
    res = (struct neap_res){ { 500, 1536 * (GIB >> 10), 1001, 0 } };
    res.v[neap_labels_intern(&labels, "zeta", NULL)] = 1500;
    res.v[neap_labels_intern(&labels, "alpha", NULL)] = 2000;
    neap_res_format(&labels, &res, &buf);
    assert_string_equal(buf.data,
                        "{mem:1536MiB cpu:0.5 disk:1001B alpha:2 zeta:1.5}");
    neap_buf_clear(&buf);
    neap_res_format(&labels, &(struct neap_res){ 0 }, &buf);
    assert_string_equal(buf.data, "{}");
    neap_buf_clear(&buf);
    neap_res_format_amount(NEAP_MEM, 24588597248, &buf);
    assert_string_equal(buf.data, "22.9 GiB");
    neap_buf_deinit(&buf);
    neap_labels_deinit(&labels);
}

static void test_strmap(void **state)
{
    struct neap_strmap *map = neap_strmap_create();
    struct neap_strmap *copy;

    (void)state;
    neap_strmap_set(map, "b", "2");
    neap_strmap_set(map, "a", "1");
    neap_strmap_set(map, "c", "3");
    neap_strmap_set(map, "b", "4");
    assert_int_equal(map->count, 3);
    assert_string_equal(map->pair[0].key, "a");
    assert_string_equal(neap_strmap_get(map, "b"), "4");
    assert_null(neap_strmap_get(map, "x"));
    assert_null(neap_strmap_get(NULL, "x"));
    copy = neap_strmap_copy(map);
    assert_true(neap_strmap_equal(map, copy));
    neap_strmap_set(copy, "d", "5");
    assert_false(neap_strmap_equal(map, copy));
    assert_null(neap_strmap_copy(NULL));
    neap_strmap_destroy(copy);
    neap_strmap_destroy(map);
    neap_strmap_destroy(NULL);
}

static void test_durations(void **state)
{
    struct neap_durations d = { 0 };

    (void)state;
    assert_true(neap_durations_mean(&d) == 0);
    assert_true(neap_durations_quantile(&d, 0.5) == 0);
    for (int i = 1; i <= 1000; i++)
        neap_durations_add(&d, i);
    assert_true(fabs(neap_durations_mean(&d) - 500.5) < 1e-9);
    assert_true(fabs(neap_durations_quantile(&d, 0.5) / 500 - 1) < 0.1);
    assert_true(fabs(neap_durations_quantile(&d, 0.95) / 950 - 1) < 0.1);
    neap_durations_add(&d, NAN);
    neap_durations_add(&d, 1e300);
    assert_int_equal(d.count, 1002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),     cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_formats),
        cmocka_unit_test(test_strmap),     cmocka_unit_test(test_durations),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
