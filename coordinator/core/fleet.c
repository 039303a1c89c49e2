#include "coordinator/core/fleet.h"

#include "common/base/assert.h"
#include "coordinator/core/presence.h"
#include "coordinator/core/settle.h"

#include <string.h>

void lockstep_fleet_init(struct lockstep_fleet *fleet, const struct lockstep_defaults *settings,
                         uint64_t epoch, uint64_t sequence, struct lockstep_time now)
{
    fleet->settings = *settings;
    fleet->epoch = epoch;
    fleet->sequence = sequence;
    fleet->read_only = false;
    fleet->behind = false;
    fleet->isolated = LOCKSTEP_TIME_NEVER;
    fleet->answered = LOCKSTEP_TIME_NEVER;
    fleet->scanned = now;
    fleet->out = NULL;
    memset(fleet->operations, 0, sizeof(fleet->operations));
    for (uint32_t i = 0; i < fleet->node_count; i++) {
        fleet->nodes[i].connected = false;
        fleet->nodes[i].ready = false;
        fleet->nodes[i].down = false;
        fleet->nodes[i].joined = false;
        fleet->nodes[i].seen = false;
        fleet->nodes[i].held = LOCKSTEP_TIME_NEVER;
        fleet->nodes[i].returns = 0;
        fleet->nodes[i].heard = now;
    }
}

/* ---- a node's link -------------------------------------------------------------------------- */

void lockstep_fleet_link_up(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node)
{
    ASSERT(node < fleet->node_count);
    fleet->nodes[node].connected = true;
    fleet->nodes[node].seen = true;
    fleet->nodes[node].joined = false;
    fleet->nodes[node].ready = false;
    fleet->nodes[node].heard = now;
}

void lockstep_fleet_link_down(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node)
{
    ASSERT(node < fleet->node_count);
    fleet->nodes[node].connected = false;
    fleet->nodes[node].ready = false;
    fleet->nodes[node].joined = false;
    fleet->nodes[node].heard = now;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
        if (part >= 0) {
            /* Nothing is lost yet: a link may break for a moment. Silence is what counts. */
            operation->parts[part].up = false;
            fleet->behind = true;
        }
    }
}

/* Who is cordoned hears of it when the cordon ends. Who was left out when an operation that rolls
 * was stopped is not to carry out a promise that nobody heard of. */
static enum lockstep_outcome outcome_for(const struct lockstep_operation *operation,
                                         const struct lockstep_part *part)
{
    if (part->state == LOCKSTEP_PART_CORDONED) {
        return LOCKSTEP_OUTCOME_PENDING;
    }
    return part->state == LOCKSTEP_PART_SKIPPED && lockstep_operation_rolls(operation)
               ? LOCKSTEP_OUTCOME_SUPERSEDED
               : lockstep_operation_outcome(operation);
}

/* Answers what the node holds open; without a lookup where the operation is in memory. Who asks has
 * promised, so asking is a YES: a node that hears COMMIT counts as told from then on. */
static void answer(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                   const struct lockstep_id *id)
{
    struct lockstep_operation *operation = lockstep_fleet_operation(fleet, id);
    int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
    struct lockstep_fleet_action action = {.type = LOCKSTEP_FLEET_LOOK_UP, .node = node, .id = *id};
    if (part >= 0) {
        struct lockstep_operation_event event = {.type = LOCKSTEP_EVENT_VOTED_YES,
                                                 .part = (uint32_t)part};
        lockstep_fleet_step(fleet, now, operation, &event);
        action.type = LOCKSTEP_FLEET_SAY;
        action.outcome = outcome_for(operation, &operation->parts[part]);
    }
    lockstep_fleet_act(fleet, &action);
}

void lockstep_fleet_tell(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                         enum lockstep_operation_event_type type)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
        if (part >= 0) {
            struct lockstep_operation_event event = {.type = type, .part = (uint32_t)part};
            lockstep_fleet_step(fleet, now, operation, &event);
        }
    }
}

