/* Checks of protobuf structs against their rows, the same on arrival and before sending; and the
 * comparison of the rows with what the protobuf compiler made. */
#include "common/base/assert.h"
#include "common/io/wire_shape.h"

#include <string.h>

struct kind_row {
    ProtobufCType type;
    bool repeated;
};

static const struct kind_row kinds[LOCKSTEP_WIRE_KIND_COUNT] = {
    [LOCKSTEP_WIRE_U64] = {PROTOBUF_C_TYPE_UINT64, false},
    [LOCKSTEP_WIRE_U32] = {PROTOBUF_C_TYPE_UINT32, false},
    [LOCKSTEP_WIRE_BOOL] = {PROTOBUF_C_TYPE_BOOL, false},
    [LOCKSTEP_WIRE_ENUM] = {PROTOBUF_C_TYPE_ENUM, false},
    [LOCKSTEP_WIRE_NO] = {PROTOBUF_C_TYPE_UINT32, false},
    [LOCKSTEP_WIRE_ID] = {PROTOBUF_C_TYPE_BYTES, false},
    [LOCKSTEP_WIRE_ID_OR_NONE] = {PROTOBUF_C_TYPE_BYTES, false},
    [LOCKSTEP_WIRE_DIGEST] = {PROTOBUF_C_TYPE_BYTES, false},
    [LOCKSTEP_WIRE_DIGEST_OR_NONE] = {PROTOBUF_C_TYPE_BYTES, false},
    [LOCKSTEP_WIRE_MD5] = {PROTOBUF_C_TYPE_BYTES, false},
    [LOCKSTEP_WIRE_NAME] = {PROTOBUF_C_TYPE_STRING, false},
    [LOCKSTEP_WIRE_NAME_OR_NONE] = {PROTOBUF_C_TYPE_STRING, false},
    [LOCKSTEP_WIRE_CHARS] = {PROTOBUF_C_TYPE_STRING, false},
    [LOCKSTEP_WIRE_TEXT] = {PROTOBUF_C_TYPE_STRING, false},
    [LOCKSTEP_WIRE_BLOB] = {PROTOBUF_C_TYPE_BYTES, false},
    [LOCKSTEP_WIRE_SUB] = {PROTOBUF_C_TYPE_MESSAGE, false},
    [LOCKSTEP_WIRE_ARRAY] = {PROTOBUF_C_TYPE_MESSAGE, true},
    [LOCKSTEP_WIRE_ROWS] = {PROTOBUF_C_TYPE_MESSAGE, true},
    [LOCKSTEP_WIRE_NAMES] = {PROTOBUF_C_TYPE_STRING, true},
    [LOCKSTEP_WIRE_TEXTS] = {PROTOBUF_C_TYPE_STRING, true},
    [LOCKSTEP_WIRE_DIGESTS] = {PROTOBUF_C_TYPE_BYTES, true},
    [LOCKSTEP_WIRE_SIGNATURES] = {PROTOBUF_C_TYPE_BYTES, true},
};

static const void *at(const void *base, size_t offset)
{
    return (const uint8_t *)base + offset;
}

/* The row of SHAPE for a field of its descriptor; asserts that there is one. */
static const struct lockstep_wire_field *find_row(const struct lockstep_wire_shape *shape,
                                                  const ProtobufCFieldDescriptor *proto)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        if (strcmp(shape->fields[i].name, proto->name) == 0) {
            return &shape->fields[i];
        }
    }
    UNREACHABLE("every field of a message has a row");
}

static void verify_enum(const struct lockstep_wire_field *field, const ProtobufCEnumDescriptor *set)
{
    ASSERT(set->n_values == field->max + 1);
    ASSERT(set->n_value_ranges == 1 && set->value_ranges[0].start_value == 0);
    ASSERT(field->plain_size == sizeof(int));
}

void lockstep_wire_shape_verify(const struct lockstep_wire_shape *shape)
{
    ASSERT(shape->field_count == shape->descriptor->n_fields);
    for (unsigned i = 0; i < shape->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *proto = &shape->descriptor->fields[i];
        const struct lockstep_wire_field *field = find_row(shape, proto);
        ASSERT(proto->type == kinds[field->kind].type && proto->offset == field->proto);
        ASSERT((proto->label == PROTOBUF_C_LABEL_REPEATED) == kinds[field->kind].repeated);
        if (kinds[field->kind].repeated) {
            ASSERT(proto->quantifier_offset == field->proto_count);
        }
        if (field->kind == LOCKSTEP_WIRE_ENUM) {
            verify_enum(field, proto->descriptor);
        }
        if (field->kind == LOCKSTEP_WIRE_CHARS) {
            ASSERT(field->plain_size == (size_t)field->max + 1);
        }
        if (field->kind == LOCKSTEP_WIRE_ARRAY) {
            ASSERT(field->plain_room == field->max * field->plain_size);
        }
        if (field->shape != NULL) {
            ASSERT(field->shape->descriptor == proto->descriptor);
            ASSERT(field->shape->size == field->plain_size);
            lockstep_wire_shape_verify(field->shape);
        }
    }
}

static const char *check_text(const char *text, size_t min, size_t max)
{
    size_t length = strnlen(text, max + 1);
    if (length > max) {
        return "it is too long";
    }
    if (length < min) {
        return "it is missing";
    }
    return lockstep_utf8_valid(text, length) ? NULL : "it is not UTF-8";
}

static const char *check_name(const char *text)
{
    return lockstep_name_valid(text, strnlen(text, LOCKSTEP_NAME_MAX + 1)) ? NULL
                                                                           : "it is not a name";
}

static const char *check_size(const ProtobufCBinaryData *bytes, size_t size)
{
    return bytes->len == size ? NULL : "it has the wrong size";
}

