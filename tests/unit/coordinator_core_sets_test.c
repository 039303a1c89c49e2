/* Operations over several modules, and how many there may be. */
#include "coordinator/core/admission.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#define NODES 4

/* A fleet of four ready nodes, and a request over all of them. */
struct world {
    struct lockstep_fleet fleet;
    struct lockstep_fleet_actions actions;
    struct lockstep_node nodes[NODES];
    struct lockstep_live live[NODES][2];
    struct lockstep_module modules[LOCKSTEP_ITEMS_MAX + 1];
    struct lockstep_request request;
    bool placed[NODES * 2];
    struct lockstep_digest targets[NODES * 2];
    uint32_t selected[NODES];
    uint32_t roster[NODES];
    struct lockstep_plan plan;
    struct lockstep_operation running[LOCKSTEP_FLEET_OPERATIONS];
    struct lockstep_operation operation;
    struct lockstep_part parts[NODES];
    struct lockstep_digest starts[NODES * 2];
};

static struct lockstep_name name_of(uint32_t number)
{
    struct lockstep_name name;
    (void)snprintf(name.text, sizeof(name.text), "module-%u", number);
    return name;
}

static void give(struct world *world, uint32_t node, uint32_t module, bool runs)
{
    world->placed[node * 2 + module] = runs;
    world->targets[node * 2 + module].bytes[0] = (uint8_t)(10 + node);
    if (runs) {
        world->live[node][world->nodes[node].live_count++] = (struct lockstep_live){
            .module = name_of(module), .generation = 1, .digest = {{1}}};
    }
}

/* Nodes as letters: B is to run both modules, 1 the first alone, 2 the second, - neither. What they
 * run is version 1 of each. */
static struct world *new_world(const char *letters)
{
    struct world *world = calloc(1, sizeof(*world));
    struct lockstep_defaults settings;
    assert_non_null(world);
    lockstep_defaults_init(&settings);
    world->fleet.nodes = world->nodes;
    world->fleet.node_count = (uint32_t)strlen(letters);
    world->fleet.modules = world->modules;
    world->fleet.module_max = LOCKSTEP_COUNT(world->modules);
    lockstep_fleet_init(&world->fleet, &settings, 1, 0, (struct lockstep_time){1});
    world->request.kind = LOCKSTEP_KIND_RELOAD;
    world->request.strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    world->request.offline = LOCKSTEP_OFFLINE_FAIL;
    world->request.item_count = 2;
    for (uint32_t i = 0; i < LOCKSTEP_ITEMS_MAX; i++) {
        world->request.items[i].module = name_of(i);
        world->request.items[i].digest.bytes[0] = 2;
        world->request.items[i].leaving.bytes[0] = 1;
        world->request.items[i].recorded = true;
    }
    for (uint32_t i = 0; i < world->fleet.node_count; i++) {
        world->nodes[i].member = true;
        world->nodes[i].ready = true;
        world->nodes[i].live = world->live[i];
        give(world, i, 0, letters[i] == 'B' || letters[i] == '1');
        give(world, i, 1, letters[i] == 'B' || letters[i] == '2');
        world->selected[i] = i;
    }
    world->request.placed = world->placed;
    world->request.targets = world->targets;
    world->request.selected = world->selected;
    world->request.selected_count = world->fleet.node_count;
    world->plan.roster = world->roster;
    return world;
}

static const char *plan(struct world *world)
{
    lockstep_fleet_plan(&world->fleet, &world->request, &world->plan);
    return lockstep_admission_name(world->plan.admission);
}

/* ---- sets ----------------------------------------------------------------------------------- */

struct set_row {
    const char *name;
    enum lockstep_kind kind;
    const char *nodes;
    bool install;
    bool second_quarantined;
    const char *admission;
    uint32_t n;
};

static const struct set_row set_rows[] = {
    {"all carry both", LOCKSTEP_KIND_RELOAD, "BB", false, false, "ADMITTED", 2},
    {"who carries neither is left out", LOCKSTEP_KIND_RELOAD, "B-B", false, false, "ADMITTED", 2},
    {"one carries the first alone", LOCKSTEP_KIND_RELOAD, "B1", false, false, "PARTIAL_SET", 2},
    {"one carries the second alone", LOCKSTEP_KIND_RELOAD, "2B", false, false, "PARTIAL_SET", 2},
    {"installed, it is whole", LOCKSTEP_KIND_RELOAD, "B1-", true, false, "ADMITTED", 3},
    {"going back it need not be", LOCKSTEP_KIND_UNDO, "B1-2", false, false, "ADMITTED", 3},
    {"the second may not be run", LOCKSTEP_KIND_RELOAD, "BB", false, true, "QUARANTINED", 2},
};

