#include "coordinator/core/step.h"

#include "common/base/assert.h"
#include "coordinator/core/judge.h"
#include "coordinator/core/part.h"

static unsigned enter_aborting(struct lockstep_operation *operation, struct lockstep_step *step)
{
    operation->result = LOCKSTEP_RESULT_ABORTED;
    return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_ABORTING);
}

unsigned lockstep_step_decide(struct lockstep_operation *operation, struct lockstep_step *step,
                              bool deadline)
{
    switch (lockstep_judge_votes(operation, deadline)) {
    case LOCKSTEP_VERDICT_COMMIT:
        return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_DECIDING);
    case LOCKSTEP_VERDICT_ABORT:
        if (deadline) {
            lockstep_step_note_cause(operation, LOCKSTEP_NO_EXPIRED,
                                     lockstep_parts_first_waiting(operation),
                                     "no vote within the time to prepare");
        }
        return enter_aborting(operation, step);
    case LOCKSTEP_VERDICT_WAIT:
        break;
    }
    return LOCKSTEP_OPERATION_PREPARING;
}

unsigned lockstep_step_opened(struct lockstep_operation *operation, struct lockstep_step *step)
{
    const struct lockstep_operation_options *options = &operation->options;
    if (operation->abort_asked) {
        return enter_aborting(operation, step);
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (part->state == LOCKSTEP_PART_CONTACTED) {
            part->due |= LOCKSTEP_DUE_PREPARE;
        }
    }
    operation->phase = lockstep_time_after(step->now, options->fetch_ms + options->prepare_ms);
    lockstep_step_arm_resend(operation, step->now);
    step->wants |= LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CHANGED;
    return lockstep_step_decide(operation, step, false);
}

unsigned lockstep_step_count_yes(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_PREPARED || part->state == LOCKSTEP_PART_CORDONED) {
        return operation->state; /* a repeated vote, or of one that was not asked */
    }
    lockstep_step_mark(operation, step, LOCKSTEP_PART_PREPARED);
    return operation->state == LOCKSTEP_OPERATION_PREPARING
               ? lockstep_step_decide(operation, step, false)
               : operation->state;
}

unsigned lockstep_step_count_no(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state != LOCKSTEP_PART_CONTACTED && part->state != LOCKSTEP_PART_LOST) {
        return operation->state;
    }
    lockstep_step_mark(operation, step, LOCKSTEP_PART_REFUSED);
    lockstep_step_note_cause(operation, step->event->no, part->node, step->event->text);
    return operation->state == LOCKSTEP_OPERATION_PREPARING
               ? lockstep_step_decide(operation, step, false)
               : operation->state;
}

unsigned lockstep_step_lose_voter(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    part->up = false;
    if (part->state != LOCKSTEP_PART_CONTACTED && part->state != LOCKSTEP_PART_PREPARED) {
        return operation->state;
    }
    lockstep_part_set(operation, part, LOCKSTEP_PART_LOST, LOCKSTEP_NO_LOST);
    lockstep_step_note_cause(operation, LOCKSTEP_NO_LOST, part->node,
                             "silent before it could be told");
    step->wants |= LOCKSTEP_WANT_CHANGED;
    return lockstep_step_decide(operation, step, false);
}

/* A node is back before the decision: ask it (again). */
unsigned lockstep_step_contact(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    bool may_join = lockstep_operation_goes_back(operation) ||
                    operation->strategy == LOCKSTEP_STRATEGY_QUORUM;
    part->up = true;
    if (part->state == LOCKSTEP_PART_LOST || (part->state == LOCKSTEP_PART_ABSENT && may_join)) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_CONTACTED, (enum lockstep_no)part->no);
    }
    if (part->state == LOCKSTEP_PART_CONTACTED) {
        part->due |= LOCKSTEP_DUE_PREPARE;
    }
    step->wants |= LOCKSTEP_WANT_SEND;
    return operation->state;
}

unsigned lockstep_step_void_vote(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_PREPARED) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_CONTACTED, (enum lockstep_no)part->no);
        part->due |= LOCKSTEP_DUE_PREPARE;
        step->wants |= LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CHANGED;
    }
    return operation->state;
}

unsigned lockstep_step_prepare_tick(struct lockstep_operation *operation,
                                    struct lockstep_step *step)
{
    if (lockstep_time_due(operation->end, step->now)) {
        lockstep_step_note_cause(operation, LOCKSTEP_NO_EXPIRED, LOCKSTEP_NODE_NONE,
                                 "the deadline passed");
        if (!lockstep_operation_goes_back(operation)) {
            return enter_aborting(operation, step);
        }
    }
    if (lockstep_time_due(operation->phase, step->now)) {
        return lockstep_step_decide(operation, step, true);
    }
    lockstep_parts_resend(operation, step->now, &step->wants);
    return LOCKSTEP_OPERATION_PREPARING;
}

unsigned lockstep_step_abort_prepare(struct lockstep_operation *operation,
                                     struct lockstep_step *step)
{
    (void)lockstep_step_ask_abort(operation, step);
    return operation->abort_asked ? enter_aborting(operation, step) : operation->state;
}

unsigned lockstep_step_aborted(struct lockstep_operation *operation, struct lockstep_step *step)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        bool may_hold = part->state == LOCKSTEP_PART_CONTACTED ||
                        part->state == LOCKSTEP_PART_PREPARED || part->state == LOCKSTEP_PART_LOST;
        part->due = may_hold ? LOCKSTEP_DUE_DECISION : 0;
    }
    operation->end = LOCKSTEP_TIME_NEVER;
    operation->resend = LOCKSTEP_TIME_NEVER;
    step->wants |= LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CHANGED;
    return LOCKSTEP_OPERATION_ABORTED;
}
