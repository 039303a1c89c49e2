/* Somebody who moves drifted nodes to what the majority runs. What that leads to is worked out by
 * the coordinator's own core; here its members are gathered, as the documents do for the daemon. */
#include "tests/sim/check.h"

#include <string.h>

static struct lockstep_digest live_on(const struct sim_world *world, uint32_t node, uint32_t module)
{
    const struct lockstep_name name = sim_module(module);
    const struct lockstep_live *live = lockstep_node_live(&world->coordinator.nodes[node], &name);
    return live == NULL ? (struct lockstep_digest){{0}} : live->digest;
}

/* True if an operation in memory has not settled what NODE runs of MODULE. */
static bool is_unsettled(const struct sim_world *world, uint32_t node, uint32_t module)
{
    const struct lockstep_digest runs = live_on(world, node, module);
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = world->coordinator.fleet.operations[i];
        int64_t part = operation == NULL ? -1 : lockstep_operation_part(operation, node);
        for (uint32_t j = 0; part >= 0 && j < operation->item_count; j++) {
            unsigned state = operation->parts[part].state;
            bool owed = state == LOCKSTEP_PART_OWED &&
                        !lockstep_digest_equal(
                            lockstep_operation_target(operation, (uint32_t)part, j), &runs);
            if (sim_module_index(&operation->items[j].module) == module &&
                (owed || state == LOCKSTEP_PART_LOST)) {
                return true;
            }
        }
    }
    return false;
}

uint32_t sim_members(const struct sim_world *world, uint32_t module,
                     struct lockstep_member ret_members[SIM_NODES], uint32_t ret_nodes[SIM_NODES])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->node_count; i++) {
        const struct lockstep_node *node = &world->coordinator.nodes[i];
        struct lockstep_digest runs = live_on(world, i, module);
        struct lockstep_digest recorded = sim_desired(world, i, module);
        bool carries = !lockstep_digest_is_zero(&runs) || !lockstep_digest_is_zero(&recorded);
        if (!node->member || node->cordoned || !carries) {
            continue;
        }
        ret_nodes[count] = i;
        ret_members[count++] = (struct lockstep_member){
            .runs = runs,
            .recorded = recorded,
            .known = node->ready,
            .pinned = sim_pinned(world, i, module),
            .unsettled = is_unsettled(world, i, module),
            .quarantined = sim_quarantined(world, &runs),
        };
    }
    return count;
}

/* The one version that is recorded of all who are not pinned; zeros if there is none. */
static struct lockstep_digest recorded_of_all(const struct sim_world *world, uint32_t module)
{
    struct lockstep_digest common = {{0}};
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct lockstep_digest wish = sim_desired(world, i, module);
        if (!world->coordinator.nodes[i].member || sim_pinned(world, i, module) ||
            lockstep_digest_is_zero(&wish)) {
            continue;
        }
        if (!lockstep_digest_is_zero(&common) && !lockstep_digest_equal(&common, &wish)) {
            return (struct lockstep_digest){{0}};
        }
        common = wish;
    }
    return common;
}

/* --to, --rule and --max-changes, or none of them. */
static void choose(struct sim_world *world, uint32_t module,
                   struct lockstep_reconcile_request *request)
{
    uint32_t node = (uint32_t)sim_between(world, 0, world->node_count - 1);
    if (sim_chance(world, 20)) {
        request->to = sim_chance(world, 70) || world->coordinator.bad_count == 0
                          ? live_on(world, node, module)
                          : world->coordinator.bad[world->coordinator.bad_count - 1];
        if (request->to.bytes[0] != module + 1) { /* of another module */
            memset(&request->to, 0, sizeof(request->to));
        }
        request->to_quarantined = sim_quarantined(world, &request->to);
    } else {
        request->by_majority = sim_chance(world, 40);
    }
    if (sim_chance(world, 30)) {
        request->max_percent = sim_chance(world, 50);
        request->max_changes = (uint32_t)sim_between(world, 1, request->max_percent ? 100 : 3);
    }
}

/* What is asked of a module, and who its members are. */
struct asking {
    uint32_t module;
    struct lockstep_reconcile_request asked;
    struct lockstep_member members[SIM_NODES];
    uint32_t nodes[SIM_NODES];
    uint32_t selected[SIM_NODES];
};

