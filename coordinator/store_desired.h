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
    uint64_t pin_unix_ms;         /* a local pin until then; 0: none */
};
typedef void lockstep_desired_fn(void *context, const struct lockstep_desired_row *row);
enum lockstep_err lockstep_store_desired(struct lockstep_store *store, lockstep_desired_fn *each,
                                         void *context,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
