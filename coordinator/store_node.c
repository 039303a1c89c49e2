/* Nodes and the tokens that bring them in. */
#include "common/io/loop.h"
#include "coordinator/store_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SELECT_NODES                                                                        \
    "SELECT number, name, node.key, labels, journal, member, revoked, enrolled, cordoned, " \
    "fenced, since, waiting_key.key, token, address FROM node LEFT JOIN waiting_key ON "    \
    "waiting_key.node = number "

/* Values of `revoked`; they are in journals, and in the conditions of indexes. */
enum { IN_FLEET = 0, REVOKED = 1, REMOVED = 2 };

/* Ends the query if the row cannot be a node. */
static enum lockstep_err read_node(struct lockstep_query_rows *rows, struct lockstep_node_row *row,
                                   struct lockstep_error *err)
{
    int64_t number = lockstep_row_integer(rows, 0);
    memset(row, 0, sizeof(*row));
    if (number < 0 || number >= LOCKSTEP_NODES_MAX ||
        !lockstep_name_parse(lockstep_row_text_at(rows, 1), &row->name)) {
        lockstep_query_end(rows);
        return LOCKSTEP_FAIL(err, CORRUPT, "the journal's node %lld has no name, or cannot be one",
                             (long long)number);
    }
    row->number = (uint32_t)number;
    (void)lockstep_row_bytes(rows, 2, row->key, sizeof(row->key));
    lockstep_row_copy(rows, 3, row->labels, sizeof(row->labels));
    (void)lockstep_row_bytes(rows, 4, row->journal.bytes, LOCKSTEP_ID_BYTES);
    row->member = lockstep_row_integer(rows, 5) != 0;
    row->gone = lockstep_row_integer(rows, 6) != IN_FLEET;
    row->revoked = lockstep_row_integer(rows, 6) == REVOKED;
    row->enrolled_unix_ms = (uint64_t)lockstep_row_integer(rows, 7);
    row->cordoned = lockstep_row_integer(rows, 8) != 0;
    row->fenced = lockstep_row_integer(rows, 9) != 0;
    row->waiting.since_unix_ms = (uint64_t)lockstep_row_integer(rows, 10);
    (void)lockstep_row_bytes(rows, 11, row->waiting.key, sizeof(row->waiting.key));
    (void)lockstep_row_bytes(rows, 12, row->waiting.token, sizeof(row->waiting.token));
    lockstep_row_copy(rows, 13, row->waiting.address, sizeof(row->waiting.address));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_nodes(struct lockstep_store *store, lockstep_node_fn *each,
                                       void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_node_row row;
    bool more = true;
    LOCKSTEP_TRY(
        lockstep_query_begin(store->journal, SELECT_NODES "ORDER BY number", NULL, 0, &rows, err));
    while (more) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more) {
            LOCKSTEP_TRY(read_node(&rows, &row, err));
            each(context, &row);
        }
    }
    return LOCKSTEP_OK;
}

/* *RET_CHANGED: how many are new, or have another journal. */
static enum lockstep_err write_members(struct lockstep_store *store,
                                       const struct lockstep_arrival *arrivals, size_t count,
                                       int *ret_changed, struct lockstep_error *err)
{
    *ret_changed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(arrivals[i].node),
                                              LOCKSTEP_BYTES_OF(&arrivals[i].journal)};
        int changed = 0;
        LOCKSTEP_TRY(lockstep_journal_run(store->journal,
                                          "UPDATE node SET member = 1, journal = ?2 "
                                          "WHERE number = ?1 AND (member = 0 OR journal <> ?2)",
                                          binds, LOCKSTEP_COUNT(binds), &changed, err));
        *ret_changed += changed;
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err write_lives(struct lockstep_store *store,
                                     const struct lockstep_arrival *arrivals, size_t count,
                                     struct lockstep_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t node = arrivals[i].node;
        LOCKSTEP_RUN(store->journal, err, "DELETE FROM live WHERE node = ?1",
                     LOCKSTEP_INTEGER(node));
        for (uint32_t j = 0; j < arrivals[i].live_count; j++) {
            const struct lockstep_live *live = &arrivals[i].live[j];
            LOCKSTEP_RUN(store->journal, err,
                         "INSERT OR REPLACE INTO live(node, module, generation, digest) "
                         "VALUES(?1, ?2, ?3, ?4)",
                         LOCKSTEP_INTEGER(node), LOCKSTEP_TEXT(live->module.text),
                         LOCKSTEP_INTEGER(live->generation), LOCKSTEP_BYTES_OF(&live->digest));
        }
    }
    return LOCKSTEP_OK;
}

