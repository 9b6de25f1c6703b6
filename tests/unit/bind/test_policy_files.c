/* The policies that are shipped, and those of the examples. */
#include <dirent.h>

#include "policy_fixture.h"

static void load_folder(struct fixture *f, const char *folder, int *ret)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char *path;
        int pack_rc, priority_rc;

        if (!strstr(entry->d_name, ".lua"))
            continue;
        path = neap_format("%s/%s", folder, entry->d_name);
        pack_rc = neap_policy_host_load(f->host, NEAP_POLICY_PACK, path, NULL,
                                        &f->err);
        priority_rc = neap_policy_host_load(f->host, NEAP_POLICY_PRIORITY, path,
                                            NULL, NULL);
        if ((pack_rc == 0) == (priority_rc == 0))
            fail_msg("%s: %s", path, f->err.text);
        neap_free(path);
        ++*ret;
    }
    closedir(dir);
}

static void all_of_them_pass_their_checks(void **state)
{
    struct fixture *f = *state;
    int count = 0;

    load_folder(f, NEAP_SOURCE_DIR "/policies", &count);
    load_folder(f, NEAP_SOURCE_DIR "/examples/policies", &count);
    assert_true(count >= 6);
    assert_int_equal(f->errors, 0);
}

static void load_name(struct fixture *f, enum neap_policy_kind kind,
                      const char *name)
{
    if (neap_policy_host_load(f->host, kind, name, NULL, &f->err) != 0)
        fail_msg("%s", f->err.text);
}

static void default_fills_few_allocs(void **state)
{
    struct fixture *f = *state;

    load_name(f, NEAP_POLICY_PACK, "default");
    add_alloc(f, 8, 32 * GIB);
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 5, 1, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 1), 4);
    assert_int_equal(assigned(f, 0, 0), 1);
}

/* What an engine begins with; the checks have passed it above. */
static void the_shipped_one_is_the_default(void **state)
{
    struct fixture *f = *state;
    struct neap_policy_info info;

    assert_int_equal(neap_policy_host_load_shipped(f->host, &f->err), 0);
    neap_policy_host_info(f->host, NEAP_POLICY_PACK, &info);
    assert_int_equal(strncmp(info.name, "default@", 8), 0);
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 5, 1, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 4);
}

static void spread_loads_all_alike(void **state)
{
    struct fixture *f = *state;

    load_name(f, NEAP_POLICY_PACK, "spread");
    add_alloc(f, 4, 16 * GIB);
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 6, 1, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 3);
    assert_int_equal(assigned(f, 0, 1), 3);
}

static void locality_keeps_off_what_ends(void **state)
{
    struct fixture *f = *state;

    load_name(f, NEAP_POLICY_PACK,
              NEAP_SOURCE_DIR "/examples/policies/locality_best_fit.lua");
    add_alloc(f, 4, 16 * GIB)->life_left = 100;
    add_alloc(f, 8, 32 * GIB);
    add_shape(f, "node", 4, 16 * GIB, 1);
    add_class(f, 1, 1, GIB)->expect = 41; /* + a margin of 60 s */
    add_class(f, 1, 1, GIB)->expect = 39;
    add_class(f, 100, 2, GIB)->expect = 4000;
    must_pack(f);
    assert_int_equal(assigned(f, 0, 1), 1);
    assert_int_equal(assigned(f, 1, 0), 1);
    assert_true(line(f, NEAP_LINE_REQUEST, 0)->at == 8000);
}

/* Who has used more waits; who is about to be late does not. */
static void fair_deadline_orders(void **state)
{
    struct fixture *f = *state;
    const struct neap_priority_policy *p;
    struct neap_strmap *labels = neap_strmap_create();
    struct neap_key_view ada = { .id = "r1.1",
                                 .name = "t",
                                 .user = "ada",
                                 .run = "r1",
                                 .now = NOW,
                                 .res.cpu = 4 };
    struct neap_key_view bob = ada;
    double a[NEAP_KEYS_MAX], b[NEAP_KEYS_MAX];

    bob.user = "bob";
    load_name(f, NEAP_POLICY_PRIORITY,
              NEAP_SOURCE_DIR "/examples/policies/fair_deadline.lua");
    p = neap_policy_host_priority(f->host);
    p->ended(p->ctx, &ada, 100, 1);
    assert_int_equal(p->key(p->ctx, &ada, a, NULL), 4);
    assert_int_equal(p->key(p->ctx, &bob, b, NULL), 4);
    assert_true(a[0] == 1 && a[1] == 400 && b[1] == 0);
    ada.now = NOW + 3600; /* a half-life later */
    assert_int_equal(p->key(p->ctx, &ada, a, NULL), 4);
    assert_true(fabs(a[1] - 200) < 1e-6);
    neap_strmap_set(labels, "deadline", "1800003700");
    ada.labels = labels;
    assert_int_equal(p->key(p->ctx, &ada, a, NULL), 4);
    assert_true(a[0] == 0);
    neap_strmap_destroy(labels);
}

static void a_policy_takes_parts_of_another(void **state)
{
    struct fixture *f = *state;

    must_load(f, NEAP_POLICY_PACK,
              PACK("cost = require('policies.spread').cost"));
    add_alloc(f, 4, 16 * GIB);
    add_alloc(f, 4, 16 * GIB);
    add_class(f, 2, 1, GIB);
    must_pack(f);
    assert_int_equal(assigned(f, 0, 0), 1);
    assert_int_equal(assigned(f, 0, 1), 1);
    assert_int_equal(load_text(f, NEAP_POLICY_PACK,
                               PACK("cost = require('policies.sprad').cost"),
                               NULL),
                     NEAP_EEVAL);
    assert_text(f->err.text, "there is no policy 'sprad'");
}

static void more_folders_by_the_environment(void **state)
{
    struct fixture *f = *state;

    policy_file(f, PACK("release = false"));
    assert_int_equal(neap_policy_host_load(f->host, NEAP_POLICY_PACK, "made",
                                           NULL, &f->err),
                     NEAP_ENOTEXIST);
    setenv("NEAP_POLICY_PATH", f->dir, 1);
    load_name(f, NEAP_POLICY_PACK, "made");
    unsetenv("NEAP_POLICY_PATH");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_of_them_pass_their_checks),
        TEST(default_fills_few_allocs),
        TEST(the_shipped_one_is_the_default),
        TEST(spread_loads_all_alike),
        TEST(locality_keeps_off_what_ends),
        TEST(fair_deadline_orders),
        TEST(a_policy_takes_parts_of_another),
        TEST(more_folders_by_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
