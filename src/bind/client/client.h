/* What the functions of neap.core share: one loop per Lua state, operations
 * under way, and events that wait for core.step.
 *
 * Nothing in here is called from another thread, and nothing calls Lua but
 * the `push` functions of events, from within core.step.
 */
#ifndef NEAP_BIND_CLIENT_CLIENT_H
#define NEAP_BIND_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <lauxlib.h>
#include <lua.h>
#include <uv.h>

#include "base/err.h"

#define NEAP_CLIENT_OP_SLOTS 1024

/* An operation that Lua knows by its id, embedded in what it is about. */
struct neap_client_op {
    struct neap_client_op *next;
    int64_t id;
    /* Stop it: no event will come of it. The operation is out of the table
     * already and frees itself, at once or later. */
    void (*cancel)(struct neap_client_op *op);
};

/* Something that core.step returns, embedded in its data. */
struct neap_client_event {
    struct neap_client_event *next;
    int64_t id; /* of the operation, or NEAP_CLIENT_NO_ID */
    /* Push a table. Raises when Lua has no memory. */
    void (*push)(lua_State *L, const struct neap_client_event *event);
    void (*destroy)(struct neap_client_event *event);
};
#define NEAP_CLIENT_NO_ID INT64_MIN

struct neap_client {
    uv_loop_t loop;
    uv_timer_t step_timer;
    pid_t pid; /* of the process that opened it */
    bool open;
    struct neap_client_op *ops[NEAP_CLIENT_OP_SLOTS]; /* by id */
    struct neap_client_event *first, **last;          /* not yet returned */
    /* Made when first used; each owned by the file that is named so. */
    struct neap_http *http;
    struct neap_client_store *store;
    struct neap_client_engine *engine;
    struct neap_client_signals *signals;
};

/* The client of this state: upvalue 1 of each function of the module.
 * Raises after a fork (the loop belongs to the parent). */
struct neap_client *neap_client_get(lua_State *L);

/* --- Operations --------------------------------------------------------- */

/* Argument `arg` as the id of a new operation. Raises if it is no whole
 * number or in use. */
int64_t neap_client_check_id(lua_State *L, struct neap_client *client, int arg);
void neap_client_add(struct neap_client *client, struct neap_client_op *op,
                     int64_t id, void (*cancel)(struct neap_client_op *op));
/* It has ended by itself. */
void neap_client_remove(struct neap_client *client, struct neap_client_op *op);
/* End it without an event; events of it that wait are dropped. */
void neap_client_cancel(struct neap_client *client, int64_t id);
/* All of them, and all events. */
void neap_client_cancel_all(struct neap_client *client);

/* --- Events -------------------------------------------------------------- */

/* `event` is taken. */
void neap_client_emit(struct neap_client *client,
                      struct neap_client_event *event);
/* { type=, id=, error=, code= }; `type` is a literal. */
void neap_client_emit_error(struct neap_client *client, const char *type,
                            int64_t id, const struct neap_err *err);
/* Push a table with the fields type and id. Raises. */
void neap_client_push_event(lua_State *L, const char *type, int64_t id);

/* --- Arguments and results ---------------------------------------------- */

/* Argument `arg` as a path: a string, not empty, without NUL. Raises. */
const char *neap_client_check_path(lua_State *L, int arg);
/* Return `nil, text, kind` to Lua. */
int neap_client_fail(lua_State *L, const struct neap_err *err);

#endif