static void gather(const struct sim_world *world, uint32_t module, struct asking *asking)
{
    memset(asking, 0, sizeof(*asking));
    asking->module = module;
    asking->asked.members = asking->members;
    asking->asked.member_count = sim_members(world, module, asking->members, asking->nodes);
    asking->asked.desired = recorded_of_all(world, module);
}

/* Works out what would be done, as a request for it. */
static struct lockstep_request work_out(struct sim_world *world, struct asking *asking)
{
    bool taken[SIM_NODES] = {false};
    struct lockstep_reconcile_answer answer;
    struct lockstep_request request = {.kind = LOCKSTEP_KIND_RECONCILE,
                                       .strategy = LOCKSTEP_STRATEGY_ROLLING,
                                       .offline = LOCKSTEP_OFFLINE_FAIL,
                                       .item_count = 1,
                                       .selected = asking->selected};
    lockstep_reconcile(&asking->asked, taken, &answer);
    sim_check_verdict(world, asking->module, &asking->asked, taken, &answer);
    world->verdicts[answer.verdict]++;
    for (uint32_t i = 0; i < asking->asked.member_count; i++) {
        if (taken[i]) {
            asking->selected[request.selected_count++] = asking->nodes[i];
        }
    }
    sim_options(world, &request.options);
    request.verdict = answer.verdict;
    request.items[0].module = sim_module(asking->module);
    request.items[0].digest = answer.target;
    request.items[0].quarantined = sim_quarantined(world, &answer.target);
    sim_note(world, "reconcile m%u to version %u: %s, %u of %u nodes", asking->module,
             sim_version(&answer.target), lockstep_reconcile_word(answer.verdict),
             request.selected_count, asking->asked.member_count);
    return request;
}

void sim_reconcile(struct sim_world *world, uint32_t module, bool calm)
{
    struct asking asking;
    struct lockstep_request request;
    gather(world, module, &asking);
    asking.asked.by_majority = calm;
    if (!calm) {
        choose(world, module, &asking.asked);
    }
    request = work_out(world, &asking);
    (void)sim_submit(world, &request);
}

/* ---- by itself ------------------------------------------------------------------------------ */

static void note_moves(struct sim_world *world, const struct asking *asking,
                       const struct lockstep_request *request)
{
    struct sim_automatic *automatic = &world->coordinator.automatic;
    for (uint32_t i = 0; i < request->selected_count; i++) {
        uint32_t node = request->selected[i];
        struct lockstep_digest runs = live_on(world, node, asking->module);
        if (!lockstep_digest_equal(&runs, &request->items[0].digest)) {
            lockstep_damping_moved(&automatic->damping, sim_now(world), node, asking->module);
            sim_check_damped(world, node, asking->module, ++automatic->moves[node][asking->module]);
        }
    }
}

void sim_look(struct sim_world *world)
{
    struct sim_automatic *automatic = &world->coordinator.automatic;
    uint32_t module = automatic->next++ % SIM_MODULES;
    struct lockstep_request request;
    struct lockstep_look look;
    struct asking asking;
    gather(world, module, &asking);
    asking.asked.as_recorded = true;
    asking.asked.max_changes = 25;
    asking.asked.max_percent = true;
    for (uint32_t i = 0; i < asking.asked.member_count; i++) {
        asking.members[i].damped = lockstep_damping_holds(&automatic->damping, sim_now(world),
                                                          asking.nodes[i], module);
    }
    request = work_out(world, &asking);
    request.options.on_failure = LOCKSTEP_ON_FAILURE_HOLD;
    look = (struct lockstep_look){request.verdict, request.items[0].digest, request.selected,
                                  request.selected_count};
    if (!lockstep_sighting_holds(&automatic->sightings[module], sim_now(world), SIM_APART_MS,
                                 &look)) {
        return;
    }
    memset(&automatic->sightings[module], 0, sizeof(automatic->sightings[module]));
    if (sim_submit(world, &request) && world->coordinator.running) {
        note_moves(world, &asking, &request);
        world->by_itself++;
    }
}