/* A plan does not depend on what is live: that alone is no change of the journal's index. */
enum lockstep_err lockstep_store_arrived(struct lockstep_store *store,
                                         const struct lockstep_arrival *arrivals, size_t count,
                                         struct lockstep_error *err)
{
    enum lockstep_err result;
    int changed = 0;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = write_members(store, arrivals, count, &changed, err);
    if (result != LOCKSTEP_OK || changed > 0) {
        result = result == LOCKSTEP_OK ? write_lives(store, arrivals, count, err) : result;
        return lockstep_store_end(store, result, NULL, err);
    }
    lockstep_journal_rollback(store->journal);
    LOCKSTEP_TRY(lockstep_journal_begin(store->journal, err));
    result = write_lives(store, arrivals, count, err);
    if (result == LOCKSTEP_OK) {
        return lockstep_journal_commit(store->journal, err);
    }
    lockstep_journal_rollback(store->journal);
    return result;
}

enum lockstep_err lockstep_store_node_cordon(struct lockstep_store *store, uint32_t number,
                                             bool cordoned, const struct lockstep_audit *audit,
                                             struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(number), LOCKSTEP_INTEGER(cordoned)};
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(
        store,
        lockstep_journal_run(store->journal, "UPDATE node SET cordoned = ?2 WHERE number = ?1",
                             binds, LOCKSTEP_COUNT(binds), NULL, err),
        audit, err);
}

enum lockstep_err lockstep_store_node_fence(struct lockstep_store *store, uint32_t number,
                                            const struct lockstep_audit *audit,
                                            struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store,
                              lockstep_journal_run(store->journal,
                                                   "UPDATE node SET fenced = 1 WHERE number = ?1",
                                                   &LOCKSTEP_INTEGER(number), 1, NULL, err),
                              audit, err);
}

static enum lockstep_err forget(struct lockstep_store *store, uint32_t number, bool revoked,
                                uint64_t now_unix_ms, struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(number),
                                          LOCKSTEP_INTEGER(revoked ? REVOKED : REMOVED)};
    int changed = 0;
    LOCKSTEP_TRY(lockstep_journal_run(store->journal,
                                      "UPDATE node SET revoked = ?2, member = 0, cordoned = 0 "
                                      "WHERE number = ?1 AND revoked = 0",
                                      binds, LOCKSTEP_COUNT(binds), &changed, err));
    if (changed != 1) {
        return LOCKSTEP_FAIL(err, CONFLICT, "the node has left the fleet already");
    }
    LOCKSTEP_RUN(store->journal, err, "DELETE FROM desired WHERE node = ?1",
                 LOCKSTEP_INTEGER(number));
    LOCKSTEP_RUN(store->journal, err, "DELETE FROM live WHERE node = ?1", LOCKSTEP_INTEGER(number));
    LOCKSTEP_TRY(lockstep_store_key_forget(store, number, now_unix_ms, err));
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal,
        "UPDATE module SET placement = NULL, placement_before = NULL, placement_by = NULL "
        "WHERE NOT EXISTS (SELECT 1 FROM desired WHERE desired.module = module.name)",
        NULL, 0, NULL, err));
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE token SET revoked = ?2 WHERE used = 0 AND revoked = 0 AND "
                 "node = (SELECT name FROM node WHERE number = ?1)",
                 LOCKSTEP_INTEGER(number), LOCKSTEP_INTEGER(now_unix_ms));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_node_forget(struct lockstep_store *store, uint32_t number,
                                             bool revoked, uint64_t now_unix_ms,
                                             const struct lockstep_audit *audit,
                                             struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, forget(store, number, revoked, now_unix_ms, err), audit, err);
}

