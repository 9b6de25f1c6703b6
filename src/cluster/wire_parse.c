/* Parsing: a walk over what msgpack-c read, by the tables of cluster/shape.c.
 * All memory comes from one zone; its size is bounded by the checks of
 * cluster/frame.c. */
#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "base/mem.h"
#include "cluster/frame.h"
#include "cluster/shape.h"
#include "cluster/wire.h"

enum { ZONE_CHUNK = 4096, HEAD = 4 };

struct parse {
    msgpack_zone *zone;
    struct neap_err *err;
};

static int wrong(struct parse *p, const struct neap_field *field,
                 const char *want)
{
    return neap_err_set(p->err, NEAP_EINVAL, "field '%s' of a message: %s",
                        field->key, want);
}

/* Memory of the arena, or NULL when there is none. */
static void *take(struct parse *p, size_t size)
{
    return msgpack_zone_malloc(p->zone, size > 0 ? size : 1);
}

static int no_memory(struct parse *p)
{
    return neap_err_set(p->err, NEAP_EEXHAUSTED, "no memory for a message");
}

static int parse_str(struct parse *p, const struct neap_field *field,
                     const msgpack_object *value, const char **ret)
{
    size_t size = value->via.str.size;
    char *text;

    if (value->type != MSGPACK_OBJECT_STR)
        return wrong(p, field, "not a string");
    if (memchr(value->via.str.ptr, 0, size) != NULL)
        return wrong(p, field, "a string holds a NUL byte");
    text = take(p, size + 1);
    if (text == NULL)
        return no_memory(p);
    memcpy(text, value->via.str.ptr, size);
    text[size] = '\0';
    *ret = text;
    return 0;
}

static int parse_number(struct parse *p, const struct neap_field *field,
                        const msgpack_object *value, int64_t *ret)
{
    int64_t number = value->via.i64;

    if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER &&
        value->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        return wrong(p, field, "not an integer");
    if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
        value->via.u64 > INT64_MAX)
        return wrong(p, field, "an integer is too large");
    if (number < field->min || number > field->max)
        return wrong(p, field, "an integer is out of range");
    *ret = number;
    return 0;
}

static int parse_double(struct parse *p, const struct neap_field *field,
                        const msgpack_object *value, double *ret)
{
    double number;

    if (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        number = (double)value->via.u64;
    else if (value->type == MSGPACK_OBJECT_FLOAT64 ||
             value->type == MSGPACK_OBJECT_FLOAT32)
        number = value->via.f64;
    else
        return wrong(p, field, "not a number");
    if (!isfinite(number) || number < 0)
        return wrong(p, field, "not a finite number of at least 0");
    *ret = number;
    return 0;
}

static int parse_shape(struct parse *p, const struct neap_shape *shape,
                       const msgpack_object *value, void *base);

static void set_defaults(const struct neap_shape *shape, void *base)
{
    memset(base, 0, shape->size);
    for (int i = 0; i < shape->count; i++) {
        const struct neap_field *field = &shape->field[i];

        if (field->kind == NEAP_FIELD_INT && neap_field_default(field) != 0)
            *(int *)((char *)base + field->at) = (int)neap_field_default(field);
    }
}

static int parse_array(struct parse *p, const struct neap_field *field,
                       const msgpack_object *value, void *base)
{
    bool strings = field->kind == NEAP_FIELD_STRS;
    size_t size = strings ? sizeof(char *) : field->shape->size;
    uint32_t count;
    char *items;
    int rc = 0;

    if (value->type != MSGPACK_OBJECT_ARRAY)
        return wrong(p, field, "not an array");
    count = value->via.array.size; /* at most NEAP_FRAME_ITEMS */
    items = take(p, count * size);
    if (items == NULL)
        return no_memory(p);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const msgpack_object *item = &value->via.array.ptr[i];

        if (strings) {
            rc = parse_str(p, field, item, &((const char **)(void *)items)[i]);
        } else {
            set_defaults(field->shape, items + i * size);
            rc = parse_shape(p, field->shape, item, items + i * size);
        }
    }
    if (rc < 0)
        return rc;
    *(void **)((char *)base + field->at) = items;
    *(int *)((char *)base + field->count_at) = (int)count;
    return 0;
}

