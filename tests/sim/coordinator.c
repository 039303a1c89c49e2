/* The coordinator's driver and its journal, made up. */
#include "tests/sim/check.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <string.h>

struct lockstep_operation *sim_operation_new(void)
{
    struct lockstep_operation *operation = calloc(1, sizeof(*operation));
    struct lockstep_operation *spare = calloc(1, sizeof(*spare));
    if (operation == NULL || spare == NULL) {
        abort();
    }
    operation->parts = calloc(SIM_NODES, sizeof(*operation->parts));
    operation->starts = calloc((size_t)SIM_NODES * SIM_MODULES, sizeof(*operation->starts));
    spare->parts = calloc(SIM_NODES, sizeof(*spare->parts));
    spare->starts = calloc((size_t)SIM_NODES * SIM_MODULES, sizeof(*spare->starts));
    operation->spare = spare;
    return operation;
}

void sim_operation_free(struct lockstep_operation *operation)
{
    if (operation != NULL) {
        sim_operation_free(operation->spare);
        free(operation->parts);
        free(operation->starts);
        free(operation);
    }
}

/* ---- starting and dying --------------------------------------------------------------------- */

static struct lockstep_operation *restored(const struct sim_record *record)
{
    struct lockstep_operation *operation = sim_operation_new();
    struct lockstep_part *parts = operation->parts;
    struct lockstep_digest *starts = operation->starts;
    struct lockstep_operation *spare = operation->spare;
    size_t count = (size_t)record->operation.part_count * record->operation.item_count;
    *operation = record->operation;
    operation->parts = parts;
    operation->starts = starts;
    operation->spare = spare;
    operation->state = LOCKSTEP_OPERATION_UNSPECIFIED;
    memcpy(parts, record->parts, record->operation.part_count * sizeof(*parts));
    memcpy(starts, record->starts, count * sizeof(*starts));
    for (uint32_t i = 0; i < operation->part_count; i++) {
        parts[i].up = false;
        parts[i].due = 0;
        parts[i].calls = 0;
    }
    operation->awaits_calls = false; /* nor is that in the journal */
    if (operation->kind == LOCKSTEP_KIND_COMPENSATION || record->row == LOCKSTEP_ROW_DEGRADED ||
        record->row == LOCKSTEP_ROW_SETTLED) {
        sim_operation_free(operation->spare);
        operation->spare = NULL;
    }
    return operation;
}

/* Of the first COUNT operations in the journal: what they open on the way is not found there. */
static void restore(struct sim_world *world, bool children, uint32_t count)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    /* A row that is written on the way may be the last thing it does. */
    for (uint32_t i = 0; coordinator->running && i < count; i++) {
        struct sim_record *record = &coordinator->records[i];
        bool child = record->operation.kind == LOCKSTEP_KIND_COMPENSATION;
        struct lockstep_fleet_actions actions;
        if (child != children) {
            continue;
        }
        lockstep_fleet_restore(&coordinator->fleet, sim_now(world), restored(record), record->row,
                               &actions);
        if (record->row == LOCKSTEP_ROW_COMMIT) {
            sim_quarantine(world, &record->operation); /* it may have died in between */
        }
        sim_coordinator_act(world, &actions);
    }
}

void sim_coordinator_start(struct sim_world *world)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    struct lockstep_fleet *fleet = &coordinator->fleet;
    uint32_t known = coordinator->record_count;
    if (coordinator->running) {
        return;
    }
    coordinator->epoch++;
    coordinator->incarnation++;
    sim_note(world, "coordinator starts, epoch %llu", (unsigned long long)coordinator->epoch);
    coordinator->running = true;
    memset(fleet, 0, sizeof(*fleet));
    memset(&coordinator->automatic, 0, sizeof(coordinator->automatic));
    fleet->nodes = coordinator->nodes;
    fleet->node_count = world->node_count;
    fleet->modules = coordinator->modules;
    fleet->module_max = SIM_MODULES;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        coordinator->modules[i].name = sim_module(i);
        coordinator->modules[i].generation = coordinator->generations[i];
        fleet->module_count++;
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        coordinator->nodes[i].live = coordinator->live[i];
        coordinator->nodes[i].journal = coordinator->journals[i];
    }
    lockstep_fleet_init(fleet, &world->settings, coordinator->epoch, coordinator->sequence,
                        sim_now(world));
    restore(world, false, known);
    restore(world, true, known);
}

void sim_coordinator_kill(struct sim_world *world)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    if (!coordinator->running) {
        return;
    }
    sim_note(world, "coordinator is killed");
    sim_journal_crash(world);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        sim_operation_free(coordinator->fleet.operations[i]);
        coordinator->fleet.operations[i] = NULL;
    }
    coordinator->running = false;
    coordinator->paused = 0;
    for (uint32_t i = 0; i < world->node_count; i++) {
        sim_break_link(world, i);
    }
}

