/* What a message may not say: rules between its fields, and one more of anything than its bound. */
#include "common/base/assert.h"
#include "common/tbl/roles.h"
#include "tests/support/cmocka.h"
#include "tests/support/wire_fill.h"

#include <stdlib.h>
#include <string.h>

#define EVERYBODY 0xFFU

static struct lockstep_wire_codec *codec;
static uint8_t frame[LOCKSTEP_FRAME_MAX];

/* ---- rules between fields ------------------------------------------------------------------- */

static const uint8_t byte = 1;

static void plan_a_compensation(struct lockstep_wire *wire)
{
    wire->u.plan.body.kind = LOCKSTEP_KIND_COMPENSATION;
}

static void plan_too_much_quorum(struct lockstep_wire *wire)
{
    wire->u.plan.body.quorum_percent = true;
    wire->u.plan.body.quorum = 101;
}

static void plan_all_nodes(struct lockstep_wire *wire)
{
    wire->u.plan.body.quorum_percent = true;
    wire->u.plan.body.quorum = 100;
}

static void plan_too_many_failures(struct lockstep_wire *wire)
{
    wire->u.plan.body.max_fail_percent = true;
    wire->u.plan.body.max_fail = 101;
}

static void plan_many_failures(struct lockstep_wire *wire)
{
    wire->u.plan.body.max_fail_percent = false;
    wire->u.plan.body.max_fail = 101;
}

static void plan_calls(struct lockstep_wire *wire)
{
    wire->u.plan.body.require_calls = 10;
}

static void plan_calls_of_an_undo(struct lockstep_wire *wire)
{
    wire->u.plan.body.kind = LOCKSTEP_KIND_UNDO;
    wire->u.plan.body.require_calls = 10;
}

static void plan_without_a_version(struct lockstep_wire *wire)
{
    static struct lockstep_wire_subject subject;
    subject = wire->u.plan.body.subjects[0];
    subject.version[0] = '\0';
    wire->u.plan.body.subjects = &subject;
}

static void undo_without_a_version(struct lockstep_wire *wire)
{
    plan_without_a_version(wire);
    wire->u.plan.body.kind = LOCKSTEP_KIND_UNDO;
}

static void plan_one_twice(struct lockstep_wire *wire)
{
    static struct lockstep_wire_subject subjects[2];
    subjects[0] = subjects[1] = wire->u.plan.body.subjects[0];
    wire->u.plan.body.subjects = subjects;
    wire->u.plan.body.subject_count = 2;
}

static void put_without_a_signature(struct lockstep_wire *wire)
{
    wire->u.artifact_put.manifest = (struct lockstep_blob){&byte, 1};
}

static void put_without_a_manifest(struct lockstep_wire *wire)
{
    wire->u.artifact_put.signature = (struct lockstep_blob){&byte, 1};
}

static void put_with_data(struct lockstep_wire *wire)
{
    put_without_a_signature(wire);
    put_without_a_manifest(wire);
    wire->u.artifact_put.data = (struct lockstep_blob){&byte, 1};
}

static void put_without_data(struct lockstep_wire *wire)
{
    put_with_data(wire);
    wire->u.artifact_put.data.length = 0;
}

static void submit_without_an_intent(struct lockstep_wire *wire)
{
    wire->u.submit.intent.length = 0;
}

static void submit_half_a_signature(struct lockstep_wire *wire)
{
    wire->u.submit.signature.length = LOCKSTEP_KEY_SIGNATURE - 1;
}

static void show_an_empty_name(struct lockstep_wire *wire)
{
    static const char *const names[] = {""};
    wire->u.show.names = names;
    wire->u.show.name_count = 1;
}

static void have_a_parent(struct lockstep_wire *wire)
{
    wire->message.u.prepare.kind = LOCKSTEP_KIND_UNDO;
    wire->message.u.prepare.parent.bytes[0] = 1;
}

static void have_no_parent(struct lockstep_wire *wire)
{
    wire->message.u.prepare.kind = LOCKSTEP_KIND_COMPENSATION;
    memset(&wire->message.u.prepare.parent, 0, sizeof(struct lockstep_id));
}

static void intend_without_a_signature(struct lockstep_wire *wire)
{
    wire->u.prepare.intent = (struct lockstep_blob){&byte, 1};
    wire->u.prepare.signature.length = 0;
}

