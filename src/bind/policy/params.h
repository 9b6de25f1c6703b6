/* JSON from outside (parameters of a policy) as Lua values. */
#ifndef NEAP_BIND_POLICY_PARAMS_H
#define NEAP_BIND_POLICY_PARAMS_H

#include <lua.h>

#include "base/err.h"

#define NEAP_PARAMS_MAX (64 * 1024) /* bytes of text */

struct json_t;

/* An object. NEAP_EINVAL with the place if it is none or too large. */
int neap_params_parse(const char *text, struct json_t **ret,
                      struct neap_err *err);
void neap_params_free(struct json_t *json); /* NULL is fine */
/* Push it as a table; null is left out. Raises. */
void neap_params_push(lua_State *L, const struct json_t *json);

#endif