enum lockstep_err lockstep_store_lives(struct lockstep_store *store, lockstep_live_fn *each,
                                       void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT node, module, generation, digest FROM live", NULL, 0, &rows, err));
    while (more) {
        struct lockstep_live live = {.generation = 0};
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        live.generation = (uint64_t)lockstep_row_integer(&rows, 2);
        if (lockstep_name_parse(lockstep_row_text_at(&rows, 1), &live.module) &&
            lockstep_row_bytes(&rows, 3, live.digest.bytes, LOCKSTEP_DIGEST_BYTES)) {
            each(context, (uint32_t)lockstep_row_integer(&rows, 0), &live);
        }
    }
    return LOCKSTEP_OK;
}

/* ---- tokens --------------------------------------------------------------------------------- */

/* True if the query, of one parameter, finds something. */
static enum lockstep_err exists(struct lockstep_store *store, const char *sql,
                                const struct lockstep_bind *bind, bool *ret_exists,
                                struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, sql, bind, 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, ret_exists, err));
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

static enum lockstep_err insert_token(struct lockstep_store *store,
                                      const struct lockstep_token *token, const char *labels,
                                      const char *who, struct lockstep_error *err)
{
    uint8_t psk[LOCKSTEP_TOKEN_PSK_BYTES];
    struct lockstep_bind binds[] = {LOCKSTEP_BLOB(token->id, sizeof(token->id)),
                                    LOCKSTEP_BLOB(psk, sizeof(psk)),
                                    LOCKSTEP_TEXT(token->node.text),
                                    LOCKSTEP_TEXT(labels),
                                    LOCKSTEP_INTEGER(token->expires_unix_ms),
                                    LOCKSTEP_TEXT(who)};
    enum lockstep_err result;
    bool taken = false;
    if (strlen(labels) >= LOCKSTEP_STORE_LABELS) {
        return LOCKSTEP_FAIL(err, INVALID, "the labels of node %s are longer than %d bytes",
                             token->node.text, LOCKSTEP_STORE_LABELS - 1);
    }
    LOCKSTEP_TRY(exists(store, "SELECT 1 FROM node WHERE name = ?1 AND revoked = 0",
                        &LOCKSTEP_TEXT(token->node.text), &taken, err));
    if (taken && labels[0] != '\0') {
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "node %s is enrolled, and keeps its labels; leave them out",
                             token->node.text);
    }
    lockstep_token_psk(token, psk);
    result = lockstep_journal_run(
        store->journal,
        "INSERT INTO token(id, psk, node, labels, expires, used, failures, who) "
        "VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, ?6)",
        binds, LOCKSTEP_COUNT(binds), NULL, err);
    sodium_memzero(psk, sizeof(psk));
    return result;
}

enum lockstep_err lockstep_store_token_add(struct lockstep_store *store,
                                           const struct lockstep_token *token, const char *labels,
                                           const struct lockstep_audit *audit,
                                           struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    return lockstep_store_end(store, insert_token(store, token, labels, audit->who, err), audit,
                              err);
}

#define TOKEN_COLUMNS "id, node, labels, expires, used, failures, who, revoked"

