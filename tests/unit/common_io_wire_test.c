#include "common/io/wire.h"

#include "common/base/rng.h"
#include "common/tbl/roles.h"
#include "tests/support/cmocka.h"
#include "tests/support/wire_fill.h"

#include <stdlib.h>
#include <string.h>

#define EVERYBODY 0xFFU

static struct lockstep_wire_codec *codec;
static uint8_t frame[LOCKSTEP_FRAME_MAX];
static uint8_t again[LOCKSTEP_FRAME_MAX];

struct trip_row {
    char *name;
    const struct lockstep_wire_row *row;
    bool largest;
};

/* What was read is what was written: field by field, by writing it a second time. */
static void check_trip(void **state)
{
    const struct trip_row *trip = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    struct lockstep_wire back;
    size_t length = 0;
    size_t length_again = 0;
    lockstep_wire_fill(trip->row, trip->largest, &wire);
    if (lockstep_wire_encode(codec, &wire, frame, &length, &err) != LOCKSTEP_OK ||
        lockstep_wire_decode(codec, EVERYBODY, frame, length, &back, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    memset(&wire, 0x5A, sizeof(wire));
    assert_int_equal(back.message.type, trip->row->type);
    assert_int_equal(lockstep_wire_encode(codec, &back, again, &length_again, &err), LOCKSTEP_OK);
    assert_int_equal(length_again, length);
    assert_memory_equal(frame, again, length);
}

/* No beginning of a message is read beyond its end, and none is taken for the whole of it unless it
 * is a message of its own. */
static void check_cut(void **state)
{
    const struct trip_row *trip = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    size_t length = 0;
    lockstep_wire_fill(trip->row, trip->largest, &wire);
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_OK);
    for (size_t cut = 0; cut < length; cut += 1 + cut / 64) {
        uint8_t *part = malloc(cut > 0 ? cut : 1); /* exact, so that a sanitizer sees its end */
        assert_non_null(part);
        memcpy(part, frame, cut);
        if (lockstep_wire_decode(codec, EVERYBODY, part, cut, &wire, &err) == LOCKSTEP_OK) {
            size_t length_again = 0;
            assert_int_equal(lockstep_wire_encode(codec, &wire, again, &length_again, &err),
                             LOCKSTEP_OK);
        }
        free(part);
    }
}

/* Whatever is accepted can be sent on. */
static void check_garbled(void **state)
{
    const struct trip_row *trip = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    struct lockstep_rng rng;
    size_t length = 0;
    size_t length_again = 0;
    lockstep_rng_init(&rng, (uint64_t)trip->row->type);
    lockstep_wire_fill(trip->row, trip->largest, &wire);
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_OK);
    for (unsigned i = 0; i < 300 && length > 2; i++) {
        size_t place = 2 + (size_t)lockstep_rng_below(&rng, length < 400 ? length - 2 : 400);
        uint8_t kept = frame[place];
        frame[place] = (uint8_t)lockstep_rng_next(&rng);
        if (lockstep_wire_decode(codec, EVERYBODY, frame, length, &wire, &err) == LOCKSTEP_OK) {
            assert_int_equal(lockstep_wire_encode(codec, &wire, again, &length_again, &err),
                             LOCKSTEP_OK);
        }
        frame[place] = kept;
    }
}

/* Every message is refused from every role that its row does not name. */
static void check_roles(void **state)
{
    const struct trip_row *trip = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    size_t length = 0;
    unsigned senders = 0;
    lockstep_wire_fill(trip->row, trip->largest, &wire);
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_OK);
#define CHECK_ROLE(bit, role_name, text, may)                                                   \
    {                                                                                           \
        unsigned role = LOCKSTEP_ROLE_##role_name;                                              \
        enum lockstep_err code = lockstep_wire_decode(codec, role, frame, length, &wire, &err); \
        assert_int_equal(code, lockstep_message_allowed((unsigned)trip->row->type, role)        \
                                   ? LOCKSTEP_OK                                                \
                                   : LOCKSTEP_REFUSED);                                         \
        senders += code == LOCKSTEP_OK;                                                         \
    }
    LOCKSTEP_ROLE_TABLE(CHECK_ROLE)
    assert_int_equal(senders, 1);
    assert_int_equal(lockstep_wire_decode(codec, LOCKSTEP_ROLES_NONE, frame, length, &wire, &err),
                     LOCKSTEP_REFUSED);
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define SIXTEEN(byte) \
    byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte, byte
#define ID(byte)    0x0A, 16, SIXTEEN(byte)
#define DIGEST(tag) tag, 32, SIXTEEN(7), SIXTEEN(9)

