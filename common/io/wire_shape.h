/*
 * Private to wire*.c: how a protobuf message and a plain struct correspond, as tables.
 *
 * A shape has one row for each field of its protobuf message. The rows drive checking, copying in
 * both directions and the text form, so a field that is bounded when it arrives is bounded by the
 * same row when it leaves. lockstep_wire_shape_verify() compares rows with what the protobuf
 * compiler made; the types of plain fields are compared by the C compiler, in the macros.
 */
#ifndef LOCKSTEP_IO_WIRE_SHAPE_H
#define LOCKSTEP_IO_WIRE_SHAPE_H

#include "common/io/keys.h"
#include "common/io/wire.h"

#include <protobuf-c/protobuf-c.h>

/* What a field is in the plain struct. Beside it, the type that the compiler holds it to. */
enum lockstep_wire_kind {
    LOCKSTEP_WIRE_U64,
    LOCKSTEP_WIRE_U32,
    LOCKSTEP_WIRE_BOOL,
    LOCKSTEP_WIRE_ENUM, /* 1 to max */
    LOCKSTEP_WIRE_NO,   /* a row of common/tbl/no.h, or zero */
    LOCKSTEP_WIRE_ID,   /* 16 bytes, not all zeros */
    LOCKSTEP_WIRE_ID_OR_NONE,
    LOCKSTEP_WIRE_DIGEST,
    LOCKSTEP_WIRE_DIGEST_OR_NONE,
    LOCKSTEP_WIRE_MD5,
    LOCKSTEP_WIRE_NAME,
    LOCKSTEP_WIRE_NAME_OR_NONE,
    LOCKSTEP_WIRE_CHARS, /* min to max bytes, in an array of max + 1 */
    LOCKSTEP_WIRE_TEXT,  /* min to max bytes */
    LOCKSTEP_WIRE_BLOB,  /* min to max bytes */
    LOCKSTEP_WIRE_SUB,   /* one struct of `shape` */
    LOCKSTEP_WIRE_ARRAY, /* an array of max structs of `shape` */
    LOCKSTEP_WIRE_ROWS,  /* a pointer to structs of `shape` */
    LOCKSTEP_WIRE_NAMES, /* a pointer */
    LOCKSTEP_WIRE_TEXTS, /* a pointer; each of 1 to LOCKSTEP_WORD_MAX bytes */
    LOCKSTEP_WIRE_DIGESTS,
    LOCKSTEP_WIRE_SIGNATURES, /* a pointer; each of LOCKSTEP_KEY_SIGNATURE bytes */
    LOCKSTEP_WIRE_KIND_COUNT
};

#define LOCKSTEP_WIRE_PLAIN_U64            uint64_t
#define LOCKSTEP_WIRE_PLAIN_U32            uint32_t
#define LOCKSTEP_WIRE_PLAIN_BOOL           bool
#define LOCKSTEP_WIRE_PLAIN_ENUM           unsigned
#define LOCKSTEP_WIRE_PLAIN_NO             unsigned
#define LOCKSTEP_WIRE_PLAIN_ID             struct lockstep_id
#define LOCKSTEP_WIRE_PLAIN_ID_OR_NONE     struct lockstep_id
#define LOCKSTEP_WIRE_PLAIN_DIGEST         struct lockstep_digest
#define LOCKSTEP_WIRE_PLAIN_DIGEST_OR_NONE struct lockstep_digest
#define LOCKSTEP_WIRE_PLAIN_MD5            struct lockstep_md5
#define LOCKSTEP_WIRE_PLAIN_NAME           struct lockstep_name
#define LOCKSTEP_WIRE_PLAIN_NAME_OR_NONE   struct lockstep_name
#define LOCKSTEP_WIRE_PLAIN_CHARS          char *
#define LOCKSTEP_WIRE_PLAIN_TEXT           const char *
#define LOCKSTEP_WIRE_PLAIN_BLOB           struct lockstep_blob
#define LOCKSTEP_WIRE_PLAIN_NAMES          const struct lockstep_name *
#define LOCKSTEP_WIRE_PLAIN_TEXTS          const char *const *
#define LOCKSTEP_WIRE_PLAIN_DIGESTS        const struct lockstep_digest *
#define LOCKSTEP_WIRE_PLAIN_SIGNATURES     const struct lockstep_blob *

struct lockstep_wire_shape;

struct lockstep_wire_field {
    const char *name;
    enum lockstep_wire_kind kind;
    uint32_t min; /* bytes of a text or blob, elements of a list */
    uint32_t max; /* the same; the last number of an enum */
    size_t proto; /* offset in the protobuf struct, */
    size_t proto_count;
    size_t plain;      /* and in the plain one */
    size_t plain_size; /* of the field, or of a list's element */
    size_t plain_room; /* of an ARRAY, in bytes */
    size_t plain_count;
    const struct lockstep_wire_shape *shape; /* of MESSAGE kinds */
};

/* Returns NULL, or what is wrong with the plain struct as a whole. */
typedef const char *lockstep_wire_check_fn(const void *plain);

struct lockstep_wire_shape {
    const ProtobufCMessageDescriptor *descriptor;
    const struct lockstep_wire_field *fields;
    size_t field_count;
    size_t size;                   /* of the plain struct */
    lockstep_wire_check_fn *check; /* or NULL */
};

struct lockstep_wire_row {
    enum lockstep_message_type type;
    const struct lockstep_wire_shape *shape; /* the plain struct is struct lockstep_wire */
};

