/* The agent's side of hosts: orders, answers and a host's death, with lockstep-host itself. */
#include "agent/host/include/lockstep/client.h"
#include "agent/hosts.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void loads_and_serves(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hosts_module modules[4];
    hosts_node_start(node, NULL, 0);
    assert_int_equal(node->live_count, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "echo-1.so", "echo");
    assert_false(node->result.stateful);
    hosts_node_expect_tool(node, "echo.say", "hello", "1.0.0 hello");
    hosts_node_look(node, "echo.say", "there");
    assert_true(node->answer.reached);
    assert_int_equal(node->answer.result, LOCKSTEP_CALL_OK);
    assert_string_equal(node->bytes, "1.0.0 there");
    hosts_node_look(node, "echo.nothing", "");
    assert_true(node->answer.reached);
    assert_int_not_equal(node->answer.result, LOCKSTEP_CALL_OK);
    hosts_node_reload(node, 2, HOSTS_NODE_GOOD "echo-2.so", "echo");
    hosts_node_expect_tool(node, "echo.say", "hello", "2.0.0 hello");
    assert_int_equal(lockstep_hosts_status(node->hosts, modules, 4), 1);
    assert_string_equal(modules[0].version, "2.0.0");
    assert_int_equal(modules[0].generation, 2);
    assert_true(modules[0].loaded_ms > 0);
    assert_false(modules[0].differs);
    assert_null(lockstep_hosts_latched(node->hosts, 0));
}

static void carries_state_over(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_hosts_item next = hosts_node_item(HOSTS_NODE_GOOD "counter-2.so",
                                                            "counter", 2);
    const struct lockstep_id id = hosts_node_operation(2);
    struct lockstep_name counter;
    uint32_t answers;
    (void)lockstep_name_parse("counter", &counter);
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "counter-1.so", "counter");
    hosts_node_look(node, "counter.add", "");
    answers = node->answers;
    lockstep_hosts_snapshot(node->hosts, 7, 0, &counter, 1000);
    hosts_node_turn_until(node, &node->answers, answers + 1);
    hosts_node_expect_ok(node);
    assert_true(node->fd >= 0);
    (void)close(node->fd);
    node->extra = "41";
    hosts_node_map(node, 2, &next);
    hosts_node_expect_ok(node);
    assert_true(node->result.stateful);
    answers = node->answers;
    lockstep_hosts_migrate(node->hosts, 2, &id, LOCKSTEP_DRAIN_AUTO, 1000);
    hosts_node_turn_until(node, &node->answers, answers + 1);
    hosts_node_expect_ok(node);
    hosts_node_publish(node, 2);
    hosts_node_expect_ok(node);
    hosts_node_look(node, "counter.get", "");
    assert_string_equal(node->bytes, "42 0");
    assert_int_equal(node->answer.generation, 2);
    lockstep_hosts_retire(node->hosts, &next, 1);
}

static void passes_refusals_on(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_hosts_item item = hosts_node_item(HOSTS_NODE_GOOD "echo-smoke.so", "echo",
                                                            1);
    const struct lockstep_id id = hosts_node_operation(1);
    hosts_node_start(node, NULL, 0);
    hosts_node_map(node, 1, &item);
    assert_false(node->result.ok);
    assert_int_equal(node->result.no, LOCKSTEP_NO_SMOKE);
    assert_non_null(strstr(node->text, "smoke was asked for"));
    hosts_node_publish(node, 1);
    assert_int_equal(node->result.no, LOCKSTEP_NO_INTERNAL);
    lockstep_hosts_drop(node->hosts, &id);
    hosts_node_publish(node, 1);
    assert_string_equal(node->text, "the hosts have not mapped this operation");
}

static void lists_tools(void **state)
{
    struct hosts_node *node = *state;
    uint32_t answers;
    lockstep_hosts_tools(node->hosts, 5);
    hosts_node_turn_until(node, &node->answers, 1);
    assert_false(node->answer.reached);
    assert_int_equal(node->answer.ticket, 5);
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "echo-1.so", "echo");
    answers = node->answers;
    lockstep_hosts_tools(node->hosts, 6);
    hosts_node_turn_until(node, &node->answers, answers + 1);
    assert_true(node->answer.reached);
    assert_false(node->answer.cut);
    assert_non_null(strstr(node->bytes, "echo.say\techo\t1.0.0\t1\t"));
}

static void needs_a_host(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_hosts_item item = hosts_node_item(HOSTS_NODE_GOOD "echo-1.so", "echo", 1);
    hosts_node_map(node, 1, &item);
    assert_int_equal(node->result.no, LOCKSTEP_NO_NO_HOST);
    hosts_node_look(node, "echo.say", "hello");
    assert_false(node->answer.reached);
}