struct byte_row {
    const char *name;
    const uint8_t *bytes;
    size_t length;
    enum lockstep_err code;
    const char *says;
};

static const struct byte_row byte_rows[] = {
    {"nothing", BYTES(0), LOCKSTEP_INVALID, "has no type"},
    {"type zero", BYTES(0, 0), LOCKSTEP_INVALID, "type 0 is unknown"},
    {"type between", BYTES(0, 9), LOCKSTEP_INVALID, "type 9 is unknown"},
    {"high byte counts", BYTES(1, 14), LOCKSTEP_INVALID, "type 270 is unknown"},
    {"heartbeat", BYTES(0, 14, 0x08, 5), LOCKSTEP_OK, ""},
    {"unknown fields are ignored", BYTES(0, 14, 0x08, 5, 0x7A, 2, 'h', 'i', 0x70, 1), LOCKSTEP_OK,
     ""},
    {"number cut", BYTES(0, 14, 0x08, 0x85), LOCKSTEP_INVALID, "HEARTBEAT: a malformed number"},
    {"number too long",
     BYTES(0, 14, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02),
     LOCKSTEP_INVALID, "a malformed number"},
    {"group", BYTES(0, 14, 0x0B, 0x0C), LOCKSTEP_INVALID, "a kind that is not used"},
    {"field zero", BYTES(0, 14, 0x00, 0x01), LOCKSTEP_INVALID, "a malformed tag"},
    {"length beyond the end", BYTES(0, 14, 0x12, 9, 1), LOCKSTEP_INVALID, "ends in the middle"},
    {"wrong kind of field", BYTES(0, 14, 0x0A, 1, 1), LOCKSTEP_INVALID, "malformed"},
    {"query", BYTES(0, 13, ID(1)), LOCKSTEP_OK, ""},
    {"no id", BYTES(0, 13, 0x10, 1), LOCKSTEP_INVALID, "operation: it has the wrong size"},
    {"short id", BYTES(0, 13, 0x0A, 1, 1), LOCKSTEP_INVALID, "operation: it has the wrong size"},
    {"id of zeros", BYTES(0, 13, ID(0)), LOCKSTEP_INVALID, "operation: it is zero"},
    {"yes", BYTES(0, 11, ID(1), 0x18, 1), LOCKSTEP_OK, ""},
    {"yes with a code", BYTES(0, 11, ID(1), 0x18, 1, 0x20, 1), LOCKSTEP_INVALID, "a NO has a code"},
    {"no without a code", BYTES(0, 11, ID(1)), LOCKSTEP_INVALID, "a NO has a code"},
    {"no with an unknown code", BYTES(0, 11, ID(1), 0x20, 39), LOCKSTEP_INVALID, "unknown code"},
    {"text", BYTES(0, 11, ID(1), 0x18, 1, 0x2A, 2, 0xC3, 0xA9), LOCKSTEP_OK, ""},
    {"NUL in a text", BYTES(0, 11, ID(1), 0x18, 1, 0x2A, 2, 'a', 0), LOCKSTEP_INVALID, "NUL"},
    {"overlong UTF-8", BYTES(0, 11, ID(1), 0x18, 1, 0x2A, 2, 0xC0, 0xAF), LOCKSTEP_INVALID,
     "text: it is not UTF-8"},
    {"surrogate", BYTES(0, 11, ID(1), 0x18, 1, 0x2A, 3, 0xED, 0xA0, 0x80), LOCKSTEP_INVALID,
     "not UTF-8"},
    {"UTF-8 cut", BYTES(0, 11, ID(1), 0x18, 1, 0x2A, 1, 0xE2), LOCKSTEP_INVALID, "not UTF-8"},
    {"decision", BYTES(0, 42, ID(1), 0x20, 2), LOCKSTEP_OK, ""},
    {"outcome not specified", BYTES(0, 42, ID(1)), LOCKSTEP_INVALID, "not specified"},
    {"outcome unknown", BYTES(0, 43, ID(1), 0x20, 6), LOCKSTEP_INVALID, "or unknown"},
    {"outcome negative",
     BYTES(0, 43, ID(1), 0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01),
     LOCKSTEP_INVALID, "or unknown"},
    {"pending is no decision", BYTES(0, 42, ID(1), 0x20, 1), LOCKSTEP_INVALID, "commit or abort"},
    {"commit is not final", BYTES(0, 44, ID(1), 0x20, 2), LOCKSTEP_INVALID, "must be final"},
    {"live", BYTES(0, 12, ID(1), 0x18, 1, 0x32, 37, 0x0A, 1, 'a', DIGEST(0x1A)), LOCKSTEP_OK, ""},
    {"live without a name", BYTES(0, 12, ID(1), 0x18, 1, 0x32, 34, DIGEST(0x1A)), LOCKSTEP_INVALID,
     "live: number 1: module: it is not a name"},
    {"live with a path for a name",
     BYTES(0, 12, ID(1), 0x18, 1, 0x32, 39, 0x0A, 3, '.', '.', '/', DIGEST(0x1A)), LOCKSTEP_INVALID,
     "live: number 1: module: it is not a name"},
    {"NUL below", BYTES(0, 12, ID(1), 0x18, 1, 0x32, 38, 0x0A, 2, 'a', 0, DIGEST(0x1A)),
     LOCKSTEP_INVALID, "NUL"},
    {"prepare without items", BYTES(0, 41, ID(1), 0x20, 1, 0x28, 1, 0x30, 1, DIGEST(0x62)),
     LOCKSTEP_INVALID, "items: 0 of them, not 1 to 64"},
    {"chunk beyond its total", BYTES(0, 45, DIGEST(0x12), 0x18, 1, 0x28, 1, 0x32, 2, 1, 2),
     LOCKSTEP_INVALID, "beyond the total"},
    {"chunk whose end wraps",
     BYTES(0, 45, DIGEST(0x12), 0x18, 1, 0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
           0x01, 0x28, 1, 0x32, 2, 1, 2),
     LOCKSTEP_INVALID, "beyond the total"},
    {"missing, but with data", BYTES(0, 45, DIGEST(0x12), 0x18, 1, 0x28, 1, 0x32, 1, 1, 0x40, 1),
     LOCKSTEP_INVALID, "has no data"},
    {"plan without a body", BYTES(0, 71, 0x08, 1), LOCKSTEP_INVALID, "body: it is missing"},
    {"welcome outside its range", BYTES(0, 1, 0x08, 3, 0x10, 1, 0x18, 2, 0x3A, 16, SIXTEEN(1)),
     LOCKSTEP_INVALID, "outside the range"},
};

