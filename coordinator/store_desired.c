/* Modules, placements and desired versions, read; and pins, which no operation brings. */
#include "coordinator/store_internal.h"

enum lockstep_err lockstep_store_modules(struct lockstep_store *store, lockstep_module_fn *each,
                                         void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT name, generation, placement, placement IS NOT NULL FROM module",
        NULL, 0, &rows, err));
    while (more) {
        struct lockstep_name name;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && lockstep_name_parse(lockstep_row_text_at(&rows, 0), &name)) {
            each(context, &name, (uint64_t)lockstep_row_integer(&rows, 1),
                 lockstep_row_integer(&rows, 3) != 0 ? lockstep_row_text_at(&rows, 2) : NULL);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_modules_decided(struct lockstep_store *store,
                                                 lockstep_name_fn *each, void *context,
                                                 struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(LOCKSTEP_ROW_OPEN),
                                          LOCKSTEP_INTEGER(LOCKSTEP_ROW_ABORT)};
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT DISTINCT module FROM item JOIN operation "
                                      "ON operation.id = item.operation WHERE row NOT IN (?1, ?2)",
                                      binds, LOCKSTEP_COUNT(binds), &rows, err));
    while (more) {
        struct lockstep_name name;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && lockstep_name_parse(lockstep_row_text_at(&rows, 0), &name)) {
            each(context, &name);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_desired(struct lockstep_store *store, lockstep_desired_fn *each,
                                         void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT node, module, digest, previous, operation, pin, has_previous, after FROM desired",
        NULL, 0, &rows, err));
    while (more) {
        struct lockstep_desired_row row = {.node = 0};
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        row.node = (uint32_t)lockstep_row_integer(&rows, 0);
        row.pin_unix_ms = (uint64_t)lockstep_row_integer(&rows, 5);
        row.has_previous = lockstep_row_integer(&rows, 6) != 0;
        if (lockstep_name_parse(lockstep_row_text_at(&rows, 1), &row.module) &&
            lockstep_row_bytes(&rows, 2, row.digest.bytes, LOCKSTEP_DIGEST_BYTES) &&
            lockstep_row_bytes(&rows, 3, row.previous.bytes, LOCKSTEP_DIGEST_BYTES) &&
            lockstep_row_bytes(&rows, 4, row.operation.bytes, LOCKSTEP_ID_BYTES) &&
            lockstep_row_bytes(&rows, 7, row.after.bytes, LOCKSTEP_DIGEST_BYTES)) {
            each(context, &row);
        }
    }
    return LOCKSTEP_OK;
}

/* ---- pins ----------------------------------------------------------------------------------- */

const struct lockstep_digest *lockstep_desired_wish(const struct lockstep_desired_row *row,
                                                    uint64_t now_unix_ms)
{
    if (row->pin_unix_ms == 0 || row->pin_unix_ms > now_unix_ms) {
        return &row->digest;
    }
    return lockstep_digest_is_zero(&row->after) ? NULL : &row->after;
}

struct change {
    const char *sql;
    const struct lockstep_bind *binds;
    size_t count;
};

/* Makes CHANGE, and says whether there was a row to change. Then it is audited. */
static enum lockstep_err make_change(struct lockstep_store *store, const struct change *change,
                                     const struct lockstep_audit *audit, bool *ret_changed,
                                     struct lockstep_error *err)
{
    enum lockstep_err result;
    int changed = 0;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = lockstep_journal_run(store->journal, change->sql, change->binds, change->count,
                                  &changed, err);
    *ret_changed = changed > 0;
    return lockstep_store_end(store, result, changed > 0 ? audit : NULL, err);
}

enum lockstep_err lockstep_store_pin(struct lockstep_store *store,
                                     const struct lockstep_desired_row *row,
                                     const struct lockstep_audit *audit, bool *ret_pinned,
                                     struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {
        LOCKSTEP_INTEGER(row->node), LOCKSTEP_TEXT(row->module.text),
        LOCKSTEP_BYTES_OF(&row->digest), LOCKSTEP_INTEGER(row->pin_unix_ms)};
    /* What it ran before a version that no operation brought is not known. */
    const struct change change = {"UPDATE desired SET pin = ?4, digest = ?3, "
                                  "after = CASE WHEN pin = 0 THEN digest ELSE after END, "
                                  "has_previous = (digest = ?3 AND has_previous), "
                                  "previous = CASE WHEN digest = ?3 THEN previous "
                                  "ELSE zeroblob(32) END WHERE node = ?1 AND module = ?2",
                                  binds, LOCKSTEP_COUNT(binds)};
    return make_change(store, &change, audit, ret_pinned, err);
}

/* A pin that was ended is one that is over: nothing but time tells them apart. */
enum lockstep_err lockstep_store_unpin(struct lockstep_store *store,
                                       const struct lockstep_desired_row *row, uint64_t now_unix_ms,
                                       const struct lockstep_audit *audit, bool *ret_was,
                                       struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(row->node),
                                          LOCKSTEP_TEXT(row->module.text),
                                          LOCKSTEP_INTEGER(now_unix_ms)};
    const struct change change = {
        "UPDATE desired SET pin = ?3 WHERE node = ?1 AND module = ?2 AND pin > ?3", binds,
        LOCKSTEP_COUNT(binds)};
    return make_change(store, &change, audit, ret_was, err);
}
