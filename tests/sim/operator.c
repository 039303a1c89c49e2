/* Somebody who asks for reloads, undoes them and changes their mind, and looks after nodes. */
#include "tests/sim/world.h"

#include <string.h>

void sim_options(struct sim_world *world, struct lockstep_operation_options *options)
{
    const struct lockstep_defaults *settings = &world->settings;
    options->on_failure = sim_chance(world, 95) ? LOCKSTEP_ON_FAILURE_ROLLBACK
                                                : LOCKSTEP_ON_FAILURE_HOLD;
    options->drain = sim_chance(world, 25) ? LOCKSTEP_DRAIN_ALWAYS : LOCKSTEP_DRAIN_AUTO;
    options->prepare_ms = settings->prepare;
    options->fetch_ms = settings->fetch;
    options->drain_timeout_ms = SIM_DRAIN_MS;
    options->commit_deadline_ms = settings->commit_deadline;
    options->soak_ms = sim_chance(world, 40) ? 0 : sim_between(world, 50, 1000);
    options->window_ms = settings->rollback_window;
    options->deadline_ms = settings->operation_deadline;
    options->resend_first_ms = settings->decision_resend_first;
    options->resend_last_ms = settings->decision_resend_last;
}

/* A version that was named before; often one that is on a node. */
static uint32_t seen_before(struct sim_world *world, uint32_t module)
{
    uint32_t node = (uint32_t)sim_between(world, 0, world->node_count - 1);
    uint32_t version = sim_version(&world->nodes[node].disk.modules[module].current.digest);
    return version != 0 && sim_chance(world, 50)
               ? version
               : (uint32_t)sim_between(world, 1, world->next_version - 1);
}

static void choose_items(struct sim_world *world, struct lockstep_request *request)
{
    uint32_t first = (uint32_t)sim_between(world, 0, SIM_MODULES - 1);
    request->item_count = (uint32_t)sim_between(world, 1, 3);
    for (uint32_t i = 0; i < request->item_count; i++) {
        uint32_t module = (first + i) % SIM_MODULES;
        uint32_t version = world->next_version++;
        if (sim_chance(world, request->strategy == LOCKSTEP_STRATEGY_LOCAL ? 50 : 15)) {
            version = seen_before(world, module);
        }
        request->items[i].module = sim_module(module);
        request->items[i].digest = sim_digest(module, version);
        request->items[i].quarantined = sim_quarantined(world, &request->items[i].digest);
    }
}

/* An undo goes from what most nodes run to what each of them recorded before. The coordinator knows
 * that from its history; here the nodes' journals are asked. */
static bool choose_undo(struct sim_world *world, struct lockstep_request *request,
                        const uint32_t *selected, struct lockstep_digest *targets)
{
    uint32_t module = (uint32_t)sim_between(world, 0, SIM_MODULES - 1);
    const struct lockstep_agent_module *first = &world->nodes[selected[0]].disk.modules[module];
    request->kind = LOCKSTEP_KIND_UNDO;
    request->install = false;
    request->item_count = 1;
    request->items[0].module = sim_module(module);
    request->items[0].leaving = first->current.digest;
    for (uint32_t i = 0; i < request->selected_count; i++) {
        const struct lockstep_agent_module *row = &world->nodes[selected[i]].disk.modules[module];
        bool leaves = lockstep_digest_equal(&row->current.digest, &first->current.digest);
        targets[i] = leaves ? row->previous.digest : row->current.digest;
        if (leaves && !row->has_previous) {
            return false; /* nobody knows what it would lead to */
        }
    }
    request->targets = targets;
    request->options.no_quarantine = sim_chance(world, 50);
    return true;
}

/* One for local, which may be pinned for a while; mostly all for the others. */
static void choose_nodes(struct sim_world *world, struct lockstep_request *request,
                         uint32_t selected[SIM_NODES])
{
    bool some = sim_chance(world, 25);
    if (request->strategy == LOCKSTEP_STRATEGY_LOCAL) {
        request->options.pin_ms = sim_chance(world, 70) ? sim_between(world, 200, 9000) : 0;
        selected[request->selected_count++] = (uint32_t)sim_between(world, 0,
                                                                    world->node_count - 1);
        return;
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (!some || sim_chance(world, 60) || i + request->selected_count < 1) {
            selected[request->selected_count++] = i;
        }
    }
}

