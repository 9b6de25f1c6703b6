/* Random trees with links of all kinds, collected, and compared with what the
 * kernel's own realpath says about each path. */
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "scratch.h"
#include "store/stage.h"

#define TREES   60
#define THINGS  40
#define FOLDERS 12
#define DEPTH   24 /* of the walk that is compared with */

static struct neap_repo *repo;
static struct neap_err err;
static uint64_t seed;
static char base[256]; /* the work directory, without links */

static char folders[FOLDERS][256]; /* below w, real ones */
static int nfolder;

/* --- making --------------------------------------------------------------- */

static const char *pick_folder(void)
{
    return folders[random_below(&seed, (unsigned)nfolder)];
}

static void pick_name(char name[8])
{
    (void)snprintf(name, 8, "%c%u", "fgl"[random_below(&seed, 3)],
                   random_below(&seed, 6));
}

/* Where a link leads: beside it, up, absolutely inside, or elsewhere. */
static void pick_text(char text[PATH_MAX])
{
    char name[8];

    pick_name(name);
    switch (random_below(&seed, 12)) {
    case 0:
        (void)snprintf(text, PATH_MAX, "../../../../../%s", name);
        break;
    case 1:
        (void)snprintf(text, PATH_MAX, "%s/outside/%s", scratch, name);
        break;
    case 2:
    case 3:
        (void)snprintf(text, PATH_MAX, "%s/%s/%s", base, pick_folder(), name);
        break;
    case 4:
    case 5:
        (void)snprintf(text, PATH_MAX, "%s/%s", base, pick_folder());
        break;
    case 6:
        (void)snprintf(text, PATH_MAX, "../%s", name);
        break;
    case 7:
        (void)snprintf(text, PATH_MAX, ".././%s/", name);
        break;
    case 8:
        (void)snprintf(text, PATH_MAX, "%s/../%s", name, name);
        break;
    default:
        (void)snprintf(text, PATH_MAX, "%s", name);
        break;
    }
}

static void make_thing(int number)
{
    char path[1024], name[8], text[PATH_MAX];
    const char *folder = pick_folder();

    pick_name(name);
    (void)snprintf(path, sizeof path, "%s/%s/%s", base, folder, name);
    if (is_there(path))
        return;
    switch (random_below(&seed, 4)) {
    case 0:
        if (nfolder < FOLDERS && strlen(folder) < 200) {
            make_folder(path);
            (void)snprintf(folders[nfolder++], sizeof folders[0], "%s",
                           path + strlen(base) + 1);
        }
        break;
    case 1:
    case 2:
        (void)snprintf(text, sizeof text, "content %d", number);
        put_text(path, text);
        break;
    default:
        pick_text(text);
        make_link(text, path);
        break;
    }
}

static void make_tree(void)
{
    char *real;

    make_folder(at("w"));
    make_folder(at("w/out"));
    make_folder(at("outside"));
    real = realpath(at("w"), NULL);
    assert_non_null(real);
    assert_true(strlen(real) < sizeof base);
    (void)snprintf(base, sizeof base, "%s", real);
    free(real);
    nfolder = 1;
    (void)snprintf(folders[0], sizeof folders[0], "out");
    for (int i = 0; i < 6; i++) { /* what an escape would find */
        put_text(at("outside/f%d", i), "outside");
        put_text(at("f%d", i), "outside");
    }
    for (int i = 0; i < THINGS; i++)
        make_thing(i);
}

/* --- what should come of it ----------------------------------------------- */

enum sort { BAD, FOLDER, PLAIN };

/* Lexically outside on the way, but back inside at the end, cannot be made by
 * pick_text: so the end decides. */
static enum sort sort_of(const char *path, char real[PATH_MAX])
{
    size_t n = strlen(base);
    struct stat st;

    if (realpath(path, real) == NULL || strncmp(real, base, n) != 0 ||
        (real[n] != '/' && real[n] != '\0'))
        return BAD;
    if (stat(real, &st) < 0)
        return BAD;
    return S_ISDIR(st.st_mode) ? FOLDER : PLAIN;
}

struct expected {
    char *path, *real;
};

static struct expected expected[100000];
static int nexpected;

static bool expect(const char *top, const char *path, char (*above)[PATH_MAX],
                   int depth);

static bool expect_entry(const char *top, const char *path,
                         char (*above)[PATH_MAX], int depth)
{
    char *full = neap_format("%s/%s", top, path);
    char real[PATH_MAX];
    enum sort sort = sort_of(full, real);
    bool ok = sort != BAD;

    if (sort == PLAIN && nexpected < 100000)
        expected[nexpected++] =
            (struct expected){ neap_strdup(path), neap_strdup(real) };
    else if (sort == FOLDER)
        ok = expect(top, path, above, depth);
    neap_free(full);
    return ok;
}

