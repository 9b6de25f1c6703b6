/* Packing: a walk over the tables of cluster/shape.c. What has its default is
 * left out. */
#include <assert.h>
#include <msgpack.h>
#include <string.h>

#include "cluster/shape.h"
#include "cluster/wire.h"

static int write_buf(void *ctx, const char *data, size_t size)
{
    neap_buf_append(ctx, data, size);
    return 0;
}

static int count_of(const void *base, const struct neap_field *field)
{
    return *(const int *)((const char *)base + field->count_at);
}

static bool present(const void *base, const struct neap_shape *shape);

static bool field_present(const void *base, const struct neap_field *field)
{
    const void *at = (const char *)base + field->at;

    switch (field->kind) {
    case NEAP_FIELD_INT:
        return *(const int *)at != neap_field_default(field);
    case NEAP_FIELD_I64:
    case NEAP_FIELD_U64:
        return *(const uint64_t *)at != 0;
    case NEAP_FIELD_BOOL:
        return *(const bool *)at;
    case NEAP_FIELD_DOUBLE:
        return *(const double *)at != 0;
    case NEAP_FIELD_STR:
        return *(const char *const *)at != NULL;
    case NEAP_FIELD_STRS:
    case NEAP_FIELD_STRUCTS:
        return count_of(base, field) > 0;
    case NEAP_FIELD_STRUCT:
        return present(at, field->shape);
    }
    return false;
}

static bool present(const void *base, const struct neap_shape *shape)
{
    for (int i = 0; i < shape->count; i++) {
        if (field_present(base, &shape->field[i]))
            return true;
    }
    return false;
}

static void pack_str(msgpack_packer *pk, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;

    msgpack_pack_str(pk, length);
    msgpack_pack_str_body(pk, text, length);
}

static void pack_shape(msgpack_packer *pk, const void *base,
                       const struct neap_shape *shape);

static void pack_array(msgpack_packer *pk, const void *base,
                       const struct neap_field *field)
{
    const char *item = *(const char *const *)((const char *)base + field->at);
    int count = count_of(base, field);

    msgpack_pack_array(pk, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (field->kind == NEAP_FIELD_STRS)
            pack_str(pk, ((const char *const *)(const void *)item)[i]);
        else
            pack_shape(pk, item + (size_t)i * field->shape->size, field->shape);
    }
}

static void pack_field(msgpack_packer *pk, const void *base,
                       const struct neap_field *field)
{
    const void *at = (const char *)base + field->at;

    switch (field->kind) {
    case NEAP_FIELD_INT:
        msgpack_pack_int(pk, *(const int *)at);
        return;
    case NEAP_FIELD_I64:
        msgpack_pack_int64(pk, *(const int64_t *)at);
        return;
    case NEAP_FIELD_U64:
        msgpack_pack_uint64(pk, *(const uint64_t *)at);
        return;
    case NEAP_FIELD_BOOL:
        msgpack_pack_true(pk);
        return;
    case NEAP_FIELD_DOUBLE:
        msgpack_pack_double(pk, *(const double *)at);
        return;
    case NEAP_FIELD_STR:
        pack_str(pk, *(const char *const *)at);
        return;
    case NEAP_FIELD_STRS:
    case NEAP_FIELD_STRUCTS:
        pack_array(pk, base, field);
        return;
    case NEAP_FIELD_STRUCT:
        pack_shape(pk, at, field->shape);
        return;
    }
}

static void pack_shape(msgpack_packer *pk, const void *base,
                       const struct neap_shape *shape)
{
    uint64_t mask = 0;

    assert(shape->count <= 64);
    for (int i = 0; i < shape->count; i++) {
        if (field_present(base, &shape->field[i]))
            mask |= UINT64_C(1) << i;
    }
    msgpack_pack_map(pk, (size_t)__builtin_popcountll(mask));
    for (int i = 0; i < shape->count; i++) {
        if (mask & (UINT64_C(1) << i)) {
            pack_str(pk, shape->field[i].key);
            pack_field(pk, base, &shape->field[i]);
        }
    }
}

int neap_msg_pack(const struct neap_msg *msg, struct neap_buf *out)
{
    static const unsigned char room[4];
    size_t start = out->len, length;
    msgpack_packer pk;

    neap_buf_append(out, room, sizeof room);
    msgpack_packer_init(&pk, out, write_buf);
    pack_shape(&pk, msg, &neap_shape_msg);
    length = out->len - start - sizeof room;
    if (length > NEAP_FRAME_MAX) {
        out->len = start;
        out->data[start] = '\0';
        return NEAP_EEXHAUSTED;
    }
    for (int i = 0; i < 4; i++)
        out->data[start + (size_t)i] = (char)(length >> (24 - 8 * i));
    return 0;
}