extern const struct lockstep_wire_row lockstep_wire_agent_rows[];
extern const size_t lockstep_wire_agent_row_count;
extern const struct lockstep_wire_row lockstep_wire_control_rows[];
extern const size_t lockstep_wire_control_row_count;

/* clang-format off */
/* Zero; does not compile unless PATH in STRUCTURE has the plain TYPE. */
#define LOCKSTEP_WIRE_IS(structure, path, type) \
    (0 * sizeof(_Generic(((structure *)0)->path, type: 1)))

#define LOCKSTEP_WIRE_ANY(message, field, wire_kind, structure, path, least, most)          \
    .name = #field, .kind = LOCKSTEP_WIRE_##wire_kind, .min = (least), .max = (most),       \
    .proto = offsetof(message, field), .plain = offsetof(structure, path)

/* A single field: FIELD is its name in the protobuf struct MESSAGE, PATH its place in STRUCTURE. */
#define LOCKSTEP_WIRE_ONE(message, field, wire_kind, structure, path, least, most)          \
    {LOCKSTEP_WIRE_ANY(message, field, wire_kind, structure, path, least, most),            \
     .plain_size = sizeof(((structure *)0)->path) +                                         \
                   LOCKSTEP_WIRE_IS(structure, path, LOCKSTEP_WIRE_PLAIN_##wire_kind)}

/* NAMES, TEXTS, DIGESTS, SIGNATURES: COUNT is the place of their number. */
#define LOCKSTEP_WIRE_LIST(message, field, wire_kind, structure, path, count, least, most)  \
    {LOCKSTEP_WIRE_ANY(message, field, wire_kind, structure, path, least, most),            \
     .plain_size = sizeof(*((structure *)0)->path) +                                        \
                   LOCKSTEP_WIRE_IS(structure, path, LOCKSTEP_WIRE_PLAIN_##wire_kind),      \
     .proto_count = offsetof(message, n_##field),                                           \
     .plain_count = offsetof(structure, count) + LOCKSTEP_WIRE_IS(structure, count, uint32_t)}

/* ARRAY and ROWS: OF is the shape of an element. */
#define LOCKSTEP_WIRE_SHAPES(message, field, wire_kind, structure, path, count, least, most, of) \
    {LOCKSTEP_WIRE_ANY(message, field, wire_kind, structure, path, least, most),            \
     .plain_size = sizeof(*((structure *)0)->path), .shape = (of),                          \
     .plain_room = sizeof(((structure *)0)->path),                                          \
     .proto_count = offsetof(message, n_##field),                                           \
     .plain_count = offsetof(structure, count) + LOCKSTEP_WIRE_IS(structure, count, uint32_t)}

/* SUB. */
#define LOCKSTEP_WIRE_WHOLE(message, field, structure, path, of)                            \
    {LOCKSTEP_WIRE_ANY(message, field, SUB, structure, path, 0, 0),                         \
     .plain_size = sizeof(((structure *)0)->path), .shape = (of)}

/* Short, because tables are made of them: a single field that only drivers use, and the shape that
 * its rows make. */
#define REST(message_type, member, field, kind, least, most)                                \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__##message_type, field, kind, struct lockstep_wire,      \
                      u.member.field, least, most)
#define SHAPE(shape_name, message, rows, structure, check_function)                         \
    static const struct lockstep_wire_shape shape_name = {                                  \
        &lockstep__v1__##message##__descriptor, rows, LOCKSTEP_COUNT(rows),                 \
        sizeof(structure), check_function}
/* clang-format on */

/* Memory with a budget, given out in one direction and taken back as a whole. */
struct lockstep_wire_arena {
    uint8_t *memory;
    size_t size;
    size_t used;
    bool exhausted; /* something did not fit */
};

/* SIZE bytes, aligned for anything, not cleared; NULL if they do not fit. */
void *lockstep_wire_take(struct lockstep_wire_arena *arena, size_t size);

/* The row of a message type, or NULL. */
const struct lockstep_wire_row *lockstep_wire_row_find(unsigned type);
/* The I-th row, or NULL behind the last. */
const struct lockstep_wire_row *lockstep_wire_row_at(size_t i);

/* Asserts that SHAPE has exactly the fields of its descriptor, with their types. */
void lockstep_wire_shape_verify(const struct lockstep_wire_shape *shape);

/* Refuses what the protobuf decoder would let pass: NUL in strings, groups, lengths beyond the
 * end. Returns NULL or what is wrong. */
const char *lockstep_wire_scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                               size_t length);

/* Checks every field of a protobuf struct against its row. INVALID names the field. */
enum lockstep_err lockstep_wire_check(const struct lockstep_wire_shape *shape, const void *proto,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Copies checked fields into the plain struct; lists into ARENA. INVALID, LIMIT. */
enum lockstep_err lockstep_wire_read(const struct lockstep_wire_shape *shape, const void *proto,
                                     void *plain, struct lockstep_wire_arena *arena,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Makes the protobuf struct in ARENA; it borrows from PLAIN. Not checked yet. INVALID, LIMIT. */
enum lockstep_err lockstep_wire_write(const struct lockstep_wire_shape *shape, const void *plain,
                                      struct lockstep_wire_arena *arena, void **ret_proto,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* True if TEXT is well-formed UTF-8 (Unicode 15, table 3-7). */
bool lockstep_utf8_valid(const char *text, size_t length);

#endif
