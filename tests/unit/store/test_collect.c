#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "base/mem.h"
#include "scratch.h"
#include "store/stage.h"

static struct neap_repo *repo;
static struct neap_err err;
static struct neap_output got;

/* w is the work directory with in/ and out/; secret is beside it. */
static int setup(void **state)
{
    if (scratch_make(state) < 0)
        return -1;
    make_folder(at("w"));
    make_folder(at("w/in"));
    make_folder(at("w/out"));
    make_folder(at("beside"));
    put_text(at("beside/secret"), "secret");
    put_text(at("secret"), "secret");
    memset(&got, 0, sizeof got);
    return neap_repo_open(at("repo"), &repo, &err);
}

static int teardown(void **state)
{
    neap_collected_deinit(&got);
    neap_repo_close(repo);
    return scratch_remove(state);
}

static int collect_with(const char *place, int kind, bool optional)
{
    const struct neap_output decl = {
        .name = "tsv", .place = place, .kind = kind, .optional = optional
    };

    neap_collected_deinit(&got);
    memset(&got, 0, sizeof got);
    err.text[0] = '\0';
    return neap_collect_output(repo, at("w"), &decl, &got, &err);
}

static void take(const char *place, int kind)
{
    if (collect_with(place, kind, false) < 0)
        fail_msg("%s", err.text);
    assert_true(got.found);
    assert_string_equal(got.name, "tsv");
    assert_string_equal(got.place, place);
    assert_int_equal(got.kind, kind);
}

/* It fails, and the sentence names the output and `word`. */
static void assert_refused(const char *place, int kind, int code,
                           const char *word)
{
    int rc = collect_with(place, kind, false);

    if (rc != code)
        fail_msg("'%s': %d, not %d: %s", place, rc, code, err.text);
    assert_contains(err.text, "output 'tsv'");
    assert_contains(err.text, word);
    assert_null(got.name); /* untouched */
}

static void assert_object(const struct neap_file_ref *file, const char *path,
                          const char *text)
{
    assert_string_equal(file->path, path);
    assert_int_equal(file->size, strlen(text));
    assert_content(at("repo/objects/%.2s/%s", file->digest, file->digest + 2),
                   text);
    assert_null(file->source);
}

/* "path path …" of what was found */
static void assert_paths(const char *paths)
{
    char text[4096] = "";

    for (int i = 0; i < got.nfile; i++) {
        (void)strncat(text, i > 0 ? " " : "", sizeof text - 1 - strlen(text));
        (void)strncat(text, got.file[i].path, sizeof text - 1 - strlen(text));
    }
    assert_string_equal(text, paths);
}

/* --- files ---------------------------------------------------------------- */

static void takes_a_file(void **state)
{
    (void)state;
    put_text(at("w/out/a.tsv"), "1\t2\n");
    take("out/a.tsv", NEAP_OUTPUT_FILE);
    assert_int_equal(got.nfile, 1);
    assert_object(&got.file[0], ".", "1\t2\n");
    assert_false(got.file[0].executable);
    assert_int_equal(chmod(at("w/out/a.tsv"), 0700), 0);
    take("out/a.tsv", NEAP_OUTPUT_FILE);
    assert_true(got.file[0].executable);
}

static void takes_one_file_twice(void **state)
{
    (void)state;
    put_text(at("w/out/a"), "twice");
    make_link("a", at("w/out/b"));
    take("out/a", NEAP_OUTPUT_FILE);
    take("out/b", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "twice");
    take("out", NEAP_OUTPUT_DIR);
    assert_paths("a b");
}

static void says_what_is_missing(void **state)
{
    (void)state;
    assert_refused("out/none", NEAP_OUTPUT_FILE, NEAP_ENOTEXIST, "out/none");
    assert_refused("out/no/ne", NEAP_OUTPUT_FILE, NEAP_ENOTEXIST, "out/no/ne");
    assert_refused("out/none/", NEAP_OUTPUT_DIR, NEAP_ENOTEXIST, "out/none");
    assert_refused("out/*.tsv", NEAP_OUTPUT_GLOB, NEAP_ENOTEXIST, "out/*.tsv");
    assert_int_equal(collect_with("out/none", NEAP_OUTPUT_FILE, true), 0);
    assert_false(got.found);
    assert_int_equal(got.nfile, 0);
    assert_string_equal(got.name, "tsv");
    assert_int_equal(collect_with("out/*", NEAP_OUTPUT_GLOB, true), 0);
    assert_false(got.found);
}

