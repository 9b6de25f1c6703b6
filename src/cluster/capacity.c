#include "cluster/capacity.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "cluster/cgroup_find.h"

/* First line of DIR/NAME; false if there is none. */
static bool read_line(const char *dir, const char *name, char *line,
                      size_t size)
{
    char *path = neap_format("%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
    FILE *file = fopen(path, "re");
    bool ok = file != NULL && fgets(line, (int)size, file) != NULL;

    if (file != NULL)
        fclose(file);
    neap_free(path);
    return ok;
}

/* The smaller of `most` and a positive number in DIR/NAME. */
static int64_t at_most(int64_t most, const char *dir, const char *name)
{
    char line[64];
    int64_t value;

    if (dir == NULL || !read_line(dir, name, line, sizeof line))
        return most;
    value = strtoll(line, NULL, 10); /* "max" is 0 */
    return value > 0 && value < most ? value : most;
}

static int64_t count_cpus(const struct neap_cgroup_paths *paths)
{
    int64_t cpu = get_nprocs() * INT64_C(1000), quota = 0, period = 0;
    char line[64];
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cpu = CPU_COUNT(&set) * INT64_C(1000);
    if (paths->v2 != NULL &&
        read_line(paths->v2, "cpu.max", line, sizeof line)) {
        long long q, p;

        if (sscanf(line, "%lld %lld", &q, &p) == 2) {
            quota = q;
            period = p;
        }
    }
    if (paths->v1_cpu != NULL) {
        quota = at_most(INT64_MAX / 1000, paths->v1_cpu, "cpu.cfs_quota_us");
        period = at_most(INT64_MAX, paths->v1_cpu, "cpu.cfs_period_us");
    }
    if (quota > 0 && period > 0 && quota < INT64_MAX / 1000 &&
        quota * 1000 / period < cpu)
        cpu = quota * 1000 / period;
    return cpu > 0 ? cpu : 1;
}

static int64_t count_memory(const struct neap_cgroup_paths *paths)
{
    struct sysinfo info;
    int64_t mem = 0;

    if (sysinfo(&info) == 0)
        mem = (int64_t)info.totalram * info.mem_unit;
    mem = at_most(mem, paths->v2, "memory.max");
    mem = at_most(mem, paths->v1_memory, "memory.limit_in_bytes");
    return mem / 100 * 95;
}

int neap_capacity_find(const char *repo, struct neap_capacity *ret,
                       struct neap_err *err)
{
    struct neap_cgroup_paths paths;
    struct statvfs fs;

    if (statvfs(repo, &fs) < 0)
        return neap_err_errno(err, errno, "asking for the space at '%s'", repo);
    neap_cgroup_paths_find(&paths);
    ret->cpu = count_cpus(&paths);
    ret->mem = count_memory(&paths);
    ret->disk = (int64_t)(fs.f_bavail * fs.f_frsize);
    neap_cgroup_paths_deinit(&paths);
    return 0;
}

/* The value of "KEY<sep>value" in a file of such lines, without quotes. */
static void find_value(const char *path, const char *key, char sep, char *out,
                       size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length = strlen(key);
    char line[512];

    out[0] = '\0';
    while (file != NULL && out[0] == '\0' &&
           fgets(line, sizeof line, file) != NULL) {
        char *at = strchr(line, sep);

        if (strncmp(line, key, length) != 0 || at == NULL)
            continue;
        at += 1 + strspn(at + 1, " \t\"");
        at[strcspn(at, "\"\n")] = '\0';
        snprintf(out, size, "%s", at);
    }
    if (file != NULL)
        fclose(file);
}

static void set_fact(struct neap_strmap *facts, const char *key,
                     const char *value)
{
    if (value[0] != '\0')
        neap_strmap_set(facts, key, value);
}

void neap_capacity_facts(struct neap_strmap *facts)
{
    struct utsname name;
    char text[256];

    if (uname(&name) == 0) {
        set_fact(facts, "cpu.arch", name.machine);
        set_fact(facts, "kernel", name.release);
        set_fact(facts, "hostname", name.nodename);
    }
    find_value("/proc/cpuinfo", "model name", ':', text, sizeof text);
    set_fact(facts, "cpu.model", text);
    find_value("/etc/os-release", "PRETTY_NAME", '=', text, sizeof text);
    set_fact(facts, "os", text);
}
