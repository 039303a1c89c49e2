/*
 * The arithmetic of a quorum, for every fleet of one to seven nodes and everything that each node
 * may do: the core is driven from the request to its result, and must say what DESIGN §3.3 says.
 * What that is, is worked out here from nothing but how many nodes do what.
 */
#include "coordinator/core/admission.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#define NODES_MAX 7

static const struct lockstep_name pay = {"pay"};

/* What one node does. */
enum part {
    ABSENT,    /* away before anybody was contacted */
    HEALTHY,   /* votes YES and runs it */
    OBJECTS,   /* votes NO, for a reason of its own */
    VETOES,    /* votes NO, for the integrity of what it was given */
    SILENT,    /* never votes */
    LOST,      /* votes YES and is not heard of again */
    FAILS,     /* votes YES, and its host dies when it runs it */
    PARTS_MAX, /* not one of them */
};

struct world {
    struct lockstep_fleet fleet;
    struct lockstep_fleet_actions actions;
    struct lockstep_time now;
    struct lockstep_module module;
    enum part plays[NODES_MAX];
    struct lockstep_node nodes[NODES_MAX];
    struct lockstep_live live[NODES_MAX];
    uint32_t selected[NODES_MAX];
    uint32_t roster[NODES_MAX];
    struct lockstep_part parts[2][NODES_MAX];
    struct lockstep_digest starts[2][NODES_MAX];
    struct lockstep_operation operations[2]; /* and its compensation */
    bool committed;
};

/* How an operation ends: what admission says, or its result. */
struct ending {
    bool refused;
    enum lockstep_result result;
};

/* ---- what should be ------------------------------------------------------------------------- */

static struct ending work_out(const struct world *world, uint32_t n)
{
    uint32_t count[PARTS_MAX] = {0};
    uint32_t need = n / 2 + 1;
    uint32_t tolerated = n - need;
    uint32_t yes;
    for (uint32_t i = 0; i < n; i++) {
        count[world->plays[i]]++;
    }
    yes = count[HEALTHY] + count[LOST] + count[FAILS];
    if (n - count[ABSENT] < need) {
        return (struct ending){true, LOCKSTEP_RESULT_NONE};
    }
    if (count[VETOES] > 0 || count[OBJECTS] > tolerated || yes < need) {
        return (struct ending){false, LOCKSTEP_RESULT_ABORTED};
    }
    if (count[HEALTHY] < need || count[OBJECTS] + count[LOST] + count[FAILS] > tolerated) {
        return (struct ending){false, count[LOST] > 0 ? LOCKSTEP_RESULT_FAILED_MIXED
                                                      : LOCKSTEP_RESULT_ROLLED_BACK};
    }
    return (struct ending){false, count[HEALTHY] == n ? LOCKSTEP_RESULT_SUCCEEDED
                                                      : LOCKSTEP_RESULT_SUCCEEDED_PARTIAL};
}

/* ---- what is -------------------------------------------------------------------------------- */

static void begin(struct world *world, uint32_t n)
{
    static const struct lockstep_name names[NODES_MAX] = {{"n1"}, {"n2"}, {"n3"}, {"n4"},
                                                          {"n5"}, {"n6"}, {"n7"}};
    struct lockstep_defaults settings;
    lockstep_defaults_init(&settings);
    memset(world->operations, 0, sizeof(world->operations));
    world->now = (struct lockstep_time){1};
    world->committed = false;
    world->fleet = (struct lockstep_fleet){.nodes = world->nodes,
                                           .node_count = n,
                                           .modules = &world->module,
                                           .module_count = 1,
                                           .module_max = 1};
    world->module = (struct lockstep_module){.name = pay, .generation = 1};
    for (uint32_t i = 0; i < n; i++) {
        bool here = world->plays[i] != ABSENT;
        world->live[i] = (struct lockstep_live){.module = pay, .generation = 1, .digest = {{1}}};
        world->nodes[i] = (struct lockstep_node){
            .name = names[i], .member = true, .live = &world->live[i], .live_count = 1};
        world->selected[i] = i;
        lockstep_fleet_init(&world->fleet, &settings, 1, 0, world->now);
        world->nodes[i].connected = here;
    }
    for (uint32_t i = 0; i < n; i++) {
        world->nodes[i].ready = world->plays[i] != ABSENT;
    }
}

