/* PREFIX/bin/neap, PREFIX/libexec/neap, PREFIX/lib/neap, PREFIX/share/neap/lua.
 * A build folder looks the same but for the Lua files, which are used where
 * they are in the source tree. */
#include "app/cli/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define EXIT_INTERNAL 70

static char *find_prefix(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n < 0) {
        (void)fprintf(stderr, "neap: cannot read /proc/self/exe: %s\n",
                      strerror(errno));
        exit(EXIT_INTERNAL);
    }
    path[n] = '\0';
    for (int up = 0; up < 2; up++) { /* neap, bin */
        char *slash = strrchr(path, '/');

        if (slash)
            *slash = '\0';
    }
    return neap_strdup(path);
}

static char *find_lua(const char *prefix)
{
    const char *given = getenv("NEAP_LUA_PATH");
    char *installed;

    if (given && *given)
        return neap_strdup(given);
    installed = neap_format("%s/share/neap/lua", prefix);
    if (access(installed, R_OK) == 0)
        return installed;
    neap_free(installed);
    return neap_strdup(NEAP_SOURCE_DIR "/lua");
}

void neap_cli_paths_init(struct neap_cli_paths *paths)
{
    const char *libexec = getenv("NEAP_LIBEXEC");

    paths->prefix = find_prefix();
    paths->libexec = libexec && *libexec
                         ? neap_strdup(libexec)
                         : neap_format("%s/libexec/neap", paths->prefix);
    paths->lua = find_lua(paths->prefix);
}

void neap_cli_paths_deinit(struct neap_cli_paths *paths)
{
    neap_free(paths->prefix);
    neap_free(paths->libexec);
    neap_free(paths->lua);
}
