/* Operations, read back. What the journal holds is checked as anything from outside is. */
#include "common/base/assert.h"
#include "coordinator/store_operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool decode_options(const uint8_t *bytes, size_t size,
                           struct lockstep_operation_options *options)
{
    uint64_t values[LOCKSTEP_OPTIONS_COUNT] = {0};
    size_t at = 0;
    if (size % 8 != 0 || size > LOCKSTEP_OPTIONS_BYTES) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        values[i / 8] = values[i / 8] << 8 | bytes[i];
    }
#define TAKE(field) options->field = (__typeof__(options->field))values[at++];
    LOCKSTEP_OPTIONS_TABLE(TAKE)
#undef TAKE
    return lockstep_on_failure_text(options->on_failure) != NULL &&
           lockstep_drain_text(options->drain) != NULL;
}

static bool is_code(int64_t no)
{
    return no == LOCKSTEP_NO_UNSPECIFIED ||
           lockstep_no_class((enum lockstep_no)no) != LOCKSTEP_NO_CLASS_UNSPECIFIED;
}

static enum lockstep_err count_of(struct lockstep_store *store, const char *sql,
                                  const struct lockstep_id *id, uint32_t *ret_count,
                                  struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, sql, &LOCKSTEP_BYTES_OF(id), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    *ret_count = row ? (uint32_t)lockstep_row_integer(&rows, 0) : 0;
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

static enum lockstep_err read_items(struct lockstep_store *store,
                                    struct lockstep_operation *operation,
                                    struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT module, generation, digest, leaving FROM item WHERE "
                                      "operation = ?1 ORDER BY place",
                                      &LOCKSTEP_BYTES_OF(&operation->id), 1, &rows, err));
    while (more) {
        struct lockstep_item *item = &operation->items[operation->item_count];
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        ASSERT(operation->item_count < LOCKSTEP_ITEMS_MAX);
        item->generation = (uint64_t)lockstep_row_integer(&rows, 1);
        if (!lockstep_name_parse(lockstep_row_text_at(&rows, 0), &item->module) ||
            !lockstep_row_bytes(&rows, 2, item->digest.bytes, LOCKSTEP_DIGEST_BYTES) ||
            !lockstep_row_bytes(&rows, 3, item->leaving.bytes, LOCKSTEP_DIGEST_BYTES)) {
            lockstep_query_end(&rows);
            return LOCKSTEP_FAIL(err, CORRUPT, "an operation's item makes no sense");
        }
        operation->item_count++;
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_parts(struct lockstep_store *store,
                                    struct lockstep_operation *operation, uint32_t room,
                                    struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    size_t row_size = operation->item_count * sizeof(operation->starts[0]);
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT node, state, no, text, starts, told FROM part WHERE "
                                      "operation = ?1 ORDER BY place",
                                      &LOCKSTEP_BYTES_OF(&operation->id), 1, &rows, err));
    while (more) {
        struct lockstep_part *part = &operation->parts[operation->part_count];
        int64_t state;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        ASSERT(operation->part_count < room);
        state = lockstep_row_integer(&rows, 1);
        part->node = (uint32_t)lockstep_row_integer(&rows, 0);
        part->state = (uint8_t)state;
        part->no = (uint16_t)lockstep_row_integer(&rows, 2);
        part->told = lockstep_row_integer(&rows, 5) != 0;
        lockstep_row_copy(&rows, 3, part->text, sizeof(part->text));
        if (lockstep_part_name((unsigned)state) == NULL || part->node >= LOCKSTEP_NODES_MAX ||
            !is_code(lockstep_row_integer(&rows, 2)) ||
            !lockstep_row_bytes(
                &rows, 4, &operation->starts[(size_t)operation->part_count * operation->item_count],
                row_size)) {
            lockstep_query_end(&rows);
            return LOCKSTEP_FAIL(err, CORRUPT, "an operation's part makes no sense");
        }
        operation->part_count++;
    }
    return LOCKSTEP_OK;
}

