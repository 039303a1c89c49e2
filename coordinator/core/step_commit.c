#include "coordinator/core/step.h"

#include "common/base/assert.h"
#include "coordinator/core/judge.h"
#include "coordinator/core/part.h"

/* The window has been opened by COMMIT; what remains is to say so durably. */
unsigned lockstep_step_succeed(struct lockstep_operation *operation, struct lockstep_step *step)
{
    lockstep_parts_move(operation, LOCKSTEP_PART_LIVE, LOCKSTEP_PART_HEALTHY);
    operation->result = (uint8_t)lockstep_judge_result(operation);
    if (!lockstep_operation_goes_back(operation)) {
        /* What a quorum has borne it gives when they can take it; its budget is spent by them. */
        operation->borne = operation->tally.failed;
        lockstep_parts_move(operation, LOCKSTEP_PART_LOST, LOCKSTEP_PART_OWED);
        lockstep_parts_move(operation, LOCKSTEP_PART_FAILED, LOCKSTEP_PART_OWED);
        step->wants |= LOCKSTEP_WANT_CATCH_UP;
    }
    return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_SUCCEEDING);
}

/* False if every node that took it has left the fleet: then nobody is left to go back. */
static bool is_on_any(const struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        if (lockstep_part_may_run(&operation->parts[i])) {
            return true;
        }
    }
    return false;
}

/* Nodes failed after commit: go back on all, or hold if that was asked for. */
unsigned lockstep_step_degrade(struct lockstep_operation *operation, struct lockstep_step *step)
{
    operation->result = LOCKSTEP_RESULT_NONE;
    operation->window = LOCKSTEP_TIME_NEVER;
    operation->resend = LOCKSTEP_TIME_NEVER;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        operation->parts[i].due = 0; /* who has not heard of COMMIT need not hear of it now */
    }
    if (!is_on_any(operation)) {
        operation->result = LOCKSTEP_RESULT_ROLLED_BACK;
        return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_SETTLING);
    }
    if (operation->options.on_failure == LOCKSTEP_ON_FAILURE_HOLD) {
        operation->result = LOCKSTEP_RESULT_FAILED_MIXED;
        return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_SETTLING);
    }
    step->wants |= LOCKSTEP_WANT_COMPENSATE;
    return lockstep_step_write(operation, step, LOCKSTEP_OPERATION_DEGRADING);
}

/* The first node that runs what was ordered and has not been called as often as it has to be, or
 * NULL. */
static const struct lockstep_part *first_uncalled(const struct lockstep_operation *operation)
{
    for (uint32_t i = 0; operation->options.require_calls > 0 && i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        if ((part->state == LOCKSTEP_PART_LIVE || part->state == LOCKSTEP_PART_HEALTHY) &&
            part->calls < operation->options.require_calls) {
            return part;
        }
    }
    return NULL;
}

unsigned lockstep_step_after_commit(struct lockstep_operation *operation,
                                    struct lockstep_step *step)
{
    if (lockstep_step_rolls(operation)) {
        return lockstep_step_roll(operation, step);
    }
    step->wants |= LOCKSTEP_WANT_CHANGED | LOCKSTEP_WANT_PARTS;
    if (lockstep_judge_beyond_repair(operation) || operation->abort_asked) {
        lockstep_step_blame_gone(operation);
        return lockstep_step_degrade(operation, step);
    }
    if (operation->state == LOCKSTEP_OPERATION_SOAKING) {
        return LOCKSTEP_OPERATION_SOAKING;
    }
    if (operation->tally.unsettled > 0) {
        return LOCKSTEP_OPERATION_COMMITTING;
    }
    if (lockstep_operation_goes_back(operation) ||
        (operation->options.soak_ms == 0 && first_uncalled(operation) == NULL)) {
        return lockstep_step_succeed(operation, step);
    }
    operation->phase = lockstep_time_after(step->now, operation->options.soak_ms);
    return LOCKSTEP_OPERATION_SOAKING;
}

/* The commit point is behind us. */
unsigned lockstep_step_committed(struct lockstep_operation *operation, struct lockstep_step *step)
{
    const struct lockstep_operation_options *options = &operation->options;
    lockstep_parts_commit(operation);
    operation->phase = lockstep_step_rolls(operation)
                           ? LOCKSTEP_TIME_NEVER /* each node has its own */
                           : lockstep_time_after(step->now, options->commit_deadline_ms);
    operation->window = lockstep_time_after(step->now, options->window_ms);
    lockstep_step_arm_resend(operation, step->now);
    step->wants |= LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CATCH_UP;
    return lockstep_step_after_commit(operation, step);
}

