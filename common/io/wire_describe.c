/* The text form of the protocol, from what is compiled in. */
#include "common/io/wire_shape.h"

#include "common/tbl/roles.h"

static const char *type_name(const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *message = field->descriptor;
    const ProtobufCEnumDescriptor *set = field->descriptor;
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        return "uint32";
    case PROTOBUF_C_TYPE_UINT64:
        return "uint64";
    case PROTOBUF_C_TYPE_BOOL:
        return "bool";
    case PROTOBUF_C_TYPE_STRING:
        return "string";
    case PROTOBUF_C_TYPE_BYTES:
        return "bytes";
    case PROTOBUF_C_TYPE_ENUM:
        return set->short_name;
    case PROTOBUF_C_TYPE_MESSAGE:
        return message->short_name;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    return "unused";
}

static void describe_enum(const ProtobufCEnumDescriptor *set, unsigned depth, FILE *out)
{
    for (unsigned i = 0; i < set->n_values; i++) {
        (void)fprintf(out, "%*s%d = %s\n", (int)(4 * depth), "", set->values[i].value,
                      set->values[i].name);
    }
}

/* Fields of a message and, indented below each, those of what it contains: at most three deep. */
static void describe_fields(const ProtobufCMessageDescriptor *message, unsigned depth, FILE *out)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        (void)fprintf(out, "%*s%u %s%s %s\n", (int)(4 * depth), "", field->id,
                      field->label == PROTOBUF_C_LABEL_REPEATED ? "repeated " : "",
                      type_name(field), field->name);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            describe_fields(field->descriptor, depth + 1, out);
        } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
            describe_enum(field->descriptor, depth + 1, out);
        }
    }
}

void lockstep_wire_describe(FILE *out)
{
#define DESCRIBE(number, message_name, role, text)                                   \
    {                                                                                \
        const struct lockstep_wire_row *row = lockstep_wire_row_find(number);        \
        (void)fprintf(out, "%u %s from %s: %s\n", (unsigned)(number), #message_name, \
                      lockstep_role_text(LOCKSTEP_ROLE_##role),                      \
                      row == NULL ? "nothing" : row->shape->descriptor->name);       \
        if (row != NULL) {                                                           \
            describe_fields(row->shape->descriptor, 1, out);                         \
        }                                                                            \
    }
    LOCKSTEP_MESSAGE_TABLE(DESCRIBE)
#undef DESCRIBE
}