static void check_bytes(void **state)
{
    const struct byte_row *row = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    size_t length = strcmp(row->name, "nothing") == 0 ? 0 : row->length;
    uint8_t *copy = malloc(length > 0 ? length : 1);
    enum lockstep_err code;
    assert_non_null(copy);
    memcpy(copy, row->bytes, length);
    code = lockstep_wire_decode(codec, EVERYBODY, copy, length, &wire, &err);
    free(copy);
    if (code != row->code || strstr(err.message, row->says) == NULL) {
        fail_msg("%s: %s", lockstep_err_name(code), err.message);
    }
}

static void prepare_field_by_field(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_PREPARE};
    struct lockstep_wire back;
    struct lockstep_prepare *prepare = &wire.message.u.prepare;
    static const uint8_t signature[64] = {1, 2, 3};
    size_t length = 0;
    (void)state;
    prepare->operation.bytes[15] = 1;
    prepare->parent.bytes[0] = 2;
    prepare->epoch = 3;
    prepare->kind = LOCKSTEP_KIND_COMPENSATION;
    prepare->strategy = LOCKSTEP_STRATEGY_QUORUM;
    prepare->drain = LOCKSTEP_DRAIN_NEVER;
    prepare->drain_timeout_ms = 4;
    prepare->prepare_ms = UINT64_MAX;
    prepare->no_smoke = true;
    prepare->roster_size = 5;
    prepare->item_count = 1;
    memcpy(prepare->items[0].module.text, "pay", 4);
    prepare->items[0].generation = 6;
    prepare->items[0].leaving.bytes[31] = 7;
    wire.u.prepare.intent = (struct lockstep_blob){(const uint8_t *)"text", 4};
    wire.u.prepare.signature = (struct lockstep_blob){signature, sizeof(signature)};
    memcpy(wire.u.prepare.signer.text, "ann", 4);
    wire.u.prepare.extra = "more";
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_OK);
    assert_int_equal(
        lockstep_wire_decode(codec, LOCKSTEP_ROLE_COORDINATOR, frame, length, &back, &err),
        LOCKSTEP_OK);
    assert_memory_equal(&back.message, &wire.message, sizeof(wire.message));
    assert_int_equal(back.u.prepare.intent.length, 4);
    assert_memory_equal(back.u.prepare.intent.data, "text", 4);
    assert_memory_equal(back.u.prepare.signature.data, signature, sizeof(signature));
    assert_string_equal(back.u.prepare.signer.text, "ann");
    assert_string_equal(back.u.prepare.extra, "more");
    assert_int_equal(back.u.prepare.standing.length, 0);
}

