/* Operations that roll, under what can go wrong around them. */
#include "coordinator/core/fleet.h"
#include "coordinator/core/operation.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#define NODES  12
#define SECOND 1000U

struct world {
    struct lockstep_fleet fleet;
    struct lockstep_fleet_actions actions;
    struct lockstep_module modules[2];
    struct lockstep_node nodes[NODES];
    struct lockstep_live live[NODES];
    struct lockstep_part parts[NODES];
    struct lockstep_digest starts[NODES];
    struct lockstep_operation operation;
    struct lockstep_time now;
};

static const struct lockstep_name pay = {"pay"};

/* A fleet that runs version 1, and an operation that gives version 2 to its first COUNT nodes. */
static struct world *new_world(uint32_t count)
{
    struct world *world = calloc(1, sizeof(*world));
    struct lockstep_operation *operation = &world->operation;
    struct lockstep_defaults settings;
    lockstep_defaults_init(&settings);
    world->now = (struct lockstep_time){100000};
    world->fleet.nodes = world->nodes;
    world->fleet.node_count = NODES;
    world->fleet.modules = world->modules;
    world->fleet.module_max = LOCKSTEP_COUNT(world->modules);
    lockstep_fleet_init(&world->fleet, &settings, 1, 0, world->now);
    for (uint32_t i = 0; i < NODES; i++) {
        world->live[i] = (struct lockstep_live){.module = pay, .generation = 1, .digest = {{1}}};
        world->nodes[i].member = true;
        world->nodes[i].connected = true;
        world->nodes[i].joined = true;
        world->nodes[i].seen = true;
        world->nodes[i].ready = true;
        world->nodes[i].heard = world->now;
        world->nodes[i].live = &world->live[i];
        world->nodes[i].live_count = 1;
    }
    world->fleet.scanned = world->now;
    operation->id.bytes[0] = 7;
    operation->kind = LOCKSTEP_KIND_RECONCILE;
    operation->strategy = LOCKSTEP_STRATEGY_ROLLING;
    operation->options.on_failure = LOCKSTEP_ON_FAILURE_HOLD;
    operation->options.max_fail = 1;
    operation->options.fetch_ms = 300 * SECOND;
    operation->options.prepare_ms = 30 * SECOND;
    operation->options.commit_deadline_ms = 15 * SECOND;
    operation->options.soak_ms = 10 * SECOND;
    operation->options.window_ms = 60 * SECOND;
    operation->options.deadline_ms = 3600 * SECOND;
    operation->options.resend_first_ms = SECOND;
    operation->options.resend_last_ms = 30 * SECOND;
    operation->item_count = 1;
    operation->items[0] = (struct lockstep_item){.module = pay, .generation = 5, .digest = {{2}}};
    operation->parts = world->parts;
    operation->starts = world->starts;
    operation->part_count = count;
    operation->cause.node = LOCKSTEP_NODE_NONE;
    for (uint32_t i = 0; i < count; i++) {
        world->parts[i].node = i;
        world->parts[i].up = true;
        world->starts[i].bytes[0] = 1;
    }
    lockstep_fleet_begin(&world->fleet, world->now, operation, &world->actions);
    lockstep_fleet_persisted(&world->fleet, world->now, operation, &world->actions);
    lockstep_fleet_persisted(&world->fleet, world->now, operation, &world->actions);
    assert_int_equal(operation->state, LOCKSTEP_OPERATION_COMMITTING);
    return world;
}

static bool is_asked(const struct world *world, uint32_t part)
{
    return world->parts[part].asked && (world->parts[part].due & LOCKSTEP_DUE_PREPARE) != 0;
}

static void receive(struct world *world, uint32_t node, const struct lockstep_message *message)
{
    lockstep_fleet_receive(&world->fleet, world->now, node, message, &world->actions);
}

static void vote(struct world *world, uint32_t node, enum lockstep_no no)
{
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_VOTE};
    message.u.vote.operation = world->operation.id;
    message.u.vote.epoch = 1;
    message.u.vote.yes = no == LOCKSTEP_NO_UNSPECIFIED;
    message.u.vote.no = no;
    receive(world, node, &message);
}

static void read_back(struct world *world, uint32_t node)
{
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_ACK};
    message.u.ack.operation = world->operation.id;
    message.u.ack.epoch = 1;
    message.u.ack.applied = LOCKSTEP_APPLIED_APPLIED;
    message.u.ack.live_count = 1;
    message.u.ack.live[0] = (struct lockstep_live){
        .module = pay, .generation = 5, .digest = world->operation.items[0].digest};
    receive(world, node, &message);
}

