/* neap-agent: runs tasks on this machine for an engine. */
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cluster/agent.h"

static const char usage[] =
    "usage: neap-agent --socket PATH --repo DIR [options]\n"
    "\n"
    "Runs tasks on this machine for an engine.\n"
    "\n"
    "  --socket PATH        the engine's socket for agents\n"
    "  --repo DIR           repository; tasks work on its file system\n"
    "  --work DIR           folder for running tasks (REPO/work/PID)\n"
    "  --name NODE          name of this node (host name)\n"
    "  --shim PATH          neap-shim (beside this program)\n"
    "  --cpu N              cores to offer (all)\n"
    "  --mem BYTES          memory to offer (all but 5 %)\n"
    "  --disk BYTES         disk space to offer (what is free)\n"
    "  --res NAME=AMOUNT    gpu or another resource to offer; may be repeated\n"
    "  --label KEY=VALUE    a further fact about this node; may be repeated\n"
    "  --cgroup MODE        auto, v2, v1 or none\n"
    "  --cgroup-root DIR    stands for our own control group\n"
    "  --private            of one run: end when the engine does not answer\n"
    "  --help               this text\n";

enum option_id {
    OPT_SOCKET = 256,
    OPT_REPO,
    OPT_WORK,
    OPT_NAME,
    OPT_SHIM,
    OPT_CPU,
    OPT_MEM,
    OPT_DISK,
    OPT_RES,
    OPT_LABEL,
    OPT_CGROUP,
    OPT_CGROUP_ROOT,
    OPT_PRIVATE,
    OPT_HELP
};

static const struct option long_options[] = {
    { "socket", required_argument, NULL, OPT_SOCKET },
    { "repo", required_argument, NULL, OPT_REPO },
    { "work", required_argument, NULL, OPT_WORK },
    { "name", required_argument, NULL, OPT_NAME },
    { "shim", required_argument, NULL, OPT_SHIM },
    { "cpu", required_argument, NULL, OPT_CPU },
    { "mem", required_argument, NULL, OPT_MEM },
    { "disk", required_argument, NULL, OPT_DISK },
    { "res", required_argument, NULL, OPT_RES },
    { "label", required_argument, NULL, OPT_LABEL },
    { "cgroup", required_argument, NULL, OPT_CGROUP },
    { "cgroup-root", required_argument, NULL, OPT_CGROUP_ROOT },
    { "private", no_argument, NULL, OPT_PRIVATE },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

__attribute__((noreturn, format(printf, 1, 2))) static void bad_usage(
    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("neap-agent: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\nneap-agent: see neap-agent --help\n", stderr);
    va_end(args);
    exit(2);
}

/* A positive amount; `scale` makes the unit of core/res.h of it. */
static int64_t amount(const char *name, const char *text, double scale)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(value) || value <= 0 ||
        value * scale > 9e18)
        bad_usage("--%s: '%s' is not a positive number", name, text);
    return (int64_t)llround(value * scale);
}

static void add_label(struct neap_strmap *labels, const char *text)
{
    const char *equal = strchr(text, '=');
    char *key;

    if (equal == NULL || equal == text)
        bad_usage("--label: '%s' is not KEY=VALUE", text);
    key = neap_strndup(text, (size_t)(equal - text));
    neap_strmap_set(labels, key, equal + 1);
    neap_free(key);
}

/* The name points into the argument, which is ours to cut. */
static void add_res(struct neap_agent_options *o, char *text)
{
    char *equal = strchr(text, '=');

    if (equal == NULL || equal == text)
        bad_usage("--res: '%s' is not NAME=AMOUNT", text);
    if (o->nres == NEAP_LABELS_MAX - NEAP_LABELS_FIXED + 1)
        bad_usage("--res: more than %d resources", o->nres);
    *equal = '\0';
    if (strcmp(text, "cpu") == 0 || strcmp(text, "mem") == 0 ||
        strcmp(text, "disk") == 0)
        bad_usage("--res: '%s' has an option of its own", text);
    for (int i = 0; i < o->nres; i++) {
        if (strcmp(o->res[i].label, text) == 0)
            bad_usage("--res: '%s' is there twice", text);
    }
    o->res[o->nres++] =
        (struct neap_wire_amount){ text, amount("res", equal + 1, 1000) };
}

