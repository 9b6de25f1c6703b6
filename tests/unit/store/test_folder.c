#include <sys/wait.h>

#include "base/mem.h"
#include "scratch.h"
#include "store/folder.h"

#define DEEP 1200 /* more than descriptors */

static struct neap_err err;

/* `deep` folders "d" inside each other, and a file at the bottom. */
static void make_deep(const char *path, int deep)
{
    int fd = open(path, O_DIRECTORY | O_RDONLY);
    int file;

    for (int i = 0; i < deep; i++) {
        int next;

        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        next = openat(fd, "d", O_DIRECTORY | O_RDONLY);
        assert_true(next >= 0);
        (void)close(fd);
        fd = next;
    }
    file = openat(fd, "file", O_CREAT | O_WRONLY, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, "x", 1), 1);
    (void)close(file);
    (void)close(fd);
}

/* --- remove --------------------------------------------------------------- */

static void removes_trees(void **state)
{
    (void)state;
    make_folder(at("t"));
    make_folder(at("t/a"));
    make_folder(at("t/a/b"));
    put_text(at("t/a/b/c"), "x");
    put_text(at("t/x y\n"), "x");
    assert_int_equal(mkfifo(at("t/pipe"), 0600), 0);
    assert_int_equal(neap_folder_remove(at("t"), false, &err), 0);
    assert_int_equal(count_names(at("t")), 0);
    put_text(at("t/again"), "x");
    assert_int_equal(neap_folder_remove(at("t"), true, &err), 0);
    assert_false(is_there(at("t")));
}

static void follows_no_links(void **state)
{
    (void)state;
    make_folder(at("precious"));
    put_text(at("precious/file"), "keep");
    make_folder(at("t"));
    make_link("../precious", at("t/relative"));
    make_link(at("precious"), at("t/absolute"));
    make_link("nothing", at("t/dangling"));
    make_link(".", at("t/loop"));
    assert_int_equal(neap_folder_remove(at("t"), true, &err), 0);
    assert_content(at("precious/file"), "keep");

    make_link("precious", at("link"));
    assert_true(neap_folder_remove(at("link"), false, &err) < 0);
    assert_int_equal(neap_folder_remove(at("link"), true, &err), 0);
    assert_false(is_there(at("link")));
    assert_content(at("precious/file"), "keep");
}

static void takes_what_is_no_folder(void **state)
{
    (void)state;
    assert_int_equal(neap_folder_remove(at("none"), true, &err), 0);
    assert_int_equal(neap_folder_remove(at("none"), false, NULL), 0);
    put_text(at("file"), "x");
    assert_true(neap_folder_remove(at("file"), false, &err) < 0);
    assert_contains(err.text, "file");
    assert_int_equal(neap_folder_remove(at("file"), true, &err), 0);
    assert_false(is_there(at("file")));
}

static void removes_deep_trees(void **state)
{
    (void)state;
    make_folder(at("t"));
    put_text(at("t/.removed-0"), "a name that we use");
    make_folder(at("t/.removed-1"));
    make_deep(at("t"), DEEP);
    make_deep(at("t/.removed-1"), 40);
    assert_int_equal(neap_folder_remove(at("t"), true, &err), 0);
    assert_false(is_there(at("t")));
}

/* In a child without root's rights, which would open everything. */
static int remove_as_nobody(const char *path)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct neap_err why;

        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(2);
        if (neap_folder_remove(path, true, &why) < 0) {
            (void)dprintf(2, "%s\n", why.text);
            _exit(1);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void give_to_nobody(const char *path, mode_t mode)
{
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void opens_closed_folders(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: this test becomes somebody else\n");
        skip();
    }
    assert_int_equal(chmod(scratch, 0777), 0);
    make_folder(at("t"));
    make_folder(at("t/ro"));
    make_folder(at("t/none"));
    make_folder(at("t/none/inner"));
    put_text(at("t/ro/file"), "x");
    put_text(at("t/none/inner/file"), "x");
    give_to_nobody(at("t/ro/file"), 0);
    give_to_nobody(at("t/none/inner"), 0500);
    give_to_nobody(at("t/none"), 0);
    give_to_nobody(at("t/ro"), 0555);
    give_to_nobody(at("t"), 0111);
    assert_int_equal(remove_as_nobody(at("t")), 0);
    assert_false(is_there(at("t")));
}

static void says_what_stays_and_removes_the_rest(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: this test becomes somebody else\n");
        skip();
    }
    assert_int_equal(chmod(scratch, 0777), 0);
    make_folder(at("t"));
    make_folder(at("t/theirs"));
    put_text(at("t/theirs/file"), "x");
    put_text(at("t/mine"), "x");
    give_to_nobody(at("t"), 0755);
    assert_int_equal(remove_as_nobody(at("t")), 1);
    assert_true(is_there(at("t/theirs/file")));
    assert_false(is_there(at("t/mine")));
}

/* --- size ----------------------------------------------------------------- */

static void fill(const char *path, size_t size)
{
    char *data = neap_alloc(size);

    memset(data, 'x', size);
    put_bytes(path, data, size);
    neap_free(data);
}

static void counts_blocks(void **state)
{
    int64_t empty, one;
    int fd;

    (void)state;
    make_folder(at("t"));
    empty = neap_folder_size(at("t"), 0);
    fill(at("t/a"), 100000);
    one = neap_folder_size(at("t"), 0);
    assert_in_range(one - empty, 100000, 110000);
    assert_int_equal(link(at("t/a"), at("t/b")), 0);
    assert_int_equal(neap_folder_size(at("t"), 0), one);
    make_link("a", at("t/link"));
    assert_in_range(neap_folder_size(at("t"), 0), one, one + 4096);
    fd = open(at("t/sparse"), O_CREAT | O_WRONLY, 0644);
    assert_int_equal(ftruncate(fd, 1 << 30), 0);
    (void)close(fd);
    assert_in_range(neap_folder_size(at("t"), 0), one, one + 8192);
    assert_int_equal(neap_folder_size(at("none"), 0), 0);
    assert_int_equal(neap_folder_size(at("t/a"), 0), 0);
}

static void stops_at_the_limit(void **state)
{
    int64_t size;

    (void)state;
    make_folder(at("t"));
    for (int i = 0; i < 50; i++)
        fill(at("t/%d", i), 8192);
    size = neap_folder_size(at("t"), 20000);
    assert_in_range(size, 20001, 20000 + 12288);
    assert_true(neap_folder_size(at("t"), 0) >= 50 * 8192);
}

static void measures_deep_trees(void **state)
{
    (void)state;
    make_folder(at("t"));
    make_deep(at("t"), DEEP);
    assert_true(neap_folder_size(at("t"), 0) >= 1);
}

#define TEST(name) \
 cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(removes_trees),
        TEST(follows_no_links),
        TEST(takes_what_is_no_folder),
        TEST(removes_deep_trees),
        TEST(opens_closed_folders),
        TEST(says_what_stays_and_removes_the_rest),
        TEST(counts_blocks),
        TEST(stops_at_the_limit),
        TEST(measures_deep_trees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
