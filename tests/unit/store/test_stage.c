#include "base/clock.h"
#include "base/mem.h"
#include "scratch.h"
#include "store/stage.h"

static struct neap_repo *repo;
static struct neap_err err;
static char digest[NEAP_DIGEST_HEX];
static int64_t copied;

static int setup(void **state)
{
    if (scratch_make(state) < 0)
        return -1;
    make_folder(at("w"));
    return neap_repo_open(at("repo"), &repo, &err);
}

static int teardown(void **state)
{
    neap_repo_close(repo);
    return scratch_remove(state);
}

/* A reference to a file as it is now; `path` must live on. */
static struct neap_file_ref source_of(const char *path)
{
    struct stat st = stat_of(path);

    return (struct neap_file_ref){
        .path = ".",
        .digest = digest,
        .size = st.st_size,
        .source = path,
        .dev = st.st_dev,
        .ino = st.st_ino,
        .mtime_ns = st.st_mtim.tv_sec * NEAP_SEC + st.st_mtim.tv_nsec,
        .ctime_ns = st.st_ctim.tv_sec * NEAP_SEC + st.st_ctim.tv_nsec,
    };
}

static struct neap_file_ref object_of(const char *path, const char *text)
{
    int64_t size = neap_repo_put_data(repo, text, strlen(text), digest, &err);

    assert_true(size >= 0);
    return (
        struct neap_file_ref){ .path = path, .digest = digest, .size = size };
}

static int stage_one(struct neap_file_ref *file, const char *place)
{
    struct neap_input input = { .place = place, .file = file, .nfile = 1 };

    return neap_stage_inputs(repo, at("w"), &input, 1, &copied, &err);
}

/* --- places --------------------------------------------------------------- */

