/* Another machine has been admitted in a node's place, with a key of its own. What the one before
 * has voted, runs and promised is void: it is not counted on any more, and the new one is owed what
 * the strategy can do without. Going back does without the node, for the new machine has nothing to
 * leave. */
#include "coordinator/core/step.h"

#include "coordinator/core/judge.h"
#include "coordinator/core/part.h"

/* Voids what the part stands for. Who is cordoned, or was left out, stays so. */
static void make_void(struct lockstep_operation *operation, struct lockstep_step *step,
                      enum lockstep_part_state state)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    part->up = false;
    part->due = 0;
    if (part->state == LOCKSTEP_PART_CORDONED || part->state == LOCKSTEP_PART_SKIPPED) {
        return;
    }
    lockstep_step_give_place(operation, step);
    lockstep_step_mark(operation, step, state);
    part->told = false;
    part->tries = 0;
    part->retry = LOCKSTEP_TIME_NEVER;
    step->wants |= LOCKSTEP_WANT_PARTS | LOCKSTEP_WANT_CHANGED;
}

/* Takes its vote back. True if that was needed. */
static bool void_needed(struct lockstep_operation *operation, struct lockstep_step *step)
{
    uint32_t node = lockstep_step_part(operation, step)->node;
    make_void(operation, step, LOCKSTEP_PART_ABSENT);
    if (lockstep_judge_votes(operation, false) != LOCKSTEP_VERDICT_ABORT) {
        return false;
    }
    lockstep_step_note_cause(operation, step->event->no, node, step->event->text);
    return true;
}

unsigned lockstep_step_replace_opening(struct lockstep_operation *operation,
                                       struct lockstep_step *step)
{
    if (lockstep_operation_goes_back(operation)) {
        return lockstep_step_drop_opening(operation, step);
    }
    operation->abort_asked = void_needed(operation, step) || operation->abort_asked;
    return operation->state;
}

unsigned lockstep_step_replace_voter(struct lockstep_operation *operation,
                                     struct lockstep_step *step)
{
    if (lockstep_operation_goes_back(operation)) {
        return lockstep_step_drop_voter(operation, step);
    }
    (void)void_needed(operation, step);
    return lockstep_step_decide(operation, step, false);
}

/* COMMIT is being written: the new machine is not told what it has not prepared. */
unsigned lockstep_step_replace_deciding(struct lockstep_operation *operation,
                                        struct lockstep_step *step)
{
    if (lockstep_operation_goes_back(operation)) {
        return lockstep_step_drop(operation, step);
    }
    make_void(operation, step, LOCKSTEP_PART_ABSENT);
    return operation->state;
}

/* A quorum that is none any more goes back; nobody else is held up. */
unsigned lockstep_step_replace_committed(struct lockstep_operation *operation,
                                         struct lockstep_step *step)
{
    if (lockstep_operation_goes_back(operation)) {
        return lockstep_step_drop_committed(operation, step);
    }
    make_void(operation, step, LOCKSTEP_PART_OWED);
    if (lockstep_judge_beyond_repair(operation)) {
        lockstep_step_note_cause(operation, step->event->no,
                                 lockstep_step_part(operation, step)->node, step->event->text);
    }
    step->wants |= LOCKSTEP_WANT_CATCH_UP;
    return lockstep_step_after_commit(operation, step);
}

unsigned lockstep_step_replace_ended(struct lockstep_operation *operation,
                                     struct lockstep_step *step)
{
    if (lockstep_operation_goes_back(operation)) {
        return lockstep_step_drop_ended(operation, step);
    }
    make_void(operation, step, LOCKSTEP_PART_OWED);
    operation->result = (uint8_t)lockstep_judge_result(operation);
    step->wants |= LOCKSTEP_WANT_CATCH_UP;
    return operation->state;
}
