#include "coordinator/core/step.h"

#include "common/base/assert.h"
#include "coordinator/core/judge.h"
#include "coordinator/core/part.h"

void lockstep_step_note_cause(struct lockstep_operation *operation, enum lockstep_no no,
                              uint32_t node, const char *text)
{
    struct lockstep_cause *cause = &operation->cause;
    if (cause->state != LOCKSTEP_OPERATION_UNSPECIFIED) {
        return; /* the first cause is the cause; later ones follow from it */
    }
    cause->no = no;
    cause->node = node;
    cause->state = operation->state;
    lockstep_part_copy_text(cause->text, text);
}

/* A millisecond a node at least: answers of thousands that wait to be read are not to be asked for
 * again meanwhile, which made more of them. Links lose nothing; who comes back is told at once. */
void lockstep_step_arm_resend(struct lockstep_operation *operation, struct lockstep_time now)
{
    operation->resend_ms = operation->options.resend_first_ms > operation->part_count
                               ? operation->options.resend_first_ms
                               : operation->part_count;
    operation->resend = lockstep_time_after(now, operation->resend_ms);
}

unsigned lockstep_step_write(struct lockstep_operation *operation, struct lockstep_step *step,
                             enum lockstep_operation_state state)
{
    operation->phase = LOCKSTEP_TIME_NEVER;
    step->wants |= LOCKSTEP_WANT_PERSIST | LOCKSTEP_WANT_CHANGED;
    return state;
}

unsigned lockstep_step_ignore(struct lockstep_operation *operation, struct lockstep_step *step)
{
    (void)step;
    return operation->state;
}

unsigned lockstep_step_bug(struct lockstep_operation *operation, struct lockstep_step *step)
{
    (void)step;
    ASSERT(operation->state ==
           LOCKSTEP_OPERATION_UNSPECIFIED); /* names state and event in the core */
    return operation->state;
}

struct lockstep_part *lockstep_step_part(struct lockstep_operation *operation,
                                         const struct lockstep_step *step)
{
    ASSERT(step->event->part < operation->part_count);
    return &operation->parts[step->event->part];
}

/* Marks the part of the event and remembers why. */
void lockstep_step_mark(struct lockstep_operation *operation, struct lockstep_step *step,
                        enum lockstep_part_state state)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    lockstep_part_set(operation, part, state, step->event->no);
    part->due = 0;
    lockstep_part_copy_text(part->text, step->event->text);
    step->wants |= LOCKSTEP_WANT_CHANGED;
}

void lockstep_step_give_place(struct lockstep_operation *operation, struct lockstep_step *step)
{
    struct lockstep_part *part = lockstep_step_part(operation, step);
    if (part->asked) {
        part->asked = false;
        step->wants |= LOCKSTEP_WANT_CATCH_UP;
    }
}

unsigned lockstep_step_note_up(struct lockstep_operation *operation, struct lockstep_step *step)
{
    lockstep_step_part(operation, step)->up = true;
    return operation->state;
}

unsigned lockstep_step_note_down(struct lockstep_operation *operation, struct lockstep_step *step)
{
    lockstep_step_part(operation, step)->up = false;
    lockstep_step_give_place(operation, step);
    return operation->state;
}

unsigned lockstep_step_ask_abort(struct lockstep_operation *operation, struct lockstep_step *step)
{
    (void)step;
    operation->abort_asked = operation->kind != LOCKSTEP_KIND_COMPENSATION;
    if (operation->abort_asked) {
        lockstep_step_note_cause(operation, LOCKSTEP_NO_UNSPECIFIED, LOCKSTEP_NODE_NONE,
                                 "aborted by an operator");
    }
    return operation->state;
}
