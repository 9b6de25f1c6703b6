#include <string.h>

#include "../unit.h"
#include "store/pattern.h"

struct match {
    const char *pattern, *name;
    bool fits;
};

static const struct match matches[] = {
    { "", "", true },
    { "", "a", false },
    { "abc", "abc", true },
    { "abc", "abcd", false },
    { "abc", "ab", false },
    { "*", "", true },
    { "*", "anything", true },
    { "*", ".hidden", false },
    { ".*", ".hidden", true },
    { "?hidden", ".hidden", false },
    { "[.]hidden", ".hidden", false },
    { "*.c", "a.c", true },
    { "*.c", ".c", false },
    { "*.c", "a.cc", false },
    { "a*b*c", "aXbXbXc", true },
    { "a*b*c", "aXbXbXcX", false },
    { "**", "ab", true },
    { "a**b", "ab", true },
    { "?", "a", true },
    { "?", "ab", false },
    { "?", "", false },
    { "?", "\xc3\xa4", true },       /* ä */
    { "?x", "\xe2\x82\xacx", true }, /* € */
    { "??", "\xc3\xa4", false },
    { "?", "\xff", true },
    { "[abc]", "b", true },
    { "[abc]", "d", false },
    { "[a-c]x", "bx", true },
    { "[!a-c]", "b", false },
    { "[!a-c]", "d", true },
    { "[^a-c]", "d", true },
    { "[]]", "]", true },
    { "[]a]", "a", true },
    { "[!]]", "a", true },
    { "[!]]", "]", false },
    { "[a-]", "-", true },
    { "[a-]", "b", false },
    { "[a", "[a", true },
    { "[", "[", true },
    { "a[", "a[", true },
    { "[0-9][0-9]", "42", true },
    { "*[0-9]", "part-7", true },
    { "\\*", "\\x", true }, /* a backslash is a name's letter */
};

static void fits_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof matches / sizeof matches[0]; i++) {
        const struct match *m = &matches[i];

        if (neap_pattern_match(m->pattern, strlen(m->pattern), m->name) !=
            m->fits)
            fail_msg("'%s' and '%s': not %d", m->pattern, m->name, m->fits);
    }
}

/* Exponential matchers need years for this one. */
static void does_not_explode(void **state)
{
    static char name[256];
    const char *pattern = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";

    (void)state;
    memset(name, 'a', sizeof name - 1);
    assert_false(neap_pattern_match(pattern, strlen(pattern), name));
}

static void finds_the_plain_folder(void **state)
{
    static const struct {
        const char *pattern;
        size_t root;
    } cases[] = { { "out/x*", 3 },  { "out/a/b", 5 },  { "x", 0 },
                  { "/x", 0 },      { "a/b*/c/d", 1 }, { "a/**", 1 },
                  { "a/b/[c]", 3 }, { "*", 0 },        { "a/b?/c", 1 } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(neap_pattern_root(cases[i].pattern), cases[i].root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_or_not),
        cmocka_unit_test(does_not_explode),
        cmocka_unit_test(finds_the_plain_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
