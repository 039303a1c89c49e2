#include "coordinator/core/step.h"

#include "common/base/assert.h"
#include "coordinator/core/judge.h"
#include "coordinator/core/part.h"

/* An owed node has caught up after the end: no soak, it is simply counted. */
unsigned lockstep_step_caught_up(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_HEALTHY || part->state == LOCKSTEP_PART_SKIPPED) {
        return operation->state;
    }
    lockstep_step_give_place(operation, step);
    lockstep_step_mark(operation, step, LOCKSTEP_PART_HEALTHY);
    operation->result = (uint8_t)lockstep_judge_result(operation);
    if (operation->state == LOCKSTEP_OPERATION_FINAL) {
        part->due |= LOCKSTEP_DUE_FINAL;
    }
    step->wants |= LOCKSTEP_WANT_PARTS | LOCKSTEP_WANT_SEND;
    return operation->state;
}

unsigned lockstep_step_succeeded(struct lockstep_operation *operation, struct lockstep_step *step)
{
    operation->end = LOCKSTEP_TIME_NEVER;
    step->wants |= LOCKSTEP_WANT_CHANGED | LOCKSTEP_WANT_CATCH_UP;
    if (lockstep_judge_beyond_repair(operation)) {
        return lockstep_step_degrade(operation, step);
    }
    if (lockstep_operation_goes_back(operation)) {
        /* The version left is retired at once: nobody goes back on going back. */
        operation->window = LOCKSTEP_TIME_NEVER;
        return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_FINALIZING);
    }
    return LOCKSTEP_OPERATION_SUCCEEDED;
}

/* What came late did not hold, or the node has lost its journal and with it the promise that it
 * gave late: it is owed it again. */
unsigned lockstep_step_owe_again(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_TOUCHED && !lockstep_operation_goes_back(operation)) {
        lockstep_step_give_place(operation, step);
        lockstep_step_mark(operation, step, LOCKSTEP_PART_OWED);
        step->wants |= LOCKSTEP_WANT_CATCH_UP | LOCKSTEP_WANT_PARTS;
    }
    return operation->state;
}

/* Inside the window a crash loop takes an operation back, or a check that failed; what else goes
 * wrong is drift. */
unsigned lockstep_step_fail_in_window(struct lockstep_operation *operation,
                                      struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (!lockstep_no_ends_window(step->event->no) || operation->window_held ||
        part->state != LOCKSTEP_PART_HEALTHY) {
        return lockstep_step_owe_again(operation, step);
    }
    lockstep_step_mark(operation, step, LOCKSTEP_PART_FAILED);
    lockstep_step_note_cause(operation, step->event->no, part->node, step->event->text);
    if (lockstep_judge_beyond_repair(operation)) {
        return lockstep_step_degrade(operation, step);
    }
    operation->result = (uint8_t)lockstep_judge_result(operation);
    step->wants |= LOCKSTEP_WANT_PARTS;
    return operation->state;
}

unsigned lockstep_step_window_tick(struct lockstep_operation *operation, struct lockstep_step *step)
{
    if (lockstep_time_due(operation->window, step->now) && !operation->window_held) {
        operation->window = LOCKSTEP_TIME_NEVER;
        return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_FINALIZING);
    }
    lockstep_parts_resend(operation, step->now, &step->wants);
    return operation->state;
}

/* Who is still owed gets the newer operation's version, not this one's. */
unsigned lockstep_step_forget_owed(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_OWED || part->state == LOCKSTEP_PART_TOUCHED ||
        part->state == LOCKSTEP_PART_CORDONED) {
        lockstep_step_give_place(operation, step);
        lockstep_step_mark(operation, step, LOCKSTEP_PART_SKIPPED);
        step->wants |= LOCKSTEP_WANT_PARTS;
    }
    return operation->state;
}

unsigned lockstep_step_end_window(struct lockstep_operation *operation, struct lockstep_step *step)
{
    (void)lockstep_step_forget_owed(operation, step);
    operation->window = LOCKSTEP_TIME_NEVER;
    return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_FINALIZING);
}

unsigned lockstep_step_owed_tick(struct lockstep_operation *operation, struct lockstep_step *step)
{
    lockstep_parts_resend(operation, step->now, &step->wants);
    return operation->state;
}

/* A cordoned node is left in peace: what it is owed waits until the cordon ends. */
unsigned lockstep_step_set_aside(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_OWED) {
        lockstep_step_give_place(operation, step);
        lockstep_step_mark(operation, step, LOCKSTEP_PART_CORDONED);
        step->wants |= LOCKSTEP_WANT_PARTS;
    }
    return operation->state;
}

/* The cordon has ended: the node gets what it missed. */
unsigned lockstep_step_owe(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_CORDONED) {
        lockstep_step_mark(operation, step, LOCKSTEP_PART_OWED);
        part->tries = 0;
        part->retry = LOCKSTEP_TIME_NEVER;
        lockstep_part_remind(operation, part);
        lockstep_step_arm_resend(operation, step->now);
        step->wants |= LOCKSTEP_WANT_PARTS | LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CATCH_UP;
    }
    return operation->state;
}

unsigned lockstep_step_degraded(struct lockstep_operation *operation, struct lockstep_step *step)
{
    operation->end = LOCKSTEP_TIME_NEVER;
    step->wants |= LOCKSTEP_WANT_CHANGED;
    return LOCKSTEP_OPERATION_DEGRADED;
}

/* The compensation's result is this operation's: rolled back only if every touched node is. */
unsigned lockstep_step_settle(struct lockstep_operation *operation, struct lockstep_step *step)
{
    enum lockstep_result result = step->event->result == LOCKSTEP_RESULT_SUCCEEDED
                                      ? LOCKSTEP_RESULT_ROLLED_BACK
                                      : LOCKSTEP_RESULT_FAILED_MIXED;
    if (operation->state == LOCKSTEP_OPERATION_SETTLED && operation->result == result) {
        return operation->state;
    }
    operation->result = (uint8_t)result;
    return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_SETTLING);
}

unsigned lockstep_step_settled(struct lockstep_operation *operation, struct lockstep_step *step)
{
    operation->end = LOCKSTEP_TIME_NEVER;
    step->wants |= LOCKSTEP_WANT_CHANGED;
    return LOCKSTEP_OPERATION_SETTLED;
}

unsigned lockstep_step_finalized(struct lockstep_operation *operation, struct lockstep_step *step)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (part->state == LOCKSTEP_PART_LIVE || part->state == LOCKSTEP_PART_HEALTHY) {
            part->due |= LOCKSTEP_DUE_FINAL;
        }
    }
    step->wants |= LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CHANGED | LOCKSTEP_WANT_CATCH_UP;
    return LOCKSTEP_OPERATION_FINAL;
}
