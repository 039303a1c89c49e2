/*
 * What must hold of a made-up fleet: at every row and every publication, and when it has come to
 * rest (check.c); and of whoever reconciles (check_drift.c). What does not is told by sim_fail().
 */
#ifndef LOCKSTEP_TESTS_SIM_CHECK_H
#define LOCKSTEP_TESTS_SIM_CHECK_H

#include "tests/sim/world.h"

void sim_check_loaded(struct sim_world *world, uint32_t node);
void sim_check_commit(struct sim_world *world, const struct sim_record *record);
void sim_check_called(struct sim_world *world, const struct sim_record *record);
void sim_check_pointer(struct sim_world *world, uint32_t node,
                       const struct lockstep_prepare *order);
void sim_check_way_back(struct sim_world *world, uint32_t node,
                        const struct lockstep_prepare *order, const struct lockstep_item *item,
                        const struct lockstep_agent_module *before);
void sim_check_abandoned(struct sim_world *world, uint32_t node,
                         const struct lockstep_prepare *order);
void sim_check_settled(struct sim_world *world, const struct sim_record *record);
void sim_check_compensation(struct sim_world *world, const struct sim_record *record);
void sim_check_counts(struct sim_world *world);
void sim_check_rest(struct sim_world *world);

/* ---- of a reconcile ------------------------------------------------------------------------- */

/* What a reconcile is said to do is what a simple count of the members would say. */
void sim_check_verdict(struct sim_world *world, uint32_t module,
                       const struct lockstep_reconcile_request *request, const bool *taken,
                       const struct lockstep_reconcile_answer *answer);
/* A reconcile that opens is towards no version that nobody may run. */
void sim_check_open(struct sim_world *world, const struct lockstep_operation *operation);
/* A node that knows that nobody may run a version takes up no reconcile towards it. */
void sim_check_taken_up(struct sim_world *world, uint32_t node,
                        const struct lockstep_prepare *order, bool was_there);
/* Few nodes at a time, and each has stayed healthy before the next one is asked. */
void sim_check_places(struct sim_world *world, const struct lockstep_operation *operation);
/* A coordinator has moved NODE by itself so often, in less than two minutes. */
void sim_check_damped(struct sim_world *world, uint32_t node, uint32_t module, unsigned moves);
/* At rest, every node that can be is on what most of them run. */
void sim_check_majorities(struct sim_world *world);

#endif
