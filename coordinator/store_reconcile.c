#include "coordinator/store_reconcile.h"

#include "coordinator/store_internal.h"

#include <string.h>

/* Copies a column of bytes; false if they do not fit. */
static bool take(const struct lockstep_query_rows *rows, int column, char *text, size_t max,
                 size_t *ret_length)
{
    const void *bytes = lockstep_row_blob(rows, column, ret_length);
    if (*ret_length > max) {
        return false;
    }
    if (*ret_length > 0) {
        memcpy(text, bytes, *ret_length);
    }
    text[*ret_length] = '\0';
    return true;
}

enum lockstep_err lockstep_store_reconcile(struct lockstep_store *store,
                                           struct lockstep_reconcile_row *ret_row,
                                           struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool found = false;
    bool sound;
    memset(ret_row, 0, sizeof(*ret_row));
    ret_row->mode = LOCKSTEP_MODE_OBSERVE;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT mode, standing, signature, signer, since FROM reconcile", NULL, 0,
        &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &found, err));
    if (!found) {
        return LOCKSTEP_OK;
    }
    ret_row->mode = (enum lockstep_mode)lockstep_row_integer(&rows, 0);
    sound = lockstep_mode_text(ret_row->mode) != NULL &&
            take(&rows, 1, ret_row->standing, LOCKSTEP_STANDING_MAX, &ret_row->standing_length) &&
            lockstep_row_bytes(&rows, 2, ret_row->signature, sizeof(ret_row->signature));
    lockstep_row_copy(&rows, 3, ret_row->signer, sizeof(ret_row->signer));
    ret_row->since_unix_ms = (uint64_t)lockstep_row_integer(&rows, 4);
    lockstep_query_end(&rows);
    return sound ? LOCKSTEP_OK
                 : LOCKSTEP_FAIL(err, CORRUPT, "the mode of reconciling makes no sense");
}

static enum lockstep_err write_mode(struct lockstep_store *store,
                                    const struct lockstep_reconcile_row *row,
                                    struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO reconcile(one, mode, standing, signature, signer, since) "
                 "VALUES(1, ?1, ?2, ?3, ?4, ?5) ON CONFLICT(one) DO UPDATE SET "
                 "mode = ?1, signer = ?4, since = ?5, "
                 "standing = CASE WHEN length(?2) > 0 THEN ?2 ELSE standing END, "
                 "signature = CASE WHEN length(?2) > 0 THEN ?3 ELSE signature END",
                 LOCKSTEP_INTEGER(row->mode), LOCKSTEP_BLOB(row->standing, row->standing_length),
                 LOCKSTEP_BLOB(row->signature, sizeof(row->signature)), LOCKSTEP_TEXT(row->signer),
                 LOCKSTEP_INTEGER(row->since_unix_ms));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_reconcile_set(struct lockstep_store *store,
                                               const struct lockstep_reconcile_row *row,
                                               const struct lockstep_audit *audit,
                                               struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, write_mode(store, row, err), audit, err);
}

enum lockstep_err lockstep_store_naming(struct lockstep_store *store,
                                        const struct lockstep_name *module,
                                        const struct lockstep_digest *digest,
                                        struct lockstep_naming_row *ret_row, bool *ret_found,
                                        struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_TEXT(module->text), LOCKSTEP_BYTES_OF(digest),
                                          LOCKSTEP_INTEGER(LOCKSTEP_KIND_RELOAD),
                                          LOCKSTEP_INTEGER(LOCKSTEP_KIND_RECONCILE),
                                          LOCKSTEP_INTEGER(LOCKSTEP_STRATEGY_LOCAL)};
    struct lockstep_query_rows rows;
    bool sound;
    memset(ret_row, 0, sizeof(*ret_row));
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT intent, signature, signer FROM operation JOIN item ON operation = id "
        "WHERE module = ?1 AND digest = ?2 AND kind IN (?3, ?4) AND strategy <> ?5 "
        "ORDER BY standing = zeroblob(16) DESC, number DESC LIMIT 1",
        binds, LOCKSTEP_COUNT(binds), &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, ret_found, err));
    if (!*ret_found) {
        return LOCKSTEP_OK;
    }
    sound = take(&rows, 0, ret_row->intent, LOCKSTEP_INTENT_MAX, &ret_row->intent_length) &&
            lockstep_row_bytes(&rows, 1, ret_row->signature, sizeof(ret_row->signature));
    lockstep_row_copy(&rows, 2, ret_row->signer, sizeof(ret_row->signer));
    lockstep_query_end(&rows);
    return sound ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, CORRUPT, "an operation's intent is too long");
}
