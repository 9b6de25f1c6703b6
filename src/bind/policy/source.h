/* Where the Lua texts come from: the driver's modules, read once, and the
 * policies' files, looked up by name. */
#ifndef NEAP_BIND_POLICY_SOURCE_H
#define NEAP_BIND_POLICY_SOURCE_H

#include <stddef.h>

#include "base/err.h"

#define NEAP_POLICY_FILE_MAX (1024 * 1024)

struct neap_source_module {
    char *name; /* "neap.policy.view" */
    char *path, *text;
    size_t len;
};

struct neap_sources {
    char *lua_path;
    int count;
    struct neap_source_module *module;
    int nothers, others_cap;
    struct neap_source_module **other; /* policies that policies require */
};

/* Read the driver's modules. NULL: NEAP_ENOTEXIST with the path. Owned. */
struct neap_sources *neap_sources_create(const char *lua_path,
                                         struct neap_err *err);
void neap_sources_destroy(struct neap_sources *sources); /* NULL is fine */

/* A policy's file. What holds a '/' or ends in ".lua" is a path; a name is
 * looked up in lua_path/../policies and the folders of NEAP_POLICY_PATH.
 * Both results owned. NEAP_ENOTEXIST names what was tried and what there is;
 * NEAP_EEXHAUSTED: larger than NEAP_POLICY_FILE_MAX. */
int neap_sources_policy(const struct neap_sources *sources,
                        const char *name_or_path, char **ret_path,
                        char **ret_text, struct neap_err *err);

/* A policy that another one requires, by name; read once, until
 * neap_sources_forget. Borrowed until then; NULL with `err` as above. */
const struct neap_source_module *neap_sources_other(
    struct neap_sources *sources, const char *name, struct neap_err *err);
void neap_sources_forget(struct neap_sources *sources);

#endif
