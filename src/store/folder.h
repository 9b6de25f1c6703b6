/* Whole trees of folders: remove, measure. No link is followed, no path is
 * longer for the kernel than one name, whatever a task has built there. */
#ifndef NEAP_STORE_FOLDER_H
#define NEAP_STORE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Remove everything below `path`, and it too if `itself`; folders that a
 * task made read-only are opened first. `path` itself may be a file or a link
 * (the link is removed, with `itself`). Goes on after an error. Returns 0
 * (also if there is nothing at `path`) or the first error. */
int neap_folder_remove(const char *path, bool itself, struct neap_err *err);

/* Bytes in use below `path` (blocks, not lengths; hard links once), stopping
 * early once it is over `limit` (0: none). What cannot be read counts as
 * nothing. */
int64_t neap_folder_size(const char *path, int64_t limit);

#endif