static const char *check_id(const ProtobufCBinaryData *bytes)
{
    struct lockstep_id id;
    if (bytes->len != sizeof(id.bytes)) {
        return "it has the wrong size";
    }
    memcpy(id.bytes, bytes->data, sizeof(id.bytes));
    return lockstep_id_is_zero(&id) ? "it is zero" : NULL;
}

static const char *check_blob(const ProtobufCBinaryData *bytes,
                              const struct lockstep_wire_field *field)
{
    if (bytes->len > field->max) {
        return "it is too long";
    }
    return bytes->len < field->min ? "it is too short" : NULL;
}

static const char *check_number(const void *value, const struct lockstep_wire_field *field)
{
    unsigned number;
    memcpy(&number, value, sizeof(number));
    if (field->kind == LOCKSTEP_WIRE_ENUM) {
        return number >= 1 && number <= field->max ? NULL : "it is not specified, or unknown";
    }
    return number == 0 ||
                   lockstep_no_class((enum lockstep_no)number) != LOCKSTEP_NO_CLASS_UNSPECIFIED
               ? NULL
               : "it is an unknown code";
}

/* One value: a field, or an element of a list. */
static const char *check_value(const struct lockstep_wire_field *field, const void *value)
{
    const ProtobufCBinaryData *bytes = value;
    const char *const *text = value;
    switch (field->kind) {
    case LOCKSTEP_WIRE_ENUM:
    case LOCKSTEP_WIRE_NO:
        return check_number(value, field);
    case LOCKSTEP_WIRE_ID:
        return check_id(bytes);
    case LOCKSTEP_WIRE_ID_OR_NONE:
        return bytes->len == 0 ? NULL : check_id(bytes);
    case LOCKSTEP_WIRE_DIGEST:
    case LOCKSTEP_WIRE_DIGESTS:
        return check_size(bytes, LOCKSTEP_DIGEST_BYTES);
    case LOCKSTEP_WIRE_DIGEST_OR_NONE:
        return bytes->len == 0 ? NULL : check_size(bytes, LOCKSTEP_DIGEST_BYTES);
    case LOCKSTEP_WIRE_MD5:
        return check_size(bytes, LOCKSTEP_MD5_BYTES);
    case LOCKSTEP_WIRE_SIGNATURES:
        return check_size(bytes, LOCKSTEP_KEY_SIGNATURE);
    case LOCKSTEP_WIRE_NAME_OR_NONE:
        return (*text)[0] == '\0' ? NULL : check_name(*text);
    case LOCKSTEP_WIRE_NAME:
    case LOCKSTEP_WIRE_NAMES:
        return check_name(*text);
    case LOCKSTEP_WIRE_CHARS:
    case LOCKSTEP_WIRE_TEXT:
        return check_text(*text, field->min, field->max);
    case LOCKSTEP_WIRE_TEXTS:
        return check_text(*text, 1, LOCKSTEP_WORD_MAX);
    case LOCKSTEP_WIRE_BLOB:
        return check_blob(bytes, field);
    case LOCKSTEP_WIRE_U64:
    case LOCKSTEP_WIRE_U32:
    case LOCKSTEP_WIRE_BOOL:
    case LOCKSTEP_WIRE_SUB:
    case LOCKSTEP_WIRE_ARRAY:
    case LOCKSTEP_WIRE_ROWS:
    case LOCKSTEP_WIRE_KIND_COUNT:
        break;
    }
    return NULL;
}

/* A message inside a message; PROTO points to the pointer to it. */
static enum lockstep_err check_inner(const struct lockstep_wire_field *field, const void *proto,
                                     struct lockstep_error *err)
{
    const void *const *inner = proto;
    if (*inner == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "it is missing");
    }
    return lockstep_wire_check(field->shape, *inner, err);
}

static enum lockstep_err check_list(const struct lockstep_wire_field *field, const void *proto,
                                    struct lockstep_error *err)
{
    const size_t *count = at(proto, field->proto_count);
    const void *const *list = at(proto, field->proto);
    size_t size = kinds[field->kind].type == PROTOBUF_C_TYPE_BYTES ? sizeof(ProtobufCBinaryData)
                                                                   : sizeof(void *);
    if (*count < field->min || *count > field->max) {
        return LOCKSTEP_FAIL(err, INVALID, "%zu of them, not %u to %u", *count, field->min,
                             field->max);
    }
    for (size_t i = 0; i < *count; i++) {
        const void *value = at(*list, i * size);
        const char *wrong = check_value(field, value);
        enum lockstep_err code = wrong != NULL          ? LOCKSTEP_FAIL(err, INVALID, "%s", wrong)
                                 : field->shape != NULL ? check_inner(field, value, err)
                                                        : LOCKSTEP_OK;
        if (code != LOCKSTEP_OK) {
            lockstep_error_wrap(err, "number %zu", i + 1);
            return code;
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err check_field(const struct lockstep_wire_field *field, const void *proto,
                                     struct lockstep_error *err)
{
    const char *wrong;
    if (kinds[field->kind].repeated) {
        return check_list(field, proto, err);
    }
    if (field->kind == LOCKSTEP_WIRE_SUB) {
        return check_inner(field, at(proto, field->proto), err);
    }
    wrong = check_value(field, at(proto, field->proto));
    return wrong == NULL ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, INVALID, "%s", wrong);
}

enum lockstep_err lockstep_wire_check(const struct lockstep_wire_shape *shape, const void *proto,
                                      struct lockstep_error *err)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        enum lockstep_err code = check_field(&shape->fields[i], proto, err);
        if (code != LOCKSTEP_OK) {
            lockstep_error_wrap(err, "%s", shape->fields[i].name);
            return code;
        }
    }
    return LOCKSTEP_OK;
}
