#include "tests/support/wire_fill.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <string.h>

static uint8_t pool_memory[1024 * 1024];
static struct lockstep_wire_arena pool;
static unsigned serial;

static void *take(size_t size)
{
    uint8_t *memory = lockstep_wire_take(&pool, size);
    ASSERT(memory != NULL);
    memset(memory, 0, size);
    return memory;
}

/* LENGTH characters, no two calls alike as long as LENGTH is at least 8. */
static void fill_text(char *text, size_t length)
{
    char number[16];
    memset(text, 'x', length);
    text[length] = '\0';
    (void)snprintf(number, sizeof(number), "%07u", ++serial);
    for (size_t i = 1; i < length && i < 8; i++) {
        text[i] = number[i - 1];
    }
}

static char *new_text(size_t length)
{
    char *text = take(length + 1);
    fill_text(text, length);
    return text;
}

static struct lockstep_blob new_blob(size_t length)
{
    uint8_t *data = take(length + 1);
    for (size_t i = 0; i < length; i++) {
        data[i] = (uint8_t)(i + length);
    }
    return (struct lockstep_blob){data, length};
}

static void fill_value(const struct lockstep_wire_field *field, bool largest, void *to)
{
    uint32_t number = largest ? field->max : 1;
    switch (field->kind) {
    case LOCKSTEP_WIRE_ENUM:
        memcpy(to, &number, sizeof(number));
        break;
    case LOCKSTEP_WIRE_NO:
        number = largest ? LOCKSTEP_NO_INTERNAL : LOCKSTEP_NO_UNSPECIFIED;
        memcpy(to, &number, sizeof(number));
        break;
    case LOCKSTEP_WIRE_BOOL:
        *(bool *)to = largest;
        break;
    case LOCKSTEP_WIRE_ID:
        memset(to, largest ? 0xFF : 1, field->plain_size);
        break;
    case LOCKSTEP_WIRE_NAME:
    case LOCKSTEP_WIRE_NAMES:
        fill_text(((struct lockstep_name *)to)->text, largest ? LOCKSTEP_NAME_MAX : 1);
        break;
    case LOCKSTEP_WIRE_NAME_OR_NONE:
        fill_text(((struct lockstep_name *)to)->text, largest ? LOCKSTEP_NAME_MAX : 0);
        break;
    case LOCKSTEP_WIRE_CHARS:
        fill_text(to, largest ? field->max : field->min);
        break;
    case LOCKSTEP_WIRE_TEXT:
        *(const char **)to = new_text(largest ? field->max : field->min);
        break;
    case LOCKSTEP_WIRE_TEXTS:
        *(const char **)to = new_text(largest ? LOCKSTEP_WORD_MAX : 1);
        break;
    case LOCKSTEP_WIRE_BLOB:
        *(struct lockstep_blob *)to = new_blob(largest ? field->max : field->min);
        break;
    case LOCKSTEP_WIRE_SIGNATURES:
        *(struct lockstep_blob *)to = new_blob(LOCKSTEP_KEY_SIGNATURE);
        break;
    case LOCKSTEP_WIRE_U64:
    case LOCKSTEP_WIRE_U32:
    case LOCKSTEP_WIRE_ID_OR_NONE:
    case LOCKSTEP_WIRE_DIGEST:
    case LOCKSTEP_WIRE_DIGEST_OR_NONE:
    case LOCKSTEP_WIRE_MD5:
    case LOCKSTEP_WIRE_DIGESTS:
    case LOCKSTEP_WIRE_SUB:
    case LOCKSTEP_WIRE_ARRAY:
    case LOCKSTEP_WIRE_ROWS:
    case LOCKSTEP_WIRE_KIND_COUNT:
        memset(to, largest ? 0xFF : 0, field->plain_size);
        break;
    }
}

static void fill_shape(const struct lockstep_wire_shape *shape, bool largest, void *plain);