static void sign_nothing(struct lockstep_wire *wire)
{
    static const uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    wire->u.prepare.intent.length = 0;
    wire->u.prepare.signature = (struct lockstep_blob){signature, sizeof(signature)};
}

/* A reconcile under a standing order. */
static void reconcile(struct lockstep_wire *wire)
{
    static const uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    wire->message.u.prepare.kind = LOCKSTEP_KIND_RECONCILE;
    wire->u.prepare.standing = (struct lockstep_blob){&byte, 1};
    wire->u.prepare.standing_signature = (struct lockstep_blob){signature, sizeof(signature)};
    memcpy(wire->u.prepare.standing_signer.text, "ann", 4);
}

static void reconcile_by_hand(struct lockstep_wire *wire)
{
    wire->message.u.prepare.kind = LOCKSTEP_KIND_RECONCILE;
}

static void reconcile_without_an_order(struct lockstep_wire *wire)
{
    reconcile(wire);
    wire->u.prepare.standing.length = 0;
}

static void reconcile_without_a_signature(struct lockstep_wire *wire)
{
    reconcile(wire);
    wire->u.prepare.standing_signature.length = 0;
}

static void reconcile_with_half_a_signature(struct lockstep_wire *wire)
{
    reconcile(wire);
    wire->u.prepare.standing_signature.length = LOCKSTEP_KEY_SIGNATURE - 1;
}

static void reconcile_without_a_signer(struct lockstep_wire *wire)
{
    reconcile(wire);
    wire->u.prepare.standing_signer.text[0] = '\0';
}

static void name_a_signer_only(struct lockstep_wire *wire)
{
    memcpy(wire->u.prepare.standing_signer.text, "ann", 4);
}

static void reload_under_an_order(struct lockstep_wire *wire)
{
    reconcile(wire);
    wire->message.u.prepare.kind = LOCKSTEP_KIND_RELOAD;
}

static void compensate_under_an_order(struct lockstep_wire *wire)
{
    reconcile(wire);
    wire->message.u.prepare.kind = LOCKSTEP_KIND_COMPENSATION;
    wire->message.u.prepare.parent.bytes[0] = 1;
}

static void order_one_twice(struct lockstep_wire *wire)
{
    struct lockstep_prepare *prepare = &wire->message.u.prepare;
    prepare->items[1] = prepare->items[0];
    prepare->item_count = 2;
}

static void miss_and_go_on(struct lockstep_wire *wire)
{
    wire->u.chunk.missing = true;
    wire->u.chunk.data.length = 0;
    wire->u.chunk.more = true;
}

static void miss(struct lockstep_wire *wire)
{
    miss_and_go_on(wire);
    wire->u.chunk.more = false;
}

static void change_nothing(struct lockstep_wire *wire)
{
    (void)wire;
}

struct rule_row {
    const char *name;
    enum lockstep_message_type type;
    void (*change)(struct lockstep_wire *wire); /* of the message's smallest form */
    const char *says;                           /* NULL: it may be so */
};

