/*
 * The agent's journal: who this node is, what its modules point to, and the operations it takes or
 * took part in.
 *
 * Invariants
 *  - Each function that changes something is one transaction: it is durable when it returns OK and
 *    has left no trace when it fails. Some, which say so, write LATE: what they have written is
 *    durable with the next row, or when lockstep_agent_store_settle() says so, all of it or none.
 *    What cannot be written then ends the journal's use (CORRUPT).
 *  - Pointers are computed by the core (lockstep_module_point(), _fall()) from the rows, so that
 * the journal and the core's memory cannot disagree on what a row means.
 *  - A module's generation never falls; a row of an operation never goes back.
 *  - A vow sees to free pages for the pointers that it promises: the database need not grow for
 * them. (SQLite's log may still have to; then the point fails with LIMIT, the agent stops, and is
 * in doubt when it starts again, which is safe.)
 *
 * It decides nothing and checks no signature.
 */
#ifndef LOCKSTEP_AGENT_STORE_H
#define LOCKSTEP_AGENT_STORE_H

#include "agent/core/agent.h"
#include "common/io/journal.h"
#include "common/io/keys.h"
#include "common/io/wire.h"

#define LOCKSTEP_AGENT_REFUSED_OURS_MAX 1024 /* digests refused by crash loops; the newest stay */
#define LOCKSTEP_AGENT_REFUSED_MAX      4096 /* with the coordinator's */
#define LOCKSTEP_AGENT_ENDED_ROWS       1000 /* ended operations that are kept for reports */

struct lockstep_agent_store;

/* ---- life ----------------------------------------------------------------------------------- */