static void prepare_under_a_standing_order(void **state)
{
    static const uint8_t signature[LOCKSTEP_KEY_SIGNATURE] = {4, 5, 6};
    struct lockstep_wire wire;
    struct lockstep_wire back;
    size_t length = 0;
    (void)state;
    lockstep_wire_fill(lockstep_wire_row_find(LOCKSTEP_MESSAGE_PREPARE), false, &wire);
    wire.message.u.prepare.kind = LOCKSTEP_KIND_RECONCILE;
    wire.message.u.prepare.strategy = LOCKSTEP_STRATEGY_ROLLING;
    wire.u.prepare.standing = (struct lockstep_blob){(const uint8_t *)"order", 5};
    wire.u.prepare.standing_signature = (struct lockstep_blob){signature, sizeof(signature)};
    memcpy(wire.u.prepare.standing_signer.text, "bob", 4);
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, NULL), LOCKSTEP_OK);
    assert_int_equal(
        lockstep_wire_decode(codec, LOCKSTEP_ROLE_COORDINATOR, frame, length, &back, NULL),
        LOCKSTEP_OK);
    assert_memory_equal(&back.message, &wire.message, sizeof(wire.message));
    assert_int_equal(back.u.prepare.standing.length, 5);
    assert_memory_equal(back.u.prepare.standing.data, "order", 5);
    assert_int_equal(back.u.prepare.standing_signature.length, sizeof(signature));
    assert_memory_equal(back.u.prepare.standing_signature.data, signature, sizeof(signature));
    assert_string_equal(back.u.prepare.standing_signer.text, "bob");
}

static void too_long_is_refused(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    uint8_t *bytes = calloc(1, LOCKSTEP_FRAME_MAX + 1);
    (void)state;
    assert_non_null(bytes);
    bytes[1] = LOCKSTEP_MESSAGE_HEARTBEAT;
    assert_int_equal(
        lockstep_wire_decode(codec, EVERYBODY, bytes, LOCKSTEP_FRAME_MAX + 1, &wire, &err),
        LOCKSTEP_LIMIT);
    free(bytes);
}

/* 30,000 empty modules in 60 KiB would become megabytes. */
static void swelling_is_refused(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    (void)state;
    frame[0] = 0;
    frame[1] = LOCKSTEP_MESSAGE_REPORT;
    for (size_t i = 2; i < sizeof(frame); i += 2) {
        frame[i] = 0x0A;
        frame[i + 1] = 0;
    }
    assert_int_equal(lockstep_wire_decode(codec, EVERYBODY, frame, sizeof(frame), &wire, &err),
                     LOCKSTEP_LIMIT);
}

static void what_would_be_refused_is_not_sent(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_QUERY};
    struct lockstep_wire_module module = {.disk = LOCKSTEP_DISK_LOADED};
    size_t length = 0;
    (void)state;
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_INVALID);
    wire.message.type = LOCKSTEP_MESSAGE_UNSPECIFIED;
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_INVALID);
    wire.message.type = LOCKSTEP_MESSAGE_REPORT;
    wire.u.report = (struct lockstep_wire_report){.modules = &module, .module_count = 1};
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_INVALID);
    assert_string_equal(err.message, "REPORT: modules: number 1: module: it is not a name");
    wire.u.report.module_count = LOCKSTEP_REPORTS_MAX + 1;
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_INVALID);
    memset(module.module.text, 'a', sizeof(module.module.text));
    wire.u.report.module_count = 1;
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_INVALID);
}

static void pieces_add_up(void **state)
{
    bool more = true;
    size_t pieces = 0;
    size_t offset = 0;
    (void)state;
    while (more) {
        offset += lockstep_wire_piece(100, offset, 33, &more);
        pieces++;
    }
    assert_int_equal(offset, 100);
    assert_int_equal(pieces, 4);
    assert_int_equal(lockstep_wire_piece(66, 33, 33, &more), 33);
    assert_false(more);
    assert_int_equal(lockstep_wire_piece(0, 0, 33, &more), 0);
    assert_false(more);
}

