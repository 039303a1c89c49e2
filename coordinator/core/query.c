/* What can be asked of an operation without changing it, and the messages it sends. */
#include "coordinator/core/operation.h"

#include "common/base/assert.h"

#include <string.h>

enum lockstep_row lockstep_operation_row(const struct lockstep_operation *operation)
{
    static const uint8_t rows[LOCKSTEP_OPERATION_STATE_COUNT] = {
        [LOCKSTEP_OPERATION_OPENING] = LOCKSTEP_ROW_OPEN,
        [LOCKSTEP_OPERATION_ABORTING] = LOCKSTEP_ROW_ABORT,
        [LOCKSTEP_OPERATION_DECIDING] = LOCKSTEP_ROW_COMMIT,
        [LOCKSTEP_OPERATION_SUCCEEDING] = LOCKSTEP_ROW_SUCCEEDED,
        [LOCKSTEP_OPERATION_DEGRADING] = LOCKSTEP_ROW_DEGRADED,
        [LOCKSTEP_OPERATION_SETTLING] = LOCKSTEP_ROW_SETTLED,
        [LOCKSTEP_OPERATION_FINALIZING] = LOCKSTEP_ROW_FINAL,
    };
    return (enum lockstep_row)rows[operation->state];
}

int64_t lockstep_operation_next_due(struct lockstep_operation *operation, uint32_t *cursor,
                                    enum lockstep_due *ret_due)
{
    static const enum lockstep_due order[] = {LOCKSTEP_DUE_PREPARE, LOCKSTEP_DUE_DECISION,
                                              LOCKSTEP_DUE_FINAL};
    for (; *cursor < operation->part_count; (*cursor)++) {
        struct lockstep_part *part = &operation->parts[*cursor];
        for (size_t i = 0; part->up && i < LOCKSTEP_COUNT(order); i++) {
            if ((part->due & order[i]) != 0) {
                part->due = (uint8_t)(part->due & ~(unsigned)order[i]);
                *ret_due = order[i];
                return *cursor;
            }
        }
    }
    return -1;
}

const struct lockstep_digest *lockstep_operation_target(const struct lockstep_operation *operation,
                                                        uint32_t part, uint32_t index)
{
    return lockstep_operation_goes_back(operation)
               ? &operation->starts[(size_t)part * operation->item_count + index]
               : &operation->items[index].digest;
}

static void fill_prepare(const struct lockstep_operation *operation, uint32_t part,
                         struct lockstep_prepare *prepare)
{
    const struct lockstep_operation_options *options = &operation->options;
    prepare->operation = operation->id;
    prepare->parent = operation->parent;
    prepare->epoch = operation->epoch;
    prepare->kind = operation->kind;
    prepare->strategy = operation->strategy;
    prepare->drain = options->drain;
    prepare->drain_timeout_ms = options->drain_timeout_ms;
    prepare->prepare_ms = options->prepare_ms;
    prepare->again = options->again;
    prepare->no_smoke = options->no_smoke;
    prepare->roster_size = lockstep_operation_size(operation);
    prepare->roster = operation->roster_digest;
    prepare->item_count = operation->item_count;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        prepare->items[i] = operation->items[i];
        prepare->items[i].digest = *lockstep_operation_target(operation, part, i);
    }
}

void lockstep_operation_message(const struct lockstep_operation *operation, uint32_t part,
                                enum lockstep_due due, struct lockstep_message *ret_message)
{
    struct lockstep_decision *decision = &ret_message->u.decision;
    ASSERT(part < operation->part_count);
    memset(ret_message, 0, sizeof(*ret_message));
    if (due == LOCKSTEP_DUE_PREPARE) {
        ret_message->type = LOCKSTEP_MESSAGE_PREPARE;
        fill_prepare(operation, part, &ret_message->u.prepare);
        return;
    }
    decision->operation = operation->id;
    decision->epoch = operation->epoch;
    decision->sequence = operation->sequence;
    if (due == LOCKSTEP_DUE_FINAL) {
        ret_message->type = LOCKSTEP_MESSAGE_FINAL;
        decision->outcome = LOCKSTEP_OUTCOME_FINAL;
        return;
    }
    ret_message->type = LOCKSTEP_MESSAGE_DECISION;
    decision->outcome = operation->state == LOCKSTEP_OPERATION_ABORTED ? LOCKSTEP_OUTCOME_ABORT
                                                                       : LOCKSTEP_OUTCOME_COMMIT;
}

enum lockstep_outcome lockstep_operation_outcome(const struct lockstep_operation *operation)
{
    switch ((enum lockstep_operation_state)operation->state) {
    case LOCKSTEP_OPERATION_ABORTED:
        return LOCKSTEP_OUTCOME_ABORT;
    case LOCKSTEP_OPERATION_COMMITTING:
    case LOCKSTEP_OPERATION_SOAKING:
    case LOCKSTEP_OPERATION_SUCCEEDING:
    case LOCKSTEP_OPERATION_SUCCEEDED:
    case LOCKSTEP_OPERATION_FINALIZING:
        return LOCKSTEP_OUTCOME_COMMIT;
    case LOCKSTEP_OPERATION_FINAL:
        return LOCKSTEP_OUTCOME_FINAL;
    case LOCKSTEP_OPERATION_DEGRADED:
    case LOCKSTEP_OPERATION_SETTLED:
        return LOCKSTEP_OUTCOME_SUPERSEDED;
    case LOCKSTEP_OPERATION_UNSPECIFIED:
    case LOCKSTEP_OPERATION_OPENING:
    case LOCKSTEP_OPERATION_PREPARING:
    case LOCKSTEP_OPERATION_ABORTING:
    case LOCKSTEP_OPERATION_DECIDING:
    case LOCKSTEP_OPERATION_DEGRADING:
    case LOCKSTEP_OPERATION_SETTLING: /* its row may be the first that says so */
    case LOCKSTEP_OPERATION_STATE_COUNT:
        break;
    }
    return LOCKSTEP_OUTCOME_PENDING;
}

