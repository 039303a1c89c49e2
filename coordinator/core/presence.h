/*
 * Who is there. A node that is silent for too long is down; one that comes and goes is held: it
 * counts, and is not contacted, until it has stayed for a while. And when many fall silent at once
 * it is more likely that the coordinator is cut off than that they all died: then the fleet is
 * isolated. Nobody is marked down and no deadline of an operation passes until more than half are
 * heard again, or an operator accepts the loss.
 *
 * Time is counted in heartbeats (settings): suspect, then down. No node's clock takes part.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_PRESENCE_H
#define LOCKSTEP_COORDINATOR_CORE_PRESENCE_H

#include "coordinator/core/fleet.h"

/* Looks for silence, isolation, and nodes that were held for long enough. Internal to this room. */
void lockstep_fleet_watch(struct lockstep_fleet *fleet, struct lockstep_time now);

/* NODE has joined: its STATE has come whole. It is READY now, or held. Internal to this room. */
void lockstep_fleet_present(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node);

#endif
