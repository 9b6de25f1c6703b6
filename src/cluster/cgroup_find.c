/* A line of /proc/self/cgroup names a group relative to the root of its
 * hierarchy: "4:memory:/a/b", version 2 "0::/a/b". A line of mountinfo says
 * which part of a hierarchy is mounted where (proc(5)):
 *
 *   36 25 0:31 /a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
 *              └ part             └ where    └ type         └ controllers
 */
#include "cluster/cgroup_find.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { FIELDS_MAX = 32, PROC_MAX = 1 << 20 };

/* Is `word` one of the comma-separated words of text[0..len)? */
static bool has_word(const char *text, size_t len, const char *word)
{
    size_t want = strlen(word);

    while (len > 0) {
        const char *comma = memchr(text, ',', len);
        size_t n = comma != NULL ? (size_t)(comma - text) : len;

        if (n == want && memcmp(text, word, n) == 0)
            return true;
        if (comma == NULL)
            return false;
        text += n + 1;
        len -= n + 1;
    }
    return false;
}

/* The group of this process in the hierarchy of `controller` ("" is version
 * 2), relative to its root. Owned; NULL if there is none. */
static char *group_of(const char *cgroup, const char *controller)
{
    for (const char *line = cgroup; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *names = memchr(line, ':', len);
        const char *path =
            names != NULL
                ? memchr(names + 1, ':', len - (size_t)(names + 1 - line))
                : NULL;

        if (path != NULL) {
            size_t n = (size_t)(path - names - 1);

            if (controller[0] == '\0' ? n == 0
                                      : has_word(names + 1, n, controller))
                return neap_strndup(path + 1, len - (size_t)(path + 1 - line));
        }
        line += len + (line[len] == '\n');
    }
    return NULL;
}

/* Octal escapes of mountinfo (\040 is a blank) in place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; to++) {
        if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' &&
            at[2] <= '7' && at[3] >= '0' && at[3] <= '7') {
            *to = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + at[3] - '0');
            at += 4;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

/* Split a line of mountinfo at blanks; returns the index of "-", 0 if bad. */
static int split(char *line, char *field[FIELDS_MAX], int *count)
{
    int dash = 0;
    char *rest;

    *count = 0;
    for (char *at = strtok_r(line, " ", &rest);
         at != NULL && *count < FIELDS_MAX; at = strtok_r(NULL, " ", &rest)) {
        if (dash == 0 && strcmp(at, "-") == 0)
            dash = *count;
        unescape(at);
        field[(*count)++] = at;
    }
    return dash >= 5 && dash + 3 < *count ? dash : 0;
}

/* "/a/b" as seen under a mount of "/a" at "/m" is "/m/b". Owned or NULL. */
static char *join(const char *where, const char *part, const char *group)
{
    size_t n = strcmp(part, "/") == 0 ? 0 : strlen(part);

    if (strncmp(group, part, n) != 0 || (group[n] != '/' && group[n] != '\0'))
        return NULL;
    group += n;
    return neap_format("%s%s", where, strcmp(group, "/") == 0 ? "" : group);
}

static char *find_path(const char *cgroup, const char *mountinfo,
                       const char *controller)
{
    char *group = group_of(cgroup, controller);
    const char *type = controller[0] == '\0' ? "cgroup2" : "cgroup";
    char *path = NULL;

    for (const char *at = mountinfo;
         group != NULL && path == NULL && *at != '\0';) {
        size_t len = strcspn(at, "\n");
        char *line = neap_strndup(at, len), *field[FIELDS_MAX];
        int count, dash = split(line, field, &count);

        if (dash > 0 && strcmp(field[dash + 1], type) == 0 &&
            (controller[0] == '\0' ||
             has_word(field[dash + 3], strlen(field[dash + 3]), controller)))
            path = join(field[4], field[3], group);
        neap_free(line);
        at += len + (at[len] == '\n');
    }
    neap_free(group);
    return path;
}

void neap_cgroup_paths_parse(const char *cgroup, const char *mountinfo,
                             struct neap_cgroup_paths *ret)
{
    ret->v2 = find_path(cgroup, mountinfo, "");
    ret->v1_memory = find_path(cgroup, mountinfo, "memory");
    ret->v1_cpu = find_path(cgroup, mountinfo, "cpu");
}

static char *read_proc(const char *path)
{
    struct neap_buf text = NEAP_BUF_INIT;
    FILE *file = fopen(path, "re");
    size_t n = 0;

    neap_buf_puts(&text, "");
    while (file != NULL && text.len < PROC_MAX) {
        n = fread(neap_buf_reserve(&text, 4096), 1, 4096, file);
        if (n == 0)
            break;
        text.len += n;
    }
    if (file != NULL)
        fclose(file);
    neap_buf_putc(&text, '\0');
    return neap_buf_take(&text);
}

void neap_cgroup_paths_find(struct neap_cgroup_paths *ret)
{
    char *cgroup = read_proc("/proc/self/cgroup");
    char *mountinfo = read_proc("/proc/self/mountinfo");

    neap_cgroup_paths_parse(cgroup, mountinfo, ret);
    neap_free(cgroup);
    neap_free(mountinfo);
}

void neap_cgroup_paths_deinit(struct neap_cgroup_paths *paths)
{
    neap_free(paths->v2);
    neap_free(paths->v1_memory);
    neap_free(paths->v1_cpu);
    memset(paths, 0, sizeof *paths);
}