struct lockstep_time lockstep_operation_deadline(const struct lockstep_operation *operation)
{
    struct lockstep_time first;
    if (lockstep_operation_row(operation) != LOCKSTEP_ROW_NONE ||
        operation->state == LOCKSTEP_OPERATION_DEGRADED ||
        operation->state == LOCKSTEP_OPERATION_SETTLED ||
        operation->state == LOCKSTEP_OPERATION_ABORTED) {
        return LOCKSTEP_TIME_NEVER;
    }
    first = lockstep_time_earlier(operation->phase, operation->end);
    first = lockstep_time_earlier(first, operation->resend);
    first = lockstep_time_earlier(first, operation->catch_up);
    if (!operation->window_held && operation->state == LOCKSTEP_OPERATION_SUCCEEDED) {
        first = lockstep_time_earlier(first, operation->window);
    }
    return first;
}

static const struct lockstep_live *find_live(const struct lockstep_live *live, uint32_t count,
                                             const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lockstep_name_equal(&live[i].module, module)) {
            return &live[i];
        }
    }
    return NULL;
}

bool lockstep_operation_is_live(const struct lockstep_operation *operation, uint32_t part,
                                const struct lockstep_live *live, uint32_t live_count)
{
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i];
        const struct lockstep_live *found = find_live(live, live_count, &item->module);
        const struct lockstep_digest *target = lockstep_operation_target(operation, part, i);
        if (found == NULL ? !lockstep_digest_is_zero(target)
                          : found->generation < item->generation ||
                                !lockstep_digest_equal(&found->digest, target)) {
            return false;
        }
    }
    return true;
}

int64_t lockstep_operation_item(const struct lockstep_operation *operation,
                                const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < operation->item_count; i++) {
        if (lockstep_name_equal(&operation->items[i].module, module)) {
            return i;
        }
    }
    return -1;
}

int64_t lockstep_operation_part(const struct lockstep_operation *operation, uint32_t node)
{
    uint32_t first = 0;
    uint32_t end = operation->part_count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (operation->parts[middle].node == node) {
            return middle;
        }
        if (operation->parts[middle].node < node) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return -1;
}

uint32_t lockstep_operation_size(const struct lockstep_operation *operation)
{
    return operation->options.roster_size == 0 ? operation->part_count
                                               : operation->options.roster_size;
}

bool lockstep_operation_goes_back(const struct lockstep_operation *operation)
{
    return lockstep_kind_goes_back(operation->kind);
}

bool lockstep_operation_rolls(const struct lockstep_operation *operation)
{
    return operation->strategy == LOCKSTEP_STRATEGY_ROLLING &&
           !lockstep_operation_goes_back(operation);
}

bool lockstep_operation_ended(const struct lockstep_operation *operation)
{
    switch ((enum lockstep_operation_state)operation->state) {
    case LOCKSTEP_OPERATION_ABORTED:
    case LOCKSTEP_OPERATION_SUCCEEDED:
    case LOCKSTEP_OPERATION_SETTLED:
    case LOCKSTEP_OPERATION_FINAL:
        return true;
    case LOCKSTEP_OPERATION_FINALIZING:
        return operation->result != LOCKSTEP_RESULT_NONE;
    case LOCKSTEP_OPERATION_UNSPECIFIED:
    case LOCKSTEP_OPERATION_OPENING:
    case LOCKSTEP_OPERATION_PREPARING:
    case LOCKSTEP_OPERATION_ABORTING:
    case LOCKSTEP_OPERATION_DECIDING:
    case LOCKSTEP_OPERATION_COMMITTING:
    case LOCKSTEP_OPERATION_SOAKING:
    case LOCKSTEP_OPERATION_SUCCEEDING:
    case LOCKSTEP_OPERATION_DEGRADING:
    case LOCKSTEP_OPERATION_DEGRADED:
    case LOCKSTEP_OPERATION_SETTLING:
    case LOCKSTEP_OPERATION_STATE_COUNT:
        break;
    }
    return false;
}

bool lockstep_operation_holds_lock(const struct lockstep_operation *operation)
{
    return !lockstep_operation_ended(operation);
}

bool lockstep_operation_idle(const struct lockstep_operation *operation)
{
    bool closed = operation->state == LOCKSTEP_OPERATION_ABORTED ||
                  operation->state == LOCKSTEP_OPERATION_FINAL ||
                  (operation->state == LOCKSTEP_OPERATION_SETTLED &&
                   operation->result == LOCKSTEP_RESULT_ROLLED_BACK);
    for (uint32_t i = 0; closed && i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        bool owed = operation->state == LOCKSTEP_OPERATION_FINAL &&
                    (part->state == LOCKSTEP_PART_OWED || part->state == LOCKSTEP_PART_TOUCHED ||
                     part->state == LOCKSTEP_PART_CORDONED);
        if (owed || (part->due != 0 && part->up)) {
            closed = false;
        }
    }
    return closed;
}

const char *lockstep_operation_word(const struct lockstep_operation *operation)
{
    if (lockstep_operation_ended(operation) && operation->result != LOCKSTEP_RESULT_NONE) {
        return lockstep_result_word(operation->result);
    }
    return lockstep_operation_state_word(operation->state);
}
