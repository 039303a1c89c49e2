/* The journal's life, and who this node is. */
#include "agent/store_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
    "CREATE TABLE meta("
    "  one INTEGER PRIMARY KEY CHECK(one = 1), name TEXT NOT NULL, cluster BLOB NOT NULL,"
    "  coordinator_key BLOB NOT NULL, coordinator BLOB NOT NULL, epoch INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL, bundle INTEGER NOT NULL, text BLOB NOT NULL,"
    "  signatures BLOB NOT NULL, clock INTEGER NOT NULL, checkpoint INTEGER NOT NULL,"
    "  head BLOB NOT NULL);"
    "INSERT INTO meta VALUES(1, '', zeroblob(16), zeroblob(32), zeroblob(16), 0, 0, 0, x'', x'',"
    "  0, 0, zeroblob(32));"
    "CREATE TABLE module("
    "  name TEXT PRIMARY KEY, service TEXT NOT NULL, generation INTEGER NOT NULL,"
    "  current_generation INTEGER NOT NULL, current BLOB NOT NULL,"
    "  previous_generation INTEGER NOT NULL, previous BLOB NOT NULL, floor INTEGER NOT NULL,"
    "  version TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE operation("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, row INTEGER NOT NULL,"
    "  parent BLOB NOT NULL, epoch INTEGER NOT NULL, kind INTEGER NOT NULL,"
    "  strategy INTEGER NOT NULL, drain INTEGER NOT NULL, drain_timeout INTEGER NOT NULL,"
    "  prepare INTEGER NOT NULL, again INTEGER NOT NULL, no_smoke INTEGER NOT NULL,"
    "  roster_size INTEGER NOT NULL, roster BLOB NOT NULL, intent BLOB NOT NULL,"
    "  signature BLOB NOT NULL, signer TEXT NOT NULL, extra TEXT NOT NULL,"
    "  changed INTEGER NOT NULL, reason TEXT NOT NULL, ended INTEGER NOT NULL);"
    "CREATE INDEX operation_ended ON operation(ended);"
    "CREATE TABLE item("
    "  operation INTEGER NOT NULL REFERENCES operation(number) ON DELETE CASCADE,"
    "  position INTEGER NOT NULL, module TEXT NOT NULL, generation INTEGER NOT NULL,"
    "  digest BLOB NOT NULL, leaving BLOB NOT NULL, PRIMARY KEY(operation, position))"
    "  WITHOUT ROWID;"
    "CREATE TABLE reserve(operation BLOB PRIMARY KEY, room BLOB NOT NULL);"
    "CREATE TABLE refused("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, why INTEGER NOT NULL,"
    "  UNIQUE(digest, why));",
    "ALTER TABLE module ADD COLUMN has_previous INTEGER NOT NULL DEFAULT 0;"
    "UPDATE module SET has_previous = previous <> zeroblob(32);",
    "CREATE TABLE heuristic("
    "  operation BLOB PRIMARY KEY, outcome INTEGER NOT NULL, uid INTEGER NOT NULL,"
    "  reason TEXT NOT NULL, time INTEGER NOT NULL, told INTEGER NOT NULL) WITHOUT ROWID;",
    "ALTER TABLE meta ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE operation ADD COLUMN standing BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE operation ADD COLUMN standing_signature BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE operation ADD COLUMN standing_signer TEXT NOT NULL DEFAULT '';"};

/* ---- transactions --------------------------------------------------------------------------- */

enum lockstep_err lockstep_agent_store_begin(struct lockstep_agent_store *store,
                                             struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_agent_store_settle(store, err));
    return lockstep_agent_store_join(store, err);
}

enum lockstep_err lockstep_agent_store_join(struct lockstep_agent_store *store,
                                            struct lockstep_error *err)
{
    if (store->lost) {
        return LOCKSTEP_FAIL(err, CORRUPT, "rows of the journal were lost, stop the process");
    }
    return store->late ? LOCKSTEP_OK : lockstep_journal_begin(store->journal, err);
}

enum lockstep_err lockstep_agent_store_leave(struct lockstep_agent_store *store,
                                             enum lockstep_err so_far, struct lockstep_error *err)
{
    if (so_far == LOCKSTEP_OK) {
        store->late = true;
        return LOCKSTEP_OK;
    }
    lockstep_journal_rollback(store->journal);
    if (store->late) {
        store->late = false;
        store->lost = true;
        return LOCKSTEP_FAIL(err, CORRUPT, "rows of the journal are lost (%s), stop the process",
                             lockstep_err_name(so_far));
    }
    return so_far;
}

enum lockstep_err lockstep_agent_store_end(struct lockstep_agent_store *store,
                                           enum lockstep_err so_far, struct lockstep_error *err)
{
    if (so_far == LOCKSTEP_OK) {
        so_far = lockstep_journal_commit(store->journal, err);
    }
    if (so_far == LOCKSTEP_OK) {
        store->late = false;
        return LOCKSTEP_OK;
    }
    return lockstep_agent_store_leave(store, so_far, err);
}

