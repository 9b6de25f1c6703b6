/* Small operations on paths, without Lua. Any thread. */
#ifndef NEAP_BIND_CLIENT_PATHS_H
#define NEAP_BIND_CLIENT_PATHS_H

#include <sys/stat.h>

#include "base/err.h"

/* Make the parents of `path`. */
int neap_client_mkdirs_for(const char *path, struct neap_err *err);

/* A name beside `path` for a file that will be renamed to it: dot, its name,
 * pid and a count. Owned. */
char *neap_client_temp_name(const char *path);
/* rename, naming both in the error. */
int neap_client_rename(const char *from, const char *to, struct neap_err *err);
/* "file", "dir", "link", "fifo", "socket", "char", "block". */
const char *neap_client_type_name(mode_t mode);

#endif
