/* What must hold of a reconcile. Majorities are counted here anew, by comparing all with all. */
#include "tests/sim/check.h"

#include "coordinator/core/settle.h"

#include <string.h>

static uint32_t votes_for(const struct lockstep_member *members, uint32_t count,
                          const struct lockstep_digest *digest)
{
    uint32_t votes = 0;
    for (uint32_t i = 0; i < count; i++) {
        votes += members[i].known && !members[i].pinned &&
                         lockstep_digest_equal(&members[i].runs, digest)
                     ? 1
                     : 0;
    }
    return votes;
}

/* What more than half of them run; zeros: nothing is. */
static struct lockstep_digest majority_of(const struct lockstep_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!lockstep_digest_is_zero(&members[i].runs) &&
            2 * votes_for(members, count, &members[i].runs) > count) {
            return members[i].runs;
        }
    }
    return (struct lockstep_digest){{0}};
}

void sim_check_verdict(struct sim_world *world, uint32_t module,
                       const struct lockstep_reconcile_request *request, const bool *taken,
                       const struct lockstep_reconcile_answer *answer)
{
    struct lockstep_digest most = majority_of(request->members, request->member_count);
    bool named = !lockstep_digest_is_zero(&request->to);
    const struct lockstep_digest *target = named ? &request->to : &most;
    if (answer->verdict != LOCKSTEP_RECONCILE_REPAIR) {
        return;
    }
    if (lockstep_digest_is_zero(&answer->target) ||
        !lockstep_digest_equal(&answer->target, target)) {
        sim_fail(world, "m%u is to be reconciled to version %u; most run %u", module,
                 sim_version(&answer->target), sim_version(&most));
    }
    if (sim_quarantined(world, &answer->target)) {
        sim_fail(world, "m%u is to be reconciled to version %u, which is quarantined", module,
                 sim_version(&answer->target));
    }
    if (!named && !request->by_majority && !lockstep_digest_is_zero(&request->desired) &&
        !lockstep_digest_equal(&request->desired, &most)) {
        sim_fail(world, "m%u is to be reconciled to version %u against what is recorded", module,
                 sim_version(&answer->target));
    }
    for (uint32_t i = 0; i < request->member_count; i++) {
        const struct lockstep_member *member = &request->members[i];
        if (taken[i] && (member->pinned || member->damped)) {
            sim_fail(world, "m%u: a pinned or a damped node is to be moved", module);
        }
        if (taken[i] && request->as_recorded && !lockstep_digest_is_zero(&member->recorded) &&
            !lockstep_digest_equal(&member->recorded, &answer->target)) {
            sim_fail(world, "m%u: a node is to be moved from what it is to run", module);
        }
    }
    if (request->max_changes > 0 && !request->max_percent && answer->moved > request->max_changes) {
        sim_fail(world, "m%u: %u nodes are to be moved, of at most %u", module, answer->moved,
                 request->max_changes);
    }
}

void sim_check_open(struct sim_world *world, const struct lockstep_operation *operation)
{
    if (operation->kind == LOCKSTEP_KIND_RECONCILE &&
        sim_quarantined(world, &operation->items[0].digest)) {
        sim_fail(world, "op %02x reconciles towards a quarantined version", operation->id.bytes[0]);
    }
    for (uint32_t i = 0; i < world->coordinator.record_count; i++) {
        const struct sim_record *record = &world->coordinator.records[i];
        bool holds = record->row == LOCKSTEP_ROW_OPEN || record->row == LOCKSTEP_ROW_COMMIT;
        if (holds && !lockstep_id_equal(&record->operation.id, &operation->parent) &&
            lockstep_operations_share(&record->operation, operation)) {
            sim_fail(world, "op %02x opens on a module that op %02x holds", operation->id.bytes[0],
                     record->operation.id.bytes[0]);
        }
    }
}

static bool refuses(const struct sim_node *node, const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < node->disk.refused_count; i++) {
        if (lockstep_digest_equal(&node->disk.refused[i], digest)) {
            return true;
        }
    }
    return false;
}

void sim_check_taken_up(struct sim_world *world, uint32_t node,
                        const struct lockstep_prepare *order, bool was_there)
{
    struct sim_node *row = &world->nodes[node];
    const struct lockstep_item *item = &order->items[0];
    const struct lockstep_version *current =
        &row->disk.modules[sim_module_index(&item->module)].current;
    if (order->kind == LOCKSTEP_KIND_RECONCILE && !was_there && refuses(row, &item->digest) &&
        !lockstep_digest_equal(&current->digest, &item->digest) &&
        lockstep_agent_duty(&row->core, &order->operation) != NULL) {
        sim_fail(world, "n%u takes up op %02x, towards a version that it knows to be bad", node,
                 order->operation.bytes[0]);
    }
}

