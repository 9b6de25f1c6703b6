/* A scratch folder for each test, and small things to do in it. */
#ifndef NEAP_TESTS_SCRATCH_H
#define NEAP_TESTS_SCRATCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"
#include "store/folder.h"

static char scratch[64];

/* Used as cmocka's setup and teardown. */
static inline int scratch_make(void **state)
{
    (void)state;
    (void)snprintf(scratch, sizeof scratch, "/tmp/neap-store-XXXXXX");
    return mkdtemp(scratch) != NULL ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    (void)state;
    return neap_folder_remove(scratch, true, NULL);
}

/* A path in the scratch folder; good for the next 16 calls. */
__attribute__((format(printf, 1, 2))) static inline const char *at(
    const char *format, ...)
{
    static char paths[16][8192];
    static unsigned next;
    char *path = paths[next++ % 16];
    int n = snprintf(path, sizeof paths[0], "%s/", scratch);
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(path + n, sizeof paths[0] - (size_t)n, format, ap);
    va_end(ap);
    return path;
}

static inline void put_bytes(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(close(fd), 0);
}

static inline void put_text(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static inline void make_folder(const char *path)
{
    assert_int_equal(mkdir(path, 0755), 0);
}

static inline void make_link(const char *text, const char *path)
{
    assert_int_equal(symlink(text, path), 0);
}

static inline void assert_content(const char *path, const char *text)
{
    char bytes[4096];
    int fd = open(path, O_RDONLY);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, bytes, sizeof bytes - 1);
    assert_true(n >= 0);
    bytes[n] = '\0';
    assert_string_equal(bytes, text);
    assert_int_equal(close(fd), 0);
}

static inline struct stat stat_of(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        fail_msg("'%s': %s", path, strerror(errno));
    return st;
}

static inline bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static inline int count_names(const char *folder)
{
    DIR *dir = opendir(folder);
    int n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    (void)closedir(dir);
    return n - 2;
}

#define assert_contains(text, part)                     \
 do {                                                   \
  if (strstr((text), (part)) == NULL)                   \
   fail_msg("\"%s\" is not in \"%s\"", (part), (text)); \
 } while (0)

/* The same numbers for the same seed, everywhere. */
static inline unsigned random_below(uint64_t *seed, unsigned limit)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)((*seed >> 33) % limit);
}

/* NEAP_TEST_SEED, or a new one; printed. */
static inline uint64_t random_seed(void)
{
    const char *text = getenv("NEAP_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10)
                                 : (uint64_t)getpid() * 2654435761u;

    print_message("NEAP_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