static void check_set(void **state)
{
    const struct set_row *row = *state;
    struct world *world = new_world(row->nodes);
    world->request.kind = row->kind;
    world->request.install = row->install;
    world->request.items[1].quarantined = row->second_quarantined;
    assert_string_equal(plan(world), row->admission);
    assert_int_equal(world->plan.n, row->n);
    free(world);
}

/* ---- how many ------------------------------------------------------------------------------- */

struct room_row {
    const char *name;
    uint32_t items;
    uint32_t running; /* operations on other modules, that hold their locks */
    uint32_t over;    /* operations in their window: they hold a place and no lock */
    bool spares;      /* each of them may want a place for its compensation */
    const char *admission;
};

static const struct room_row room_rows[] = {
    {"nothing", 0, 0, 0, false, "TOO_MANY_ITEMS"},
    {"as many modules as may be", LOCKSTEP_ITEMS_MAX, 0, 0, false, "ADMITTED"},
    {"one more", LOCKSTEP_ITEMS_MAX + 1, 0, 0, false, "TOO_MANY_ITEMS"},
    {"the last operation at once", 1, 7, 0, true, "ADMITTED"},
    {"one more operation", 1, 8, 0, true, "TOO_MANY"},
    {"places for it and its compensation", 1, 0, LOCKSTEP_FLEET_OPERATIONS - 2, false, "ADMITTED"},
    {"a place for it, none for its compensation", 1, 0, LOCKSTEP_FLEET_OPERATIONS - 1, false,
     "TOO_MANY"},
    {"places are kept for those of others", 1, 0, LOCKSTEP_FLEET_OPERATIONS / 2 - 1, true,
     "ADMITTED"},
    {"until there are none", 1, 0, LOCKSTEP_FLEET_OPERATIONS / 2, true, "TOO_MANY"},
};

static void check_room(void **state)
{
    const struct room_row *row = *state;
    struct world *world = new_world("BB");
    static struct lockstep_operation spare;
    for (uint32_t i = 0; i < row->running + row->over; i++) {
        struct lockstep_operation *operation = &world->running[i];
        operation->item_count = 1;
        operation->items[0].module = name_of(1000 + i);
        operation->state = i < row->running ? LOCKSTEP_OPERATION_PREPARING
                                            : LOCKSTEP_OPERATION_SUCCEEDED;
        operation->spare = row->spares ? &spare : NULL;
        world->fleet.operations[i] = operation;
    }
    world->request.item_count = row->items;
    world->request.install = true;
    assert_string_equal(plan(world), row->admission);
    free(world);
}

/* Whoever holds the module is named, whatever else is wrong: that is what one can wait for. */
static void who_holds_it_is_told_first(void **state)
{
    struct world *world = new_world("BB");
    (void)state;
    world->running[5].state = LOCKSTEP_OPERATION_SOAKING;
    world->running[5].item_count = 2;
    world->running[5].items[0].module = name_of(7);
    world->running[5].items[1].module = name_of(1);
    world->fleet.operations[5] = &world->running[5];
    world->request.items[0].quarantined = true;
    assert_string_equal(plan(world), "HELD");
    assert_ptr_equal(world->plan.holder, &world->running[5]);
    free(world);
}

/* ---- going back ----------------------------------------------------------------------------- */

static void each_goes_back_to_its_own(void **state)
{
    struct world *world = new_world("B1B");
    struct lockstep_message message;
    (void)state;
    world->request.kind = LOCKSTEP_KIND_UNDO;
    assert_string_equal(plan(world), "ADMITTED");
    assert_int_equal(world->plan.need, 0);
    world->operation.parts = world->parts;
    world->operation.starts = world->starts;
    lockstep_fleet_open(&world->fleet, (struct lockstep_time){1}, &world->request, &world->plan,
                        &world->operation, &world->actions);
    for (uint32_t i = 0; i < 3; i++) {
        lockstep_operation_message(&world->operation, i, LOCKSTEP_DUE_PREPARE, &message);
        assert_int_equal(message.u.prepare.items[0].digest.bytes[0], 10 + i);
        assert_int_equal(message.u.prepare.items[0].leaving.bytes[0], 1);
        assert_int_equal(message.u.prepare.items[1].digest.bytes[0], 10 + i);
    }
    free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(who_holds_it_is_told_first),
                                              cmocka_unit_test(each_goes_back_to_its_own)};
    int failed = LOCKSTEP_RUN_TABLE("sets", set_rows, check_set);
    failed += LOCKSTEP_RUN_TABLE("room", room_rows, check_room);
    failed += cmocka_run_group_tests_name("others", tests, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