/* A version that crashed its host has crashed it, also when the host is back with it. */
static bool has_failed(const struct lockstep_operation *operation, const struct lockstep_part *part)
{
    return part->state == LOCKSTEP_PART_FAILED && !lockstep_operation_goes_back(operation) &&
           lockstep_no_blames_version((enum lockstep_no)part->no);
}

/* A node that was asked (again) after the decision is prepared now: tell it. What it said or failed
 * to say before is no matter; its promise is durable. */
unsigned lockstep_step_tell_late_yes(struct lockstep_operation *operation,
                                     struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state != LOCKSTEP_PART_LIVE && part->state != LOCKSTEP_PART_HEALTHY &&
        part->state != LOCKSTEP_PART_SKIPPED && part->state != LOCKSTEP_PART_CORDONED &&
        !has_failed(operation, part)) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_TOUCHED, (enum lockstep_no)part->no);
        part->due |= LOCKSTEP_DUE_DECISION;
        step->wants |= LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CHANGED | LOCKSTEP_WANT_PARTS;
        if (lockstep_step_rolls(operation)) {
            lockstep_step_watch(operation, step, operation->options.commit_deadline_ms);
        }
    }
    return operation->state;
}

/* A NO after the decision: an owed node stays owed and is asked again later, unless it has gone on
 * to something newer. */
unsigned lockstep_step_note_late_no(struct lockstep_operation *operation,
                                    struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_CONTACTED) {
        lockstep_step_mark(operation, step, LOCKSTEP_PART_FAILED);
        lockstep_step_note_cause(operation, step->event->no, part->node, step->event->text);
        return lockstep_step_after_commit(operation, step);
    }
    if (step->event->no == LOCKSTEP_NO_STALE_GENERATION &&
        (part->state == LOCKSTEP_PART_OWED || part->state == LOCKSTEP_PART_TOUCHED)) {
        lockstep_step_mark(operation, step, LOCKSTEP_PART_SKIPPED);
        step->wants |= LOCKSTEP_WANT_PARTS;
    } else if (lockstep_step_rolls(operation)) {
        return lockstep_step_roll_refused(operation, step);
    } else if (part->state == LOCKSTEP_PART_OWED) {
        lockstep_step_mark(operation, step, LOCKSTEP_PART_OWED);
    }
    lockstep_step_give_place(operation, step);
    return lockstep_step_rolls(operation) ? lockstep_step_roll(operation, step) : operation->state;
}

unsigned lockstep_step_read_back(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_LIVE || part->state == LOCKSTEP_PART_HEALTHY ||
        part->state == LOCKSTEP_PART_SKIPPED || part->state == LOCKSTEP_PART_CORDONED) {
        return operation->state; /* repeated, or of one that counts for nothing yet */
    }
    if (has_failed(operation, part)) {
        return operation->state;
    }
    if (lockstep_step_rolls(operation)) {
        return lockstep_step_roll_live(operation, step);
    }
    lockstep_step_give_place(operation, step);
    lockstep_step_mark(operation, step, LOCKSTEP_PART_LIVE);
    return lockstep_step_after_commit(operation, step);
}

unsigned lockstep_step_note_not_applied(struct lockstep_operation *operation,
                                        struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state == LOCKSTEP_PART_TOUCHED) {
        lockstep_step_mark(operation, step, LOCKSTEP_PART_TOUCHED);
    }
    return operation->state;
}

unsigned lockstep_step_fail_node(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    bool watched = part->state == LOCKSTEP_PART_TOUCHED || part->state == LOCKSTEP_PART_LIVE;
    bool soaked = part->state == LOCKSTEP_PART_HEALTHY &&
                  (!lockstep_step_rolls(operation) || lockstep_no_ends_window(step->event->no));
    if (!watched && !soaked) {
        return operation->state;
    }
    lockstep_step_give_place(operation, step);
    lockstep_step_mark(operation, step, LOCKSTEP_PART_FAILED);
    lockstep_step_note_cause(operation, step->event->no, part->node, step->event->text);
    return operation->state == LOCKSTEP_OPERATION_SUCCEEDING
               ? operation->state
               : lockstep_step_after_commit(operation, step);
}

unsigned lockstep_step_lose_soaking(struct lockstep_operation *operation,
                                    struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    part->up = false;
    if (part->state != LOCKSTEP_PART_LIVE) {
        return operation->state;
    }
    lockstep_part_set(operation, part, LOCKSTEP_PART_LOST, LOCKSTEP_NO_LOST);
    lockstep_step_note_cause(operation, LOCKSTEP_NO_LOST, part->node,
                             "silent while it was watched");
    return lockstep_step_after_commit(operation, step);
}

