/* Control groups: paths from /proc texts; version 2 in a folder that stands
 * for a hierarchy (this does not need a kernel that has it); version 1 for
 * real where we may. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"
#include "base/mem.h"
#include "cluster/cgroup.h"
#include "cluster/cgroup_find.h"

static void paths(void **state)
{
    static const struct {
        const char *cgroup, *mountinfo, *v2, *memory, *cpu;
    } cases[] = {
        { "0::/user.slice/a\n",
          "30 20 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n",
          "/sys/fs/cgroup/user.slice/a", NULL, NULL },
        { "4:memory:/job\n3:cpu,cpuacct:/\n0::/\n",
          "1 2 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
          "1 2 0:2 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
          "1 2 0:3 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n",
          "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory/job",
          "/sys/fs/cgroup/cpu" },
        /* in a container: only a part of the hierarchy is mounted */
        { "4:memory:/docker/x/y\n",
          "1 2 0:1 /docker/x /cg\\040m ro - cgroup cgroup rw,memory\n", NULL,
          "/cg m/y", NULL },
        { "4:memory:/docker/other\n",
          "1 2 0:1 /docker/x /cg ro - cgroup cgroup rw,memory\n", NULL, NULL,
          NULL },
        { "", "", NULL, NULL, NULL },
        { "bad\n::\n1:\n", "a b - c\n\n- - - -\n", NULL, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct neap_cgroup_paths got;
        const char *want[] = { cases[i].v2, cases[i].memory, cases[i].cpu };
        const char *have[3];

        neap_cgroup_paths_parse(cases[i].cgroup, cases[i].mountinfo, &got);
        have[0] = got.v2;
        have[1] = got.v1_memory;
        have[2] = got.v1_cpu;
        for (int k = 0; k < 3; k++) {
            assert_int_equal(have[k] == NULL, want[k] == NULL);
            if (want[k] != NULL)
                assert_string_equal(have[k], want[k]);
        }
        neap_cgroup_paths_deinit(&got);
    }
}

