/* What must hold: at every row and every publication, and when the fleet has come to rest. */
#include "tests/sim/check.h"

#include <string.h>

/* True if OPERATION orders DIGEST of MODULE for NODE. */
static bool orders(const struct sim_record *record, uint32_t node, uint32_t module,
                   const struct lockstep_digest *digest)
{
    const struct lockstep_operation *operation = &record->operation;
    bool back = lockstep_operation_goes_back(operation);
    for (uint32_t i = 0; i < operation->part_count; i++) {
        if (record->parts[i].node != node) {
            continue;
        }
        for (uint32_t j = 0; j < operation->item_count; j++) {
            const struct lockstep_digest *wanted =
                back ? &record->starts[i * operation->item_count + j] : &operation->items[j].digest;
            if (sim_module_index(&operation->items[j].module) == module &&
                lockstep_digest_equal(wanted, digest)) {
                return true;
            }
        }
    }
    return false;
}

/* No node ever runs a version whose operation did not commit. */
void sim_check_loaded(struct sim_world *world, uint32_t node)
{
    const struct sim_node *row = &world->nodes[node];
    for (uint32_t module = 0; module < SIM_MODULES; module++) {
        const struct lockstep_digest *digest = &row->host.loaded[module].digest;
        bool explained = sim_version(digest) <= 1;
        for (uint32_t i = 0; !explained && i < world->coordinator.record_count; i++) {
            const struct sim_record *record = &world->coordinator.records[i];
            explained = record->committed_at != 0 && orders(record, node, module, digest);
        }
        if (!explained) {
            sim_fail(world, "n%u runs m%u version %u, which never committed", node, module,
                     sim_version(digest));
        }
    }
}

static bool holds_vow(const struct sim_node *node, const struct lockstep_id *operation)
{
    for (uint32_t i = 0; i < node->disk.row_count; i++) {
        if (lockstep_id_equal(&node->disk.rows[i].order.operation, operation)) {
            return node->disk.rows[i].row != LOCKSTEP_DUTY_ROW_ABORTED;
        }
    }
    return false;
}

/* A commit has its votes: so many durable promises that the strategy is kept. */
void sim_check_commit(struct sim_world *world, const struct sim_record *record)
{
    const struct lockstep_operation *operation = &record->operation;
    uint32_t vows = 0;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        vows += holds_vow(&world->nodes[record->parts[i].node], &operation->id) ? 1 : 0;
    }
    if (vows < operation->options.need) {
        sim_fail(world, "op %02x commits with %u promises of %u", operation->id.bytes[0], vows,
                 operation->options.need);
    }
}

/* Who requires calls of code that nobody calls does not hear that it has succeeded. */
void sim_check_called(struct sim_world *world, const struct sim_record *record)
{
    const struct lockstep_operation *operation = &record->operation;
    bool called = operation->options.require_calls == 0;
    bool runs = false;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        called = called || sim_is_called(&operation->items[i].digest);
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        runs = runs || record->parts[i].state == LOCKSTEP_PART_HEALTHY;
    }
    if (runs && !called) {
        sim_fail(world, "op %02x has succeeded, and nobody called it", operation->id.bytes[0]);
    }
}

/* A pointer row is written only for what the coordinator has committed. */
void sim_check_pointer(struct sim_world *world, uint32_t node, const struct lockstep_prepare *order)
{
    const struct sim_record *record = sim_record(world, &order->operation);
    if (record == NULL || record->committed_at == 0) {
        sim_fail(world, "n%u applies op %02x, which is not committed", node,
                 order->operation.bytes[0]);
    }
}

/* What is counted as it happens is what a count of all would say. */
void sim_check_counts(struct sim_world *world)
{
    const struct lockstep_fleet *fleet = &world->coordinator.fleet;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        struct lockstep_tally tally;
        if (operation != NULL) {
            lockstep_operation_tally(operation, &tally);
            if (memcmp(&tally, &operation->tally, sizeof(tally)) != 0) {
                sim_fail(world, "op %02x has not counted its parts", operation->id.bytes[0]);
            }
            sim_check_places(world, operation);
        }
    }
}

/* ---- at rest -------------------------------------------------------------------------------- */

static void check_operations(struct sim_world *world)
{
    const struct lockstep_fleet *fleet = &world->coordinator.fleet;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        if (operation != NULL && !lockstep_operation_ended(operation)) {
            sim_fail(world, "op %02x has not ended: %s", operation->id.bytes[0],
                     lockstep_operation_state_name(operation->state));
        }
    }
    for (uint32_t i = 0; i < world->coordinator.record_count; i++) {
        const struct sim_record *record = &world->coordinator.records[i];
        if (record->operation.result < LOCKSTEP_COUNT(world->results)) {
            bool drift = record->operation.kind == LOCKSTEP_KIND_RECONCILE;
            world->results[record->operation.result]++;
            world->reconciled[record->operation.result] += drift ? 1 : 0;
        }
        if (record->row == LOCKSTEP_ROW_OPEN) {
            sim_fail(world, "op %02x is open for ever", record->operation.id.bytes[0]);
        }
    }
}

