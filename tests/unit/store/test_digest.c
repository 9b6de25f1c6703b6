#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"
#include "scratch.h"
#include "store/digest.h"

/* A file that nobody has changed for a while; its times cannot be made up. */
#define OLD "/bin/sh"

static struct neap_err err;
static char hex[NEAP_DIGEST_HEX];
static struct neap_file_id id;
static int warnings;
static const char wrong[] = "000000000000000000000000000000000000000000000000"
                            "0000000000000000";

static void count_warning(void *ctx, enum neap_level level,
                          const char *component, const char *text)
{
    (void)ctx;
    (void)component;
    (void)text;
    warnings += level == NEAP_WARN;
}

static int setup(void **state)
{
    warnings = 0;
    neap_log_sink(count_warning, NULL);
    return scratch_make(state);
}

static int sql(const char *text)
{
    sqlite3 *db;
    int changes = -1;

    if (sqlite3_open(at("db"), &db) == SQLITE_OK &&
        sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK)
        changes = sqlite3_changes(db);
    (void)sqlite3_close(db);
    return changes;
}

static void hash(struct neap_digests *digests, const char *path)
{
    if (neap_digests_file(digests, path, hex, &id, &err) < 0)
        fail_msg("%s", err.text);
}

static void hashes_files(void **state)
{
    struct neap_digests *digests = neap_digests_open(NULL);
    struct stat st;

    (void)state;
    put_text(at("a"), "abc");
    make_link("a", at("link"));
    hash(digests, at("link"));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");
    st = stat_of(at("a"));
    assert_int_equal(id.dev, st.st_dev);
    assert_int_equal(id.ino, st.st_ino);
    assert_int_equal(id.size, 3);
    assert_int_equal(id.mtime_ns % 1000000000, st.st_mtim.tv_nsec);
    assert_int_equal(id.ctime_ns / 1000000000, st.st_ctim.tv_sec);
    assert_false(id.executable);
    assert_int_equal(chmod(at("a"), 0755), 0);
    hash(digests, at("a"));
    assert_true(id.executable);
    neap_digests_close(digests);
    neap_digests_close(NULL);
}

static void refuses_other_things(void **state)
{
    struct neap_digests *digests = neap_digests_open(at("db"));

    (void)state;
    (void)snprintf(hex, sizeof hex, "untouched");
    assert_int_equal(neap_digests_file(digests, scratch, hex, &id, &err),
                     NEAP_EINVAL);
    assert_contains(err.text, "folder");
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    assert_int_equal(neap_digests_file(digests, at("pipe"), hex, &id, &err),
                     NEAP_EINVAL);
    assert_int_equal(neap_digests_file(digests, at("none"), hex, &id, &err),
                     NEAP_ENOTEXIST);
    assert_contains(err.text, "none");
    assert_string_equal(hex, "untouched");
    assert_false(is_there(at("db"))); /* nothing was asked of it */
    neap_digests_close(digests);
}

static void remembers_old_files(void **state)
{
    struct neap_digests *digests = neap_digests_open(at("new/folder/db"));
    char right[NEAP_DIGEST_HEX];

    (void)state;
    neap_digests_close(digests);
    digests = neap_digests_open(at("db"));
    hash(digests, OLD);
    memcpy(right, hex, sizeof right);
    hash(digests, OLD);
    assert_string_equal(hex, right);
    neap_digests_close(digests);
    /* whether it is the row that answers: make it answer wrong */
    assert_int_equal(
        sql("UPDATE digest SET sha256 = '00000000000000000000000000000000"
            "00000000000000000000000000000000'"),
        1);
    digests = neap_digests_open(at("db"));
    hash(digests, OLD);
    assert_string_equal(hex, wrong);
    neap_digests_close(digests);
    /* a row of another time does not count, and is replaced */
    assert_int_equal(sql("UPDATE digest SET ctime_ns = ctime_ns - 1"), 1);
    digests = neap_digests_open(at("db"));
    hash(digests, OLD);
    assert_string_equal(hex, right);
    hash(digests, OLD);
    assert_string_equal(hex, right);
    neap_digests_close(digests);
    assert_int_equal(sql("UPDATE digest SET size = size"), 1);
    assert_int_equal(warnings, 0);
}

static void forgets_fresh_files(void **state)
{
    struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
    struct neap_digests *digests = neap_digests_open(at("db"));

    (void)state;
    put_text(at("a"), "first");
    hash(digests, at("a"));
    /* an old mtime alone can be made up */
    assert_int_equal(utimensat(AT_FDCWD, at("a"), old, 0), 0);
    hash(digests, at("a"));
    neap_digests_close(digests);
    assert_int_equal(sql("UPDATE digest SET size = size"), 0);
}

