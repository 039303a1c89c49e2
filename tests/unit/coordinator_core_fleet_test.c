/* A large fleet: however many nodes one call is about, what it asks for stays within its bound. */
#include "coordinator/core/admission.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#define NODES 2000

static const struct lockstep_name pay = {"pay"};

/* A fleet of nodes that are all ready and run `pay`, and one operation's memory. */
struct world {
    struct lockstep_fleet fleet;
    struct lockstep_fleet_actions actions;
    struct lockstep_module modules[2];
    struct lockstep_node nodes[NODES];
    struct lockstep_live live[NODES];
    uint32_t selected[NODES];
    uint32_t roster[NODES];
    struct lockstep_part parts[NODES];
    struct lockstep_digest starts[NODES];
    struct lockstep_part spare_parts[NODES];
    struct lockstep_digest spare_starts[NODES];
    struct lockstep_operation operation;
    struct lockstep_operation spare;
};

static struct world *new_world(void)
{
    struct world *world = calloc(1, sizeof(*world));
    struct lockstep_defaults settings;
    assert_non_null(world);
    lockstep_defaults_init(&settings);
    world->fleet.nodes = world->nodes;
    world->fleet.node_count = NODES;
    world->fleet.modules = world->modules;
    world->fleet.module_max = LOCKSTEP_COUNT(world->modules);
    lockstep_fleet_init(&world->fleet, &settings, 1, 0, (struct lockstep_time){1});
    for (uint32_t i = 0; i < NODES; i++) {
        world->live[i] = (struct lockstep_live){.module = pay, .generation = 1, .digest = {{1}}};
        world->nodes[i].member = true;
        world->nodes[i].connected = true;
        world->nodes[i].ready = true;
        world->nodes[i].live = &world->live[i];
        world->nodes[i].live_count = 1;
        world->selected[i] = i;
    }
    return world;
}

static enum lockstep_admission open_reload(struct world *world)
{
    struct lockstep_request request = {.kind = LOCKSTEP_KIND_RELOAD,
                                       .strategy = LOCKSTEP_STRATEGY_SYNC_ALL,
                                       .item_count = 1,
                                       .selected = world->selected,
                                       .selected_count = NODES};
    struct lockstep_plan plan = {.roster = world->roster};
    request.operation.bytes[0] = 7;
    request.items[0].module = pay;
    request.items[0].digest.bytes[0] = 2;
    request.options.fetch_ms = 1000000;
    request.options.prepare_ms = 1000000;
    request.options.deadline_ms = UINT64_MAX; /* a hostile client's: far away, and no earlier */
    lockstep_fleet_plan(&world->fleet, &request, &plan);
    if (plan.admission == LOCKSTEP_ADMISSION_ADMITTED) {
        memset(&world->operation, 0, sizeof(world->operation));
        world->operation.parts = world->parts;
        world->operation.starts = world->starts;
        world->spare.parts = world->spare_parts;
        world->spare.starts = world->spare_starts;
        world->operation.spare = &world->spare;
        lockstep_fleet_open(&world->fleet, (struct lockstep_time){1}, &request, &plan,
                            &world->operation, &world->actions);
    }
    return plan.admission;
}

static uint32_t count_of(const struct world *world, enum lockstep_fleet_action_type type)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->actions.count; i++) {
        count += world->actions.list[i].type == type ? 1 : 0;
    }
    return count;
}

static void everybody_is_silent_at_once(void **state)
{
    struct world *world = new_world();
    struct lockstep_time now = {10000000};
    uint32_t closed = 0;
    uint32_t ticks = 0;
    (void)state;
    assert_int_equal(open_reload(world), LOCKSTEP_ADMISSION_ADMITTED);
    lockstep_fleet_persisted(&world->fleet, (struct lockstep_time){1}, &world->operation,
                             &world->actions);
    world->fleet.scanned = (struct lockstep_time){now.ms - 2000};
    do {
        assert_true(ticks++ < NODES);
        lockstep_fleet_tick(&world->fleet, now, &world->actions);
        assert_true(count_of(world, LOCKSTEP_FLEET_CHANGED) <= 1);
        closed += count_of(world, LOCKSTEP_FLEET_CLOSE);
    } while (lockstep_time_due(lockstep_fleet_deadline(&world->fleet), now));
    assert_int_equal(closed, NODES);
    free(world);
}