/* True if the node runs a newer generation of a module than OPERATION orders. */
static bool has_newer(const struct lockstep_operation *operation, const struct lockstep_node *node)
{
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_live *live = lockstep_node_live(node, &operation->items[i].module);
        if (live != NULL && live->generation > operation->items[i].generation) {
            return true;
        }
    }
    return false;
}

/* What is mapped on a node that joins is its read-back, even if its ACK was lost. */
static void read_back_live(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node)
{
    const struct lockstep_node *row = &fleet->nodes[node];
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
        struct lockstep_operation_event event = {.part = (uint32_t)part};
        if (part < 0 || lockstep_operation_outcome(operation) == LOCKSTEP_OUTCOME_PENDING) {
            continue;
        }
        if (lockstep_operation_is_live(operation, event.part, row->live, row->live_count)) {
            event.type = LOCKSTEP_EVENT_READ_BACK;
            lockstep_fleet_step(fleet, now, operation, &event);
        } else if (has_newer(operation, row)) {
            event.type = LOCKSTEP_EVENT_VOTED_NO;
            event.no = LOCKSTEP_NO_STALE_GENERATION;
            lockstep_fleet_step(fleet, now, operation, &event);
        }
    }
}

static void receive_state(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                          const struct lockstep_state *state)
{
    struct lockstep_node *row = &fleet->nodes[node];
    if (state->epoch > fleet->epoch || state->decision_sequence > fleet->sequence) {
        fleet->read_only = true;
        lockstep_fleet_act(
            fleet, &(struct lockstep_fleet_action){.type = LOCKSTEP_FLEET_ROLLBACK, .node = node});
    }
    if (!lockstep_id_is_zero(&row->journal) && !lockstep_id_equal(&row->journal, &state->journal)) {
        lockstep_fleet_tell(fleet, now, node, LOCKSTEP_EVENT_NODE_FORGOT);
    }
    row->journal = state->journal;
    for (uint32_t i = 0; i < state->open_count; i++) {
        answer(fleet, now, node, &state->open[i].operation);
    }
    if (state->more) {
        return;
    }
    read_back_live(fleet, now, node);
    if (row->joined) {
        return; /* it reads back in the middle of a session */
    }
    lockstep_fleet_present(fleet, now, node);
}

/* ---- messages about one operation ----------------------------------------------------------- */

static void receive_vote(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                         const struct lockstep_vote *vote)
{
    struct lockstep_operation *operation = lockstep_fleet_operation(fleet, &vote->operation);
    int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
    struct lockstep_operation_event event = {
        .type = vote->yes ? LOCKSTEP_EVENT_VOTED_YES : LOCKSTEP_EVENT_VOTED_NO,
        .no = vote->yes ? LOCKSTEP_NO_UNSPECIFIED : vote->no,
        .text = vote->text,
    };
    if (part < 0 || vote->epoch != fleet->epoch) {
        if (vote->yes) {
            answer(fleet, now, node,
                   &vote->operation); /* it is prepared for something that is over */
        }
        return;
    }
    event.part = (uint32_t)part;
    lockstep_fleet_step(fleet, now, operation, &event);
    if (vote->yes && (operation->state == LOCKSTEP_OPERATION_ABORTED ||
                      lockstep_operation_outcome(operation) == LOCKSTEP_OUTCOME_SUPERSEDED)) {
        answer(fleet, now, node, &vote->operation);
    }
}

