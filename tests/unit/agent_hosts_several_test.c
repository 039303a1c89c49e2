/* Several processes of one service, which serve on one socket. */
#include "agent/host/include/lockstep/client.h"
#include "agent/hosts.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SEVERAL       3
#define ECHO(version) HOSTS_NODE_GOOD "echo-" version ".so"

/* The node, of whose first service there are several. */
static struct hosts_node *begin(void **state)
{
    static struct lockstep_hosts_service services[2];
    struct hosts_node *node = *state;
    node->hosts = lockstep_hosts_free(node->hosts);
    memcpy(services, node->config.services, sizeof(services));
    services[0].processes = SEVERAL;
    node->config.services = services;
    node->config.settings.host_restart_first = 10;
    node->config.settings.heartbeat = 20;
    hosts_node_begin(node);
    return node;
}

static struct hosts_node *begin_with_echo(void **state)
{
    struct hosts_node *node = begin(state);
    const struct lockstep_boot_entry entry = hosts_node_boot(ECHO("1"), "echo", 1);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_hosts_start(node->hosts, 0, &entry, 1, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    hosts_node_turn_until(node, &node->ups, SEVERAL);
    return node;
}

/* The processes that the note has in ROLE; at most SEVERAL of them. */
static size_t noted(const struct hosts_node *node, const char *role, pid_t ret_pids[SEVERAL])
{
    char path[128];
    char line[128];
    size_t count = 0;
    FILE *stream;
    (void)snprintf(path, sizeof(path), "%s/tools/default.pid", node->directory);
    stream = fopen(path, "re");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) != NULL) {
        if (strstr(line, role) != NULL && count < SEVERAL) {
            ret_pids[count++] = (pid_t)strtol(line, NULL, 10);
        }
    }
    (void)fclose(stream);
    return count;
}

static void expect_alike(const struct hosts_node *node, uint64_t generation)
{
    struct lockstep_hosts_module module;
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.generation, generation);
    assert_int_equal(module.processes, SEVERAL);
    assert_false(module.differs);
}

static void a_set_reaches_all(void **state)
{
    struct hosts_node *node = begin_with_echo(state);
    struct lockstep_hosts_module module = {0};
    pid_t pids[SEVERAL];
    assert_int_equal(noted(node, "serves", pids), SEVERAL);
    for (int i = 0; i < 20; i++) {
        hosts_node_expect_tool(node, "echo.say", "one", "1.0.0 one");
    }
    for (int i = 0; i < HOSTS_NODE_TURNS && module.calls < 20; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
        assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    }
    assert_int_equal(module.calls, 20); /* of all processes */
    hosts_node_reload(node, 2, ECHO("2"), "echo");
    expect_alike(node, 2);
    for (int i = 0; i < 20; i++) {
        hosts_node_expect_tool(node, "echo.say", "all", "2.0.0 all");
    }
}

static void one_that_dies_is_replaced(void **state)
{
    struct hosts_node *node = begin_with_echo(state);
    const struct lockstep_boot_entry next = hosts_node_boot(ECHO("2"), "echo", 2);
    pid_t pids[SEVERAL];
    pid_t now[SEVERAL];
    hosts_node_reload(node, 2, ECHO("2"), "echo");
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, &next, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(noted(node, "serves", pids), SEVERAL);
    (void)kill(pids[1], SIGKILL);
    hosts_node_turn_until(node, &node->deaths, 1);
    assert_int_equal(node->losses, 0);
    assert_true(lockstep_hosts_lives(node->hosts, 0));
    hosts_node_expect_tool(node, "echo.say", "others", "2.0.0 others");
    hosts_node_turn_until(node, &node->ups, SEVERAL + 1);
    assert_int_equal(noted(node, "serves", now), SEVERAL);
    expect_alike(node, 2);
    for (int i = 0; i < SEVERAL; i++) {
        (void)kill(now[i], SIGKILL);
    }
    hosts_node_turn_until(node, &node->losses, 1);
    assert_false(lockstep_hosts_lives(node->hosts, 0));
}

static void the_next_agent_finds_them_all(void **state)
{
    struct hosts_node *node = begin_with_echo(state);
    pid_t pids[SEVERAL];
    uint32_t ups = node->ups;
    node->hosts = lockstep_hosts_free(node->hosts);
    assert_int_equal(noted(node, "serves", pids), SEVERAL);
    (void)kill(pids[0], SIGKILL);
    hosts_node_begin(node);
    hosts_node_turn_until(node, &node->ups, ups + SEVERAL); /* two, and one in place of the dead */
    assert_int_equal(noted(node, "serves", pids), SEVERAL);
    hosts_node_reload(node, 2, ECHO("2"), "echo");
    expect_alike(node, 2);
}

static void all_are_exchanged(void **state)
{
    struct hosts_node *node = begin_with_echo(state);
    struct lockstep_hosts_item item = hosts_node_item(ECHO("2"), "echo", 2);
    const struct lockstep_id id = hosts_node_operation(2);
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    struct lockstep_answer answer;
    pid_t pids[SEVERAL];
    uint32_t answers;
    assert_int_equal(lockstep_client_call(client, "echo.say", "x", 1, 0, &answer),
                     LOCKSTEP_CALL_OK);
    lockstep_answer_deinit(&answer);
    item.swap = true;
    hosts_node_map(node, 2, &item);
    hosts_node_expect_ok(node);
    assert_int_equal(noted(node, "waits", pids), SEVERAL);
    answers = node->answers;
    lockstep_hosts_migrate(node->hosts, 2, &id, LOCKSTEP_DRAIN_AUTO, 1000);
    hosts_node_turn_until(node, &node->answers, answers + 1);
    hosts_node_expect_ok(node);
    hosts_node_publish(node, 2);
    hosts_node_expect_ok(node);
    assert_int_equal(noted(node, "serves", pids), SEVERAL);
    assert_int_equal(noted(node, "left", pids), SEVERAL);
    assert_int_equal(lockstep_client_call(client, "echo.say", "x", 1, 0, &answer),
                     LOCKSTEP_CALL_OK);
    assert_string_equal((const char *)answer.bytes, "2.0.0 x");
    lockstep_answer_deinit(&answer);
    expect_alike(node, 2);
    client = lockstep_client_free(client);
}

static void state_is_refused(void **state)
{
    struct hosts_node *node = begin_with_echo(state);
    struct lockstep_hosts_item item = hosts_node_item(HOSTS_NODE_GOOD "counter-1.so", "counter", 2);
    const struct lockstep_id id = hosts_node_operation(2);
    hosts_node_map(node, 2, &item);
    assert_int_equal(node->result.no, LOCKSTEP_NO_STATE);
    assert_non_null(strstr(node->text, "3 processes"));
    lockstep_hosts_drop(node->hosts, &id);
    item.swap = true;
    hosts_node_map(node, 3, &item);
    assert_int_equal(node->result.no, LOCKSTEP_NO_STATE);
}

static void all_may_be_ended(void **state)
{
    struct hosts_node *node = begin_with_echo(state);
    lockstep_hosts_end(node->hosts, 0);
    hosts_node_turn_until(node, &node->losses, 1);
    assert_int_equal(node->deaths, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, hosts_node_set_up, hosts_node_tear_down)
        ROW(a_set_reaches_all), ROW(one_that_dies_is_replaced), ROW(the_next_agent_finds_them_all),
        ROW(all_are_exchanged), ROW(state_is_refused),          ROW(all_may_be_ended),
#undef ROW
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
