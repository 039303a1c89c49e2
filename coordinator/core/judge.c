#include "coordinator/core/judge.h"

/* Who goes back waits for nobody for ever and needs no majority. Only an undo that every node
 * refuses is called off, for then the fleet is where it was; a compensation has to say that it is
 * not. */
static enum lockstep_verdict judge_back(const struct lockstep_operation *operation, bool deadline)
{
    const struct lockstep_tally *tally = &operation->tally;
    if (tally->in[LOCKSTEP_PART_CONTACTED] > 0 && !deadline) {
        return LOCKSTEP_VERDICT_WAIT;
    }
    return operation->kind == LOCKSTEP_KIND_UNDO &&
                   tally->in[LOCKSTEP_PART_REFUSED] == operation->part_count
               ? LOCKSTEP_VERDICT_ABORT
               : LOCKSTEP_VERDICT_COMMIT;
}

enum lockstep_verdict lockstep_judge_votes(const struct lockstep_operation *operation,
                                           bool deadline)
{
    const struct lockstep_operation_options *options = &operation->options;
    const struct lockstep_tally *tally = &operation->tally;
    uint32_t yes = tally->in[LOCKSTEP_PART_PREPARED];
    uint32_t waiting = tally->in[LOCKSTEP_PART_CONTACTED];
    if (lockstep_operation_goes_back(operation)) {
        return judge_back(operation, deadline);
    }
    if (lockstep_operation_rolls(operation)) {
        return LOCKSTEP_VERDICT_COMMIT; /* nobody is asked before; each node may still say no */
    }
    if (tally->integrity > 0 || tally->in[LOCKSTEP_PART_REFUSED] > options->max_fail ||
        yes + waiting < options->need) {
        return LOCKSTEP_VERDICT_ABORT;
    }
    if (waiting > 0 && !deadline) {
        return LOCKSTEP_VERDICT_WAIT;
    }
    return yes >= options->need ? LOCKSTEP_VERDICT_COMMIT : LOCKSTEP_VERDICT_ABORT;
}

bool lockstep_judge_beyond_repair(const struct lockstep_operation *operation)
{
    const struct lockstep_tally *tally = &operation->tally;
    if (lockstep_operation_goes_back(operation)) {
        return false;
    }
    if (lockstep_operation_rolls(operation)) {
        return tally->failed + operation->borne + tally->in[LOCKSTEP_PART_REFUSED] >
               operation->options.max_fail;
    }
    if (operation->strategy == LOCKSTEP_STRATEGY_QUORUM) {
        return tally->done + tally->unsettled < operation->options.need ||
               tally->failed + operation->borne + tally->in[LOCKSTEP_PART_REFUSED] >
                   operation->options.max_fail;
    }
    return tally->failed > 0;
}

enum lockstep_result lockstep_judge_result(const struct lockstep_operation *operation)
{
    const struct lockstep_tally *tally = &operation->tally;
    if (lockstep_operation_goes_back(operation) &&
        tally->failed + tally->in[LOCKSTEP_PART_REFUSED] > 0) {
        return LOCKSTEP_RESULT_FAILED_MIXED;
    }
    /* Who is no node of the fleet any more needs not go back. */
    return tally->done + (lockstep_operation_goes_back(operation) ? tally->gone : 0) ==
                   operation->part_count
               ? LOCKSTEP_RESULT_SUCCEEDED
               : LOCKSTEP_RESULT_SUCCEEDED_PARTIAL;
}
