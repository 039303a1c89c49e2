/* One operation, as it is in memory or was loaded. */
#include "coordinator/documents_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---------------------------------------------------------------------------------- */

/* One that was loaded has a result and no state; one that waits has neither. */
static bool has_ended(const struct lockstep_operation *operation)
{
    return operation->result != LOCKSTEP_RESULT_NONE &&
           (operation->state == LOCKSTEP_OPERATION_UNSPECIFIED ||
            lockstep_operation_ended(operation));
}

const char *lockstep_document_word(const struct lockstep_operation *operation,
                                   enum lockstep_row row)
{
    static const char *const words[] = {
        [LOCKSTEP_ROW_NONE] = "waiting",        [LOCKSTEP_ROW_OPEN] = "preparing",
        [LOCKSTEP_ROW_ABORT] = "aborted",       [LOCKSTEP_ROW_COMMIT] = "committing",
        [LOCKSTEP_ROW_SUCCEEDED] = "succeeded", [LOCKSTEP_ROW_DEGRADED] = "rolling-back",
        [LOCKSTEP_ROW_SETTLED] = "rolled-back", [LOCKSTEP_ROW_FINAL] = "succeeded",
    };
    if (has_ended(operation)) {
        return lockstep_result_word(operation->result);
    }
    if (operation->state != LOCKSTEP_OPERATION_UNSPECIFIED) {
        return lockstep_operation_word(operation);
    }
    return (size_t)row < LOCKSTEP_COUNT(words) ? words[row] : words[LOCKSTEP_ROW_NONE];
}

json_t *lockstep_document_result(const struct lockstep_operation *operation)
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

/* What item INDEX brings: going back, what all its nodes go back to; NULL if that differs. */
static const struct lockstep_digest *brings(const struct lockstep_operation *operation,
                                            uint32_t index)
{
    if (!lockstep_operation_goes_back(operation)) {
        return &operation->items[index].digest;
    }
    for (uint32_t i = 1; i < operation->part_count; i++) {
        if (!lockstep_digest_equal(&operation->starts[(size_t)i * operation->item_count + index],
                                   &operation->starts[index])) {
            return NULL;
        }
    }
    return &operation->starts[index];
}

static json_t *items_of(const struct lockstep_book *book,
                        const struct lockstep_operation *operation)
{
    json_t *items = json_array();
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i];
        const struct lockstep_digest *digest = brings(operation, i);
        bool leaves = !lockstep_digest_is_zero(&item->leaving);
        (void)json_array_append_new(
            items, json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "module", item->module.text,
                             "generation", (json_int_t)item->generation, "version",
                             digest == NULL ? json_null() : lockstep_book_version(book, digest),
                             "digest", digest == NULL ? json_null() : lockstep_json_digest(digest),
                             "leaving_version",
                             leaves ? lockstep_book_version(book, &item->leaving) : json_null(),
                             "leaving", lockstep_json_digest(&item->leaving)));
    }
    return items;
}

/* Where a node that had taken the new version is on its way back. */
static const char *way_back(const struct lockstep_operation *child, uint32_t node)
{
    int64_t at = lockstep_operation_part(child, node);
    unsigned state = at < 0 ? LOCKSTEP_PART_UNSPECIFIED : child->parts[at].state;
    switch (state) {
    case LOCKSTEP_PART_LIVE:
    case LOCKSTEP_PART_HEALTHY:
        return lockstep_result_word(LOCKSTEP_RESULT_ROLLED_BACK);
    case LOCKSTEP_PART_REFUSED:
    case LOCKSTEP_PART_FAILED:
    case LOCKSTEP_PART_LOST:
    case LOCKSTEP_PART_OWED:
        return lockstep_part_word(state);
    default:
        return lockstep_operation_state_word(LOCKSTEP_OPERATION_DEGRADED);
    }
}

/* Of a request that waits, who is not absent is as ready as in a plan. CHILD is the compensation,
 * or NULL. */
static const char *state_of(const struct lockstep_operation *operation,
                            const struct lockstep_operation *child,
                            const struct lockstep_part *part)
{
    bool touched = part->state == LOCKSTEP_PART_TOUCHED || part->state == LOCKSTEP_PART_LIVE ||
                   part->state == LOCKSTEP_PART_HEALTHY;
    if (part->state == LOCKSTEP_PART_UNSPECIFIED) {
        return "reachable";
    }
    if (touched && operation->result == LOCKSTEP_RESULT_ROLLED_BACK) {
        return lockstep_result_word(LOCKSTEP_RESULT_ROLLED_BACK);
    }
    return touched && child != NULL ? way_back(child, part->node) : lockstep_part_word(part->state);
}

