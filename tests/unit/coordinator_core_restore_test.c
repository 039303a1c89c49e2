/* What a coordinator finds in its journal that was cut off by a crash. */
#include "coordinator/core/fleet.h"
#include "coordinator/core/operation.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>

enum { OLDER, NEWER, OPERATIONS };

struct world {
    struct lockstep_fleet fleet;
    struct lockstep_fleet_actions actions;
    struct lockstep_node nodes[2];
    struct lockstep_part parts[OPERATIONS][2];
    struct lockstep_digest starts[OPERATIONS][2];
    struct lockstep_operation operations[OPERATIONS];
};

static const struct lockstep_time now = {100000};

/* Two reloads of one module: an older one that has succeeded, and a newer one on its first node. */
static struct world *new_world(void)
{
    struct world *world = calloc(1, sizeof(*world));
    struct lockstep_defaults settings;
    lockstep_defaults_init(&settings);
    world->fleet.nodes = world->nodes;
    world->fleet.node_count = LOCKSTEP_COUNT(world->nodes);
    lockstep_fleet_init(&world->fleet, &settings, 2, 2, now);
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        struct lockstep_operation *operation = &world->operations[i];
        operation->id.bytes[0] = (uint8_t)(i + 1);
        operation->kind = LOCKSTEP_KIND_RELOAD;
        operation->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
        operation->options.window_ms = 60000;
        operation->options.commit_deadline_ms = 15000;
        operation->options.deadline_ms = 3600000;
        operation->options.resend_first_ms = 1000;
        operation->options.resend_last_ms = 1000;
        operation->item_count = 1;
        operation->items[0] = (struct lockstep_item){
            .module = {"pay"}, .generation = 1 + 2 * i, .digest = {{(uint8_t)(i + 2)}}};
        operation->parts = world->parts[i];
        operation->starts = world->starts[i];
        operation->part_count = i == OLDER ? 2 : 1;
        operation->cause.node = LOCKSTEP_NODE_NONE;
        for (uint32_t part = 0; part < operation->part_count; part++) {
            world->parts[i][part].node = part;
            world->parts[i][part].state = i == OLDER ? LOCKSTEP_PART_HEALTHY
                                                     : LOCKSTEP_PART_PREPARED;
        }
    }
    world->operations[OLDER].result = LOCKSTEP_RESULT_SUCCEEDED;
    return world;
}

static bool is_written(const struct world *world, const struct lockstep_operation *operation)
{
    for (uint32_t i = 0; i < world->actions.count; i++) {
        if (world->actions.list[i].type == LOCKSTEP_FLEET_PERSIST &&
            world->actions.list[i].operation == operation) {
            return true;
        }
    }
    return false;
}

struct order_row {
    const char *name;
    unsigned first;
    enum lockstep_row newer_row;
    bool ends; /* the older one's window */
};

static const struct order_row order_rows[] = {
    {"the older one is read first", OLDER, LOCKSTEP_ROW_COMMIT, true},
    {"the newer one is read first", NEWER, LOCKSTEP_ROW_COMMIT, true},
    {"the newer one was not decided", OLDER, LOCKSTEP_ROW_OPEN, false},
};

/* It was killed after the newer COMMIT, and before it wrote that the older window is over. */
static void a_window_that_was_overtaken_is_over(void **state)
{
    const struct order_row *row = *state;
    struct world *world = new_world();
    const struct lockstep_operation *older = &world->operations[OLDER];
    bool written = false;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        unsigned which = (row->first + i) % OPERATIONS;
        lockstep_fleet_restore(&world->fleet, now, &world->operations[which],
                               which == OLDER ? LOCKSTEP_ROW_SUCCEEDED : row->newer_row,
                               &world->actions);
        written = written || is_written(world, older);
    }
    assert_int_equal(written, row->ends);
    assert_int_equal(older->state,
                     row->ends ? LOCKSTEP_OPERATION_FINALIZING : LOCKSTEP_OPERATION_SUCCEEDED);
    free(world);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("restored", order_rows, a_window_that_was_overtaken_is_over);
}