/* Errors are those of lockstep_journal_open(). */
enum lockstep_err lockstep_agent_store_open(const char *directory,
                                            struct lockstep_agent_store **ret_store,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* NULL is fine. Always NULL. */
struct lockstep_agent_store *lockstep_agent_store_close(struct lockstep_agent_store *store);

/* Fills CORE, fresh from lockstep_agent_init() and with its services added: modules, operations
 * that are over (the last 64) and open ones, epoch, sequence, incarnations, refused versions.
 * CORRUPT if the rows cannot be, LIMIT if CORE has no room for the modules. */
enum lockstep_err lockstep_agent_store_load(struct lockstep_agent_store *store,
                                            struct lockstep_agent *core, struct lockstep_time now,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Hands CORE the list of refused versions, which stays the store's and lives as long. To be called
 * after lockstep_agent_store_fell() and _quarantine(). */
void lockstep_agent_store_refused(const struct lockstep_agent_store *store,
                                  struct lockstep_agent *core);

/* Makes durable what was written late. Closing does it, too. */
enum lockstep_err lockstep_agent_store_settle(struct lockstep_agent_store *store,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
bool lockstep_agent_store_is_settled(const struct lockstep_agent_store *store);

/* ---- who this node is ----------------------------------------------------------------------- */

struct lockstep_agent_meta {
    bool enrolled;
    struct lockstep_name name;
    struct lockstep_id cluster;
    uint8_t coordinator_key[LOCKSTEP_KEY_BYTES]; /* X25519 */
    struct lockstep_id coordinator;              /* incarnation of its journal; zeros: unknown */
    uint64_t epoch;
    uint64_t decision_sequence;
    uint64_t clock_floor_unix_ms; /* it has been this late already */
    uint64_t checkpoint_sequence; /* of the coordinator's audit */
    struct lockstep_digest checkpoint_head;
    uint64_t standing_issued_unix_ms; /* of the newest standing order believed here; 0: none */
};

/* As it is now; lives as long as the store. */
const struct lockstep_agent_meta *
lockstep_agent_store_meta(const struct lockstep_agent_store *store);

/* A trust bundle's text and its signatures, both opaque here. */
struct lockstep_agent_bundle {
    uint64_t version;
    struct lockstep_blob text;       /* at most LOCKSTEP_BUNDLE_MAX */
    struct lockstep_blob signatures; /* at most LOCKSTEP_BUNDLE_MAX */
};

/* Once in a journal's life; CONFLICT if this node is enrolled. META's name, cluster and
 * coordinator_key are taken. */
enum lockstep_err lockstep_agent_store_enrol(struct lockstep_agent_store *store,
                                             const struct lockstep_agent_meta *meta,
                                             const struct lockstep_agent_bundle *bundle,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Replaces the bundle; CONFLICT unless its version is higher than the one there is. */
enum lockstep_err lockstep_agent_store_bundle(struct lockstep_agent_store *store,
                                              const struct lockstep_agent_bundle *bundle,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The bundle there is, valid until the next call of a function that changes it; version 0: none. */
struct lockstep_agent_bundle lockstep_agent_store_trust(const struct lockstep_agent_store *store);
/* Of the EPOCH action. Neither number falls while the coordinator's journal is the same one.
 * Written late: to be settled before anything is said. */
enum lockstep_err lockstep_agent_store_epoch(struct lockstep_agent_store *store, uint64_t epoch,
                                             uint64_t sequence,
                                             const struct lockstep_id *coordinator,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Raises the floor of this node's clock; a lower one changes nothing. */
enum lockstep_err lockstep_agent_store_clock_floor(struct lockstep_agent_store *store,
                                                   uint64_t unix_ms,
                                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* A standing order that was issued then is believed here; CONFLICT if one that was issued later has
 * been. */
enum lockstep_err lockstep_agent_store_standing(struct lockstep_agent_store *store,
                                                uint64_t issued_unix_ms,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The newest checkpoint of the coordinator's audit; CONFLICT if it is older than the one there is,
 * or has its sequence and another head. */
enum lockstep_err lockstep_agent_store_checkpoint(struct lockstep_agent_store *store,
                                                  uint64_t sequence,
                                                  const struct lockstep_digest *head,
                                                  struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- modules -------------------------------------------------------------------------------- */

struct lockstep_agent_module_row {
    struct lockstep_name module;
    struct lockstep_name service; /* empty: not known yet */
    uint64_t generation;
    struct lockstep_version current;
    bool has_previous;
    struct lockstep_version previous;
    uint64_t counter_floor;                 /* of release counters */
    char version[LOCKSTEP_VERSION_MAX + 1]; /* of current; "" until described */
};

/* The module's row; *RET_FOUND is false, and the row zeros but for the name, if it has none. */
enum lockstep_err lockstep_agent_store_module(struct lockstep_agent_store *store,
                                              const struct lockstep_name *module, bool *ret_found,
                                              struct lockstep_agent_module_row *ret_row,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What a manifest has told of a module. */
struct lockstep_agent_description {
    const struct lockstep_name *module;
    const struct lockstep_name *service;
    const char *version;    /* of what is current; NULL: as it is */
    uint64_t counter_floor; /* of its release counter; a lower one changes nothing */
};
/* Takes them over together, however many there are; late. */
enum lockstep_err
lockstep_agent_store_describe(struct lockstep_agent_store *store,
                              const struct lockstep_agent_description *descriptions, size_t count,
                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- operations ----------------------------------------------------------------------------- */

/* Row PREPARED: the promise, with everything needed to keep it. LIMIT if the disk is full (a vow
 * that may be refused), CONFLICT if the operation has a row. */
enum lockstep_err lockstep_agent_store_vow(struct lockstep_agent_store *store,
                                           const struct lockstep_prepare *order,
                                           const struct lockstep_wire_prepare *intent,
                                           uint64_t unix_ms,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Row COMMITTED, and the pointers of every item. CONFLICT unless the row is PREPARED. */
enum lockstep_err lockstep_agent_store_point(struct lockstep_agent_store *store,
                                             const struct lockstep_prepare *order, uint64_t unix_ms,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Row FELL: every module that the pointer row gave other bytes goes back to its previous version
 * and has none after; the version it leaves is refused here from now on. ORDER is as the core has
 * it, with what was left. CONFLICT unless the row is COMMITTED or APPLIED. */
enum lockstep_err lockstep_agent_store_fell(struct lockstep_agent_store *store,
                                            const struct lockstep_prepare *order, uint64_t unix_ms,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Rows APPLIED, ABORTED and FINAL, late. ABORTED makes the row if there is none: a tombstone. A row
 * that is as far already stays. */
enum lockstep_err lockstep_agent_store_note(struct lockstep_agent_store *store,
                                            const struct lockstep_prepare *order,
                                            enum lockstep_duty_row row, const char *reason,
                                            uint64_t unix_ms,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What the vow was made on, valid until the next call of this function. CONFLICT if the operation
 * is unknown. */
enum lockstep_err lockstep_agent_store_intent(struct lockstep_agent_store *store,
                                              const struct lockstep_id *operation,
                                              struct lockstep_wire_prepare *ret_intent,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The coordinator's list of refused versions, whole; what this node refuses by itself stays. LIMIT
 * if there are more than LOCKSTEP_AGENT_REFUSED_MAX - LOCKSTEP_AGENT_REFUSED_OURS_MAX. */
enum lockstep_err lockstep_agent_store_quarantine(struct lockstep_agent_store *store,
                                                  const struct lockstep_digest *digests,
                                                  size_t count,
                                                  struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* ---- what a person decided ------------------------------------------------------------------ */

/* An operation in doubt (row PREPARED), its modules, and why it was decided by hand, or "". */
typedef void lockstep_agent_doubt_fn(void *context, const struct lockstep_id *id,
                                     const char *modules, const char *reason);
enum lockstep_err lockstep_agent_store_doubts(struct lockstep_agent_store *store,
                                              lockstep_agent_doubt_fn *each, void *context,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

struct lockstep_agent_resolution {
    struct lockstep_id operation;
    bool commit;
    uint32_t uid; /* who decided */
    uint64_t unix_ms;
    char reason[LOCKSTEP_TEXT_MAX + 1];
};
/* Notes the decision; the agent's next start carries it out. CONFLICT unless the operation is in
 * doubt and was not decided by hand before. */
enum lockstep_err lockstep_agent_store_resolve(struct lockstep_agent_store *store,
                                               const struct lockstep_agent_resolution *resolution,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Those that the coordinator was not told yet. */
typedef void lockstep_agent_resolution_fn(void *context,
                                          const struct lockstep_agent_resolution *resolution);
enum lockstep_err lockstep_agent_store_resolutions(struct lockstep_agent_store *store,
                                                   lockstep_agent_resolution_fn *each,
                                                   void *context,
                                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* It was told of all of them. */
enum lockstep_err
lockstep_agent_store_resolutions_told(struct lockstep_agent_store *store,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
