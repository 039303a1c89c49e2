/* Operations as a list, and a module's history. */
#include "coordinator/documents_internal.h"

#include <stdlib.h>

#define OPERATIONS_SHOWN 50

/* ---- lists ---------------------------------------------------------------------------------- */

json_t *lockstep_json_operation_row(const struct lockstep_operation *operation,
                                    const struct lockstep_operation_record *record,
                                    enum lockstep_row row)
{
    struct lockstep_tally tally;
    json_t *modules = json_array();
    lockstep_operation_tally(operation, &tally);
    for (uint32_t i = 0; i < operation->item_count; i++) {
        (void)json_array_append_new(modules, json_string(operation->items[i].module.text));
    }
    return lockstep_json_join(lockstep_json_operation_head(operation, row),
                              json_pack("{s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "modules",
                                        modules, "n", (int)lockstep_operation_size(operation),
                                        "done", (int)tally.done, "failed", (int)tally.failed, "who",
                                        lockstep_json_who(record), "message",
                                        lockstep_json_text(record->message), "opened_unix_ms",
                                        lockstep_json_time(record->opened_unix_ms), "ended_unix_ms",
                                        lockstep_json_time(record->ended_unix_ms)));
}

enum lockstep_err lockstep_document_load(const struct lockstep_view *view,
                                         const struct lockstep_id *id,
                                         lockstep_operation_each_fn *each, void *context,
                                         struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    const struct lockstep_operation *live = lockstep_fleet_operation(view->fleet, id);
    struct lockstep_operation *loaded = NULL;
    enum lockstep_row row;
    if (record == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a document");
    }
    LOCKSTEP_TRY(lockstep_store_operation_load(view->store, id, &loaded, &row, record, err));
    if (live != NULL || loaded != NULL) {
        each(context, live != NULL ? live : loaded, record, row);
    }
    (void)lockstep_operation_free(loaded);
    return LOCKSTEP_OK;
}

/* Ids, collected before anything else is read. */
struct ids {
    struct lockstep_id *list;
    size_t count;
    size_t max;
    bool full;
};

static void take_id(void *context, const struct lockstep_id *id)
{
    struct ids *ids = context;
    if (!lockstep_book_room(&ids->list, ids->count, &ids->max, sizeof(*id))) {
        ids->full = true;
        return;
    }
    ids->list[ids->count++] = *id;
}

static enum lockstep_err load_newest(const struct lockstep_view *view, const char *module,
                                     uint32_t limit, lockstep_operation_each_fn *each,
                                     void *context, struct lockstep_error *err)
{
    struct ids ids = {0};
    enum lockstep_err result = lockstep_store_operations_newest(
        view->store, module, limit == 0 ? OPERATIONS_SHOWN : limit, take_id, &ids, err);
    if (result == LOCKSTEP_OK && ids.full) {
        result = LOCKSTEP_FAIL(err, NOMEM, "no memory for a document");
    }
    for (size_t i = 0; i < ids.count && result == LOCKSTEP_OK; i++) {
        result = lockstep_document_load(view, &ids.list[i], each, context, err);
    }
    free(ids.list);
    return result;
}

struct rows {
    const struct lockstep_book *book;
    const struct lockstep_document_query *query;
    struct lockstep_name module; /* of a history */
    json_t *list;
};

static void add_row(void *context, const struct lockstep_operation *operation,
                    const struct lockstep_operation_record *record, enum lockstep_row row)
{
    struct rows *rows = context;
    bool wanted = false;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        wanted = wanted || lockstep_query_module(rows->query, &operation->items[i].module);
    }
    if (wanted) {
        (void)json_array_append_new(rows->list,
                                    lockstep_json_operation_row(operation, record, row));
    }
}

enum lockstep_err lockstep_document_operations(const struct lockstep_view *view,
                                               const struct lockstep_document_query *query,
                                               json_t **ret_document, struct lockstep_error *err)
{
    struct rows rows = {.query = query, .list = json_array()};
    const char *module = query != NULL && query->name_count == 1 ? query->names[0] : NULL;
    enum lockstep_err result;
    for (size_t i = 0; i < view->waiting_count; i++) {
        add_row(&rows, view->waiting[i].operation, view->waiting[i].record, LOCKSTEP_ROW_NONE);
    }
    result = load_newest(view, module, query == NULL ? 0 : query->limit, add_row, &rows, err);
    if (result != LOCKSTEP_OK) {
        json_decref(rows.list);
        return result;
    }
    return lockstep_document_done(
        json_pack("{s:s, s:o}", "schema", "lockstep/operations/v1", "operations", rows.list),
        ret_document, err);
}

