/* What follows from the end of an attempt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sched/retry.h"

static const int exits[] = { 137 };
static const struct neap_grow grow[] = { { NEAP_MEM, 2 } };

static enum neap_verdict decide(const struct neap_retry_spec *spec, int cause,
                                int exit, struct neap_retry_counts *counts,
                                double *delay_s)
{
    return neap_retry_decide(spec, cause, exit, counts, 0.5, delay_s);
}

static void exit_zero_is_done(void **state)
{
    struct neap_retry_counts counts = { 0 };
    double delay_s;

    (void)state;
    assert_int_equal(decide(NULL, NEAP_END_EXIT, 0, &counts, &delay_s),
                     NEAP_VERDICT_DONE);
    assert_int_equal(decide(NULL, NEAP_END_EXIT, 1, &counts, &delay_s),
                     NEAP_VERDICT_FAILED);
}

static void retries_back_off_and_end(void **state)
{
    struct neap_retry_spec spec = { .max = 3,
                                    .on = NEAP_RETRY_EXIT,
                                    .delay_s = 1,
                                    .factor = 10,
                                    .max_delay_s = 50,
                                    .jitter = 0.1 };
    struct neap_retry_counts counts = { 0 };
    const double want[] = { 1, 10, 50 };
    double delay_s;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(decide(&spec, NEAP_END_EXIT, 2, &counts, &delay_s),
                         NEAP_VERDICT_RETRY);
        assert_true(delay_s > want[i] - 1e-9 && delay_s < want[i] + 1e-9);
    }
    assert_int_equal(decide(&spec, NEAP_END_EXIT, 2, &counts, &delay_s),
                     NEAP_VERDICT_FAILED);
}

static void only_the_named_causes_are_retried(void **state)
{
    struct neap_retry_spec spec = {
        .max = 9, .on = NEAP_RETRY_OOM, .exits = exits, .nexits = 1
    };
    static const struct {
        int cause, exit;
        enum neap_verdict verdict;
    } cases[] = {
        { NEAP_END_EXIT, 1, NEAP_VERDICT_FAILED },
        { NEAP_END_EXIT, 137, NEAP_VERDICT_RETRY },
        { NEAP_END_SPAWN, 127, NEAP_VERDICT_FAILED },
        { NEAP_END_OOM, 0, NEAP_VERDICT_RETRY },
        { NEAP_END_SIGNAL, 0, NEAP_VERDICT_FAILED },
        { NEAP_END_TIMEOUT, 0, NEAP_VERDICT_FAILED },
        { NEAP_END_OUTPUT, 0, NEAP_VERDICT_FAILED },
        { NEAP_END_DISK, 0, NEAP_VERDICT_FAILED },
    };
    struct neap_retry_counts counts = { 0 };
    double delay_s;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(decide(&spec, cases[i].cause, cases[i].exit, &counts,
                                &delay_s),
                         cases[i].verdict);
}

static void trouble_with_data_is_nobodys_fault(void **state)
{
    struct neap_retry_counts counts = { 0 };
    double delay_s, before = 0;

    (void)state;
    assert_int_equal(decide(NULL, NEAP_END_INTEGRITY, 0, &counts, &delay_s),
                     NEAP_VERDICT_AGAIN);
    assert_int_equal(decide(NULL, NEAP_END_INTEGRITY, 0, &counts, &delay_s),
                     NEAP_VERDICT_FAILED);
    for (int i = 0; i < 3; i++) {
        int cause = i % 2 == 0 ? NEAP_END_STAGE : NEAP_END_STORE;

        assert_int_equal(decide(NULL, cause, 0, &counts, &delay_s),
                         NEAP_VERDICT_AGAIN);
        assert_true(delay_s > before);
        before = delay_s;
    }
    assert_int_equal(decide(NULL, NEAP_END_STORE, 0, &counts, &delay_s),
                     NEAP_VERDICT_FAILED);
    assert_int_equal(counts.retries, 0);
}

static void needs_grow_to_the_limit(void **state)
{
    struct neap_res limit, need;
    struct neap_retry_spec spec = {
        .grow = grow, .ngrow = 1, .grow_timeout = 1.5, .limit = &limit
    };
    double timeout_s = 10;

    (void)state;
    memset(&limit, 0, sizeof limit);
    memset(&need, 0, sizeof need);
    need.v[NEAP_CPU] = 1000;
    need.v[NEAP_MEM] = 100;
    limit.v[NEAP_MEM] = 300;
    neap_retry_grow(&spec, &need, &timeout_s);
    assert_int_equal(need.v[NEAP_MEM], 200);
    neap_retry_grow(&spec, &need, &timeout_s);
    assert_int_equal(need.v[NEAP_MEM], 300);
    assert_int_equal(need.v[NEAP_CPU], 1000);
    assert_true(timeout_s == 22.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_zero_is_done),
        cmocka_unit_test(retries_back_off_and_end),
        cmocka_unit_test(only_the_named_causes_are_retried),
        cmocka_unit_test(trouble_with_data_is_nobodys_fault),
        cmocka_unit_test(needs_grow_to_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
