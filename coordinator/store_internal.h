/* What the files of the store share. */
#ifndef LOCKSTEP_COORDINATOR_STORE_INTERNAL_H
#define LOCKSTEP_COORDINATOR_STORE_INTERNAL_H

#include "coordinator/store.h"
#include "coordinator/store_event.h"

/* An event that waits to be written. */
struct lockstep_event_note {
    struct lockstep_event_note *next;
    uint64_t unix_ms;
    char what[32];
    char subject[LOCKSTEP_NAME_MAX + 1];
    char modules[LOCKSTEP_NAME_MAX + 3];
    char text[LOCKSTEP_EVENT_TEXT_MAX + 1];
};

struct lockstep_store {
    struct lockstep_journal *journal;
    bool fenced; /* another coordinator has raised the epoch */
    uint64_t epoch;
    uint64_t sequence;
    uint64_t index;
    struct lockstep_id cluster;
    uint64_t audit_sequence;
    struct lockstep_digest audit_head;
    uint64_t event_sequence;
    uint64_t events_keep;
    struct lockstep_event_note *events_first;
    struct lockstep_event_note *events_newest;
    size_t events_waiting;
    uint64_t events_dropped; /* since the last write */
    void (*events_call)(void *context);
    void *events_context;
    bool restored;
    bool recovering;
    bool doubts; /* there is a table of them */
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

/* ---- store_event.c -------------------------------------------------------------------------- */

enum lockstep_err lockstep_store_events_load(struct lockstep_store *store,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Writes what is noted, and with an audit row its event, inside the transaction that is open. */
enum lockstep_err lockstep_store_events_in(struct lockstep_store *store,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_store_event_audited(struct lockstep_store *store,
                                               const struct lockstep_audit_row *row,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* That transaction is durable. */
void lockstep_store_events_done(struct lockstep_store *store);
/* Forgets what is noted. */
void lockstep_store_events_drop(struct lockstep_store *store);

/* ---- store_rekey.c -------------------------------------------------------------------------- */

/* Notes inside the transaction that is open that the key waits for the node; none may. */
enum lockstep_err lockstep_store_key_wait(struct lockstep_store *store, uint32_t number,
                                          const struct lockstep_enrolment *enrolment,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Refuses inside the transaction that is open what waits for the node, if something does. */
enum lockstep_err lockstep_store_key_forget(struct lockstep_store *store, uint32_t number,
                                            uint64_t now_unix_ms,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The chain's next hash: BLAKE2b-256 over a domain, the hash before and the row. */
void lockstep_audit_hash(const struct lockstep_digest *before, const struct lockstep_audit_row *row,
                         struct lockstep_digest *ret_hash);

#endif
