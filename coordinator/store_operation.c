/* Operations, written. */
#include "coordinator/store_operation.h"
#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

struct lockstep_operation *lockstep_operation_new(uint32_t item_count, uint32_t part_count,
                                                  bool spare)
{
    struct lockstep_operation *operation = calloc(1, sizeof(*operation));
    if (operation == NULL) {
        return NULL;
    }
    operation->parts = calloc(part_count, sizeof(*operation->parts));
    operation->starts = calloc((size_t)part_count * item_count, sizeof(*operation->starts));
    operation->spare = spare ? lockstep_operation_new(item_count, part_count, false) : NULL;
    if (operation->parts == NULL || operation->starts == NULL ||
        (spare && operation->spare == NULL)) {
        return lockstep_operation_free(operation);
    }
    return operation;
}

struct lockstep_operation *lockstep_operation_free(struct lockstep_operation *operation)
{
    if (operation != NULL) {
        (void)lockstep_operation_free(operation->spare);
        free(operation->parts);
        free(operation->starts);
        free(operation);
    }
    return NULL;
}

/* ---- options as numbers --------------------------------------------------------------------- */

void lockstep_options_encode(const struct lockstep_operation_options *options,
                             uint8_t ret_bytes[LOCKSTEP_OPTIONS_BYTES])
{
    const uint64_t values[LOCKSTEP_OPTIONS_COUNT] = {
#define VALUE(field) (uint64_t) options->field,
        LOCKSTEP_OPTIONS_TABLE(VALUE)
#undef VALUE
    };
    for (size_t i = 0; i < LOCKSTEP_OPTIONS_COUNT; i++) {
        for (size_t j = 0; j < 8; j++) {
            ret_bytes[i * 8 + j] = (uint8_t)(values[i] >> (8 * (7 - j)));
        }
    }
}

/* ---- rows ----------------------------------------------------------------------------------- */

static enum lockstep_err write_items(struct lockstep_store *store,
                                     const struct lockstep_operation *operation,
                                     struct lockstep_error *err)
{
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i];
        LOCKSTEP_RUN(store->journal, err,
                     "INSERT INTO item(operation, place, module, generation, digest, leaving) "
                     "VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                     LOCKSTEP_BYTES_OF(&operation->id), LOCKSTEP_INTEGER(i),
                     LOCKSTEP_TEXT(item->module.text), LOCKSTEP_INTEGER(item->generation),
                     LOCKSTEP_BYTES_OF(&item->digest), LOCKSTEP_BYTES_OF(&item->leaving));
        /* One generation to go, one reserved to go back: a compensation has the second. */
        LOCKSTEP_RUN(store->journal, err,
                     "INSERT INTO module(name, generation) VALUES(?1, ?2) ON CONFLICT(name) DO "
                     "UPDATE SET generation = max(generation, ?2)",
                     LOCKSTEP_TEXT(item->module.text),
                     LOCKSTEP_INTEGER(operation->kind == LOCKSTEP_KIND_COMPENSATION
                                          ? item->generation
                                          : item->generation + 1));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err write_part(struct lockstep_store *store,
                                    const struct lockstep_operation *operation, uint32_t i,
                                    struct lockstep_error *err)
{
    const struct lockstep_part *part = &operation->parts[i];
    size_t row = operation->item_count;
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO part(operation, place, node, state, no, text, starts, told) "
                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(operation, place) DO UPDATE "
                 "SET state = ?4, no = ?5, text = ?6, told = ?8",
                 LOCKSTEP_BYTES_OF(&operation->id), LOCKSTEP_INTEGER(i),
                 LOCKSTEP_INTEGER(part->node), LOCKSTEP_INTEGER(part->state),
                 LOCKSTEP_INTEGER(part->no), LOCKSTEP_TEXT(part->text),
                 LOCKSTEP_BLOB(&operation->starts[i * row], row * sizeof(operation->starts[0])),
                 LOCKSTEP_INTEGER(part->told));
    return LOCKSTEP_OK;
}

