/*
 * What nodes are to run, as the journal has it: modules, placements, desired versions. Who brings a
 * version writes it with the operation's row (store_operation.c). Part of coordinator/store.h.
 */
#ifndef LOCKSTEP_COORDINATOR_STORE_DESIRED_H
#define LOCKSTEP_COORDINATOR_STORE_DESIRED_H

#include "coordinator/store.h"

/* A module that the fleet has seen. Its placement is the selector of the nodes that are to run it;
 * NULL: none is recorded, or none of its versions is desired any more. Lives for the call. */
typedef void lockstep_module_fn(void *context, const struct lockstep_name *module,
                                uint64_t generation, const char *placement);
enum lockstep_err lockstep_store_modules(struct lockstep_store *store, lockstep_module_fn *each,
                                         void *context,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

typedef void lockstep_name_fn(void *context, const struct lockstep_name *name);
/* The modules of which an operation was committed, as far back as operations are kept. */
enum lockstep_err lockstep_store_modules_decided(struct lockstep_store *store,
                                                 lockstep_name_fn *each, void *context,
                                                 struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* What a node is to run of a module. There is no row where it is to run nothing. */
struct lockstep_desired_row {
    uint32_t node;
    struct lockstep_name module;
    struct lockstep_digest digest;
    struct lockstep_digest previous; /* what it ran before; zeros: nothing */
    bool has_previous; /* false: what it ran before is not known (any more); previous is zeros */
    struct lockstep_id operation; /* that brought it */
    uint64_t pin_unix_ms;         /* pinned to `digest` until then; 0: it is not */
    struct lockstep_digest after; /* what it is to run when the pin is over; zeros: not recorded */
};

/* What ROW says that its node is to run at NOW: while a pin is in force, or without one, `digest`;
 * then `after`. NULL: its pin is over, and nothing is recorded for then. */
const struct lockstep_digest *lockstep_desired_wish(const struct lockstep_desired_row *row,
                                                    uint64_t now_unix_ms);
typedef void lockstep_desired_fn(void *context, const struct lockstep_desired_row *row);
enum lockstep_err lockstep_store_desired(struct lockstep_store *store, lockstep_desired_fn *each,
                                         void *context,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Pins ROW's node to the digest there, which it runs, until the time there; what it was to run
 * until now is what it is to run afterwards. Nothing else of ROW is read. False in *RET_PINNED:
 * nothing is recorded of the node, so there is nothing for afterwards. */
enum lockstep_err lockstep_store_pin(struct lockstep_store *store,
                                     const struct lockstep_desired_row *row,
                                     const struct lockstep_audit *audit, bool *ret_pinned,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends the pin of ROW's node and module at NOW; false in *RET_WAS: there is none in force. */
enum lockstep_err lockstep_store_unpin(struct lockstep_store *store,
                                       const struct lockstep_desired_row *row, uint64_t now_unix_ms,
                                       const struct lockstep_audit *audit, bool *ret_was,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