/* Ends the query if the row cannot be a token. */
static enum lockstep_err read_token(struct lockstep_query_rows *rows,
                                    struct lockstep_token_row *row, struct lockstep_error *err)
{
    memset(row, 0, sizeof(*row));
    if (!lockstep_row_bytes(rows, 0, row->id, sizeof(row->id)) ||
        !lockstep_name_parse(lockstep_row_text_at(rows, 1), &row->node)) {
        lockstep_query_end(rows);
        return LOCKSTEP_FAIL(err, CORRUPT, "the journal has a join token that is for no node");
    }
    lockstep_row_copy(rows, 2, row->labels, sizeof(row->labels));
    row->expires_unix_ms = (uint64_t)lockstep_row_integer(rows, 3);
    row->used_unix_ms = (uint64_t)lockstep_row_integer(rows, 4);
    row->failures = (uint32_t)lockstep_row_integer(rows, 5);
    lockstep_row_copy(rows, 6, row->by, sizeof(row->by));
    row->revoked_unix_ms = (uint64_t)lockstep_row_integer(rows, 7);
    return LOCKSTEP_OK;
}

const char *lockstep_token_state(const struct lockstep_token_row *row, uint64_t now_unix_ms)
{
    if (row->used_unix_ms != 0) {
        return "used";
    }
    if (row->revoked_unix_ms != 0) {
        return "revoked";
    }
    if (row->failures >= LOCKSTEP_TOKEN_TRIES) {
        return "burned";
    }
    return row->expires_unix_ms <= now_unix_ms ? "expired" : "open";
}

/* Of a burned one nothing is told: somebody has guessed at its secret. */
static const char *why_over(const struct lockstep_token_row *row, uint64_t now_unix_ms)
{
    if (row->failures >= LOCKSTEP_TOKEN_TRIES) {
        return NULL;
    }
    if (row->used_unix_ms != 0) {
        return "was used already";
    }
    if (row->revoked_unix_ms != 0) {
        return "was revoked";
    }
    return row->expires_unix_ms <= now_unix_ms ? "has expired" : NULL;
}

