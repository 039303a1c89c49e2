#include "coordinator/core/settle.h"

#include "common/base/assert.h"
#include "coordinator/core/catch_up.h"
#include "coordinator/core/part.h"

#include <string.h>

void lockstep_fleet_act(struct lockstep_fleet *fleet, const struct lockstep_fleet_action *action)
{
    ASSERT(fleet->out != NULL);
    ASSERT(fleet->out->count < LOCKSTEP_FLEET_ACTIONS_MAX);
    fleet->out->list[fleet->out->count++] = *action;
}

/* What is asked for is done after the call, with the operation as it is then, so once is enough. A
 * call about a thousand nodes asks for as much as one about one node. */
static bool is_asked_for(const struct lockstep_fleet *fleet, enum lockstep_fleet_action_type type,
                         const struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < fleet->out->count; i++) {
        const struct lockstep_fleet_action *action = &fleet->out->list[i];
        if (action->type == type && action->operation == operation) {
            return true;
        }
    }
    return false;
}

static void act_on(struct lockstep_fleet *fleet, enum lockstep_fleet_action_type type,
                   struct lockstep_operation *operation, struct lockstep_operation *child)
{
    if (is_asked_for(fleet, type, operation)) {
        return;
    }
    lockstep_fleet_act(fleet, &(struct lockstep_fleet_action){
                                  .type = type, .operation = operation, .child = child});
}

void lockstep_fleet_send(struct lockstep_fleet *fleet, struct lockstep_operation *operation)
{
    act_on(fleet, LOCKSTEP_FLEET_SEND, operation, NULL);
}

void lockstep_fleet_changed(struct lockstep_fleet *fleet, struct lockstep_operation *operation)
{
    act_on(fleet, LOCKSTEP_FLEET_CHANGED, operation, NULL);
}

bool lockstep_operations_share(const struct lockstep_operation *a,
                               const struct lockstep_operation *b)
{
    for (uint32_t i = 0; i < a->item_count; i++) {
        for (uint32_t j = 0; j < b->item_count; j++) {
            if (lockstep_name_equal(&a->items[i].module, &b->items[j].module)) {
                return true;
            }
        }
    }
    return false;
}

static void put_in_slot(struct lockstep_fleet *fleet, struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (fleet->operations[i] == NULL) {
            fleet->operations[i] = operation;
            operation->epoch = fleet->epoch;
            return;
        }
    }
    UNREACHABLE("admission keeps slots free for every operation and its compensation");
}

/* ---- compensation --------------------------------------------------------------------------- */

/* The id of a compensation follows from its parent's, so that a coordinator that opens it, dies and
 * is asked again gives the same answer. */
struct lockstep_id lockstep_fleet_child_id(const struct lockstep_id *parent)
{
    struct lockstep_id id = *parent;
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        id.bytes[i] = (uint8_t)(id.bytes[i] ^ 0xa5U);
    }
    return id;
}

static void copy_parts(const struct lockstep_fleet *fleet, const struct lockstep_operation *parent,
                       struct lockstep_operation *child)
{
    size_t row = parent->item_count;
    for (uint32_t i = 0; i < parent->part_count; i++) {
        const struct lockstep_part *part = &parent->parts[i];
        const struct lockstep_node *node = &fleet->nodes[part->node];
        if (lockstep_part_may_run(part)) {
            uint32_t to = child->part_count++;
            memset(&child->parts[to], 0, sizeof(child->parts[to]));
            child->parts[to].node = part->node;
            child->parts[to].up = node->ready && !node->down;
            memcpy(&child->starts[to * row], &parent->starts[i * row],
                   row * sizeof(child->starts[0]));
        }
    }
}