/* MS go by; everybody but those from SILENT on (up to LAST) is heard every second. */
static void pass(struct world *world, uint64_t ms, uint32_t silent, uint32_t last)
{
    struct lockstep_message beat = {.type = LOCKSTEP_MESSAGE_HEARTBEAT};
    for (uint64_t i = 0; i < ms; i += SECOND) {
        world->now = lockstep_time_after(world->now, SECOND);
        for (uint32_t j = 0; j < NODES; j++) {
            if (j < silent || j > last) {
                receive(world, j, &beat);
            }
        }
        lockstep_fleet_tick(&world->fleet, world->now, &world->actions);
    }
}

/* The next node is asked when the fleet is heard again, though its place came free before. */
static void a_place_that_comes_free_in_isolation_is_given(void **state)
{
    struct world *world = new_world(2);
    (void)state;
    assert_true(is_asked(world, 0));
    assert_false(is_asked(world, 1));
    pass(world, 10 * SECOND, 4, 11);
    assert_true(lockstep_time_set(world->fleet.isolated));
    vote(world, 0, LOCKSTEP_NO_SMOKE);
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_REFUSED);
    assert_false(is_asked(world, 1));
    pass(world, 5 * SECOND, NODES, 0);
    assert_false(lockstep_time_set(world->fleet.isolated));
    pass(world, 60 * SECOND, NODES, 0);
    assert_true(is_asked(world, 1));
    free(world);
}

static void link_down(struct world *world, uint32_t node)
{
    lockstep_fleet_link_down(&world->fleet, world->now, node);
    lockstep_fleet_tick(&world->fleet, world->now, &world->actions);
}

/* NODE comes back, and holds nothing open. */
static void come_back(struct world *world, uint32_t node)
{
    lockstep_fleet_link_up(&world->fleet, world->now, node);
    receive(world, node,
            &(struct lockstep_message){.type = LOCKSTEP_MESSAGE_STATE, .u.state.epoch = 1});
}

/* The coordinator is killed, and starts again from the journal's rows. */
static void restart(struct world *world)
{
    world->fleet.operations[0] = NULL;
    world->operation.state = LOCKSTEP_OPERATION_UNSPECIFIED;
    world->operation.abort_asked = false;
    world->operation.phase = world->operation.window = LOCKSTEP_TIME_NEVER;
    for (uint32_t i = 0; i < world->operation.part_count; i++) {
        world->parts[i].asked = false;
        world->parts[i].tries = 0;
        world->parts[i].retry = LOCKSTEP_TIME_NEVER;
        world->nodes[i].ready = world->nodes[i].connected = false;
    }
    lockstep_fleet_restore(&world->fleet, world->now, &world->operation, LOCKSTEP_ROW_COMMIT,
                           &world->actions);
}

/* NODE comes back and holds the operation open. */
static void come_back_open(struct world *world, uint32_t node)
{
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_STATE};
    lockstep_fleet_link_up(&world->fleet, world->now, node);
    message.u.state.epoch = 1;
    message.u.state.open_count = 1;
    message.u.state.open[0].operation = world->operation.id;
    receive(world, node, &message);
}

static enum lockstep_outcome said(const struct world *world, uint32_t node)
{
    enum lockstep_outcome outcome = LOCKSTEP_OUTCOME_UNSPECIFIED;
    for (uint32_t i = 0; i < world->actions.count; i++) {
        if (world->actions.list[i].type == LOCKSTEP_FLEET_SAY &&
            world->actions.list[i].node == node) {
            outcome = world->actions.list[i].outcome;
        }
    }
    return outcome;
}

/* A node voted and its YES was lost; the operation was stopped meanwhile. It is not told to commit
 * what it is written down as not having been asked for. */
static void a_vow_from_before_the_stop_is_not_carried_out_unseen(void **state)
{
    struct world *world = new_world(3);
    enum lockstep_outcome outcome;
    (void)state;
    assert_true(is_asked(world, 0));
    link_down(world, 0); /* its YES was on the way */
    pass(world, 20 * SECOND, 0, 0);
    assert_true(is_asked(world, 1));
    lockstep_fleet_abort(&world->fleet, world->now, &world->operation, &world->actions);
    assert_int_equal(world->parts[2].state, LOCKSTEP_PART_SKIPPED);
    come_back_open(world, 0);
    outcome = said(world, 0);
    vote(world, 1, LOCKSTEP_NO_SMOKE);
    assert_int_equal(world->operation.result, LOCKSTEP_RESULT_ROLLED_BACK);
    assert_int_equal(outcome, LOCKSTEP_OUTCOME_SUPERSEDED);
    free(world);
}