static void check_duties(struct sim_world *world, uint32_t node)
{
    const struct lockstep_agent *core = &world->nodes[node].core;
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &core->duties[i];
        if (duty->state != LOCKSTEP_DUTY_FREE) {
            sim_fail(world, "n%u holds op %02x for ever: %s", node, duty->order.operation.bytes[0],
                     lockstep_duty_state_name(duty->state));
        }
    }
}

/* A set that nobody publishes or drops any more would be in the way of the next one. */
static void check_sets(struct sim_world *world, uint32_t node)
{
    static const struct lockstep_id none;
    const struct sim_host *host = &world->nodes[node].host;
    for (uint32_t i = 0; i < SIM_SETS; i++) {
        if (!lockstep_id_equal(&host->sets[i].operation, &none)) {
            sim_fail(world, "the host of n%u holds the set of op %02x for ever", node,
                     host->sets[i].operation.bytes[0]);
        }
    }
}

/* What NODE should run of MODULE by the journal: the last committed order that was not gone back
 * on. Returns false if the journal itself says that it does not know. */
static bool expected(const struct sim_world *world, uint32_t node, uint32_t module,
                     struct lockstep_digest *ret_digest)
{
    uint64_t newest = 0;
    bool known = true;
    *ret_digest = sim_first(module);
    for (uint32_t i = 0; i < world->coordinator.record_count; i++) {
        const struct sim_record *record = &world->coordinator.records[i];
        const struct lockstep_operation *operation = &record->operation;
        for (uint32_t p = 0; p < operation->part_count * operation->item_count; p++) {
            const struct lockstep_part *part = &record->parts[p / operation->item_count];
            const struct lockstep_item *item = &operation->items[p % operation->item_count];
            if (part->node != node || sim_module_index(&item->module) != module ||
                record->committed_at == 0 || item->generation <= newest) {
                continue;
            }
            if (part->state == LOCKSTEP_PART_HEALTHY || part->state == LOCKSTEP_PART_LIVE) {
                newest = item->generation;
                known = operation->result != LOCKSTEP_RESULT_NONE;
                *ret_digest = lockstep_operation_goes_back(operation) ? record->starts[p]
                                                                      : item->digest;
            } else { /* owed, lost, or it refused once and promised later */
                newest = item->generation;
                known = false;
            }
        }
    }
    return known;
}

static void check_versions(struct sim_world *world, uint32_t node)
{
    const struct sim_node *row = &world->nodes[node];
    for (uint32_t module = 0; module < SIM_MODULES; module++) {
        struct lockstep_digest digest;
        if (!row->strayed[module] && expected(world, node, module, &digest) &&
            !lockstep_digest_equal(&digest, &row->disk.modules[module].current.digest)) {
            sim_fail(world, "n%u is on m%u version %u; the journal says %u", node, module,
                     sim_version(&row->disk.modules[module].current.digest), sim_version(&digest));
        }
    }
}

/* Nobody waits for a node that has left the fleet, and nothing is owed to it. */
static void check_gone(struct sim_world *world, uint32_t node)
{
    const struct lockstep_fleet *fleet = &world->coordinator.fleet;
    if (fleet->nodes[node].member || fleet->nodes[node].ready) {
        sim_fail(world, "n%u has left, and counts", node);
    }
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        bool gives = operation != NULL && (operation->state == LOCKSTEP_OPERATION_SUCCEEDED ||
                                           operation->state == LOCKSTEP_OPERATION_FINAL);
        int64_t part = gives ? lockstep_operation_part(operation, node) : -1;
        unsigned state = part < 0 ? LOCKSTEP_PART_SKIPPED : operation->parts[part].state;
        if (state == LOCKSTEP_PART_OWED || state == LOCKSTEP_PART_CONTACTED ||
            state == LOCKSTEP_PART_CORDONED) {
            sim_fail(world, "op %02x waits for n%u, which has left", operation->id.bytes[0], node);
        }
    }
}

void sim_check_rest(struct sim_world *world)
{
    check_operations(world);
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (world->coordinator.nodes[i].gone) {
            check_gone(world, i);
            continue;
        }
        if (!world->nodes[i].running || !world->nodes[i].linked) {
            sim_fail(world, "n%u has not come back", i);
        }
        check_duties(world, i);
        check_sets(world, i);
        check_versions(world, i);
    }
    if (world->submitted < SIM_SUBMITTED) {
        sim_check_majorities(world);
    }
}
