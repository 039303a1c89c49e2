#include "coordinator/store_recover.h"

#include "common/base/attr.h"
#include "coordinator/core/states.h"
#include "coordinator/store_internal.h"

#include <stdio.h>

enum lockstep_err lockstep_recovery_raise(struct lockstep_recovery *recovery,
                                          const struct lockstep_name *module, uint64_t generation,
                                          struct lockstep_error *err)
{
    size_t at = 0;
    while (at < recovery->module_count &&
           !lockstep_name_equal(&recovery->modules[at].name, module)) {
        at++;
    }
    if (at == LOCKSTEP_COUNT(recovery->modules)) {
        return LOCKSTEP_FAIL(err, LIMIT, "nodes run more than %d modules", LOCKSTEP_MODULES_MAX);
    }
    if (at == recovery->module_count) {
        recovery->module_count++;
        recovery->modules[at].name = *module;
        recovery->modules[at].generation = 0;
    }
    if (recovery->modules[at].generation < generation) {
        recovery->modules[at].generation = generation;
    }
    return LOCKSTEP_OK;
}

void lockstep_store_recover_begin(struct lockstep_store *store)
{
    store->restored = true;
    store->recovering = true;
}

bool lockstep_store_recovering(const struct lockstep_store *store)
{
    return store->recovering;
}

static enum lockstep_err write_modules(struct lockstep_store *store,
                                       const struct lockstep_recovery *recovery,
                                       struct lockstep_error *err)
{
    for (size_t i = 0; i < recovery->module_count; i++) {
        LOCKSTEP_RUN(store->journal, err,
                     "INSERT INTO module(name, generation) VALUES(?1, ?2) ON CONFLICT(name) DO "
                     "UPDATE SET generation = max(generation, ?2)",
                     LOCKSTEP_TEXT(recovery->modules[i].name.text),
                     LOCKSTEP_INTEGER(recovery->modules[i].generation));
    }
    return LOCKSTEP_OK;
}

/* As the coordinator would have written them that is lost, behind every decision that a node knows.
 */
static enum lockstep_err write_commits(struct lockstep_store *store,
                                       struct lockstep_recovery *recovery, uint64_t now_unix_ms,
                                       struct lockstep_error *err)
{
    for (size_t i = 0; i < recovery->committed_count; i++) {
        recovery->sequence++;
        LOCKSTEP_RUN(store->journal, err,
                     "UPDATE operation SET row = ?2, sequence = ?3, decided = ?4 WHERE id = ?1 AND "
                     "row = ?5",
                     LOCKSTEP_BYTES_OF(&recovery->committed[i]),
                     LOCKSTEP_INTEGER(LOCKSTEP_ROW_COMMIT), LOCKSTEP_INTEGER(recovery->sequence),
                     LOCKSTEP_INTEGER(now_unix_ms), LOCKSTEP_INTEGER(LOCKSTEP_ROW_OPEN));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err write_doubts(struct lockstep_store *store,
                                      const struct lockstep_recovery *recovery,
                                      struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal, "CREATE TABLE IF NOT EXISTS doubt(id BLOB PRIMARY KEY) WITHOUT ROWID", NULL,
        0, NULL, err));
    for (size_t i = 0; i < recovery->doubt_count; i++) {
        LOCKSTEP_RUN(store->journal, err, "INSERT OR IGNORE INTO doubt(id) VALUES(?1)",
                     LOCKSTEP_BYTES_OF(&recovery->doubt[i]));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err write_all(struct lockstep_store *store, struct lockstep_recovery *recovery,
                                   uint64_t now_unix_ms, struct lockstep_error *err)
{
    LOCKSTEP_TRY(write_modules(store, recovery, err));
    LOCKSTEP_TRY(write_commits(store, recovery, now_unix_ms, err));
    LOCKSTEP_TRY(write_doubts(store, recovery, err));
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE meta SET epoch = max(epoch, ?1), sequence = max(sequence, ?2), "
                 "changes = changes + 1",
                 LOCKSTEP_INTEGER(recovery->epoch), LOCKSTEP_INTEGER(recovery->sequence));
    return lockstep_journal_run(store->journal, "DROP TABLE IF EXISTS restored", NULL, 0, NULL,
                                err);
}

enum lockstep_err lockstep_store_recover(struct lockstep_store *store,
                                         struct lockstep_recovery *recovery, uint64_t now_unix_ms,
                                         struct lockstep_error *err)
{
    char detail[160];
    struct lockstep_audit audit = {
        .who = "coordinator", .what = "journal.recover", .subject = "", .detail = detail};
    enum lockstep_err result;
    (void)snprintf(detail, sizeof(detail),
                   "from what all nodes know: epoch %llu, decision %llu, %zu operations were "
                   "committed, %zu stay in doubt",
                   (unsigned long long)recovery->epoch, (unsigned long long)recovery->sequence,
                   recovery->committed_count, recovery->doubt_count);
    LOCKSTEP_TRY(lockstep_journal_begin(store->journal, err));
    result = write_all(store, recovery, now_unix_ms, err);
    LOCKSTEP_TRY(lockstep_store_end(store, result, &audit, err));
    store->restored = false;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_in_doubt(struct lockstep_store *store,
                                          const struct lockstep_id *operation, bool *ret_doubt,
                                          struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    *ret_doubt = false;
    if (!store->doubts) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, "SELECT 1 FROM doubt WHERE id = ?1",
                                      &LOCKSTEP_BYTES_OF(operation), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, ret_doubt, err));
    if (*ret_doubt) {
        lockstep_query_end(&rows);
    }
    return LOCKSTEP_OK;
}
