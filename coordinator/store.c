#include "common/base/assert.h"
#include "common/io/loop.h"
#include "coordinator/store_internal.h"
#include "coordinator/store_schema.h"

#include <stdlib.h>
#include <string.h>

/* ---- changes -------------------------------------------------------------------------------- */

enum lockstep_err lockstep_store_begin(struct lockstep_store *store, struct lockstep_error *err)
{
    int changed = 0;
    LOCKSTEP_TRY(lockstep_journal_begin(store->journal, err));
    if (lockstep_journal_run(store->journal,
                             "UPDATE meta SET changes = changes + 1 WHERE epoch = ?1",
                             &LOCKSTEP_INTEGER(store->epoch), 1, &changed, err) != LOCKSTEP_OK) {
        lockstep_journal_rollback(store->journal);
        return err == NULL ? LOCKSTEP_IO : err->code;
    }
    if (changed != 1) {
        lockstep_journal_rollback(store->journal);
        store->fenced = true;
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "fenced: another coordinator has taken this journal over (epoch %llu "
                             "is not the newest)",
                             (unsigned long long)store->epoch);
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_end(struct lockstep_store *store, enum lockstep_err so_far,
                                     const struct lockstep_audit *audit, struct lockstep_error *err)
{
    struct lockstep_digest head = store->audit_head;
    uint64_t sequence = store->audit_sequence;
    uint64_t events = store->event_sequence;
    if (so_far == LOCKSTEP_OK) {
        so_far = lockstep_store_audit_in(store, audit, err);
    }
    if (so_far == LOCKSTEP_OK) {
        so_far = lockstep_journal_commit(store->journal, err);
    }
    if (so_far == LOCKSTEP_OK) {
        store->index++;
        if (store->event_sequence != events) {
            lockstep_store_events_done(store);
        }
        return LOCKSTEP_OK;
    }
    lockstep_journal_rollback(store->journal);
    store->audit_head = head;
    store->audit_sequence = sequence;
    store->event_sequence = events;
    return so_far;
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum lockstep_err open_journal(const char *directory, struct lockstep_journal **ret_journal,
                                      struct lockstep_error *err)
{
    struct lockstep_journal_config config = {.directory = directory,
                                             .migrations = lockstep_store_migrations,
                                             .migration_count = lockstep_store_migration_count};
    return lockstep_journal_open(&config, ret_journal, err);
}

static enum lockstep_err count_meta(struct lockstep_store *store, int64_t *ret_count,
                                    struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    LOCKSTEP_TRY(
        lockstep_query_begin(store->journal, "SELECT count(*) FROM meta", NULL, 0, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    *ret_count = row ? lockstep_row_integer(&rows, 0) : 0;
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

static enum lockstep_err write_first_rows(struct lockstep_store *store,
                                          const struct lockstep_id *cluster, const char *bundle,
                                          size_t length, struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO meta(one, cluster, epoch, sequence, changes) VALUES(1, ?1, 0, 0, 0)",
                 LOCKSTEP_BYTES_OF(cluster));
    LOCKSTEP_RUN(store->journal, err, "INSERT INTO bundle(version, text) VALUES(1, ?1)",
                 LOCKSTEP_BLOB(bundle, length));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_create(const char *directory, const struct lockstep_id *cluster,
                                        const char *bundle, size_t bundle_length,
                                        const struct lockstep_audit *audit,
                                        struct lockstep_error *err)
{
    struct lockstep_store *store = calloc(1, sizeof(*store));
    enum lockstep_err result;
    int64_t count = 0;
    if (store == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the journal");
    }
    result = open_journal(directory, &store->journal, err);
    if (result == LOCKSTEP_OK) {
        result = count_meta(store, &count, err);
    }
    if (result == LOCKSTEP_OK && count != 0) {
        result = LOCKSTEP_FAIL(err, CONFLICT, "%s holds a coordinator's journal already",
                               directory);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_journal_begin(store->journal, err);
    }
    store->events_keep = LOCKSTEP_EVENTS_KEPT;
    if (result == LOCKSTEP_OK) {
        result = write_first_rows(store, cluster, bundle, bundle_length, err);
        result = lockstep_store_end(store, result, audit, err);
    }
    (void)lockstep_store_close(store);
    return result;
}

static enum lockstep_err read_meta(struct lockstep_store *store, const char *directory,
                                   struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT cluster, epoch, sequence, changes FROM meta", NULL, 0, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (!row) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "%s holds no cluster yet; run: lockstepd init --config FILE "
                             "--new-admin FILE",
                             directory);
    }
    (void)lockstep_row_bytes(&rows, 0, store->cluster.bytes, LOCKSTEP_ID_BYTES);
    store->epoch = (uint64_t)lockstep_row_integer(&rows, 1);
    store->sequence = (uint64_t)lockstep_row_integer(&rows, 2);
    store->index = (uint64_t)lockstep_row_integer(&rows, 3);
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

static enum lockstep_err read_bundle(struct lockstep_store *store, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT text FROM bundle ORDER BY version DESC LIMIT 1", NULL,
                                      0, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (row) {
        const void *text = lockstep_row_blob(&rows, 0, &store->bundle_length);
        if (store->bundle_length <= LOCKSTEP_BUNDLE_MAX) {
            memcpy(store->bundle, text, store->bundle_length);
        }
        lockstep_query_end(&rows);
    }
    if (store->bundle_length == 0 || store->bundle_length > LOCKSTEP_BUNDLE_MAX) {
        return LOCKSTEP_FAIL(err, CORRUPT, "the journal has no trust bundle");
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_audit_head(struct lockstep_store *store, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1", NULL, 0,
        &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (row) {
        store->audit_sequence = (uint64_t)lockstep_row_integer(&rows, 0);
        (void)lockstep_row_bytes(&rows, 1, store->audit_head.bytes, LOCKSTEP_DIGEST_BYTES);
        lockstep_query_end(&rows);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err has_table(struct lockstep_store *store, const char *name, bool *ret_has,
                                   struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1",
        &LOCKSTEP_TEXT(name), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, ret_has, err));
    if (*ret_has) {
        lockstep_query_end(&rows);
    }
    return LOCKSTEP_OK;
}

bool lockstep_store_restored(const struct lockstep_store *store)
{
    return store->restored;
}

enum lockstep_err lockstep_store_settle(struct lockstep_store *store,
                                        const struct lockstep_audit *audit,
                                        struct lockstep_error *err)
{
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_journal_begin(store->journal, err));
    result = lockstep_journal_run(store->journal, "DROP TABLE restored", NULL, 0, NULL, err);
    LOCKSTEP_TRY(lockstep_store_end(store, result, audit, err));
    store->restored = false;
    return LOCKSTEP_OK;
}

static enum lockstep_err raise_epoch(struct lockstep_store *store, struct lockstep_error *err)
{
    struct lockstep_audit audit = {.who = "coordinator", .what = "epoch.raise", .subject = ""};
    enum lockstep_err result;
    LOCKSTEP_TRY(lockstep_journal_begin(store->journal, err));
    result = lockstep_journal_run(store->journal,
                                  "UPDATE meta SET epoch = epoch + 1, changes = changes + 1", NULL,
                                  0, NULL, err);
    LOCKSTEP_TRY(lockstep_store_end(store, result, &audit, err));
    store->epoch++;
    return LOCKSTEP_OK;
}

static enum lockstep_err load(struct lockstep_store *store, const char *directory,
                              struct lockstep_error *err)
{
    LOCKSTEP_TRY(open_journal(directory, &store->journal, err));
    LOCKSTEP_TRY(read_meta(store, directory, err));
    LOCKSTEP_TRY(read_bundle(store, err));
    LOCKSTEP_TRY(has_table(store, "restored", &store->restored, err));
    LOCKSTEP_TRY(has_table(store, "doubt", &store->doubts, err));
    LOCKSTEP_TRY(read_audit_head(store, err));
    LOCKSTEP_TRY(lockstep_store_events_load(store, err));
    return raise_epoch(store, err);
}

enum lockstep_err lockstep_store_open(const char *directory, struct lockstep_store **ret_store,
                                      struct lockstep_error *err)
{
    struct lockstep_store *store = calloc(1, sizeof(*store));
    enum lockstep_err result;
    if (store == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the journal");
    }
    result = load(store, directory, err);
    if (result != LOCKSTEP_OK) {
        (void)lockstep_store_close(store);
        return result;
    }
    *ret_store = store;
    return LOCKSTEP_OK;
}

struct lockstep_store *lockstep_store_close(struct lockstep_store *store)
{
    if (store != NULL) {
        lockstep_store_events_drop(store);
        (void)lockstep_journal_close(store->journal);
        free(store);
    }
    return NULL;
}

uint64_t lockstep_store_epoch(const struct lockstep_store *store)
{
    return store->epoch;
}

uint64_t lockstep_store_sequence(const struct lockstep_store *store)
{
    return store->sequence;
}

struct lockstep_id lockstep_store_cluster(const struct lockstep_store *store)
{
    return store->cluster;
}

struct lockstep_id lockstep_store_incarnation(const struct lockstep_store *store)
{
    return lockstep_journal_incarnation(store->journal);
}

uint64_t lockstep_store_index(const struct lockstep_store *store)
{
    return store->index;
}

bool lockstep_store_broken(const struct lockstep_store *store)
{
    return store->fenced || lockstep_journal_broken(store->journal);
}

const char *lockstep_store_bundle(const struct lockstep_store *store, size_t *ret_length)
{
    *ret_length = store->bundle_length;
    return store->bundle;
}