/* Fills the parent's spare memory with its compensation. */
static struct lockstep_operation *make_child(struct lockstep_fleet *fleet,
                                             struct lockstep_operation *parent)
{
    struct lockstep_operation *child = parent->spare;
    struct lockstep_part *parts;
    struct lockstep_digest *starts;
    ASSERT(child != NULL);
    parts = child->parts;
    starts = child->starts;
    memset(child, 0, sizeof(*child));
    child->parts = parts;
    child->starts = starts;
    child->id = lockstep_fleet_child_id(&parent->id);
    child->parent = parent->id;
    child->kind = LOCKSTEP_KIND_COMPENSATION;
    child->strategy = parent->strategy;
    child->options = parent->options;
    child->options.need = 0;
    child->options.roster_size = 0;
    child->options.again = false;
    child->options.require_calls = 0;
    child->options.no_quarantine = parent->options.no_quarantine ||
                                   !lockstep_no_blames_version(parent->cause.no);
    child->roster_digest = parent->roster_digest;
    child->item_count = parent->item_count;
    for (uint32_t i = 0; i < parent->item_count; i++) {
        child->items[i].module = parent->items[i].module;
        child->items[i].generation = parent->items[i].generation + 1; /* reserved at opening */
        child->items[i].leaving = parent->items[i].digest;
    }
    copy_parts(fleet, parent, child);
    parent->spare = NULL;
    return child;
}

/* ---- what a step means for the others ------------------------------------------------------- */

/* True if A orders something newer of a module that B orders, too. */
static bool is_newer(const struct lockstep_operation *a, const struct lockstep_operation *b)
{
    for (uint32_t i = 0; i < a->item_count; i++) {
        int64_t index = lockstep_operation_item(b, &a->items[i].module);
        if (index >= 0 && a->items[i].generation > b->items[index].generation) {
            return true;
        }
    }
    return false;
}

/* BY has committed: earlier operations on its modules lose their window, and the nodes that they
 * still owe something get the newer version instead. */
static void overtake(struct lockstep_fleet *fleet, struct lockstep_time now,
                     const struct lockstep_operation *by)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *other = fleet->operations[i];
        if (other == NULL || other == by || !lockstep_operation_ended(other) ||
            !is_newer(by, other)) {
            continue;
        }
        for (uint32_t part = 0; part < other->part_count; part++) {
            struct lockstep_operation_event event = {.type = LOCKSTEP_EVENT_OVERTAKEN,
                                                     .part = part};
            if (lockstep_operation_part(by, other->parts[part].node) >= 0) {
                lockstep_fleet_step(fleet, now, other, &event);
            }
        }
    }
}

/* A coordinator may have died between a commit and the end of the windows that it overtook. */
static void overtake_restored(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        enum lockstep_outcome outcome = operation == NULL ? LOCKSTEP_OUTCOME_PENDING
                                                          : lockstep_operation_outcome(operation);
        if (outcome != LOCKSTEP_OUTCOME_PENDING && outcome != LOCKSTEP_OUTCOME_ABORT) {
            overtake(fleet, now, operation);
        }
    }
}

/* What an operation that has succeeded owes to cordoned nodes waits; and to who is cordoned no
 * more, it does not. */
static void settle_cordons(struct lockstep_fleet *fleet, struct lockstep_time now,
                           struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        bool cordoned = fleet->nodes[operation->parts[i].node].cordoned;
        struct lockstep_operation_event event = {
            .type = cordoned ? LOCKSTEP_EVENT_CORDONED : LOCKSTEP_EVENT_UNCORDONED, .part = i};
        if (operation->parts[i].state == (cordoned ? LOCKSTEP_PART_OWED : LOCKSTEP_PART_CORDONED)) {
            lockstep_fleet_step(fleet, now, operation, &event);
        }
    }
}

static void tell_parent(struct lockstep_fleet *fleet, struct lockstep_time now,
                        const struct lockstep_operation *child)
{
    struct lockstep_operation *parent = lockstep_fleet_operation(fleet, &child->parent);
    struct lockstep_operation_event event = {.type = LOCKSTEP_EVENT_WENT_BACK,
                                             .result = (enum lockstep_result)child->result};
    bool listens = parent != NULL && (parent->state == LOCKSTEP_OPERATION_DEGRADED ||
                                      parent->state == LOCKSTEP_OPERATION_SETTLED);
    if (listens && lockstep_operation_ended(child)) {
        lockstep_fleet_step(fleet, now, parent, &event);
    }
}

static void number_decision(struct lockstep_fleet *fleet, struct lockstep_operation *operation)
{
    enum lockstep_row row = lockstep_operation_row(operation);
    if (operation->sequence == 0 && (row == LOCKSTEP_ROW_COMMIT || row == LOCKSTEP_ROW_ABORT)) {
        operation->sequence = ++fleet->sequence;
    }
}