/* The operation's own row; false in *RET_FOUND if there is none. */
static enum lockstep_err read_operation(struct lockstep_store *store, const struct lockstep_id *id,
                                        struct lockstep_operation *operation,
                                        enum lockstep_row *ret_row,
                                        struct lockstep_operation_record *record,
                                        struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool found = false;
    const void *bytes;
    size_t size = 0;
    bool sound;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT parent, kind, strategy, row, result, sequence, roster, options, cause_no, "
        "cause_node, cause_state, cause_text, request, signer, message, extra, signature, intent, "
        "opened, decided, live, ended, standing FROM operation WHERE id = ?1",
        &LOCKSTEP_BYTES_OF(id), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &found, err));
    ASSERT(found); /* it was counted in this very call */
    operation->id = *id;
    operation->kind = (enum lockstep_kind)lockstep_row_integer(&rows, 1);
    operation->strategy = (enum lockstep_strategy)lockstep_row_integer(&rows, 2);
    *ret_row = (enum lockstep_row)lockstep_row_integer(&rows, 3);
    operation->result = (uint8_t)lockstep_row_integer(&rows, 4);
    operation->sequence = (uint64_t)lockstep_row_integer(&rows, 5);
    bytes = lockstep_row_blob(&rows, 7, &size);
    sound = lockstep_row_bytes(&rows, 0, operation->parent.bytes, LOCKSTEP_ID_BYTES) &&
            lockstep_row_bytes(&rows, 6, operation->roster_digest.bytes, LOCKSTEP_DIGEST_BYTES) &&
            decode_options(bytes, size, &operation->options) &&
            lockstep_kind_text(operation->kind) != NULL &&
            lockstep_strategy_text(operation->strategy) != NULL &&
            is_code(lockstep_row_integer(&rows, 8)) &&
            lockstep_row_text((unsigned)*ret_row) != NULL &&
            (operation->result == LOCKSTEP_RESULT_NONE ||
             lockstep_result_word(operation->result) != NULL);
    operation->cause.no = (enum lockstep_no)lockstep_row_integer(&rows, 8);
    operation->cause.node = (uint32_t)lockstep_row_integer(&rows, 9);
    operation->cause.state = (uint8_t)lockstep_row_integer(&rows, 10);
    lockstep_row_copy(&rows, 11, operation->cause.text, sizeof(operation->cause.text));
    if (record != NULL) {
        memset(record, 0, sizeof(*record));
        bytes = lockstep_row_blob(&rows, 17, &record->intent_length);
        sound = sound &&
                lockstep_row_bytes(&rows, 12, record->request.bytes, LOCKSTEP_DIGEST_BYTES) &&
                lockstep_row_bytes(&rows, 16, record->signature, sizeof(record->signature)) &&
                record->intent_length <= LOCKSTEP_INTENT_MAX;
        lockstep_row_copy(&rows, 13, record->signer, sizeof(record->signer));
        lockstep_row_copy(&rows, 14, record->message, sizeof(record->message));
        lockstep_row_copy(&rows, 15, record->extra, sizeof(record->extra));
        if (sound) {
            memcpy(record->intent, bytes, record->intent_length);
        }
        record->opened_unix_ms = (uint64_t)lockstep_row_integer(&rows, 18);
        record->decided_unix_ms = (uint64_t)lockstep_row_integer(&rows, 19);
        record->live_unix_ms = (uint64_t)lockstep_row_integer(&rows, 20);
        record->ended_unix_ms = (uint64_t)lockstep_row_integer(&rows, 21);
        sound = sound && lockstep_row_bytes(&rows, 22, record->standing.bytes, LOCKSTEP_ID_BYTES);
    }
    lockstep_query_end(&rows);
    return sound ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, CORRUPT, "an operation's row makes no sense");
}

