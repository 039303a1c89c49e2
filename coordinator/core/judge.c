#include "coordinator/core/judge.h"

#include <string.h>

void lockstep_operation_tally(const struct lockstep_operation *operation,
                              struct lockstep_tally *ret_tally)
{
    struct lockstep_tally *tally = ret_tally;
    memset(tally, 0, sizeof(*tally));
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        tally->in[part->state]++;
        if (part->state == LOCKSTEP_PART_REFUSED &&
            lockstep_no_class((enum lockstep_no)part->no) != LOCKSTEP_NO_CLASS_NODE) {
            tally->integrity++;
        }
    }
    tally->failed = tally->in[LOCKSTEP_PART_FAILED] + tally->in[LOCKSTEP_PART_LOST];
    tally->done = tally->in[LOCKSTEP_PART_LIVE] + tally->in[LOCKSTEP_PART_HEALTHY];
    tally->unsettled = tally->in[LOCKSTEP_PART_TOUCHED] + tally->in[LOCKSTEP_PART_CONTACTED];
}

enum lockstep_verdict lockstep_judge_votes(const struct lockstep_operation *operation,
                                           bool deadline)
{
    const struct lockstep_operation_options *options = &operation->options;
    struct lockstep_tally tally;
    uint32_t yes;
    uint32_t waiting;
    lockstep_operation_tally(operation, &tally);
    yes = tally.in[LOCKSTEP_PART_PREPARED];
    waiting = tally.in[LOCKSTEP_PART_CONTACTED];
    if (lockstep_operation_goes_back(operation)) {
        return waiting == 0 || deadline ? LOCKSTEP_VERDICT_COMMIT : LOCKSTEP_VERDICT_WAIT;
    }
    if (tally.integrity > 0 || tally.in[LOCKSTEP_PART_REFUSED] > options->max_fail ||
        yes + waiting < options->need) {
        return LOCKSTEP_VERDICT_ABORT;
    }
    if (waiting > 0 && !deadline) {
        return LOCKSTEP_VERDICT_WAIT;
    }
    return yes >= options->need ? LOCKSTEP_VERDICT_COMMIT : LOCKSTEP_VERDICT_ABORT;
}

bool lockstep_judge_beyond_repair(const struct lockstep_operation *operation,
                                  const struct lockstep_tally *tally)
{
    if (lockstep_operation_goes_back(operation)) {
        return false;
    }
    if (operation->strategy == LOCKSTEP_STRATEGY_QUORUM) {
        return tally->done + tally->unsettled < operation->options.need ||
               tally->failed + tally->in[LOCKSTEP_PART_REFUSED] > operation->options.max_fail;
    }
    return tally->failed > 0;
}

enum lockstep_result lockstep_judge_result(const struct lockstep_operation *operation)
{
    struct lockstep_tally tally;
    lockstep_operation_tally(operation, &tally);
    if (lockstep_operation_goes_back(operation) &&
        tally.failed + tally.in[LOCKSTEP_PART_REFUSED] > 0) {
        return LOCKSTEP_RESULT_FAILED_MIXED;
    }
    return tally.done == operation->part_count ? LOCKSTEP_RESULT_SUCCEEDED
                                               : LOCKSTEP_RESULT_SUCCEEDED_PARTIAL;
}
