/* A journal that was restored, as nodes know better. A part of the store. */
#ifndef LOCKSTEP_COORDINATOR_STORE_RECOVER_H
#define LOCKSTEP_COORDINATOR_STORE_RECOVER_H

#include "coordinator/core/fleet.h"
#include "coordinator/store.h"

#define LOCKSTEP_RECOVERY_DOUBTS_MAX 256

struct lockstep_coordinator;

/* What is found out, and then written. Zeros to begin with. */
struct lockstep_recovery {
    const struct lockstep_coordinator *coordinator;
    uint64_t epoch;    /* the highest that a node knows */
    uint64_t sequence; /* the same; the decisions that are written here come behind it */
    size_t module_count;
    struct {
        struct lockstep_name name;
        uint64_t generation; /* none up to it is given out again */
    } modules[LOCKSTEP_MODULES_MAX];
    size_t committed_count;
    struct lockstep_id committed[LOCKSTEP_FLEET_OPERATIONS]; /* open in the journal */
    size_t doubt_count;
    struct lockstep_id doubt[LOCKSTEP_RECOVERY_DOUBTS_MAX]; /* not in the journal at all */
    bool blocked;
    struct lockstep_id blocking;
    enum lockstep_err result;
    struct lockstep_error err;
};

/* Notes that MODULE has come to GENERATION, or further. LIMIT. */
enum lockstep_err lockstep_recovery_raise(struct lockstep_recovery *recovery,
                                          const struct lockstep_name *module, uint64_t generation,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Writes it all at once; the journal is then one like any other. */
enum lockstep_err lockstep_store_recover(struct lockstep_store *store,
                                         struct lockstep_recovery *recovery, uint64_t now_unix_ms,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* From now on it is treated as one out of a backup, whether or not it bears the mark. */
void lockstep_store_recover_begin(struct lockstep_store *store);
bool lockstep_store_recovering(const struct lockstep_store *store);
/* True of an operation that is not in the journal, and was in doubt when that was recovered. */
enum lockstep_err lockstep_store_in_doubt(struct lockstep_store *store,
                                          const struct lockstep_id *operation, bool *ret_doubt,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
