/* The parts of neap.core: what each file gives to the module's table, and
 * what is closed with the client. */
#ifndef NEAP_BIND_CLIENT_PARTS_H
#define NEAP_BIND_CLIENT_PARTS_H

#include "bind/client/client.h"

/* Push a new client, a userdata that closes itself. Raises. */
struct neap_client *neap_client_push(lua_State *L);

/* Functions, {NULL, NULL} at the end; upvalue 1 is the client. */
extern const luaL_Reg neap_client_step_functions[];     /* step timer cancel */
extern const luaL_Reg neap_client_http_functions[];     /* http sse */
extern const luaL_Reg neap_client_store_functions[];    /* hash put object */
extern const luaL_Reg neap_client_engine_functions[];   /* spawn_engine … */
extern const luaL_Reg neap_client_deadline_functions[]; /* deadline */
extern const luaL_Reg neap_client_signal_functions[];   /* catch_signals … */
extern const luaL_Reg neap_client_file_functions[];    /* stat read write … */
extern const luaL_Reg neap_client_folder_functions[];  /* list walk glob */
extern const luaL_Reg neap_client_save_functions[];    /* save */
extern const luaL_Reg neap_client_state_functions[];   /* next_run sockets */
extern const luaL_Reg neap_client_process_functions[]; /* wall pid output … */

/* Called with the loop still open; nothing there is fine. */
void neap_client_signals_close(struct neap_client *client);

/* deadline.c: end the process with `code` unless it is cleared by then. Set
 * and clear may be called by a signal handler; catch must come first. */
void neap_client_deadline_catch(void);
void neap_client_deadline_set(unsigned seconds, int code);
void neap_client_deadline_clear(void);
void neap_client_engine_close(struct neap_client *client);
/* After the last job. */
void neap_client_store_close(struct neap_client *client);

#endif