static void act_on_wants(struct lockstep_fleet *fleet, struct lockstep_time now,
                         struct lockstep_operation *operation, unsigned wants)
{
    if ((wants & LOCKSTEP_WANT_COMPENSATE) != 0) {
        struct lockstep_operation *child = make_child(fleet, operation);
        put_in_slot(fleet, child);
        (void)lockstep_operation_begin(child, now);
        act_on(fleet, LOCKSTEP_FLEET_COMPENSATE, operation, child);
    } else if ((wants & LOCKSTEP_WANT_PERSIST) != 0) {
        number_decision(fleet, operation);
        act_on(fleet, LOCKSTEP_FLEET_PERSIST, operation, NULL);
    } else if ((wants & LOCKSTEP_WANT_PARTS) != 0) {
        act_on(fleet, LOCKSTEP_FLEET_PARTS, operation, NULL);
    }
    if ((wants & LOCKSTEP_WANT_SEND) != 0) {
        lockstep_fleet_send(fleet, operation);
    }
    fleet->behind = fleet->behind || (wants & LOCKSTEP_WANT_CATCH_UP) != 0;
    if ((wants & LOCKSTEP_WANT_CHANGED) != 0) {
        lockstep_fleet_changed(fleet, operation);
    }
}

void lockstep_fleet_step(struct lockstep_fleet *fleet, struct lockstep_time now,
                         struct lockstep_operation *operation,
                         const struct lockstep_operation_event *event)
{
    unsigned before = operation->state;
    unsigned wants;
    if (lockstep_time_set(fleet->isolated)) {
        now = fleet->isolated; /* the time of operations stands still */
    }
    wants = lockstep_operation_step(operation, now, event);
    act_on_wants(fleet, now, operation, wants);
    if (operation->state != before && (operation->state == LOCKSTEP_OPERATION_SUCCEEDED ||
                                       operation->state == LOCKSTEP_OPERATION_FINAL)) {
        settle_cordons(fleet, now, operation);
    }
    if (before == LOCKSTEP_OPERATION_DECIDING && operation->state != LOCKSTEP_OPERATION_DECIDING) {
        overtake(fleet, now, operation);
    }
    if (operation->kind == LOCKSTEP_KIND_COMPENSATION) {
        tell_parent(fleet, now, operation);
    } else if (operation->state == LOCKSTEP_OPERATION_SETTLED) {
        const struct lockstep_operation *child = lockstep_fleet_child(fleet, operation);
        if (child != NULL && event->type == LOCKSTEP_EVENT_PERSISTED) {
            tell_parent(fleet, now, child); /* it may have changed while the row was written */
        }
    }
}

/* A node may have left after the journal's last word of it. */
static void drop_gone(struct lockstep_fleet *fleet, struct lockstep_time now,
                      struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < operation->part_count; i++) {
        struct lockstep_operation_event event = {.type = LOCKSTEP_EVENT_NODE_GONE,
                                                 .part = i,
                                                 .no = LOCKSTEP_NO_REVOKED,
                                                 .text = "it is no node of the fleet any more"};
        if (fleet->nodes[operation->parts[i].node].gone) {
            lockstep_fleet_step(fleet, now, operation, &event);
        }
    }
}

/* ---- entering and leaving ------------------------------------------------------------------- */

void lockstep_fleet_enter(struct lockstep_fleet *fleet, struct lockstep_fleet_actions *actions)
{
    ASSERT(fleet->out == NULL);
    fleet->out = actions;
    actions->count = 0;
}

/* A window may not end by time while another operation holds one of its modules. */
static void hold_windows(struct lockstep_fleet *fleet)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation == NULL || operation->state != LOCKSTEP_OPERATION_SUCCEEDED) {
            continue;
        }
        operation->window_held = false;
        for (uint32_t j = 0; j < LOCKSTEP_FLEET_OPERATIONS; j++) {
            const struct lockstep_operation *other = fleet->operations[j];
            if (other != NULL && j != i && lockstep_operation_holds_lock(other) &&
                lockstep_operations_share(operation, other)) {
                operation->window_held = true;
            }
        }
    }
}