enum lockstep_err lockstep_agent_store_settle(struct lockstep_agent_store *store,
                                              struct lockstep_error *err)
{
    return store->late ? lockstep_agent_store_end(store, LOCKSTEP_OK, err) : LOCKSTEP_OK;
}

bool lockstep_agent_store_is_settled(const struct lockstep_agent_store *store)
{
    return !store->late;
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool take_blob(const struct lockstep_query_rows *rows, int column, uint8_t *ret_bytes,
                      size_t size, size_t *ret_length)
{
    const void *bytes = lockstep_row_blob(rows, column, ret_length);
    if (*ret_length > size) {
        return false;
    }
    if (*ret_length > 0) {
        memcpy(ret_bytes, bytes, *ret_length);
    }
    return true;
}

static bool take_meta(struct lockstep_agent_store *store, const struct lockstep_query_rows *rows)
{
    struct lockstep_agent_meta *meta = &store->meta;
    const char *name = lockstep_row_text_at(rows, 0);
    memset(meta, 0, sizeof(*meta));
    meta->enrolled = name[0] != '\0';
    meta->epoch = (uint64_t)lockstep_row_integer(rows, 4);
    meta->decision_sequence = (uint64_t)lockstep_row_integer(rows, 5);
    store->bundle_version = (uint64_t)lockstep_row_integer(rows, 6);
    meta->clock_floor_unix_ms = (uint64_t)lockstep_row_integer(rows, 9);
    meta->checkpoint_sequence = (uint64_t)lockstep_row_integer(rows, 10);
    meta->standing_issued_unix_ms = (uint64_t)lockstep_row_integer(rows, 12);
    return (!meta->enrolled || lockstep_name_parse(name, &meta->name)) &&
           lockstep_row_bytes(rows, 1, meta->cluster.bytes, LOCKSTEP_ID_BYTES) &&
           lockstep_row_bytes(rows, 2, meta->coordinator_key, LOCKSTEP_KEY_BYTES) &&
           lockstep_row_bytes(rows, 3, meta->coordinator.bytes, LOCKSTEP_ID_BYTES) &&
           take_blob(rows, 7, store->text, sizeof(store->text), &store->text_length) &&
           take_blob(rows, 8, store->signatures, sizeof(store->signatures),
                     &store->signatures_length) &&
           lockstep_row_bytes(rows, 11, meta->checkpoint_head.bytes, LOCKSTEP_DIGEST_BYTES);
}

static enum lockstep_err read_meta(struct lockstep_agent_store *store, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    bool good;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT name, cluster, coordinator_key, coordinator, epoch, sequence, bundle, text,"
        " signatures, clock, checkpoint, head, standing FROM meta",
        NULL, 0, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    good = row && take_meta(store, &rows);
    lockstep_query_end(&rows);
    return good ? LOCKSTEP_OK
                : LOCKSTEP_FAIL(err, CORRUPT, "the journal does not say who this node is");
}

static enum lockstep_err begin_life(struct lockstep_agent_store *store, const char *directory,
                                    struct lockstep_error *err)
{
    struct lockstep_journal_config config = {directory, migrations, LOCKSTEP_COUNT(migrations),
                                             .alone = true};
    LOCKSTEP_TRY(lockstep_journal_open(&config, &store->journal, err));
    LOCKSTEP_TRY(read_meta(store, err));
    return lockstep_agent_store_read_refused(store, err);
}

enum lockstep_err lockstep_agent_store_open(const char *directory,
                                            struct lockstep_agent_store **ret_store,
                                            struct lockstep_error *err)
{
    struct lockstep_agent_store *store = calloc(1, sizeof(*store));
    enum lockstep_err result;
    *ret_store = NULL;
    if (store == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the journal");
    }
    result = begin_life(store, directory, err);
    *ret_store = result == LOCKSTEP_OK ? store : lockstep_agent_store_close(store);
    return result;
}

struct lockstep_agent_store *lockstep_agent_store_close(struct lockstep_agent_store *store)
{
    if (store != NULL) {
        if (lockstep_agent_store_settle(store, NULL) != LOCKSTEP_OK) {
            store->lost = true; /* the next agent finds it out again */
        }
        store->journal = lockstep_journal_close(store->journal);
        free(store);
    }
    return NULL;
}

/* ---- who this node is ----------------------------------------------------------------------- */

const struct lockstep_agent_meta *
lockstep_agent_store_meta(const struct lockstep_agent_store *store)
{
    return &store->meta;
}

struct lockstep_agent_bundle lockstep_agent_store_trust(const struct lockstep_agent_store *store)
{
    return (struct lockstep_agent_bundle){
        .version = store->bundle_version,
        .text = {store->text, store->text_length},
        .signatures = {store->signatures, store->signatures_length}};
}

/* One statement on the one row; CONFLICT with WHY if it changes nothing. */
static enum lockstep_err change(struct lockstep_agent_store *store, const char *sql,
                                const struct lockstep_bind *binds, size_t count, const char *why,
                                struct lockstep_error *err)
{
    int changed = 0;
    LOCKSTEP_TRY(lockstep_agent_store_begin(store, err));
    enum lockstep_err result = lockstep_journal_run(store->journal, sql, binds, count, &changed,
                                                    err);
    if (result == LOCKSTEP_OK && changed != 1 && why != NULL) {
        result = LOCKSTEP_FAIL(err, CONFLICT, "%s", why);
    }
    LOCKSTEP_TRY(lockstep_agent_store_end(store, result, err));
    return read_meta(store, err);
}

static enum lockstep_err check_bundle(const struct lockstep_agent_bundle *bundle,
                                      struct lockstep_error *err)
{
    return bundle->text.length > LOCKSTEP_BUNDLE_MAX ||
                   bundle->signatures.length > LOCKSTEP_BUNDLE_MAX
               ? LOCKSTEP_FAIL(err, LIMIT, "a trust bundle of more than %d bytes",
                               LOCKSTEP_BUNDLE_MAX)
               : LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_enrol(struct lockstep_agent_store *store,
                                             const struct lockstep_agent_meta *meta,
                                             const struct lockstep_agent_bundle *bundle,
                                             struct lockstep_error *err)
{
    LOCKSTEP_TRY(check_bundle(bundle, err));
    const struct lockstep_bind binds[] = {
        LOCKSTEP_TEXT(meta->name.text),
        LOCKSTEP_BYTES_OF(&meta->cluster),
        LOCKSTEP_BLOB(meta->coordinator_key, LOCKSTEP_KEY_BYTES),
        LOCKSTEP_INTEGER(bundle->version),
        LOCKSTEP_BLOB(bundle->text.data, bundle->text.length),
        LOCKSTEP_BLOB(bundle->signatures.data, bundle->signatures.length)};
    return change(
        store,
        "UPDATE meta SET name = ?1, cluster = ?2, coordinator_key = ?3, bundle = ?4,"
        " text = ?5, signatures = ?6 WHERE name = ''",
        binds, LOCKSTEP_COUNT(binds),
        "this node is enrolled already; to enrol it anew, give it an empty data directory", err);
}

enum lockstep_err lockstep_agent_store_bundle(struct lockstep_agent_store *store,
                                              const struct lockstep_agent_bundle *bundle,
                                              struct lockstep_error *err)
{
    LOCKSTEP_TRY(check_bundle(bundle, err));
    const struct lockstep_bind binds[] = {
        LOCKSTEP_INTEGER(bundle->version), LOCKSTEP_BLOB(bundle->text.data, bundle->text.length),
        LOCKSTEP_BLOB(bundle->signatures.data, bundle->signatures.length)};
    return change(store,
                  "UPDATE meta SET bundle = ?1, text = ?2, signatures = ?3 WHERE bundle < ?1",
                  binds, LOCKSTEP_COUNT(binds), "the trust bundle is not newer than ours", err);
}

enum lockstep_err lockstep_agent_store_epoch(struct lockstep_agent_store *store, uint64_t epoch,
                                             uint64_t sequence,
                                             const struct lockstep_id *coordinator,
                                             struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(epoch), LOCKSTEP_INTEGER(sequence),
                                          LOCKSTEP_BYTES_OF(coordinator)};
    struct lockstep_agent_meta *meta = &store->meta;
    int changed = 0;
    LOCKSTEP_TRY(lockstep_agent_store_join(store, err));
    LOCKSTEP_TRY(lockstep_agent_store_leave(
        store,
        lockstep_journal_run(store->journal,
                             "UPDATE meta SET epoch = ?1, sequence = ?2, coordinator = ?3"
                             " WHERE coordinator <> ?3 OR (epoch <= ?1 AND sequence <= ?2)",
                             binds, LOCKSTEP_COUNT(binds), &changed, err),
        err));
    if (changed != 1) {
        return LOCKSTEP_FAIL(err, CONFLICT, "the epoch or the decision sequence would fall");
    }
    meta->epoch = epoch;
    meta->decision_sequence = sequence;
    meta->coordinator = *coordinator;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_clock_floor(struct lockstep_agent_store *store,
                                                   uint64_t unix_ms, struct lockstep_error *err)
{
    return change(store, "UPDATE meta SET clock = ?1 WHERE clock < ?1", &LOCKSTEP_INTEGER(unix_ms),
                  1, NULL, err);
}

enum lockstep_err lockstep_agent_store_standing(struct lockstep_agent_store *store,
                                                uint64_t issued_unix_ms, struct lockstep_error *err)
{
    return change(store, "UPDATE meta SET standing = ?1 WHERE standing <= ?1",
                  &LOCKSTEP_INTEGER(issued_unix_ms), 1,
                  "a standing order that was issued later was believed before", err);
}

enum lockstep_err lockstep_agent_store_checkpoint(struct lockstep_agent_store *store,
                                                  uint64_t sequence,
                                                  const struct lockstep_digest *head,
                                                  struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(sequence), LOCKSTEP_BYTES_OF(head)};
    return change(store,
                  "UPDATE meta SET checkpoint = ?1, head = ?2"
                  " WHERE checkpoint < ?1 OR (checkpoint = ?1 AND head = ?2)",
                  binds, LOCKSTEP_COUNT(binds),
                  "the coordinator's audit contradicts an earlier checkpoint", err);
}
