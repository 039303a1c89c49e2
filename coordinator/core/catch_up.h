/*
 * Catching up: nodes that are owed what committed while they were away, or could not take it, get
 * it when they can. A few at a time, whatever operation it is of, so that a rack that returns does
 * not fetch and load at once; and with growing pauses between the tries of one node. What is
 * delivered is the operation itself: its own generation, digest and intent.
 *
 * An operation that rolls delivers the same way, but in places of its own, a tenth of its nodes at
 * a time, and does not go on before who has one is healthy (step_roll.c).
 *
 * Going back is no catching up: who has yet to go back is asked as soon as it is there.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_CATCH_UP_H
#define LOCKSTEP_COORDINATOR_CORE_CATCH_UP_H

#include "coordinator/core/fleet.h"

/* Gives the places for catching up that are free to owed nodes whose time has come, if anything has
 * changed that matters to that. Internal to this room. */
void lockstep_fleet_catch_up(struct lockstep_fleet *fleet, struct lockstep_time now);

#endif