static bool is_alike(const struct lockstep_part *a, const struct lockstep_part *b)
{
    return a->state == b->state && a->no == b->no && a->told == b->told &&
           strcmp(a->text, b->text) == 0;
}

/* What more parts are like than not, if there is such a thing; else any of them. */
static const struct lockstep_part *most(const struct lockstep_operation *operation)
{
    const struct lockstep_part *candidate = &operation->parts[0];
    uint32_t lead = 0;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        candidate = lead == 0 ? part : candidate;
        lead = is_alike(part, candidate) ? lead + 1 : lead - 1;
    }
    return candidate;
}

/* Whose rows are there. Most nodes are at the same point most of the time: theirs is one statement,
 * and one a node would be most of what an operation on a large fleet costs. */
static enum lockstep_err write_parts(struct lockstep_store *store,
                                     const struct lockstep_operation *operation,
                                     struct lockstep_error *err)
{
    const struct lockstep_part *common = most(operation);
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE part SET state = ?2, no = ?3, text = ?4, told = ?5 WHERE operation = ?1",
                 LOCKSTEP_BYTES_OF(&operation->id), LOCKSTEP_INTEGER(common->state),
                 LOCKSTEP_INTEGER(common->no), LOCKSTEP_TEXT(common->text),
                 LOCKSTEP_INTEGER(common->told));
    for (uint32_t i = 0; i < operation->part_count; i++) {
        if (!is_alike(&operation->parts[i], common)) {
            LOCKSTEP_TRY(write_part(store, operation, i, err));
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err insert_operation(struct lockstep_store *store,
                                          const struct lockstep_operation *operation,
                                          const struct lockstep_operation_record *record,
                                          struct lockstep_error *err)
{
    uint8_t options[LOCKSTEP_OPTIONS_BYTES];
    char text[LOCKSTEP_ID_TEXT];
    lockstep_options_encode(&operation->options, options);
    lockstep_id_format(&operation->id, text);
    LOCKSTEP_RUN(
        store->journal, err,
        "INSERT INTO operation(id, text, number, parent, kind, strategy, row, result, idle, "
        "sequence, roster, options, cause_no, cause_node, cause_state, cause_text, request, "
        "signer, message, extra, signature, intent, opened, decided, live, ended, placement, "
        "standing) "
        "VALUES(?1, ?2, (SELECT ifnull(max(number), 0) + 1 FROM operation), ?3, ?4, ?5, ?6, 0, 0, "
        "0, ?7, ?8, 0, 0, 0, '', ?9, ?10, ?11, ?12, ?13, ?14, ?15, 0, 0, 0, "
        "CASE WHEN ?16 THEN ?17 END, ?18)",
        LOCKSTEP_BYTES_OF(&operation->id), LOCKSTEP_TEXT(text),
        LOCKSTEP_BYTES_OF(&operation->parent), LOCKSTEP_INTEGER(operation->kind),
        LOCKSTEP_INTEGER(operation->strategy), LOCKSTEP_INTEGER(LOCKSTEP_ROW_OPEN),
        LOCKSTEP_BYTES_OF(&operation->roster_digest), LOCKSTEP_BLOB(options, sizeof(options)),
        LOCKSTEP_BYTES_OF(&record->request), LOCKSTEP_TEXT(record->signer),
        LOCKSTEP_TEXT(record->message), LOCKSTEP_TEXT(record->extra),
        LOCKSTEP_BLOB(record->signature, sizeof(record->signature)),
        LOCKSTEP_BLOB(record->intent, record->intent_length),
        LOCKSTEP_INTEGER(record->opened_unix_ms), LOCKSTEP_INTEGER(record->places),
        LOCKSTEP_TEXT(record->placement), LOCKSTEP_BYTES_OF(&record->standing));
    LOCKSTEP_TRY(write_items(store, operation, err));
    for (uint32_t i = 0; i < operation->part_count; i++) {
        LOCKSTEP_TRY(write_part(store, operation, i, err));
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_operation_open(struct lockstep_store *store,
                                                const struct lockstep_operation *operation,
                                                const struct lockstep_operation_record *record,
                                                const struct lockstep_audit *audit,
                                                struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, insert_operation(store, operation, record, err), audit, err);
}

/* ---- what nodes are to run ------------------------------------------------------------------ */

#define PART_BIT(name) (1U << LOCKSTEP_PART_##name)
/* Parts whose nodes run what the operation brought, or will. */
#define HOLDING \
    (PART_BIT(HEALTHY) | PART_BIT(LIVE) | PART_BIT(OWED) | PART_BIT(TOUCHED) | PART_BIT(CORDONED))

/* The version before is that before the last change: what is loaded AGAIN keeps it, and who brought
 * it. Behind going back nothing is known any more.
 * A pin keeps what was to be run without it for when it is over. Who is brought elsewhere by an
 * operation that pins nobody is pinned no more; going BACK leaves a pin as it finds it, unless it
 * leads to where the pin began; but what it leaves is not to be run afterwards either. */
static enum lockstep_err write_wish(struct lockstep_store *store,
                                    const struct lockstep_desired_row *row, bool again, bool back,
                                    struct lockstep_error *err)
{
    LOCKSTEP_RUN(
        store->journal, err,
        "INSERT INTO desired(node, module, digest, previous, has_previous, operation, pin) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(node, module) DO UPDATE SET "
        "digest = ?3, "
        "pin = CASE WHEN NOT ?9 THEN ?7 WHEN digest <> ?3 AND after = ?3 THEN 0 ELSE pin END, "
        "after = CASE WHEN ?9 THEN CASE WHEN digest <> ?3 AND after = ?3 THEN zeroblob(32) "
        "WHEN after = digest THEN ?3 ELSE after END WHEN ?7 = 0 THEN zeroblob(32) WHEN pin = 0 "
        "THEN digest ELSE after END, "
        "operation = CASE WHEN ?8 AND digest = ?3 THEN operation ELSE ?6 END, "
        "previous = CASE WHEN ?8 THEN previous ELSE ?4 END, "
        "has_previous = CASE WHEN ?8 THEN has_previous ELSE ?5 END",
        LOCKSTEP_INTEGER(row->node), LOCKSTEP_TEXT(row->module.text),
        LOCKSTEP_BYTES_OF(&row->digest), LOCKSTEP_BYTES_OF(&row->previous),
        LOCKSTEP_INTEGER(row->has_previous), LOCKSTEP_BYTES_OF(&row->operation),
        LOCKSTEP_INTEGER(row->pin_unix_ms), LOCKSTEP_INTEGER(again), LOCKSTEP_INTEGER(back));
    return LOCKSTEP_OK;
}

/* What the node of part PART is to run of item INDEX from now on. Who has gone back to nothing is
 * to run nothing: there is no row of it. */
static enum lockstep_err write_target(struct lockstep_store *store,
                                      const struct lockstep_operation *operation, uint32_t part,
                                      uint32_t index, uint64_t pin_unix_ms,
                                      struct lockstep_error *err)
{
    const struct lockstep_item *item = &operation->items[index];
    const struct lockstep_digest *start =
        &operation->starts[(size_t)part * operation->item_count + index];
    struct lockstep_desired_row row = {.node = operation->parts[part].node,
                                       .module = item->module,
                                       .digest = *lockstep_operation_target(operation, part, index),
                                       .operation = operation->id,
                                       .pin_unix_ms = pin_unix_ms};
    bool back = lockstep_operation_goes_back(operation);
    bool again = !back && lockstep_digest_equal(start, &row.digest);
    if (lockstep_digest_is_zero(&row.digest)) {
        LOCKSTEP_RUN(store->journal, err, "DELETE FROM desired WHERE node = ?1 AND module = ?2",
                     LOCKSTEP_INTEGER(row.node), LOCKSTEP_TEXT(row.module.text));
        return LOCKSTEP_OK;
    }
    if (!back && !again) {
        row.has_previous = true;
        row.previous = *start;
    }
    return write_wish(store, &row, again, back, err);
}

/* Who refused what the others have taken is to run it all the same: it is behind until somebody has
 * seen to the reason. Who refused to go back is left where it is. */
static bool is_to_run(const struct lockstep_operation *operation, const struct lockstep_part *part)
{
    return (1U << part->state & HOLDING) != 0 ||
           (part->state == LOCKSTEP_PART_REFUSED && !lockstep_operation_goes_back(operation));
}

static enum lockstep_err write_desired(struct lockstep_store *store,
                                       const struct lockstep_operation *operation,
                                       uint64_t pin_unix_ms, struct lockstep_error *err)
{
    for (uint32_t i = 0; i < operation->part_count * operation->item_count; i++) {
        uint32_t at = i / operation->item_count;
        uint32_t index = i % operation->item_count;
        const struct lockstep_part *part = &operation->parts[at];
        const struct lockstep_item *item = &operation->items[index];
        if (!is_to_run(operation, part)) {
            continue;
        }
        LOCKSTEP_TRY(write_target(store, operation, at, index, pin_unix_ms, err));
        if (part->state == LOCKSTEP_PART_HEALTHY || part->state == LOCKSTEP_PART_LIVE) {
            LOCKSTEP_RUN(store->journal, err,
                         "INSERT OR REPLACE INTO live(node, module, generation, digest) "
                         "VALUES(?1, ?2, ?3, ?4)",
                         LOCKSTEP_INTEGER(part->node), LOCKSTEP_TEXT(item->module.text),
                         LOCKSTEP_INTEGER(item->generation),
                         LOCKSTEP_BYTES_OF(lockstep_operation_target(operation, at, index)));
        }
    }
    return LOCKSTEP_OK;
}

/* A placement stands beside a desired version: who installs writes it, and it goes when nobody is
 * to run the module any more. */
static enum lockstep_err write_placement(struct lockstep_store *store,
                                         const struct lockstep_operation *operation,
                                         struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE module SET placement_before = placement, placement_by = ?1, "
                 "placement = (SELECT placement FROM operation WHERE id = ?1) "
                 "WHERE name IN (SELECT module FROM item WHERE operation = ?1) "
                 "AND (SELECT placement FROM operation WHERE id = ?1) IS NOT NULL",
                 LOCKSTEP_BYTES_OF(&operation->id));
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE module SET placement = NULL, placement_before = NULL, placement_by = NULL "
                 "WHERE name IN (SELECT module FROM item WHERE operation = ?1) "
                 "AND NOT EXISTS (SELECT 1 FROM desired WHERE desired.module = module.name)",
                 LOCKSTEP_BYTES_OF(&operation->id));
    return LOCKSTEP_OK;
}

/* Going back on an install takes its placement back, with the last node that goes back on it; so it
 * is asked before what these nodes are to run is written. What was undone on some of its nodes
 * only is still installed. */
static enum lockstep_err put_placement_back(struct lockstep_store *store,
                                            const struct lockstep_operation *operation,
                                            struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE module SET placement = placement_before, placement_before = NULL, "
                 "placement_by = NULL WHERE name IN (SELECT module FROM item WHERE operation = ?1) "
                 "AND EXISTS (SELECT 1 FROM desired WHERE desired.module = module.name "
                 "AND desired.operation = placement_by) "
                 "AND NOT EXISTS (SELECT 1 FROM desired WHERE desired.module = module.name "
                 "AND desired.operation = placement_by AND node NOT IN "
                 "(SELECT node FROM part WHERE operation = ?1 AND (1 << state) & ?2))",
                 LOCKSTEP_BYTES_OF(&operation->id), LOCKSTEP_INTEGER(HOLDING));
    return LOCKSTEP_OK;
}