static void put(const char *dir, const char *name, const char *text)
{
    char *path = neap_format("%s/%s", dir, name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    neap_free(path);
}

static void expect(const char *dir, const char *name, const char *want)
{
    char *path = neap_format("%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    char text[256] = "";

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, want);
    neap_free(path);
}

static void version_2(void **state)
{
    char root[] = "/tmp/neap-test-XXXXXX", *dir, *rm;
    struct neap_cgroups *groups;
    struct neap_cgroup *group;

    (void)state;
    assert_non_null(mkdtemp(root));
    put(root, "cgroup.controllers", "cpu memory pids\n");
    put(root, "cgroup.subtree_control", "");
    assert_int_equal(neap_cgroups_open(NEAP_CGROUP_AUTO, root, &groups, NULL),
                     0);
    assert_int_equal(neap_cgroups_mode(groups), NEAP_CGROUP_V2);
    expect(root, "cgroup.subtree_control", "+memory +cpu");
    assert_int_equal(neap_cgroup_open(groups, 7, &group, NULL), 0);
    dir = neap_format("%s/neap-agent-%d/s7", root, (int)getpid());
    assert_memory_equal(neap_cgroup_procs(group, 0), dir, strlen(dir));
    assert_null(neap_cgroup_procs(group, 1));
    expect(dir, "memory.swap.max", "0");

    assert_int_equal(neap_cgroup_limit(group, 1 << 20, 2000, NULL), 0);
    expect(dir, "memory.max", "2097152"); /* and 1 MiB for the shim */
    expect(dir, "cpu.weight", "200");
    put(dir, "memory.max", "untouched");
    assert_int_equal(neap_cgroup_limit(group, 1 << 20, 2000, NULL), 0);
    expect(dir, "memory.max", "untouched");
    assert_int_equal(neap_cgroup_limit(group, 0, 2000, NULL), 0);
    expect(dir, "memory.max", "max");

    assert_int_equal(neap_cgroup_oom_kills(group), 0);
    put(dir, "memory.events", "low 0\noom 4\noom_kill 3\n");
    assert_int_equal(neap_cgroup_oom_kills(group), 3);
    assert_int_equal(neap_cgroup_oom_kills(group), 0);

    rm = neap_format("rm -rf %s/*", dir); /* a real group has no files */
    assert_int_equal(system(rm), 0);
    neap_free(rm);
    neap_cgroup_close(group);
    assert_int_equal(access(dir, F_OK), -1);
    rm = neap_format("rm -f %s/neap-agent-*/cgroup.*", root);
    assert_int_equal(system(rm), 0);
    neap_cgroups_close(groups);
    neap_free(rm);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(access(dir, F_OK), -1);
    rm = neap_format("rm -r %s", root);
    assert_int_equal(system(rm), 0);
    neap_free(rm);
    neap_free(dir);
}

static void what_is_not_there(void **state)
{
    char root[] = "/tmp/neap-test-XXXXXX";
    struct neap_cgroups *groups = NULL;
    struct neap_cgroup *group;

    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(neap_cgroups_open(NEAP_CGROUP_V2, root, &groups, NULL),
                     NEAP_ENOTSUPPORTED);
    assert_null(groups);
    assert_int_equal(rmdir(root), 0); /* nothing was left in it */
    assert_int_equal(neap_cgroups_open(NEAP_CGROUP_NONE, NULL, &groups, NULL),
                     0);
    assert_int_equal(neap_cgroup_open(groups, 1, &group, NULL), 0);
    assert_null(group);
    assert_int_equal(neap_cgroup_limit(group, 1, 1, NULL), 0);
    assert_null(neap_cgroup_procs(group, 0));
    neap_cgroup_close(group);
    neap_cgroups_close(groups);
}

/* What an agent that was killed has left is removed by the next one. */
static void leftovers(void **state)
{
    char root[] = "/tmp/neap-test-XXXXXX", *old;
    struct neap_cgroups *groups;
    pid_t dead = fork();

    (void)state;
    if (dead == 0)
        _exit(0);
    assert_int_equal(waitpid(dead, NULL, 0), dead);
    assert_non_null(mkdtemp(root));
    old = neap_format("%s/neap-agent-%d", root, (int)dead);
    assert_int_equal(mkdir(old, 0700), 0);
    assert_int_equal(neap_cgroups_open(NEAP_CGROUP_V1, root, &groups, NULL), 0);
    assert_int_equal(access(old, F_OK), -1);
    neap_cgroups_close(groups);
    assert_int_equal(rmdir(root), 0);
    neap_free(old);
}

static void version_1(void **state)
{
    struct neap_cgroups *groups;
    struct neap_cgroup *group;
    char *dir, limit[32] = "";
    FILE *file;

    (void)state;
    if (neap_cgroups_open(NEAP_CGROUP_V1, NULL, &groups, NULL) < 0)
        skip();
    assert_int_equal(neap_cgroup_open(groups, 1, &group, NULL), 0);
    assert_int_equal(neap_cgroup_limit(group, 63 << 20, 1000, NULL), 0);
    dir = neap_strdup(neap_cgroup_procs(group, 0));
    *strrchr(dir, '/') = '\0';
    expect(dir, "memory.limit_in_bytes", "67108864\n");
    file = fopen(neap_cgroup_procs(group, 0), "re");
    assert_null(fgets(limit, sizeof limit, file));
    fclose(file);
    neap_cgroup_close(group);
    neap_cgroups_close(groups);
    assert_int_equal(access(dir, F_OK), -1);
    neap_free(dir);
}

static void names(void **state)
{
    (void)state;
    for (int i = NEAP_CGROUP_AUTO; i <= NEAP_CGROUP_NONE; i++)
        assert_int_equal(neap_cgroup_mode_parse(
                             neap_cgroup_mode_name((enum neap_cgroup_mode)i)),
                         i);
    assert_int_equal(neap_cgroup_mode_parse("v3"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),     cmocka_unit_test(version_2),
        cmocka_unit_test(leftovers), cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(version_1), cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