static void refuses_what_was_not_declared(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    put_text(at("w/out/file"), "x");
    make_folder(at("w/out/folder"));
    assert_int_equal(mkfifo(at("w/out/folder/pipe"), 0600), 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s",
                   at("w/out/socket"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    (void)close(fd);
    assert_refused("out/folder", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "a folder");
    assert_refused("out/file", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION, "a file");
    assert_refused("out/file/x", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "no folder");
    assert_refused("out/folder/pipe", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "a pipe");
    assert_refused("out/folder", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION, "a pipe");
    assert_refused("out/*/p*", NEAP_OUTPUT_GLOB, NEAP_EPRECONDITION, "a pipe");
    assert_refused("out/socket", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "a socket");
    if (mknod(at("w/out/null"), S_IFCHR | 0600, makedev(1, 3)) == 0)
        assert_refused("out/null", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                       "a device");
    assert_refused("../secret", NEAP_OUTPUT_FILE, NEAP_EINVAL, "../secret");
    assert_refused("/etc/passwd", NEAP_OUTPUT_FILE, NEAP_EINVAL, "/etc");
    assert_refused("", NEAP_OUTPUT_FILE, NEAP_EINVAL, "place");
    assert_refused("out/x", NEAP_OUTPUT_STDOUT, NEAP_EINVAL, "place");
    /* optional is about missing ones only */
    assert_int_equal(collect_with("out/folder", NEAP_OUTPUT_FILE, true),
                     NEAP_EPRECONDITION);
}

/* --- links ---------------------------------------------------------------- */

static void follows_links_inside(void **state)
{
    (void)state;
    make_folder(at("w/out/real"));
    make_folder(at("w/work"));
    put_text(at("w/out/real/file"), "real");
    make_link("real/file", at("w/out/relative"));
    make_link(at("w/out/real/file"), at("w/out/absolute"));
    make_link("../out/../out/./real//file", at("w/out/winding"));
    make_link("real", at("w/out/folder"));
    make_link("../out/folder", at("w/work/far"));
    make_link("../work/far/file", at("w/out/chain"));
    make_link("..", at("w/out/real/up"));
    make_link(at("w"), at("w/out/top"));

    take("out/relative", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "real");
    take("out/absolute", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "real");
    take("out/winding", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "real");
    take("out/chain", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "real");
    take("out/folder/file", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "real");
    take("out/real/up/real/file", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "real");
    take("out/top/out/top/out/relative", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "real");
    assert_int_equal(unlink(at("w/out/real/up")), 0);
    take("out/folder", NEAP_OUTPUT_DIR);
    assert_paths("file");
}

static void follows_no_link_out(void **state)
{
    static const char *const texts[] = {
        "../../secret",
        "/etc/passwd",
        "../../beside/secret",
        "../../../../../../../../../../etc/passwd",
        "../out/../../secret",
        "../../w/out/a",
        "/",
        "../..",
        "/proc/self/cwd",
    };

    (void)state;
    put_text(at("w/out/a"), "inside");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        make_link(texts[i], at("w/out/link"));
        assert_refused("out/link", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                       "out of the work directory");
        assert_refused("out/link", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION,
                       "out of the work directory");
        assert_refused("out", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION, "link");
        assert_refused("out/l*", NEAP_OUTPUT_GLOB, NEAP_EPRECONDITION, "link");
        assert_int_equal(unlink(at("w/out/link")), 0);
    }
    /* through folders */
    make_link("../../beside", at("w/out/link"));
    assert_refused("out/link/secret", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "'link' leads out");
    assert_refused("out/link/*", NEAP_OUTPUT_GLOB, NEAP_ENOTEXIST, "no file");
    assert_refused("out/*/secret", NEAP_OUTPUT_GLOB, NEAP_ENOTEXIST, "no file");
    /* a name that only begins like ours */
    make_folder(at("w2"));
    put_text(at("w2/file"), "other");
    make_link(at("w2/file"), at("w/out/similar"));
    assert_refused("out/similar", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "out of the work directory");
    assert_int_equal(count_names(at("repo/objects")), 0);
}

static void refuses_circles_and_loose_ends(void **state)
{
    (void)state;
    make_link("b", at("w/out/a"));
    make_link("a", at("w/out/b"));
    make_link("self", at("w/out/self"));
    make_link("nothing", at("w/out/dangling"));
    assert_refused("out/a", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION, "circle");
    assert_refused("out/self", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION, "circle");
    assert_refused("out/self/x", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "circle");
    assert_refused("out/dangling", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "nothing");
    assert_int_equal(collect_with("out/dangling", NEAP_OUTPUT_FILE, true),
                     NEAP_EPRECONDITION);
    assert_refused("out", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION, "link");
}

static void refuses_circles_of_folders(void **state)
{
    (void)state;
    make_folder(at("w/out/d"));
    make_folder(at("w/out/d/e"));
    put_text(at("w/out/d/e/f"), "x");
    make_link("..", at("w/out/d/e/up"));
    assert_refused("out/d", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION, "circle");
    assert_int_equal(unlink(at("w/out/d/e/up")), 0);
    make_link("d", at("w/out/again")); /* no circle: the same files twice */
    take("out", NEAP_OUTPUT_DIR);
    assert_paths("again/e/f d/e/f");
}

/* An input is a link to the user's file; a task may link to it, and may not
 * bring it into the repository as its own. */
static void follows_staged_links(void **state)
{
    struct stat before, after;

    (void)state;
    make_folder(at("w/in/text"));
    make_link(at("beside/secret"), at("w/in/text/file"));
    make_link("../in/text/file", at("w/out/copy"));
    make_link("../in/text", at("w/out/folder"));
    before = stat_of(at("beside/secret"));
    take("out/copy", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "secret");
    take("out/folder", NEAP_OUTPUT_DIR);
    assert_paths("file");
    assert_object(&got.file[0], "file", "secret");
    take("out/*/f*", NEAP_OUTPUT_GLOB);
    assert_paths("folder/file");
    after = stat_of(at("beside/secret"));
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_nlink, 1);
    assert_int_equal(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
}

static void staged_links_lead_to_files_only(void **state)
{
    (void)state;
    make_link(at("beside"), at("w/in/folder"));
    make_link("../in/folder", at("w/out/x"));
    assert_refused("out/x", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION, "no file");
    assert_refused("out/x/secret", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "no file");
    make_folder(at("w/inner"));
    make_link(at("secret"), at("w/inner/x")); /* not in/ */
    make_link("../inner/x", at("w/out/y"));
    assert_refused("out/y", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                   "out of the work directory");
    if (geteuid() == 0) { /* a link below in/ that somebody else made */
        make_link(at("secret"), at("w/in/theirs"));
        assert_int_equal(lchown(at("w/in/theirs"), 65534, 65534), 0);
        make_link("../in/theirs", at("w/out/z"));
        assert_refused("out/z", NEAP_OUTPUT_FILE, NEAP_EPRECONDITION,
                       "out of the work directory");
    }
}

static void does_not_share_a_users_file(void **state)
{
    (void)state;
    assert_int_equal(link(at("secret"), at("w/out/hard")), 0);
    take("out/hard", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "secret");
    assert_int_equal(stat_of(at("secret")).st_nlink, 2);
    assert_int_equal(stat_of(at("secret")).st_mode & 0777, 0644);
}

/* --- folders -------------------------------------------------------------- */

static void takes_folders_in_order(void **state)
{
    (void)state;
    make_folder(at("w/out/d"));
    make_folder(at("w/out/d/sub"));
    make_folder(at("w/out/d/.hidden"));
    make_folder(at("w/out/d/empty"));
    put_text(at("w/out/d/z"), "z");
    put_text(at("w/out/d/a b"), "a");
    put_text(at("w/out/d/sub/x"), "x");
    put_text(at("w/out/d/sub-y"), "y");
    put_text(at("w/out/d/.hidden/h"), "h");
    take("out/d", NEAP_OUTPUT_DIR);
    assert_paths(".hidden/h a b sub-y sub/x z");
    assert_object(&got.file[3], "sub/x", "x");
    take("out/d/", NEAP_OUTPUT_DIR);
    assert_int_equal(got.nfile, 5);
    take("out/d/empty", NEAP_OUTPUT_DIR);
    assert_int_equal(got.nfile, 0);
}

static void takes_names_of_all_kinds(void **state)
{
    char longest[256];

    (void)state;
    memset(longest, 'n', 255);
    longest[255] = '\0';
    make_folder(at("w/out/d"));
    put_text(at("w/out/d/%s", longest), "long");
    put_text(at("w/out/d/new\nline"), "1");
    put_text(at("w/out/d/ "), "2");
    put_text(at("w/out/d/-rf"), "3");
    put_text(at("w/out/d/\xc3\xa4\xe2\x82\xac"), "4");
    put_text(at("w/out/d/\xff\xfe"), "5");
    put_text(at("w/out/d/*?[a]"), "6");
    put_text(at("w/out/d/%%s%%n"), "7");
    put_text(at("w/out/d/..."), "8");
    take("out/d", NEAP_OUTPUT_DIR);
    assert_int_equal(got.nfile, 9);
    assert_object(&got.file[0], " ", "2");
    take("out/d/*", NEAP_OUTPUT_GLOB);
    assert_int_equal(got.nfile, 8); /* one begins with a dot */
    take("out/d/new\nline", NEAP_OUTPUT_FILE);
    assert_object(&got.file[0], ".", "1");
}

static int make_levels(int fd, int deep)
{
    fd = dup(fd);
    for (int i = 0; i < deep; i++) {
        int next;

        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        next = openat(fd, "d", O_DIRECTORY | O_RDONLY);
        assert_true(next >= 0);
        (void)close(fd);
        fd = next;
    }
    return fd;
}

static void takes_deep_trees(void **state)
{
    int top = open(at("w/out"), O_DIRECTORY | O_RDONLY);
    int fd = make_levels(top, 1500);
    int file = openat(fd, "file", O_CREAT | O_WRONLY, 0644);

    (void)state;
    assert_int_equal(write(file, "deep", 4), 4);
    (void)close(file);
    take("out", NEAP_OUTPUT_DIR);
    assert_int_equal(got.nfile, 1);
    assert_int_equal(strlen(got.file[0].path), 1500 * 2 + 4);
    take("out/**/file", NEAP_OUTPUT_GLOB);
    assert_int_equal(got.nfile, 1);
    /* too deep to be given to anybody */
    file = make_levels(fd, 600);
    (void)close(openat(file, "file", O_CREAT | O_WRONLY, 0644));
    (void)close(file);
    assert_refused("out", NEAP_OUTPUT_DIR, NEAP_EPRECONDITION, "4096");
    (void)close(fd);
    (void)close(top);
}

/* --- patterns ------------------------------------------------------------- */

static void takes_patterns(void **state)
{
    (void)state;
    make_folder(at("w/out/p"));
    make_folder(at("w/out/p/q"));
    put_text(at("w/out/p/1.tsv"), "1");
    put_text(at("w/out/p/2.tsv"), "2");
    put_text(at("w/out/p/3.txt"), "3");
    put_text(at("w/out/p/.4.tsv"), "4");
    put_text(at("w/out/p/q/5.tsv"), "5");
    put_text(at("w/out/{a,b}"), "6");
    take("out/p/*.tsv", NEAP_OUTPUT_GLOB);
    assert_paths("1.tsv 2.tsv");
    assert_object(&got.file[1], "2.tsv", "2");
    take("out/p/[1-3].*", NEAP_OUTPUT_GLOB);
    assert_paths("1.tsv 2.tsv 3.txt");
    take("out/p/?.tsv", NEAP_OUTPUT_GLOB);
    assert_paths("1.tsv 2.tsv");
    take("out/**/*.tsv", NEAP_OUTPUT_GLOB);
    assert_paths("p/1.tsv p/2.tsv p/q/5.tsv");
    take("out/**", NEAP_OUTPUT_GLOB);
    assert_paths("p/1.tsv p/2.tsv p/3.txt p/q/5.tsv {a,b}");
    take("out/p/*", NEAP_OUTPUT_GLOB); /* the folder is passed over */
    assert_paths("1.tsv 2.tsv 3.txt");
    take("out/*/q/*.tsv", NEAP_OUTPUT_GLOB);
    assert_paths("p/q/5.tsv");
    take("*/p/1*", NEAP_OUTPUT_GLOB);
    assert_paths("out/p/1.tsv");
    take("out/p/.*.tsv", NEAP_OUTPUT_GLOB);
    assert_paths(".4.tsv");
}

/* -------------------------------------------------------------------------- */

static void passes_errors_of_the_repository_on(void **state)
{
    (void)state;
    put_text(at("w/out/a"), "x");
    assert_int_equal(neap_folder_remove(at("repo"), true, &err), 0);
    put_text(at("repo"), "in the way");
    assert_true(collect_with("out/a", NEAP_OUTPUT_FILE, true) < 0);
    assert_contains(err.text, "out/a");
    assert_null(got.name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_a_file),
        TEST(takes_one_file_twice),
        TEST(says_what_is_missing),
        TEST(refuses_what_was_not_declared),
        TEST(follows_links_inside),
        TEST(follows_no_link_out),
        TEST(refuses_circles_and_loose_ends),
        TEST(refuses_circles_of_folders),
        TEST(follows_staged_links),
        TEST(staged_links_lead_to_files_only),
        TEST(does_not_share_a_users_file),
        TEST(takes_folders_in_order),
        TEST(takes_names_of_all_kinds),
        TEST(takes_deep_trees),
        TEST(takes_patterns),
        TEST(passes_errors_of_the_repository_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
