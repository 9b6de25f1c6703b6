/* A stack of "in this folder, match the rest of the pattern". A part of the
 * pattern without anything special is not looked for, only its end is: so
 * folders that may be entered but not read do no harm. */
#include "store/glob.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "store/braces.h"
#include "store/pattern.h"

struct state {
    char *folder;     /* owned; "" is where we are, "/" the root */
    const char *rest; /* into the pattern */
};

struct glob {
    const struct neap_glob_place *place;
    struct neap_paths *found;
    struct state *stack;
    size_t depth, cap;
    size_t work; /* folders read and states made */
};

static void push(struct glob *glob, char *folder, const char *rest)
{
    if (glob->depth == glob->cap) {
        glob->cap = glob->cap > 0 ? 2 * glob->cap : 16;
        glob->stack = neap_realloc(glob->stack, glob->cap, sizeof *glob->stack);
    }
    glob->stack[glob->depth++] = (struct state){ folder, rest };
    glob->work++;
}

static const char *behind_slashes(const char *at)
{
    return at + strspn(at, "/");
}

static bool is_deep(const char *part, size_t n)
{
    return n == 2 && part[0] == '*' && part[1] == '*';
}

/* What is behind the first part: "" at the end of the pattern. */
static const char *next_part(const char *part)
{
    return behind_slashes(part + strcspn(part, "/"));
}

static bool is_folder(const struct glob *glob, const struct dirent *entry,
                      const char *path)
{
    if (entry->d_type == DT_DIR)
        return true;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return false;
    return glob->place->look(glob->place->ctx, path) == NEAP_GLOB_FOLDER;
}

/* Take `path`, which is owned, as what the part before `rest` has matched. */
static void take(struct glob *glob, char *path, const struct dirent *entry,
                 const char *rest, bool folders_only)
{
    if (rest[0] != '\0' && is_folder(glob, entry, path))
        push(glob, path, rest);
    else if (rest[0] == '\0' && (!folders_only || is_folder(glob, entry, path)))
        neap_paths_add(glob->found, path);
    else
        neap_free(path);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* "*.c" in a folder. */
static void match_names(struct glob *glob, DIR *dir, const struct state *state,
                        size_t n)
{
    const char *rest = next_part(state->rest);
    bool folders_only = state->rest[n] == '/' && rest[0] == '\0';
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        if (!is_dots(entry->d_name) &&
            neap_pattern_match(state->rest, n, entry->d_name))
            take(glob, neap_paths_join(state->folder, entry->d_name), entry,
                 rest, folders_only);
    }
}

/* Folders below this one match the same pattern again; a link is no way
 * down, or a circle would have no end. */
static void go_deeper(struct glob *glob, DIR *dir, const struct state *state)
{
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        struct stat st;
        bool folder = entry->d_type == DT_DIR;
        char *path;

        if (entry->d_name[0] == '.')
            continue;
        if (entry->d_type == DT_UNKNOWN)
            folder = fstatat(dirfd(dir), entry->d_name, &st,
                             AT_SYMLINK_NOFOLLOW) == 0 &&
                     S_ISDIR(st.st_mode);
        path = neap_paths_join(state->folder, entry->d_name);
        if (next_part(state->rest)[0] == '\0')
            neap_paths_add(glob->found, neap_strdup(path));
        if (folder)
            push(glob, path, state->rest);
        else
            neap_free(path);
    }
}

static void read_folder(struct glob *glob, const struct state *state, size_t n)
{
    DIR *dir = glob->place->open(glob->place->ctx, state->folder);

    glob->work++;
    if (dir == NULL)
        return;
    if (is_deep(state->rest, n))
        go_deeper(glob, dir, state);
    else
        match_names(glob, dir, state, n);
    (void)closedir(dir);
}

static void take_plain(struct glob *glob, const struct state *state, size_t n)
{
    const char *rest = next_part(state->rest);
    char *name = neap_strndup(state->rest, n);
    char *path = neap_paths_join(state->folder, name);
    enum neap_glob_type type;

    neap_free(name);
    if (rest[0] != '\0') {
        push(glob, path, rest);
        return;
    }
    type = glob->place->look(glob->place->ctx, path);
    if (type == NEAP_GLOB_FOLDER ||
        (type == NEAP_GLOB_OTHER && state->rest[n] == '\0'))
        neap_paths_add(glob->found, path);
    else
        neap_free(path);
}

static void advance(struct glob *glob, const struct state *state)
{
    size_t n = strcspn(state->rest, "/");
    const char *rest = next_part(state->rest);

    if (!neap_pattern_special(state->rest, n)) {
        take_plain(glob, state, n);
        return;
    }
    if (is_deep(state->rest, n) && rest[0] != '\0') {
        if (is_deep(rest, strcspn(rest, "/"))) { /* two are not more than one */
            push(glob, neap_strdup(state->folder), rest);
            return;
        }
        push(glob, neap_strdup(state->folder), rest);
    }
    read_folder(glob, state, n);
}

int neap_glob_in(const struct neap_glob_place *place, const char *pattern,
                 struct neap_paths *ret, struct neap_err *err)
{
    struct glob glob = { .place = place, .found = ret };
    bool ok = true;

    if (pattern[0] != '\0') {
        const char *rest = behind_slashes(pattern);

        if (rest[0] == '\0')
            neap_paths_add(ret, neap_strdup("/"));
        else
            push(&glob, neap_strdup(rest > pattern ? "/" : ""), rest);
    }
    while (glob.depth > 0) {
        struct state state = glob.stack[--glob.depth];

        ok = ok && glob.work <= NEAP_PATHS_MAX && ret->count <= NEAP_PATHS_MAX;
        if (ok)
            advance(&glob, &state);
        neap_free(state.folder);
    }
    neap_free(glob.stack);
    if (!ok || ret->count > NEAP_PATHS_MAX) {
        neap_paths_deinit(ret);
        return neap_err_set(err, NEAP_EEXHAUSTED,
                            "'%.300s' is too wide: more than %zu paths or "
                            "folders",
                            pattern, NEAP_PATHS_MAX);
    }
    neap_paths_sort(ret);
    return 0;
}

/* --- on disk -------------------------------------------------------------- */

static DIR *open_disk(void *ctx, const char *folder)
{
    (void)ctx;
    return opendir(folder[0] != '\0' ? folder : ".");
}

static enum neap_glob_type look_disk(void *ctx, const char *path)
{
    struct stat st;

    (void)ctx;
    /* a link to nothing is there, as a name */
    if (stat(path, &st) < 0)
        return lstat(path, &st) < 0 ? NEAP_GLOB_NONE : NEAP_GLOB_OTHER;
    return S_ISDIR(st.st_mode) ? NEAP_GLOB_FOLDER : NEAP_GLOB_OTHER;
}

int neap_glob(const char *pattern, struct neap_paths *ret, struct neap_err *err)
{
    const struct neap_glob_place disk = { NULL, open_disk, look_disk };
    struct neap_paths patterns = NEAP_PATHS_INIT;
    int rc = neap_braces_expand(pattern, &patterns, err);

    for (size_t i = 0; rc == 0 && i < patterns.count; i++)
        rc = neap_glob_in(&disk, patterns.path[i], ret, err);
    neap_paths_deinit(&patterns);
    return rc;
}
