/* Folders and their parents. */
#ifndef NEAP_STORE_MKDIRS_H
#define NEAP_STORE_MKDIRS_H

#include <sys/types.h>

#include "base/err.h"

/* Make a folder and its parents; what is there is fine. Any thread. */
int neap_mkdirs(const char *path, mode_t mode, struct neap_err *err);

#endif
