/* What nodes are to run and which versions nobody may run, as the coordinator's journal has it. */
#include "tests/sim/world.h"

#include "common/base/assert.h"

#include <string.h>

/* ---- what is to run ------------------------------------------------------------------------- */

bool sim_pinned(const struct sim_world *world, uint32_t node, uint32_t module)
{
    return world->coordinator.desired[node][module].pin > world->now;
}

struct lockstep_digest sim_desired(const struct sim_world *world, uint32_t node, uint32_t module)
{
    const struct sim_desired *row = &world->coordinator.desired[node][module];
    return row->pin == 0 || row->pin > world->now ? row->digest : row->after;
}

static void write_wish(struct sim_desired *row, const struct sim_desired *wish, bool again,
                       bool back)
{
    bool there = !lockstep_digest_is_zero(&row->digest);
    bool pin_begins = wish->pin > 0 && row->pin == 0;
    bool pin_ends = there && !lockstep_digest_equal(&row->digest, &wish->digest) &&
                    lockstep_digest_equal(&row->after, &wish->digest);
    if (lockstep_digest_is_zero(&wish->digest)) {
        memset(row, 0, sizeof(*row));
        return;
    }
    if (back ? pin_ends : wish->pin == 0) {
        memset(&row->after, 0, sizeof(row->after));
        row->pin = 0;
    } else if (!back) {
        row->after = pin_begins ? row->digest : row->after;
        row->pin = wish->pin;
    }
    if (!again || !lockstep_digest_equal(&row->digest, &wish->digest)) {
        row->operation = wish->operation;
    }
    row->digest = wish->digest;
}

static bool is_to_run(const struct lockstep_operation *operation, const struct lockstep_part *part)
{
    switch (part->state) {
    case LOCKSTEP_PART_HEALTHY:
    case LOCKSTEP_PART_LIVE:
    case LOCKSTEP_PART_OWED:
    case LOCKSTEP_PART_TOUCHED:
    case LOCKSTEP_PART_CORDONED:
        return true;
    case LOCKSTEP_PART_REFUSED:
        return !lockstep_operation_goes_back(operation);
    default:
        return false;
    }
}

static void write_success(struct sim_world *world, const struct lockstep_operation *operation)
{
    bool back = lockstep_operation_goes_back(operation);
    bool pins = operation->strategy == LOCKSTEP_STRATEGY_LOCAL && operation->options.pin_ms > 0;
    for (uint32_t i = 0; i < operation->part_count * operation->item_count; i++) {
        uint32_t at = i / operation->item_count;
        uint32_t index = i % operation->item_count;
        const struct lockstep_part *part = &operation->parts[at];
        uint32_t module = sim_module_index(&operation->items[index].module);
        struct sim_desired wish = {.digest = *lockstep_operation_target(operation, at, index),
                                   .operation = operation->id,
                                   .pin = pins ? world->now + operation->options.pin_ms : 0};
        bool again = !back && lockstep_digest_equal(&operation->starts[i], &wish.digest);
        if (is_to_run(operation, part) && !world->coordinator.nodes[part->node].gone) {
            write_wish(&world->coordinator.desired[part->node][module], &wish, again, back);
        }
    }
}

/* Who was to run what PARENT brought, and has never got it, has no part in CHILD. */
static void take_back(struct sim_world *world, const struct lockstep_operation *parent,
                      const struct lockstep_operation *child)
{
    for (uint32_t i = 0; i < parent->part_count * parent->item_count; i++) {
        uint32_t node = parent->parts[i / parent->item_count].node;
        uint32_t module = sim_module_index(&parent->items[i % parent->item_count].module);
        struct sim_desired *row = &world->coordinator.desired[node][module];
        if (lockstep_operation_part(child, node) < 0 &&
            lockstep_id_equal(&row->operation, &parent->id)) {
            row->digest = parent->starts[i];
            row->operation = child->id;
        }
    }
}

void sim_desired_write(struct sim_world *world, const struct lockstep_operation *operation,
                       enum lockstep_row row, const struct lockstep_operation *child)
{
    if (row == LOCKSTEP_ROW_SUCCEEDED) {
        write_success(world, operation);
    }
    if (child != NULL) {
        take_back(world, operation, child);
    }
}

void sim_desired_forget(struct sim_world *world, uint32_t node)
{
    memset(world->coordinator.desired[node], 0, sizeof(world->coordinator.desired[node]));
}

/* ---- what may not --------------------------------------------------------------------------- */

bool sim_quarantined(const struct sim_world *world, const struct lockstep_digest *digest)
{
    for (uint32_t i = 0; i < world->coordinator.bad_count; i++) {
        if (lockstep_digest_equal(&world->coordinator.bad[i], digest)) {
            return true;
        }
    }
    return false;
}

void sim_quarantine(struct sim_world *world, const struct lockstep_operation *operation)
{
    struct sim_coordinator *coordinator = &world->coordinator;
    if (!lockstep_operation_goes_back(operation) || operation->options.no_quarantine) {
        return;
    }
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const struct lockstep_digest *left = &operation->items[i].leaving;
        if (!lockstep_digest_is_zero(left) && !sim_quarantined(world, left)) {
            ASSERT(coordinator->bad_count < SIM_ROWS);
            coordinator->bad[coordinator->bad_count++] = *left;
            sim_note(world, "m%u version %u is quarantined",
                     sim_module_index(&operation->items[i].module), sim_version(left));
        }
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (world->nodes[i].linked) {
            sim_quarantine_tell(world, i);
        }
    }
}

/* A stream keeps the order of what is sent, and a piece of it is not lost while it stands. */
void sim_quarantine_tell(struct sim_world *world, uint32_t node)
{
    struct sim_node *row = &world->nodes[node];
    uint64_t delay = world->calm ? sim_between(world, 1, 5) : sim_between(world, 1, 300);
    if (row->told < world->now + delay) {
        row->told = world->now + delay;
    }
    sim_schedule(world, row->told - world->now,
                 &(struct sim_event){.type = SIM_QUARANTINE,
                                     .node = node,
                                     .session = row->session,
                                     .count = world->coordinator.bad_count});
}
