/* From rows to a core. */
#include "agent/store_internal.h"

#include <string.h>

static enum lockstep_err load_modules(struct lockstep_agent_store *store,
                                      struct lockstep_agent *core, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_agent_module_row row;
    struct lockstep_agent_module *module;
    bool more = false;
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT " LOCKSTEP_AGENT_MODULE_COLUMNS " FROM module ORDER BY name", NULL,
        0, &rows, err));
    for (;;) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            return LOCKSTEP_OK;
        }
        result = lockstep_agent_store_take_module(&rows, &row, err);
        module = result == LOCKSTEP_OK ? lockstep_agent_add_module(core, &row.module) : NULL;
        if (module == NULL) {
            lockstep_query_end(&rows);
            return result != LOCKSTEP_OK
                       ? result
                       : LOCKSTEP_FAIL(err, LIMIT, "the journal has more modules than a node may");
        }
        module->service = row.service.text[0] == '\0' ? LOCKSTEP_SERVICE_NONE
                                                      : lockstep_agent_service(core, &row.service);
        module->generation = row.generation;
        module->current = row.current;
        module->has_previous = row.has_previous;
        module->previous = row.previous;
    }
}

static enum lockstep_err load_ended(struct lockstep_agent_store *store, struct lockstep_agent *core,
                                    struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_id id;
    bool more = false;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT id, row FROM (SELECT number, id, row FROM operation WHERE ended = 1"
        " ORDER BY number DESC LIMIT ?1) ORDER BY number",
        &LOCKSTEP_INTEGER(LOCKSTEP_AGENT_ENDED), 1, &rows, err));
    for (;;) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            return LOCKSTEP_OK;
        }
        if (!lockstep_row_bytes(&rows, 0, id.bytes, LOCKSTEP_ID_BYTES)) {
            lockstep_query_end(&rows);
            return LOCKSTEP_FAIL(err, CORRUPT, "the journal has an operation without an id");
        }
        lockstep_agent_restore_ended(core, &id,
                                     (enum lockstep_duty_row)lockstep_row_integer(&rows, 1));
    }
}

/* ---- open operations ------------------------------------------------------------------------ */

static bool take_item(const struct lockstep_query_rows *rows, struct lockstep_prepare *order)
{
    struct lockstep_item *item;
    if (order->item_count == LOCKSTEP_ITEMS_MAX) {
        return false;
    }
    item = &order->items[order->item_count++];
    item->generation = (uint64_t)lockstep_row_integer(rows, 1);
    return lockstep_name_parse(lockstep_row_text_at(rows, 0), &item->module) &&
           lockstep_row_bytes(rows, 2, item->digest.bytes, LOCKSTEP_DIGEST_BYTES) &&
           lockstep_row_bytes(rows, 3, item->leaving.bytes, LOCKSTEP_DIGEST_BYTES);
}

static enum lockstep_err load_items(struct lockstep_agent_store *store, int64_t number,
                                    struct lockstep_prepare *order, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = false;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT module, generation, digest, leaving FROM item"
                                      " WHERE operation = ?1 ORDER BY position",
                                      &LOCKSTEP_INTEGER(number), 1, &rows, err));
    for (;;) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            return LOCKSTEP_OK;
        }
        if (!take_item(&rows, order)) {
            lockstep_query_end(&rows);
            return LOCKSTEP_FAIL(err, CORRUPT, "the journal has a bad item of an operation");
        }
    }
}

static bool take_order(const struct lockstep_query_rows *rows, struct lockstep_prepare *ret_order)
{
    memset(ret_order, 0, sizeof(*ret_order));
    ret_order->epoch = (uint64_t)lockstep_row_integer(rows, 4);
    ret_order->kind = (enum lockstep_kind)lockstep_row_integer(rows, 5);
    ret_order->strategy = (enum lockstep_strategy)lockstep_row_integer(rows, 6);
    ret_order->drain = (enum lockstep_drain)lockstep_row_integer(rows, 7);
    ret_order->drain_timeout_ms = (uint64_t)lockstep_row_integer(rows, 8);
    ret_order->prepare_ms = (uint64_t)lockstep_row_integer(rows, 9);
    ret_order->again = lockstep_row_integer(rows, 10) != 0;
    ret_order->no_smoke = lockstep_row_integer(rows, 11) != 0;
    ret_order->roster_size = (uint32_t)lockstep_row_integer(rows, 12);
    return lockstep_kind_text(ret_order->kind) != NULL &&
           lockstep_strategy_text(ret_order->strategy) != NULL &&
           lockstep_drain_text(ret_order->drain) != NULL &&
           lockstep_row_bytes(rows, 2, ret_order->operation.bytes, LOCKSTEP_ID_BYTES) &&
           lockstep_row_bytes(rows, 3, ret_order->parent.bytes, LOCKSTEP_ID_BYTES) &&
           lockstep_row_bytes(rows, 13, ret_order->roster.bytes, LOCKSTEP_DIGEST_BYTES);
}

