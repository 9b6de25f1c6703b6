/* Groups are called neap-agent-PID/sN, so that the next agent can see whose
 * are left over.
 *
 * Version 2 allows controllers only below groups without processes: if our
 * own group does not pass the memory controller on, we move ourselves into a
 * leaf of the agent's group and try again. Where others live in our group
 * that fails, and there is no version 2 for us.
 */
#include "cluster/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cluster/cgroup_find.h"

#define PREFIX "neap-agent-"

enum {
    HIERARCHIES = 2,        /* version 1: memory, cpu */
    SHIM_BYTES = 1 << 20,   /* the shim lives in the group too */
    SHARES_PER_CORE = 1024, /* version 1 */
    WEIGHT_PER_CORE = 100,  /* version 2 */
    WEIGHT_MAX = 10000,
    REMOVE_TRIES = 200, /* of 5 ms: until the last process is gone */
};

struct neap_cgroups {
    enum neap_cgroup_mode mode;
    char *own[HIERARCHIES];   /* our own group; NULL: not used */
    char *agent[HIERARCHIES]; /* the agent's */
};

struct neap_cgroup {
    enum neap_cgroup_mode mode;
    char *path[HIERARCHIES], *procs[HIERARCHIES];
    int64_t mem, cpu; /* as written; -1: not yet */
    int events;       /* where the kernel counts its kills, open; -1: not yet */
    int64_t oom_kills;
};

static const char *const mode_names[] = { "auto", "v2", "v1", "none" };

int neap_cgroup_mode_parse(const char *name)
{
    for (int i = NEAP_CGROUP_AUTO; i <= NEAP_CGROUP_NONE; i++) {
        if (strcmp(name, mode_names[i]) == 0)
            return i;
    }
    return -1;
}

const char *neap_cgroup_mode_name(enum neap_cgroup_mode mode)
{
    return mode_names[mode];
}

/* Returns 0 or an errno. (O_CREAT does nothing in a real hierarchy, whose
 * files are there; it lets a test use a plain folder.) */
static int write_file(const char *dir, const char *name, const char *text)
{
    char *path = neap_format("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int number = fd < 0 ? errno : 0;

    if (fd >= 0) {
        if (write(fd, text, strlen(text)) < 0)
            number = errno;
        close(fd);
    }
    neap_free(path);
    return number;
}

static bool read_file(const char *dir, const char *name, char *text,
                      size_t size)
{
    char *path = neap_format("%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;

    if (fd >= 0)
        close(fd);
    neap_free(path);
    text[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

/* A group cannot be removed while a killed process is still leaving it. */
static void remove_group(const char *path)
{
    for (int i = 0; i < REMOVE_TRIES; i++) {
        if (rmdir(path) == 0 || errno != EBUSY)
            return;
        usleep(5000);
    }
}

static void remove_agent(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            char *sub = neap_format("%s/%s", path, entry->d_name);

            remove_group(sub);
            neap_free(sub);
        }
    }
    if (dir != NULL)
        closedir(dir);
    remove_group(path);
}

/* Groups of agents that are no more. */
static void remove_leftovers(const char *own)
{
    DIR *dir = opendir(own);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        pid_t pid;

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        pid = atoi(entry->d_name + strlen(PREFIX));
        if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH) {
            char *path = neap_format("%s/%s", own, entry->d_name);

            remove_agent(path);
            neap_free(path);
        }
    }
    if (dir != NULL)
        closedir(dir);
}

/* Enter `own` as hierarchy `i` and make the agent's group in it. */
static int add_hierarchy(struct neap_cgroups *groups, int i, char *own,
                         struct neap_err *err)
{
    groups->own[i] = own;
    remove_leftovers(own);
    groups->agent[i] = neap_format("%s/" PREFIX "%d", own, (int)getpid());
    if (mkdir(groups->agent[i], 0755) < 0 && errno != EEXIST)
        return neap_err_errno(err, errno, "making the control group '%s'",
                              groups->agent[i]);
    return 0;
}

static bool controller_on(const char *dir)
{
    char text[512];

    return read_file(dir, "cgroup.subtree_control", text, sizeof text) &&
           strstr(text, "memory") != NULL;
}

static int pass_on(const char *dir)
{
    if (controller_on(dir))
        return 0;
    if (write_file(dir, "cgroup.subtree_control", "+memory +cpu") == 0)
        return 0;
    return write_file(dir, "cgroup.subtree_control", "+memory");
}