enum lockstep_err lockstep_store_token_find(struct lockstep_store *store,
                                            const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                            uint64_t now_unix_ms,
                                            struct lockstep_token_found *ret_found,
                                            struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    const struct lockstep_token_row *token = &ret_found->row;
    bool row = false;
    memset(ret_found, 0, sizeof(*ret_found));
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT " TOKEN_COLUMNS ", psk FROM token WHERE id = ?1",
                                      &LOCKSTEP_BLOB(id, LOCKSTEP_TOKEN_ID_BYTES), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (!row) {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(read_token(&rows, &ret_found->row, err));
    ret_found->good = lockstep_row_bytes(&rows, 8, ret_found->psk, LOCKSTEP_TOKEN_PSK_BYTES) &&
                      strcmp(lockstep_token_state(token, now_unix_ms), "open") == 0;
    ret_found->over = why_over(token, now_unix_ms);
    lockstep_query_end(&rows);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_token_revoke(struct lockstep_store *store,
                                              const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                              uint64_t now_unix_ms,
                                              const struct lockstep_audit *audit, bool *ret_ended,
                                              struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {LOCKSTEP_BLOB(id, LOCKSTEP_TOKEN_ID_BYTES),
                                          LOCKSTEP_INTEGER(now_unix_ms),
                                          LOCKSTEP_INTEGER(LOCKSTEP_TOKEN_TRIES)};
    enum lockstep_err result;
    int changed = 0;
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = lockstep_journal_run(store->journal,
                                  "UPDATE token SET revoked = ?2 WHERE id = ?1 AND used = 0 AND "
                                  "revoked = 0 AND expires > ?2 AND failures < ?3",
                                  binds, LOCKSTEP_COUNT(binds), &changed, err);
    *ret_ended = changed == 1;
    if (result == LOCKSTEP_OK && changed == 0) {
        lockstep_journal_rollback(store->journal);
        return LOCKSTEP_OK;
    }
    return lockstep_store_end(store, result, audit, err);
}

enum lockstep_err lockstep_store_token_tried(struct lockstep_store *store,
                                             const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                             struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err, "UPDATE token SET failures = failures + 1 WHERE id = ?1",
                 LOCKSTEP_BLOB(id, LOCKSTEP_TOKEN_ID_BYTES));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_token_proved(struct lockstep_store *store,
                                              const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                              struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "UPDATE token SET failures = max(failures - 1, 0) WHERE id = ?1",
                 LOCKSTEP_BLOB(id, LOCKSTEP_TOKEN_ID_BYTES));
    return LOCKSTEP_OK;
}

/* Rows are never deleted, so numbers run from 0 to their count. */
static enum lockstep_err check_room(struct lockstep_store *store, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    bool full = false;
    LOCKSTEP_TRY(
        lockstep_query_begin(store->journal, "SELECT count(*) FROM node", NULL, 0, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    full = !row || lockstep_row_integer(&rows, 0) >= LOCKSTEP_NODES_MAX;
    lockstep_query_end(&rows);
    return full ? LOCKSTEP_FAIL(err, LIMIT, "the fleet has %d nodes already, the most there can be",
                                LOCKSTEP_NODES_MAX)
                : LOCKSTEP_OK;
}

static enum lockstep_err use_token(struct lockstep_store *store,
                                   const struct lockstep_enrolment *enrolment,
                                   struct lockstep_error *err)
{
    struct lockstep_bind use[] = {LOCKSTEP_BLOB(enrolment->token, LOCKSTEP_TOKEN_ID_BYTES),
                                  LOCKSTEP_INTEGER(enrolment->now_unix_ms),
                                  LOCKSTEP_INTEGER(LOCKSTEP_TOKEN_TRIES)};
    int changed = 0;
    LOCKSTEP_TRY(
        lockstep_journal_run(store->journal,
                             "UPDATE token SET used = ?2, failures = max(failures - 1, 0) "
                             "WHERE id = ?1 AND used = 0 AND revoked = 0 AND expires > ?2 AND "
                             "failures <= ?3",
                             use, LOCKSTEP_COUNT(use), &changed, err));
    return changed == 1
               ? LOCKSTEP_OK
               : LOCKSTEP_FAIL(err, CONFLICT,
                               "the join token was used or revoked before, or has expired");
}

static enum lockstep_err insert_node(struct lockstep_store *store,
                                     const struct lockstep_enrolment *enrolment,
                                     struct lockstep_error *err)
{
    static const uint8_t no_journal[LOCKSTEP_ID_BYTES];
    LOCKSTEP_TRY(check_room(store, err));
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT INTO node(number, name, key, labels, journal, member, revoked, enrolled) "
                 "SELECT (SELECT count(*) FROM node), node, ?2, labels, ?3, 0, 0, ?4 FROM token "
                 "WHERE id = ?1",
                 LOCKSTEP_BLOB(enrolment->token, LOCKSTEP_TOKEN_ID_BYTES),
                 LOCKSTEP_BLOB(enrolment->key, LOCKSTEP_KEY_BYTES),
                 LOCKSTEP_BLOB(no_journal, sizeof(no_journal)),
                 LOCKSTEP_INTEGER(enrolment->now_unix_ms));
    return LOCKSTEP_OK;
}

/* The node of the token's name, if it is in the fleet. */
static enum lockstep_err node_of_token(struct lockstep_store *store, const uint8_t *token,
                                       struct lockstep_node_row *ret_row, bool *ret_found,
                                       struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        SELECT_NODES "WHERE revoked = 0 AND name = (SELECT node FROM token WHERE id = ?1)",
        &LOCKSTEP_BLOB(token, LOCKSTEP_TOKEN_ID_BYTES), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, ret_found, err));
    if (*ret_found) {
        LOCKSTEP_TRY(read_node(&rows, ret_row, err));
        lockstep_query_end(&rows);
    }
    return LOCKSTEP_OK;
}

