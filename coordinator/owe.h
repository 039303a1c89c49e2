/*
 * What a node has lost it is owed again, by the operations that brought it. A part of the driver.
 */
#ifndef LOCKSTEP_COORDINATOR_OWE_H
#define LOCKSTEP_COORDINATOR_OWE_H

#include "coordinator/driver_internal.h"

/* Takes an operation of the journal into memory; there must be room, and it must not be there. */
enum lockstep_err lockstep_driver_take_up(struct lockstep_coordinator *coordinator,
                                          const struct lockstep_id *id,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Every operation of the journal that is not over and not there yet. */
enum lockstep_err lockstep_driver_take_up_all(struct lockstep_coordinator *coordinator,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The operations, in memory now, that brought NODE all that they brought and nothing newer has
 * replaced; their number. */
size_t lockstep_driver_brought(struct lockstep_coordinator *coordinator, uint32_t node,
                               struct lockstep_id ret_ids[LOCKSTEP_NODE_MODULES_MAX]);

#endif
