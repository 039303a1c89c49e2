/* Fields between protobuf structs and plain ones. What is read has been checked; what is written is
 * checked afterwards, so here only what keeps copying safe is looked at: how many there are. */
#include "common/io/wire_shape.h"

#include <sodium.h>
#include <string.h>

void *lockstep_wire_take(struct lockstep_wire_arena *arena, size_t size)
{
    size_t aligned = (size + 15) & ~(size_t)15;
    void *memory = NULL;
    if (aligned < size || aligned > arena->size - arena->used) {
        arena->exhausted = true;
        return NULL;
    }
    memory = arena->memory + arena->used;
    arena->used += aligned;
    return memory;
}

static const void *at(const void *base, size_t offset)
{
    return (const uint8_t *)base + offset;
}

static void *in(void *base, size_t offset)
{
    return (uint8_t *)base + offset;
}

static enum lockstep_err no_room(struct lockstep_error *err)
{
    return LOCKSTEP_FAIL(err, LIMIT, "the message needs more memory than one may have");
}

/* One single value out of the protobuf struct. Strings end, sizes are right. */
static void read_value(const struct lockstep_wire_field *field, const void *from, void *to)
{
    const ProtobufCBinaryData *bytes = from;
    const char *const *text = from;
    switch (field->kind) {
    case LOCKSTEP_WIRE_BOOL:
        *(bool *)to = *(const protobuf_c_boolean *)from != 0;
        break;
    case LOCKSTEP_WIRE_ID:
    case LOCKSTEP_WIRE_ID_OR_NONE:
    case LOCKSTEP_WIRE_DIGEST:
    case LOCKSTEP_WIRE_DIGEST_OR_NONE:
    case LOCKSTEP_WIRE_DIGESTS:
    case LOCKSTEP_WIRE_MD5:
        memset(to, 0, field->plain_size);
        if (bytes->len > 0) {
            memcpy(to, bytes->data, bytes->len);
        }
        break;
    case LOCKSTEP_WIRE_BLOB:
    case LOCKSTEP_WIRE_SIGNATURES:
        *(struct lockstep_blob *)to = (struct lockstep_blob){bytes->data, bytes->len};
        break;
    case LOCKSTEP_WIRE_TEXT:
    case LOCKSTEP_WIRE_TEXTS:
        *(const char **)to = *text;
        break;
    case LOCKSTEP_WIRE_NAME:
    case LOCKSTEP_WIRE_NAME_OR_NONE:
    case LOCKSTEP_WIRE_NAMES:
    case LOCKSTEP_WIRE_CHARS:
        memset(to, 0, field->plain_size);
        memcpy(to, *text, strlen(*text));
        break;
    case LOCKSTEP_WIRE_U64:
    case LOCKSTEP_WIRE_U32:
    case LOCKSTEP_WIRE_ENUM:
    case LOCKSTEP_WIRE_NO:
    case LOCKSTEP_WIRE_SUB:
    case LOCKSTEP_WIRE_ARRAY:
    case LOCKSTEP_WIRE_ROWS:
    case LOCKSTEP_WIRE_KIND_COUNT:
        memcpy(to, from, field->plain_size);
        break;
    }
}

static size_t proto_size(const struct lockstep_wire_field *field)
{
    return field->kind == LOCKSTEP_WIRE_DIGESTS || field->kind == LOCKSTEP_WIRE_SIGNATURES
               ? sizeof(ProtobufCBinaryData)
               : sizeof(void *);
}

static bool is_list(const struct lockstep_wire_field *field)
{
    return field->proto_count != 0;
}

static enum lockstep_err read_list(const struct lockstep_wire_field *field, const void *proto,
                                   void *plain, struct lockstep_wire_arena *arena,
                                   struct lockstep_error *err)
{
    size_t count = *(const size_t *)at(proto, field->proto_count);
    const void *list = *(const void *const *)at(proto, field->proto);
    void *rows = in(plain, field->plain);
    if (field->kind != LOCKSTEP_WIRE_ARRAY) {
        void *taken = lockstep_wire_take(arena, count * field->plain_size);
        if (taken == NULL) {
            return no_room(err);
        }
        *(void **)rows = taken;
        rows = taken;
    }
    *(uint32_t *)in(plain, field->plain_count) = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const void *from = at(list, i * proto_size(field));
        void *to = in(rows, i * field->plain_size);
        if (field->shape == NULL) {
            read_value(field, from, to);
        } else {
            LOCKSTEP_TRY(
                lockstep_wire_read(field->shape, *(const void *const *)from, to, arena, err));
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_wire_read(const struct lockstep_wire_shape *shape, const void *proto,
                                     void *plain, struct lockstep_wire_arena *arena,
                                     struct lockstep_error *err)
{
    const char *wrong;
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct lockstep_wire_field *field = &shape->fields[i];
        const void *from = at(proto, field->proto);
        void *to = in(plain, field->plain);
        if (is_list(field)) {
            LOCKSTEP_TRY(read_list(field, proto, plain, arena, err));
        } else if (field->kind == LOCKSTEP_WIRE_SUB) {
            LOCKSTEP_TRY(
                lockstep_wire_read(field->shape, *(const void *const *)from, to, arena, err));
        } else {
            read_value(field, from, to);
        }
    }
    wrong = shape->check == NULL ? NULL : shape->check(plain);
    return wrong == NULL ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, INVALID, "%s", wrong);
}