/* 500 heartbeats a second, one in 2 s of each, and silence is 7.5 of them. */
struct silence_row {
    const char *name;
    uint32_t nodes;
    uint64_t heartbeat;
    uint64_t down;
};

static const struct silence_row silence_rows[] = {
    {"one node", 1, 2000, 15000},
    {"as many as the setting bears", 1000, 2000, 15000},
    {"a few more", 1001, 2002, 15015},
    {"twice as many speak half as often", 2000, 4000, 30000},
};

static void check_silence(void **state)
{
    const struct silence_row *row = *state;
    struct world *world = new_world();
    world->fleet.node_count = row->nodes;
    assert_int_equal(lockstep_fleet_heartbeat(&world->fleet), row->heartbeat);
    world->fleet.scanned = (struct lockstep_time){row->down - 2000};
    lockstep_fleet_tick(&world->fleet, (struct lockstep_time){row->down}, &world->actions);
    assert_int_equal(count_of(world, LOCKSTEP_FLEET_CLOSE), 0);
    world->fleet.scanned = (struct lockstep_time){row->down - 2000};
    lockstep_fleet_tick(&world->fleet, (struct lockstep_time){row->down + 1}, &world->actions);
    assert_true(count_of(world, LOCKSTEP_FLEET_CLOSE) > 0);
    free(world);
}

/* Who is held comes back in portions, however many they are. */
static void everybody_is_released_at_once(void **state)
{
    struct world *world = new_world();
    struct lockstep_time now = {10000};
    uint32_t ready = 0;
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        world->nodes[i].ready = false;
        world->nodes[i].joined = true;
        world->nodes[i].heard = now;
        world->nodes[i].held = now;
    }
    world->fleet.scanned = (struct lockstep_time){now.ms - 2000};
    do {
        lockstep_fleet_tick(&world->fleet, now, &world->actions);
        ready += count_of(world, LOCKSTEP_FLEET_READY);
    } while (lockstep_time_due(lockstep_fleet_deadline(&world->fleet), now));
    assert_int_equal(ready, NODES);
    free(world);
}

/* This process stood still for so long that everybody seems silent: that says nothing of them. */
static void a_gap_of_our_own_is_nobodys_silence(void **state)
{
    struct world *world = new_world();
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        world->nodes[i].heard = (struct lockstep_time){99000};
        world->nodes[i].seen = true;
    }
    world->fleet.scanned = (struct lockstep_time){100000};
    lockstep_fleet_tick(&world->fleet, (struct lockstep_time){900000}, &world->actions);
    assert_int_equal(count_of(world, LOCKSTEP_FLEET_CLOSE), 0);
    assert_false(world->nodes[7].down);
    assert_false(lockstep_time_set(world->fleet.isolated));
    free(world);
}

static void a_refused_operation_leaves_no_trace(void **state)
{
    struct world *world = new_world();
    (void)state;
    assert_int_equal(open_reload(world), LOCKSTEP_ADMISSION_ADMITTED);
    assert_int_equal(open_reload(world), LOCKSTEP_ADMISSION_HELD);
    lockstep_fleet_refused(&world->fleet, &world->operation);
    assert_null(lockstep_fleet_operation(&world->fleet, &world->operation.id));
    assert_int_equal(world->modules[0].generation, 0);
    assert_int_equal(open_reload(world), LOCKSTEP_ADMISSION_ADMITTED);
    assert_int_equal(world->operation.items[0].generation, 1);
    free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_silent_at_once),
        cmocka_unit_test(everybody_is_released_at_once),
        cmocka_unit_test(a_gap_of_our_own_is_nobodys_silence),
        cmocka_unit_test(a_refused_operation_leaves_no_trace)};
    int failed = cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
    failed += LOCKSTEP_RUN_TABLE("silence", silence_rows, check_silence);
    return failed == 0 ? 0 : 1;
}