static enum lockstep_err write_success(struct lockstep_store *store,
                                       const struct lockstep_operation *operation,
                                       uint64_t now_unix_ms, struct lockstep_error *err)
{
    uint64_t pin = operation->strategy == LOCKSTEP_STRATEGY_LOCAL && operation->options.pin_ms > 0
                       ? now_unix_ms + operation->options.pin_ms
                       : 0;
    if (lockstep_operation_goes_back(operation)) {
        LOCKSTEP_TRY(put_placement_back(store, operation, err));
    }
    LOCKSTEP_TRY(write_desired(store, operation, pin, err));
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal,
        "DELETE FROM desired WHERE node IN (SELECT number FROM node WHERE revoked <> 0)", NULL, 0,
        NULL, err)); /* who has left meanwhile is to run nothing */
    return write_placement(store, operation, err);
}

/* Bits of the rows that a row may be written over. There is one decision: whatever a core believes,
 * the journal lets no ABORT stand over a COMMIT, nor the other way round. */
static unsigned rows_before(enum lockstep_row row)
{
#define BIT(name) (1U << LOCKSTEP_ROW_##name)
    static const unsigned before[] = {
        [LOCKSTEP_ROW_ABORT] = BIT(OPEN),
        [LOCKSTEP_ROW_COMMIT] = BIT(OPEN),
        [LOCKSTEP_ROW_SUCCEEDED] = BIT(COMMIT),
        [LOCKSTEP_ROW_DEGRADED] = BIT(COMMIT) | BIT(SUCCEEDED),
        [LOCKSTEP_ROW_SETTLED] = BIT(COMMIT) | BIT(SUCCEEDED) | BIT(DEGRADED) | BIT(SETTLED),
        [LOCKSTEP_ROW_FINAL] = BIT(SUCCEEDED),
    };
#undef BIT
    ASSERT((size_t)row < LOCKSTEP_COUNT(before) && before[row] != 0);
    return before[row];
}

