/* An agent's driver, its journal and its host, made up. It does what the core says, in order. */
#include "tests/sim/check.h"
#include "tests/sim/host.h"

#include "agent/core/finding.h"
#include "common/base/assert.h"

#include <string.h>

static void act(struct sim_world *world, uint32_t node, struct lockstep_agent_actions *actions);
static void crash_journal(struct sim_world *world, uint32_t node);

/* Rows that were never written are zeros still, and most are. */
void sim_disk_clear(struct sim_disk *disk)
{
    memset(disk->rows, 0, disk->row_count * sizeof(disk->rows[0]));
    memset(disk, 0, offsetof(struct sim_disk, rows));
    memset(&disk->refused_count, 0, sizeof(*disk) - offsetof(struct sim_disk, refused_count));
}

static void init_disk(struct sim_node *row)
{
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        struct lockstep_agent_module *module = &row->disk.modules[i];
        module->name = sim_module(i);
        module->service = SIM_SERVICE;
        module->current.digest = sim_first(i);
    }
}

void sim_node_init(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    init_disk(row);
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        row->host.loaded[i] = row->disk.modules[i].current;
    }
    row->disk.journal.bytes[0] = (uint8_t)(node + 1);
    row->host.up = true;
    row->host.incarnation = 1;
    world->coordinator.nodes[node].name.text[0] = 'n';
    world->coordinator.nodes[node].name.text[1] = (char)('0' + node);
}

void sim_node_start(struct sim_world *world, uint32_t node)
{
    static const struct lockstep_name service = {"default"};
    struct sim_node *row = &world->nodes[node];
    struct lockstep_agent *core = &row->core;
    if (row->running) {
        return;
    }
    sim_note(world, "n%u starts", node);
    row->running = true;
    row->incarnation++;
    row->ahead = sim_between(world, 0, UINT64_C(1) << 40); /* clocks are nobody's but their own */
    lockstep_agent_init(core, &world->settings, row->modules, SIM_MODULES);
    core->journal = row->disk.journal;
    core->epoch = row->disk.epoch;
    core->decision_sequence = row->disk.sequence;
    core->refused = row->disk.refused;
    core->refused_count = row->disk.refused_count;
    (void)lockstep_agent_add_service(core, &service, true, sim_node_now(world, node));
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        *lockstep_agent_add_module(core, &row->disk.modules[i].name) = row->disk.modules[i];
    }
    for (uint32_t i = 0; i < row->disk.row_count; i++) {
        if (row->disk.rows[i].row >= LOCKSTEP_DUTY_ROW_ABORTED) {
            lockstep_agent_restore_ended(core, &row->disk.rows[i].order.operation,
                                         row->disk.rows[i].row);
        } else if (!lockstep_agent_restore(core, sim_node_now(world, node),
                                           &row->disk.rows[i].order, row->disk.rows[i].row)) {
            sim_fail(world, "n%u: more open operations in the journal than fit", node);
        }
    }
    if (row->host.up) {
        core->services[0].start = LOCKSTEP_TIME_NEVER; /* it outlived its agent, and will say so */
        sim_host_hello(world, node, sim_between(world, 5, 50));
    }
    sim_schedule(world, sim_between(world, 5, 100),
                 &(struct sim_event){.type = SIM_LINK, .node = node});
    sim_schedule(
        world, sim_between(world, 1, world->settings.heartbeat),
        &(struct sim_event){.type = SIM_HEARTBEAT, .node = node, .incarnation = row->incarnation});
}

void sim_node_kill(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    if (!row->running) {
        return;
    }
    sim_note(world, "n%u is killed", node);
    crash_journal(world, node);
    row->running = false;
    row->paused = 0;
    sim_host_alone(world, node);
    sim_break_link(world, node);
    sim_schedule(world, sim_between(world, 10, 2500),
                 &(struct sim_event){.type = SIM_AGENT_START, .node = node});
}

void sim_node_wipe(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    struct lockstep_id journal = row->disk.journal;
    sim_node_kill(world, node);
    sim_host_crash(world, node);
    sim_disk_clear(&row->disk);
    init_disk(row);
    journal.bytes[1]++;
    row->disk.journal = journal;
}

/* ---- the host ------------------------------------------------------------------------------- */

