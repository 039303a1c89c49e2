/* What the files of the store share. */
#ifndef LOCKSTEP_COORDINATOR_STORE_INTERNAL_H
#define LOCKSTEP_COORDINATOR_STORE_INTERNAL_H

#include "coordinator/store.h"

struct lockstep_store {
    struct lockstep_journal *journal;
    bool fenced; /* another coordinator has raised the epoch */
    uint64_t epoch;
    uint64_t sequence;
    uint64_t index;
    struct lockstep_id cluster;
    uint64_t audit_sequence;
    struct lockstep_digest audit_head;
    size_t bundle_length;
    char bundle[LOCKSTEP_BUNDLE_MAX + 1];
};

/* Appends an audit row inside the transaction that is open; NULL writes none. */
enum lockstep_err lockstep_store_audit_in(struct lockstep_store *store,
                                          const struct lockstep_audit *audit,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Begins a change; fails if this coordinator's epoch is not the journal's any more. */
enum lockstep_err lockstep_store_begin(struct lockstep_store *store,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends it: with an audit row and a commit if SO_FAR is OK, else undone. Returns what is wrong. */
enum lockstep_err lockstep_store_end(struct lockstep_store *store, enum lockstep_err so_far,
                                     const struct lockstep_audit *audit,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The chain's next hash: BLAKE2b-256 over a domain, the hash before and the row. */
void lockstep_audit_hash(const struct lockstep_digest *before, const struct lockstep_audit_row *row,
                         struct lockstep_digest *ret_hash);

#endif
