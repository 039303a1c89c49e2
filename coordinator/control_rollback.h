/*
 * What going back would lose, for documents: the classes of manifests (lockstep/state.h says what
 * they mean). A node that can show otherwise votes no, so what is said here is true of what
 * commits.
 */
#ifndef LOCKSTEP_COORDINATOR_CONTROL_ROLLBACK_H
#define LOCKSTEP_COORDINATOR_CONTROL_ROLLBACK_H

#include "coordinator/driver_internal.h"

/* Going back from TO to FROM (zeros: nothing). UNSPECIFIED: nobody says. */
enum lockstep_rollback lockstep_control_rollback(const struct lockstep_coordinator *coordinator,
                                                 const struct lockstep_digest *from,
                                                 const struct lockstep_digest *to);
/* Adds to item ITEM of a plan the class ("rollback"), the worst of all its nodes, and what it means
 * ("rollback_says"). */
void lockstep_control_plan_rollback(const struct lockstep_coordinator *coordinator,
                                    const struct lockstep_resolved *resolved, uint32_t item,
                                    json_t *object);
/* The same to the items of an operation's document, by what they leave. Reads manifests. */
void lockstep_control_operation_rollback(const struct lockstep_coordinator *coordinator,
                                         json_t *document);

#endif
