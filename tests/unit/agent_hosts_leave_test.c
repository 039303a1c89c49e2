/* Process swap: one of the two has been told to leave, and what happens then is not what was to. */
#include "agent/hosts_swap.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define LEDGER(schema)  HOSTS_NODE_GOOD "ledger-" schema "-journaled.so"
#define COUNTER(schema) HOSTS_NODE_GOOD "counter-" schema ".so"

/* What is live keeps its state only if it is handed over, or goes on. */
struct bench {
    struct hosts_node *node;
    pid_t first;
    pid_t second;
};

static void begin(struct bench *bench, struct hosts_node *node)
{
    const struct lockstep_boot_entry entry = hosts_node_boot(COUNTER("1"), "counter", 1);
    const struct lockstep_hosts_item item = hosts_node_swap_item(COUNTER("2"), "counter", 2);
    hosts_node_start(node, &entry, 1);
    hosts_node_expect_tool(node, "counter.add", "", "1");
    bench->node = node;
    bench->first = hosts_node_serving(node);
    hosts_node_map(node, 2, &item);
    hosts_node_expect_ok(node);
    bench->second = hosts_node_waiting(node);
}

static void migrate(const struct bench *bench)
{
    const struct lockstep_id id = hosts_node_operation(2);
    uint32_t answers = bench->node->answers;
    lockstep_hosts_migrate(bench->node->hosts, 2, &id, LOCKSTEP_DRAIN_AUTO, 60000);
    hosts_node_turn_until(bench->node, &bench->node->answers, answers + 1);
}

/* Comes back when PID does nothing any more. */
static void stop(pid_t pid)
{
    int status = 0;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
}

