/* Leases: a random walk never reserves more than there is. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit.h"
#include "base/clock.h"
#include "cluster/lease.h"

static struct neap_leases leases;

static int setup(void **state)
{
    (void)state;
    neap_leases_init(&leases);
    leases.capacity.v[NEAP_CPU] = 8000;
    leases.capacity.v[NEAP_MEM] = 1000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    neap_leases_deinit(&leases);
    return 0;
}

static int grant(const char *alloc, int64_t cpu, int64_t mem, double seconds,
                 int64_t now_ns, struct neap_lease **ret)
{
    struct neap_wire_amount amounts[] = { { "cpu", cpu }, { "mem", mem } };
    struct neap_msg msg;

    neap_msg_init(&msg, NEAP_MSG_LEASE);
    msg.alloc = alloc;
    msg.capacity = amounts;
    msg.ncapacity = 2;
    msg.lease_s = seconds;
    return neap_leases_grant(&leases, &msg, now_ns, ret, NULL);
}

static void allocs_share_the_node(void **state)
{
    struct neap_lease *a, *b, *c = NULL;

    (void)state;
    assert_int_equal(grant("a", 5000, 500, 1, 0, &a), 0);
    assert_int_equal(grant("b", 4000, 100, 1, 0, &c), NEAP_EEXHAUSTED);
    assert_null(c);
    assert_int_equal(grant("b", 3000, 500, 1, 0, &b), 0);
    neap_leases_free(&leases, a);
    assert_null(neap_leases_find(&leases, "a"));
    assert_int_equal(grant("c", 5000, 500, 1, 0, &c), 0);
}

static void an_unknown_label_is_not_there(void **state)
{
    struct neap_wire_amount amount = { "licence", 1 };
    struct neap_lease *lease = NULL;
    struct neap_msg msg;

    (void)state;
    neap_msg_init(&msg, NEAP_MSG_LEASE);
    msg.alloc = "a";
    msg.capacity = &amount;
    msg.ncapacity = 1;
    assert_int_equal(neap_leases_grant(&leases, &msg, 0, &lease, NULL),
                     NEAP_EEXHAUSTED);
    amount.label = "cpu";
    amount.amount = -1;
    assert_int_equal(neap_leases_grant(&leases, &msg, 0, &lease, NULL),
                     NEAP_EINVAL);
}

static void a_lease_runs_out_unless_prolonged(void **state)
{
    struct neap_lease *a, *again;

    (void)state;
    assert_int_equal(grant("a", 1000, 1, 2, 0, &a), 0);
    assert_null(neap_leases_expired(&leases, NEAP_SEC));
    assert_int_equal(grant("a", 9999, 1, 2, NEAP_SEC, &again), 0);
    assert_ptr_equal(a, again);
    assert_int_equal(a->total.v[NEAP_CPU], 1000);
    assert_null(neap_leases_expired(&leases, 2 * NEAP_SEC));
    assert_ptr_equal(neap_leases_expired(&leases, 3 * NEAP_SEC), a);
    a->ending = true;
    assert_null(neap_leases_expired(&leases, 3 * NEAP_SEC));
    assert_int_equal(grant("a", 1, 1, 2, 0, &again), NEAP_EUNAVAILABLE);
    assert_int_equal(grant("b", 1, 1, 1e300, NEAP_SEC, &again), 0);
    assert_true(again->until_ns == NEAP_NEVER);
}

static void tasks_never_use_more_than_their_alloc(void **state)
{
    struct neap_res need[64] = { 0 };
    unsigned seed = (unsigned)time(NULL);
    bool taken[64] = { false };
    struct neap_lease *lease;

    (void)state;
    print_message("seed %u\n", seed);
    assert_int_equal(grant("a", 5000, 700, 1, 0, &lease), 0);
    for (int i = 0; i < 20000; i++) {
        int k = rand_r(&seed) % 64;

        if (taken[k]) {
            neap_lease_give(lease, &need[k]);
            taken[k] = false;
        } else {
            need[k].v[NEAP_CPU] = rand_r(&seed) % 2000;
            need[k].v[NEAP_MEM] = rand_r(&seed) % 300;
            taken[k] = neap_lease_take(&leases, lease, &need[k], NULL) == 0;
        }
        assert_true(neap_res_fits(&lease->total, &lease->used));
    }
    for (int k = 0; k < 64; k++) {
        if (taken[k])
            neap_lease_give(lease, &need[k]);
    }
    assert_true(neap_res_zero(&lease->used));
    assert_int_equal(lease->tasks, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(allocs_share_the_node),
        TEST(an_unknown_label_is_not_there),
        TEST(a_lease_runs_out_unless_prolonged),
        TEST(tasks_never_use_more_than_their_alloc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
