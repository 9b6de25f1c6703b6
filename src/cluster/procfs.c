#include "cluster/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { TREE_MAX = 1 << 16 };

struct pids {
    pid_t *pid;
    int count, room;
};

static void add_pid(struct pids *pids, pid_t pid)
{
    if (pids->count >= TREE_MAX)
        return;
    if (pids->count == pids->room) {
        pids->room = pids->room > 0 ? 2 * pids->room : 16;
        pids->pid =
            neap_realloc(pids->pid, (size_t)pids->room, sizeof *pids->pid);
    }
    pids->pid[pids->count++] = pid;
}

/* The beginning of a small file as a string; false if there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, text, size - 1);
    close(fd);
    if (n < 0)
        return false;
    text[n] = '\0';
    return true;
}

static void add_list(struct pids *pids, const char *path)
{
    FILE *file = fopen(path, "re");
    int pid;

    if (file == NULL)
        return;
    while (fscanf(file, "%d", &pid) == 1)
        add_pid(pids, pid);
    fclose(file);
}

/* Children belong to the thread that made them. */
static void add_children(struct pids *pids, pid_t parent)
{
    const struct dirent *entry;
    char path[320];
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    dir = opendir(path);
    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)parent,
                 entry->d_name);
        add_list(pids, path);
    }
    closedir(dir);
}

pid_t *neap_proc_children(pid_t parent, int *count)
{
    struct pids pids = { 0 };

    add_children(&pids, parent);
    *count = pids.count;
    return pids.pid;
}

pid_t *neap_proc_below(pid_t root, int *count)
{
    struct pids pids = { 0 };

    add_children(&pids, root);
    for (int i = 0; i < pids.count; i++)
        add_children(&pids, pids.pid[i]);
    *count = pids.count;
    return pids.pid;
}

static int64_t resident(pid_t pid)
{
    char path[64], text[256];
    long long pages = 0;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (!read_text(path, text, sizeof text) ||
        sscanf(text, "%*s %lld", &pages) != 1)
        return 0;
    return pages * sysconf(_SC_PAGESIZE);
}

static int64_t proportional(pid_t pid)
{
    char path[64], text[1024];
    const char *at;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    if (!read_text(path, text, sizeof text))
        return 0;
    at = strstr(text, "\nPss:");
    return at != NULL ? strtoll(at + 5, NULL, 10) * 1024 : 0;
}

int64_t neap_proc_memory_below(pid_t root, bool shared)
{
    int count;
    pid_t *pid = neap_proc_below(root, &count);
    int64_t sum = 0;

    for (int i = 0; i < count; i++)
        sum += shared ? resident(pid[i]) : proportional(pid[i]);
    neap_free(pid);
    return sum;
}
