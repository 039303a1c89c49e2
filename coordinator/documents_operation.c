/* Operations: one, the list, and a module's history. */
#include "coordinator/documents_internal.h"

#include <stdio.h>
#include <string.h>

#define OPERATIONS_SHOWN 50

/* ---- words ---------------------------------------------------------------------------------- */

static const char *word_of(const struct lockstep_operation *operation, enum lockstep_row row)
{
    static const char *const words[] = {
        [LOCKSTEP_ROW_NONE] = "preparing",      [LOCKSTEP_ROW_OPEN] = "preparing",
        [LOCKSTEP_ROW_ABORT] = "aborted",       [LOCKSTEP_ROW_COMMIT] = "committing",
        [LOCKSTEP_ROW_SUCCEEDED] = "succeeded", [LOCKSTEP_ROW_DEGRADED] = "rolling-back",
        [LOCKSTEP_ROW_SETTLED] = "rolled-back", [LOCKSTEP_ROW_FINAL] = "succeeded",
    };
    if (operation->state != LOCKSTEP_OPERATION_UNSPECIFIED) {
        return lockstep_operation_word(operation);
    }
    if (operation->result != LOCKSTEP_RESULT_NONE) {
        return lockstep_result_word(operation->result);
    }
    return words[row];
}

static bool has_ended(const struct lockstep_operation *operation)
{
    return operation->result != LOCKSTEP_RESULT_NONE &&
           (operation->state == LOCKSTEP_OPERATION_UNSPECIFIED ||
            lockstep_operation_ended(operation));
}

static json_t *result_of(const struct lockstep_operation *operation)
{
    return has_ended(operation) ? json_string(lockstep_result_word(operation->result))
                                : json_null();
}

static bool is_final(const struct lockstep_operation *operation, enum lockstep_row row)
{
    return operation->state == LOCKSTEP_OPERATION_FINAL || row == LOCKSTEP_ROW_FINAL;
}

static json_t *code_of(enum lockstep_no no)
{
    return no == LOCKSTEP_NO_UNSPECIFIED ? json_null() : json_string(lockstep_no_name(no));
}

static json_t *class_of(enum lockstep_no no)
{
    switch (lockstep_no_class(no)) {
    case LOCKSTEP_NO_CLASS_INTEGRITY:
        return json_string("integrity");
    case LOCKSTEP_NO_CLASS_NODE:
        return json_string("node");
    case LOCKSTEP_NO_CLASS_UNSPECIFIED:
        break;
    }
    return json_null();
}

/* ---- one operation -------------------------------------------------------------------------- */

static json_t *items_of(const struct lockstep_book *book,
                        const struct lockstep_operation *operation)
{
    json_t *items = json_array();
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i];
        bool leaves = !lockstep_digest_is_zero(&item->leaving);
        (void)json_array_append_new(
            items, json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "module", item->module.text,
                             "generation", (json_int_t)item->generation, "version",
                             lockstep_book_version(book, &item->digest), "digest",
                             lockstep_json_digest(&item->digest), "leaving_version",
                             leaves ? lockstep_book_version(book, &item->leaving) : json_null(),
                             "leaving", lockstep_json_digest(&item->leaving)));
    }
    return items;
}

static json_t *parts_of(const struct lockstep_view *view,
                        const struct lockstep_operation *operation)
{
    json_t *parts = json_array();
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        (void)json_array_append_new(parts, json_pack("{s:o, s:s, s:o, s:o, s:o}", "node",
                                                     lockstep_json_node(view, part->node), "state",
                                                     lockstep_part_word(part->state), "code",
                                                     code_of(part->no), "class", class_of(part->no),
                                                     "text", lockstep_json_text(part->text)));
    }
    return parts;
}

static json_t *counts_of(const struct lockstep_operation *operation)
{
    json_t *counts = json_object();
    uint32_t in[LOCKSTEP_PART_STATE_COUNT] = {0};
    for (uint32_t i = 0; i < operation->part_count; i++) {
        in[operation->parts[i].state]++;
    }
    for (unsigned i = 1; i < LOCKSTEP_PART_STATE_COUNT; i++) {
        if (in[i] > 0) {
            (void)json_object_set_new(counts, lockstep_part_word(i), json_integer(in[i]));
        }
    }
    return counts;
}

static json_t *cause_of(const struct lockstep_view *view,
                        const struct lockstep_operation *operation)
{
    const struct lockstep_cause *cause = &operation->cause;
    if (cause->no == LOCKSTEP_NO_UNSPECIFIED && cause->text[0] == '\0') {
        return json_null();
    }
    return json_pack("{s:o, s:s?, s:o, s:o, s:o}", "node", lockstep_json_node(view, cause->node),
                     "phase", lockstep_operation_state_word(cause->state), "code",
                     code_of(cause->no), "class", class_of(cause->no), "text",
                     lockstep_json_text(cause->text));
}

static json_t *times_of(const struct lockstep_operation_record *record)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "opened_unix_ms",
                     lockstep_json_time(record->opened_unix_ms), "decided_unix_ms",
                     lockstep_json_time(record->decided_unix_ms), "live_unix_ms",
                     lockstep_json_time(record->live_unix_ms), "ended_unix_ms",
                     lockstep_json_time(record->ended_unix_ms));
}