static int enable_v2(struct neap_cgroups *groups, struct neap_err *err)
{
    const char *own = groups->own[0], *agent = groups->agent[0];
    int number = pass_on(own);

    if (number == EBUSY) {
        char *leaf = neap_format("%s/agent", agent);

        (void)mkdir(leaf, 0755);
        if (write_file(leaf, "cgroup.procs", "0") == 0) {
            number = pass_on(own);
            if (number != 0)
                (void)write_file(own, "cgroup.procs", "0");
        }
        neap_free(leaf);
    }
    if (number == 0)
        number = pass_on(agent);
    if (number == 0)
        return 0;
    return neap_err_errno(err, number,
                          "the memory controller of cgroup v2 below '%s'", own);
}

static int open_v2(struct neap_cgroups *groups, const char *path,
                   struct neap_err *err)
{
    char text[512];
    int rc;

    if (path == NULL ||
        !read_file(path, "cgroup.controllers", text, sizeof text) ||
        strstr(text, "memory") == NULL)
        return neap_err_set(err, NEAP_ENOTSUPPORTED,
                            "there is no cgroup v2 with a memory controller");
    groups->mode = NEAP_CGROUP_V2;
    rc = add_hierarchy(groups, 0, neap_strdup(path), err);
    return rc < 0 ? rc : enable_v2(groups, err);
}

static int open_v1(struct neap_cgroups *groups, const char *memory,
                   const char *cpu, struct neap_err *err)
{
    int rc;

    if (memory == NULL)
        return neap_err_set(err, NEAP_ENOTSUPPORTED,
                            "there is no cgroup v1 memory controller");
    groups->mode = NEAP_CGROUP_V1;
    rc = add_hierarchy(groups, 0, neap_strdup(memory), err);
    /* Memory is what limits; shares of cpu are worth having, no more. */
    if (rc == 0 && cpu != NULL && strcmp(cpu, memory) != 0 &&
        add_hierarchy(groups, 1, neap_strdup(cpu), NULL) < 0) {
        neap_free(groups->agent[1]);
        groups->agent[1] = NULL;
    }
    return rc;
}

/* Undo what a mode that does not work has made. */
static void reset(struct neap_cgroups *groups)
{
    for (int i = 0; i < HIERARCHIES; i++) {
        if (groups->agent[i] != NULL)
            remove_agent(groups->agent[i]);
        neap_free(groups->agent[i]);
        neap_free(groups->own[i]);
        groups->agent[i] = groups->own[i] = NULL;
    }
    groups->mode = NEAP_CGROUP_NONE;
}

int neap_cgroups_open(enum neap_cgroup_mode mode, const char *root,
                      struct neap_cgroups **ret, struct neap_err *err)
{
    struct neap_cgroups *groups = NEAP_NEW(struct neap_cgroups);
    struct neap_cgroup_paths paths = { 0 };
    int rc = -1;

    groups->mode = NEAP_CGROUP_NONE;
    if (root != NULL) {
        paths.v2 = neap_strdup(root);
        paths.v1_memory = neap_strdup(root);
    } else {
        neap_cgroup_paths_find(&paths);
    }
    if (mode == NEAP_CGROUP_AUTO || mode == NEAP_CGROUP_V2) {
        rc = open_v2(groups, paths.v2, err);
        if (rc < 0)
            reset(groups);
    }
    if (rc < 0 && (mode == NEAP_CGROUP_AUTO || mode == NEAP_CGROUP_V1)) {
        rc = open_v1(groups, paths.v1_memory, paths.v1_cpu, err);
        if (rc < 0)
            reset(groups);
    }
    neap_cgroup_paths_deinit(&paths);
    if (rc < 0 && (mode == NEAP_CGROUP_V2 || mode == NEAP_CGROUP_V1)) {
        neap_free(groups);
        return rc;
    }
    *ret = groups;
    return 0;
}

void neap_cgroups_close(struct neap_cgroups *groups)
{
    if (groups == NULL)
        return;
    for (int i = 0; i < HIERARCHIES; i++) {
        char *leaf;

        if (groups->agent[i] == NULL)
            continue;
        leaf = neap_format("%s/agent", groups->agent[i]);
        if (access(leaf, F_OK) == 0) /* we are in it ourselves */
            (void)write_file(groups->own[i], "cgroup.procs", "0");
        neap_free(leaf);
    }
    reset(groups);
    neap_free(groups);
}

enum neap_cgroup_mode neap_cgroups_mode(const struct neap_cgroups *groups)
{
    return groups->mode;
}

