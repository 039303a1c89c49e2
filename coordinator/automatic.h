/*
 * Reconciling without being asked: in mode `auto`, under an operator's standing order, the modules
 * it is for are looked at now and then, and what has been seen twice is done. What may be done is
 * decided by the cores (core/reconcile.h, core/automatic.h); an operation that is opened here goes
 * the way of all others.
 */
#ifndef LOCKSTEP_COORDINATOR_AUTOMATIC_H
#define LOCKSTEP_COORDINATOR_AUTOMATIC_H

#include "common/io/standing.h"
#include "coordinator/core/automatic.h"
#include "coordinator/store_reconcile.h"

struct lockstep_coordinator;
struct lockstep_session;
struct lockstep_wire_prepare;

struct lockstep_automatic {
    struct lockstep_reconcile_row row;
    struct lockstep_standing standing; /* the newest there was; in force if the mode is AUTO */
    struct lockstep_sighting
        sightings[LOCKSTEP_MODULES_MAX]; /* by the fleet's number of a module */
    bool told[LOCKSTEP_MODULES_MAX];     /* what OBSERVE saw */
    struct lockstep_damping damping;
    uint32_t next; /* whose turn it is to be looked at */
};

/* Takes up the mode that the journal has. */
enum lockstep_err lockstep_automatic_begin(struct lockstep_coordinator *coordinator,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Looks at one module; a timer's callback. */
void lockstep_automatic_look(void *context);
void lockstep_automatic_end(struct lockstep_coordinator *coordinator);

/* The papers that go with a PREPARE of OPERATION, which was opened under a standing order: those of
 * the order in force, whichever that is, if it is for these modules; else none, and nodes refuse.
 */
void lockstep_automatic_papers(const struct lockstep_coordinator *coordinator,
                               const struct lockstep_operation *operation,
                               struct lockstep_wire_prepare *ret);

#endif