static void receive_ack(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                        const struct lockstep_ack *ack)
{
    struct lockstep_operation *operation = lockstep_fleet_operation(fleet, &ack->operation);
    int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
    struct lockstep_operation_event event = {.no = ack->no, .text = ack->text};
    bool live;
    bool applied;
    if (part < 0 || ack->applied == LOCKSTEP_APPLIED_ABORTED) {
        return;
    }
    event.part = (uint32_t)part;
    live = lockstep_operation_is_live(operation, event.part, ack->live, ack->live_count);
    /* A crash was counted while the node was watched; later it matters what is mapped since. */
    applied = ack->applied == LOCKSTEP_APPLIED_APPLIED ||
              (ack->no == LOCKSTEP_NO_CRASHED && lockstep_operation_ended(operation) && live);
    if (ack->applied == LOCKSTEP_APPLIED_NOT_APPLIED) {
        event.type = LOCKSTEP_EVENT_NOT_APPLIED;
    } else if (!applied) {
        event.type = LOCKSTEP_EVENT_NODE_FAILED;
    } else if (live) {
        event.type = LOCKSTEP_EVENT_READ_BACK;
        event.no = LOCKSTEP_NO_UNSPECIFIED;
    } else {
        event.type = LOCKSTEP_EVENT_NODE_FAILED;
        event.no = LOCKSTEP_NO_MISMATCH;
    }
    lockstep_fleet_step(fleet, now, operation, &event);
}

void lockstep_fleet_receive(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                            const struct lockstep_message *message,
                            struct lockstep_fleet_actions *ret_actions)
{
    ASSERT(node < fleet->node_count);
    lockstep_fleet_enter(fleet, ret_actions);
    fleet->nodes[node].heard = now;
    switch (fleet->nodes[node].gone ? LOCKSTEP_MESSAGE_UNSPECIFIED : (unsigned)message->type) {
    case LOCKSTEP_MESSAGE_STATE:
        receive_state(fleet, now, node, &message->u.state);
        break;
    case LOCKSTEP_MESSAGE_VOTE:
        receive_vote(fleet, now, node, &message->u.vote);
        break;
    case LOCKSTEP_MESSAGE_ACK:
        receive_ack(fleet, now, node, &message->u.ack);
        break;
    case LOCKSTEP_MESSAGE_QUERY:
        answer(fleet, now, node, &message->u.query.operation);
        break;
    default:
        break; /* HEARTBEAT and what only the driver reads: being heard is all there is to it */
    }
    lockstep_fleet_leave(fleet, now);
}

/* Calls of what OPERATION orders, together. */
static uint64_t calls_of(const struct lockstep_operation *operation,
                         const struct lockstep_called *called, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i];
        for (uint32_t j = 0; j < count; j++) {
            if (lockstep_name_equal(&called[j].module, &item->module) &&
                lockstep_digest_equal(&called[j].digest, &item->digest)) {
                sum += called[j].calls;
            }
        }
    }
    return sum;
}

void lockstep_fleet_called(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                           const struct lockstep_called *called, uint32_t count,
                           struct lockstep_fleet_actions *ret_actions)
{
    lockstep_fleet_enter(fleet, ret_actions);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        int64_t part = operation == NULL || operation->options.require_calls == 0
                           ? -1
                           : lockstep_operation_part(operation, node);
        struct lockstep_operation_event event = {.type = LOCKSTEP_EVENT_CALLED,
                                                 .part = (uint32_t)part};
        if (part >= 0 && !lockstep_operation_goes_back(operation)) {
            event.calls = calls_of(operation, called, count);
            lockstep_fleet_step(fleet, now, operation, &event);
        }
    }
    lockstep_fleet_leave(fleet, now);
}