enum lockstep_err lockstep_store_operation_load(struct lockstep_store *store,
                                                const struct lockstep_id *id,
                                                struct lockstep_operation **ret_operation,
                                                enum lockstep_row *ret_row,
                                                struct lockstep_operation_record *ret_record,
                                                struct lockstep_error *err)
{
    struct lockstep_operation *operation;
    enum lockstep_err result;
    uint32_t items = 0;
    uint32_t parts = 0;
    *ret_operation = NULL;
    *ret_row = LOCKSTEP_ROW_NONE;
    LOCKSTEP_TRY(lockstep_store_operation_find(store, id, ret_row, err));
    if (*ret_row == LOCKSTEP_ROW_NONE) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(
        count_of(store, "SELECT count(*) FROM item WHERE operation = ?1", id, &items, err));
    LOCKSTEP_TRY(
        count_of(store, "SELECT count(*) FROM part WHERE operation = ?1", id, &parts, err));
    if (items == 0 || items > LOCKSTEP_ITEMS_MAX || parts == 0 || parts > LOCKSTEP_NODES_MAX) {
        return LOCKSTEP_FAIL(err, CORRUPT, "an operation has %u items and %u parts", items, parts);
    }
    operation = lockstep_operation_new(items, parts, true);
    if (operation == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for an operation");
    }
    result = read_operation(store, id, operation, ret_row, ret_record, err);
    if (result == LOCKSTEP_OK) {
        result = read_items(store, operation, err);
    }
    if (result == LOCKSTEP_OK) {
        result = read_parts(store, operation, parts, err);
    }
    if (result != LOCKSTEP_OK) {
        (void)lockstep_operation_free(operation);
        return result;
    }
    *ret_operation = operation;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_operation_find(struct lockstep_store *store,
                                                const struct lockstep_id *id,
                                                enum lockstep_row *ret_row,
                                                struct lockstep_error *err)
{
    uint32_t row = 0;
    LOCKSTEP_TRY(count_of(store, "SELECT row FROM operation WHERE id = ?1", id, &row, err));
    *ret_row = (enum lockstep_row)row;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_child(struct lockstep_store *store, const struct lockstep_id *id,
                                       struct lockstep_operation **ret_child,
                                       struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    enum lockstep_row row;
    struct lockstep_id child;
    bool found = false;
    *ret_child = NULL;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, "SELECT id FROM operation WHERE parent = ?1",
                                      &LOCKSTEP_BYTES_OF(id), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &found, err));
    if (!found) {
        return LOCKSTEP_OK;
    }
    found = lockstep_row_bytes(&rows, 0, child.bytes, LOCKSTEP_ID_BYTES);
    lockstep_query_end(&rows);
    return found ? lockstep_store_operation_load(store, &child, ret_child, &row, NULL, err)
                 : LOCKSTEP_OK;
}

/* Gives every id of a query that has begun. */
static enum lockstep_err each_id(struct lockstep_query_rows *rows, lockstep_id_fn *each,
                                 void *context, struct lockstep_error *err)
{
    bool more = true;
    while (more) {
        struct lockstep_id id;
        LOCKSTEP_TRY(lockstep_query_next(rows, &more, err));
        if (more && lockstep_row_bytes(rows, 0, id.bytes, LOCKSTEP_ID_BYTES)) {
            each(context, &id);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_operations_unfinished(struct lockstep_store *store,
                                                       lockstep_id_fn *each, void *context,
                                                       struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    /* A parent is older than its compensation. */
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT id FROM operation WHERE idle = 0 ORDER BY number",
                                      NULL, 0, &rows, err));
    return each_id(&rows, each, context, err);
}

enum lockstep_err lockstep_store_operations_newest(struct lockstep_store *store, const char *module,
                                                   uint32_t limit, lockstep_id_fn *each,
                                                   void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_bind binds[] = {{.type = LOCKSTEP_BIND_NULL}, LOCKSTEP_INTEGER(limit)};
    if (module != NULL) {
        binds[0] = LOCKSTEP_TEXT(module);
    }
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT id FROM operation WHERE ?1 IS NULL OR id IN (SELECT operation FROM item WHERE "
        "module = ?1) ORDER BY number DESC LIMIT ?2",
        binds, LOCKSTEP_COUNT(binds), &rows, err));
    return each_id(&rows, each, context, err);
}

enum lockstep_err lockstep_store_operation_prefix(struct lockstep_store *store, const char *prefix,
                                                  struct lockstep_id *ret_id, unsigned *ret_found,
                                                  struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    char last[LOCKSTEP_ID_TEXT + 2];
    bool more = true;
    *ret_found = 0;
    if (strlen(prefix) >= LOCKSTEP_ID_TEXT) {
        return LOCKSTEP_OK;
    }
    (void)snprintf(last, sizeof(last), "%s~", prefix);
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT id FROM operation WHERE text >= ?1 AND text < ?2 LIMIT 2",
        (const struct lockstep_bind[]){LOCKSTEP_TEXT(prefix), LOCKSTEP_TEXT(last)}, 2, &rows, err));
    while (more) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && lockstep_row_bytes(&rows, 0, ret_id->bytes, LOCKSTEP_ID_BYTES)) {
            (*ret_found)++;
        }
    }
    return LOCKSTEP_OK;
}
