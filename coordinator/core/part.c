#include "coordinator/core/part.h"

#include <string.h>

void lockstep_part_copy_text(char target[LOCKSTEP_PART_TEXT], const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (length >= LOCKSTEP_PART_TEXT) {
        length = LOCKSTEP_PART_TEXT - 1;
    }
    if (length > 0) {
        memcpy(target, text, length);
    }
    target[length] = '\0';
}

/* Counts PART in, or out. */
static void count(struct lockstep_tally *tally, const struct lockstep_part *part, bool in)
{
    uint32_t one = in ? 1 : UINT32_MAX; /* which is -1, for what is unsigned */
    bool refused = part->state == LOCKSTEP_PART_REFUSED;
    bool vetoes = refused &&
                  lockstep_no_class((enum lockstep_no)part->no) != LOCKSTEP_NO_CLASS_NODE;
    bool failed = part->state == LOCKSTEP_PART_FAILED || part->state == LOCKSTEP_PART_LOST;
    bool done = part->state == LOCKSTEP_PART_LIVE || part->state == LOCKSTEP_PART_HEALTHY;
    bool unsettled = part->state == LOCKSTEP_PART_TOUCHED || part->state == LOCKSTEP_PART_CONTACTED;
    bool gone = part->state == LOCKSTEP_PART_SKIPPED && part->no == LOCKSTEP_NO_REVOKED;
    tally->in[part->state] += one;
    tally->gone += gone ? one : 0;
    tally->integrity += vetoes ? one : 0;
    tally->failed += failed ? one : 0;
    tally->done += done ? one : 0;
    tally->unsettled += unsettled ? one : 0;
}

bool lockstep_part_may_run(const struct lockstep_part *part)
{
    switch (part->state) {
    case LOCKSTEP_PART_CONTACTED:
    case LOCKSTEP_PART_TOUCHED:
    case LOCKSTEP_PART_LIVE:
    case LOCKSTEP_PART_HEALTHY:
    case LOCKSTEP_PART_FAILED:
    case LOCKSTEP_PART_LOST:
        return true;
    case LOCKSTEP_PART_OWED:
    case LOCKSTEP_PART_CORDONED:
        return part->told; /* it came late, or it failed and was borne */
    default:
        return false;
    }
}

void lockstep_operation_tally(const struct lockstep_operation *operation,
                              struct lockstep_tally *ret_tally)
{
    memset(ret_tally, 0, sizeof(*ret_tally));
    for (uint32_t i = 0; i < operation->part_count; i++) {
        count(ret_tally, &operation->parts[i], true);
    }
}

/* True if a part is never in STATE without having been told. */
static bool implies_told(unsigned state)
{
    return state == LOCKSTEP_PART_TOUCHED || state == LOCKSTEP_PART_LIVE ||
           state == LOCKSTEP_PART_HEALTHY || state == LOCKSTEP_PART_FAILED;
}

void lockstep_part_set(struct lockstep_operation *operation, struct lockstep_part *part,
                       enum lockstep_part_state state, enum lockstep_no no)
{
    count(&operation->tally, part, false);
    part->told = part->told || implies_told(part->state) || implies_told(state);
    part->state = (uint8_t)state;
    part->no = (uint16_t)no;
    if (state == LOCKSTEP_PART_OWED) {
        part->due = 0; /* it is to promise it (again) before it is told */
    }
    count(&operation->tally, part, true);
}

/* The same, for the reason it has already. */
static void move(struct lockstep_operation *operation, struct lockstep_part *part,
                 enum lockstep_part_state state)
{
    lockstep_part_set(operation, part, state, (enum lockstep_no)part->no);
}

void lockstep_part_remind(const struct lockstep_operation *operation, struct lockstep_part *part)
{
    bool back = part->state == LOCKSTEP_PART_OWED && lockstep_operation_goes_back(operation);
    if (part->state == LOCKSTEP_PART_CONTACTED || back) {
        part->due |= LOCKSTEP_DUE_PREPARE;
    } else if (part->state == LOCKSTEP_PART_TOUCHED) {
        part->due |= LOCKSTEP_DUE_DECISION;
    }
}

void lockstep_parts_move(struct lockstep_operation *operation, enum lockstep_part_state from,
                         enum lockstep_part_state to)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        if (operation->parts[i].state == from) {
            move(operation, &operation->parts[i], to);
        }
    }
}

void lockstep_parts_commit(struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        switch (part->state) {
        case LOCKSTEP_PART_PREPARED:
            move(operation, part, LOCKSTEP_PART_TOUCHED);
            part->due = LOCKSTEP_DUE_DECISION;
            break;
        case LOCKSTEP_PART_ABSENT:
        case LOCKSTEP_PART_CONTACTED:
        case LOCKSTEP_PART_LOST:
            move(operation, part, LOCKSTEP_PART_OWED);
            part->due = 0;
            lockstep_part_remind(operation, part);
            break;
        default:
            break;
        }
    }
}

uint32_t lockstep_parts_lose(struct lockstep_operation *operation)
{
    uint32_t first = LOCKSTEP_NODE_NONE;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (part->state != LOCKSTEP_PART_TOUCHED && part->state != LOCKSTEP_PART_CONTACTED) {
            continue;
        }
        if (part->asked) {
            move(operation, part, LOCKSTEP_PART_OWED); /* it came late, and has time of its own */
            continue;
        }
        if (part->no != LOCKSTEP_NO_UNSPECIFIED) {
            move(operation, part, LOCKSTEP_PART_FAILED);
        } else if (lockstep_operation_goes_back(operation)) {
            move(operation, part, LOCKSTEP_PART_OWED);
        } else {
            lockstep_part_set(operation, part, LOCKSTEP_PART_LOST, LOCKSTEP_NO_LOST);
        }
        if (first == LOCKSTEP_NODE_NONE) {
            first = part->node;
        }
    }
    return first;
}

uint32_t lockstep_parts_first_waiting(const struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        if (operation->parts[i].state == LOCKSTEP_PART_CONTACTED) {
            return operation->parts[i].node;
        }
    }
    return LOCKSTEP_NODE_NONE;
}

void lockstep_parts_resend(struct lockstep_operation *operation, struct lockstep_time now,
                           unsigned *wants)
{
    if (!lockstep_time_due(operation->resend, now)) {
        return;
    }
    operation->resend = LOCKSTEP_TIME_NEVER;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        lockstep_part_remind(operation, part);
        if (part->due != 0) {
            operation->resend = lockstep_time_after(now, operation->resend_ms);
        }
    }
    operation->resend_ms = operation->resend_ms * 2 < operation->options.resend_last_ms
                               ? operation->resend_ms * 2
                               : operation->options.resend_last_ms;
    *wants |= LOCKSTEP_WANT_SEND;
}