static void fill_list(const struct lockstep_wire_field *field, bool largest, void *plain)
{
    uint32_t count = largest ? field->max : field->min;
    uint8_t *rows = (uint8_t *)plain + field->plain;
    memcpy((uint8_t *)plain + field->plain_count, &count, sizeof(count));
    if (field->kind != LOCKSTEP_WIRE_ARRAY) {
        uint8_t *taken = take(count * field->plain_size + 1);
        memcpy(rows, &taken, sizeof(taken));
        rows = taken;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (field->shape != NULL) {
            fill_shape(field->shape, largest, rows + i * field->plain_size);
        } else {
            fill_value(field, largest, rows + i * field->plain_size);
        }
    }
}

static void fill_shape(const struct lockstep_wire_shape *shape, bool largest, void *plain)
{
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct lockstep_wire_field *field = &shape->fields[i];
        if (field->proto_count != 0) {
            fill_list(field, largest, plain);
        } else if (field->shape != NULL) {
            fill_shape(field->shape, largest, (uint8_t *)plain + field->plain);
        } else {
            fill_value(field, largest, (uint8_t *)plain + field->plain);
        }
    }
}

static void mend_request(struct lockstep_wire_request *request, bool largest)
{
    static struct lockstep_wire_subject subject;
    request->kind = largest ? LOCKSTEP_KIND_UNDO : LOCKSTEP_KIND_RELOAD;
    request->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    request->by_majority = false;
    request->max_changes = 0;
    request->max_changes_percent = false;
    if (largest) {
        request->require_calls = 0;
        request->max_fail = 100;
        request->quorum = 100;
        return;
    }
    subject = request->subjects[0];
    memcpy(subject.version, "1", 2);
    request->subjects = &subject;
}

/* Rules between fields, which rows do not know. */
static void mend(struct lockstep_wire *wire, bool largest)
{
    struct lockstep_message *message = &wire->message;
    switch ((int)message->type) {
    case LOCKSTEP_MESSAGE_PREPARE:
        message->u.prepare.kind = largest ? LOCKSTEP_KIND_RECONCILE : LOCKSTEP_KIND_RELOAD;
        message->u.prepare.parent = (struct lockstep_id){0};
        break;
    case LOCKSTEP_MESSAGE_VOTE:
        message->u.vote.yes = !largest;
        break;
    case LOCKSTEP_MESSAGE_DECISION:
        message->u.decision.outcome = largest ? LOCKSTEP_OUTCOME_ABORT : LOCKSTEP_OUTCOME_COMMIT;
        break;
    case LOCKSTEP_MESSAGE_FINAL:
        message->u.decision.outcome = LOCKSTEP_OUTCOME_FINAL;
        break;
    case LOCKSTEP_MESSAGE_CHUNK:
        wire->u.chunk.offset = wire->u.chunk.total - wire->u.chunk.data.length;
        wire->u.chunk.missing = false;
        break;
    case LOCKSTEP_MESSAGE_ARTIFACT_PUT:
        wire->u.artifact_put.manifest.length = 0;
        wire->u.artifact_put.signature.length = 0;
        break;
    case LOCKSTEP_MESSAGE_RECONCILE_MODE:
        wire->u.reconcile_mode.mode = largest ? LOCKSTEP_MODE_AUTO : LOCKSTEP_MODE_OFF;
        break;
    case LOCKSTEP_MESSAGE_PLAN:
        mend_request(&wire->u.plan.body, largest);
        break;
    case LOCKSTEP_MESSAGE_SUBMIT:
        mend_request(&wire->u.submit.body, largest);
        break;
    default:
        break;
    }
}

void lockstep_wire_fill(const struct lockstep_wire_row *row, bool largest,
                        struct lockstep_wire *ret_wire)
{
    pool = (struct lockstep_wire_arena){pool_memory, sizeof(pool_memory), 0, false};
    memset(ret_wire, 0, sizeof(*ret_wire));
    ret_wire->message.type = row->type;
    fill_shape(row->shape, largest, ret_wire);
    mend(ret_wire, largest);
}
