/* Rows of operations. */
#include "agent/store_internal.h"

#include "common/base/assert.h"

#include <string.h>

/* More than what a pointer row may add: pages that a changed row splits, and a module's row for
 * each item. */
#define PAGE           4096
#define POINTER_PAGES  3
#define POINTER_ITEMS  8 /* whose rows share a page */
#define ROOM_FOR(o, i) ((o)*POINTER_PAGES + ((i) + POINTER_ITEMS - 1) / POINTER_ITEMS)

/* Changes the row from between LEAST and MOST; *RET_CHANGED is false if it is not there. */
static enum lockstep_err move(struct lockstep_agent_store *store,
                              const struct lockstep_bind binds[7], bool *ret_changed,
                              struct lockstep_error *err)
{
    int changed = 0;
    LOCKSTEP_TRY(
        lockstep_journal_run(store->journal,
                             "UPDATE operation SET row = ?2, changed = ?3, reason = ?4, ended = ?7"
                             " WHERE id = ?1 AND row BETWEEN ?5 AND ?6",
                             binds, 7, &changed, err));
    *ret_changed = changed == 1;
    return LOCKSTEP_OK;
}

#define MOVE(order, row, unix_ms, reason, least, most, ended)                          \
    ((const struct lockstep_bind[7]){LOCKSTEP_BYTES_OF(&(order)->operation),           \
                                     LOCKSTEP_INTEGER(row), LOCKSTEP_INTEGER(unix_ms), \
                                     LOCKSTEP_TEXT(reason), LOCKSTEP_INTEGER(least),   \
                                     LOCKSTEP_INTEGER(most), LOCKSTEP_INTEGER(ended)})

static enum lockstep_err strange(const char *what, struct lockstep_error *err)
{
    return LOCKSTEP_FAIL(err, CONFLICT, "the operation's row in the journal allows no %s", what);
}

/* ---- the vow -------------------------------------------------------------------------------- */

static enum lockstep_err insert_items(struct lockstep_agent_store *store,
                                      const struct lockstep_prepare *order,
                                      struct lockstep_error *err)
{
    for (uint32_t i = 0; i < order->item_count; i++) {
        const struct lockstep_item *item = &order->items[i];
        LOCKSTEP_RUN(store->journal, err,
                     "INSERT INTO item SELECT number, ?2, ?3, ?4, ?5, ?6 FROM operation"
                     " WHERE id = ?1",
                     LOCKSTEP_BYTES_OF(&order->operation), LOCKSTEP_INTEGER(i),
                     LOCKSTEP_TEXT(item->module.text), LOCKSTEP_INTEGER(item->generation),
                     LOCKSTEP_BYTES_OF(&item->digest), LOCKSTEP_BYTES_OF(&item->leaving));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err insert(struct lockstep_agent_store *store,
                                const struct lockstep_prepare *order,
                                const struct lockstep_wire_prepare *intent,
                                const struct lockstep_bind state[4], struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {
        LOCKSTEP_BYTES_OF(&order->operation),
        LOCKSTEP_BYTES_OF(&order->parent),
        LOCKSTEP_INTEGER(order->epoch),
        LOCKSTEP_INTEGER(order->kind),
        LOCKSTEP_INTEGER(order->strategy),
        LOCKSTEP_INTEGER(order->drain),
        LOCKSTEP_INTEGER(order->drain_timeout_ms),
        LOCKSTEP_INTEGER(order->prepare_ms),
        LOCKSTEP_INTEGER(order->again),
        LOCKSTEP_INTEGER(order->no_smoke),
        LOCKSTEP_INTEGER(order->roster_size),
        LOCKSTEP_BYTES_OF(&order->roster),
        LOCKSTEP_BLOB(intent->intent.data, intent->intent.length),
        LOCKSTEP_BLOB(intent->signature.data, intent->signature.length),
        LOCKSTEP_TEXT(intent->signer.text),
        LOCKSTEP_TEXT(intent->extra == NULL ? "" : intent->extra),
        state[0],
        state[1],
        state[2],
        state[3],
        LOCKSTEP_BLOB(intent->standing.data, intent->standing.length),
        LOCKSTEP_BLOB(intent->standing_signature.data, intent->standing_signature.length),
        LOCKSTEP_TEXT(intent->standing_signer.text)};
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal,
        "INSERT INTO operation(id, parent, epoch, kind, strategy, drain, drain_timeout, prepare,"
        " again, no_smoke, roster_size, roster, intent, signature, signer, extra, row, changed,"
        " reason, ended, standing, standing_signature, standing_signer) VALUES(?1, ?2, ?3, ?4, ?5, "
        "?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
        binds, LOCKSTEP_COUNT(binds), NULL, err));
    return insert_items(store, order, err);
}