/* The times of a row, for history: when it was decided, when it was live, when it ended. */
static enum lockstep_err update_operation(struct lockstep_store *store,
                                          const struct lockstep_operation *operation,
                                          enum lockstep_row row, uint64_t now_unix_ms,
                                          struct lockstep_error *err)
{
    bool decided = row == LOCKSTEP_ROW_COMMIT || row == LOCKSTEP_ROW_ABORT;
    bool ended = row == LOCKSTEP_ROW_ABORT || row == LOCKSTEP_ROW_SUCCEEDED ||
                 row == LOCKSTEP_ROW_SETTLED;
    bool live = row == LOCKSTEP_ROW_SUCCEEDED; /* with no soak there was no state to tell it */
    const struct lockstep_bind binds[] = {
        LOCKSTEP_BYTES_OF(&operation->id),
        LOCKSTEP_INTEGER(row),
        LOCKSTEP_INTEGER(operation->result),
        LOCKSTEP_INTEGER(operation->sequence),
        LOCKSTEP_INTEGER(operation->cause.no),
        LOCKSTEP_INTEGER(operation->cause.node),
        LOCKSTEP_INTEGER(operation->cause.state),
        LOCKSTEP_TEXT(operation->cause.text),
        LOCKSTEP_INTEGER(decided),
        LOCKSTEP_INTEGER(ended),
        LOCKSTEP_INTEGER(now_unix_ms),
        LOCKSTEP_INTEGER(rows_before(row)),
        LOCKSTEP_INTEGER(live),
    };
    char id[LOCKSTEP_ID_TEXT];
    int changed = 0;
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal,
        "UPDATE operation SET row = ?2, result = ?3, sequence = ?4, cause_no = ?5, "
        "cause_node = ?6, cause_state = ?7, cause_text = ?8, "
        "decided = CASE WHEN ?9 THEN ?11 ELSE decided END, "
        "live = CASE WHEN ?13 AND live = 0 THEN ?11 ELSE live END, "
        "ended = CASE WHEN ?10 AND ended = 0 THEN ?11 ELSE ended END "
        "WHERE id = ?1 AND (1 << row) & ?12",
        binds, LOCKSTEP_COUNT(binds), &changed, err));
    lockstep_id_format(&operation->id, id);
    return changed == 1 ? LOCKSTEP_OK
                        : LOCKSTEP_FAIL(err, CONFLICT,
                                        "the journal's row of operation %.8s does not lead to %s",
                                        id, lockstep_row_text(row));
}

