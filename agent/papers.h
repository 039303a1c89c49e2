/* What came with orders and is not the core's, and whether it is believed; part of
 * driver_internal.h. */
#ifndef LOCKSTEP_AGENT_PAPERS_H
#define LOCKSTEP_AGENT_PAPERS_H

#include "agent/driver_internal.h"

/* What came with an operation's order; NULL if it is unknown. */
struct lockstep_papers *lockstep_driver_papers(struct lockstep_node_agent *agent,
                                               const struct lockstep_id *operation);
/* Remembers what came with an order, unless it is known; without room it goes without, and is
 * refused for that. */
void lockstep_driver_keep_papers(struct lockstep_node_agent *agent,
                                 const struct lockstep_id *operation,
                                 const struct lockstep_wire_prepare *from);
/* Papers of duties that are over are no longer needed; those of restored duties are read back. */
void lockstep_papers_sweep(struct lockstep_node_agent *agent);
void lockstep_papers_restore(struct lockstep_node_agent *agent);
/* As they came. Borrowed from PAPERS. */
struct lockstep_wire_prepare lockstep_papers_wire(const struct lockstep_papers *papers);

/* True if what an operator signed permits the duty's order (orders.c): its own intent, or a
 * standing order and the intent that named the versions. Else why not, in *RET_REFUSAL. */
bool lockstep_orders_judge(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                           struct lockstep_refusal *ret_refusal);

#endif