static enum lockstep_err take_open(struct lockstep_agent_store *store,
                                   const struct lockstep_query_rows *rows,
                                   struct lockstep_agent *core, struct lockstep_time now,
                                   struct lockstep_error *err)
{
    struct lockstep_prepare order;
    enum lockstep_duty_row row = (enum lockstep_duty_row)lockstep_row_integer(rows, 1);
    if (!take_order(rows, &order) || row < LOCKSTEP_DUTY_ROW_PREPARED ||
        row > LOCKSTEP_DUTY_ROW_APPLIED) {
        return LOCKSTEP_FAIL(err, CORRUPT, "the journal has a bad operation");
    }
    LOCKSTEP_TRY(load_items(store, lockstep_row_integer(rows, 0), &order, err));
    if (!lockstep_agent_restore(core, now, &order, row)) {
        return LOCKSTEP_FAIL(err, CORRUPT, "the journal has more open operations than can be");
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err load_open(struct lockstep_agent_store *store, struct lockstep_agent *core,
                                   struct lockstep_time now, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = false;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT number, row, id, parent, epoch, kind, strategy, drain, drain_timeout, prepare,"
        " again, no_smoke, roster_size, roster FROM operation WHERE ended = 0 ORDER BY number",
        NULL, 0, &rows, err));
    for (;;) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            return LOCKSTEP_OK;
        }
        enum lockstep_err result = take_open(store, &rows, core, now, err);
        if (result != LOCKSTEP_OK) {
            lockstep_query_end(&rows);
            return result;
        }
    }
}

enum lockstep_err lockstep_agent_store_load(struct lockstep_agent_store *store,
                                            struct lockstep_agent *core, struct lockstep_time now,
                                            struct lockstep_error *err)
{
    core->journal = lockstep_journal_incarnation(store->journal);
    core->coordinator = store->meta.coordinator;
    core->epoch = store->meta.epoch;
    core->decision_sequence = store->meta.decision_sequence;
    lockstep_agent_store_refused(store, core);
    LOCKSTEP_TRY(load_modules(store, core, err));
    LOCKSTEP_TRY(load_ended(store, core, err));
    return load_open(store, core, now, err);
}

/* ---- what a vow was made on ----------------------------------------------------------------- */

/* The blob in COLUMN, copied to BYTES of SIZE; false if it is longer. */
static bool take_blob(const struct lockstep_query_rows *rows, int column, uint8_t *bytes,
                      size_t size, struct lockstep_blob *ret_blob)
{
    const void *from = lockstep_row_blob(rows, column, &ret_blob->length);
    if (ret_blob->length > size) {
        return false;
    }
    if (ret_blob->length > 0) {
        memcpy(bytes, from, ret_blob->length);
    }
    ret_blob->data = bytes;
    return true;
}

/* A name, or none. */
static bool take_name(const struct lockstep_query_rows *rows, int column,
                      struct lockstep_name *ret_name)
{
    const char *text = lockstep_row_text_at(rows, column);
    return text[0] == '\0' || lockstep_name_parse(text, ret_name);
}

static bool take_intent(struct lockstep_agent_store *store, const struct lockstep_query_rows *rows,
                        struct lockstep_wire_prepare *ret_intent)
{
    lockstep_row_copy(rows, 3, store->extra, sizeof(store->extra));
    ret_intent->extra = store->extra;
    return take_blob(rows, 0, store->intent, sizeof(store->intent), &ret_intent->intent) &&
           take_blob(rows, 1, store->signature, sizeof(store->signature), &ret_intent->signature) &&
           take_name(rows, 2, &ret_intent->signer) &&
           take_blob(rows, 4, store->standing, sizeof(store->standing), &ret_intent->standing) &&
           take_blob(rows, 5, store->standing_signature, sizeof(store->standing_signature),
                     &ret_intent->standing_signature) &&
           take_name(rows, 6, &ret_intent->standing_signer);
}

enum lockstep_err lockstep_agent_store_intent(struct lockstep_agent_store *store,
                                              const struct lockstep_id *operation,
                                              struct lockstep_wire_prepare *ret_intent,
                                              struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool found = false;
    bool good;
    memset(ret_intent, 0, sizeof(*ret_intent));
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT intent, signature, signer, extra, standing, standing_signature, standing_signer"
        " FROM operation WHERE id = ?1",
        &LOCKSTEP_BYTES_OF(operation), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &found, err));
    if (!found) {
        return LOCKSTEP_FAIL(err, CONFLICT, "the journal does not know this operation");
    }
    good = take_intent(store, &rows, ret_intent);
    lockstep_query_end(&rows);
    return good ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, CORRUPT, "the journal has a bad intent");
}