bool sim_submit(struct sim_world *world, struct lockstep_request *request)
{
    struct lockstep_fleet *fleet = &world->coordinator.fleet;
    uint32_t roster[SIM_NODES];
    struct lockstep_digest desired[SIM_NODES * LOCKSTEP_ITEMS_MAX];
    struct lockstep_plan plan = {.roster = roster};
    struct lockstep_fleet_actions actions;
    struct lockstep_operation *operation;
    bool fresh = lockstep_id_is_zero(&request->operation);
    if (fresh) {
        request->operation.bytes[0] = (uint8_t)(world->submitted + 1);
        request->operation.bytes[1] = 1;
    }
    for (uint32_t i = 0; i < request->selected_count * request->item_count; i++) {
        desired[i] = sim_desired(world, request->selected[i / request->item_count],
                                 sim_module_index(&request->items[i % request->item_count].module));
    }
    request->desired = desired;
    lockstep_fleet_plan(fleet, request, &plan);
    sim_note(world, "operator: %s %s of %u items: %s", lockstep_kind_text(request->kind),
             lockstep_strategy_text(request->strategy), request->item_count,
             lockstep_admission_name(plan.admission));
    if (plan.admission == LOCKSTEP_ADMISSION_ADMITTED) {
        operation = sim_operation_new();
        world->submitted += fresh ? 1 : 0;
        lockstep_fleet_open(fleet, sim_now(world), request, &plan, operation, &actions);
        sim_coordinator_act(world, &actions);
    }
    return plan.admission == LOCKSTEP_ADMISSION_ADMITTED;
}

static void remember(struct sim_world *world, const struct lockstep_request *request)
{
    struct sim_asked *asked = &world->asked;
    asked->request = *request;
    memcpy(asked->selected, request->selected,
           request->selected_count * sizeof(asked->selected[0]));
    asked->request.selected = asked->selected;
    if (request->targets != NULL) {
        memcpy(asked->targets, request->targets,
               request->selected_count * sizeof(asked->targets[0]));
        asked->request.targets = asked->targets;
    }
}

static void submit(struct sim_world *world)
{
    static const enum lockstep_strategy strategies[] = {
        LOCKSTEP_STRATEGY_SYNC_ALL, LOCKSTEP_STRATEGY_SYNC_ALL, LOCKSTEP_STRATEGY_QUORUM,
        LOCKSTEP_STRATEGY_LOCAL};
    struct lockstep_request request = {.kind = LOCKSTEP_KIND_RELOAD, .install = true};
    struct lockstep_digest targets[SIM_NODES];
    uint32_t selected[SIM_NODES];
    request.strategy = strategies[sim_between(world, 0, 3)];
    request.offline = sim_chance(world, 80) ? LOCKSTEP_OFFLINE_FAIL : LOCKSTEP_OFFLINE_SKIP;
    sim_options(world, &request.options);
    choose_nodes(world, &request, selected);
    request.selected = selected;
    if (sim_chance(world, 15)) {
        if (!choose_undo(world, &request, selected, targets)) {
            return;
        }
    } else {
        choose_items(world, &request);
        request.options.require_calls = sim_chance(world, 30) ? sim_between(world, 1, SIM_CALLS)
                                                              : 0;
    }
    if (sim_submit(world, &request)) {
        remember(world, &request);
    }
}

/* Whoever has no answer because the coordinator died asks again, under the same id: if it was
 * written down, that is the answer; if not, it is opened now. */
static void ask_again(struct sim_world *world)
{
    struct sim_asked *asked = &world->asked;
    if (lockstep_id_is_zero(&asked->request.operation)) {
        return;
    }
    if (sim_record(world, &asked->request.operation) == NULL &&
        lockstep_fleet_operation(&world->coordinator.fleet, &asked->request.operation) == NULL) {
        sim_note(world, "operator: asks again for op %02x", asked->request.operation.bytes[0]);
        if (sim_submit(world, &asked->request)) {
            return;
        }
    }
    asked->request.operation = (struct lockstep_id){{0}};
}

static void abort_one(struct sim_world *world)
{
    struct lockstep_fleet *fleet = &world->coordinator.fleet;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL && lockstep_operation_holds_lock(operation)) {
            struct lockstep_fleet_actions actions;
            sim_note(world, "operator: abort op %02x", operation->id.bytes[0]);
            lockstep_fleet_abort(fleet, sim_now(world), operation, &actions);
            sim_coordinator_act(world, &actions);
            return;
        }
    }
}

static void cordon(struct sim_world *world, uint32_t node, bool cordoned)
{
    struct lockstep_fleet *fleet = &world->coordinator.fleet;
    struct lockstep_fleet_actions actions;
    if (fleet->nodes[node].cordoned == cordoned ||
        (cordoned && lockstep_fleet_undecided(fleet, node) != NULL)) {
        return;
    }
    sim_note(world, "operator: %s n%u", cordoned ? "cordon" : "uncordon", node);
    lockstep_fleet_cordon(fleet, sim_now(world), node, cordoned, &actions);
    sim_coordinator_act(world, &actions);
}

/* Once a history, so that enough are left to disagree. */
static void revoke(struct sim_world *world, uint32_t node)
{
    struct lockstep_fleet *fleet = &world->coordinator.fleet;
    struct lockstep_fleet_actions actions;
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (fleet->nodes[i].gone) {
            return;
        }
    }
    sim_note(world, "operator: revoke n%u", node);
    sim_break_link(world, node);
    lockstep_fleet_forget(fleet, sim_now(world), node, "revoked", &actions);
    sim_desired_forget(world, node);
    sim_coordinator_act(world, &actions);
}