/* ---- history -------------------------------------------------------------------------------- */

/* The versions that nodes were on when it opened, each once. Going back, that is where they go. */
static json_t *starts_of(const struct lockstep_book *book,
                         const struct lockstep_operation *operation, uint32_t item)
{
    json_t *seen = json_object(); /* keeps the order */
    json_t *versions = json_array();
    const char *key;
    json_t *value;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        char text[LOCKSTEP_STORE_VERSION];
        lockstep_book_version_text(
            book, &operation->starts[(size_t)i * operation->item_count + item], text);
        (void)json_object_set_new(seen, text, json_null());
    }
    json_object_foreach(seen, key, value)
    {
        (void)json_array_append_new(versions, json_string(key));
    }
    json_decref(seen);
    return versions;
}

static json_t *one_version(const struct lockstep_book *book, const struct lockstep_digest *digest)
{
    return json_pack("[o]", lockstep_book_version(book, digest));
}

static json_t *between(uint64_t from_unix_ms, uint64_t to_unix_ms)
{
    return from_unix_ms == 0 || to_unix_ms < from_unix_ms
               ? json_null()
               : lockstep_json_number(to_unix_ms - from_unix_ms);
}

static json_t *durations_of(const struct lockstep_operation_record *record)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "prepare_ms",
                     between(record->opened_unix_ms, record->decided_unix_ms), "commit_ms",
                     between(record->decided_unix_ms, record->live_unix_ms), "soak_ms",
                     between(record->live_unix_ms, record->ended_unix_ms), "total_ms",
                     between(record->opened_unix_ms, record->ended_unix_ms));
}

static void add_history(void *context, const struct lockstep_operation *operation,
                        const struct lockstep_operation_record *record, enum lockstep_row row)
{
    struct rows *rows = context;
    int64_t at = lockstep_operation_item(operation, &rows->module);
    bool back = lockstep_operation_goes_back(operation);
    const struct lockstep_item *item;
    json_t *starts;
    json_t *other;
    if (at < 0) {
        return;
    }
    item = &operation->items[at];
    starts = starts_of(rows->book, operation, (uint32_t)at);
    other = one_version(rows->book, back ? &item->leaving : &item->digest);
    (void)json_array_append_new(
        rows->list,
        json_pack("{s:o, s:o, s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                  lockstep_json_id(&operation->id), "short", lockstep_json_short(&operation->id),
                  "kind", lockstep_kind_text(operation->kind), "strategy",
                  lockstep_strategy_text(operation->strategy), "state",
                  lockstep_document_word(operation, row), "result",
                  lockstep_document_result(operation), "generation", (json_int_t)item->generation,
                  "old", back ? other : starts, "new", back ? starts : other, "who",
                  lockstep_json_who(record), "message", lockstep_json_text(record->message),
                  "times", lockstep_json_times(record), "durations", durations_of(record)));
}

enum lockstep_err lockstep_document_history(const struct lockstep_view *view, const char *module,
                                            uint32_t limit, json_t **ret_document,
                                            struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    struct lockstep_document_query query = {.names = &module, .name_count = 1};
    struct rows rows = {.book = &book};
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    LOCKSTEP_TRY(lockstep_book_check_names(&book, &query, err));
    if (!lockstep_name_parse(module, &rows.module)) {
        return LOCKSTEP_FAIL(err, INVALID, "%.63s is no name of a module", module);
    }
    rows.list = json_array();
    result = load_newest(view, module, limit, add_history, &rows, err);
    if (result != LOCKSTEP_OK) {
        json_decref(rows.list);
        return result;
    }
    return lockstep_document_done(json_pack("{s:s, s:s, s:o}", "schema", "lockstep/history/v1",
                                            "module", module, "operations", rows.list),
                                  ret_document, err);
}
