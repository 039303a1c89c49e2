/* Keys that wait to take a node's place, and those that were a node's. */
#include "coordinator/store_internal.h"

enum lockstep_err lockstep_store_key_wait(struct lockstep_store *store, uint32_t number,
                                          const struct lockstep_enrolment *enrolment,
                                          struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO waiting_key(node, key, token, address, since) "
                 "VALUES(?1, ?2, ?3, ?4, ?5)",
                 LOCKSTEP_INTEGER(number), LOCKSTEP_BLOB(enrolment->key, LOCKSTEP_KEY_BYTES),
                 LOCKSTEP_BLOB(enrolment->token, LOCKSTEP_TOKEN_ID_BYTES),
                 LOCKSTEP_TEXT(enrolment->address), LOCKSTEP_INTEGER(enrolment->now_unix_ms));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_key_forget(struct lockstep_store *store, uint32_t number,
                                            uint64_t now_unix_ms, struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO dead_key(key, node, refused, since) "
                 "SELECT key, node, 1, ?2 FROM waiting_key WHERE node = ?1",
                 LOCKSTEP_INTEGER(number), LOCKSTEP_INTEGER(now_unix_ms));
    LOCKSTEP_RUN(store->journal, err, "DELETE FROM waiting_key WHERE node = ?1",
                 LOCKSTEP_INTEGER(number));
    return LOCKSTEP_OK;
}

/* Takes the key from those that wait; it must be there. */
static enum lockstep_err take(struct lockstep_store *store, uint32_t number, const uint8_t *key,
                              struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(number),
                                          LOCKSTEP_BLOB(key, LOCKSTEP_KEY_BYTES)};
    int changed = 0;
    LOCKSTEP_TRY(lockstep_journal_run(store->journal,
                                      "DELETE FROM waiting_key WHERE node = ?1 AND key = ?2", binds,
                                      LOCKSTEP_COUNT(binds), &changed, err));
    return changed == 1 ? LOCKSTEP_OK
                        : LOCKSTEP_FAIL(err, CONFLICT, "this key does not wait for the node");
}

static enum lockstep_err admit(struct lockstep_store *store, uint32_t number, const uint8_t *key,
                               uint64_t now_unix_ms, struct lockstep_error *err)
{
    LOCKSTEP_TRY(take(store, number, key, err));
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO dead_key(key, node, refused, since) "
                 "SELECT key, number, 0, ?2 FROM node WHERE number = ?1",
                 LOCKSTEP_INTEGER(number), LOCKSTEP_INTEGER(now_unix_ms));
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE node SET key = ?2, fenced = 0, enrolled = ?3 WHERE number = ?1",
                 LOCKSTEP_INTEGER(number), LOCKSTEP_BLOB(key, LOCKSTEP_KEY_BYTES),
                 LOCKSTEP_INTEGER(now_unix_ms));
    LOCKSTEP_RUN(store->journal, err, "DELETE FROM live WHERE node = ?1", LOCKSTEP_INTEGER(number));
    /* What the machine before ran before, this one cannot go back to. */
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE desired SET has_previous = 0, previous = zeroblob(32) WHERE node = ?1",
                 LOCKSTEP_INTEGER(number));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_node_admit(struct lockstep_store *store, uint32_t number,
                                            const uint8_t key[LOCKSTEP_KEY_BYTES],
                                            uint64_t now_unix_ms,
                                            const struct lockstep_audit *audit,
                                            struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, admit(store, number, key, now_unix_ms, err), audit, err);
}

static enum lockstep_err refuse(struct lockstep_store *store, uint32_t number, const uint8_t *key,
                                uint64_t now_unix_ms, struct lockstep_error *err)
{
    LOCKSTEP_TRY(take(store, number, key, err));
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO dead_key(key, node, refused, since) VALUES(?2, ?1, 1, ?3)",
                 LOCKSTEP_INTEGER(number), LOCKSTEP_BLOB(key, LOCKSTEP_KEY_BYTES),
                 LOCKSTEP_INTEGER(now_unix_ms));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_node_refuse(struct lockstep_store *store, uint32_t number,
                                             const uint8_t key[LOCKSTEP_KEY_BYTES],
                                             uint64_t now_unix_ms,
                                             const struct lockstep_audit *audit,
                                             struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, refuse(store, number, key, now_unix_ms, err), audit, err);
}

enum lockstep_err lockstep_store_key_dead(struct lockstep_store *store,
                                          const uint8_t key[LOCKSTEP_KEY_BYTES],
                                          enum lockstep_dead_key *ret_dead,
                                          struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool found = false;
    *ret_dead = LOCKSTEP_DEAD_KEY_NONE;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, "SELECT refused FROM dead_key WHERE key = ?1",
                                      &LOCKSTEP_BLOB(key, LOCKSTEP_KEY_BYTES), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &found, err));
    if (found) {
        *ret_dead = lockstep_row_integer(&rows, 0) != 0 ? LOCKSTEP_DEAD_KEY_REFUSED
                                                        : LOCKSTEP_DEAD_KEY_REPLACED;
        lockstep_query_end(&rows);
    }
    return LOCKSTEP_OK;
}