/* A parent waits for its compensation to be done, and the other way round. */
static bool forgettable(const struct lockstep_fleet *fleet,
                        const struct lockstep_operation *operation)
{
    const struct lockstep_operation *relative = operation->kind == LOCKSTEP_KIND_COMPENSATION
                                                    ? lockstep_fleet_operation(fleet,
                                                                               &operation->parent)
                                                    : lockstep_fleet_child(fleet, operation);
    bool idle = lockstep_operation_idle(operation);
    bool mixed = operation->state == LOCKSTEP_OPERATION_SETTLED && !idle;
    if (relative == NULL) {
        return idle || mixed; /* nobody is left who could settle it */
    }
    if (operation->kind == LOCKSTEP_KIND_COMPENSATION) {
        return idle && relative->state == LOCKSTEP_OPERATION_SETTLED;
    }
    return idle;
}

void lockstep_fleet_leave(struct lockstep_fleet *fleet, struct lockstep_time now)
{
    hold_windows(fleet);
    lockstep_fleet_catch_up(fleet, now);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL && forgettable(fleet, operation)) {
            fleet->operations[i] = NULL;
            act_on(fleet, LOCKSTEP_FLEET_ENDED, operation, NULL);
        }
    }
    fleet->out = NULL;
}

void lockstep_fleet_begin(struct lockstep_fleet *fleet, struct lockstep_time now,
                          struct lockstep_operation *operation,
                          struct lockstep_fleet_actions *ret_actions)
{
    lockstep_fleet_enter(fleet, ret_actions);
    put_in_slot(fleet, operation);
    act_on_wants(fleet, now, operation, lockstep_operation_begin(operation, now));
    lockstep_fleet_leave(fleet, now);
}

void lockstep_fleet_restore(struct lockstep_fleet *fleet, struct lockstep_time now,
                            struct lockstep_operation *operation, enum lockstep_row row,
                            struct lockstep_fleet_actions *ret_actions)
{
    lockstep_fleet_enter(fleet, ret_actions);
    put_in_slot(fleet, operation);
    act_on_wants(fleet, now, operation, lockstep_operation_resume(operation, now, row));
    settle_cordons(fleet, now, operation);
    drop_gone(fleet, now, operation);
    overtake_restored(fleet, now);
    if (operation->kind == LOCKSTEP_KIND_COMPENSATION) {
        tell_parent(fleet, now, operation);
    }
    fleet->out = NULL; /* nothing is forgotten before all are restored */
}

void lockstep_fleet_persisted(struct lockstep_fleet *fleet, struct lockstep_time now,
                              struct lockstep_operation *operation,
                              struct lockstep_fleet_actions *ret_actions)
{
    static const struct lockstep_operation_event done = {.type = LOCKSTEP_EVENT_PERSISTED};
    bool degrading = operation->state == LOCKSTEP_OPERATION_DEGRADING;
    struct lockstep_operation *child;
    lockstep_fleet_enter(fleet, ret_actions);
    lockstep_fleet_step(fleet, now, operation, &done);
    child = degrading ? lockstep_fleet_child(fleet, operation) : NULL;
    if (child != NULL) {
        lockstep_fleet_step(fleet, now, child, &done);
    }
    lockstep_fleet_leave(fleet, now);
}

void lockstep_fleet_refused(struct lockstep_fleet *fleet, struct lockstep_operation *operation)
{
    ASSERT(fleet->out == NULL);
    ASSERT(operation->state == LOCKSTEP_OPERATION_OPENING);
    ASSERT(operation->kind != LOCKSTEP_KIND_COMPENSATION);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (fleet->operations[i] == operation) {
            fleet->operations[i] = NULL;
        }
    }
    for (uint32_t i = 0; i < operation->item_count; i++) {
        struct lockstep_module *module = lockstep_fleet_module(fleet, &operation->items[i].module);
        ASSERT(module != NULL && module->generation == operation->items[i].generation + 1);
        module->generation -= 2; /* the lock was held all the time: nobody has seen them */
    }
    hold_windows(fleet);
}

void lockstep_fleet_abort(struct lockstep_fleet *fleet, struct lockstep_time now,
                          struct lockstep_operation *operation,
                          struct lockstep_fleet_actions *ret_actions)
{
    static const struct lockstep_operation_event event = {.type = LOCKSTEP_EVENT_ABORT};
    lockstep_fleet_enter(fleet, ret_actions);
    lockstep_fleet_step(fleet, now, operation, &event);
    lockstep_fleet_leave(fleet, now);
}

