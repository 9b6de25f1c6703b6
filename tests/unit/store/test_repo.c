#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/mem.h"
#include "scratch.h"
#include "store/repo.h"

static struct neap_repo *repo;
static struct neap_err err;
static char digest[NEAP_DIGEST_HEX];

static int setup(void **state)
{
    if (scratch_make(state) < 0)
        return -1;
    return neap_repo_open(at("repo"), &repo, &err);
}

static int teardown(void **state)
{
    neap_repo_close(repo);
    return scratch_remove(state);
}

static const char *object(void)
{
    return at("repo/objects/%.2s/%s", digest, digest + 2);
}

static void assert_no_temp(void)
{
    assert_int_equal(count_names(at("repo/tmp")), 0);
}

/* --- put ------------------------------------------------------------------ */

static void keeps_bytes(void **state)
{
    char *path;

    (void)state;
    assert_int_equal(neap_repo_put_data(repo, "hello", 5, digest, &err), 5);
    assert_string_equal(digest, "2cf24dba5fb0a30e26e83b2ac5b9e29e"
                                "1b161e5c1fa7425e73043362938b9824");
    path = neap_repo_path(repo, digest);
    assert_string_equal(path, object());
    neap_free(path);
    assert_content(object(), "hello");
    assert_int_equal(stat_of(object()).st_mode & 07777, 0444);
    assert_int_equal(neap_repo_stat(repo, digest, &err), 5);
    assert_int_equal(neap_repo_verify(repo, digest, &err), 0);
    assert_no_temp();
}

static void keeps_nothing_as_well(void **state)
{
    (void)state;
    assert_int_equal(neap_repo_put_data(repo, "", 0, digest, &err), 0);
    assert_int_equal(neap_repo_stat(repo, digest, &err), 0);
    put_text(at("empty"), "");
    assert_int_equal(neap_repo_put_file(repo, at("empty"), NEAP_PUT_MOVE, false,
                                        digest, &err),
                     0);
    assert_false(is_there(at("empty")));
    assert_int_equal(neap_repo_get(repo, digest, at("out"), false, &err), 0);
    assert_content(at("out"), "");
}

static void does_not_write_twice(void **state)
{
    struct stat before, after;

    (void)state;
    put_text(at("a"), "same");
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_COPY, false,
                                        digest, &err),
                     4);
    assert_content(at("a"), "same");
    assert_true(stat_of(at("a")).st_ino != stat_of(object()).st_ino);
    before = stat_of(object());
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_COPY, false,
                                        digest, &err),
                     4);
    assert_int_equal(neap_repo_put_data(repo, "same", 4, digest, &err), 4);
    after = stat_of(object());
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_MOVE, false,
                                        digest, &err),
                     4);
    assert_false(is_there(at("a")));
    assert_int_equal(stat_of(object()).st_ino, before.st_ino);
    assert_no_temp();
}

static void moves_without_copying(void **state)
{
    ino_t ino;

    (void)state;
    put_text(at("a"), "mine");
    ino = stat_of(at("a")).st_ino;
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_MOVE, true,
                                        digest, &err),
                     4);
    assert_false(is_there(at("a")));
    assert_int_equal(stat_of(object()).st_ino, ino);
    assert_int_equal(stat_of(object()).st_mode & 07777, 0555);
}

static void links_and_leaves_the_name(void **state)
{
    (void)state;
    put_text(at("a"), "mine");
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_LINK, false,
                                        digest, &err),
                     4);
    assert_int_equal(stat_of(object()).st_ino, stat_of(at("a")).st_ino);
    assert_int_equal(stat_of(at("a")).st_mode & 07777, 0444);
}