/* Protobuf structs are only read while packing, but their pointers are not const. */
static void *lend(const void *pointer)
{
    union {
        const void *in;
        void *out;
    } lent = {.in = pointer};
    return lent.out;
}

static void lend_bytes(const void *data, size_t length, ProtobufCBinaryData *ret_bytes)
{
    *ret_bytes = (ProtobufCBinaryData){length, lend(data)};
}

/* Zeros are written as nothing where a field may be absent. */
static void lend_or_none(const uint8_t *data, size_t length, ProtobufCBinaryData *ret_bytes)
{
    lend_bytes(data, sodium_is_zero(data, length) ? 0 : length, ret_bytes);
}

static void write_value(const struct lockstep_wire_field *field, const void *from, void *to)
{
    const struct lockstep_blob *blob = from;
    const char *text;
    switch (field->kind) {
    case LOCKSTEP_WIRE_BOOL:
        *(protobuf_c_boolean *)to = *(const bool *)from;
        break;
    case LOCKSTEP_WIRE_ID:
    case LOCKSTEP_WIRE_DIGEST:
    case LOCKSTEP_WIRE_DIGESTS:
    case LOCKSTEP_WIRE_MD5:
        lend_bytes(from, field->plain_size, to);
        break;
    case LOCKSTEP_WIRE_ID_OR_NONE:
    case LOCKSTEP_WIRE_DIGEST_OR_NONE:
        lend_or_none(from, field->plain_size, to);
        break;
    case LOCKSTEP_WIRE_BLOB:
    case LOCKSTEP_WIRE_SIGNATURES:
        lend_bytes(blob->data, blob->length, to);
        break;
    case LOCKSTEP_WIRE_TEXT:
    case LOCKSTEP_WIRE_TEXTS:
        text = *(const char *const *)from;
        *(const char **)to = text == NULL ? "" : text;
        break;
    case LOCKSTEP_WIRE_NAME:
    case LOCKSTEP_WIRE_NAME_OR_NONE:
    case LOCKSTEP_WIRE_NAMES:
    case LOCKSTEP_WIRE_CHARS:
        *(const char **)to = from;
        break;
    case LOCKSTEP_WIRE_U64:
    case LOCKSTEP_WIRE_U32:
    case LOCKSTEP_WIRE_ENUM:
    case LOCKSTEP_WIRE_NO:
    case LOCKSTEP_WIRE_SUB:
    case LOCKSTEP_WIRE_ARRAY:
    case LOCKSTEP_WIRE_ROWS:
    case LOCKSTEP_WIRE_KIND_COUNT:
        memcpy(to, from, field->plain_size);
        break;
    }
}

static enum lockstep_err write_list(const struct lockstep_wire_field *field, const void *plain,
                                    void *proto, struct lockstep_wire_arena *arena,
                                    struct lockstep_error *err)
{
    uint32_t count = *(const uint32_t *)at(plain, field->plain_count);
    const void *rows = at(plain, field->plain);
    void *list = NULL;
    if (count > field->max) {
        return LOCKSTEP_FAIL(err, INVALID, "%s: %u of them, not %u to %u", field->name, count,
                             field->min, field->max);
    }
    list = lockstep_wire_take(arena, count * proto_size(field));
    if (list == NULL) {
        return no_room(err);
    }
    if (field->kind != LOCKSTEP_WIRE_ARRAY) {
        rows = *(const void *const *)rows;
    }
    *(size_t *)in(proto, field->proto_count) = count;
    *(void **)in(proto, field->proto) = list;
    for (uint32_t i = 0; i < count; i++) {
        const void *from = at(rows, i * field->plain_size);
        void *to = in(list, i * proto_size(field));
        if (field->shape == NULL) {
            write_value(field, from, to);
        } else {
            LOCKSTEP_TRY(lockstep_wire_write(field->shape, from, arena, to, err));
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_wire_write(const struct lockstep_wire_shape *shape, const void *plain,
                                      struct lockstep_wire_arena *arena, void **ret_proto,
                                      struct lockstep_error *err)
{
    const char *wrong = NULL;
    void *proto = lockstep_wire_take(arena, shape->descriptor->sizeof_message);
    if (proto == NULL) {
        return no_room(err);
    }
    protobuf_c_message_init(shape->descriptor, proto);
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct lockstep_wire_field *field = &shape->fields[i];
        const void *from = at(plain, field->plain);
        void *to = in(proto, field->proto);
        if (is_list(field)) {
            LOCKSTEP_TRY(write_list(field, plain, proto, arena, err));
        } else if (field->kind == LOCKSTEP_WIRE_SUB) {
            LOCKSTEP_TRY(lockstep_wire_write(field->shape, from, arena, to, err));
        } else {
            write_value(field, from, to);
        }
    }
    /* Behind the lists, whose number it may rely on. */
    wrong = shape->check == NULL ? NULL : shape->check(plain);
    if (wrong != NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "%s", wrong);
    }
    *ret_proto = proto;
    return LOCKSTEP_OK;
}