/* Each move counts for 1000, which is not halved so soon; who has more than 3000 is damped. */
void sim_check_damped(struct sim_world *world, uint32_t node, uint32_t module, unsigned moves)
{
    if (moves > 4) {
        sim_fail(world, "n%u is moved for the %uth time to what most run of m%u", node, moves,
                 module);
    }
}

/* ---- a few at a time ------------------------------------------------------------------------ */

static void check_soaked(struct sim_world *world, const struct lockstep_operation *operation,
                         uint32_t index)
{
    const struct sim_record *record = sim_record(world, &operation->id);
    const struct lockstep_part *part = &operation->parts[index];
    uint64_t changed = record == NULL ? 0 : record->changed[part->node];
    bool ran_it = lockstep_digest_equal(&operation->starts[index], &operation->items[0].digest);
    if (part->state == LOCKSTEP_PART_HEALTHY && changed != 0 && !ran_it &&
        world->now < changed + operation->options.soak_ms) {
        sim_fail(world, "op %02x has watched n%u for %llu ms, and not for %llu",
                 operation->id.bytes[0], part->node, (unsigned long long)(world->now - changed),
                 (unsigned long long)operation->options.soak_ms);
    }
}

void sim_check_places(struct sim_world *world, const struct lockstep_operation *operation)
{
    struct sim_record *record = sim_record(world, &operation->id);
    uint32_t most = operation->part_count >= 20 ? operation->part_count / 10 : 1;
    uint32_t before;
    uint32_t count = 0;
    bool asked = false;
    if (operation->kind != LOCKSTEP_KIND_RECONCILE || record == NULL ||
        operation->state != LOCKSTEP_OPERATION_COMMITTING) {
        return;
    }
    before = record->under_way;
    record->under_way = 0;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        bool waits = part->state == LOCKSTEP_PART_OWED && part->asked;
        if (waits || part->state == LOCKSTEP_PART_TOUCHED || part->state == LOCKSTEP_PART_LIVE) {
            count++;
            asked = asked || (waits && (before & 1U << part->node) == 0);
            record->under_way |= 1U << part->node;
        }
        check_soaked(world, operation, i);
    }
    /* Who promised it and went away may be back at any time: it is told, and is one more. */
    if (count > most && asked) {
        sim_fail(world, "op %02x has %u nodes under way, of at most %u", operation->id.bytes[0],
                 count, most);
    }
}

/* ---- at rest -------------------------------------------------------------------------------- */

static bool is_good(const struct sim_world *world, const struct lockstep_digest *digest)
{
    enum sim_nature nature = sim_nature(world, digest);
    return (nature == SIM_GOOD || nature == SIM_STATEFUL) && !sim_quarantined(world, digest);
}

/* Its host dies again and again, of this module or of another: it cannot be relied on. */
static bool is_ill(const struct sim_world *world, uint32_t node)
{
    const struct sim_node *row = &world->nodes[node];
    bool ill = !row->host.up || node == world->flapper;
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        ill = ill || sim_nature(world, &row->disk.modules[i].current.digest) == SIM_FRAGILE;
    }
    return ill;
}

/* True if a reconcile to DIGEST may end by a node, or the majority for it comes and goes with one.
 */
static bool is_unsteady(const struct sim_world *world, const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (!world->coordinator.nodes[i].gone &&
            (is_ill(world, i) || refuses(&world->nodes[i], digest))) {
            return true;
        }
    }
    return false;
}

static void check_majority(struct sim_world *world, uint32_t module)
{
    struct lockstep_member members[SIM_NODES];
    uint32_t nodes[SIM_NODES];
    uint32_t count = sim_members(world, module, members, nodes);
    struct lockstep_digest most;
    for (uint32_t i = 0; i < count; i++) { /* what they say is not asked: what they run is */
        members[i].runs = world->nodes[nodes[i]].host.loaded[module].digest;
    }
    most = majority_of(members, count);
    if (lockstep_digest_is_zero(&most) || !is_good(world, &most) || is_unsteady(world, &most)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!members[i].unsettled && !members[i].pinned &&
            !lockstep_digest_equal(&members[i].runs, &most)) {
            sim_fail(world, "n%u is left on m%u version %u, and most are on %u", nodes[i], module,
                     sim_version(&members[i].runs), sim_version(&most));
        }
    }
    world->rested++;
}

void sim_check_majorities(struct sim_world *world)
{
    for (uint32_t i = 0; i < SIM_MODULES; i++) {
        check_majority(world, i);
    }
}
