/*
 * What one operation's step means for the others: locks, windows, compensation, ending. Internal to
 * this room.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_SETTLE_H
#define LOCKSTEP_COORDINATOR_CORE_SETTLE_H

#include "coordinator/core/fleet.h"

/* Every public call begins with enter and ends with leave. */
void lockstep_fleet_enter(struct lockstep_fleet *fleet, struct lockstep_fleet_actions *actions);
void lockstep_fleet_leave(struct lockstep_fleet *fleet, struct lockstep_time now);

void lockstep_fleet_act(struct lockstep_fleet *fleet, const struct lockstep_fleet_action *action);

/* Has what OPERATION is due sent. */
void lockstep_fleet_send(struct lockstep_fleet *fleet, struct lockstep_operation *operation);

/* Has whoever watches OPERATION told. */
void lockstep_fleet_changed(struct lockstep_fleet *fleet, struct lockstep_operation *operation);

/* Steps an operation and turns its wants into actions. */
void lockstep_fleet_step(struct lockstep_fleet *fleet, struct lockstep_time now,
                         struct lockstep_operation *operation,
                         const struct lockstep_operation_event *event);

/* Every operation that NODE has a part in gets an event of TYPE for it. */
void lockstep_fleet_tell(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                         enum lockstep_operation_event_type type);

/* True if the two have a module in common. */
bool lockstep_operations_share(const struct lockstep_operation *a,
                               const struct lockstep_operation *b);

#endif