static bool open_reload(struct world *world, uint32_t n)
{
    struct lockstep_request request = {.kind = LOCKSTEP_KIND_RELOAD,
                                       .strategy = LOCKSTEP_STRATEGY_QUORUM,
                                       .item_count = 1,
                                       .selected = world->selected,
                                       .selected_count = n};
    struct lockstep_plan plan = {.roster = world->roster};
    request.operation.bytes[0] = 7;
    request.items[0] = (struct lockstep_wanted){.module = pay, .digest = {{2}}};
    request.options = (struct lockstep_operation_options){
        .on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK,
        .prepare_ms = 1000,
        .commit_deadline_ms = 1000,
        .window_ms = 5000,
        .deadline_ms = 60000,
        .resend_first_ms = 10000,
        .resend_last_ms = 10000};
    lockstep_fleet_plan(&world->fleet, &request, &plan);
    assert_int_equal(plan.need, n / 2 + 1);
    if (plan.admission != LOCKSTEP_ADMISSION_ADMITTED) {
        assert_int_equal(plan.admission, LOCKSTEP_ADMISSION_ABSENT);
        return false;
    }
    for (uint32_t i = 0; i < 2; i++) {
        world->operations[i].parts = world->parts[i];
        world->operations[i].starts = world->starts[i];
    }
    world->operations[0].spare = &world->operations[1];
    lockstep_fleet_open(&world->fleet, world->now, &request, &plan, &world->operations[0],
                        &world->actions);
    return true;
}

static void act(struct world *world);

static void hear(struct world *world, uint32_t node, const struct lockstep_message *message)
{
    lockstep_fleet_receive(&world->fleet, world->now, node, message, &world->actions);
    act(world);
}

static void vote(struct world *world, uint32_t node, const struct lockstep_prepare *order)
{
    static const enum lockstep_no answers[PARTS_MAX] = {
        [OBJECTS] = LOCKSTEP_NO_SMOKE, [VETOES] = LOCKSTEP_NO_BAD_SIGNATURE};
    bool back = order->kind != LOCKSTEP_KIND_RELOAD;
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_VOTE};
    message.u.vote.operation = order->operation;
    message.u.vote.epoch = order->epoch;
    message.u.vote.no = back ? LOCKSTEP_NO_UNSPECIFIED : answers[world->plays[node]];
    message.u.vote.yes = message.u.vote.no == LOCKSTEP_NO_UNSPECIFIED;
    if (world->plays[node] != SILENT && !(back && world->plays[node] == LOST)) {
        hear(world, node, &message);
    }
}

static void apply(struct world *world, uint32_t node, const struct lockstep_operation *operation)
{
    bool back = lockstep_operation_goes_back(operation);
    struct lockstep_message message = {.type = LOCKSTEP_MESSAGE_ACK};
    struct lockstep_ack *ack = &message.u.ack;
    ack->operation = operation->id;
    ack->epoch = operation->epoch;
    ack->applied = !back && world->plays[node] == FAILS ? LOCKSTEP_APPLIED_FAILED
                                                        : LOCKSTEP_APPLIED_APPLIED;
    ack->no = ack->applied == LOCKSTEP_APPLIED_FAILED ? LOCKSTEP_NO_CRASHED
                                                      : LOCKSTEP_NO_UNSPECIFIED;
    ack->live_count = 1;
    ack->live[0] = (struct lockstep_live){
        .module = pay,
        .generation = operation->items[0].generation,
        .digest = {{back || ack->no != LOCKSTEP_NO_UNSPECIFIED ? 1 : 2}}};
    if (world->plays[node] != LOST) {
        hear(world, node, &message);
    }
}

/* Delivers what OPERATION is due; who gets it answers at once. */
static void deliver(struct world *world, struct lockstep_operation *operation)
{
    enum lockstep_due due;
    uint32_t cursor = 0;
    int64_t part;
    while ((part = lockstep_operation_next_due(operation, &cursor, &due)) >= 0) {
        uint32_t node = operation->parts[part].node;
        struct lockstep_message message;
        lockstep_operation_message(operation, (uint32_t)part, due, &message);
        if (message.type == LOCKSTEP_MESSAGE_PREPARE) {
            vote(world, node, &message.u.prepare);
        } else if (message.u.decision.outcome == LOCKSTEP_OUTCOME_COMMIT) {
            world->committed = true;
            apply(world, node, operation);
        }
    }
}

