/* What is written of operations, at once or late; part of driver_internal.h. */
#ifndef LOCKSTEP_COORDINATOR_DRIVER_WRITE_H
#define LOCKSTEP_COORDINATOR_DRIVER_WRITE_H

#include "coordinator/driver_internal.h"

/* Writes the row that OPERATION waits for, and opens CHILD (may be NULL) with it. */
void lockstep_driver_persist(struct lockstep_coordinator *coordinator,
                             struct lockstep_operation *operation,
                             struct lockstep_operation *child);
/* OPERATION's parts are to be written when convenient. */
void lockstep_driver_parts(struct lockstep_coordinator *coordinator,
                           const struct lockstep_operation *operation);
/* OPERATION is over: written, with its parts or late if FINAL has them, and freed. */
void lockstep_driver_over(struct lockstep_coordinator *coordinator,
                          struct lockstep_operation *operation);
void lockstep_driver_later(struct lockstep_coordinator *coordinator);
/* Writes and sends what is late; _later: soon. */
void lockstep_driver_flush(void *context);

#endif