static void drops_without_an_answer(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_hosts_item item = hosts_node_item(HOSTS_NODE_GOOD "echo-1.so", "echo", 1);
    const struct lockstep_hosts_set set = {
        .operation = hosts_node_operation(1), .items = &item, .items_count = 1, .extra = ""};
    hosts_node_start(node, NULL, 0);
    lockstep_hosts_map(node->hosts, 1, &set);
    lockstep_hosts_drop(node->hosts, &set.operation);
    hosts_node_look(node, "echo.say", ""); /* the answers come in order */
    assert_int_equal(node->answers, 1);
}

static void a_death_answers_and_the_next_boots(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_boot_entry entries[] = {
        hosts_node_boot(HOSTS_NODE_GOOD "other-1.so", "other", 5), /* requires the next */
        hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo", 4)};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    hosts_node_start(node, entries, 2);
    assert_int_equal(node->live_count, 2);
    assert_int_equal(lockstep_hosts_start(node->hosts, 0, entries, 2, NULL), LOCKSTEP_CONFLICT);
    lockstep_hosts_call(node->hosts, 3, 0, "echo.wait", "", 0);
    (void)kill(hosts_node_pid(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    assert_int_equal(node->answers, 1);
    assert_false(node->lost_came_first);
    assert_false(node->answer.reached);
    assert_string_equal(node->text, "the host died");
    assert_false(lockstep_hosts_lives(node->hosts, 0));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", node->tools);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd);
    hosts_node_start(node, entries, 2);
    assert_int_equal(node->live_count, 2);
    assert_int_equal(node->live[0].generation + node->live[1].generation, 9);
    hosts_node_expect_tool(node, "other.pair", "x", "1.0.0|1.0.0 x");
}

/* What is gone back to has been called before: that is not of its new time. */
static void counts_anew_what_is_live_again(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hosts_module module;
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "echo-1.so", "echo");
    for (int i = 0; i < 3; i++) {
        hosts_node_look(node, "echo.say", "x");
    }
    hosts_node_reload(node, 2, HOSTS_NODE_GOOD "echo-2.so", "echo");
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.calls, 0);
    hosts_node_look(node, "echo.say", "x");
    hosts_node_reload(node, 3, HOSTS_NODE_GOOD "echo-1.so", "echo");
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.calls, 3);
    assert_int_equal(module.now, 0);
    assert_int_equal(module.failed_now, 0);
    hosts_node_look(node, "echo.say", "x");
    hosts_node_reload(node, 4, HOSTS_NODE_GOOD "echo-1.so", "echo"); /* changes no bytes */
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.calls, 4);
    assert_int_equal(module.now, 1);
}

/* Not even what somebody who started us forgot to close. */
static void has_no_descriptor_of_ours(void **state)
{
    struct hosts_node *node = *state;
    int leak = open("/dev/null", O_RDONLY); /* O_CLOEXEC is what it lacks */
    int high = fcntl(leak, F_DUPFD, 200);
    char path[64];
    assert_true(leak > 2 && high >= 200);
    hosts_node_start(node, NULL, 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)hosts_node_pid(node), high);
    (void)close(leak);
    (void)close(high);
    assert_int_equal(access(path, F_OK), -1);
}

static void take_drained(void *context, uint32_t ticket, bool ok, const char *text)
{
    struct hosts_node *node = context;
    node->answers += ticket == LOCKSTEP_NODE_MODULES_MAX ? 1 : 0;
    node->result.ok = ok;
    (void)snprintf(node->text, sizeof(node->text), "%s", text);
}

/* More than can be shut at once is refused, and not from within the call. */
static void refuses_one_drain_too_many(void **state)
{
    struct hosts_node *node = *state;
    node->hosts = lockstep_hosts_free(node->hosts);
    node->config.drained = take_drained;
    hosts_node_begin(node);
    for (uint32_t i = 0; i <= LOCKSTEP_NODE_MODULES_MAX; i++) {
        char text[32];
        struct lockstep_name name;
        const struct lockstep_hosts_gating gating = {.module = &name};
        (void)snprintf(text, sizeof(text), "module-%u", i);
        (void)lockstep_name_parse(text, &name);
        lockstep_hosts_drain(node->hosts, i, &gating);
    }
    assert_int_equal(node->answers, 0);
    hosts_node_turn_until(node, &node->answers, 1);
    assert_false(node->result.ok);
    assert_non_null(strstr(node->text, "ask again"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loads_and_serves, hosts_node_set_up, hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(carries_state_over, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(passes_refusals_on, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(lists_tools, hosts_node_set_up, hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(needs_a_host, hosts_node_set_up, hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(drops_without_an_answer, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(counts_anew_what_is_live_again, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(has_no_descriptor_of_ours, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(refuses_one_drain_too_many, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(a_death_answers_and_the_next_boots, hosts_node_set_up,
                                        hosts_node_tear_down),
    };
    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