void sim_coordinator_crash(struct sim_world *world)
{
    if (world->coordinator.running) {
        sim_coordinator_kill(world);
        sim_schedule(world, sim_between(world, 10, 1500),
                     &(struct sim_event){.type = SIM_COORDINATOR_START});
    }
}

/* ---- actions -------------------------------------------------------------------------------- */

/* The disk takes no more. What is only asked for is refused; from anything else a coordinator does
 * not go on. */
static void fail_to_write(struct sim_world *world, struct lockstep_operation *operation)
{
    sim_note(world, "op %02x: the row cannot be written", operation->id.bytes[0]);
    if (operation->state == LOCKSTEP_OPERATION_OPENING &&
        operation->kind != LOCKSTEP_KIND_COMPENSATION) {
        lockstep_fleet_refused(&world->coordinator.fleet, operation);
        sim_operation_free(operation);
    } else {
        sim_coordinator_crash(world);
    }
}

/* A kill may come before the row is handed over, just after, or while it is being written; or it
 * cannot be written. True: nothing more of the actions is to be done. */
static bool persist(struct sim_world *world, const struct lockstep_fleet_action *action)
{
    uint32_t incarnation = world->coordinator.incarnation;
    bool before = !world->calm && sim_chance(world, 1);
    bool after = !world->calm && sim_chance(world, 1);
    if (!world->calm && sim_chance(world, 1)) {
        fail_to_write(world, action->operation);
        return true;
    }
    if (!before) {
        sim_journal_write(world, action->operation, lockstep_operation_row(action->operation),
                          action->type == LOCKSTEP_FLEET_COMPENSATE ? action->child : NULL);
    }
    if (before || after) {
        sim_coordinator_crash(world);
        return true;
    }
    if (!world->calm && sim_chance(world, 2)) {
        sim_schedule(world, sim_between(world, 0, 60),
                     &(struct sim_event){.type = SIM_COORDINATOR_KILL, .incarnation = incarnation});
    }
    return false;
}

static void send_due(struct sim_world *world, struct lockstep_operation *operation)
{
    uint32_t cursor = 0;
    enum lockstep_due due;
    int64_t part;
    while ((part = lockstep_operation_next_due(operation, &cursor, &due)) >= 0) {
        struct lockstep_message message;
        lockstep_operation_message(operation, (uint32_t)part, due, &message);
        sim_send(world, operation->parts[part].node, true, &message);
    }
}

static void say(struct sim_world *world, const struct lockstep_fleet_action *action)
{
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_OUTCOME};
    message.u.decision.operation = action->id;
    message.u.decision.epoch = world->coordinator.fleet.epoch;
    message.u.decision.outcome = action->outcome;
    sim_send(world, action->node, true, &message);
}

static void look_up(struct sim_world *world, const struct lockstep_fleet_action *action)
{
    struct sim_record *record = sim_record(world, &action->id);
    struct lockstep_fleet_actions actions;
    lockstep_fleet_found(&world->coordinator.fleet, action->node, &action->id,
                         record == NULL ? LOCKSTEP_ROW_NONE : record->row, &actions);
    sim_coordinator_act(world, &actions);
}

/* Killed at action KILLED: operations that ended by then are in the rest of the list alone. */
static void free_ended(const struct lockstep_fleet_actions *actions, uint32_t killed)
{
    for (uint32_t i = killed + 1; i < actions->count; i++) {
        if (actions->list[i].type == LOCKSTEP_FLEET_ENDED) {
            sim_operation_free(actions->list[i].operation);
        }
    }
}

void sim_coordinator_act(struct sim_world *world, struct lockstep_fleet_actions *actions)
{
    sim_check_counts(world);
    for (uint32_t i = 0; i < actions->count; i++) {
        const struct lockstep_fleet_action *action = &actions->list[i];
        switch (action->type) {
        case LOCKSTEP_FLEET_PERSIST:
        case LOCKSTEP_FLEET_COMPENSATE:
            if (persist(world, action)) {
                free_ended(actions, i);
                return;
            }
            break;
        case LOCKSTEP_FLEET_PARTS:
            sim_journal_write(world, action->operation, LOCKSTEP_ROW_NONE, NULL);
            break;
        case LOCKSTEP_FLEET_SEND:
            send_due(world, action->operation);
            break;
        case LOCKSTEP_FLEET_SAY:
            say(world, action);
            break;
        case LOCKSTEP_FLEET_LOOK_UP:
            look_up(world, action);
            break;
        case LOCKSTEP_FLEET_READY:
            world->coordinator.journals[action->node] =
                world->coordinator.nodes[action->node].journal;
            break;
        case LOCKSTEP_FLEET_CLOSE:
            sim_break_link(world, action->node);
            break;
        case LOCKSTEP_FLEET_CHANGED:
            break;
        case LOCKSTEP_FLEET_ENDED:
            sim_journal_write(world, action->operation, LOCKSTEP_ROW_NONE, NULL);
            sim_note(world, "op %02x is over: %s", action->operation->id.bytes[0],
                     lockstep_operation_word(action->operation));
            sim_operation_free(action->operation);
            break;
        case LOCKSTEP_FLEET_ISOLATION:
            sim_note(world, "%s",
                     lockstep_time_set(world->coordinator.fleet.isolated) ? "is it us?"
                                                                          : "it was not us");
            break;
        case LOCKSTEP_FLEET_ROLLBACK:
            sim_fail(world, "n%u knows more than the journal, which was never restored",
                     action->node);
            break;
        }
    }
}

