/*
 * The coordinator's journal: what the fleet is, what was decided, and who did what.
 *
 * Invariants
 *  - Every deciding write compares the epoch in the same statement that changes the row; a
 *    coordinator that has been replaced changes nothing (LOCKSTEP_CONFLICT, "fenced").
 *  - A change and its audit row are one transaction. Audit rows are chained by BLAKE2b-256.
 *  - An operation's id is its idempotency key: the same id with the same request is found again,
 *    with another request it is a conflict.
 *
 * It decides nothing; cores do. Node numbers are those of the fleet: a node's row, once made, keeps
 * its number for ever.
 */
#ifndef LOCKSTEP_COORDINATOR_STORE_H
#define LOCKSTEP_COORDINATOR_STORE_H

#include "common/io/digest.h"
#include "common/io/journal.h"
#include "common/io/token.h"
#include "coordinator/core/operation.h"

#define LOCKSTEP_STORE_WHO     64  /* bytes of who did it, with the NUL */
#define LOCKSTEP_STORE_MESSAGE 512 /* bytes of an operator's message, with the NUL */
#define LOCKSTEP_STORE_LABELS  2048
#define LOCKSTEP_STORE_VERSION (LOCKSTEP_VERSION_MAX + 1)

struct lockstep_store;

/* An audit row to be written with a change. Everything is borrowed for the call. */
struct lockstep_audit {
    const char *who;     /* an operator's name, "coordinator", or a node's name */
    const char *what;    /* "operation.open", "token.create" … */
    const char *subject; /* what it was done to */
    const char *detail;  /* one JSON object, or "" */
};

/* What marks a backup's journal. A table of its own: journals of every age can have it. */
#define LOCKSTEP_STORE_MARK_RESTORED \
    "CREATE TABLE IF NOT EXISTS restored(one INTEGER PRIMARY KEY CHECK(one = 1))"

/* ---- life ----------------------------------------------------------------------------------- */

