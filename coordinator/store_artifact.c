/* Artifacts by what the journal knows of them, and versions that nobody may run. */
#include "common/io/loop.h"
#include "coordinator/store_internal.h"

#include <string.h>

enum lockstep_err lockstep_store_artifact_check(struct lockstep_store *store,
                                                const struct lockstep_artifact_row *row,
                                                bool *ret_known, struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_TEXT(row->module.text),
                                          LOCKSTEP_TEXT(row->version),
                                          LOCKSTEP_BYTES_OF(&row->digest)};
    struct lockstep_query_rows rows;
    struct lockstep_name module;
    char version[LOCKSTEP_STORE_VERSION];
    uint64_t counter;
    bool found = false;
    bool named;
    bool same;
    *ret_known = false;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT module = ?1 AND version = ?2 AS named, digest = ?3, module, version, counter FROM "
        "artifact "
        "WHERE named OR digest = ?3 ORDER BY named DESC LIMIT 1",
        binds, LOCKSTEP_COUNT(binds), &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &found, err));
    if (!found) {
        return LOCKSTEP_OK;
    }
    named = lockstep_row_integer(&rows, 0) != 0;
    same = lockstep_row_integer(&rows, 1) != 0;
    lockstep_row_copy(&rows, 2, module.text, sizeof(module.text));
    lockstep_row_copy(&rows, 3, version, sizeof(version));
    counter = (uint64_t)lockstep_row_integer(&rows, 4);
    lockstep_query_end(&rows);
    if (!named) {
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "these bytes are there already as %s %s; a new version needs new ones",
                             module.text, version);
    }
    if (!same) {
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "%s %s is there already with other bytes; give the new ones a new "
                             "version",
                             row->module.text, row->version);
    }
    if (counter != row->counter) {
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "%s %s is there already, signed with counter %llu; give new bytes to "
                             "counter %llu",
                             module.text, version, (unsigned long long)counter,
                             (unsigned long long)row->counter);
    }
    *ret_known = true;
    return LOCKSTEP_OK;
}

static enum lockstep_err insert_artifact(struct lockstep_store *store,
                                         const struct lockstep_artifact_row *row, const char *who,
                                         struct lockstep_error *err)
{
    bool known = false;
    LOCKSTEP_TRY(lockstep_store_artifact_check(store, row, &known, err));
    if (known) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO artifact(digest, md5, module, service, version, counter, size, "
                 "state_schema, pushed, who) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                 LOCKSTEP_BYTES_OF(&row->digest), LOCKSTEP_BYTES_OF(&row->md5),
                 LOCKSTEP_TEXT(row->module.text), LOCKSTEP_TEXT(row->service.text),
                 LOCKSTEP_TEXT(row->version), LOCKSTEP_INTEGER(row->counter),
                 LOCKSTEP_INTEGER(row->size), LOCKSTEP_INTEGER(row->state_schema),
                 LOCKSTEP_INTEGER(row->pushed_unix_ms), LOCKSTEP_TEXT(who));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_artifact_add(struct lockstep_store *store,
                                              const struct lockstep_artifact_row *row,
                                              const struct lockstep_audit *audit,
                                              struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, insert_artifact(store, row, audit->who, err), audit, err);
}

#define COLUMNS                                                                                \
    "SELECT digest, md5, module, service, version, counter, size, state_schema, pushed, who, " \
    "digest IN (SELECT digest FROM quarantine) FROM artifact "

static void take_row(const struct lockstep_query_rows *rows, struct lockstep_artifact_row *ret_row)
{
    memset(ret_row, 0, sizeof(*ret_row));
    (void)lockstep_row_bytes(rows, 0, ret_row->digest.bytes, LOCKSTEP_DIGEST_BYTES);
    (void)lockstep_row_bytes(rows, 1, ret_row->md5.bytes, LOCKSTEP_MD5_BYTES);
    (void)lockstep_name_parse(lockstep_row_text_at(rows, 2), &ret_row->module);
    (void)lockstep_name_parse(lockstep_row_text_at(rows, 3), &ret_row->service);
    lockstep_row_copy(rows, 4, ret_row->version, sizeof(ret_row->version));
    ret_row->counter = (uint64_t)lockstep_row_integer(rows, 5);
    ret_row->size = (uint64_t)lockstep_row_integer(rows, 6);
    ret_row->state_schema = (uint64_t)lockstep_row_integer(rows, 7);
    ret_row->pushed_unix_ms = (uint64_t)lockstep_row_integer(rows, 8);
    lockstep_row_copy(rows, 9, ret_row->by, sizeof(ret_row->by));
    ret_row->quarantined = lockstep_row_integer(rows, 10) != 0;
}

enum lockstep_err lockstep_store_artifacts(struct lockstep_store *store, const char *module,
                                           lockstep_artifact_fn *each, void *context,
                                           struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    struct lockstep_bind bind = {.type = LOCKSTEP_BIND_NULL};
    if (module != NULL) {
        bind = LOCKSTEP_TEXT(module);
    }
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, COLUMNS "WHERE ?1 IS NULL OR module = ?1 ORDER BY module, counter DESC",
        &bind, 1, &rows, err));
    while (more) {
        struct lockstep_artifact_row row;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more) {
            take_row(&rows, &row);
            each(context, &row);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_artifact(struct lockstep_store *store,
                                          const struct lockstep_digest *digest,
                                          lockstep_artifact_fn *each, void *context,
                                          struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool found = false;
    struct lockstep_artifact_row row;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, COLUMNS "WHERE digest = ?1",
                                      &LOCKSTEP_BYTES_OF(digest), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &found, err));
    if (found) {
        take_row(&rows, &row);
        each(context, &row);
        lockstep_query_end(&rows);
    }
    return LOCKSTEP_OK;
}

/* ---- quarantine ----------------------------------------------------------------------------- */

enum lockstep_err lockstep_store_quarantine(struct lockstep_store *store,
                                            const struct lockstep_digest *digest, const char *why,
                                            const struct lockstep_audit *audit,
                                            struct lockstep_error *err)
{
    struct lockstep_bind binds[] = {LOCKSTEP_BYTES_OF(digest), LOCKSTEP_TEXT(why),
                                    LOCKSTEP_INTEGER(lockstep_unix_ms())};
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = lockstep_journal_run(
        store->journal, "INSERT OR IGNORE INTO quarantine(digest, why, since) VALUES(?1, ?2, ?3)",
        binds, LOCKSTEP_COUNT(binds), NULL, err);
    return lockstep_store_end(store, result, audit, err);
}

enum lockstep_err lockstep_store_unquarantine(struct lockstep_store *store,
                                              const struct lockstep_digest *digest,
                                              const struct lockstep_audit *audit, bool *ret_was,
                                              struct lockstep_error *err)
{
    enum lockstep_err result;
    int changed = 0;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = lockstep_journal_run(store->journal, "DELETE FROM quarantine WHERE digest = ?1",
                                  &LOCKSTEP_BYTES_OF(digest), 1, &changed, err);
    *ret_was = changed == 1;
    return lockstep_store_end(store, result, changed == 1 ? audit : NULL, err);
}

enum lockstep_err lockstep_store_quarantined(struct lockstep_store *store, lockstep_digest_fn *each,
                                             void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT digest, why FROM quarantine ORDER BY since", NULL, 0, &rows, err));
    while (more) {
        struct lockstep_digest digest;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && lockstep_row_bytes(&rows, 0, digest.bytes, LOCKSTEP_DIGEST_BYTES)) {
            each(context, &digest, lockstep_row_text_at(&rows, 1));
        }
    }
    return LOCKSTEP_OK;
}
