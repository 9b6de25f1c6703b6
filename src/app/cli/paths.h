/* Where the parts of neap are, seen from its executable. */
#ifndef NEAP_APP_CLI_PATHS_H
#define NEAP_APP_CLI_PATHS_H

struct neap_cli_paths {
    char *prefix;  /* the folder above bin/ */
    char *libexec; /* neap-engine, neap-agent; NEAP_LIBEXEC overrides */
    char *lua;     /* *.lua; NEAP_LUA_PATH overrides */
};

/* The strings are owned. Ends the process if there is no /proc. */
void neap_cli_paths_init(struct neap_cli_paths *paths);
void neap_cli_paths_deinit(struct neap_cli_paths *paths);

#endif
