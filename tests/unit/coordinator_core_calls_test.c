/* Calls that the new code has to answer before an operation has succeeded. */
#include "coordinator/core/fleet.h"
#include "coordinator/core/operation.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#define NODES    3 /* the last one takes no part */
#define PARTS    2
#define REQUIRED 5
#define SOAK     10000U
#define WINDOW   60000U

struct world {
    struct lockstep_fleet fleet;
    struct lockstep_fleet_actions actions;
    struct lockstep_module modules[2];
    struct lockstep_node nodes[NODES];
    struct lockstep_part parts[2][PARTS];
    struct lockstep_digest starts[2][2 * PARTS];
    struct lockstep_operation operations[2]; /* and its compensation */
    struct lockstep_time now;
};

static const struct lockstep_name pay = {"pay"};
static const struct lockstep_name tax = {"tax"};
static const struct lockstep_digest fresh[] = {{{2}}, {{3}}};
static const struct lockstep_digest stale = {{1}};

static void tell(struct world *world, uint32_t node, const struct lockstep_message *message)
{
    lockstep_fleet_receive(&world->fleet, world->now, node, message, &world->actions);
}

static void write_row(struct world *world)
{
    lockstep_fleet_persisted(&world->fleet, world->now, &world->operations[0], &world->actions);
}

/* Versions of two modules are committed on two nodes, which have yet to run them. */
static struct world *new_world(uint64_t soak_ms)
{
    struct world *world = calloc(1, sizeof(*world));
    struct lockstep_operation *operation = &world->operations[0];
    struct lockstep_message yes = {.type = LOCKSTEP_MESSAGE_VOTE};
    struct lockstep_defaults settings;
    lockstep_defaults_init(&settings);
    world->now = (struct lockstep_time){100000};
    world->fleet.nodes = world->nodes;
    world->fleet.node_count = NODES;
    world->fleet.modules = world->modules;
    world->fleet.module_max = LOCKSTEP_COUNT(world->modules);
    lockstep_fleet_init(&world->fleet, &settings, 1, 0, world->now);
    for (uint32_t i = 0; i < NODES; i++) {
        world->nodes[i] = (struct lockstep_node){.member = true,
                                                 .connected = true,
                                                 .joined = true,
                                                 .seen = true,
                                                 .ready = true,
                                                 .heard = world->now};
    }
    *operation = (struct lockstep_operation){.kind = LOCKSTEP_KIND_RELOAD,
                                             .strategy = LOCKSTEP_STRATEGY_SYNC_ALL,
                                             .part_count = PARTS,
                                             .parts = world->parts[0],
                                             .starts = world->starts[0],
                                             .spare = &world->operations[1],
                                             .item_count = 2,
                                             .cause.node = LOCKSTEP_NODE_NONE};
    world->operations[1].parts = world->parts[1];
    world->operations[1].starts = world->starts[1];
    operation->id.bytes[0] = 7;
    operation->items[0] = (struct lockstep_item){.module = pay, .generation = 5};
    operation->items[0].digest = fresh[0];
    operation->items[1] = (struct lockstep_item){.module = tax, .generation = 5};
    operation->items[1].digest = fresh[1];
    operation->options = (struct lockstep_operation_options){
        .on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK,
        .need = PARTS,
        .roster_size = PARTS,
        .prepare_ms = 1000,
        .commit_deadline_ms = 1000,
        .soak_ms = soak_ms,
        .window_ms = WINDOW,
        .deadline_ms = 10 * WINDOW,
        .resend_first_ms = WINDOW,
        .resend_last_ms = WINDOW,
        .require_calls = REQUIRED};
    for (uint32_t i = 0; i < PARTS; i++) {
        world->parts[0][i].node = i;
        world->parts[0][i].up = true;
        world->starts[0][(size_t)2 * i] = stale;
        world->starts[0][(size_t)2 * i + 1] = stale;
    }
    lockstep_fleet_begin(&world->fleet, world->now, operation, &world->actions);
    write_row(world);
    yes.u.vote.operation = operation->id;
    yes.u.vote.epoch = 1;
    yes.u.vote.yes = true;
    tell(world, 0, &yes);
    tell(world, 1, &yes);
    write_row(world);
    assert_int_equal(operation->state, LOCKSTEP_OPERATION_COMMITTING);
    return world;
}

static void go_live(struct world *world)
{
    const struct lockstep_operation *operation = &world->operations[0];
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_ACK};
    message.u.ack.operation = operation->id;
    message.u.ack.epoch = 1;
    message.u.ack.applied = LOCKSTEP_APPLIED_APPLIED;
    message.u.ack.live_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        message.u.ack.live[i] = (struct lockstep_live){
            .module = operation->items[i].module, .generation = 5, .digest = fresh[i]};
    }
    tell(world, 0, &message);
    tell(world, 1, &message);
}

/* NODE says how often the two have been called, pay in its version DIGEST, and a third module that
 * has the same bytes as one of them and is not meant. */
static void call(struct world *world, uint32_t node, const struct lockstep_digest *digest,
                 uint64_t pays, uint64_t taxes)
{
    const struct lockstep_called called[] = {
        {pay, *digest, pays}, {tax, fresh[1], taxes}, {{"log"}, fresh[0], 1000}};
    lockstep_fleet_called(&world->fleet, world->now, node, called, LOCKSTEP_COUNT(called),
                          &world->actions);
}

