#include "common/io/wire.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/wire_shape.h"

#include <stdlib.h>
#include <string.h>

#define TYPE_BYTES 2

struct lockstep_wire_codec {
    struct lockstep_wire_arena in;
    struct lockstep_wire_arena out;
};

/* protobuf-c's way to memory. What it frees stays taken until the next message. */
static void *allocate(void *data, size_t size)
{
    return lockstep_wire_take(data, size);
}

static void release(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static void arena_reset(struct lockstep_wire_arena *arena)
{
    arena->used = 0;
    arena->exhausted = false;
}

const struct lockstep_wire_row *lockstep_wire_row_at(size_t i)
{
    if (i < lockstep_wire_agent_row_count) {
        return &lockstep_wire_agent_rows[i];
    }
    i -= lockstep_wire_agent_row_count;
    return i < lockstep_wire_control_row_count ? &lockstep_wire_control_rows[i] : NULL;
}

const struct lockstep_wire_row *lockstep_wire_row_find(unsigned type)
{
    const struct lockstep_wire_row *row;
    for (size_t i = 0; (row = lockstep_wire_row_at(i)) != NULL; i++) {
        if ((unsigned)row->type == type) {
            return row;
        }
    }
    return NULL;
}

struct lockstep_wire_codec *lockstep_wire_codec_new(void)
{
    const struct lockstep_wire_row *row;
    struct lockstep_wire_codec *codec = calloc(1, sizeof(*codec));
    if (codec == NULL) {
        return NULL;
    }
    for (size_t i = 0; (row = lockstep_wire_row_at(i)) != NULL; i++) {
        lockstep_wire_shape_verify(row->shape);
    }
    codec->in.size = LOCKSTEP_DECODED_MAX;
    codec->out.size = LOCKSTEP_DECODED_MAX;
    codec->in.memory = malloc(codec->in.size);
    codec->out.memory = malloc(codec->out.size);
    if (codec->in.memory == NULL || codec->out.memory == NULL) {
        return lockstep_wire_codec_free(codec);
    }
    return codec;
}

struct lockstep_wire_codec *lockstep_wire_codec_free(struct lockstep_wire_codec *codec)
{
    if (codec != NULL) {
        free(codec->in.memory);
        free(codec->out.memory);
        free(codec);
    }
    return NULL;
}

/* The row of the message that BYTES hold, if a sender with ROLES may send it. */
static enum lockstep_err admit(const uint8_t *bytes, size_t length, unsigned roles,
                               const struct lockstep_wire_row **ret_row, struct lockstep_error *err)
{
    unsigned type;
    if (length < TYPE_BYTES) {
        return LOCKSTEP_FAIL(err, INVALID, "a message of %zu bytes has no type", length);
    }
    if (length > LOCKSTEP_FRAME_MAX) {
        return LOCKSTEP_FAIL(err, LIMIT, "a message of %zu bytes is too long", length);
    }
    type = (unsigned)bytes[0] << 8 | bytes[1];
    *ret_row = lockstep_wire_row_find(type);
    if (*ret_row == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "message type %u is unknown", type);
    }
    if (!lockstep_message_allowed(type, roles)) {
        return LOCKSTEP_FAIL(err, REFUSED, "%s may not be sent by this peer",
                             lockstep_message_name(type));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err decode_body(struct lockstep_wire_arena *arena,
                                     const struct lockstep_wire_shape *shape, const uint8_t *bytes,
                                     size_t length, struct lockstep_wire *wire,
                                     struct lockstep_error *err)
{
    ProtobufCAllocator allocator = {allocate, release, arena};
    const ProtobufCMessage *proto;
    const char *wrong = lockstep_wire_scan(shape->descriptor, bytes, length);
    if (wrong != NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "%s", wrong);
    }
    arena_reset(arena);
    proto = protobuf_c_message_unpack(shape->descriptor, &allocator, length, bytes);
    if (proto == NULL && arena->exhausted) {
        return LOCKSTEP_FAIL(err, LIMIT, "it needs more memory than one message may have");
    }
    if (proto == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "it is malformed");
    }
    LOCKSTEP_TRY(lockstep_wire_check(shape, proto, err));
    return lockstep_wire_read(shape, proto, wire, arena, err);
}

enum lockstep_err lockstep_wire_decode(struct lockstep_wire_codec *codec, unsigned roles,
                                       const uint8_t *bytes, size_t length,
                                       struct lockstep_wire *ret_wire, struct lockstep_error *err)
{
    const struct lockstep_wire_row *row = NULL;
    struct lockstep_wire wire = {0};
    enum lockstep_err code;
    LOCKSTEP_TRY(admit(bytes, length, roles, &row, err));
    if (row == NULL) {
        UNREACHABLE("what is admitted has a row");
    }
    wire.message.type = row->type;
    code = decode_body(&codec->in, row->shape, bytes + TYPE_BYTES, length - TYPE_BYTES, &wire, err);
    if (code != LOCKSTEP_OK) {
        lockstep_error_wrap(err, "%s", lockstep_message_name(row->type));
        return code;
    }
    *ret_wire = wire;
    return LOCKSTEP_OK;
}

static enum lockstep_err encode_body(struct lockstep_wire_arena *arena,
                                     const struct lockstep_wire_shape *shape,
                                     const struct lockstep_wire *wire, uint8_t *ret_bytes,
                                     size_t *ret_length, struct lockstep_error *err)
{
    void *proto = NULL;
    size_t length;
    arena_reset(arena);
    LOCKSTEP_TRY(lockstep_wire_write(shape, wire, arena, &proto, err));
    LOCKSTEP_TRY(lockstep_wire_check(shape, proto, err));
    length = protobuf_c_message_get_packed_size(proto);
    if (length > LOCKSTEP_FRAME_MAX - TYPE_BYTES) {
        return LOCKSTEP_FAIL(err, LIMIT, "%zu bytes do not fit one frame", length);
    }
    *ret_length = protobuf_c_message_pack(proto, ret_bytes);
    ASSERT(*ret_length == length);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_wire_encode(struct lockstep_wire_codec *codec,
                                       const struct lockstep_wire *wire, uint8_t *ret_bytes,
                                       size_t *ret_length, struct lockstep_error *err)
{
    unsigned type = (unsigned)wire->message.type;
    const struct lockstep_wire_row *row = lockstep_wire_row_find(type);
    enum lockstep_err code;
    size_t length = 0;
    if (row == NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "message type %u is unknown", type);
    }
    code = encode_body(&codec->out, row->shape, wire, ret_bytes + TYPE_BYTES, &length, err);
    if (code != LOCKSTEP_OK) {
        lockstep_error_wrap(err, "%s", lockstep_message_name(type));
        return code;
    }
    ret_bytes[0] = (uint8_t)(type >> 8);
    ret_bytes[1] = (uint8_t)type;
    *ret_length = length + TYPE_BYTES;
    return LOCKSTEP_OK;
}

size_t lockstep_wire_piece(size_t total, size_t offset, size_t piece_max, bool *ret_more)
{
    size_t left;
    ASSERT(offset <= total && piece_max > 0);
    left = total - offset;
    *ret_more = left > piece_max;
    return *ret_more ? piece_max : left;
}
