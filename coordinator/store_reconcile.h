/* What the coordinator does about drift by itself, and the papers that it needs; part of store.h.
 */
#ifndef LOCKSTEP_COORDINATOR_STORE_RECONCILE_H
#define LOCKSTEP_COORDINATOR_STORE_RECONCILE_H

#include "coordinator/store.h"

/* The mode, and the newest standing order that there was; it is in force if the mode is AUTO. */
struct lockstep_reconcile_row {
    enum lockstep_mode mode;
    size_t standing_length;
    char standing[LOCKSTEP_STANDING_MAX + 1];
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    char signer[LOCKSTEP_STORE_WHO];
    uint64_t since_unix_ms; /* 0: nobody has ever set it */
};

/* OBSERVE if nobody has set it. CORRUPT. */
enum lockstep_err lockstep_store_reconcile(struct lockstep_store *store,
                                           struct lockstep_reconcile_row *ret_row,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Keeps the order that is there if ROW has none. */
enum lockstep_err lockstep_store_reconcile_set(struct lockstep_store *store,
                                               const struct lockstep_reconcile_row *row,
                                               const struct lockstep_audit *audit,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* An intent as it was signed. */
struct lockstep_naming_row {
    size_t intent_length;
    char intent[LOCKSTEP_INTENT_MAX + 1];
    uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
    char signer[LOCKSTEP_STORE_WHO];
};

/* The newest intent of an operation that brought DIGEST of MODULE to nodes and not to one alone
 * (strategy local names nothing for others); or else the one that such an operation went by, under
 * a standing order. *RET_FOUND is false if no such operation is kept. */
enum lockstep_err lockstep_store_naming(struct lockstep_store *store,
                                        const struct lockstep_name *module,
                                        const struct lockstep_digest *digest,
                                        struct lockstep_naming_row *ret_row, bool *ret_found,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