static void knows_places(void **state)
{
    static const char *const good[] = { "a", "a/b",  "...",     "a/..b",
                                        " ", "a\nb", "\xc3\xa4" };
    static const char *const bad[] = { "",    "/",     "/a",    "a/",   "a//b",
                                       ".",   "..",    "a/.",   "a/..", "../a",
                                       "./a", "a/./b", "a/../b" };
    char *longest = neap_calloc(1, 4098);

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(neap_place_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(neap_place_ok(bad[i]));
    memset(longest, 'a', 4097);
    assert_false(neap_place_ok(longest));
    longest[4096] = '\0';
    assert_true(neap_place_ok(longest));
    neap_free(longest);
}

static void knows_what_is_cheap(void **state)
{
    struct neap_input few = { .nfile = 3 }, many = { .dir = true };

    (void)state;
    many.nfile = 100000;
    assert_true(neap_stage_is_cheap(&few, 1));
    assert_true(neap_stage_is_cheap(NULL, 0));
    assert_false(neap_stage_is_cheap(&many, 1));
}

/* --- inputs --------------------------------------------------------------- */

static void links_sources(void **state)
{
    char path[128], text[128];
    struct neap_file_ref file;
    ssize_t n;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", at("my file"));
    put_text(path, "hello");
    file = source_of(path);
    if (stage_one(&file, "in/text/my file") < 0)
        fail_msg("%s", err.text);
    n = readlink(at("w/in/text/my file"), text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, path);
    assert_int_equal(copied, 0);
}

static void links_objects(void **state)
{
    struct neap_file_ref file = object_of(".", "object");

    (void)state;
    file.executable = true;
    if (stage_one(&file, "in/x/o") < 0)
        fail_msg("%s", err.text);
    assert_content(at("w/in/x/o"), "object");
    assert_int_equal(stat_of(at("w/in/x/o")).st_nlink, 2);
    assert_int_equal(stat_of(at("w/in/x/o")).st_mode & 07777, 0555);
}

static void makes_folders(void **state)
{
    static const char *const paths[] = { "a",      "b/c",
                                         "b/d",    "b/e/f",
                                         "z z/\n", "\xc3\xa4/\xe2\x82\xac" };
    struct neap_file_ref file[6];
    struct neap_input input[2] = { { .place = "in/idx", .dir = true },
                                   { .place = "in/none", .dir = true } };

    (void)state;
    for (int i = 0; i < 6; i++)
        file[i] = object_of(paths[i], "x");
    input[0].file = file;
    input[0].nfile = 6;
    if (neap_stage_inputs(repo, at("w"), input, 2, &copied, &err) < 0)
        fail_msg("%s", err.text);
    for (int i = 0; i < 6; i++)
        assert_content(at("w/in/idx/%s", paths[i]), "x");
    assert_int_equal(count_names(at("w/in/idx/b")), 3);
    assert_int_equal(count_names(at("w/in/none")), 0);
}

static void takes_long_paths(void **state)
{
    struct neap_file_ref file = object_of(".", "deep");
    struct neap_input input = { .dir = true, .nfile = 1, .file = &file };
    char *place = neap_calloc(1, 4097), *path = neap_calloc(1, 4097);

    (void)state;
    for (size_t i = 0; i < 4096; i++) {
        place[i] = i % 256 == 255 ? '/' : 'p'; /* names of 255 bytes */
        path[i] = i % 2 == 1 ? '/' : 'f';      /* 2048 levels */
    }
    place[4095] = path[4095] = '\0'; /* what would end with a slash */
    input.place = place;
    file.path = path;
    if (neap_stage_inputs(repo, at("w"), &input, 1, &copied, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(neap_folder_size(at("w"), 0) > 0);
    assert_int_equal(stat_of(neap_repo_root(repo)).st_mode & S_IFMT, S_IFDIR);
    neap_free(place);
    neap_free(path);
}

static void assert_integrity(struct neap_file_ref *file, const char *place)
{
    int64_t before = copied = 77;

    assert_int_equal(stage_one(file, place), NEAP_EINTEGRITY);
    assert_contains(err.text, file->source);
    assert_contains(err.text, place);
    assert_false(is_there(at("w/%s", place)));
    assert_int_equal(copied, before);
}

static void notices_changed_sources(void **state)
{
    struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 5 } };
    char path[128];
    struct neap_file_ref file, other;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", at("source"));
    put_text(path, "hello");
    file = source_of(path);
    other = file;
    other.size++;
    assert_integrity(&other, "in/a");
    other = file;
    other.ino++;
    assert_integrity(&other, "in/a");
    other = file;
    other.dev++;
    assert_integrity(&other, "in/a");
    other = file;
    other.ctime_ns++;
    assert_integrity(&other, "in/a");
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_integrity(&file, "in/a");
    assert_int_equal(unlink(path), 0);
    assert_integrity(&file, "in/a");
    make_folder(path);
    assert_integrity(&file, "in/a");
}

static void refuses_bad_inputs(void **state)
{
    static const char *const places[] = { "../x", "/x", "in/../../x", "",
                                          "a/" };
    struct neap_file_ref file = object_of(".", "x");
    struct neap_input input = { .place = "in/d", .dir = true, .nfile = 1 };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        assert_int_equal(stage_one(&file, places[i]), NEAP_EINVAL);
    input.file = &file;
    file.path = "../../x";
    assert_int_equal(neap_stage_inputs(repo, at("w"), &input, 1, &copied, &err),
                     NEAP_EINVAL);
    assert_contains(err.text, "../../x");
    input.dir = false;
    input.nfile = 2;
    assert_int_equal(neap_stage_inputs(repo, at("w"), &input, 1, &copied, NULL),
                     NEAP_EINVAL);
    file.source = "relative";
    assert_int_equal(stage_one(&file, "in/x"), NEAP_EINVAL);
    assert_false(is_there(at("x")));
    assert_int_equal(neap_stage_inputs(repo, at("none"), &input, 1, &copied,
                                       &err),
                     NEAP_ENOTEXIST);
}

static void says_which_object_is_missing(void **state)
{
    struct neap_file_ref file = object_of(".", "x");

    (void)state;
    file.size = 2;
    assert_int_equal(stage_one(&file, "in/x"), NEAP_EINTEGRITY);
    assert_contains(err.text, "in/x");
    file.size = 1;
    assert_int_equal(neap_folder_remove(at("repo/objects"), false, &err), 0);
    assert_int_equal(stage_one(&file, "in/x"), NEAP_ENOTEXIST);
    assert_contains(err.text, digest);
    assert_contains(err.text, "in/x");
}

/* The file at in/a is a link to the user's; nothing may be put below it. */
static void inputs_do_not_go_through_each_other(void **state)
{
    char path[128];
    struct neap_file_ref file[2];
    struct neap_input input[2] = { { .place = "in/a", .nfile = 1 },
                                   { .place = "in/a/b", .nfile = 1 } };

    (void)state;
    (void)snprintf(path, sizeof path, "%s", at("mine"));
    put_text(path, "x");
    file[0] = source_of(path);
    file[1] = object_of(".", "y");
    input[0].file = &file[0];
    input[1].file = &file[1];
    assert_true(neap_stage_inputs(repo, at("w"), input, 2, &copied, &err) < 0);
    assert_contains(err.text, "in/a");
    input[1].place = "in/a"; /* twice the same place */
    assert_int_equal(unlink(at("w/in/a")), 0);
    assert_true(neap_stage_inputs(repo, at("w"), input, 2, &copied, &err) < 0);
    assert_content(path, "x");
}

/* --- outputs -------------------------------------------------------------- */

static void makes_room_for_outputs(void **state)
{
    const struct neap_output output[] = {
        { .name = "a", .place = "out/a/file", .kind = NEAP_OUTPUT_FILE },
        { .name = "b", .place = "out/b", .kind = NEAP_OUTPUT_DIR },
        { .name = "c", .place = "out/c/d/", .kind = NEAP_OUTPUT_DIR },
        { .name = "d", .place = "out/g/h/*/x?", .kind = NEAP_OUTPUT_GLOB },
        { .name = "e", .kind = NEAP_OUTPUT_STDOUT },
        { .name = "f", .place = "top", .kind = NEAP_OUTPUT_FILE },
    };

    (void)state;
    if (neap_stage_outputs(at("w"), output, 6, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(count_names(at("w")), 1);
    assert_int_equal(count_names(at("w/out")), 4);
    assert_int_equal(count_names(at("w/out/a")), 0);
    assert_int_equal(count_names(at("w/out/b")), 0);
    assert_int_equal(count_names(at("w/out/c/d")), 0);
    assert_int_equal(count_names(at("w/out/g/h")), 0);
    assert_int_equal(neap_stage_outputs(at("w"), output, 6, &err), 0);
}

static void outputs_follow_no_links(void **state)
{
    const struct neap_output output = { .name = "a",
                                        .place = "out/a/b/file",
                                        .kind = NEAP_OUTPUT_FILE };

    (void)state;
    make_folder(at("elsewhere"));
    make_folder(at("w/out"));
    make_link("../../elsewhere", at("w/out/a"));
    assert_true(neap_stage_outputs(at("w"), &output, 1, &err) < 0);
    assert_contains(err.text, "'a'");
    assert_int_equal(count_names(at("elsewhere")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(knows_places),
        TEST(knows_what_is_cheap),
        TEST(links_sources),
        TEST(links_objects),
        TEST(makes_folders),
        TEST(takes_long_paths),
        TEST(notices_changed_sources),
        TEST(refuses_bad_inputs),
        TEST(says_which_object_is_missing),
        TEST(inputs_do_not_go_through_each_other),
        TEST(makes_room_for_outputs),
        TEST(outputs_follow_no_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