void sim_node_host_lost(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    if (row->running) {
        struct lockstep_agent_actions actions;
        lockstep_agent_host_lost(&row->core, sim_node_now(world, node), SIM_SERVICE, &actions);
        act(world, node, &actions);
    }
}

void sim_node_host_up(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    struct lockstep_live live[SIM_MODULES];
    struct lockstep_agent_actions actions;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        live[i] = (struct lockstep_live){sim_module(i), row->host.loaded[i].generation,
                                         row->host.loaded[i].digest};
    }
    lockstep_agent_host_up(&row->core, sim_node_now(world, node), SIM_SERVICE, live, SIM_MODULES,
                           &actions);
    act(world, node, &actions);
}

/* ---- work ----------------------------------------------------------------------------------- */

static enum lockstep_no opinion(struct sim_world *world, const struct lockstep_duty *duty,
                                enum lockstep_work work)
{
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        enum sim_nature nature = sim_nature(world, &duty->order.items[i].digest);
        if (!lockstep_duty_changes(duty, i)) {
            continue;
        }
        if (work == LOCKSTEP_WORK_PROBE && nature == SIM_BROKEN) {
            return LOCKSTEP_NO_BADFILE;
        }
        if (work == LOCKSTEP_WORK_PROBE && nature == SIM_SHY && sim_chance(world, 40)) {
            return sim_chance(world, 80) ? LOCKSTEP_NO_SYMBOL : LOCKSTEP_NO_BADFILE;
        }
        if (work == LOCKSTEP_WORK_MIGRATE && nature == SIM_STUCK && sim_chance(world, 70)) {
            return sim_chance(world, 50) ? LOCKSTEP_NO_DRAIN : LOCKSTEP_NO_STATE;
        }
    }
    if (!world->calm && work <= LOCKSTEP_WORK_MAP && sim_chance(world, 3)) {
        return LOCKSTEP_NO_STORAGE;
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static void begin_work(struct sim_world *world, uint32_t node,
                       const struct lockstep_agent_action *action)
{
    struct sim_event event = {.type = SIM_WORKED,
                              .node = node,
                              .incarnation = world->nodes[node].incarnation,
                              .session = world->nodes[node].host.incarnation,
                              .operation = action->duty->order.operation,
                              .work = action->work};
    event.result.ticket = action->ticket;
    event.result.no = opinion(world, action->duty, action->work);
    sim_host_ask(world, node, action->duty, action->work);
    sim_schedule(world,
                 sim_chance(world, 95) ? sim_between(world, 1, 30) : sim_between(world, 30, 900),
                 &event);
}

static void work_done(struct sim_world *world, const struct sim_event *event)
{
    struct sim_node *row = &world->nodes[event->node];
    struct lockstep_work_result result = event->result;
    struct lockstep_agent_actions actions;
    if (event->work >= LOCKSTEP_WORK_MAP) {
        if (!row->host.up || row->host.incarnation != event->session) {
            return; /* the host is gone, and the core knows */
        }
        sim_host_answer(world, event, &result);
    }
    result.ok = result.no == LOCKSTEP_NO_UNSPECIFIED;
    lockstep_agent_worked(&row->core, sim_node_now(world, event->node), &result, &actions);
    act(world, event->node, &actions);
}

/* ---- the journal ---------------------------------------------------------------------------- */

/* Notes when the bytes that NODE runs are changed by ORDER. */
static void note_change(struct sim_world *world, uint32_t node,
                        const struct lockstep_prepare *order)
{
    struct sim_record *record = sim_record(world, &order->operation);
    for (uint32_t i = 0; i < order->item_count && record != NULL; i++) {
        uint32_t index = sim_module_index(&order->items[i].module);
        const struct lockstep_digest *digest = &order->items[i].digest;
        const struct sim_node *row = &world->nodes[node];
        if (!lockstep_digest_equal(&row->disk.modules[index].current.digest, digest) &&
            !lockstep_digest_equal(&row->host.loaded[index].digest, digest)) {
            record->changed[node] = world->now;
        }
    }
}

/* ORDER is the journal's own. */
static void point(struct sim_world *world, uint32_t node, struct lockstep_prepare *order)
{
    struct sim_disk *disk = &world->nodes[node].disk;
    sim_check_pointer(world, node, order);
    note_change(world, node, order);
    for (uint32_t i = 0; i < order->item_count; i++) {
        struct lockstep_agent_module *module =
            &disk->modules[sim_module_index(&order->items[i].module)];
        if (module->generation >= order->items[i].generation) {
            sim_fail(world, "n%u: generation of %s falls from %llu to %llu", node,
                     module->name.text, (unsigned long long)module->generation,
                     (unsigned long long)order->items[i].generation);
        }
        sim_check_way_back(world, node, order, &order->items[i], module);
        lockstep_module_point(module, order, &order->items[i]);
    }
}

/* Returns false if it is refused already. */
static bool refuse(struct sim_disk *disk, const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < disk->refused_count; i++) {
        if (lockstep_digest_equal(&disk->refused[i], digest)) {
            return false;
        }
    }
    ASSERT(disk->refused_count < SIM_ROWS);
    disk->refused[disk->refused_count++] = *digest;
    return true;
}