/* The first is told to leave, and does not hear of it. */
static void tell_to_leave(const struct bench *bench)
{
    const struct lockstep_id id = hosts_node_operation(2);
    const struct lockstep_hosts_process *second = lockstep_hosts_process_find(bench->node->hosts,
                                                                              bench->second);
    assert_non_null(second);
    stop(bench->first);
    lockstep_hosts_publish(bench->node->hosts, 2, &id);
    for (int i = 0; i < HOSTS_NODE_TURNS && second->succession->asked == 0; i++) {
        assert_int_equal(lockstep_loop_once(bench->node->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_true(second->succession->asked != 0);
}

/* The time of what is waited for is over. */
static void time_out(const struct bench *bench)
{
    struct hosts_node *node = bench->node;
    uint32_t answers = node->answers;
    for (size_t i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        struct lockstep_hosts_request *request = &node->hosts->requests[i];
        if (request->kind != LOCKSTEP_HOSTS_REQUEST_FREE) {
            lockstep_timer_arm(node->loop, &request->timer, lockstep_loop_now(node->loop));
        }
    }
    hosts_node_turn_until(node, &node->answers, answers + 1);
    assert_int_equal(node->result.no, LOCKSTEP_NO_NO_HOST);
}

/* And nobody waits for it any more. */
static void be_late(const struct bench *bench)
{
    tell_to_leave(bench);
    time_out(bench);
    migrate(bench); /* it may have left: its state is nobody's to hand over */
    assert_int_equal(bench->node->result.no, LOCKSTEP_NO_NO_HOST);
    assert_non_null(strstr(bench->node->text, "has not said"));
    hosts_node_publish(bench->node, 2);
    assert_non_null(strstr(bench->node->text, "has not said"));
}

/* The second serves, with the state that it was given, and it is told. */
static void expect_second(const struct bench *bench, uint32_t ups)
{
    hosts_node_turn_until(bench->node, &bench->node->ups, ups + 1);
    assert_int_equal(hosts_node_serving(bench->node), bench->second);
    assert_int_equal(bench->node->live[0].generation, 2);
    hosts_node_expect_tool(bench->node, "counter.add", "", "2");
    assert_int_equal(bench->node->losses, 0);
}

static void leaves_late(void **state)
{
    struct bench bench;
    uint32_t ups;
    begin(&bench, *state);
    ups = bench.node->ups;
    migrate(&bench);
    hosts_node_expect_ok(bench.node);
    be_late(&bench);
    (void)kill(bench.first, SIGCONT);
    expect_second(&bench, ups);
    assert_true(hosts_node_runs(bench.first));
}

/* It serves on, and the set is brought after all. */
static void refuses_late(void **state)
{
    struct bench bench;
    begin(&bench, *state); /* and nothing is handed over, so it must not leave */
    be_late(&bench);
    (void)kill(bench.first, SIGCONT);
    for (int i = 0; i < HOSTS_NODE_TURNS && !bench.node->result.ok; i++) {
        assert_int_equal(lockstep_loop_once(bench.node->loop, 10, NULL), LOCKSTEP_OK);
        migrate(&bench);
    }
    hosts_node_expect_ok(bench.node);
    assert_int_equal(hosts_node_serving(bench.node), bench.first);
    hosts_node_publish(bench.node, 2);
    hosts_node_expect_ok(bench.node);
    assert_int_equal(hosts_node_serving(bench.node), bench.second);
    hosts_node_expect_tool(bench.node, "counter.add", "", "2");
}

static void dies_late(void **state)
{
    struct bench bench;
    uint32_t ups;
    begin(&bench, *state);
    ups = bench.node->ups;
    migrate(&bench);
    be_late(&bench);
    (void)kill(bench.first, SIGKILL);
    expect_second(&bench, ups);
}

static void dies_at_once(void **state)
{
    struct bench bench;
    uint32_t answers;
    begin(&bench, *state);
    migrate(&bench);
    answers = bench.node->answers;
    tell_to_leave(&bench);
    (void)kill(bench.first, SIGKILL);
    hosts_node_turn_until(bench.node, &bench.node->answers, answers + 1);
    hosts_node_expect_ok(bench.node);
    assert_int_equal(hosts_node_serving(bench.node), bench.second);
    hosts_node_expect_tool(bench.node, "counter.add", "", "2");
    assert_int_equal(bench.node->losses, 0);
}

/* And the second does not say in time that it serves. */
static void dies_and_the_second_is_slow(void **state)
{
    struct bench bench;
    uint32_t ups;
    begin(&bench, *state);
    ups = bench.node->ups;
    migrate(&bench);
    tell_to_leave(&bench);
    stop(bench.second);
    (void)kill(bench.first, SIGKILL);
    hosts_node_turn_until_ended(bench.node, bench.first);
    time_out(&bench);
    migrate(&bench); /* there is nobody whose state it could be given */
    assert_int_equal(bench.node->result.no, LOCKSTEP_NO_NO_HOST);
    (void)kill(bench.second, SIGCONT);
    expect_second(&bench, ups);
}

/* It is called off when it may have left already: whichever it hears, it serves. */
static void is_called_off_late(void **state)
{
    struct bench bench;
    const struct lockstep_id id = hosts_node_operation(2);
    uint32_t ups;
    begin(&bench, *state);
    ups = bench.node->ups;
    migrate(&bench);
    be_late(&bench);
    stop(bench.second); /* or it would end before it can be left to */
    lockstep_hosts_drop(bench.node->hosts, &id);
    (void)kill(bench.first, SIGCONT);
    hosts_node_turn_until(bench.node, &bench.node->ups, ups + 1);
    assert_int_equal(hosts_node_serving(bench.node), bench.first);
    (void)kill(bench.second, SIGCONT);
    hosts_node_turn_until_ended(bench.node, bench.second);
    hosts_node_expect_tool(bench.node, "counter.add", "", "2");
    assert_int_equal(bench.node->losses, 0);
}

/* Called off, the second ends when the first has died already: what it was given is older. */
static void ends_after_the_first(void **state)
{
    const struct lockstep_boot_entry entry = hosts_node_boot(LEDGER("1"), "ledger", 1);
    const struct lockstep_hosts_item item = hosts_node_swap_item(LEDGER("2"), "ledger", 2);
    const struct lockstep_id id = hosts_node_operation(2);
    struct bench bench = {.node = *state};
    hosts_node_start(bench.node, &entry, 1);
    hosts_node_expect_tool(bench.node, "ledger.add", "5", "5");
    hosts_node_map(bench.node, 2, &item);
    hosts_node_expect_ok(bench.node);
    bench.first = hosts_node_serving(bench.node);
    bench.second = hosts_node_waiting(bench.node);
    migrate(&bench);
    hosts_node_expect_ok(bench.node);
    stop(bench.second);
    lockstep_hosts_drop(bench.node->hosts, &id);
    hosts_node_expect_tool(bench.node, "ledger.add", "1", "6");
    (void)kill(bench.first, SIGKILL);
    hosts_node_turn_until(bench.node, &bench.node->losses, 1);
    (void)kill(bench.second, SIGCONT);
    hosts_node_turn_until_ended(bench.node, bench.second);
    hosts_node_start(bench.node, &entry, 1);
    hosts_node_expect_tool(bench.node, "ledger.add", "1", "7");
}

/* A host that has spent its budget is exchanged by the next set, whatever that asks for. */
static void is_spent(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_boot_entry entry = hosts_node_boot(COUNTER("1"), "counter", 1);
    const struct lockstep_hosts_item item = hosts_node_item(COUNTER("2"), "counter", 2);
    hosts_node_start(node, &entry, 1);
    node->hosts->processes->retired = (uint32_t)node->config.settings.retired;
    hosts_node_map(node, 2, &item);
    hosts_node_expect_ok(node);
    assert_true(hosts_node_waiting(node) != hosts_node_serving(node));
}

/* A recycling gives way to an order, but not when the host may have left already. */
static void is_recycled(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_boot_entry entry = hosts_node_boot(COUNTER("1"), "counter", 1);
    const struct lockstep_hosts_item item = hosts_node_item(COUNTER("2"), "counter", 2);
    pid_t first;
    hosts_node_start(node, &entry, 1);
    first = hosts_node_serving(node);
    hosts_node_expect_tool(node, "counter.add", "", "1");
    node->hosts->processes->retired = (uint32_t)node->config.settings.retired;
    lockstep_hosts_recycle(node->hosts);
    for (int i = 0; i < HOSTS_NODE_TURNS && !node->hosts->rooms[0].swap.publishing; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_true(node->hosts->rooms[0].swap.publishing);
    hosts_node_map(node, 2, &item);
    assert_int_equal(node->result.no, LOCKSTEP_NO_BUSY);
    hosts_node_turn_until_ended(node, first);
    assert_int_equal(lockstep_hosts_recycles(node->hosts), 1);
    hosts_node_expect_tool(node, "counter.add", "", "2");
    hosts_node_map(node, 3, &item);
    hosts_node_expect_ok(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, hosts_node_set_up, hosts_node_tear_down)
        ROW(leaves_late),
        ROW(refuses_late),
        ROW(dies_late),
        ROW(dies_at_once),
        ROW(dies_and_the_second_is_slow),
        ROW(is_called_off_late),
        ROW(ends_after_the_first),
        ROW(is_spent),
        ROW(is_recycled),
#undef ROW
    };
    return cmocka_run_group_tests_name("told to leave", tests, NULL, NULL);
}