/* Somebody with another name of the file could change the object. */
static void does_not_share_files_with_other_names(void **state)
{
    static const enum neap_put_mode modes[] = { NEAP_PUT_LINK, NEAP_PUT_MOVE };

    (void)state;
    for (int i = 0; i < 2; i++) {
        put_text(at("a"), i == 0 ? "shared" : "shared too");
        assert_int_equal(link(at("a"), at("b")), 0);
        assert_true(neap_repo_put_file(repo, at("a"), modes[i], false, digest,
                                       &err) > 0);
        assert_true(stat_of(object()).st_ino != stat_of(at("b")).st_ino);
        assert_int_equal(stat_of(at("b")).st_mode & 07777, 0644);
        assert_int_equal(unlink(at("b")), 0);
    }
}

static void does_not_take_files_of_others(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can give files away\n");
        skip();
    }
    put_text(at("a"), "theirs");
    assert_int_equal(chown(at("a"), 65534, 65534), 0);
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_LINK, false,
                                        digest, &err),
                     6);
    assert_true(stat_of(object()).st_ino != stat_of(at("a")).st_ino);
    assert_int_equal(stat_of(object()).st_uid, geteuid());
}

static void executable_stays(void **state)
{
    (void)state;
    put_text(at("a"), "#!/bin/sh\n");
    assert_true(neap_repo_put_file(repo, at("a"), NEAP_PUT_COPY, false, digest,
                                   &err) > 0);
    assert_int_equal(stat_of(object()).st_mode & 07777, 0444);
    assert_true(neap_repo_put_file(repo, at("a"), NEAP_PUT_COPY, true, digest,
                                   &err) > 0);
    assert_int_equal(stat_of(object()).st_mode & 07777, 0555);
    assert_true(neap_repo_put_file(repo, at("a"), NEAP_PUT_MOVE, false, digest,
                                   &err) > 0);
    assert_int_equal(stat_of(object()).st_mode & 07777, 0555);
}

static void get_makes_executable(void **state)
{
    (void)state;
    assert_true(neap_repo_put_data(repo, "x", 1, digest, &err) > 0);
    assert_int_equal(neap_repo_get(repo, digest, at("x"), true, &err), 0);
    assert_int_equal(access(at("x"), X_OK), 0);
}

static void refuses_what_is_no_file(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s",
                   at("socket"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    make_folder(at("folder"));
    assert_int_equal(neap_repo_put_file(repo, at("pipe"), NEAP_PUT_COPY, false,
                                        digest, &err),
                     NEAP_EINVAL);
    assert_contains(err.text, "pipe");
    assert_int_equal(neap_repo_put_file(repo, at("folder"), NEAP_PUT_MOVE,
                                        false, digest, &err),
                     NEAP_EINVAL);
    assert_true(neap_repo_put_file(repo, at("socket"), NEAP_PUT_COPY, false,
                                   digest, &err) < 0);
    assert_int_equal(neap_repo_put_file(repo, at("nothing"), NEAP_PUT_COPY,
                                        false, digest, &err),
                     NEAP_ENOTEXIST);
    assert_contains(err.text, "nothing");
    assert_true(is_there(at("pipe")) && is_there(at("folder")));
    (void)close(fd);
}

static void follows_a_link_only_to_copy(void **state)
{
    (void)state;
    put_text(at("a"), "target");
    make_link("a", at("link"));
    (void)snprintf(digest, sizeof digest, "untouched");
    assert_true(neap_repo_put_file(repo, at("link"), NEAP_PUT_MOVE, false,
                                   digest, &err) < 0);
    assert_string_equal(digest, "untouched");
    assert_int_equal(neap_repo_put_file(repo, at("link"), NEAP_PUT_COPY, false,
                                        digest, &err),
                     6);
    assert_content(object(), "target");
}

static void replaces_a_torn_object(void **state)
{
    (void)state;
    assert_int_equal(neap_repo_put_data(repo, "whole", 5, digest, &err), 5);
    assert_int_equal(chmod(object(), 0644), 0);
    assert_int_equal(truncate(object(), 2), 0);
    put_text(at("a"), "whole");
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_LINK, false,
                                        digest, &err),
                     5);
    assert_content(object(), "whole");
    assert_int_equal(truncate(object(), 0), 0);
    assert_int_equal(neap_repo_put_data(repo, "whole", 5, digest, &err), 5);
    assert_int_equal(neap_repo_verify(repo, digest, &err), 0);
    assert_no_temp();
}

