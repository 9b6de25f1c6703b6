/* An engine NAME listens on NAME.sock and NAME.agent.sock, and its agent works
 * in REPO/work/NAME: where nobody listens, nobody works. An agent whose engine
 * was killed ends within seconds and clears its folder itself; this is for when
 * both were killed. */
#include "app/engine/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/folder.h"

#define SUFFIX       ".sock"
#define AGENT_SUFFIX ".agent.sock"
#define YOUNG_S      10 /* bound, but perhaps not listening yet */

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);

    return length > tail && strcmp(text + length - tail, suffix) == 0;
}

static bool refuses(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    bool refused;
    int fd;

    if (strlen(path) >= sizeof addr.sun_path)
        return false;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0 &&
              errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

static bool is_dead(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
           time(NULL) - st.st_mtime > YOUNG_S && refuses(path);
}

static void remove_of(const char *path, const char *file, const char *repo)
{
    size_t length = strlen(file) - strlen(SUFFIX);

    if (!ends_with(file, AGENT_SUFFIX)) {
        char *work = neap_format("%s/work/%.*s", repo, (int)length, file);

        (void)neap_folder_remove(work, true, NULL);
        neap_free(work);
    }
    (void)unlink(path);
}

void leftovers_remove(const char *socket_dir, const char *repo)
{
    DIR *dir = opendir(socket_dir);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *path;

        /* a name that begins with a dot could lead out of the work folders */
        if (entry->d_name[0] == '.' || !ends_with(entry->d_name, SUFFIX))
            continue;
        path = neap_format("%s/%s", socket_dir, entry->d_name);
        if (is_dead(path))
            remove_of(path, entry->d_name, repo);
        neap_free(path);
    }
    if (dir != NULL)
        (void)closedir(dir);
}