/* ---- what comes in -------------------------------------------------------------------------- */

void sim_coordinator_link(struct sim_world *world, uint32_t node)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    struct lockstep_message welcome = {.type = LOCKSTEP_MESSAGE_WELCOME};
    welcome.u.welcome.epoch = coordinator->fleet.epoch;
    welcome.u.welcome.decision_sequence = coordinator->fleet.sequence;
    sim_quarantine_tell(world, node);
    lockstep_fleet_link_up(&coordinator->fleet, sim_now(world), node);
    sim_send(world, node, true, &welcome);
}

/* What the node reports, kept for admission: the whole of STATE, the operation's part of ACK. */
static void note_live(struct sim_world *world, uint32_t node, const struct lockstep_live *live,
                      uint32_t count)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    for (uint32_t i = 0; i < count; i++) {
        coordinator->live[node][sim_module_index(&live[i].module)] = live[i];
    }
    coordinator->nodes[node].live_count = SIM_MODULES;
}

/* How often what NODE runs has been called, with every sign of life: as often as anybody requires,
 * or less, of a host that has just been started. There are versions that nobody calls. */
static void note_calls(struct sim_world *world, uint32_t node)
{
    struct lockstep_called called[SIM_MODULES];
    struct lockstep_fleet_actions actions;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        const struct lockstep_live *live = &world->coordinator.live[node][i];
        uint64_t calls = sim_chance(world, 95) ? SIM_CALLS : sim_between(world, 0, SIM_CALLS);
        called[i] = (struct lockstep_called){sim_module(i), live->digest,
                                             sim_is_called(&live->digest) ? calls : 0};
    }
    lockstep_fleet_called(&world->coordinator.fleet, sim_now(world), node, called, SIM_MODULES,
                          &actions);
    sim_coordinator_act(world, &actions);
}

void sim_coordinator_receive(struct sim_world *world, uint32_t node,
                             const struct lockstep_message *message)
{
    struct lockstep_fleet_actions actions;
    if (message->type == LOCKSTEP_MESSAGE_STATE ||
        message->type == LOCKSTEP_MESSAGE_REPORT) { /* which says as much here */
        note_live(world, node, message->u.state.live, message->u.state.live_count);
    } else if (message->type == LOCKSTEP_MESSAGE_ACK) {
        note_live(world, node, message->u.ack.live, message->u.ack.live_count);
    }
    lockstep_fleet_receive(&world->coordinator.fleet, sim_now(world), node, message, &actions);
    sim_coordinator_act(world, &actions);
    if (message->type == LOCKSTEP_MESSAGE_HEARTBEAT && world->coordinator.running) {
        note_calls(world, node);
    }
}

void sim_coordinator_event(struct sim_world *world, const struct sim_event *event)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    struct lockstep_operation *operation;
    struct lockstep_id id;
    struct lockstep_fleet_actions actions;
    if (!coordinator->running || coordinator->incarnation != event->incarnation) {
        return;
    }
    if (event->type == SIM_COORDINATOR_KILL) {
        sim_coordinator_crash(world);
    } else if (sim_journal_written(world, &id)) {
        operation = lockstep_fleet_operation(&coordinator->fleet, &id);
        ASSERT(operation != NULL);
        lockstep_fleet_persisted(&coordinator->fleet, sim_now(world), operation, &actions);
        sim_coordinator_act(world, &actions);
    }
}

void sim_coordinator_tick(struct sim_world *world)
{
    struct lockstep_fleet *fleet = &world->coordinator.fleet;
    if (lockstep_time_due(lockstep_fleet_deadline(fleet), sim_now(world))) {
        struct lockstep_fleet_actions actions;
        lockstep_fleet_tick(fleet, sim_now(world), &actions);
        sim_coordinator_act(world, &actions);
    }
}