static void pass(struct world *world, uint64_t ms)
{
    struct lockstep_message beat = {.type = LOCKSTEP_MESSAGE_HEARTBEAT};
    for (uint64_t i = 0; i < ms; i += 1000) {
        world->now = lockstep_time_after(world->now, 1000);
        for (uint32_t j = 0; j < NODES; j++) {
            tell(world, j, &beat);
        }
        lockstep_fleet_tick(&world->fleet, world->now, &world->actions);
    }
}

static void is_now(struct world *world, enum lockstep_operation_state state)
{
    assert_string_equal(lockstep_operation_state_name(world->operations[0].state),
                        lockstep_operation_state_name(state));
}

static void calls_do_not_cut_the_soak_short(void **state)
{
    struct world *world = new_world(SOAK);
    (void)state;
    go_live(world);
    call(world, 0, &fresh[0], REQUIRED, 0);
    call(world, 1, &fresh[0], REQUIRED, 0);
    is_now(world, LOCKSTEP_OPERATION_SOAKING);
    pass(world, SOAK);
    is_now(world, LOCKSTEP_OPERATION_SUCCEEDING);
    free(world);
}

static void each_node_has_to_be_called(void **state)
{
    struct world *world = new_world(SOAK);
    (void)state;
    go_live(world);
    call(world, 0, &fresh[0], 10 * REQUIRED, 0);
    pass(world, SOAK);
    is_now(world, LOCKSTEP_OPERATION_SOAKING);
    call(world, 1, &fresh[0], REQUIRED - 1, 0);
    is_now(world, LOCKSTEP_OPERATION_SOAKING);
    call(world, 1, &fresh[0], REQUIRED, 0);
    is_now(world, LOCKSTEP_OPERATION_SUCCEEDING);
    free(world);
}

static void modules_are_counted_together(void **state)
{
    struct world *world = new_world(SOAK);
    (void)state;
    go_live(world);
    pass(world, SOAK);
    call(world, 0, &fresh[0], 2, REQUIRED - 2);
    call(world, 1, &fresh[0], 0, REQUIRED);
    is_now(world, LOCKSTEP_OPERATION_SUCCEEDING);
    free(world);
}

static void calls_of_another_version_do_not_count(void **state)
{
    struct world *world = new_world(SOAK);
    (void)state;
    go_live(world);
    pass(world, SOAK);
    call(world, 0, &stale, REQUIRED, 0);
    call(world, 1, &stale, REQUIRED, 0);
    is_now(world, LOCKSTEP_OPERATION_SOAKING);
    assert_int_equal(world->parts[0][0].calls, 0);
    free(world);
}

/* A soak of nothing is over at once; what was called before all nodes were live counts. */
static void calls_before_the_last_read_back_count(void **state)
{
    struct world *world = new_world(0);
    (void)state;
    call(world, 0, &fresh[0], REQUIRED, 0);
    call(world, 1, &fresh[0], REQUIRED, 0);
    is_now(world, LOCKSTEP_OPERATION_COMMITTING);
    go_live(world);
    is_now(world, LOCKSTEP_OPERATION_SUCCEEDING);
    free(world);
}

static void without_a_soak_it_waits_for_calls(void **state)
{
    struct world *world = new_world(0);
    (void)state;
    go_live(world);
    pass(world, WINDOW / 2);
    is_now(world, LOCKSTEP_OPERATION_SOAKING);
    call(world, 0, &fresh[0], REQUIRED, 0);
    call(world, 1, &fresh[0], REQUIRED, 0);
    call(world, 2, &fresh[0], REQUIRED, 0);
    is_now(world, LOCKSTEP_OPERATION_SUCCEEDING);
    free(world);
}

static void at_the_end_of_the_window_it_goes_back(void **state)
{
    struct world *world = new_world(SOAK);
    (void)state;
    go_live(world);
    call(world, 0, &fresh[0], REQUIRED, 0);
    pass(world, WINDOW - 1000);
    is_now(world, LOCKSTEP_OPERATION_SOAKING);
    pass(world, 1000);
    is_now(world, LOCKSTEP_OPERATION_DEGRADING);
    assert_int_equal(world->operations[0].cause.no, LOCKSTEP_NO_NOT_CALLED);
    assert_int_equal(world->operations[0].cause.node, 1);
    free(world);
}

/* Going back is not held up by it: nobody is to call the old code first. And nobody is to blame. */
static void the_way_back_requires_none(void **state)
{
    struct world *world = new_world(SOAK);
    const struct lockstep_operation *child = &world->operations[1];
    (void)state;
    go_live(world);
    pass(world, WINDOW);
    is_now(world, LOCKSTEP_OPERATION_DEGRADING);
    assert_int_equal(child->kind, LOCKSTEP_KIND_COMPENSATION);
    assert_int_equal(child->options.require_calls, 0);
    assert_true(child->options.no_quarantine);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_do_not_cut_the_soak_short),
        cmocka_unit_test(each_node_has_to_be_called),
        cmocka_unit_test(modules_are_counted_together),
        cmocka_unit_test(calls_of_another_version_do_not_count),
        cmocka_unit_test(calls_before_the_last_read_back_count),
        cmocka_unit_test(without_a_soak_it_waits_for_calls),
        cmocka_unit_test(at_the_end_of_the_window_it_goes_back),
        cmocka_unit_test(the_way_back_requires_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