/* The whole text form, in memory from malloc. */
static char *described(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    lockstep_wire_describe(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* A change of the wire is a change of proto/lockstep.v1.txt, seen in review. */
static void text_form_is_committed(void **state)
{
    static const char path[] = LOCKSTEP_SOURCE_DIR "/proto/lockstep.v1.txt";
    char *text = described();
    char *committed = calloc(1, strlen(text) + 2);
    FILE *file = fopen(path, "re");
    (void)state;
    assert_non_null(committed);
    assert_non_null(file);
    (void)fread(committed, 1, strlen(text) + 1, file);
    (void)fclose(file);
    if (strcmp(text, committed) != 0) {
        file = fopen(LOCKSTEP_BINARY_DIR "/lockstep.v1.txt", "we");
        assert_non_null(file);
        (void)fputs(text, file);
        (void)fclose(file);
        fail_msg("the protocol has changed: compare %s with %s, and copy it if that is meant", path,
                 LOCKSTEP_BINARY_DIR "/lockstep.v1.txt");
    }
    free(committed);
    free(text);
}

/* LINE, up to its end, names every field of MESSAGE; `request`, which each message of a person has,
 * stands above the table of those. */
static void check_fields(const char *line, const ProtobufCMessageDescriptor *message,
                         bool of_person)
{
    const char *end = strchrnul(line + 1, '\n');
    for (unsigned i = 0; i < message->n_fields; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "`%s`", message->fields[i].name);
        if (memmem(line, (size_t)(end - line), name, strlen(name)) == NULL &&
            (strcmp(name, "`request`") != 0 || !of_person)) {
            fail_msg("proto/PROTOCOL.md has no %s in%.40s", name, line);
        }
    }
}

/* proto/PROTOCOL.md tells people of every message, with the role that the table has, and of each of
 * its fields. */
static void every_message_is_documented(void **state)
{
    static char text[128 * 1024];
    FILE *file = fopen(LOCKSTEP_SOURCE_DIR "/proto/PROTOCOL.md", "re");
    char line[128];
    (void)state;
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file);
#define CHECK_LINE(number, message_name, role, says)                                            \
    (void)snprintf(line, sizeof(line), "\n| %u | %s | %s |", (unsigned)(number), #message_name, \
                   lockstep_role_text(LOCKSTEP_ROLE_##role));                                   \
    if (strstr(text, line) == NULL) {                                                           \
        fail_msg("proto/PROTOCOL.md has no row%s", line);                                       \
    }                                                                                           \
    check_fields(strstr(text, line), lockstep_wire_row_find(number)->shape->descriptor,         \
                 ((unsigned)LOCKSTEP_ROLE_##role & LOCKSTEP_ROLES_PERSON) != 0);
    LOCKSTEP_MESSAGE_TABLE(CHECK_LINE)
}

static void every_message_has_a_row(void **state)
{
    (void)state;
#define CHECK_ROW(number, name, role, text) assert_non_null(lockstep_wire_row_find(number));
    LOCKSTEP_MESSAGE_TABLE(CHECK_ROW)
}

#define TRIPS_MAX 128
static struct trip_row trips[TRIPS_MAX];
static size_t trip_count;

static void list_trips(void)
{
    const struct lockstep_wire_row *row;
    for (size_t i = 0; (row = lockstep_wire_row_at(i)) != NULL; i++) {
        for (int largest = 0; largest < 2 && trip_count < TRIPS_MAX; largest++) {
            struct trip_row *trip = &trips[trip_count++];
            *trip = (struct trip_row){NULL, row, largest != 0};
            if (asprintf(&trip->name, "%s %s", lockstep_message_name((unsigned)row->type),
                         largest != 0 ? "largest" : "smallest") < 0) {
                abort();
            }
        }
    }
}

static int run_trips(const char *group, void (*check)(void **state))
{
    return lockstep_run_table(group, trips, sizeof(trips[0]), trip_count, check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_a_row),
        cmocka_unit_test(prepare_field_by_field),
        cmocka_unit_test(prepare_under_a_standing_order),
        cmocka_unit_test(too_long_is_refused),
        cmocka_unit_test(swelling_is_refused),
        cmocka_unit_test(what_would_be_refused_is_not_sent),
        cmocka_unit_test(pieces_add_up),
        cmocka_unit_test(text_form_is_committed),
        cmocka_unit_test(every_message_is_documented),
    };
    int failed = 0;
    codec = lockstep_wire_codec_new();
    if (codec == NULL) {
        return 1;
    }
    list_trips();
    failed += run_trips("round trip", check_trip);
    failed += run_trips("cut", check_cut);
    failed += run_trips("garbled", check_garbled);
    failed += run_trips("roles", check_roles);
    failed += LOCKSTEP_RUN_TABLE("bytes", byte_rows, check_bytes);
    failed += cmocka_run_group_tests_name("wire", tests, NULL, NULL);
    for (size_t i = 0; i < trip_count; i++) {
        free(trips[i].name);
    }
    codec = lockstep_wire_codec_free(codec);
    return failed;
}
