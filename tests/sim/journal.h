/*
 * Journals of a made-up fleet. What is written is durable a while later, in its order; a crash
 * takes what is not, from some point on. The coordinator's is journal.c, the agents' are with
 * node.c.
 */
#ifndef LOCKSTEP_TESTS_SIM_JOURNAL_H
#define LOCKSTEP_TESTS_SIM_JOURNAL_H

#include "agent/core/agent.h"
#include "coordinator/core/fleet.h"
#include "tests/sim/drift.h"

#define SIM_WRITES      256 /* of a disk that stalls */
#define SIM_NODE_WRITES 16

struct sim_world;

/* A row that is being written and would be lost by a crash. */
struct sim_node_write {
    struct lockstep_prepare order;
    enum lockstep_duty_row row;
    bool ok;   /* there is room for it */
    bool told; /* the core waits for it */
    bool durable;
};

/* What is being written and would be lost by a crash: a row, or what has become of the parts of an
 * operation (ROW_NONE), as it was when it was handed over. */
struct sim_write {
    enum lockstep_row row;
    struct lockstep_operation *operation;
    struct lockstep_operation *child; /* opened with it; or NULL */
    uint64_t sequence;
    uint64_t generations[SIM_MODULES];
    bool durable; /* and nobody has been told yet */
};

/* The coordinator's journal: the newest row of each operation, with its parts as written then. */
struct sim_record {
    struct lockstep_operation operation;
    struct lockstep_part parts[SIM_NODES];
    struct lockstep_digest starts[SIM_NODES * SIM_MODULES];
    enum lockstep_row row;
    uint32_t committed_at;       /* decision order; zero: not committed */
    uint64_t changed[SIM_NODES]; /* when the node's pointer went to other bytes by it; or zero */
    uint32_t vowed;     /* bits of the nodes that promised it durably, also if they forgot */
    uint32_t under_way; /* bits of the nodes that a reconcile had asked and not done with */
};

struct sim_record *sim_record(struct sim_world *world, const struct lockstep_id *operation);
/* Begins to write ROW, and CHILD's OPEN with it; SIM_WRITTEN comes when it is durable. ROW_NONE:
 * the parts alone, of a row that is there. */
void sim_journal_write(struct sim_world *world, const struct lockstep_operation *operation,
                       enum lockstep_row row, const struct lockstep_operation *child);
/* The first of what is being written is durable. True if it was a row, of *RET_OPERATION. */
bool sim_journal_written(struct sim_world *world, struct lockstep_id *ret_operation);
/* A transaction that waits for all before it, with the parts of what is owed to a machine that has
 * come in a node's place. */
void sim_journal_write_owed(struct sim_world *world,
                            const struct lockstep_replacement *replacement);
/* The coordinator dies: what was being written is there up to some point, and not from there on. */
void sim_journal_crash(struct sim_world *world);
/* The operation's memory, with room for every node; and its compensation's. */
struct lockstep_operation *sim_operation_new(void);
void sim_operation_free(struct lockstep_operation *operation);

#endif