/* What PARENT brought is taken back from who is to run it, and has never got it: they have no part
 * in CHILD. */
static enum lockstep_err forget_wishes(struct lockstep_store *store,
                                       const struct lockstep_operation *parent,
                                       const struct lockstep_operation *child,
                                       struct lockstep_error *err)
{
    for (uint32_t i = 0; i < parent->part_count * parent->item_count; i++) {
        uint32_t node = parent->parts[i / parent->item_count].node;
        const struct lockstep_item *item = &parent->items[i % parent->item_count];
        if (lockstep_operation_part(child, node) >= 0) {
            continue;
        }
        LOCKSTEP_RUN(store->journal, err,
                     "UPDATE desired SET digest = ?3, operation = ?4, previous = zeroblob(?6), "
                     "has_previous = 0 WHERE node = ?1 AND module = ?2 AND operation = ?5",
                     LOCKSTEP_INTEGER(node), LOCKSTEP_TEXT(item->module.text),
                     LOCKSTEP_BYTES_OF(&parent->starts[i]), LOCKSTEP_BYTES_OF(&child->id),
                     LOCKSTEP_BYTES_OF(&parent->id), LOCKSTEP_INTEGER(LOCKSTEP_DIGEST_BYTES));
    }
    LOCKSTEP_RUN(store->journal, err,
                 "DELETE FROM desired WHERE operation = ?1 AND digest = zeroblob(?2)",
                 LOCKSTEP_BYTES_OF(&child->id), LOCKSTEP_INTEGER(LOCKSTEP_DIGEST_BYTES));
    return LOCKSTEP_OK;
}