/* Makes a new journal for CLUSTER with the trust bundle 1. CONFLICT if there is one already. */
enum lockstep_err lockstep_store_create(const char *directory, const struct lockstep_id *cluster,
                                        const char *bundle, size_t bundle_length,
                                        const struct lockstep_audit *audit,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Opens it and raises the epoch by one: what an earlier coordinator may still try is fenced off.
 * INVALID if it was never made. */
enum lockstep_err lockstep_store_open(const char *directory, struct lockstep_store **ret_store,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* NULL is fine. Always NULL. */
struct lockstep_store *lockstep_store_close(struct lockstep_store *store);

uint64_t lockstep_store_epoch(const struct lockstep_store *store);
uint64_t lockstep_store_sequence(const struct lockstep_store *store); /* of decisions, the last */
struct lockstep_id lockstep_store_cluster(const struct lockstep_store *store);
struct lockstep_id lockstep_store_incarnation(const struct lockstep_store *store);
/* Rises with every change that a plan depends on: nodes, operations, quarantine. */
uint64_t lockstep_store_index(const struct lockstep_store *store);
/* True of a journal that comes out of a backup (restored.h), until it is settled. */
bool lockstep_store_restored(const struct lockstep_store *store);
/* It is known to know as much as any node: from now on it is a journal like any other. */
enum lockstep_err lockstep_store_settle(struct lockstep_store *store,
                                        const struct lockstep_audit *audit,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* True when nothing will ever be written again: fenced, or the disk has failed. */
bool lockstep_store_broken(const struct lockstep_store *store);
/* The newest bundle's text; lives as long as the store. */
const char *lockstep_store_bundle(const struct lockstep_store *store, size_t *ret_length);

/* ---- artifacts and quarantine --------------------------------------------------------------- */

struct lockstep_artifact_row {
    struct lockstep_digest digest;
    struct lockstep_md5 md5;
    struct lockstep_name module;
    struct lockstep_name service;
    char version[LOCKSTEP_STORE_VERSION];
    uint64_t counter;
    uint64_t size;
    uint64_t state_schema;
    uint64_t pushed_unix_ms;
    bool quarantined;
    char by[LOCKSTEP_STORE_WHO];
};

/* Says whether ROW may be added, before anything of it is written. A version is one digest, a
 * digest one version, and what was signed of them stays: CONFLICT if the module has this version
 * with other bytes, or these bytes are there as another version or under another counter. All of it
 * the same is fine: *RET_KNOWN. */
enum lockstep_err lockstep_store_artifact_check(struct lockstep_store *store,
                                                const struct lockstep_artifact_row *row,
                                                bool *ret_known,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Adds what _check lets pass. */
enum lockstep_err lockstep_store_artifact_add(struct lockstep_store *store,
                                              const struct lockstep_artifact_row *row,
                                              const struct lockstep_audit *audit,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
typedef void lockstep_artifact_fn(void *context, const struct lockstep_artifact_row *row);
/* Those of MODULE, or all if it is NULL; newest counter first. */
enum lockstep_err lockstep_store_artifacts(struct lockstep_store *store, const char *module,
                                           lockstep_artifact_fn *each, void *context,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The one with this digest; none if it was never pushed. */
enum lockstep_err lockstep_store_artifact(struct lockstep_store *store,
                                          const struct lockstep_digest *digest,
                                          lockstep_artifact_fn *each, void *context,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

enum lockstep_err lockstep_store_quarantine(struct lockstep_store *store,
                                            const struct lockstep_digest *digest, const char *why,
                                            const struct lockstep_audit *audit,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_store_unquarantine(struct lockstep_store *store,
                                              const struct lockstep_digest *digest,
                                              const struct lockstep_audit *audit, bool *ret_was,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
typedef void lockstep_digest_fn(void *context, const struct lockstep_digest *digest,
                                const char *why);
enum lockstep_err lockstep_store_quarantined(struct lockstep_store *store, lockstep_digest_fn *each,
                                             void *context,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- operations ----------------------------------------------------------------------------- */

/* What came with an operation and what became of it in time; the core does not need it. */
struct lockstep_operation_record {
    struct lockstep_digest request; /* of the request as it came: idempotency */
    char signer[LOCKSTEP_STORE_WHO];
    char message[LOCKSTEP_STORE_MESSAGE];
    char extra[LOCKSTEP_EXTRA_MAX + 1];
    bool places; /* when it has succeeded, its modules are placed … */
    char placement[LOCKSTEP_SELECTOR_MAX + 1]; /* … on the nodes that this selects; empty: all */
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    size_t intent_length;
    char intent[LOCKSTEP_INTENT_MAX + 1];
    uint64_t opened_unix_ms;
    uint64_t decided_unix_ms;
    uint64_t live_unix_ms; /* when every touched node had read back */
    uint64_t ended_unix_ms;
    struct lockstep_id standing; /* the order under which the coordinator opened it; zeros: none */
};

/* Memory for an operation of so many items and parts, and (SPARE) for its compensation. */
struct lockstep_operation *lockstep_operation_new(uint32_t item_count, uint32_t part_count,
                                                  bool spare);
struct lockstep_operation *lockstep_operation_free(struct lockstep_operation *operation);

/* Writes OPEN with items, parts, and the generations taken. */
enum lockstep_err lockstep_store_operation_open(struct lockstep_store *store,
                                                const struct lockstep_operation *operation,
                                                const struct lockstep_operation_record *record,
                                                const struct lockstep_audit *audit,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Writes the row that the operation waits for, with its parts. CHILD (may be NULL) is opened in the
 * same transaction. SUCCEEDED also writes what its nodes are to run from now on, and where its
 * modules are placed if it places them; going back on an operation that placed them, where they
 * were placed before, once none of its nodes is to run what it brought. */
enum lockstep_err lockstep_store_operation_row(struct lockstep_store *store,
                                               const struct lockstep_operation *operation,
                                               const struct lockstep_operation *child,
                                               uint64_t now_unix_ms,
                                               const struct lockstep_audit *audit,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Writes parts and result only. */
enum lockstep_err lockstep_store_operation_parts(struct lockstep_store *store,
                                                 const struct lockstep_operation *operation,
                                                 uint64_t now_unix_ms,
                                                 struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Nothing refers to these any more: a restart need not take them up. */
enum lockstep_err lockstep_store_operations_over(struct lockstep_store *store,
                                                 struct lockstep_operation *const *operations,
                                                 size_t count, uint64_t now_unix_ms,
                                                 struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Something is owed again: a restart is to take it up. */
enum lockstep_err lockstep_store_operation_again(struct lockstep_store *store,
                                                 const struct lockstep_id *id,
                                                 struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The newest row of the operation, NONE if there is none. */
enum lockstep_err lockstep_store_operation_find(struct lockstep_store *store,
                                                const struct lockstep_id *id,
                                                enum lockstep_row *ret_row,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Loads it; *RET_OPERATION (NULL if there is none) is to be freed. RECORD may be NULL. */
enum lockstep_err lockstep_store_operation_load(struct lockstep_store *store,
                                                const struct lockstep_id *id,
                                                struct lockstep_operation **ret_operation,
                                                enum lockstep_row *ret_row,
                                                struct lockstep_operation_record *ret_record,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The compensation of the operation, to be freed; NULL if there is none. */
enum lockstep_err lockstep_store_child(struct lockstep_store *store, const struct lockstep_id *id,
                                       struct lockstep_operation **ret_child,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
typedef void lockstep_id_fn(void *context, const struct lockstep_id *id);
/* Ids of what is not over, parents first. */
enum lockstep_err
lockstep_store_operations_unfinished(struct lockstep_store *store, lockstep_id_fn *each,
                                     void *context, struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ids of the last LIMIT operations on MODULE (NULL: any), newest first. */
enum lockstep_err lockstep_store_operations_newest(struct lockstep_store *store, const char *module,
                                                   uint32_t limit, lockstep_id_fn *each,
                                                   void *context,
                                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The one operation whose id begins with PREFIX (of the id's text): 0, 1 or 2 (more) are found. */
enum lockstep_err lockstep_store_operation_prefix(struct lockstep_store *store, const char *prefix,
                                                  struct lockstep_id *ret_id, unsigned *ret_found,
                                                  struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Forgets operations that were over BEFORE_UNIX_MS, are not of the last KEEP on any of their
 * modules, and brought nothing that is desired; the audit trail keeps what it says of them. */
enum lockstep_err lockstep_store_operations_forget(struct lockstep_store *store,
                                                   uint64_t before_unix_ms, uint32_t keep,
                                                   int *ret_count,
                                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- audit ---------------------------------------------------------------------------------- */

struct lockstep_audit_row {
    uint64_t sequence;
    uint64_t unix_ms;
    const char *who; /* borrowed for the call */
    const char *what;
    const char *subject;
    const char *detail;
    struct lockstep_digest hash;
};
typedef void lockstep_audit_fn(void *context, const struct lockstep_audit_row *row);

/* Writes a row of its own. */
enum lockstep_err lockstep_store_audit(struct lockstep_store *store,
                                       const struct lockstep_audit *audit,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_store_audit_read(struct lockstep_store *store, uint64_t from,
                                            uint32_t limit, lockstep_audit_fn *each, void *context,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Walks the chain. *RET_BAD is the first row that does not follow, 0 if all do; *RET_LAST and
 * *RET_HEAD are the newest row's number and hash. */
enum lockstep_err lockstep_store_audit_verify(struct lockstep_store *store, uint64_t *ret_bad,
                                              uint64_t *ret_last, struct lockstep_digest *ret_head,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The newest row's number and hash: what agents are given to keep. */
void lockstep_store_audit_head(const struct lockstep_store *store, uint64_t *ret_sequence,
                               struct lockstep_digest *ret_head);

#include "coordinator/store_desired.h"
#include "coordinator/store_node.h"

#endif