/* What an operator stopped is stopped, also when the coordinator is killed before it has ended. */
static void an_abort_outlives_the_coordinator(void **state)
{
    struct world *world = new_world(3);
    (void)state;
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_TOUCHED);
    lockstep_fleet_abort(&world->fleet, world->now, &world->operation, &world->actions);
    assert_int_equal(world->operation.state, LOCKSTEP_OPERATION_COMMITTING);
    restart(world);
    come_back_open(world, 0);
    read_back(world, 0);
    pass(world, 30 * SECOND, NODES, 0);
    assert_true(world->operation.result != LOCKSTEP_RESULT_SUCCEEDED &&
                world->operation.result != LOCKSTEP_RESULT_SUCCEEDED_PARTIAL);
    free(world);
}

/* Who is cordoned while it waits for its turn is left in peace. */
static void who_is_cordoned_meanwhile_is_not_asked(void **state)
{
    struct world *world = new_world(3);
    (void)state;
    lockstep_fleet_cordon(&world->fleet, world->now, 1, true, &world->actions);
    vote(world, 0, LOCKSTEP_NO_SMOKE);
    assert_false(is_asked(world, 1));
    assert_true(is_asked(world, 2));
    free(world);
}

/* A node that flaps while it is watched uses up the budget, and others get their turn. */
static void a_flapper_does_not_hold_the_place_for_ever(void **state)
{
    struct world *world = new_world(2);
    uint32_t rounds = 0;
    (void)state;
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 0);
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_LIVE);
    while (rounds < 100 && !is_asked(world, 1) && world->parts[1].state == LOCKSTEP_PART_OWED) {
        rounds++;
        link_down(world, 0);
        pass(world, 2 * SECOND, 0, 0);
        world->live[0].generation = 5;
        world->live[0].digest.bytes[0] = 2;
        come_back(world, 0);
        pass(world, 2 * SECOND, NODES, 0);
    }
    assert_true(rounds < 20);
    free(world);
}

/* Healthy is who was there to be watched. */
static void who_vanished_in_the_soak_is_not_healthy(void **state)
{
    struct world *world = new_world(2);
    (void)state;
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 0);
    link_down(world, 0);
    pass(world, 11 * SECOND, 0, 0);
    assert_true(world->parts[0].state != LOCKSTEP_PART_HEALTHY);
    free(world);
}

/* Its machine stands still: no link breaks, and nothing is heard of it any more. */
static void who_fell_silent_in_the_soak_is_a_failure(void **state)
{
    struct world *world = new_world(3);
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(is_asked(world, i));
        vote(world, i, LOCKSTEP_NO_UNSPECIFIED);
        read_back(world, i);
        pass(world, 20 * SECOND, 0, i); /* from here on nobody hears of it */
    }
    assert_false(is_asked(world, 2)); /* two have died of it */
    free(world);
}

/* NODE comes back with what it was told to run. */
static void come_back_live(struct world *world, uint32_t node)
{
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_STATE};
    world->live[node].generation = 5;
    world->live[node].digest = world->operation.items[0].digest;
    message.u.state.epoch = 1;
    message.u.state.live_count = 1;
    message.u.state.live[0] = world->live[node];
    lockstep_fleet_link_up(&world->fleet, world->now, node);
    receive(world, node, &message);
}

/* A link that breaks for a moment ends no watch. */
static void a_link_that_broke_in_the_soak_is_no_end(void **state)
{
    struct world *world = new_world(2);
    (void)state;
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 0);
    pass(world, 2 * SECOND, NODES, 0);
    link_down(world, 0);
    come_back_live(world, 0);
    pass(world, 2 * SECOND, NODES, 0);
    assert_false(is_asked(world, 1)); /* the first one's soak is not over */
    pass(world, 10 * SECOND, NODES, 0);
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_HEALTHY);
    assert_true(is_asked(world, 1));
    free(world);
}

/* The same, of the last one: it ends all the same. */
static void the_last_one_is_not_waited_for_for_ever(void **state)
{
    struct world *world = new_world(1);
    (void)state;
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 0);
    pass(world, 2 * SECOND, NODES, 0);
    link_down(world, 0);
    come_back_live(world, 0);
    pass(world, 120 * SECOND, NODES, 0);
    assert_true(world->operation.state > LOCKSTEP_OPERATION_COMMITTING);
    free(world);
}