/* ---- cordons -------------------------------------------------------------------------------- */

const struct lockstep_operation *lockstep_fleet_undecided(const struct lockstep_fleet *fleet,
                                                          uint32_t node)
{
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        int64_t part = operation == NULL || operation->state > LOCKSTEP_OPERATION_DECIDING ||
                               operation->state == LOCKSTEP_OPERATION_ABORTED
                           ? -1
                           : lockstep_operation_part(operation, node);
        if (part >= 0 && operation->parts[part].state != LOCKSTEP_PART_CORDONED) {
            return operation;
        }
    }
    return NULL;
}

void lockstep_fleet_cordon(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                           bool cordoned, struct lockstep_fleet_actions *ret_actions)
{
    ASSERT(node < fleet->node_count);
    lockstep_fleet_enter(fleet, ret_actions);
    fleet->nodes[node].cordoned = cordoned;
    lockstep_fleet_tell(fleet, now, node,
                        cordoned ? LOCKSTEP_EVENT_CORDONED : LOCKSTEP_EVENT_UNCORDONED);
    lockstep_fleet_leave(fleet, now);
}

/* ---- leaving the fleet ---------------------------------------------------------------------- */

/* The machine that NODE was is not heard any more, and nothing that it reported is so. */
static void cut_off(struct lockstep_fleet *fleet, uint32_t node)
{
    struct lockstep_node *row = &fleet->nodes[node];
    row->held = LOCKSTEP_TIME_NEVER;
    row->live = NULL;
    row->live_count = 0;
}

static void tell_one(struct lockstep_fleet *fleet, struct lockstep_time now,
                     struct lockstep_operation *operation, uint32_t node,
                     struct lockstep_operation_event event)
{
    int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
    if (part >= 0) {
        event.part = (uint32_t)part;
        lockstep_fleet_step(fleet, now, operation, &event);
    }
}

void lockstep_fleet_forget(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                           const char *why, struct lockstep_fleet_actions *ret_actions)
{
    const struct lockstep_operation_event event = {
        .type = LOCKSTEP_EVENT_NODE_GONE, .no = LOCKSTEP_NO_REVOKED, .text = why};
    struct lockstep_node *row = &fleet->nodes[node];
    ASSERT(node < fleet->node_count);
    lockstep_fleet_link_down(fleet, now, node);
    lockstep_fleet_enter(fleet, ret_actions);
    row->gone = true;
    row->member = false;
    row->cordoned = false;
    cut_off(fleet, node);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        tell_one(fleet, now, fleet->operations[i], node, event);
    }
    lockstep_fleet_leave(fleet, now);
}

/* An operation that has ended and something newer has followed owes nobody anything. */
static bool is_void(const struct lockstep_replacement *replacement,
                    const struct lockstep_operation *operation)
{
    bool owes = operation == NULL || !lockstep_operation_ended(operation) ||
                lockstep_operation_goes_back(operation);
    for (size_t i = 0; i < replacement->owed_count && !owes; i++) {
        owes = lockstep_id_equal(&replacement->owed[i], &operation->id);
    }
    return !owes;
}

/* Its journal stays that of the machine before: so the new one is seen to have another. */
void lockstep_fleet_replace(struct lockstep_fleet *fleet, struct lockstep_time now,
                            const struct lockstep_replacement *replacement,
                            struct lockstep_fleet_actions *ret_actions)
{
    const struct lockstep_operation_event event = {
        .type = LOCKSTEP_EVENT_NODE_REPLACED, .no = LOCKSTEP_NO_REVOKED, .text = replacement->why};
    uint32_t node = replacement->node;
    ASSERT(node < fleet->node_count && !fleet->nodes[node].gone);
    lockstep_fleet_link_down(fleet, now, node);
    lockstep_fleet_enter(fleet, ret_actions);
    fleet->nodes[node].returns = 0;
    cut_off(fleet, node);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (!is_void(replacement, fleet->operations[i])) {
            tell_one(fleet, now, fleet->operations[i], node, event);
        }
    }
    lockstep_fleet_leave(fleet, now);
}
