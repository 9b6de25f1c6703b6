/* Many threads in one repository; a writer that is killed. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/mem.h"
#include "scratch.h"
#include "store/repo.h"

#define THREADS  4
#define ROUNDS   400
#define CONTENTS 24
#define KILLS    25

static struct neap_repo *repo;
static struct neap_err err;

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

/* Each object is what its name says. Returns how many there are. */
static int check_objects(void)
{
    DIR *top = opendir(at("repo/objects"));
    const struct dirent *upper, *lower;
    int count = 0;

    assert_non_null(top);
    while ((upper = readdir(top)) != NULL) {
        DIR *dir;

        if (upper->d_name[0] == '.')
            continue;
        dir = opendir(at("repo/objects/%s", upper->d_name));
        assert_non_null(dir);
        while ((lower = readdir(dir)) != NULL) {
            char *digest;

            if (lower->d_name[0] == '.')
                continue;
            digest = neap_format("%s%s", upper->d_name, lower->d_name);
            if (neap_repo_verify(repo, digest, &err) < 0)
                fail_msg("%s", err.text);
            assert_int_equal(stat_of(at("repo/objects/%s/%s", upper->d_name,
                                        lower->d_name))
                                     .st_mode &
                                 0222,
                             0);
            neap_free(digest);
            count++;
        }
        (void)closedir(dir);
    }
    (void)closedir(top);
    return count;
}

/* --- threads -------------------------------------------------------------- */

struct worker {
    pthread_t thread;
    int number;
    uint64_t seed;
    char why[NEAP_ERR_TEXT + 32]; /* asserts belong to the main thread */
};

/* Content `n` has `n` blocks of a kilobyte: sizes of 0 and above a buffer. */
static size_t make_content(unsigned n, char *data)
{
    size_t size = (size_t)n * 8 << 10;

    memset(data, 'a' + (int)n, size);
    return size;
}

static bool write_content(const char *path, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    bool ok = fd >= 0 && write(fd, data, size) == (ssize_t)size;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static int64_t put_somehow(struct worker *worker, const char *data, size_t size,
                           char digest[NEAP_DIGEST_HEX], struct neap_err *why)
{
    unsigned how = random_below(&worker->seed, 4);
    bool executable = random_below(&worker->seed, 2) == 0;
    char path[128];
    int64_t rc;

    if (how == 0)
        return neap_repo_put_data(repo, data, size, digest, why);
    (void)snprintf(path, sizeof path, "%s/in-%d", scratch, worker->number);
    if (!write_content(path, data, size))
        return neap_err_errno(why, errno, "the test cannot write '%s'", path);
    rc = neap_repo_put_file(repo, path,
                            how == 1   ? NEAP_PUT_COPY
                            : how == 2 ? NEAP_PUT_MOVE
                                       : NEAP_PUT_LINK,
                            executable, digest, why);
    (void)unlink(path);
    return rc;
}

static int round_trip(struct worker *worker, char *data, struct neap_err *why)
{
    char digest[NEAP_DIGEST_HEX], expected[NEAP_DIGEST_HEX], path[128];
    size_t size = make_content(random_below(&worker->seed, CONTENTS), data);
    int64_t rc = put_somehow(worker, data, size, digest, why);
    bool executable = random_below(&worker->seed, 2) == 0;

    if (rc < 0)
        return (int)rc;
    neap_sha256_of(data, size, expected);
    if (rc != (int64_t)size || strcmp(digest, expected) != 0)
        return neap_err_set(why, NEAP_EOTHER, "wrong digest or size");
    (void)snprintf(path, sizeof path, "%s/out-%d", scratch, worker->number);
    rc = neap_repo_get_at(repo, digest, (int64_t)size, AT_FDCWD, path,
                          executable, why);
    if (rc < 0)
        return (int)rc;
    if (executable && access(path, X_OK) < 0)
        return neap_err_set(why, NEAP_EOTHER, "not executable");
    (void)unlink(path);
    return neap_repo_verify(repo, digest, why);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    char *data = neap_alloc(CONTENTS * 8 << 10);
    struct neap_err why;

    for (int i = 0; i < ROUNDS && worker->why[0] == '\0'; i++) {
        if (round_trip(worker, data, &why) < 0)
            (void)snprintf(worker->why, sizeof worker->why, "round %d: %s", i,
                           why.text);
    }
    neap_free(data);
    return NULL;
}

static void threads_share_a_repository(void **state)
{
    struct worker worker[THREADS] = { 0 };
    uint64_t seed = random_seed();

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        worker[i].number = i;
        worker[i].seed = seed + (uint64_t)i;
        assert_int_equal(pthread_create(&worker[i].thread, NULL, work,
                                        &worker[i]),
                         0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(worker[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_string_equal(worker[i].why, "");
    assert_true(check_objects() <= CONTENTS);
    assert_int_equal(count_names(at("repo/tmp")), 0);
}

/* --- kill ----------------------------------------------------------------- */

/* In a process of its own: new objects until the end. Says when it
 * has stored the first. */
static void write_for_ever(int fd, uint64_t seed)
{
    static char data[300 << 10];
    char digest[NEAP_DIGEST_HEX];
    struct worker worker = { .number = 99, .seed = seed };

    for (bool first = true;; first = false) {
        size_t size = random_below(&worker.seed, sizeof data - 8) + 8;

        for (size_t i = 0; i < 8; i++)
            data[i] = (char)random_below(&worker.seed, 256);
        if (put_somehow(&worker, data, size, digest, NULL) < 0)
            _exit(1);
        if (first && write(fd, "x", 1) != 1)
            _exit(1);
    }
}

static void kill_at(uint64_t seed, long wait_ns)
{
    struct timespec wait = { .tv_nsec = wait_ns };
    int fd[2], status;
    pid_t pid;
    char c;

    assert_int_equal(pipe(fd), 0);
    pid = fork();
    if (pid == 0)
        write_for_ever(fd[1], seed);
    assert_true(pid > 0);
    (void)close(fd[1]); /* a child that dies early is the end of the pipe */
    assert_int_equal(read(fd[0], &c, 1), 1);
    (void)nanosleep(&wait, NULL); /* the moment is random, that is the test */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    (void)unlink(at("in-99"));
    (void)close(fd[0]);
}

static void a_killed_writer_leaves_whole_objects(void **state)
{
    uint64_t seed = random_seed();
    int count = 0;

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        kill_at(seed + (uint64_t)i, 1000 * (long)random_below(&seed, 15000));
        count = check_objects();
    }
    print_message("%d objects, %d temporary files left\n", count,
                  count_names(at("repo/tmp")));
    assert_true(count > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_share_a_repository),
        TEST(a_killed_writer_leaves_whole_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