static const struct rule_row rule_rows[] = {
    {"a plan", LOCKSTEP_MESSAGE_PLAN, change_nothing, NULL},
    {"a compensation", LOCKSTEP_MESSAGE_PLAN, plan_a_compensation, "not asked for"},
    {"quorum of 101 %", LOCKSTEP_MESSAGE_PLAN, plan_too_much_quorum, "above 100"},
    {"quorum of 100 %", LOCKSTEP_MESSAGE_PLAN, plan_all_nodes, NULL},
    {"101 % of failures", LOCKSTEP_MESSAGE_PLAN, plan_too_many_failures, "above 100"},
    {"101 failures", LOCKSTEP_MESSAGE_PLAN, plan_many_failures, NULL},
    {"calls of a reload", LOCKSTEP_MESSAGE_PLAN, plan_calls, NULL},
    {"calls of an undo", LOCKSTEP_MESSAGE_PLAN, plan_calls_of_an_undo, "required of a reload"},
    {"reload of no version", LOCKSTEP_MESSAGE_PLAN, plan_without_a_version, "no version"},
    {"undo of no version", LOCKSTEP_MESSAGE_PLAN, undo_without_a_version, NULL},
    {"module asked for twice", LOCKSTEP_MESSAGE_PLAN, plan_one_twice, "named twice"},
    {"manifest alone", LOCKSTEP_MESSAGE_ARTIFACT_PUT, put_without_a_signature, "together"},
    {"signature alone", LOCKSTEP_MESSAGE_ARTIFACT_PUT, put_without_a_manifest, "together"},
    {"both and data", LOCKSTEP_MESSAGE_ARTIFACT_PUT, put_with_data, "not with them"},
    {"both", LOCKSTEP_MESSAGE_ARTIFACT_PUT, put_without_data, NULL},
    {"no intent", LOCKSTEP_MESSAGE_SUBMIT, submit_without_an_intent, "intent: it is too short"},
    {"half a signature", LOCKSTEP_MESSAGE_SUBMIT, submit_half_a_signature, "it is too short"},
    {"empty name", LOCKSTEP_MESSAGE_SHOW, show_an_empty_name, "names: number 1: it is missing"},
    {"parent of an undo", LOCKSTEP_MESSAGE_PREPARE, have_a_parent, "a parent"},
    {"compensation of nothing", LOCKSTEP_MESSAGE_PREPARE, have_no_parent, "a parent"},
    {"intent unsigned", LOCKSTEP_MESSAGE_PREPARE, intend_without_a_signature, "64 bytes"},
    {"signature of nothing", LOCKSTEP_MESSAGE_PREPARE, sign_nothing, "64 bytes"},
    {"under a standing order", LOCKSTEP_MESSAGE_PREPARE, reconcile, NULL},
    {"reconcile by hand", LOCKSTEP_MESSAGE_PREPARE, reconcile_by_hand, NULL},
    {"standing order missing", LOCKSTEP_MESSAGE_PREPARE, reconcile_without_an_order, "has a sign"},
    {"unsigned order", LOCKSTEP_MESSAGE_PREPARE, reconcile_without_a_signature, "has a signature"},
    {"order half signed", LOCKSTEP_MESSAGE_PREPARE, reconcile_with_half_a_signature, "has a sign"},
    {"order of nobody", LOCKSTEP_MESSAGE_PREPARE, reconcile_without_a_signer, "and a signer"},
    {"signer of no order", LOCKSTEP_MESSAGE_PREPARE, name_a_signer_only, "and a signer"},
    {"reload under an order", LOCKSTEP_MESSAGE_PREPARE, reload_under_an_order, "for a reconcile"},
    {"compensation under an order", LOCKSTEP_MESSAGE_PREPARE, compensate_under_an_order,
     "for a reconcile"},
    {"module ordered twice", LOCKSTEP_MESSAGE_PREPARE, order_one_twice, "named twice"},
    {"missing, and more of it", LOCKSTEP_MESSAGE_CHUNK, miss_and_go_on, "has no data"},
    {"missing", LOCKSTEP_MESSAGE_CHUNK, miss, NULL},
};

static void check_rule(void **state)
{
    const struct rule_row *row = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    size_t length = 0;
    enum lockstep_err code;
    lockstep_wire_fill(lockstep_wire_row_find(row->type), false, &wire);
    row->change(&wire);
    code = lockstep_wire_encode(codec, &wire, frame, &length, &err);
    if (row->says == NULL) {
        assert_int_equal(code, LOCKSTEP_OK);
        return;
    }
    if (code != LOCKSTEP_INVALID || strstr(err.message, row->says) == NULL) {
        fail_msg("%s: %s", lockstep_err_name(code), err.message);
    }
}

/* ---- bounds --------------------------------------------------------------------------------- */

struct bound_row {
    char *name;
    const struct lockstep_wire_row *row;
    const struct lockstep_wire_field *field;
};

static void keep_standing(struct lockstep_wire_prepare *papers, enum lockstep_kind *kind)
{
    static const uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    if (papers->standing.length == 0 && papers->standing_signature.length == 0) {
        return;
    }
    if (papers->standing.length == 0) {
        papers->standing = (struct lockstep_blob){&byte, 1};
    } else {
        papers->standing_signature = (struct lockstep_blob){signature, sizeof(signature)};
    }
    memcpy(papers->standing_signer.text, "ann", 4);
    *kind = LOCKSTEP_KIND_RECONCILE;
}

