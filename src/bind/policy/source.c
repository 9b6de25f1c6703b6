#include "bind/policy/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"

static const char *const module_names[] = {
    "neap.suggest",        "neap.units",          "neap.policy",
    "neap.policy.params",  "neap.policy.sandbox", "neap.policy.view",
    "neap.policy.round",   "neap.policy.place",   "neap.policy.demand",
    "neap.policy.request", "neap.policy.context", "neap.policy.check",
    "neap.policy.craft",   "neap.driver",
};
#define MODULES ((int)(sizeof(module_names) / sizeof(*module_names)))

static int read_open(FILE *file, const char *path, struct neap_buf *out,
                     struct neap_err *err)
{
    struct stat st;
    size_t n;

    if (fstat(fileno(file), &st) != 0)
        return neap_err_errno(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return neap_err_set(err, NEAP_EINVAL, "%s is no regular file", path);
    do {
        char *at = neap_buf_reserve(out, 65536);

        n = fread(at, 1, 65536, file);
        out->len += n;
        if (out->len > NEAP_POLICY_FILE_MAX)
            return neap_err_set(err, NEAP_EEXHAUSTED,
                                "%s is larger than 1 MiB: no policy", path);
    } while (n > 0);
    if (ferror(file))
        return neap_err_errno(err, errno, "%s", path);
    return 0;
}

static int read_text(const char *path, char **ret, size_t *ret_len,
                     struct neap_err *err)
{
    struct neap_buf out = NEAP_BUF_INIT;
    FILE *file = fopen(path, "rbe");
    int rc;

    if (!file)
        return neap_err_errno(err, errno, "%s", path);
    rc = read_open(file, path, &out, err);
    fclose(file);
    if (rc < 0) {
        neap_buf_deinit(&out);
        return rc;
    }
    neap_buf_putc(&out, '\0');
    *ret_len = out.len - 1;
    *ret = neap_buf_take(&out);
    return 0;
}

static char *module_path(const char *lua_path, const char *name)
{
    char *path = neap_format("%s/%s.lua", lua_path, name);

    for (char *p = path + strlen(lua_path); p[4] != '\0'; p++) {
        if (*p == '.')
            *p = '/';
    }
    return path;
}

struct neap_sources *neap_sources_create(const char *lua_path,
                                         struct neap_err *err)
{
    struct neap_sources *sources = NEAP_NEW(struct neap_sources);

    sources->lua_path = neap_strdup(lua_path);
    sources->module = neap_calloc(MODULES, sizeof(*sources->module));
    for (int i = 0; i < MODULES; i++) {
        struct neap_source_module *m = &sources->module[i];

        m->name = neap_strdup(module_names[i]);
        m->path = module_path(lua_path, m->name);
        sources->count++;
        if (read_text(m->path, &m->text, &m->len, err) < 0) {
            neap_err_prefix(err, "policies");
            neap_sources_destroy(sources);
            return NULL;
        }
    }
    return sources;
}

static void free_module(struct neap_source_module *m)
{
    neap_free(m->name);
    neap_free(m->path);
    neap_free(m->text);
}

void neap_sources_destroy(struct neap_sources *sources)
{
    if (!sources)
        return;
    neap_sources_forget(sources);
    neap_free(sources->other);
    for (int i = 0; i < sources->count; i++)
        free_module(&sources->module[i]);
    neap_free(sources->module);
    neap_free(sources->lua_path);
    neap_free(sources);
}

static int is_path(const char *name)
{
    size_t n = strlen(name);

    return strchr(name, '/') || (n > 4 && strcmp(name + n - 4, ".lua") == 0);
}

/* Folders in which names are looked up, as one string with colons. */
static char *search_path(const struct neap_sources *sources)
{
    const char *more = getenv("NEAP_POLICY_PATH");

    return neap_format("%s/../policies%s%s", sources->lua_path,
                       more && *more ? ":" : "", more ? more : "");
}

static int is_policy(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 4 && strcmp(entry->d_name + n - 4, ".lua") == 0;
}

/* Append ", name" for each policy in `folder`. */
static void list_folder(struct neap_buf *out, const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_policy, alphasort);

    for (int i = 0; i < n; i++) {
        neap_buf_printf(out, "%s%.*s", out->len ? ", " : "",
                        (int)strlen(entries[i]->d_name) - 4,
                        entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

static int not_found(const char *name, char *folders, struct neap_err *err)
{
    struct neap_buf known = NEAP_BUF_INIT;
    char *rest = folders;
    char *folder;
    int rc;

    while ((folder = strsep(&rest, ":")))
        list_folder(&known, folder);
    rc = neap_err_set(err, NEAP_ENOTEXIST,
                      "there is no policy '%s'; there are: %s (a file is "
                      "given by its path, with a '/' or '.lua')",
                      name, known.len ? known.data : "none");
    neap_buf_deinit(&known);
    return rc;
}

static char *look_up(const char *name, const char *folders)
{
    char *copy = neap_strdup(folders);
    char *rest = copy;
    char *found = NULL;
    char *folder;

    while (!found && (folder = strsep(&rest, ":"))) {
        struct stat st;

        found = neap_format("%s/%s.lua", folder, name);
        if (stat(found, &st) != 0) {
            neap_free(found);
            found = NULL;
        }
    }
    neap_free(copy);
    return found;
}

static int find_policy(const struct neap_sources *sources,
                       const char *name_or_path, char **ret_path,
                       char **ret_text, size_t *ret_len, struct neap_err *err)
{
    char *path = NULL;
    char *text;
    int rc;

    if (is_path(name_or_path)) {
        path = neap_strdup(name_or_path);
    } else {
        char *folders = search_path(sources);

        path = look_up(name_or_path, folders);
        rc = path ? 0 : not_found(name_or_path, folders, err);
        neap_free(folders);
        if (rc < 0)
            return rc;
    }
    rc = read_text(path, &text, ret_len, err);
    if (rc < 0) {
        neap_err_prefix(err, "policy");
        neap_free(path);
        return rc;
    }
    *ret_path = path;
    *ret_text = text;
    return 0;
}

int neap_sources_policy(const struct neap_sources *sources,
                        const char *name_or_path, char **ret_path,
                        char **ret_text, struct neap_err *err)
{
    size_t len;

    return find_policy(sources, name_or_path, ret_path, ret_text, &len, err);
}

const struct neap_source_module *neap_sources_other(
    struct neap_sources *sources, const char *name, struct neap_err *err)
{
    struct neap_source_module found = { .name = NULL };
    struct neap_source_module *kept;

    for (int i = 0; i < sources->nothers; i++) {
        if (strcmp(sources->other[i]->name, name) == 0)
            return sources->other[i];
    }
    if (find_policy(sources, name, &found.path, &found.text, &found.len, err) <
        0)
        return NULL;
    if (sources->nothers == sources->others_cap) {
        sources->others_cap = 2 * sources->others_cap + 4;
        sources->other =
            neap_realloc(sources->other, (size_t)sources->others_cap,
                         sizeof(struct neap_source_module *));
    }
    kept = NEAP_NEW(struct neap_source_module);
    *kept = found;
    kept->name = neap_strdup(name);
    sources->other[sources->nothers++] = kept;
    return kept;
}

void neap_sources_forget(struct neap_sources *sources)
{
    for (int i = 0; i < sources->nothers; i++) {
        free_module(sources->other[i]);
        neap_free(sources->other[i]);
    }
    sources->nothers = 0;
}
