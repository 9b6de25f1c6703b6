#include "base/buf.h"
#include "base/mem.h"
#include "scratch.h"
#include "store/braces.h"
#include "store/glob.h"

static struct neap_err err;
static char before[4096];

/* a.c b.c .hid.c sub/c.c sub/.h/d.c sub/deep/e.c sub/deep/f.h
 * loop -> . (a circle), tosub -> sub, nowhere -> nothing */
static int setup(void **state)
{
    static const char *const folders[] = { "sub", "sub/.h", "sub/deep", "E" };
    static const char *const files[] = { "a.c",          "b.c",
                                         ".hid.c",       "sub/c.c",
                                         "sub/.h/d.c",   "sub/deep/e.c",
                                         "sub/deep/f.h", "we ird\nna{m}e,x" };

    if (scratch_make(state) < 0)
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        make_folder(at("%s", folders[i]));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        put_text(at("%s", files[i]), "x");
    make_link(".", at("loop"));
    make_link("sub", at("tosub"));
    make_link("nothing", at("nowhere"));
    if (getcwd(before, sizeof before) == NULL)
        return -1;
    return chdir(scratch);
}

static int teardown(void **state)
{
    if (chdir(before) < 0)
        return -1;
    return scratch_remove(state);
}

static const char *join(const struct neap_paths *paths, const char *between)
{
    static struct neap_buf buf;

    neap_buf_clear(&buf);
    neap_buf_puts(&buf, "");
    for (size_t i = 0; i < paths->count; i++) {
        if (i > 0)
            neap_buf_puts(&buf, between);
        neap_buf_puts(&buf, paths->path[i]);
    }
    return buf.data;
}

static void finds(void **state)
{
    static const struct {
        const char *pattern, *paths;
    } cases[] = {
        { "*.c", "a.c b.c" },
        { ".*.c", ".hid.c" },
        { "a.c", "a.c" },
        { "none", "" },
        { "none/*", "" },
        { "", "" },
        { "*/*.c", "loop/a.c loop/b.c sub/c.c tosub/c.c" },
        { "sub/*", "sub/c.c sub/deep" },
        { "sub/*/", "sub/deep" },
        { "sub//deep///e.c", "sub/deep/e.c" },
        { "a.c/", "" },
        { "a.c/*", "" },
        { "**/*.c", "a.c b.c sub/c.c sub/deep/e.c" },
        { "**/**/*.c", "a.c b.c sub/c.c sub/deep/e.c" },
        { "sub/**", "sub/c.c sub/deep sub/deep/e.c sub/deep/f.h" },
        { "sub/**/e.c", "sub/deep/e.c" },
        { "**/deep/**/*.h", "sub/deep/f.h" },
        { "sub/.h/*", "sub/.h/d.c" },
        { "sub/.*/d.c", "sub/.h/d.c" },
        { "tosub/**/e.c", "tosub/deep/e.c" },
        { "loop/loop/?.c", "loop/loop/a.c loop/loop/b.c" },
        { "nowhere", "nowhere" },
        { "now*", "nowhere" },
        { "{a,b}.c", "a.c b.c" },
        { "{b,a,a}.c", "a.c b.c" },
        { "{a.c,sub/{c.c,deep/{e.c,g.c}}}", "a.c sub/c.c sub/deep/e.c" },
        { "sub/{*,deep/*}.{c,h}", "sub/c.c sub/deep/e.c sub/deep/f.h" },
        { "we*{m}e,x", "we ird\nna{m}e,x" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct neap_paths found = NEAP_PATHS_INIT;
        const char *text;

        if (neap_glob(cases[i].pattern, &found, &err) < 0)
            fail_msg("'%s': %s", cases[i].pattern, err.text);
        text = join(&found, " ");
        if (strcmp(text, cases[i].paths) != 0)
            fail_msg("'%s': '%s', not '%s'", cases[i].pattern, text,
                     cases[i].paths);
        neap_paths_deinit(&found);
    }
}

static void finds_absolute_paths(void **state)
{
    struct neap_paths found = NEAP_PATHS_INIT;
    char *expected = neap_format("%s/a.c %s/b.c", scratch, scratch);

    (void)state;
    assert_int_equal(neap_glob(at("*.c"), &found, &err), 0);
    assert_string_equal(join(&found, " "), expected);
    neap_paths_deinit(&found);
    assert_int_equal(neap_glob("/", &found, &err), 0);
    assert_string_equal(join(&found, " "), "/");
    neap_paths_deinit(&found);
    assert_int_equal(neap_glob("/t[m]p", &found, &err), 0);
    assert_string_equal(join(&found, " "), "/tmp");
    neap_paths_deinit(&found);
    neap_free(expected);
}

static void expands_braces(void **state)
{
    static const struct {
        const char *pattern, *results;
    } cases[] = {
        { "a", "a" },
        { "a{b,c}d", "abd acd" },
        { "{,x}y", "xy y" },
        { "{a}", "{a}" },
        { "{a", "{a" },
        { "a}", "a}" },
        { "{a,b", "{a,b" },
        { "{{a,b}}", "{a} {b}" },
        { "{a,{b,c}}", "a b c" },
        { "{a,b}{c,d}", "ac ad bc bd" },
        { "{}", "{}" },
        { "{,}", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct neap_paths found = NEAP_PATHS_INIT;

        assert_int_equal(neap_braces_expand(cases[i].pattern, &found, &err), 0);
        neap_paths_sort(&found);
        assert_string_equal(join(&found, " "), cases[i].results);
        neap_paths_deinit(&found);
    }
}

static void has_limits(void **state)
{
    struct neap_paths found = NEAP_PATHS_INIT;
    char *open = neap_calloc(1, 70000);

    (void)state;
    assert_int_equal(neap_glob("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"
                               "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
                               &found, &err),
                     NEAP_EINVAL);
    assert_int_equal(found.count, 0);
    memset(open, '{', 69999);
    assert_int_equal(neap_glob(open, &found, &err), NEAP_EINVAL);
    neap_free(open);
}

static void wide_trees_are_refused(void **state)
{
    struct neap_paths found = NEAP_PATHS_INIT;

    (void)state;
    for (int i = 0; i < 110; i++)
        put_text(at("E/%d", i), "");
    /* 110 names, 110 * "loop" folders cannot be: E is read again and again */
    for (int i = 0; i < 110; i++)
        make_link(".", at("E/l%d", i));
    assert_int_equal(neap_glob("E/l*/l*/l*/*", &found, &err), NEAP_EEXHAUSTED);
    assert_contains(err.text, "E/l*/l*/l*/*");
    assert_int_equal(found.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(finds_absolute_paths),
        cmocka_unit_test(expands_braces),
        cmocka_unit_test(has_limits),
        cmocka_unit_test(wide_trees_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