/* What goes with the field that was made longer, so that its length alone is wrong. */
static void keep_rules(struct lockstep_wire *wire)
{
    static const uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    switch ((int)wire->message.type) {
    case LOCKSTEP_MESSAGE_PREPARE:
        if (wire->u.prepare.intent.length > 0) {
            wire->u.prepare.signature = (struct lockstep_blob){signature, sizeof(signature)};
        }
        keep_standing(&wire->u.prepare, &wire->message.u.prepare.kind);
        break;
    case LOCKSTEP_MESSAGE_RECONCILE_MODE:
        wire->u.reconcile_mode.mode = LOCKSTEP_MODE_AUTO;
        if (wire->u.reconcile_mode.standing.length == 0) {
            wire->u.reconcile_mode.standing = (struct lockstep_blob){&byte, 1};
        }
        if (wire->u.reconcile_mode.signature.length == 0) {
            wire->u.reconcile_mode.signature = (struct lockstep_blob){signature, sizeof(signature)};
        }
        break;
    case LOCKSTEP_MESSAGE_CHUNK:
        wire->u.chunk.offset = 0;
        wire->u.chunk.total = UINT64_MAX;
        break;
    case LOCKSTEP_MESSAGE_ARTIFACT_PUT:
        if (wire->u.artifact_put.manifest.length > 0) {
            wire->u.artifact_put.signature = (struct lockstep_blob){&byte, 1};
        } else if (wire->u.artifact_put.signature.length > 0) {
            wire->u.artifact_put.manifest = (struct lockstep_blob){&byte, 1};
        }
        break;
    default:
        break;
    }
}

/* Makes FIELD one byte longer than it may be. */
static void lengthen(const struct lockstep_wire_field *field, struct lockstep_wire *wire)
{
    static char text[LOCKSTEP_FRAME_MAX + 1];
    void *at = (uint8_t *)wire + field->plain;
    memset(text, 'x', sizeof(text));
    text[field->max + 1] = '\0';
    if (field->kind == LOCKSTEP_WIRE_TEXT) {
        *(const char **)at = text;
    } else if (field->kind == LOCKSTEP_WIRE_BLOB) {
        *(struct lockstep_blob *)at = (struct lockstep_blob){(const uint8_t *)text, field->max + 1};
    } else {
        memset(at, 'x', field->plain_size);
    }
}

static void check_longer(void **state)
{
    const struct bound_row *bound = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    size_t length = 0;
    char says[128];
    lockstep_wire_fill(bound->row, false, &wire);
    lengthen(bound->field, &wire);
    keep_rules(&wire);
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_INVALID);
    (void)snprintf(says, sizeof(says), "%s: it is too long", bound->field->name);
    /* A signature of 65 bytes is none by a rule, before it is too long by its row. */
    if (strstr(err.message, says) == NULL && strstr(err.message, "64 bytes") == NULL) {
        fail_msg("%s", err.message);
    }
}

static uint64_t take_number(const uint8_t **at)
{
    uint64_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t now = *(*at)++;
        number |= (uint64_t)(now & 0x7F) << shift;
        if ((now & 0x80) == 0) {
            return number;
        }
    }
}

/* The first field numbered NUMBER among the LENGTH bytes of a frame: its beginning, and its size.
 */
static const uint8_t *find_field(size_t length, uint32_t number, size_t *ret_size)
{
    const uint8_t *at = frame + 2;
    while (at < frame + length) {
        const uint8_t *begin = at;
        uint64_t tag = take_number(&at);
        uint64_t value = take_number(&at);
        at += (tag & 7) == 2 ? value : 0;
        if (tag >> 3 == number) {
            *ret_size = (size_t)(at - begin);
            return begin;
        }
    }
    fail_msg("field %u is not in the message", number);
    return NULL;
}

/* A peer that writes by itself is not held to our way of writing: as many elements as there may be,
 * and one more behind them. */