static enum lockstep_err open_child(struct lockstep_store *store,
                                    const struct lockstep_operation *parent,
                                    const struct lockstep_operation *child, uint64_t now_unix_ms,
                                    struct lockstep_error *err)
{
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    struct lockstep_operation *again = NULL;
    enum lockstep_row row;
    enum lockstep_err result;
    if (record == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a compensation");
    }
    /* It goes under its parent's intent: that is what its nodes were promised. */
    result = lockstep_store_operation_load(store, &parent->id, &again, &row, record, err);
    if (result == LOCKSTEP_OK) {
        memset(&record->request, 0, sizeof(record->request));
        record->opened_unix_ms = now_unix_ms;
        result = insert_operation(store, child, record, err);
    }
    (void)lockstep_operation_free(again);
    free(record);
    return result;
}

static enum lockstep_err write_row(struct lockstep_store *store,
                                   const struct lockstep_operation *operation,
                                   const struct lockstep_operation *child, uint64_t now_unix_ms,
                                   struct lockstep_error *err)
{
    enum lockstep_row row = lockstep_operation_row(operation);
    LOCKSTEP_TRY(update_operation(store, operation, row, now_unix_ms, err));
    LOCKSTEP_TRY(write_parts(store, operation, err));
    LOCKSTEP_RUN(store->journal, err, "UPDATE meta SET sequence = max(sequence, ?1)",
                 LOCKSTEP_INTEGER(operation->sequence));
    if (row == LOCKSTEP_ROW_SUCCEEDED) {
        LOCKSTEP_TRY(write_success(store, operation, now_unix_ms, err));
    }
    if (child == NULL) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(forget_wishes(store, operation, child, err));
    return open_child(store, operation, child, now_unix_ms, err);
}