/* Does what the core asks for. A row is durable as soon as it is asked for. */
static void act(struct world *world)
{
    struct lockstep_fleet_actions actions = world->actions;
    world->actions.count = 0;
    for (uint32_t i = 0; i < actions.count; i++) {
        const struct lockstep_fleet_action *action = &actions.list[i];
        if (action->type == LOCKSTEP_FLEET_PERSIST || action->type == LOCKSTEP_FLEET_COMPENSATE) {
            lockstep_fleet_persisted(&world->fleet, world->now, action->operation, &world->actions);
            act(world);
        } else if (action->type == LOCKSTEP_FLEET_SEND) {
            deliver(world, action->operation);
        }
    }
}

/* The result, once nobody waits for anything any more but for nodes that are silent. */
static enum lockstep_result settle(struct world *world)
{
    const struct lockstep_time end = lockstep_time_after(world->now, 20000);
    while (world->now.ms < end.ms) {
        world->now = lockstep_time_after(world->now, 100);
        for (uint32_t i = 0; i < world->fleet.node_count; i++) {
            world->nodes[i].heard = world->now; /* links stand; who is lost only does not answer */
        }
        lockstep_fleet_tick(&world->fleet, world->now, &world->actions);
        act(world);
    }
    assert_true(lockstep_operation_ended(&world->operations[0]));
    return (enum lockstep_result)world->operations[0].result;
}

/* ---- every fleet ---------------------------------------------------------------------------- */

static const char *describe(const struct world *world, uint32_t n)
{
    static const char letters[PARTS_MAX] = "aynislf";
    static char text[NODES_MAX + 1];
    for (uint32_t i = 0; i < n; i++) {
        text[i] = letters[world->plays[i]];
    }
    text[n] = '\0';
    return text;
}

static void check_fleet(struct world *world, uint32_t n)
{
    struct ending wanted = work_out(world, n);
    enum lockstep_result result = LOCKSTEP_RESULT_NONE;
    bool refused;
    begin(world, n);
    refused = !open_reload(world, n);
    if (!refused) {
        act(world);
        result = settle(world);
    }
    if (refused != wanted.refused || result != wanted.result ||
        (world->committed && (refused || result == LOCKSTEP_RESULT_ABORTED))) {
        fail_msg("%s: %s, and not %s", describe(world, n),
                 refused ? "refused" : lockstep_result_word(result),
                 wanted.refused ? "refused" : lockstep_result_word(wanted.result));
    }
}

/* Goes through all that nodes FIRST to N may do. From five nodes on only in one order of the nodes:
 * nobody counts for more than another, as the smaller fleets have shown. */
static void check_from(struct world *world, uint32_t n, uint32_t first)
{
    if (first == n) {
        check_fleet(world, n);
        return;
    }
    for (unsigned part = 0; part < PARTS_MAX; part++) {
        if (n > 4 && first > 0 && part < (unsigned)world->plays[first - 1]) {
            continue;
        }
        world->plays[first] = (enum part)part;
        check_from(world, n, first + 1);
    }
}

static void check_size(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    check_from(world, *(const uint32_t *)*state, 0);
    free(world);
}

/* True if the nodes of SIDE, bits, decide alone. */
static bool commits(struct world *world, uint32_t n, uint32_t side)
{
    for (uint32_t i = 0; i < n; i++) {
        world->plays[i] = (side >> i & 1U) != 0 ? HEALTHY : ABSENT;
    }
    begin(world, n);
    if (open_reload(world, n)) {
        act(world);
    }
    return world->committed;
}

/* Of two sides of a fleet that do not see each other, one at most decides. */
static void two_sides_never_both_commit(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    (void)state;
    assert_non_null(world);
    for (uint32_t n = 1; n <= NODES_MAX; n++) {
        for (uint32_t side = 0; side < 1U << n; side++) {
            assert_false(commits(world, n, side) && commits(world, n, ~side));
        }
    }
    free(world);
}

int main(void)
{
    static uint32_t sizes[] = {1, 2, 3, 4, 5, 6, 7};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sides_never_both_commit),
        {"one node", check_size, NULL, NULL, &sizes[0]},
        {"two nodes", check_size, NULL, NULL, &sizes[1]},
        {"three nodes", check_size, NULL, NULL, &sizes[2]},
        {"four nodes", check_size, NULL, NULL, &sizes[3]},
        {"five nodes", check_size, NULL, NULL, &sizes[4]},
        {"six nodes", check_size, NULL, NULL, &sizes[5]},
        {"seven nodes", check_size, NULL, NULL, &sizes[6]},
    };
    return cmocka_run_group_tests_name("quorum", tests, NULL, NULL);
}