static void fall(struct sim_world *world, uint32_t node, const struct lockstep_prepare *order)
{
    struct sim_node *row = &world->nodes[node];
    for (uint32_t i = 0; i < order->item_count; i++) {
        uint32_t index = sim_module_index(&order->items[i].module);
        if (lockstep_module_fall(&row->disk.modules[index], &order->items[i])) {
            (void)refuse(&row->disk, &order->items[i].digest);
            row->strayed[index] = true;
        }
    }
    row->core.refused_count = row->disk.refused_count;
}

void sim_node_quarantine(struct sim_world *world, uint32_t node, uint32_t count)
{
    struct sim_node *row = &world->nodes[node];
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < count; i++) {
        fresh += refuse(&row->disk, &world->coordinator.bad[i]) ? 1 : 0;
    }
    row->core.refused_count = row->disk.refused_count;
    sim_note(world, "n%u is told of %u bad versions, %u of them new", node, count, fresh);
}

static void note_vow(struct sim_world *world, uint32_t node, const struct lockstep_prepare *order)
{
    struct sim_record *record = sim_record(world, &order->operation);
    if (record != NULL) {
        record->vowed |= 1U << node;
    }
}

static void write_row(struct sim_world *world, uint32_t node, const struct lockstep_prepare *order,
                      enum lockstep_duty_row row)
{
    struct sim_disk *disk = &world->nodes[node].disk;
    uint32_t i = 0;
    while (i < disk->row_count &&
           !lockstep_id_equal(&disk->rows[i].order.operation, &order->operation)) {
        i++;
    }
    if (i == SIM_ROWS) {
        sim_fail(world, "n%u: the made-up journal is full", node);
        return;
    }
    if (i == disk->row_count) {
        disk->rows[i].order = *order;
        disk->row_count++;
    }
    if (row == LOCKSTEP_DUTY_ROW_PREPARED) {
        note_vow(world, node, order);
    } else if (row == LOCKSTEP_DUTY_ROW_COMMITTED) {
        point(world, node, &disk->rows[i].order);
    } else if (row == LOCKSTEP_DUTY_ROW_FELL) {
        fall(world, node, &disk->rows[i].order);
    } else if (row == LOCKSTEP_DUTY_ROW_ABORTED &&
               disk->rows[i].row == LOCKSTEP_DUTY_ROW_PREPARED) {
        sim_check_abandoned(world, node, order);
    }
    disk->rows[i].row = row;
}

static void make_durable(struct sim_world *world, uint32_t node, struct sim_node_write *write)
{
    if (write->ok && !write->durable) {
        write_row(world, node, &write->order, write->row);
    }
    write->durable = true;
}

