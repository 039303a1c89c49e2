/* What is written of operations, at once or late; part of driver_internal.h. */
#ifndef LOCKSTEP_AGENT_ROWS_H
#define LOCKSTEP_AGENT_ROWS_H

#include "agent/driver_internal.h"

/* The row is durable, or the agent stops; only a vow may be refused. Tells the core. */
void lockstep_rows_persist(struct lockstep_node_agent *agent, struct lockstep_duty *duty,
                           enum lockstep_duty_row row);
/* Rows APPLIED, ABORTED and FINAL; late. */
void lockstep_rows_note(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                        enum lockstep_duty_row row);
/* The core's epoch and decision sequence; late, until something is to be said. */
void lockstep_rows_epoch(struct lockstep_node_agent *agent);
void lockstep_rows_settle_epoch(struct lockstep_node_agent *agent);
/* What is late, boot files among it, becomes durable, or the agent stops; _later: in a moment. */
void lockstep_rows_settle(void *context);
void lockstep_rows_settle_later(struct lockstep_node_agent *agent);
/* Collecting, some time behind an end. */
void lockstep_rows_collect(void *context);

#endif
