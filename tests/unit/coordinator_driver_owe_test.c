/* What a machine that comes in a node's place is owed: from the journal to the operations. */
#include "coordinator/owe.h"
#include "tests/support/coordinator_pay.h"

#define OVER "UPDATE operation SET row = 7, idle = 1"

struct owe_row {
    const char *name;
    const char *meanwhile; /* what happened to the journal, or NULL */
    bool memory;           /* the operation is in memory still */
    bool full;             /* there is hardly room for another */
    size_t owed;
};

static const struct owe_row owe_rows[] = {
    {"the operation is in memory", NULL, true, false, 1},
    {"it was over", OVER, false, false, 1},
    {"it was over, and there is no room for it", OVER, false, true, 0},
    {"it went back", "UPDATE operation SET row = 6, idle = 1", false, false, 0},
    {"it is forgotten", "DELETE FROM operation", false, false, 0},
    {"another one brought something since", "UPDATE desired SET operation = zeroblob(16)", true,
     false, 0},
    {"other bytes", "UPDATE desired SET digest = randomblob(32)", true, false, 0},
    {"that was another node", "UPDATE desired SET operation = zeroblob(16) WHERE node <> 0", true,
     false, 1},
    {"it is to run nothing", "DELETE FROM desired", true, false, 0},
    {"its pin is in force", "UPDATE desired SET pin = 4000000000000", true, false, 1},
    {"its pin is over", "UPDATE desired SET pin = 1", true, false, 0},
    {"it has a part that it is not to run any more",
     "INSERT INTO item(operation, place, module, generation, digest, leaving) "
     "SELECT operation, 1, 'pay', 1, digest, leaving FROM item;"
     "UPDATE part SET starts = starts || starts;" OVER,
     false, false, 0},
    {"an undo brought it", "UPDATE operation SET kind = 2;" OVER, false, false, 0},
};

static struct lockstep_coordinator *begin(struct lockstep_config_coordinator *config, bool full)
{
    struct lockstep_coordinator *coordinator = calloc(1, sizeof(*coordinator));
    assert_non_null(coordinator);
    lockstep_defaults_init(&config->settings);
    assert_int_equal(lockstep_loop_new(&coordinator->loop, NULL), LOCKSTEP_OK);
    coordinator->config = config;
    coordinator->store = world.store;
    coordinator->fleet = world.fleet;
    coordinator->nodes = world.nodes;
    coordinator->views = world.views;
    coordinator->actions = calloc(1, sizeof(*coordinator->actions));
    assert_non_null(coordinator->actions);
    for (size_t i = 0; full && i < LOCKSTEP_FLEET_OPERATIONS * 3 / 4; i++) {
        coordinator->running[i].operation = world.operation; /* any: it is only counted */
    }
    return coordinator;
}

static void end(struct lockstep_coordinator *coordinator)
{
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (coordinator->running[i].operation != world.operation) {
            (void)lockstep_operation_free(coordinator->running[i].operation);
        }
        free(coordinator->running[i].record);
    }
    (void)lockstep_loop_free(coordinator->loop);
    free(coordinator->actions);
    free(coordinator);
}

static void check_owed(void **state)
{
    const struct owe_row *row = *state;
    struct lockstep_config_coordinator config = {.settings.soak = 0};
    struct lockstep_id owed[LOCKSTEP_NODE_MODULES_MAX];
    struct lockstep_coordinator *coordinator;
    const struct lockstep_operation *found;
    (void)set_up(NULL);
    if (row->meanwhile != NULL) {
        meddle(row->meanwhile);
    }
    world.fleet.operations[0] = row->memory ? world.operation : NULL;
    coordinator = begin(&config, row->full);
    assert_int_equal(lockstep_driver_brought(coordinator, 0, owed), row->owed);
    found = lockstep_fleet_operation(&coordinator->fleet, &world.operation->id);
    assert_int_equal(found != NULL, row->memory || row->owed == 1);
    if (row->owed == 1) {
        assert_true(lockstep_id_equal(&owed[0], &world.operation->id));
        assert_int_equal(found->part_count, NODES);
    }
    end(coordinator);
    assert_int_equal(tear_down(NULL), 0);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("owed", owe_rows, check_owed) == 0 ? 0 : 1;
}