void lockstep_fleet_found(struct lockstep_fleet *fleet, uint32_t node, const struct lockstep_id *id,
                          enum lockstep_row row, struct lockstep_fleet_actions *ret_actions)
{
    static const enum lockstep_outcome outcomes[] = {
        [LOCKSTEP_ROW_NONE] = LOCKSTEP_OUTCOME_ABORT, /* presumed abort */
        [LOCKSTEP_ROW_OPEN] = LOCKSTEP_OUTCOME_PENDING,
        [LOCKSTEP_ROW_ABORT] = LOCKSTEP_OUTCOME_ABORT,
        [LOCKSTEP_ROW_COMMIT] = LOCKSTEP_OUTCOME_COMMIT,
        [LOCKSTEP_ROW_SUCCEEDED] = LOCKSTEP_OUTCOME_COMMIT,
        [LOCKSTEP_ROW_DEGRADED] = LOCKSTEP_OUTCOME_SUPERSEDED,
        [LOCKSTEP_ROW_SETTLED] = LOCKSTEP_OUTCOME_SUPERSEDED,
        [LOCKSTEP_ROW_FINAL] = LOCKSTEP_OUTCOME_FINAL,
    };
    struct lockstep_fleet_action action = {
        .type = LOCKSTEP_FLEET_SAY, .node = node, .id = *id, .outcome = outcomes[row]};
    lockstep_fleet_enter(fleet, ret_actions);
    if (row == LOCKSTEP_ROW_NONE && fleet->read_only) {
        /* A journal that was restored may have forgotten a COMMIT: presume nothing. */
        action.outcome = LOCKSTEP_OUTCOME_PENDING;
    }
    lockstep_fleet_act(fleet, &action);
    fleet->out = NULL;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Nobody is healthy for having said nothing: whose soak is over and who has not been heard of for
 * two heartbeats is waited for, until it is heard or is down. */
static void wait_for_word(const struct lockstep_fleet *fleet, struct lockstep_time now,
                          struct lockstep_operation *operation)
{
    uint64_t heartbeat = lockstep_fleet_heartbeat(fleet);
    for (uint32_t i = 0; lockstep_operation_rolls(operation) && i < operation->part_count; i++) {
        struct lockstep_part *part = &operation->parts[i];
        if (part->asked && part->state == LOCKSTEP_PART_LIVE &&
            lockstep_time_due(part->retry, now) &&
            now.ms - fleet->nodes[part->node].heard.ms > 2 * heartbeat) {
            part->retry = lockstep_time_after(now, heartbeat);
        }
    }
}

void lockstep_fleet_tick(struct lockstep_fleet *fleet, struct lockstep_time now,
                         struct lockstep_fleet_actions *ret_actions)
{
    static const struct lockstep_operation_event tick = {.type = LOCKSTEP_EVENT_TICK};
    lockstep_fleet_enter(fleet, ret_actions);
    lockstep_fleet_watch(fleet, now);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation == NULL || lockstep_time_set(fleet->isolated)) {
            continue;
        }
        fleet->behind = fleet->behind || lockstep_time_due(operation->catch_up, now);
        if (lockstep_time_due(lockstep_operation_deadline(operation), now)) {
            wait_for_word(fleet, now, operation);
            lockstep_fleet_step(fleet, now, operation, &tick);
        }
    }
    lockstep_fleet_leave(fleet, now);
}

struct lockstep_time lockstep_fleet_deadline(const struct lockstep_fleet *fleet)
{
    struct lockstep_time first = lockstep_time_after(fleet->scanned, fleet->settings.heartbeat);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL && !lockstep_time_set(fleet->isolated)) {
            first = lockstep_time_earlier(first, lockstep_operation_deadline(operation));
        }
    }
    return first;
}

/* ---- looking things up ---------------------------------------------------------------------- */

struct lockstep_operation *lockstep_fleet_operation(const struct lockstep_fleet *fleet,
                                                    const struct lockstep_id *id)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL && lockstep_id_equal(&operation->id, id)) {
            return operation;
        }
    }
    return NULL;
}

struct lockstep_operation *lockstep_fleet_child(const struct lockstep_fleet *fleet,
                                                const struct lockstep_operation *parent)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL && operation->kind == LOCKSTEP_KIND_COMPENSATION &&
            lockstep_id_equal(&operation->parent, &parent->id)) {
            return operation;
        }
    }
    return NULL;
}

struct lockstep_module *lockstep_fleet_module(const struct lockstep_fleet *fleet,
                                              const struct lockstep_name *name)
{
    for (uint32_t i = 0; i < fleet->module_count; i++) {
        if (lockstep_name_equal(&fleet->modules[i].name, name)) {
            return &fleet->modules[i];
        }
    }
    return NULL;
}

const struct lockstep_live *lockstep_node_live(const struct lockstep_node *node,
                                               const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < node->live_count; i++) {
        if (lockstep_name_equal(&node->live[i].module, module)) {
            return &node->live[i];
        }
    }
    return NULL;
}