enum lockstep_err lockstep_store_operation_row(struct lockstep_store *store,
                                               const struct lockstep_operation *operation,
                                               const struct lockstep_operation *child,
                                               uint64_t now_unix_ms,
                                               const struct lockstep_audit *audit,
                                               struct lockstep_error *err)
{
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = write_row(store, operation, child, now_unix_ms, err);
    LOCKSTEP_TRY(lockstep_store_end(store, result, audit, err));
    if (operation->sequence > store->sequence) {
        store->sequence = operation->sequence;
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err write_parts_and_result(struct lockstep_store *store,
                                                const struct lockstep_operation *operation,
                                                bool over, uint64_t now_unix_ms,
                                                struct lockstep_error *err)
{
    bool live = operation->state == LOCKSTEP_OPERATION_SOAKING;
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE operation SET result = ?2, idle = max(idle, ?3), "
                 "live = CASE WHEN ?4 AND live = 0 THEN ?5 ELSE live END WHERE id = ?1",
                 LOCKSTEP_BYTES_OF(&operation->id), LOCKSTEP_INTEGER(operation->result),
                 LOCKSTEP_INTEGER(over), LOCKSTEP_INTEGER(live), LOCKSTEP_INTEGER(now_unix_ms));
    return write_parts(store, operation, err);
}

enum lockstep_err lockstep_store_operation_parts(struct lockstep_store *store,
                                                 const struct lockstep_operation *operation,
                                                 uint64_t now_unix_ms, struct lockstep_error *err)
{
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = write_parts_and_result(store, operation, false, now_unix_ms, err);
    return lockstep_store_end(store, result, NULL, err);
}

enum lockstep_err lockstep_store_operation_again(struct lockstep_store *store,
                                                 const struct lockstep_id *id,
                                                 struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store,
                              lockstep_journal_run(store->journal,
                                                   "UPDATE operation SET idle = 0 WHERE id = ?1",
                                                   &LOCKSTEP_BYTES_OF(id), 1, NULL, err),
                              NULL, err);
}

enum lockstep_err lockstep_store_operations_over(struct lockstep_store *store,
                                                 struct lockstep_operation *const *operations,
                                                 size_t count, uint64_t now_unix_ms,
                                                 struct lockstep_error *err)
{
    enum lockstep_err result = LOCKSTEP_OK;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    for (size_t i = 0; i < count && result == LOCKSTEP_OK; i++) {
        result = write_parts_and_result(store, operations[i], true, now_unix_ms, err);
    }
    return lockstep_store_end(store, result, NULL, err);
}

static enum lockstep_err forget(struct lockstep_store *store, uint64_t before_unix_ms,
                                uint32_t keep, int *ret_count, struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(before_unix_ms), LOCKSTEP_INTEGER(keep)};
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal,
        "DELETE FROM operation WHERE idle = 1 AND max(opened, ended) < ?1 "
        "AND id NOT IN (SELECT operation FROM desired) AND id NOT IN "
        "(SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY module ORDER BY number DESC) "
        "AS place FROM operation JOIN item ON operation = id) WHERE place <= ?2)",
        binds, LOCKSTEP_COUNT(binds), ret_count, err));
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal, "DELETE FROM item WHERE operation NOT IN (SELECT id FROM operation)", NULL,
        0, NULL, err));
    return lockstep_journal_run(
        store->journal, "DELETE FROM part WHERE operation NOT IN (SELECT id FROM operation)", NULL,
        0, NULL, err);
}

enum lockstep_err lockstep_store_operations_forget(struct lockstep_store *store,
                                                   uint64_t before_unix_ms, uint32_t keep,
                                                   int *ret_count, struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, forget(store, before_unix_ms, keep, ret_count, err), NULL,
                              err);
}