int neap_cgroup_open(struct neap_cgroups *groups, int number,
                     struct neap_cgroup **ret, struct neap_err *err)
{
    struct neap_cgroup *group;

    *ret = NULL;
    if (groups->mode == NEAP_CGROUP_NONE)
        return 0;
    group = NEAP_NEW(struct neap_cgroup);
    group->mode = groups->mode;
    group->mem = group->cpu = -1;
    group->events = -1;
    for (int i = 0; i < HIERARCHIES && groups->agent[i] != NULL; i++) {
        group->path[i] = neap_format("%s/s%d", groups->agent[i], number);
        group->procs[i] = neap_format("%s/cgroup.procs", group->path[i]);
        if (mkdir(group->path[i], 0755) < 0 && errno != EEXIST) {
            int code =
                neap_err_errno(err, errno, "making '%s'", group->path[i]);

            neap_cgroup_close(group);
            return code;
        }
    }
    if (group->mode == NEAP_CGROUP_V2)
        (void)write_file(group->path[0], "memory.swap.max", "0");
    (void)neap_cgroup_oom_kills(group);
    *ret = group;
    return 0;
}

void neap_cgroup_close(struct neap_cgroup *group)
{
    if (group == NULL)
        return;
    if (group->events >= 0)
        close(group->events);
    for (int i = 0; i < HIERARCHIES; i++) {
        if (group->path[i] != NULL)
            remove_group(group->path[i]);
        neap_free(group->path[i]);
        neap_free(group->procs[i]);
    }
    neap_free(group);
}

const char *neap_cgroup_procs(const struct neap_cgroup *group, int i)
{
    return group != NULL && i < HIERARCHIES ? group->procs[i] : NULL;
}

static int write_mem(const struct neap_cgroup *group, int64_t mem)
{
    bool v2 = group->mode == NEAP_CGROUP_V2;
    char text[32];

    if (mem <= 0)
        snprintf(text, sizeof text, "%s", v2 ? "max" : "-1");
    else
        snprintf(text, sizeof text, "%lld", (long long)mem + SHIM_BYTES);
    return write_file(group->path[0],
                      v2 ? "memory.max" : "memory.limit_in_bytes", text);
}

static void write_cpu(const struct neap_cgroup *group, int64_t cpu)
{
    bool v2 = group->mode == NEAP_CGROUP_V2;
    int64_t value = cpu * (v2 ? WEIGHT_PER_CORE : SHARES_PER_CORE) / 1000;
    char text[32];

    if (value < 2)
        value = 2;
    if (v2 && value > WEIGHT_MAX)
        value = WEIGHT_MAX;
    snprintf(text, sizeof text, "%lld", (long long)value);
    if (v2)
        (void)write_file(group->path[0], "cpu.weight", text);
    else if (group->path[1] != NULL)
        (void)write_file(group->path[1], "cpu.shares", text);
}

int neap_cgroup_limit(struct neap_cgroup *group, int64_t mem, int64_t cpu,
                      struct neap_err *err)
{
    if (group == NULL)
        return 0;
    if (mem != group->mem) {
        int number = write_mem(group, mem);

        if (number != 0)
            return neap_err_errno(err, number,
                                  "limiting the memory of '%s' to %lld bytes",
                                  group->path[0], (long long)mem);
        group->mem = mem;
    }
    if (cpu != group->cpu) {
        write_cpu(group, cpu);
        group->cpu = cpu;
    }
    return 0;
}

/* The file is read after most tasks, so it stays open. */
static void read_events(struct neap_cgroup *group, char *text, size_t size)
{
    ssize_t n = -1;

    if (group->events < 0) {
        char *path =
            neap_format("%s/%s", group->path[0],
                        group->mode == NEAP_CGROUP_V2 ? "memory.events"
                                                      : "memory.oom_control");

        group->events = open(path, O_RDONLY | O_CLOEXEC);
        neap_free(path);
    }
    if (group->events >= 0)
        n = pread(group->events, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
}

int64_t neap_cgroup_oom_kills(struct neap_cgroup *group)
{
    char text[1024];
    const char *at;
    int64_t total, more;

    if (group == NULL)
        return 0;
    read_events(group, text, sizeof text);
    at = strstr(text, "oom_kill ");
    total = at != NULL ? strtoll(at + strlen("oom_kill "), NULL, 10) : 0;
    more = total - group->oom_kills;
    group->oom_kills = total;
    return more > 0 ? more : 0;
}
