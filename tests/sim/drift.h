/*
 * Drift in a made-up fleet: what nodes are to run and which versions nobody may run, as the
 * coordinator's journal has it (desired.c), and who changes that (operator.c, reconcile.c). The
 * verdicts are the core's own; here is only what the daemon's documents and journal do for it.
 */
#ifndef LOCKSTEP_TESTS_SIM_DRIFT_H
#define LOCKSTEP_TESTS_SIM_DRIFT_H

#include "common/core/message.h"
#include "coordinator/core/admission.h"
#include "coordinator/core/automatic.h"

#define SIM_NODES    24
#define SIM_MODULES  5
#define SIM_APART_MS 1000 /* between two looks that see the same */

struct sim_world;

/* What a node is to run of a module, as the journal has it. */
struct sim_desired {
    struct lockstep_digest digest; /* zeros: nothing is recorded */
    struct lockstep_digest after;  /* what it is to run when the pin is over */
    uint64_t pin;                  /* until then; zero: it is not pinned */
    struct lockstep_id operation;  /* that brought it */
};

/* What a coordinator that reconciles by itself has in memory. */
struct sim_automatic {
    struct lockstep_sighting sightings[SIM_MODULES];
    struct lockstep_damping damping;
    uint32_t next;
    uint8_t moves[SIM_NODES][SIM_MODULES];
};

/* What was asked for last, by somebody who may not have been answered. */
struct sim_asked {
    struct lockstep_request request; /* of no operation: nothing */
    uint32_t selected[SIM_NODES];
    struct lockstep_digest targets[SIM_NODES];
};

/* ---- what is to run, and what may not ------------------------------------------------------- */

/* What becomes of it with ROW of OPERATION, which going back leads to through CHILD, or NULL. */
void sim_desired_write(struct sim_world *world, const struct lockstep_operation *operation,
                       enum lockstep_row row, const struct lockstep_operation *child);
/* A node that has left is to run nothing. */
void sim_desired_forget(struct sim_world *world, uint32_t node);
/* What NODE is to run of MODULE now; zeros: nothing is recorded. */
struct lockstep_digest sim_desired(const struct sim_world *world, uint32_t node, uint32_t module);
bool sim_pinned(const struct sim_world *world, uint32_t node, uint32_t module);
/* Going back leaves a version that may be bad: then everybody is told. */
void sim_quarantine(struct sim_world *world, const struct lockstep_operation *operation);
/* Tells NODE; what is sent to it later comes later. */
void sim_quarantine_tell(struct sim_world *world, uint32_t node);
bool sim_quarantined(const struct sim_world *world, const struct lockstep_digest *digest);

/* ---- the operator --------------------------------------------------------------------------- */

/* The operator asks for something. */
void sim_operator(struct sim_world *world);
/* True while there is time, and room, for another operation. */
bool sim_may_ask(const struct sim_world *world);
/* Opens what is asked for, if it may be. */
bool sim_submit(struct sim_world *world, struct lockstep_request *request);
/* Soaks, times and deadlines, as somebody may choose them. */
void sim_options(struct sim_world *world, struct lockstep_operation_options *options);
/* Somebody reconciles a module: anyhow; or, when all is CALM, to what most nodes run. */
void sim_reconcile(struct sim_world *world, uint32_t module, bool calm);
/* The coordinator looks at the next module, and may reconcile it by itself. */
void sim_look(struct sim_world *world);
/* The members of MODULE's placement as the coordinator sees them, and which nodes they are. */
uint32_t sim_members(const struct sim_world *world, uint32_t module,
                     struct lockstep_member ret_members[SIM_NODES], uint32_t ret_nodes[SIM_NODES]);

#endif
