/*
 * A walk over raw protobuf bytes before the decoder sees them. The decoder keeps strings without
 * their length, so a NUL inside one would silently cut it; this is where it is seen. Encoding:
 * protobuf.dev, "Encoding".
 */
#include "common/io/wire_shape.h"

#include <string.h>

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* True and *ret_number set if a varint of at most ten bytes stands at the cursor. */
static bool take_varint(struct cursor *cursor, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 70 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = *cursor->at++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        number |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *ret_number = number;
            return true;
        }
    }
    return false;
}

static bool skip(struct cursor *cursor, uint64_t length)
{
    if (length > (uint64_t)(cursor->end - cursor->at)) {
        return false;
    }
    cursor->at += length;
    return true;
}

/* A length-delimited value: strings are looked through, messages walked. */
static const char *scan_value(const ProtobufCFieldDescriptor *field, struct cursor *cursor)
{
    uint64_t length;
    const uint8_t *value;
    if (!take_varint(cursor, &length)) {
        return "it ends in the middle";
    }
    value = cursor->at;
    if (!skip(cursor, length)) {
        return "it ends in the middle";
    }
    if (field == NULL) {
        return NULL;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING && memchr(value, 0, (size_t)length) != NULL) {
        return "a string with a NUL in it";
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        /* Ends, because no message type contains itself: at most three deep. */
        return lockstep_wire_scan(field->descriptor, value, (size_t)length);
    }
    return NULL;
}

static const char *scan_field(const ProtobufCMessageDescriptor *descriptor, struct cursor *cursor)
{
    uint64_t tag;
    uint64_t number;
    if (!take_varint(cursor, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) {
        return "a malformed tag";
    }
    switch (tag & 7) {
    case 0:
        return take_varint(cursor, &number) ? NULL : "a malformed number";
    case 1:
        return skip(cursor, 8) ? NULL : "it ends in the middle";
    case 2:
        return scan_value(protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3)),
                          cursor);
    case 5:
        return skip(cursor, 4) ? NULL : "it ends in the middle";
    default:
        return "a field of a kind that is not used";
    }
}

const char *lockstep_wire_scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                               size_t length)
{
    struct cursor cursor = {bytes, bytes + length};
    const char *wrong = NULL;
    while (cursor.at < cursor.end && wrong == NULL) {
        wrong = scan_field(descriptor, &cursor);
    }
    return wrong;
}

/* Bytes of the sequence that begins with LEAD, and the range of its second byte; 0 if none does. */
static size_t sequence_of(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
    *ret_low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *ret_high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        return 3;
    }
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

bool lockstep_utf8_valid(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t i = 0; i < length;) {
        uint8_t low;
        uint8_t high;
        size_t count = sequence_of(bytes[i], &low, &high);
        if (count == 0 || count > length - i) {
            return false;
        }
        for (size_t j = 1; j < count; j++) {
            uint8_t byte = bytes[i + j];
            if (byte < (j == 1 ? low : 0x80) || byte > (j == 1 ? high : 0xBF)) {
                return false;
            }
        }
        i += count;
    }
    return true;
}
