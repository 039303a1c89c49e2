/* Node by node: an operation whose COMMIT is written first, and whose nodes then take the version a
 * few at a time. A node that has been asked holds its place until it has stayed healthy through a
 * soak of its own, or has failed; who has the next place is the fleet's business (catch_up.h). */
#include "coordinator/core/step.h"

#include "coordinator/core/judge.h"
#include "coordinator/core/part.h"

bool lockstep_step_rolls(const struct lockstep_operation *operation)
{
    return lockstep_operation_rolls(operation) &&
           (operation->state == LOCKSTEP_OPERATION_DECIDING ||
            operation->state == LOCKSTEP_OPERATION_COMMITTING);
}

void lockstep_step_watch(struct lockstep_operation *operation, struct lockstep_step *step,
                         uint64_t ms)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    part->asked = true;
    part->retry = lockstep_time_after(step->now, ms);
    step->wants |= LOCKSTEP_WANT_CATCH_UP;
}

/* True while the node has a place that it has yet to give back. */
static bool is_under_way(const struct lockstep_part *part)
{
    return part->asked &&
           (part->state == LOCKSTEP_PART_OWED || part->state == LOCKSTEP_PART_TOUCHED ||
            part->state == LOCKSTEP_PART_LIVE);
}

/* Nobody else is asked: what has begun is brought to its end. */
static void ask_nobody_else(struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (part->state == LOCKSTEP_PART_OWED && !part->asked) {
            lockstep_part_set(operation, part, LOCKSTEP_PART_SKIPPED, LOCKSTEP_NO_UNSPECIFIED);
            lockstep_part_copy_text(part->text, "not asked any more: the operation was stopped");
            part->due = 0;
        }
    }
}

unsigned lockstep_step_roll(struct lockstep_operation *operation, struct lockstep_step *step)
{
    bool stop = lockstep_judge_beyond_repair(operation) || operation->abort_asked;
    bool returning = lockstep_time_set(operation->phase); /* after a restart nobody is there yet */
    uint32_t open = 0;
    step->wants |= LOCKSTEP_WANT_CHANGED | LOCKSTEP_WANT_PARTS | LOCKSTEP_WANT_CATCH_UP;
    if (stop) {
        ask_nobody_else(operation);
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        bool waits = part->state == LOCKSTEP_PART_OWED && (part->up || returning);
        open += is_under_way(part) || waits ? 1 : 0;
    }
    if (open > 0) {
        return LOCKSTEP_OPERATION_COMMITTING;
    }
    if (stop) {
        lockstep_step_blame_gone(operation);
        return lockstep_step_degrade(operation, step);
    }
    operation->window = lockstep_time_after(step->now, operation->options.window_ms);
    return lockstep_step_succeed(operation, step);
}

unsigned lockstep_step_roll_refused(struct lockstep_operation *operation,
                                    struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->state != LOCKSTEP_PART_OWED) {
        return operation->state;
    }
    lockstep_step_give_place(operation, step);
    lockstep_step_mark(operation, step, LOCKSTEP_PART_REFUSED);
    lockstep_step_note_cause(operation, step->event->no, part->node, step->event->text);
    return lockstep_step_roll(operation, step);
}

/* True if the node of the event ran the version before it was ordered. */
static bool ran_it_before(const struct lockstep_operation *operation,
                          const struct lockstep_step *step)
{
    const struct lockstep_digest *starts =
        &operation->starts[(size_t)step->event->part * operation->item_count];
    for (uint32_t i = 0; i < operation->item_count; i++) {
        if (!lockstep_digest_equal(&starts[i], &operation->items[i].digest)) {
            return false;
        }
    }
    return true;
}