static enum lockstep_err read_two(struct lockstep_agent_store *store, const char *sql,
                                  const struct lockstep_bind *binds, size_t count,
                                  int64_t ret_numbers[2], struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, sql, binds, count, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    ret_numbers[0] = row ? lockstep_row_integer(&rows, 0) : 0;
    ret_numbers[1] = row ? lockstep_row_integer(&rows, 1) : 0;
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

/* Sees to it that the database has free pages for the pointers of everything that is promised. What
 * is put in and taken out again leaves its pages free; they are written nowhere. */
static enum lockstep_err make_room(struct lockstep_agent_store *store, struct lockstep_error *err)
{
    int64_t promised[2];
    int64_t pages[2];
    int64_t lack;
    LOCKSTEP_TRY(read_two(store,
                          "SELECT count(DISTINCT number), count(*) FROM operation"
                          " JOIN item ON item.operation = number WHERE ended = 0 AND row = ?1",
                          &LOCKSTEP_INTEGER(LOCKSTEP_DUTY_ROW_PREPARED), 1, promised, err));
    LOCKSTEP_TRY(read_two(store, "PRAGMA freelist_count", NULL, 0, pages, err));
    lack = ROOM_FOR(promised[0], promised[1]) - pages[0];
    if (lack > 0) {
        LOCKSTEP_RUN(store->journal, err, "INSERT INTO reserve VALUES(x'', zeroblob(?1))",
                     LOCKSTEP_INTEGER((lack + 1) * PAGE));
        LOCKSTEP_TRY(
            lockstep_journal_run(store->journal, "DELETE FROM reserve", NULL, 0, NULL, err));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err vow(struct lockstep_agent_store *store,
                             const struct lockstep_prepare *order,
                             const struct lockstep_wire_prepare *intent, uint64_t unix_ms,
                             struct lockstep_error *err)
{
    const struct lockstep_bind state[] = {LOCKSTEP_INTEGER(LOCKSTEP_DUTY_ROW_PREPARED),
                                          LOCKSTEP_INTEGER(unix_ms), LOCKSTEP_TEXT(""),
                                          LOCKSTEP_INTEGER(0)};
    LOCKSTEP_TRY(insert(store, order, intent, state, err));
    return make_room(store, err);
}

enum lockstep_err lockstep_agent_store_vow(struct lockstep_agent_store *store,
                                           const struct lockstep_prepare *order,
                                           const struct lockstep_wire_prepare *intent,
                                           uint64_t unix_ms, struct lockstep_error *err)
{
    if (intent->intent.length > LOCKSTEP_INTENT_MAX ||
        intent->signature.length > LOCKSTEP_KEY_SIGNATURE ||
        intent->standing.length > LOCKSTEP_STANDING_MAX ||
        intent->standing_signature.length > LOCKSTEP_KEY_SIGNATURE ||
        (intent->extra != NULL && strlen(intent->extra) > LOCKSTEP_EXTRA_MAX)) {
        return LOCKSTEP_FAIL(err, LIMIT, "the intent or what belongs to it is too long");
    }
    LOCKSTEP_TRY(lockstep_agent_store_join(store, err));
    return lockstep_agent_store_end(store, vow(store, order, intent, unix_ms, err), err);
}

/* ---- the pointer row ------------------------------------------------------------------------ */

/* The row as the core's rules for pointers take it. */
static struct lockstep_agent_module module_of(const struct lockstep_agent_module_row *row)
{
    return (struct lockstep_agent_module){.name = row->module,
                                          .generation = row->generation,
                                          .current = row->current,
                                          .has_previous = row->has_previous,
                                          .previous = row->previous};
}

static void take_pointers(struct lockstep_agent_module_row *row,
                          const struct lockstep_agent_module *module)
{
    if (!lockstep_digest_equal(&row->current.digest, &module->current.digest)) {
        row->version[0] = '\0';
    }
    row->generation = module->generation;
    row->current = module->current;
    row->has_previous = module->has_previous;
    row->previous = module->previous;
}

static enum lockstep_err point_item(struct lockstep_agent_store *store,
                                    const struct lockstep_prepare *order, uint32_t position,
                                    struct lockstep_error *err)
{
    struct lockstep_item item = order->items[position];
    struct lockstep_agent_module_row row;
    struct lockstep_agent_module module;
    bool found;
    LOCKSTEP_TRY(lockstep_agent_store_module(store, &item.module, &found, &row, err));
    module = module_of(&row);
    lockstep_module_point(&module, order, &item);
    take_pointers(&row, &module);
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE item SET leaving = ?3 WHERE position = ?2 AND operation ="
                 " (SELECT number FROM operation WHERE id = ?1)",
                 LOCKSTEP_BYTES_OF(&order->operation), LOCKSTEP_INTEGER(position),
                 LOCKSTEP_BYTES_OF(&item.leaving));
    return lockstep_agent_store_put_module(store, &row, err);
}

static enum lockstep_err point(struct lockstep_agent_store *store,
                               const struct lockstep_prepare *order, uint64_t unix_ms,
                               struct lockstep_error *err)
{
    bool changed;
    LOCKSTEP_TRY(move(store,
                      MOVE(order, LOCKSTEP_DUTY_ROW_COMMITTED, unix_ms, "",
                           LOCKSTEP_DUTY_ROW_PREPARED, LOCKSTEP_DUTY_ROW_PREPARED, 0),
                      &changed, err));
    if (!changed) {
        return strange("commit", err);
    }
    for (uint32_t i = 0; i < order->item_count; i++) {
        LOCKSTEP_TRY(point_item(store, order, i, err));
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_point(struct lockstep_agent_store *store,
                                             const struct lockstep_prepare *order, uint64_t unix_ms,
                                             struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_agent_store_join(store, err));
    return lockstep_agent_store_end(store, point(store, order, unix_ms, err), err);
}

/* ---- going back alone ----------------------------------------------------------------------- */

static enum lockstep_err fell_item(struct lockstep_agent_store *store,
                                   const struct lockstep_item *item, struct lockstep_error *err)
{
    struct lockstep_agent_module_row row;
    struct lockstep_agent_module module;
    bool found;
    LOCKSTEP_TRY(lockstep_agent_store_module(store, &item->module, &found, &row, err));
    module = module_of(&row);
    if (!lockstep_module_fall(&module, item)) {
        return LOCKSTEP_OK;
    }
    take_pointers(&row, &module);
    LOCKSTEP_TRY(lockstep_agent_store_put_module(store, &row, err));
    LOCKSTEP_RUN(store->journal, err, "INSERT OR REPLACE INTO refused(digest, why) VALUES(?1, ?2)",
                 LOCKSTEP_BYTES_OF(&item->digest), LOCKSTEP_INTEGER(LOCKSTEP_AGENT_WHY_CRASHES));
    return LOCKSTEP_OK;
}

static enum lockstep_err fell(struct lockstep_agent_store *store,
                              const struct lockstep_prepare *order, uint64_t unix_ms,
                              struct lockstep_error *err)
{
    bool changed;
    LOCKSTEP_TRY(move(store,
                      MOVE(order, LOCKSTEP_DUTY_ROW_FELL, unix_ms, "crash loop",
                           LOCKSTEP_DUTY_ROW_COMMITTED, LOCKSTEP_DUTY_ROW_APPLIED, 1),
                      &changed, err));
    if (!changed) {
        return strange("going back", err);
    }
    for (uint32_t i = 0; i < order->item_count; i++) {
        LOCKSTEP_TRY(fell_item(store, &order->items[i], err));
    }
    LOCKSTEP_RUN(store->journal, err,
                 "DELETE FROM refused WHERE why = ?1 AND number NOT IN"
                 " (SELECT number FROM refused WHERE why = ?1 ORDER BY number DESC LIMIT ?2)",
                 LOCKSTEP_INTEGER(LOCKSTEP_AGENT_WHY_CRASHES),
                 LOCKSTEP_INTEGER(LOCKSTEP_AGENT_REFUSED_OURS_MAX));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_fell(struct lockstep_agent_store *store,
                                            const struct lockstep_prepare *order, uint64_t unix_ms,
                                            struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_agent_store_join(store, err));
    LOCKSTEP_TRY(lockstep_agent_store_end(store, fell(store, order, unix_ms, err), err));
    return lockstep_agent_store_read_refused(store, err);
}

/* ---- notes ---------------------------------------------------------------------------------- */

static enum lockstep_err bury(struct lockstep_agent_store *store,
                              const struct lockstep_prepare *order, const char *reason,
                              uint64_t unix_ms, struct lockstep_error *err)
{
    const struct lockstep_wire_prepare none = {0};
    const struct lockstep_bind state[] = {LOCKSTEP_INTEGER(LOCKSTEP_DUTY_ROW_ABORTED),
                                          LOCKSTEP_INTEGER(unix_ms), LOCKSTEP_TEXT(reason),
                                          LOCKSTEP_INTEGER(1)};
    struct lockstep_query_rows rows;
    bool known = false;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, "SELECT 1 FROM operation WHERE id = ?1",
                                      &LOCKSTEP_BYTES_OF(&order->operation), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &known, err));
    lockstep_query_end(&rows);
    return known ? LOCKSTEP_OK : insert(store, order, &none, state, err);
}

static enum lockstep_err note(struct lockstep_agent_store *store,
                              const struct lockstep_prepare *order,
                              const struct lockstep_bind binds[7], struct lockstep_error *err)
{
    bool changed;
    LOCKSTEP_TRY(move(store, binds, &changed, err));
    if (!changed && binds[1].integer == LOCKSTEP_DUTY_ROW_ABORTED) {
        LOCKSTEP_TRY(bury(store, order, binds[3].bytes, (uint64_t)binds[2].integer, err));
    }
    if (binds[1].integer == LOCKSTEP_DUTY_ROW_APPLIED) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_RUN(store->journal, err,
                 "DELETE FROM operation WHERE ended = 1 AND number <="
                 " (SELECT max(number) FROM operation) - ?1",
                 LOCKSTEP_INTEGER(LOCKSTEP_AGENT_ENDED_ROWS));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_note(struct lockstep_agent_store *store,
                                            const struct lockstep_prepare *order,
                                            enum lockstep_duty_row row, const char *reason,
                                            uint64_t unix_ms, struct lockstep_error *err)
{
    bool abort = row == LOCKSTEP_DUTY_ROW_ABORTED;
    ASSERT(abort || row == LOCKSTEP_DUTY_ROW_APPLIED || row == LOCKSTEP_DUTY_ROW_FINAL);
    LOCKSTEP_TRY(lockstep_agent_store_join(store, err));
    return lockstep_agent_store_leave(
        store,
        note(store, order,
             MOVE(order, row, unix_ms, reason == NULL ? "" : reason,
                  abort ? LOCKSTEP_DUTY_ROW_PREPARED : LOCKSTEP_DUTY_ROW_COMMITTED,
                  abort                              ? LOCKSTEP_DUTY_ROW_PREPARED
                  : row == LOCKSTEP_DUTY_ROW_APPLIED ? LOCKSTEP_DUTY_ROW_COMMITTED
                                                     : LOCKSTEP_DUTY_ROW_APPLIED,
                  row != LOCKSTEP_DUTY_ROW_APPLIED),
             err),
        err);
}