static void set_option(struct neap_agent_options *o, int id, char *text)
{
    int mode;

    switch (id) {
    case OPT_SOCKET:
        o->socket = text;
        break;
    case OPT_REPO:
        o->repo = text;
        break;
    case OPT_WORK:
        o->work = text;
        break;
    case OPT_NAME:
        o->node = text;
        break;
    case OPT_SHIM:
        o->shim = text;
        break;
    case OPT_CPU:
        o->cpu = amount("cpu", text, 1000);
        break;
    case OPT_MEM:
        o->mem = amount("mem", text, 1);
        break;
    case OPT_DISK:
        o->disk = amount("disk", text, 1);
        break;
    case OPT_RES:
        add_res(o, text);
        break;
    case OPT_LABEL:
        add_label(o->labels, text);
        break;
    case OPT_CGROUP:
        mode = neap_cgroup_mode_parse(text);
        if (mode < 0)
            bad_usage("--cgroup: '%s' is not auto, v2, v1 or none", text);
        o->cgroup = (enum neap_cgroup_mode)mode;
        break;
    case OPT_CGROUP_ROOT:
        o->cgroup_root = text;
        break;
    case OPT_PRIVATE:
        o->private_engine = true;
        break;
    case OPT_HELP:
        fputs(usage, stdout);
        exit(0);
    default:
        exit(2); /* getopt has said what is wrong */
    }
}

/* neap-shim in the folder of this program. Owned. */
static char *default_shim(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    path[n > 0 ? n : 0] = '\0';
    if (strrchr(path, '/') != NULL)
        strrchr(path, '/')[0] = '\0';
    return neap_format("%s/neap-shim", path);
}

static void set_defaults(struct neap_agent_options *o, char *host, size_t size)
{
    if (o->socket == NULL)
        bad_usage("--socket is needed: the engine's socket for agents");
    if (o->repo == NULL)
        bad_usage("--repo is needed: the folder of the repository");
    if (o->node == NULL) {
        if (gethostname(host, size) < 0)
            snprintf(host, size, "localhost");
        host[size - 1] = '\0';
        o->node = host;
    }
    o->path = getenv("PATH");
    if (o->path == NULL || o->path[0] == '\0')
        o->path = "/usr/local/bin:/usr/bin:/bin";
}

/* An absolute path for a folder that may not exist yet. Owned. */
static char *absolute(const char *path)
{
    char *cwd, *full;

    if (path[0] == '/')
        return neap_strdup(path);
    cwd = getcwd(NULL, 0);
    if (cwd == NULL)
        bad_usage("the current folder has gone; '%s' means nothing", path);
    full = neap_format("%s/%s", cwd, path);
    free(cwd);
    return full;
}

int main(int argc, char **argv)
{
    struct neap_agent_options options = { .labels = neap_strmap_create() };
    char host[256], *repo, *work, *shim;
    struct neap_err err;
    int id, rc;

    neap_log_init("agent");
    while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        set_option(&options, id, optarg);
    if (optind < argc)
        bad_usage("'%s' is no option", argv[optind]);
    set_defaults(&options, host, sizeof host);
    repo = absolute(options.repo);
    work = options.work != NULL
               ? absolute(options.work)
               : neap_format("%s/work/%d", repo, (int)getpid());
    shim = options.shim != NULL ? absolute(options.shim) : default_shim();
    options.repo = repo;
    options.work = work;
    options.shim = shim;
    rc = neap_agent_run(&options, &err);
    if (rc < 0)
        neap_log(NEAP_ERROR, "%s", err.text);
    neap_strmap_destroy(options.labels);
    neap_free(repo);
    neap_free(work);
    neap_free(shim);
    return rc < 0 ? 1 : 0;
}