static void keeps_holes(void **state)
{
    int fd = open(at("sparse"), O_RDWR | O_CREAT, 0644);

    (void)state;
    assert_int_equal(pwrite(fd, "end", 3, 8 << 20), 3);
    (void)close(fd);
    assert_int_equal(neap_repo_put_file(repo, at("sparse"), NEAP_PUT_COPY,
                                        false, digest, &err),
                     (8 << 20) + 3);
    assert_int_equal(neap_repo_verify(repo, digest, &err), 0);
}

struct writer {
    const char *path;
    atomic_bool stop;
};

static void *keep_writing(void *arg)
{
    struct writer *writer = arg;
    int fd = open(writer->path, O_WRONLY);

    for (unsigned n = 0; !atomic_load(&writer->stop); n++)
        (void)!pwrite(fd, &n, sizeof n, (n % 1000) * 4096);
    (void)close(fd);
    return NULL;
}

static void notices_a_writer(void **state)
{
    char path[128];
    struct writer writer = { .path = path };
    pthread_t thread;
    int64_t rc;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", at("busy"));
    put_text(path, "");
    assert_int_equal(truncate(path, 32 << 20), 0);
    assert_int_equal(pthread_create(&thread, NULL, keep_writing, &writer), 0);
    while (stat_of(path).st_blocks == 0) /* until it writes */
        (void)sched_yield();
    rc = neap_repo_put_file(repo, path, NEAP_PUT_COPY, false, digest, &err);
    atomic_store(&writer.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(rc, NEAP_EINTEGRITY);
    assert_contains(err.text, "busy");
    assert_no_temp();
}

/* --- get ------------------------------------------------------------------ */

static void gives_links(void **state)
{
    (void)state;
    assert_int_equal(neap_repo_put_data(repo, "hello", 5, digest, &err), 5);
    assert_int_equal(neap_repo_get(repo, digest, at("a"), false, &err), 0);
    assert_int_equal(stat_of(at("a")).st_ino, stat_of(object()).st_ino);
    assert_int_equal(neap_repo_get(repo, digest, at("a"), false, &err),
                     NEAP_EPRECONDITION); /* it exists */
    assert_content(at("a"), "hello");
    assert_int_equal(neap_repo_get(repo, digest, at("no/a"), false, &err),
                     NEAP_ENOTEXIST);
}

static void copies_to_other_file_systems(void **state)
{
    char folder[] = "/dev/shm/neap-store-XXXXXX";
    char *dest;

    (void)state;
    assert_true(neap_repo_put_data(repo, "far away", 8, digest, &err) > 0);
    if (mkdtemp(folder) == NULL ||
        stat_of(folder).st_dev == stat_of(scratch).st_dev) {
        print_message("skipped: /dev/shm is no file system of its own\n");
        skip();
    }
    dest = neap_format("%s/x", folder);
    assert_int_equal(neap_repo_get_at(repo, digest, 8, AT_FDCWD, dest, true,
                                      &err),
                     8);
    assert_content(dest, "far away");
    assert_int_equal(stat_of(dest).st_mode & 07777, 0555);
    /* and back, moved */
    assert_int_equal(chmod(dest, 0644), 0);
    put_text(dest, "back again");
    assert_int_equal(neap_repo_put_file(repo, dest, NEAP_PUT_MOVE, false,
                                        digest, &err),
                     10);
    assert_false(is_there(dest));
    assert_content(object(), "back again");
    neap_free(dest);
    assert_int_equal(rmdir(folder), 0);
}

static void survives_the_limit_of_links(void **state)
{
    struct stat first, last;
    int most = 70000;
    int64_t copied = 0;

    (void)state;
    assert_true(neap_repo_put_data(repo, "popular", 7, digest, &err) > 0);
    first = stat_of(object());
    make_folder(at("links"));
    for (int i = 0; i < most; i++) {
        int64_t rc = neap_repo_get_at(repo, digest, 7, AT_FDCWD,
                                      at("links/%d", i), false, &err);

        if (rc < 0)
            fail_msg("link %d: %s", i, err.text);
        copied += rc;
    }
    last = stat_of(object());
    if (first.st_ino == last.st_ino)
        print_message("this file system allows %d links\n", most);
    else
        assert_true(last.st_nlink < (nlink_t)most);
    assert_int_equal(copied, 0);
    assert_content(at("links/%d", most - 1), "popular");
    assert_content(at("links/0"), "popular");
    assert_no_temp();
}

static void says_what_is_missing(void **state)
{
    (void)state;
    neap_sha256_of("absent", 6, digest);
    assert_int_equal(neap_repo_stat(repo, digest, &err), NEAP_ENOTEXIST);
    assert_contains(err.text, digest);
    assert_contains(err.text, neap_repo_root(repo));
    assert_int_equal(neap_repo_verify(repo, digest, &err), NEAP_ENOTEXIST);
    assert_int_equal(neap_repo_get(repo, digest, at("a"), false, &err),
                     NEAP_ENOTEXIST);
    assert_false(is_there(at("a")));
    assert_int_equal(neap_repo_stat(repo, "../../etc/passwd", &err),
                     NEAP_EINVAL);
    assert_int_equal(neap_repo_get(repo, "", at("a"), false, NULL),
                     NEAP_EINVAL);
    assert_int_equal(neap_repo_verify(repo, "zz", &err), NEAP_EINVAL);
    assert_null(neap_repo_path(repo, "ABC"));
}

static void verify_finds_a_flipped_bit(void **state)
{
    char byte = 'h' ^ 4;
    int fd;

    (void)state;
    assert_true(neap_repo_put_data(repo, "hello", 5, digest, &err) > 0);
    assert_int_equal(chmod(object(), 0644), 0);
    fd = open(object(), O_WRONLY);
    assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
    (void)close(fd);
    assert_int_equal(neap_repo_verify(repo, digest, &err), NEAP_EINTEGRITY);
    assert_contains(err.text, digest + 2);
    assert_int_equal(neap_repo_get_at(repo, digest, 6, AT_FDCWD, at("a"), false,
                                      &err),
                     NEAP_EINTEGRITY); /* the size is wrong */
}

/* --- the folders ---------------------------------------------------------- */

static void sweeps_old_files(void **state)
{
    struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
    struct neap_repo *again;

    (void)state;
    put_text(at("repo/tmp/old"), "x");
    put_text(at("repo/tmp/new"), "x");
    assert_int_equal(utimensat(AT_FDCWD, at("repo/tmp/old"), old, 0), 0);
    assert_int_equal(neap_repo_open(at("repo"), &again, &err), 0);
    neap_repo_close(again);
    assert_false(is_there(at("repo/tmp/old")));
    assert_true(is_there(at("repo/tmp/new")));
}

static void comes_back_after_deletion(void **state)
{
    (void)state;
    assert_int_equal(neap_folder_remove(at("repo"), true, &err), 0);
    assert_int_equal(neap_repo_put_data(repo, "again", 5, digest, &err), 5);
    assert_content(object(), "again");
    assert_int_equal(neap_folder_remove(at("repo/objects"), true, &err), 0);
    put_text(at("a"), "linked");
    assert_int_equal(neap_repo_put_file(repo, at("a"), NEAP_PUT_LINK, false,
                                        digest, &err),
                     6);
    assert_content(object(), "linked");
}

static void keeps_a_relative_root(void **state)
{
    struct neap_repo *relative;
    char back[4096];

    (void)state;
    assert_non_null(getcwd(back, sizeof back));
    assert_int_equal(chdir(scratch), 0);
    assert_int_equal(neap_repo_open("here/repo", &relative, &err), 0);
    assert_string_equal(neap_repo_root(relative), "here/repo");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(neap_repo_put_data(relative, "x", 1, digest, &err), 1);
    neap_repo_close(relative);
    assert_true(is_there(at("here/repo/objects/%.2s", digest)));
    assert_int_equal(chdir(back), 0);
}

static void refuses_bad_roots(void **state)
{
    struct neap_repo *bad = (void *)1;

    (void)state;
    put_text(at("file"), "x");
    assert_true(neap_repo_open(at("file"), &bad, &err) < 0);
    assert_contains(err.text, "file");
    assert_true(neap_repo_open(at("file/repo"), &bad, &err) < 0);
    assert_int_equal(neap_repo_open("", &bad, &err), NEAP_EINVAL);
    assert_ptr_equal(bad, (void *)1);
    neap_repo_close(NULL);
}

/* --- a full disk ---------------------------------------------------------- */

/* A tmpfs of a megabyte that only this process sees. */
static bool mount_small(const char *path)
{
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("small", path, "tmpfs", 0, "size=1m") == 0;
}

static void says_that_the_disk_is_full(void **state)
{
    struct neap_repo *small;
    char *data = neap_calloc(1, 2 << 20);

    (void)state;
    make_folder(at("small"));
    if (!mount_small(at("small"))) {
        print_message("skipped: no right to mount a small disk\n");
        neap_free(data);
        skip();
    }
    assert_int_equal(neap_repo_open(at("small/repo"), &small, &err), 0);
    (void)snprintf(digest, sizeof digest, "untouched");
    put_bytes(at("big"), data, 2 << 20);
    assert_int_equal(neap_repo_put_file(small, at("big"), NEAP_PUT_MOVE, false,
                                        digest, &err),
                     NEAP_EEXHAUSTED);
    assert_contains(err.text, neap_repo_root(small));
    assert_contains(err.text, "2097152");
    assert_string_equal(digest, "untouched");
    assert_true(is_there(at("big")));
    assert_int_equal(neap_repo_put_data(small, data, 2 << 20, digest, &err),
                     NEAP_EEXHAUSTED);
    assert_contains(err.text, neap_repo_root(small));
    assert_int_equal(count_names(at("small/repo/tmp")), 0);
    neap_sha256_of(data, 2 << 20, digest);
    assert_int_equal(neap_repo_stat(small, digest, &err), NEAP_ENOTEXIST);
    /* out of a repository with room */
    assert_true(neap_repo_put_data(repo, data, 2 << 20, digest, &err) > 0);
    assert_int_equal(neap_repo_get(repo, digest, at("small/x"), false, &err),
                     NEAP_EEXHAUSTED);
    assert_false(is_there(at("small/x")));
    /* and there is room again */
    assert_int_equal(neap_repo_put_data(small, data, 1000, digest, &err), 1000);
    neap_repo_close(small);
    neap_free(data);
    assert_int_equal(umount(at("small")), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_bytes),
        TEST(keeps_nothing_as_well),
        TEST(does_not_write_twice),
        TEST(moves_without_copying),
        TEST(links_and_leaves_the_name),
        TEST(does_not_share_files_with_other_names),
        TEST(does_not_take_files_of_others),
        TEST(executable_stays),
        TEST(get_makes_executable),
        TEST(refuses_what_is_no_file),
        TEST(follows_a_link_only_to_copy),
        TEST(replaces_a_torn_object),
        TEST(keeps_holes),
        TEST(notices_a_writer),
        TEST(gives_links),
        TEST(copies_to_other_file_systems),
        TEST(survives_the_limit_of_links),
        TEST(says_what_is_missing),
        TEST(verify_finds_a_flipped_bit),
        TEST(sweeps_old_files),
        TEST(comes_back_after_deletion),
        TEST(keeps_a_relative_root),
        TEST(refuses_bad_roots),
        TEST(says_that_the_disk_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