/* A key is one node's, and one that was cut off stays so. */
static enum lockstep_err check_key(struct lockstep_store *store, const uint8_t *key,
                                   struct lockstep_error *err)
{
    const struct lockstep_bind bind = LOCKSTEP_BLOB(key, LOCKSTEP_KEY_BYTES);
    enum lockstep_dead_key dead = LOCKSTEP_DEAD_KEY_NONE;
    bool found = false;
    LOCKSTEP_TRY(lockstep_store_key_dead(store, key, &dead, err));
    if (dead == LOCKSTEP_DEAD_KEY_NONE) {
        LOCKSTEP_TRY(
            exists(store, "SELECT 1 FROM node WHERE key = ?1 AND revoked = 1", &bind, &found, err));
    }
    if (found || dead != LOCKSTEP_DEAD_KEY_NONE) {
        return LOCKSTEP_FAIL(err, CONFLICT, "this key was cut off for good; join with a new one");
    }
    LOCKSTEP_TRY(exists(store,
                        "SELECT 1 FROM node WHERE key = ?1 AND revoked = 0 UNION ALL "
                        "SELECT 1 FROM waiting_key WHERE key = ?1",
                        &bind, &found, err));
    return found ? LOCKSTEP_FAIL(err, CONFLICT, "this key is that of another node") : LOCKSTEP_OK;
}

static enum lockstep_err let_in(struct lockstep_store *store,
                                const struct lockstep_enrolment *enrolment,
                                struct lockstep_node_row *row, struct lockstep_error *err)
{
    bool taken = false;
    LOCKSTEP_TRY(use_token(store, enrolment, err));
    LOCKSTEP_TRY(node_of_token(store, enrolment->token, row, &taken, err));
    if (taken && (memcmp(row->key, enrolment->key, LOCKSTEP_KEY_BYTES) == 0 ||
                  (row->waiting.since_unix_ms != 0 &&
                   memcmp(row->waiting.key, enrolment->key, LOCKSTEP_KEY_BYTES) == 0))) {
        return LOCKSTEP_OK; /* it is the node, or waits already, and has lost its journal */
    }
    if (taken && row->waiting.since_unix_ms != 0) {
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "another key waits for this name; lockstep node admit %.63s decides",
                             row->name.text);
    }
    LOCKSTEP_TRY(check_key(store, enrolment->key, err));
    LOCKSTEP_TRY(taken ? lockstep_store_key_wait(store, row->number, enrolment, err)
                       : insert_node(store, enrolment, err));
    LOCKSTEP_TRY(node_of_token(store, enrolment->token, row, &taken, err));
    return taken ? LOCKSTEP_OK
                 : LOCKSTEP_FAIL(err, CORRUPT, "a node that just came is not in the journal");
}

enum lockstep_err lockstep_store_enrol(struct lockstep_store *store,
                                       const struct lockstep_enrolment *enrolment,
                                       const struct lockstep_audit *audit,
                                       struct lockstep_node_row *ret_row,
                                       struct lockstep_error *err)
{
    struct lockstep_audit row = *audit;
    enum lockstep_err result;
    char detail[LOCKSTEP_STORE_ADDRESS + 64];
    char key[2 * LOCKSTEP_KEY_BYTES + 1];
    LOCKSTEP_TRY(lockstep_store_begin(store, err));
    result = let_in(store, enrolment, ret_row, err);
    if (result == LOCKSTEP_OK && memcmp(ret_row->key, enrolment->key, LOCKSTEP_KEY_BYTES) != 0) {
        lockstep_hex_format(enrolment->key, LOCKSTEP_KEY_BYTES, key);
        (void)snprintf(detail, sizeof(detail), "key %.16s waits; it came from %s", key,
                       enrolment->address);
        row.what = "node.rekey-pending";
        row.detail = detail;
    }
    return lockstep_store_end(store, result, &row, err);
}

enum lockstep_err lockstep_store_tokens(struct lockstep_store *store, lockstep_token_fn *each,
                                        void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_token_row row;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT " TOKEN_COLUMNS " FROM token ORDER BY expires", NULL,
                                      0, &rows, err));
    while (more) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more) {
            LOCKSTEP_TRY(read_token(&rows, &row, err));
            each(context, &row);
        }
    }
    return LOCKSTEP_OK;
}
