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

/* How many promises a commit rests on, counted here anew: more than half of the roster as it was
 * frozen, whoever is there; or everybody who was there. */
static uint32_t need_of(const struct sim_record *record)
{
    const struct lockstep_operation *operation = &record->operation;
    uint32_t size = lockstep_operation_size(operation);
    if (lockstep_operation_goes_back(operation) || lockstep_operation_rolls(operation)) {
        return 0;
    }
    if (operation->strategy == LOCKSTEP_STRATEGY_QUORUM) {
        return size / 2 + 1;
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        bool out = record->parts[i].state == LOCKSTEP_PART_ABSENT ||
                   record->parts[i].state == LOCKSTEP_PART_SKIPPED;
        size -= out && size > operation->options.need ? 1 : 0;
    }
    return size;
}

/* A NO that is not the node's own matter is everybody's. */
static bool vetoes(const struct sim_record *record, uint32_t index)
{
    const struct lockstep_part *part = &record->parts[index];
    return need_of(record) > 0 && part->state == LOCKSTEP_PART_REFUSED &&
           lockstep_no_class((enum lockstep_no)part->no) != LOCKSTEP_NO_CLASS_NODE;
}

/* A commit has its votes: so many durable promises that the strategy is kept. */
void sim_check_commit(struct sim_world *world, const struct sim_record *record)
{
    const struct lockstep_operation *operation = &record->operation;
    uint32_t vows = 0;
    for (uint32_t i = 0; i < operation->part_count; i++) {
        uint32_t node = record->parts[i].node;
        bool forgot = world->nodes[node].forgot && (record->vowed & 1U << node) != 0;
        vows += forgot || holds_vow(&world->nodes[node], &operation->id) ? 1 : 0;
    }
    if (vows < need_of(record)) {
        sim_fail(world, "op %02x commits with %u promises of %u", operation->id.bytes[0], vows,
                 need_of(record));
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        if (vetoes(record, i)) {
            sim_fail(world, "op %02x commits although n%u says that it is bad",
                     operation->id.bytes[0], record->parts[i].node);
        }
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

/* Going back leads a node to what it ran before, and nowhere else; and what it may go back to is
 * another version than the one it runs. */
void sim_check_way_back(struct sim_world *world, uint32_t node,
                        const struct lockstep_prepare *order, const struct lockstep_item *item,
                        const struct lockstep_agent_module *before)
{
    bool same = lockstep_digest_equal(&before->current.digest, &item->digest);
    if (before->has_previous &&
        lockstep_digest_equal(&before->previous.digest, &before->current.digest)) {
        sim_fail(world, "n%u: the way back of %s leads to where it is", node, before->name.text);
    }
    if (lockstep_kind_goes_back(order->kind) && !same &&
        (!before->has_previous ||
         !lockstep_digest_equal(&before->previous.digest, &item->digest))) {
        sim_fail(world, "n%u: op %02x takes %s to a version that it did not run before", node,
                 order->operation.bytes[0], before->name.text);
    }
}

/* A promise is kept until the coordinator says otherwise. */
void sim_check_abandoned(struct sim_world *world, uint32_t node,
                         const struct lockstep_prepare *order)
{
    const struct sim_record *record = sim_record(world, &order->operation);
    bool waits = record != NULL && !lockstep_kind_goes_back(order->kind) &&
                 (record->row == LOCKSTEP_ROW_OPEN ||
                  (record->row == LOCKSTEP_ROW_COMMIT &&
                   !lockstep_operation_rolls(&record->operation)));
    if (waits) {
        sim_fail(world, "n%u gives up op %02x by itself", node, order->operation.bytes[0]);
    }
}

/* An operation is called rolled back when no node is on what it brought any more. */
void sim_check_settled(struct sim_world *world, const struct sim_record *record)
{
    const struct lockstep_operation *operation = &record->operation;
    for (uint32_t i = 0; i < operation->part_count * operation->item_count; i++) {
        const struct lockstep_item *item = &operation->items[i % operation->item_count];
        uint32_t node = record->parts[i / operation->item_count].node;
        uint32_t module = sim_module_index(&item->module);
        const struct lockstep_agent_module *row = &world->nodes[node].disk.modules[module];
        bool on_it = row->current.generation == item->generation &&
                     lockstep_digest_equal(&row->current.digest, &item->digest) &&
                     !lockstep_digest_equal(&record->starts[i], &item->digest);
        if (operation->result == LOCKSTEP_RESULT_ROLLED_BACK && on_it &&
            !world->coordinator.nodes[node].gone) {
            sim_fail(world, "op %02x is called rolled back, and n%u is on it",
                     operation->id.bytes[0], node);
        }
    }
}

/* Going back is newer than what it goes back on: no node may take it for old. */
void sim_check_compensation(struct sim_world *world, const struct sim_record *record)
{
    const struct lockstep_operation *operation = &record->operation;
    for (uint32_t i = 0; operation->kind == LOCKSTEP_KIND_COMPENSATION && i < operation->part_count;
         i++) {
        if (record->parts[i].state == LOCKSTEP_PART_REFUSED &&
            record->parts[i].no == LOCKSTEP_NO_STALE_GENERATION) {
            sim_fail(world, "n%u takes the compensation %02x for an old order",
                     record->parts[i].node, operation->id.bytes[0]);
        }
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

/* Every node of an operation that was committed has it, is owed it, or there is a reason. */
static void check_accounted(struct sim_world *world, const struct sim_record *record)
{
    bool done = record->row == LOCKSTEP_ROW_SUCCEEDED || record->row == LOCKSTEP_ROW_FINAL;
    for (uint32_t i = 0; done && i < record->operation.part_count; i++) {
        unsigned state = record->parts[i].state;
        if (state == LOCKSTEP_PART_ABSENT || state == LOCKSTEP_PART_CONTACTED ||
            state == LOCKSTEP_PART_PREPARED) {
            sim_fail(world, "op %02x does not know of n%u: %s", record->operation.id.bytes[0],
                     record->parts[i].node, lockstep_part_name(state));
        }
    }
}

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
        check_accounted(world, record);
        sim_check_compensation(world, record);
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
