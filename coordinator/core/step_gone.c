/* A node of the roster has been removed or revoked: it is asked nothing more and waited for no
 * longer. What its YES was needed for is aborted; what was decided is decided. */
#include "coordinator/core/step.h"

#include "coordinator/core/judge.h"
#include "coordinator/core/part.h"

/* Leaves the part out: as long as the operation may go back, nobody is to go back who has left.
 * After that, what has been settled with the node stays as it was. */
unsigned lockstep_step_drop(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    bool settled = part->state == LOCKSTEP_PART_HEALTHY &&
                   (operation->state == LOCKSTEP_OPERATION_FINALIZING ||
                    operation->state == LOCKSTEP_OPERATION_FINAL);
    part->up = false;
    if (part->state != LOCKSTEP_PART_SKIPPED && !settled) {
        lockstep_step_mark(operation, step, LOCKSTEP_PART_SKIPPED);
        step->wants |= LOCKSTEP_WANT_PARTS;
    }
    part->due = 0;
    return operation->state;
}

void lockstep_step_blame_gone(struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->part_count && operation->tally.gone > 0; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        if (part->state == LOCKSTEP_PART_SKIPPED && part->no == LOCKSTEP_NO_REVOKED) {
            lockstep_step_note_cause(operation, LOCKSTEP_NO_REVOKED, part->node, part->text);
            return;
        }
    }
}

/* Leaves it out. True if its YES was needed. */
static bool drop_needed(struct lockstep_operation *operation, struct lockstep_step *step)
{
    (void)lockstep_step_drop(operation, step);
    if (lockstep_judge_votes(operation, false) != LOCKSTEP_VERDICT_ABORT) {
        return false;
    }
    lockstep_step_blame_gone(operation);
    return true;
}

unsigned lockstep_step_drop_opening(struct lockstep_operation *operation,
                                    struct lockstep_step *step)
{
    operation->abort_asked = drop_needed(operation, step) || operation->abort_asked;
    return operation->state;
}

unsigned lockstep_step_drop_voter(struct lockstep_operation *operation, struct lockstep_step *step)
{
    (void)drop_needed(operation, step);
    return lockstep_step_decide(operation, step, false);
}

/* A quorum that is none any more goes back; nobody else is held up by who has left. */
unsigned lockstep_step_drop_committed(struct lockstep_operation *operation,
                                      struct lockstep_step *step)
{
    (void)lockstep_step_drop(operation, step);
    return lockstep_step_after_commit(operation, step);
}

/* Going back is complete when everybody who is left is back. */
unsigned lockstep_step_drop_ended(struct lockstep_operation *operation, struct lockstep_step *step)
{
    (void)lockstep_step_drop(operation, step);
    if (lockstep_operation_goes_back(operation)) {
        operation->result = (uint8_t)lockstep_judge_result(operation);
    }
    return operation->state;
}