/* An agent that was started again while it was asked is asked again, and the others go on. */
static void who_is_started_again_while_asked_is_asked_again(void **state)
{
    struct world *world = new_world(2);
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        world->parts[0].due = 0; /* sent */
        link_down(world, 0);
        come_back(world, 0);
        pass(world, 2 * SECOND, NODES, 0);
    }
    assert_true(world->parts[0].asked || world->parts[1].asked);
    vote(world, 1, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 1);
    pass(world, 12 * SECOND, NODES, 0);
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 0);
    pass(world, 12 * SECOND, NODES, 0);
    assert_true(world->operation.state > LOCKSTEP_OPERATION_COMMITTING);
    free(world);
}

/* The coordinator is back after a kill while the first of COUNT was watched, and so is that one. */
static struct world *killed_in_the_soak(uint32_t count)
{
    struct world *world = new_world(count);
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 0);
    restart(world);
    come_back_live(world, 0);
    return world;
}

/* The coordinator is killed while one node is watched and another waits. */
static void a_kill_in_the_soak_starts_it_anew(void **state)
{
    struct world *world = killed_in_the_soak(3);
    (void)state;
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_LIVE);
    come_back(world, 1);
    come_back(world, 2);
    assert_int_equal(world->parts[0].asked + world->parts[1].asked + world->parts[2].asked, 1);
    assert_true(world->parts[0].asked);
    free(world);
}

/* After a kill everybody is away at first: who is back a little later than the others has its turn.
 */
static void who_is_late_after_a_kill_has_its_turn(void **state)
{
    struct world *world = killed_in_the_soak(2);
    (void)state;
    pass(world, 12 * SECOND, 1, 1);
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_HEALTHY);
    assert_int_equal(world->operation.state, LOCKSTEP_OPERATION_COMMITTING);
    come_back(world, 1);
    assert_true(is_asked(world, 1));
    free(world);
}

/* And who is not back by the commit deadline is owed it, and holds nobody up. */
static void who_stays_away_after_a_kill_is_owed_it(void **state)
{
    struct world *world = killed_in_the_soak(2);
    (void)state;
    pass(world, 16 * SECOND, 1, 1);
    assert_true(world->operation.state > LOCKSTEP_OPERATION_COMMITTING);
    assert_int_equal(world->parts[1].state, LOCKSTEP_PART_OWED);
    free(world);
}

/* While the coordinator may be cut off nobody becomes healthy by the passing of time. */
static void a_soak_stands_still_in_isolation(void **state)
{
    struct world *world = new_world(2);
    (void)state;
    vote(world, 0, LOCKSTEP_NO_UNSPECIFIED);
    read_back(world, 0);
    pass(world, 9 * SECOND, 4, 11);
    assert_true(lockstep_time_set(world->fleet.isolated));
    pass(world, 60 * SECOND, 4, 11);
    pass(world, 1 * SECOND, NODES, 0);
    assert_false(lockstep_time_set(world->fleet.isolated));
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_LIVE);
    pass(world, 10 * SECOND, NODES, 0);
    assert_int_equal(world->parts[0].state, LOCKSTEP_PART_HEALTHY);
    free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_that_comes_free_in_isolation_is_given),
        cmocka_unit_test(a_vow_from_before_the_stop_is_not_carried_out_unseen),
        cmocka_unit_test(an_abort_outlives_the_coordinator),
        cmocka_unit_test(who_is_cordoned_meanwhile_is_not_asked),
        cmocka_unit_test(a_flapper_does_not_hold_the_place_for_ever),
        cmocka_unit_test(who_vanished_in_the_soak_is_not_healthy),
        cmocka_unit_test(who_fell_silent_in_the_soak_is_a_failure),
        cmocka_unit_test(a_link_that_broke_in_the_soak_is_no_end),
        cmocka_unit_test(the_last_one_is_not_waited_for_for_ever),
        cmocka_unit_test(who_is_started_again_while_asked_is_asked_again),
        cmocka_unit_test(a_kill_in_the_soak_starts_it_anew),
        cmocka_unit_test(who_is_late_after_a_kill_has_its_turn),
        cmocka_unit_test(who_stays_away_after_a_kill_is_owed_it),
        cmocka_unit_test(a_soak_stands_still_in_isolation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