static void ignores_nonsense_in_rows(void **state)
{
    struct neap_digests *digests = neap_digests_open(at("db"));
    char right[NEAP_DIGEST_HEX];

    (void)state;
    hash(digests, OLD);
    memcpy(right, hex, sizeof right);
    neap_digests_close(digests);
    assert_int_equal(sql("UPDATE digest SET sha256 = 'nonsense'"), 1);
    digests = neap_digests_open(at("db"));
    hash(digests, OLD);
    assert_string_equal(hex, right);
    neap_digests_close(digests);
}

static void moves_a_damaged_cache_aside(void **state)
{
    struct neap_digests *digests;
    char *garbage = neap_calloc(1, 100000);

    (void)state;
    memset(garbage, 'g', 100000);
    put_bytes(at("db"), garbage, 100000);
    digests = neap_digests_open(at("db"));
    hash(digests, OLD);
    neap_digests_close(digests);
    assert_true(is_there(at("db.damaged")));
    assert_int_equal(warnings, 1);
    assert_int_equal(sql("UPDATE digest SET size = size"), 1);
    neap_free(garbage);
}

/* The header is good, what is behind it is not. */
static void notices_damage_inside(void **state)
{
    struct neap_digests *digests = neap_digests_open(at("db"));
    char garbage[4096];
    int fd;

    (void)state;
    hash(digests, OLD);
    neap_digests_close(digests);
    memset(garbage, 'g', sizeof garbage);
    fd = open(at("db"), O_WRONLY);
    assert_int_equal(pwrite(fd, garbage, sizeof garbage, 4096), 4096);
    (void)close(fd);
    digests = neap_digests_open(at("db"));
    hash(digests, OLD);
    hash(digests, OLD);
    neap_digests_close(digests);
    assert_int_equal(warnings, 1);
    assert_true(is_there(at("db.damaged")));
    assert_int_equal(sql("UPDATE digest SET size = size"), 1);
}

static void does_without_a_cache(void **state)
{
    struct neap_digests *digests;

    (void)state;
    put_text(at("file"), "x");
    digests = neap_digests_open(at("file/db"));
    hash(digests, OLD);
    hash(digests, OLD);
    assert_int_equal(warnings, 1); /* once */
    neap_digests_close(digests);
}

static void waits_for_nobody(void **state)
{
    struct neap_digests *one = neap_digests_open(at("db"));
    struct neap_digests *two = neap_digests_open(at("db"));

    (void)state;
    hash(one, OLD);
    hash(two, OLD);
    hash(two, "/bin/cat");
    hash(one, "/bin/cat");
    neap_digests_close(one);
    neap_digests_close(two);
    assert_int_equal(sql("UPDATE digest SET size = size"), 2);
    assert_int_equal(warnings, 0);
}

/* --- threads -------------------------------------------------------------- */

static void *hash_often(void *arg)
{
    static const char *const files[] = { "/bin/sh", "/bin/cat", "/bin/ls",
                                         "/bin/cp" };
    intptr_t failures = 0;

    for (int i = 0; i < 40; i++) {
        char digest[NEAP_DIGEST_HEX];
        struct neap_file_id which;

        failures +=
            neap_digests_file(arg, files[i % 4], digest, &which, NULL) < 0;
    }
    return (void *)failures;
}

static void threads_share_a_cache(void **state)
{
    struct neap_digests *digests = neap_digests_open(at("db"));
    pthread_t thread[4];
    void *failures;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, hash_often, digests),
                         0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], &failures), 0);
        assert_null(failures);
    }
    neap_digests_close(digests);
    assert_int_equal(warnings, 0);
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
    struct neap_digests *digests = neap_digests_open(NULL);
    char path[128];
    struct writer writer = { .path = path };
    pthread_t thread;
    int rc;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", at("busy"));
    put_text(path, "");
    assert_int_equal(truncate(path, 32 << 20), 0);
    assert_int_equal(pthread_create(&thread, NULL, keep_writing, &writer), 0);
    while (stat_of(path).st_blocks == 0)
        (void)sched_yield();
    rc = neap_digests_file(digests, path, hex, &id, &err);
    atomic_store(&writer.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(rc, NEAP_EINTEGRITY);
    assert_contains(err.text, "busy");
    neap_digests_close(digests);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hashes_files),
        TEST(refuses_other_things),
        TEST(remembers_old_files),
        TEST(forgets_fresh_files),
        TEST(ignores_nonsense_in_rows),
        TEST(moves_a_damaged_cache_aside),
        TEST(notices_damage_inside),
        TEST(does_without_a_cache),
        TEST(waits_for_nobody),
        TEST(threads_share_a_cache),
        TEST(notices_a_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
