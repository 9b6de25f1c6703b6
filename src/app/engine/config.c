#include "app/engine/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sched/reader.h"

static int read_text(struct config *config, const json_t *json,
                     const char *name, const char **to, struct neap_err *err)
{
    const char *text;
    int rc = neap_read_str(json, name, &text, err);

    if (rc == 0)
        *to = neap_keep_copy(config->keep, text);
    return rc;
}

#define TEXT(field, member)                                                    \
 static int field_##field(void *ctx, const json_t *json, struct neap_err *err) \
 {                                                                             \
  struct config *config = ctx;                                                 \
                                                                               \
  return read_text(config, json, #field, &config->member, err);                \
 }

#define NUMBER(field, member)                                                  \
 static int field_##field(void *ctx, const json_t *json, struct neap_err *err) \
 {                                                                             \
  struct config *config = ctx;                                                 \
                                                                               \
  return neap_read_num(json, #field, 0, 9e18, &config->member, err);           \
 }

#define COUNT(field, member)                                                   \
 static int field_##field(void *ctx, const json_t *json, struct neap_err *err) \
 {                                                                             \
  struct config *config = ctx;                                                 \
  int64_t value = 0;                                                           \
  int rc = neap_read_int(json, #field, 1, 1000000, &value, err);               \
                                                                               \
  if (rc == 0)                                                                 \
   config->member = (int)value;                                                \
  return rc;                                                                   \
 }

TEXT(name, name)
TEXT(socket_dir, socket_dir)
TEXT(repo, repo)
TEXT(state, state)
TEXT(lua_path, lua_path)
TEXT(policy_pack, policy_pack)
TEXT(policy_priority, policy_priority)
TEXT(path, agent_path)
TEXT(shim, agent_shim)
TEXT(cgroup, agent_cgroup)
NUMBER(cpu, cpu)
NUMBER(mem, mem)
NUMBER(disk, disk)
NUMBER(max_idle, max_idle)
NUMBER(drain, drain)
COUNT(max_pending, max_pending)
COUNT(lost_max, lost_max)

static int field_private(void *ctx, const json_t *json, struct neap_err *err)
{
    struct config *config = ctx;

    return neap_read_bool(json, "private", &config->private_engine, err);
}

static int field_params(void *ctx, const json_t *json, struct neap_err *err)
{
    struct config *config = ctx;
    char *text;

    /* an empty table of Lua is an empty list or an empty object in JSON */
    if (json_is_array(json) && json_array_size(json) == 0)
        return 0;
    if (!json_is_object(json))
        return neap_read_type_error(json, "policy_params", "an object", err);
    text = json_dumps(json, JSON_COMPACT);
    config->policy_params = neap_keep_copy(config->keep, text);
    free(text);
    return 0;
}

static int field_labels(void *ctx, const json_t *json, struct neap_err *err)
{
    struct config *config = ctx;
    const char *key, **list;
    json_t *value;

    if (json_is_array(json) && json_array_size(json) == 0)
        return 0;
    if (!json_is_object(json))
        return neap_read_type_error(json, "labels", "an object", err);
    list = neap_keep_alloc(config->keep,
                           (json_object_size(json) + 1) * sizeof *list);
    json_object_foreach((json_t *)json, key, value)
    {
        char *pair;

        if (!json_is_string(value))
            return neap_read_type_error(value, "labels", "strings", err);
        pair = neap_format("%s=%s", key, json_string_value(value));
        list[config->nlabels++] = neap_keep_copy(config->keep, pair);
        neap_free(pair);
    }
    config->labels = list;
    return 0;
}

/* Amounts in users' units; the agent has the last word about the names. */
static int field_res(void *ctx, const json_t *json, struct neap_err *err)
{
    struct config *config = ctx;
    const char *key, **list;
    json_t *value;

    if (json_is_array(json) && json_array_size(json) == 0)
        return 0;
    if (!json_is_object(json))
        return neap_read_type_error(json, "res", "an object", err);
    list = neap_keep_alloc(config->keep,
                           (json_object_size(json) + 1) * sizeof *list);
    json_object_foreach((json_t *)json, key, value)
    {
        double amount = 0;
        char *pair;
        int rc = neap_read_num(value, "res", 0, 9e12, &amount, err);

        if (rc < 0)
            return rc;
        if (amount == 0)
            continue;
        pair = neap_format("%s=%.15g", key, amount);
        list[config->nres++] = neap_keep_copy(config->keep, pair);
        neap_free(pair);
    }
    config->res = list;
    return 0;
}

static int field_agent(void *ctx, const json_t *json, struct neap_err *err)
{
    static const struct neap_read_field fields[] = {
        { "path", true, field_path },
        { "shim", true, field_shim },
        { "cgroup", false, field_cgroup },
    };

    return neap_read_object(json, "agent", fields, 3, ctx, NULL, err);
}

static const struct neap_read_field fields_of_config[] = {
    { "name", true, field_name },
    { "private", false, field_private },
    { "socket_dir", true, field_socket_dir },
    { "repo", true, field_repo },
    { "state", true, field_state },
    { "lua_path", true, field_lua_path },
    { "agent", true, field_agent },
    { "cpu", false, field_cpu },
    { "mem", false, field_mem },
    { "disk", false, field_disk },
    { "res", false, field_res },
    { "labels", false, field_labels },
    { "policy_pack", false, field_policy_pack },
    { "policy_priority", false, field_policy_priority },
    { "policy_params", false, field_params },
    { "max_idle", false, field_max_idle },
    { "max_pending", false, field_max_pending },
    { "drain", false, field_drain },
    { "lost_max", false, field_lost_max },
};

static int check_name(const char *name, struct neap_err *err)
{
    if (*name == '\0' || strlen(name) > 64 || *name == '.' ||
        strchr(name, '/') != NULL)
        return neap_err_set(err, NEAP_EINVAL,
                            "'%.80s' is no name for an engine", name);
    return 0;
}

int config_parse(const char *text, struct config *ret, struct neap_err *err)
{
    struct config config = {
        .max_idle = 300, .max_pending = 5, .lost_max = 8, .agent_cgroup = "auto"
    };
    json_error_t where;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    int rc;

    if (json == NULL)
        return neap_err_set(err, NEAP_EINVAL,
                            "--config is no JSON: %s (line "
                            "%d, column %d)",
                            where.text, where.line, where.column);
    config.keep = neap_keep_create();
    rc = neap_read_object(json, "the configuration", fields_of_config,
                          (int)(sizeof fields_of_config /
                                sizeof *fields_of_config),
                          &config, NULL, err);
    json_decref(json);
    if (rc == 0)
        rc = check_name(config.name, err);
    if (rc < 0) {
        config_deinit(&config);
        return rc;
    }
    *ret = config;
    return 0;
}

void config_deinit(struct config *config)
{
    neap_keep_destroy(config->keep);
    config->keep = NULL;
}