/* It runs what was ordered: now it is watched. */
unsigned lockstep_step_roll_live(struct lockstep_operation *operation, struct lockstep_step *step)
{
    if (operation->options.soak_ms == 0 || ran_it_before(operation, step)) {
        lockstep_step_give_place(operation, step);
        lockstep_step_mark(operation, step, LOCKSTEP_PART_HEALTHY);
    } else {
        lockstep_step_mark(operation, step, LOCKSTEP_PART_LIVE);
        lockstep_step_watch(operation, step, operation->options.soak_ms);
    }
    return lockstep_step_roll(operation, step);
}

/* Who was told keeps its place until the commit deadline: it may be back before. */
unsigned lockstep_step_roll_down(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    part->up = false;
    if (part->state == LOCKSTEP_PART_LIVE) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_LOST, LOCKSTEP_NO_LOST);
        lockstep_step_note_cause(operation, LOCKSTEP_NO_LOST, part->node,
                                 "silent while it was watched");
    }
    if (part->state != LOCKSTEP_PART_TOUCHED) {
        lockstep_step_give_place(operation, step);
    }
    return lockstep_step_roll(operation, step);
}

/* The time of PART is over: it was healthy for as long as it had to be, or it has failed. */
static void end_watch(struct lockstep_operation *operation, struct lockstep_part *part)
{
    enum lockstep_no no = (enum lockstep_no)part->no;
    part->asked = false;
    part->due = 0;
    if (part->state == LOCKSTEP_PART_LIVE) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_HEALTHY, LOCKSTEP_NO_UNSPECIFIED);
        return;
    }
    if (part->state == LOCKSTEP_PART_OWED) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_REFUSED, LOCKSTEP_NO_EXPIRED);
        lockstep_part_copy_text(part->text, "no vote within the time to prepare");
    } else if (no != LOCKSTEP_NO_UNSPECIFIED) {
        lockstep_part_set(operation, part, LOCKSTEP_PART_FAILED, no);
    } else {
        lockstep_part_set(operation, part, LOCKSTEP_PART_LOST, LOCKSTEP_NO_LOST);
        lockstep_part_copy_text(part->text, "no read-back by the commit deadline");
    }
    lockstep_step_note_cause(operation, (enum lockstep_no)part->no, part->node, part->text);
}

unsigned lockstep_step_roll_tick(struct lockstep_operation *operation, struct lockstep_step *step)
{
    bool changed = false;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (!is_under_way(part) || !lockstep_time_due(part->retry, step->now)) {
            continue;
        }
        if (part->state == LOCKSTEP_PART_LIVE && !part->up) {
            /* Its link is broken: it comes back, or its silence says that it is lost. */
            part->retry = lockstep_time_after(step->now, operation->options.soak_ms);
            continue;
        }
        end_watch(operation, part);
        changed = true;
    }
    if (lockstep_time_due(operation->phase, step->now)) {
        operation->phase = LOCKSTEP_TIME_NEVER;
        changed = true;
    }
    if (lockstep_time_due(operation->end, step->now)) {
        lockstep_step_note_cause(operation, LOCKSTEP_NO_EXPIRED, LOCKSTEP_NODE_NONE,
                                 "the deadline passed");
        operation->end = LOCKSTEP_TIME_NEVER; /* who is under way has deadlines of its own */
        operation->abort_asked = true;
        changed = true;
    }
    lockstep_parts_resend(operation, step->now, &step->wants);
    return changed ? lockstep_step_roll(operation, step) : operation->state;
}

/* Who waits for its turn is left in peace; who has been asked goes on. */
unsigned lockstep_step_roll_cordoned(struct lockstep_operation *operation,
                                     struct lockstep_step *step)
{
    if (!lockstep_step_rolls(operation) || lockstep_step_part(operation, step)->asked) {
        return operation->state;
    }
    (void)lockstep_step_set_aside(operation, step);
    return lockstep_step_roll(operation, step);
}

unsigned lockstep_step_roll_uncordoned(struct lockstep_operation *operation,
                                       struct lockstep_step *step)
{
    return lockstep_step_rolls(operation) ? lockstep_step_owe(operation, step) : operation->state;
}