/* The newest generation of a module that was committed for NODE. */
static uint64_t newest(const struct sim_world *world, uint32_t node,
                       const struct lockstep_name *module)
{
    uint64_t found = 0;
    for (uint32_t i = 0; i < world->coordinator.record_count; i++) {
        const struct sim_record *record = &world->coordinator.records[i];
        const struct lockstep_operation *operation = &record->operation;
        bool has = false;
        for (uint32_t p = 0; p < operation->part_count; p++) {
            has = has || record->parts[p].node == node;
        }
        for (uint32_t j = 0; has && record->committed_at != 0 && j < operation->item_count; j++) {
            const struct lockstep_item *item = &operation->items[j];
            if (lockstep_name_equal(&item->module, module) && item->generation > found) {
                found = item->generation;
            }
        }
    }
    return found;
}

/* True if nothing newer has followed what OPERATION brought NODE. */
static bool brought(const struct sim_world *world, uint32_t node,
                    const struct lockstep_operation *operation)
{
    bool all = lockstep_operation_ended(operation) && !lockstep_operation_goes_back(operation);
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i];
        all = all && newest(world, node, &item->module) == item->generation;
    }
    return all;
}

/* Another machine takes its place. What it is not owed by an operation in memory it does not get.
 */
static void replace(struct sim_world *world, uint32_t node)
{
    struct lockstep_fleet *fleet = &world->coordinator.fleet;
    struct lockstep_id owed[LOCKSTEP_FLEET_OPERATIONS];
    struct lockstep_replacement replacement = {.node = node, .why = "replaced", .owed = owed};
    struct lockstep_fleet_actions actions;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        world->nodes[node].strayed[i] = true;
    }
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
        if (part >= 0 && operation->state == LOCKSTEP_OPERATION_DECIDING) {
            return; /* its promise is being counted */
        }
        if (part < 0 || !brought(world, node, operation)) {
            continue;
        }
        owed[replacement.owed_count++] = operation->id;
        for (uint32_t j = 0; j < operation->item_count; j++) {
            uint32_t module = sim_module_index(&operation->items[j].module);
            world->nodes[node].strayed[module] = operation->parts[part].state !=
                                                 LOCKSTEP_PART_HEALTHY;
        }
    }
    sim_note(world, "operator: another machine takes the place of n%u", node);
    sim_node_wipe(world, node);
    lockstep_fleet_replace(fleet, sim_now(world), &replacement, &actions);
    fleet->nodes[node].live = world->coordinator.live[node];
    sim_coordinator_act(world, &actions);
    if (world->coordinator.running) {
        sim_journal_write_owed(world, &replacement);
        return;
    }
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        world->nodes[node].strayed[i] = true; /* killed before it was written: that is drift */
    }
}

static void look_after_one(struct sim_world *world)
{
    struct lockstep_fleet *fleet = &world->coordinator.fleet;
    uint32_t node = (uint32_t)sim_between(world, 0, world->node_count - 1);
    struct lockstep_fleet_actions actions;
    if (lockstep_time_set(fleet->isolated) && sim_chance(world, 50)) {
        sim_note(world, "operator: accepts the loss");
        lockstep_fleet_accept_loss(fleet, sim_now(world), &actions);
        sim_coordinator_act(world, &actions);
    } else if (lockstep_time_set(fleet->nodes[node].held)) {
        sim_note(world, "operator: trusts n%u again", node);
        lockstep_fleet_release(fleet, sim_now(world), node, &actions);
        sim_coordinator_act(world, &actions);
    } else if (world->node_count > 3 && sim_chance(world, 50)) {
        revoke(world, node);
    } else if (!fleet->nodes[node].gone && sim_chance(world, 25)) {
        replace(world, node);
    } else if (!fleet->nodes[node].gone) {
        cordon(world, node, !fleet->nodes[node].cordoned);
    }
}

bool sim_may_ask(const struct sim_world *world)
{
    return world->submitted < SIM_SUBMITTED && world->now + SIM_LAST_MS < world->end;
}

/* All is calm: cordons end, and each module in turn is reconciled. */
static void tidy_up(struct sim_world *world)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        cordon(world, i, false);
    }
    if (sim_may_ask(world)) {
        sim_reconcile(world, world->looked_at++ % SIM_MODULES, true);
    }
}

void sim_operator(struct sim_world *world)
{
    if (!world->coordinator.running) {
        return;
    }
    ask_again(world);
    if (!world->coordinator.running) {
        return; /* killed while it wrote that down */
    }
    if (world->calm) {
        tidy_up(world);
    } else if (sim_chance(world, 10)) {
        look_after_one(world);
    } else if (world->submitted >= SIM_SUBMITTED) {
        return;
    } else if (sim_chance(world, 5)) {
        abort_one(world);
    } else if (sim_chance(world, 30)) {
        sim_reconcile(world, (uint32_t)sim_between(world, 0, SIM_MODULES - 1), false);
    } else {
        submit(world);
    }
}
