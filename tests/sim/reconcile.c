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

void sim_reconcile(struct sim_world *world, uint32_t module, bool calm)
{
    struct lockstep_member members[SIM_NODES];
    uint32_t nodes[SIM_NODES];
    uint32_t selected[SIM_NODES];
    bool taken[SIM_NODES] = {false};
    struct lockstep_reconcile_request asked = {.members = members, .by_majority = calm};
    struct lockstep_reconcile_answer answer;
    struct lockstep_request request = {.kind = LOCKSTEP_KIND_RECONCILE,
                                       .strategy = LOCKSTEP_STRATEGY_ROLLING,
                                       .offline = LOCKSTEP_OFFLINE_FAIL,
                                       .item_count = 1,
                                       .selected = selected};
    asked.member_count = sim_members(world, module, members, nodes);
    asked.desired = recorded_of_all(world, module);
    if (!calm) {
        choose(world, module, &asked);
    }
    lockstep_reconcile(&asked, taken, &answer);
    sim_check_verdict(world, module, &asked, taken, &answer);
    world->verdicts[answer.verdict]++;
    for (uint32_t i = 0; i < asked.member_count; i++) {
        if (taken[i]) {
            selected[request.selected_count++] = nodes[i];
        }
    }
    sim_options(world, &request.options);
    request.verdict = answer.verdict;
    request.items[0].module = sim_module(module);
    request.items[0].digest = answer.target;
    request.items[0].quarantined = sim_quarantined(world, &answer.target);
    sim_note(world, "operator: reconcile m%u to version %u: %s, %u of %u nodes", module,
             sim_version(&answer.target), lockstep_reconcile_word(answer.verdict),
             request.selected_count, asked.member_count);
    sim_submit(world, &request);
}