/* All below a folder; false if collecting it must fail. */
static bool expect(const char *top, const char *path, char (*above)[PATH_MAX],
                   int depth)
{
    char *full = neap_format(path[0] != '\0' ? "%s/%s" : "%s", top, path);
    const struct dirent *entry;
    bool ok = realpath(full, above[depth]) != NULL && depth + 1 < DEPTH;
    DIR *dir;

    for (int i = 0; i < depth && ok; i++)
        ok = strcmp(above[i], above[depth]) != 0;
    dir = ok ? opendir(full) : NULL;
    neap_free(full);
    while (dir != NULL && ok && (entry = readdir(dir)) != NULL) {
        char *inner;

        if (entry->d_name[0] == '.')
            continue;
        inner = path[0] != '\0' ? neap_format("%s/%s", path, entry->d_name)
                                : neap_strdup(entry->d_name);
        ok = expect_entry(top, inner, above, depth + 1);
        neap_free(inner);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return ok;
}

static int order(const void *a, const void *b)
{
    return strcmp(((const struct expected *)a)->path,
                  ((const struct expected *)b)->path);
}

static void forget_expected(void)
{
    for (int i = 0; i < nexpected; i++) {
        neap_free(expected[i].path);
        neap_free(expected[i].real);
    }
    nexpected = 0;
}

/* --- comparing ------------------------------------------------------------ */

static void assert_same_file(const struct neap_file_ref *file, const char *real)
{
    char text[64];
    int fd = open(real, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    char digest[NEAP_DIGEST_HEX];

    assert_true(n > 0);
    (void)close(fd);
    neap_sha256_of(text, (size_t)n, digest);
    assert_string_equal(file->digest, digest);
    assert_int_equal(file->size, n);
}

static int folders_taken, folders_refused, files_taken, files_refused;

static void check_folder(const char *folder)
{
    static char above[DEPTH + 1][PATH_MAX];
    const struct neap_output decl = { .name = "o",
                                      .place = folder,
                                      .kind = NEAP_OUTPUT_DIR };
    struct neap_output got;
    char *top = neap_format("%s/%s", base, folder);
    bool ok = expect(top, "", above, 0);
    int rc = neap_collect_output(repo, base, &decl, &got, &err);

    if ((rc == 0) != ok || (rc < 0 && rc != NEAP_EPRECONDITION))
        fail_msg("folder '%s': %d %s, but it is %s", top, rc,
                 rc < 0 ? err.text : "", ok ? "good" : "bad");
    folders_taken += ok;
    folders_refused += !ok;
    if (ok) {
        qsort(expected, (size_t)nexpected, sizeof expected[0], order);
        assert_int_equal(got.nfile, nexpected);
        for (int i = 0; i < nexpected; i++) {
            assert_string_equal(got.file[i].path, expected[i].path);
            assert_same_file(&got.file[i], expected[i].real);
        }
        neap_collected_deinit(&got);
    }
    forget_expected();
    neap_free(top);
}

static void check_file(const char *folder, const char *name)
{
    char *place = neap_format("%s/%s", folder, name);
    char *full = neap_format("%s/%s", base, place);
    const struct neap_output decl = { .name = "o",
                                      .place = place,
                                      .kind = NEAP_OUTPUT_FILE };
    struct neap_output got;
    char real[PATH_MAX];
    enum sort sort = sort_of(full, real);
    int rc = neap_collect_output(repo, base, &decl, &got, &err);

    if ((rc == 0) != (sort == PLAIN))
        fail_msg("file '%s': %d %s, but it is %d", full, rc,
                 rc < 0 ? err.text : "", (int)sort);
    if (rc == 0) {
        assert_int_equal(got.nfile, 1);
        assert_same_file(&got.file[0], real);
        neap_collected_deinit(&got);
        files_taken++;
    } else {
        assert_int_equal(rc,
                         is_there(full) ? NEAP_EPRECONDITION : NEAP_ENOTEXIST);
        files_refused++;
    }
    neap_free(full);
    neap_free(place);
}

static void check_all_names(const char *folder)
{
    for (int i = 0; i < 3 * 6; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "%c%d", "fgl"[i % 3], i / 3);
        check_file(folder, name);
    }
}

static void agrees_with_the_kernel(void **state)
{
    seed = random_seed();
    folders_taken = folders_refused = files_taken = files_refused = 0;
    for (int i = 0; i < TREES; i++) {
        assert_int_equal(scratch_make(state), 0);
        assert_int_equal(neap_repo_open(at("repo"), &repo, &err), 0);
        make_tree();
        for (int j = 0; j < nfolder; j++) {
            check_folder(folders[j]);
            check_all_names(folders[j]);
        }
        assert_content(at("outside/f1"), "outside");
        assert_int_equal(stat_of(at("outside/f1")).st_nlink, 1);
        neap_repo_close(repo);
        assert_int_equal(scratch_remove(state), 0);
    }
    print_message("folders: %d taken, %d refused; files: %d, %d\n",
                  folders_taken, folders_refused, files_taken, files_refused);
    assert_true(folders_taken > 0 && folders_refused > 0);
    assert_true(files_taken > 0 && files_refused > 0);
}

/* An old kernel, or a container's filter: everything is walked by hand. */
static void agrees_without_openat2(void **state)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof code[0], code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        print_message("skipped: no filter: %s\n", strerror(errno));
        skip();
    }
    assert_int_equal(syscall(SYS_openat2, -1, "", NULL, 0), -1);
    assert_int_equal(errno, ENOSYS);
    agrees_with_the_kernel(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_kernel),
        cmocka_unit_test(agrees_without_openat2), /* for good: the last */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