/* What a node says, or, while the new code has to be called, how far that is. */
static json_t *text_of(const struct lockstep_operation *operation, const struct lockstep_part *part)
{
    char text[LOCKSTEP_PART_TEXT];
    if (operation->options.require_calls == 0 || part->text[0] != '\0' ||
        part->state != LOCKSTEP_PART_LIVE) {
        return lockstep_json_text(part->text);
    }
    (void)snprintf(text, sizeof(text), "calls %" PRIu64 " of %" PRIu64, part->calls,
                   operation->options.require_calls);
    return lockstep_json_text(text);
}

static json_t *parts_of(const struct lockstep_view *view,
                        const struct lockstep_operation *operation,
                        const struct lockstep_operation *child)
{
    json_t *parts = json_array();
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        (void)json_array_append_new(parts, json_pack("{s:o, s:s, s:o, s:o, s:o}", "node",
                                                     lockstep_json_node(view, part->node), "state",
                                                     state_of(operation, child, part), "code",
                                                     code_of(part->no), "class", class_of(part->no),
                                                     "text", text_of(operation, part)));
    }
    return parts;
}

static json_t *counts_of(const struct lockstep_operation *operation,
                         const struct lockstep_operation *child)
{
    json_t *counts = json_object();
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const char *word = state_of(operation, child, &operation->parts[i]);
        json_int_t before = json_integer_value(json_object_get(counts, word));
        (void)json_object_set_new(counts, word, json_integer(before + 1));
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

json_t *lockstep_json_who(const struct lockstep_operation_record *record)
{
    return lockstep_json_text(lockstep_id_is_zero(&record->standing) ? record->signer
                                                                     : "coordinator");
}

json_t *lockstep_json_times(const struct lockstep_operation_record *record)
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

/* One that has ended badly is no longer in memory, and it knows who did not go back. */
static enum lockstep_err find_child(const struct lockstep_view *view,
                                    const struct lockstep_operation *operation,
                                    const struct lockstep_operation **ret_child,
                                    struct lockstep_operation **ret_loaded,
                                    struct lockstep_error *err)
{
    *ret_child = lockstep_fleet_child(view->fleet, operation);
    if (*ret_child == NULL && operation->result == LOCKSTEP_RESULT_FAILED_MIXED) {
        LOCKSTEP_TRY(lockstep_store_child(view->store, &operation->id, ret_loaded, err));
        *ret_child = *ret_loaded;
    }
    return LOCKSTEP_OK;
}

json_t *lockstep_json_operation_head(const struct lockstep_operation *operation,
                                     enum lockstep_row row)
{
    return json_pack(
        "{s:o, s:o, s:s, s:s, s:s, s:o, s:b}", "id", lockstep_json_id(&operation->id), "short",
        lockstep_json_short(&operation->id), "kind", lockstep_kind_text(operation->kind),
        "strategy", lockstep_strategy_text(operation->strategy), "state",
        lockstep_document_word(operation, row), "result", lockstep_document_result(operation),
        "final", is_final(operation, row) ? 1 : 0);
}

enum lockstep_err lockstep_document_operation(const struct lockstep_view *view,
                                              const struct lockstep_operation *operation,
                                              const struct lockstep_operation_record *record,
                                              json_t **ret_document, struct lockstep_error *err)
{
    LOCKSTEP_BOOK struct lockstep_book book = {0};
    const struct lockstep_operation *child = NULL;
    struct lockstep_operation *loaded = NULL;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    json_t *document;
    if (operation->state == LOCKSTEP_OPERATION_UNSPECIFIED) { /* it was loaded */
        LOCKSTEP_TRY(lockstep_store_operation_find(view->store, &operation->id, &row, err));
    }
    LOCKSTEP_TRY(lockstep_book_open_items(&book, view, operation, err));
    LOCKSTEP_TRY(find_child(view, operation, &child, &loaded, err));
    document = json_pack(
        "{s:s, s:b, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
        "lockstep/operation/v1", "paused",
        lockstep_time_set(view->fleet->isolated) && !lockstep_operation_ended(operation), "items",
        items_of(&book, operation), "n", (int)lockstep_operation_size(operation), "need",
        (int)operation->options.need, "max_fail", (int)operation->options.max_fail, "counts",
        counts_of(operation, child), "cause", cause_of(view, operation), "parts",
        parts_of(view, operation, child), "times", lockstep_json_times(record), "message",
        lockstep_json_text(record->message), "who", lockstep_json_who(record), "parent",
        lockstep_json_id(&operation->parent), "compensation",
        child == NULL ? json_null() : lockstep_json_id(&child->id), "next",
        next_of(view, operation, is_final(operation, row)));
    (void)lockstep_operation_free(loaded);
    return lockstep_document_done(
        lockstep_json_join(document, lockstep_json_operation_head(operation, row)), ret_document,
        err);
}
