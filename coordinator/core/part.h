/* Parts of an operation: small helpers over the roster. Internal to this room. */
#ifndef LOCKSTEP_COORDINATOR_CORE_PART_H
#define LOCKSTEP_COORDINATOR_CORE_PART_H

#include "coordinator/core/operation.h"

/* Copies TEXT (may be NULL), cut to what a part keeps. */
void lockstep_part_copy_text(char target[LOCKSTEP_PART_TEXT], const char *text);

/* Makes a part due again for what its node may have missed. Who is owed a reload waits for its turn
 * (catch_up.h); who has yet to go back is asked at once. */
void lockstep_part_remind(const struct lockstep_operation *operation, struct lockstep_part *part);

/* Puts a part into STATE, and counts it there. Nothing else changes a state once an operation has
 * begun: a vote must not cost a look at every other. */
void lockstep_part_set(struct lockstep_operation *operation, struct lockstep_part *part,
                       enum lockstep_part_state state, enum lockstep_no no);

/* True if the node of PART is, or may be, on the version that its operation brings. */
bool lockstep_part_may_run(const struct lockstep_part *part);

/* Moves every part in state FROM to state TO. */
void lockstep_parts_move(struct lockstep_operation *operation, enum lockstep_part_state from,
                         enum lockstep_part_state to);

/* COMMIT is durable: who voted YES is told, who could not be asked is owed. */
void lockstep_parts_commit(struct lockstep_operation *operation);

/* The commit deadline has passed: who has not read back is lost, or failed if it said why; when
 * going back it is owed. Returns the first such node, or LOCKSTEP_NODE_NONE. */
uint32_t lockstep_parts_lose(struct lockstep_operation *operation);

/* The first node that has not voted, or LOCKSTEP_NODE_NONE. */
uint32_t lockstep_parts_first_waiting(const struct lockstep_operation *operation);

/* If the time has come, makes every connected part that has not answered due again, and backs off.
 */
void lockstep_parts_resend(struct lockstep_operation *operation, struct lockstep_time now,
                           unsigned *wants);

#endif