/* ROW becomes durable a while later, in order. The core waits for it if it is TOLD. */
static void write_later(struct sim_world *world, uint32_t node,
                        const struct lockstep_agent_action *action, bool told)
{
    struct sim_node *row = &world->nodes[node];
    uint64_t delay = world->calm || sim_chance(world, 95) ? sim_between(world, 0, 5)
                                                          : sim_between(world, 5, 300);
    bool vow = action->row == LOCKSTEP_DUTY_ROW_PREPARED;
    struct sim_node_write *write = &row->writes[row->write_count];
    ASSERT(row->write_count < SIM_NODE_WRITES);
    row->write_count++;
    *write = (struct sim_node_write){.order = action->duty->order,
                                     .row = action->row,
                                     .told = told,
                                     .ok = world->calm || !vow || !sim_chance(world, 3)};
    if (row->written < world->now + delay) {
        row->written = world->now + delay;
    }
    sim_schedule(world, row->written - world->now,
                 &(struct sim_event){
                     .type = SIM_NODE_WRITTEN, .node = node, .incarnation = row->incarnation});
}

static void written(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    struct sim_node_write write;
    struct lockstep_agent_actions actions;
    ASSERT(row->write_count > 0);
    make_durable(world, node, &row->writes[0]);
    write = row->writes[0];
    row->write_count--;
    memmove(&row->writes[0], &row->writes[1], row->write_count * sizeof(row->writes[0]));
    if (write.told) {
        lockstep_agent_persisted(&row->core, sim_node_now(world, node), &write.order.operation,
                                 write.ok, &actions);
        act(world, node, &actions);
    }
}

/* The agent dies: what was being written is there up to some point, and not from there on. */
static void crash_journal(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    uint64_t kept = sim_between(world, 0, row->write_count);
    for (uint32_t i = 0; i < kept; i++) {
        make_durable(world, node, &row->writes[i]);
    }
    row->write_count = 0;
    row->written = 0;
}

/* A kill may come before the row is handed over, just after, or while it is being written. */
static void persist(struct sim_world *world, uint32_t node,
                    const struct lockstep_agent_action *action)
{
    bool before = !world->calm && sim_chance(world, 1);
    bool after = !world->calm && sim_chance(world, 1);
    if (!world->calm && action->row != LOCKSTEP_DUTY_ROW_PREPARED && sim_chance(world, 1)) {
        sim_note(world, "n%u cannot write its journal", node);
        before = true; /* it does not go on from that; for a vow it says NO */
    }
    if (!before) {
        write_later(world, node, action, true);
    }
    if (before || after) {
        sim_node_kill(world, node);
    } else if (!world->calm && sim_chance(world, 2)) {
        sim_schedule(world, sim_between(world, 0, 60),
                     &(struct sim_event){.type = SIM_NODE_KILL,
                                         .node = node,
                                         .incarnation = world->nodes[node].incarnation});
    }
}

/* ---- actions -------------------------------------------------------------------------------- */

/* What its hosts serve; the wire has a shape of its own for it. */
static void report(struct sim_world *world, uint32_t node)
{
    const struct lockstep_agent *core = &world->nodes[node].core;
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_REPORT};
    for (uint32_t i = 0; i < core->module_count; i++) {
        message.u.state.live[message.u.state.live_count++] = lockstep_agent_live(core,
                                                                                 &core->modules[i]);
    }
    sim_send(world, node, false, &message);
}

static void act(struct sim_world *world, uint32_t node, struct lockstep_agent_actions *actions)
{
    struct sim_node *row = &world->nodes[node];
    struct lockstep_message message;
    for (uint32_t i = 0; i < actions->count && row->running; i++) {
        const struct lockstep_agent_action *action = &actions->list[i];
        switch (action->type) {
        case LOCKSTEP_AGENT_WORK:
            begin_work(world, node, action);
            break;
        case LOCKSTEP_AGENT_PERSIST:
            persist(world, node, action);
            break;
        case LOCKSTEP_AGENT_NOTE:
            write_later(world, node, action, false);
            break;
        case LOCKSTEP_AGENT_EPOCH:
            row->disk.epoch = row->core.epoch;
            row->disk.sequence = row->core.decision_sequence;
            break;
        case LOCKSTEP_AGENT_SEND:
            lockstep_agent_message(&row->core, action, &message);
            sim_send(world, node, false, &message);
            break;
        case LOCKSTEP_AGENT_START:
            sim_host_start(world, node);
            break;
        case LOCKSTEP_AGENT_STRANGE:
            sim_fail(world, "n%u: the coordinator contradicts itself", node);
            break;
        case LOCKSTEP_AGENT_DROP:
            sim_host_drop(world, node, &action->duty->order.operation);
            break;
        case LOCKSTEP_AGENT_REPORT:
            report(world, node);
            break;
        case LOCKSTEP_AGENT_RETIRE:
        case LOCKSTEP_AGENT_ALARM:
            break;
        }
    }
}