static void check_one_more(void **state)
{
    const struct bound_row *bound = *state;
    const ProtobufCFieldDescriptor *proto = protobuf_c_message_descriptor_get_field_by_name(
        bound->row->shape->descriptor, bound->field->name);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire wire;
    const uint8_t *element;
    size_t length = 0;
    size_t size = 0;
    char says[128];
    lockstep_wire_fill(bound->row, true, &wire);
    assert_int_equal(lockstep_wire_encode(codec, &wire, frame, &length, &err), LOCKSTEP_OK);
    element = find_field(length, proto->id, &size);
    assert_true(length + size <= sizeof(frame));
    memcpy(frame + length, element, size);
    assert_int_equal(lockstep_wire_decode(codec, EVERYBODY, frame, length + size, &wire, &err),
                     LOCKSTEP_INVALID);
    (void)snprintf(says, sizeof(says), "%s: %u of them", bound->field->name, bound->field->max + 1);
    if (strstr(err.message, says) == NULL) {
        fail_msg("%s", err.message);
    }
}

#define BOUNDS_MAX 128

static bool has_length(const struct lockstep_wire_field *field)
{
    return field->kind == LOCKSTEP_WIRE_TEXT || field->kind == LOCKSTEP_WIRE_BLOB ||
           field->kind == LOCKSTEP_WIRE_CHARS;
}

static bool has_elements(const struct lockstep_wire_field *field)
{
    return field->proto_count != 0;
}

/* Runs CHECK for every field of every message that HAS what it checks. */
static int run_bounds(const char *group, bool (*has)(const struct lockstep_wire_field *field),
                      void (*check)(void **state))
{
    static struct bound_row bounds[BOUNDS_MAX];
    const struct lockstep_wire_row *row;
    size_t count = 0;
    int failed;
    for (size_t i = 0; (row = lockstep_wire_row_at(i)) != NULL; i++) {
        for (size_t j = 0; j < row->shape->field_count; j++) {
            const struct lockstep_wire_field *field = &row->shape->fields[j];
            if (has(field)) {
                ASSERT(count < BOUNDS_MAX);
                bounds[count] = (struct bound_row){NULL, row, field};
                ASSERT(asprintf(&bounds[count++].name, "%s %s",
                                lockstep_message_name((unsigned)row->type), field->name) > 0);
            }
        }
    }
    failed = lockstep_run_table(group, bounds, sizeof(bounds[0]), count, check);
    while (count > 0) {
        free(bounds[--count].name);
    }
    return failed;
}

/* ---- UTF-8 ---------------------------------------------------------------------------------- */

struct utf8_row {
    const char *name;
    const char *text;
    bool valid;
};

/* The edges of Unicode 15, table 3-7. */
static const struct utf8_row utf8_rows[] = {
    {"two bytes, first", "\xC2\x80", true},
    {"two bytes, last", "\xDF\xBF", true},
    {"two bytes, overlong", "\xC1\xBF", false},
    {"three bytes, first", "\xE0\xA0\x80", true},
    {"three bytes, overlong", "\xE0\x9F\xBF", false},
    {"before the surrogates", "\xED\x9F\xBF", true},
    {"first surrogate", "\xED\xA0\x80", false},
    {"behind the surrogates", "\xEE\x80\x80", true},
    {"three bytes, last", "\xEF\xBF\xBF", true},
    {"four bytes, first", "\xF0\x90\x80\x80", true},
    {"four bytes, overlong", "\xF0\x8F\xBF\xBF", false},
    {"last of all", "\xF4\x8F\xBF\xBF", true},
    {"beyond the last", "\xF4\x90\x80\x80", false},
    {"five bytes", "\xF8\x88\x80\x80\x80", false},
    {"no beginning", "\x80", false},
    {"third byte is none", "\xE1\x80\x41", false},
    {"cut", "\xF1\x80\x80", false},
};

static void check_utf8(void **state)
{
    const struct utf8_row *row = *state;
    assert_int_equal(lockstep_utf8_valid(row->text, strlen(row->text)), row->valid);
}

int main(void)
{
    int failed = 0;
    codec = lockstep_wire_codec_new();
    if (codec == NULL) {
        return 1;
    }
    failed += LOCKSTEP_RUN_TABLE("rules", rule_rows, check_rule);
    failed += run_bounds("longer", has_length, check_longer);
    failed += run_bounds("one more", has_elements, check_one_more);
    failed += LOCKSTEP_RUN_TABLE("utf-8", utf8_rows, check_utf8);
    codec = lockstep_wire_codec_free(codec);
    return failed;
}
