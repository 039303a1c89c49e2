/*
 * What goes wrong in a made-up fleet until all is calm. Links break, flap, fall silent in one
 * direction, or are slow; messages are lost, or come with a flipped bit, which ends the session;
 * parts of the fleet are cut off; processes are killed, or stopped and go on; agents lose their
 * journal. Links lead to the coordinator alone, so there are no rings to be cut.
 */
#ifndef LOCKSTEP_TESTS_SIM_FAULTS_H
#define LOCKSTEP_TESTS_SIM_FAULTS_H

#include "tests/sim/world.h"

/* Something goes wrong, and the next thing is scheduled. */
void sim_fault(struct sim_world *world);
/* From now on nothing does. */
void sim_heal(struct sim_world *world);
/* True if what is sent over the link of NODE, to it or from it, does not arrive. */
bool sim_is_lost(struct sim_world *world, uint32_t node, bool to_node);
/* NODE, or the coordinator (SIM_NODES), has been stopped. */
bool sim_is_paused(const struct sim_world *world, uint32_t node);
/* True if EVENT is for somebody who has been stopped; then it comes when that one goes on. */
bool sim_is_postponed(struct sim_world *world, const struct sim_event *event);
/* The link of NODE stands; it may not do so for long. */
void sim_link_stands(struct sim_world *world, uint32_t node);

#endif
