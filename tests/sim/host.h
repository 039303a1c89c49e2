/* A node's host, made up (host.c). */
#ifndef LOCKSTEP_TESTS_SIM_HOST_H
#define LOCKSTEP_TESTS_SIM_HOST_H

#include "tests/sim/world.h"

/* Boots from the agent's journal. */
void sim_host_start(struct sim_world *world, uint32_t node);
void sim_host_crash(struct sim_world *world, uint32_t node);
/* Says hello to an agent in a while; and does, after which only what waits for PUBLISH is held. */
void sim_host_hello(struct sim_world *world, uint32_t node, uint64_t delay);
void sim_host_says_hello(struct sim_world *world, uint32_t node);
/* Its agent is killed: a publish under way may be done or not. */
void sim_host_alone(struct sim_world *world, uint32_t node);
/* MAP, MIGRATE and PUBLISH: when they are asked for, and what the host answers. */
void sim_host_ask(struct sim_world *world, uint32_t node, const struct lockstep_duty *duty,
                  enum lockstep_work work);
void sim_host_answer(struct sim_world *world, const struct sim_event *event,
                     struct lockstep_work_result *result);
void sim_host_drop(struct sim_world *world, uint32_t node, const struct lockstep_id *operation);

#endif