/* A node is back after the decision: repeat what it may have missed. */
unsigned lockstep_step_remind(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    part->up = true;
    if (!lockstep_step_rolls(operation) || part->state == LOCKSTEP_PART_OWED) {
        part->asked = false; /* who is on its way, or watched, keeps its place while it rolls */
        part->tries = 0;
        part->retry = step->now;
    }
    lockstep_part_remind(operation, part);
    step->wants |= LOCKSTEP_WANT_SEND | LOCKSTEP_WANT_CATCH_UP;
    return operation->state;
}

unsigned lockstep_step_lose_committed(struct lockstep_operation *operation,
                                      struct lockstep_step *step)
{
    return lockstep_step_rolls(operation) ? lockstep_step_roll_down(operation, step)
                                          : lockstep_step_note_down(operation, step);
}

/* A node forgot what it was told to do: prepare it again before it is told again. */
unsigned lockstep_step_prepare_again(struct lockstep_operation *operation,
                                     struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (lockstep_step_rolls(operation)) {
        return lockstep_step_owe_again(operation, step);
    }
    if (part->state == LOCKSTEP_PART_TOUCHED) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_CONTACTED, (enum lockstep_no)part->no);
        part->due = LOCKSTEP_DUE_PREPARE;
        step->wants |= LOCKSTEP_WANT_SEND;
    }
    return operation->state;
}

unsigned lockstep_step_commit_tick(struct lockstep_operation *operation, struct lockstep_step *step)
{
    if (lockstep_step_rolls(operation)) {
        return lockstep_step_roll_tick(operation, step);
    }
    if (lockstep_time_due(operation->phase, step->now) ||
        lockstep_time_due(operation->end, step->now)) {
        uint32_t node = lockstep_parts_lose(operation);
        operation->phase = LOCKSTEP_TIME_NEVER;
        if (node != LOCKSTEP_NODE_NONE) {
            const struct lockstep_part *part =
                &operation->parts[lockstep_operation_part(operation, node)];
            lockstep_step_note_cause(operation, (enum lockstep_no)part->no, node,
                                     part->text[0] != '\0' ? part->text
                                                           : "no read-back by the commit deadline");
        }
        return lockstep_step_after_commit(operation, step);
    }
    lockstep_parts_resend(operation, step->now, &step->wants);
    return operation->state;
}

/* It was healthy for as long as it had to be. Code that nobody has called may still be wrong: where
 * calls are required it waits for them, until the window is over, and then goes back. */
static unsigned end_soak(struct lockstep_operation *operation, struct lockstep_step *step)
{
    const struct lockstep_part *part = first_uncalled(operation);
    if (part == NULL) {
        return lockstep_step_succeed(operation, step);
    }
    if (lockstep_time_due(operation->window, step->now)) {
        lockstep_step_note_cause(operation, LOCKSTEP_NO_NOT_CALLED, part->node,
                                 "the new code was not called often enough in its window");
        return lockstep_step_degrade(operation, step);
    }
    operation->awaits_calls = true;
    operation->phase = operation->window;
    step->wants |= LOCKSTEP_WANT_CHANGED;
    return operation->state;
}

unsigned lockstep_step_called(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->calls != step->event->calls) {
        part->calls = step->event->calls;
        step->wants |= LOCKSTEP_WANT_CHANGED;
    }
    return operation->state == LOCKSTEP_OPERATION_SOAKING && operation->awaits_calls &&
                   first_uncalled(operation) == NULL
               ? lockstep_step_succeed(operation, step)
               : operation->state;
}

unsigned lockstep_step_soak_tick(struct lockstep_operation *operation, struct lockstep_step *step)
{
    if (lockstep_time_due(operation->phase, step->now)) {
        return end_soak(operation, step);
    }
    if (lockstep_time_due(operation->end, step->now)) {
        lockstep_step_note_cause(operation, LOCKSTEP_NO_EXPIRED, LOCKSTEP_NODE_NONE,
                                 "the deadline passed before the soak was over");
        return lockstep_step_degrade(operation, step);
    }
    lockstep_parts_resend(operation, step->now, &step->wants);
    return operation->state;
}

unsigned lockstep_step_abort_commit(struct lockstep_operation *operation,
                                    struct lockstep_step *step)
{
    if (lockstep_operation_goes_back(operation)) {
        return operation->state;
    }
    (void)lockstep_step_ask_abort(operation, step);
    return lockstep_step_rolls(operation) ? lockstep_step_roll(operation, step)
                                          : lockstep_step_degrade(operation, step);
}