static int parse_field(struct parse *p, const struct neap_field *field,
                       const msgpack_object *value, void *base)
{
    void *at = (char *)base + field->at;
    int64_t number = 0;
    int rc;

    switch (field->kind) {
    case NEAP_FIELD_INT:
        rc = parse_number(p, field, value, &number);
        if (rc == 0)
            *(int *)at = (int)number;
        return rc;
    case NEAP_FIELD_I64:
        return parse_number(p, field, value, at);
    case NEAP_FIELD_U64:
        if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return wrong(p, field, "not an integer of at least 0");
        *(uint64_t *)at = value->via.u64;
        return 0;
    case NEAP_FIELD_BOOL:
        if (value->type != MSGPACK_OBJECT_BOOLEAN)
            return wrong(p, field, "not a boolean");
        *(bool *)at = value->via.boolean;
        return 0;
    case NEAP_FIELD_DOUBLE:
        return parse_double(p, field, value, at);
    case NEAP_FIELD_STR:
        return parse_str(p, field, value, at);
    case NEAP_FIELD_STRS:
    case NEAP_FIELD_STRUCTS:
        return parse_array(p, field, value, base);
    case NEAP_FIELD_STRUCT:
        return parse_shape(p, field->shape, value, at);
    }
    return 0;
}

/* Fields come in the order of the table as a rule: look from *next on. */
static const struct neap_field *find_field(const struct neap_shape *shape,
                                           const msgpack_object *key, int *next)
{
    for (int i = 0; i < shape->count; i++) {
        int at = (*next + i) % shape->count;
        const char *name = shape->field[at].key;

        if (strlen(name) == key->via.str.size &&
            memcmp(name, key->via.str.ptr, key->via.str.size) == 0) {
            *next = (at + 1) % shape->count;
            return &shape->field[at];
        }
    }
    return NULL;
}

static int parse_shape(struct parse *p, const struct neap_shape *shape,
                       const msgpack_object *value, void *base)
{
    int next = 0;

    if (value->type != MSGPACK_OBJECT_MAP)
        return neap_err_set(p->err, NEAP_EINVAL, "part of a message is no map");
    for (uint32_t i = 0; i < value->via.map.size; i++) {
        const msgpack_object_kv *kv = &value->via.map.ptr[i];
        const struct neap_field *field;
        int rc;

        if (kv->key.type != MSGPACK_OBJECT_STR)
            return neap_err_set(p->err, NEAP_EINVAL,
                                "a key of a message is no string");
        field = find_field(shape, &kv->key, &next);
        rc = field != NULL ? parse_field(p, field, &kv->val, base) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int parse_body(const char *data, size_t len, struct neap_msg *msg,
                      struct neap_err *err)
{
    struct parse p = { msg->arena, err };
    msgpack_object object;
    size_t off = 0;
    int rc = neap_frame_check((const unsigned char *)data, len,
                              NEAP_FRAME_ITEMS, err);

    if (rc < 0)
        return rc;
    if (msgpack_unpack(data, len, &off, p.zone, &object) !=
        MSGPACK_UNPACK_SUCCESS)
        return neap_err_set(err, NEAP_EINVAL,
                            "a frame of %zu bytes is not "
                            "MessagePack",
                            len);
    rc = parse_shape(&p, &neap_shape_msg, &object, msg);
    return rc < 0 ? rc : neap_msg_check(msg, err);
}

int64_t neap_msg_parse(const char *data, size_t len, struct neap_msg *ret,
                       struct neap_err *err)
{
    const unsigned char *head = (const unsigned char *)data;
    struct neap_msg msg;
    uint32_t length;
    int rc;

    if (len < HEAD)
        return 0;
    length = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
             (uint32_t)head[2] << 8 | head[3];
    if (length == 0 || length > NEAP_FRAME_MAX)
        return neap_err_set(err, NEAP_EINVAL,
                            "a frame of %u bytes; 1 to %u are allowed", length,
                            NEAP_FRAME_MAX);
    if (len - HEAD < length)
        return 0;
    neap_msg_init(&msg, 0);
    msg.arena = msgpack_zone_new(ZONE_CHUNK);
    if (msg.arena == NULL)
        return neap_err_set(err, NEAP_EEXHAUSTED, "no memory for a message");
    rc = parse_body(data + HEAD, length, &msg, err);
    if (rc < 0) {
        neap_msg_deinit(&msg);
        return rc;
    }
    *ret = msg;
    return (int64_t)length + HEAD;
}