static void propose(json_t *next, const char *verb, const char *what)
{
    char command[LOCKSTEP_DOCUMENT_COMMAND];
    (void)snprintf(command, sizeof(command), "lockstep %s %s", verb, what);
    (void)json_array_append_new(next, json_string(command));
}

/* Commands that are likely to be wanted next. */
static json_t *next_of(const struct lockstep_view *view, const struct lockstep_operation *operation,
                       bool final)
{
    json_t *next = json_array();
    const char *module = operation->items[0].module.text;
    char id[LOCKSTEP_DOCUMENT_SHORT];
    bool bad = has_ended(operation) && operation->result != LOCKSTEP_RESULT_SUCCEEDED &&
               operation->result != LOCKSTEP_RESULT_SUCCEEDED_PARTIAL;
    lockstep_short_id(&operation->id, id);
    if (!has_ended(operation)) {
        propose(next, "op watch", id);
        propose(next, "op abort", id);
        return next;
    }
    if (bad && operation->cause.no != LOCKSTEP_NO_UNSPECIFIED &&
        operation->cause.node < view->fleet->node_count) {
        propose(next, "node show", view->fleet->nodes[operation->cause.node].name.text);
    }
    if (!bad && !final && operation->kind == LOCKSTEP_KIND_RELOAD) {
        propose(next, "undo", module);
    }
    if (operation->result == LOCKSTEP_RESULT_SUCCEEDED_PARTIAL ||
        operation->result == LOCKSTEP_RESULT_FAILED_MIXED) {
        propose(next, "check", module);
    }
    return next;
}

static json_t *compensation_of(const struct lockstep_view *view,
                               const struct lockstep_operation *operation)
{
    const struct lockstep_operation *child = lockstep_fleet_child(view->fleet, operation);
    return child == NULL ? json_null() : lockstep_json_id(&child->id);
}

static json_t *head_of(const struct lockstep_operation *operation, enum lockstep_row row)
{
    return json_pack("{s:o, s:o, s:s, s:s, s:s, s:o, s:b}", "id", lockstep_json_id(&operation->id),
                     "short", lockstep_json_short(&operation->id), "kind",
                     lockstep_kind_text(operation->kind), "strategy",
                     lockstep_strategy_text(operation->strategy), "state", word_of(operation, row),
                     "result", result_of(operation), "final", is_final(operation, row) ? 1 : 0);
}

enum lockstep_err lockstep_document_operation(const struct lockstep_view *view,
                                              const struct lockstep_operation *operation,
                                              const struct lockstep_operation_record *record,
                                              json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    json_t *document;
    if (operation->state == LOCKSTEP_OPERATION_UNSPECIFIED) { /* it was loaded */
        LOCKSTEP_TRY(lockstep_store_operation_find(view->store, &operation->id, &row, err));
    }
    LOCKSTEP_TRY(lockstep_book_open(&book, view, err));
    document = json_pack(
        "{s:s, s:b, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
        "lockstep/operation/v1", "paused", 0, "items", items_of(&book, operation), "n",
        (int)operation->part_count, "need", (int)operation->options.need, "max_fail",
        (int)operation->options.max_fail, "counts", counts_of(operation), "cause",
        cause_of(view, operation), "parts", parts_of(view, operation), "times", times_of(record),
        "message", lockstep_json_text(record->message), "who", lockstep_json_text(record->signer),
        "parent", lockstep_json_id(&operation->parent), "compensation",
        compensation_of(view, operation), "next",
        next_of(view, operation, is_final(operation, row)));
    return lockstep_document_done(lockstep_json_join(document, head_of(operation, row)),
                                  ret_document, err);
}

/* ---- lists ---------------------------------------------------------------------------------- */

int64_t lockstep_operation_item(const struct lockstep_operation *operation,
                                const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < operation->item_count; i++) {
        if (lockstep_name_equal(&operation->items[i].module, module)) {
            return i;
        }
    }
    return -1;
}

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
    return lockstep_json_join(head_of(operation, row),
                              json_pack("{s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "modules",
                                        modules, "n", (int)operation->part_count, "done",
                                        (int)tally.done, "failed", (int)tally.failed, "who",
                                        lockstep_json_text(record->signer), "message",
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
    enum lockstep_err result = lockstep_store_operations(
        view->store, false, module, limit == 0 ? OPERATIONS_SHOWN : limit, take_id, &ids, err);
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
    enum lockstep_err result = load_newest(view, module, query == NULL ? 0 : query->limit, add_row,
                                           &rows, err);
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
                  lockstep_strategy_text(operation->strategy), "state", word_of(operation, row),
                  "result", result_of(operation), "generation", (json_int_t)item->generation, "old",
                  back ? other : starts, "new", back ? starts : other, "who",
                  lockstep_json_text(record->signer), "message",
                  lockstep_json_text(record->message), "times", times_of(record), "durations",
                  durations_of(record)));
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
