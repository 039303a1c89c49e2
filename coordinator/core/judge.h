/*
 * The judgement of an operation from how many of its parts are where; no state of its own.
 * Arithmetic of the strategies; every promise of a strategy is in this file.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_JUDGE_H
#define LOCKSTEP_COORDINATOR_CORE_JUDGE_H

#include "coordinator/core/operation.h"

enum lockstep_verdict {
    LOCKSTEP_VERDICT_WAIT,
    LOCKSTEP_VERDICT_COMMIT,
    LOCKSTEP_VERDICT_ABORT,
};

/* The decision, from the votes so far. DEADLINE: the time to prepare is over. */
enum lockstep_verdict lockstep_judge_votes(const struct lockstep_operation *operation,
                                           bool deadline);

/* True if more nodes failed after commit than the strategy's promise can bear. */
bool lockstep_judge_beyond_repair(const struct lockstep_operation *operation);

/* The result once every part is settled: partial while a node is owed; going back is mixed when a
 * node cannot. */
enum lockstep_result lockstep_judge_result(const struct lockstep_operation *operation);

#endif
