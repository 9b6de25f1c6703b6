#include "bind/policy/params.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include <lauxlib.h>

int neap_params_parse(const char *text, struct json_t **ret,
                      struct neap_err *err)
{
    size_t len = strlen(text);
    json_error_t problem;
    json_t *json;

    if (len > NEAP_PARAMS_MAX)
        return neap_err_set(err, NEAP_EINVAL,
                            "parameters of a policy: %zu bytes of JSON, at "
                            "most %d are read",
                            len, NEAP_PARAMS_MAX);
    json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
    if (!json)
        return neap_err_set(err, NEAP_EINVAL,
                            "parameters of a policy: %s, at character %d",
                            problem.text, problem.position);
    if (!json_is_object(json)) {
        json_decref(json);
        return neap_err_set(err, NEAP_EINVAL,
                            "parameters of a policy are a JSON object, such "
                            "as {\"margin\": 60}");
    }
    *ret = json;
    return 0;
}

void neap_params_free(struct json_t *json)
{
    json_decref(json);
}

static void push_object(lua_State *L, const json_t *json)
{
    const char *name;
    json_t *value;

    lua_newtable(L);
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        lua_pushstring(L, name);
        neap_params_push(L, value);
        lua_rawset(L, -3);
    }
}

static void push_array(lua_State *L, const json_t *json)
{
    lua_newtable(L);
    for (size_t i = 0; i < json_array_size(json); i++) {
        neap_params_push(L, json_array_get(json, i));
        lua_rawseti(L, -2, (int)i + 1);
    }
}

void neap_params_push(lua_State *L, const struct json_t *json)
{
    luaL_checkstack(L, 4, "parameters are nested too deeply");
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        push_object(L, json);
        return;
    case JSON_ARRAY:
        push_array(L, json);
        return;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(json), json_string_length(json));
        return;
    case JSON_INTEGER:
    case JSON_REAL:
        lua_pushnumber(L, json_number_value(json));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(json));
        return;
    case JSON_NULL:
        break;
    }
    lua_pushnil(L);
}