void sim_node_receive(struct sim_world *world, uint32_t node,
                      const struct lockstep_message *message)
{
    struct lockstep_agent *core = &world->nodes[node].core;
    struct lockstep_agent_actions actions;
    bool was_there = message->type == LOCKSTEP_MESSAGE_PREPARE &&
                     lockstep_agent_duty(core, &message->u.prepare.operation) != NULL;
    actions.count = 0;
    switch ((unsigned)message->type) {
    case LOCKSTEP_MESSAGE_WELCOME:
        lockstep_agent_welcome(core, sim_node_now(world, node), &message->u.welcome, &actions);
        break;
    case LOCKSTEP_MESSAGE_PREPARE:
    case LOCKSTEP_MESSAGE_DECISION:
    case LOCKSTEP_MESSAGE_OUTCOME:
    case LOCKSTEP_MESSAGE_FINAL:
        lockstep_agent_receive(core, sim_node_now(world, node), message, &actions);
        break;
    default:
        break;
    }
    if (message->type == LOCKSTEP_MESSAGE_PREPARE) {
        sim_check_taken_up(world, node, &message->u.prepare, was_there);
    }
    act(world, node, &actions);
}

/* Whoever looks at what runs tells the agent of it, as long as it runs. */
static void check_failed(struct sim_world *world, const struct sim_event *event)
{
    struct sim_node *row = &world->nodes[event->node];
    struct lockstep_agent_actions actions;
    bool sick = false;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        struct lockstep_name module = sim_module(i);
        struct lockstep_finding finding = {.service = SIM_SERVICE,
                                           .module = &module,
                                           .no = LOCKSTEP_NO_HEALTH,
                                           .text = "a check failed",
                                           .since = sim_node_now(world, event->node),
                                           .begun = sim_node_now(world, event->node)};
        if (sim_nature(world, &row->host.loaded[i].digest) != SIM_SICK) {
            continue;
        }
        sick = true;
        if (row->running) {
            lockstep_agent_unhealthy(&row->core, sim_node_now(world, event->node), &finding,
                                     &actions);
            act(world, event->node, &actions);
        }
    }
    if (sick) {
        sim_schedule(world, sim_between(world, 100, 1000), event);
    }
}

void sim_node_event(struct sim_world *world, const struct sim_event *event)
{
    struct sim_node *row = &world->nodes[event->node];
    bool ours = row->running && row->incarnation == event->incarnation;
    bool hosts = row->host.up && row->host.incarnation == event->incarnation;
    switch ((unsigned)event->type) {
    case SIM_NODE_WRITTEN:
        if (ours) {
            written(world, event->node);
        }
        break;
    case SIM_NODE_KILL:
        if (ours) {
            sim_node_kill(world, event->node);
        }
        break;
    case SIM_WORKED:
        if (ours) {
            work_done(world, event);
        }
        break;
    case SIM_HOST_UP:
        if (hosts && row->running) {
            sim_host_says_hello(world, event->node);
        }
        break;
    case SIM_HOST_CRASH:
        if (hosts) {
            sim_host_crash(world, event->node);
        }
        break;
    case SIM_CHECK_FAILED:
        if (hosts) {
            check_failed(world, event);
        }
        break;
    case SIM_HEARTBEAT:
        if (ours) {
            sim_send(world, event->node, false,
                     &(struct lockstep_message){.type = LOCKSTEP_MESSAGE_HEARTBEAT});
            report(world, event->node);
            sim_schedule(world, world->settings.heartbeat, event);
        }
        break;
    default:
        UNREACHABLE("not an event of a node");
    }
}

void sim_node_tick(struct sim_world *world, uint32_t node)
{
    struct lockstep_agent *core = &world->nodes[node].core;
    if (lockstep_time_due(lockstep_agent_deadline(core), sim_node_now(world, node))) {
        struct lockstep_agent_actions actions;
        lockstep_agent_tick(core, sim_node_now(world, node), &actions);
        act(world, node, &actions);
    }
}
