/* A module that is taken out of a host: nobody finds it any more, and nothing else notices. */
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <pthread.h>
#include <string.h>

static struct host_agent agent;

static int start(void **state)
{
    (void)state;
    host_agent_begin_host(&agent);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_agent_deinit(&agent);
    return 0;
}

/* Adds to the order that MODULE is taken out. */
static void add_nothing(const char *module)
{
    struct lockstep_hostwire_entry *entry = host_agent_add(&agent, module, "");
    entry->digest = (struct lockstep_digest){0};
    entry->device = 0;
    entry->inode = 0;
}

static void take_out(const char *module)
{
    host_agent_begin(&agent);
    add_nothing(module);
    host_agent_commit(&agent);
}

static void expect_no_tool(const char *tool)
{
    char text[64];
    assert_int_equal(host_agent_call(&agent, tool, "x", text, sizeof(text)), LOCKSTEP_CALL_NO_TOOL);
}

static void expect_refused(const char *code)
{
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, code);
}

static void *wait_in_echo(void *ret_result)
{
    char text[64];
    *(enum lockstep_call_result *)ret_result = host_agent_call(&agent, "echo.wait", "", text,
                                                               sizeof(text));
    return NULL;
}

static void test_calls_in_flight_end_in_it(void **state)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    pthread_t thread;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_echo, &result), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    take_out("echo");
    expect_no_tool("echo.say");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
}

/* Nothing is left of it in what the host says is live. */
static void test_it_is_not_live(void **state)
{
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_begin(&agent);
    add_nothing("echo");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_false(agent.reply->stateful);
    assert_int_equal(agent.reply->entries_count, 1);
    assert_int_equal(agent.reply->entries[0].generation, agent.generation);
    assert_true(lockstep_digest_is_zero(&agent.reply->entries[0].digest));
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_STATUS), LOCKSTEP_HOSTWIRE_STATUS);
    assert_int_equal(agent.reply->entries_count, 1);
    assert_int_equal(agent.reply->entries[0].state, LOCKSTEP_HOSTWIRE_STATE_PREVIOUS);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED); /* done is done */
}

static void test_what_was_never_there(void **state)
{
    (void)state;
    take_out("echo");
    expect_no_tool("echo.say");
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
}

static void test_dropped_again(void **state)
{
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_begin(&agent);
    add_nothing("echo");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_DROP), LOCKSTEP_HOSTWIRE_OK);
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
    agent.generation -= 2;
    host_agent_begin(&agent);
    add_nothing("echo");
    expect_refused("STALE_GENERATION");
}

/* What requires it, live or about to be, keeps it where it is; together they may go. */
static void test_what_requires_it(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_copy(&agent, "other-1", path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "other", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    const struct lockstep_id other = agent.order->operation;
    host_agent_begin(&agent);
    add_nothing("echo");
    expect_refused("DEPENDENCY");
    agent.order->operation = other;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED);
    host_agent_begin(&agent);
    add_nothing("echo");
    expect_refused("DEPENDENCY");
    host_agent_expect(&agent, "other.pair", "x", "1.0.0|1.0.0 x");
    host_agent_begin(&agent);
    add_nothing("echo");
    add_nothing("other");
    host_agent_commit(&agent);
    expect_no_tool("echo.say");
    expect_no_tool("other.pair");
}

/* One set takes out and brings: both at one instant. */
static void test_beside_another_version(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_expect(&agent, "counter.add", "", "1");
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    host_agent_begin(&agent);
    agent.order->drain = true;
    add_nothing("echo");
    (void)host_agent_add(&agent, "counter", path);
    host_agent_commit(&agent);
    expect_no_tool("echo.say");
    host_agent_expect(&agent, "counter.add", "", "2");
}

/* Its state ends with it, also what an older schema could not hold: what comes next begins anew. */
static void test_state_ends_with_it(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", path, sizeof(path));
    host_agent_install(&agent, "counter", "counter-2", NULL, 0);
    host_agent_expect(&agent, "counter.add", "", "1");
    host_agent_install_from(&agent, "counter", path);
    host_agent_expect(&agent, "counter.add", "", "2");
    take_out("counter");
    expect_no_tool("counter.get");
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_expect(&agent, "counter.get", "", "0 0");
    host_agent_install(&agent, "counter", "counter-2", NULL, 0);
    host_agent_expect(&agent, "counter.get", "", "0 0");
}

static void *add_slowly(void *ret_result)
{
    char text[64];
    *(enum lockstep_call_result *)ret_result = host_agent_call(&agent, "journaled.add", "1 1000",
                                                               text, sizeof(text));
    return NULL;
}

/* A call that is written down holds up the removal, and nothing else: the host says so, goes on
 * with what it is asked, and takes the module out when the call has ended. */
static void test_call_that_is_written_down(void **state)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    pthread_t thread;
    (void)state;
    host_agent_install(&agent, "journaled", "journaled-1", NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, add_slowly, &result), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    host_agent_begin(&agent);
    add_nothing("journaled");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_true(agent.reply->stateful);
    agent.order->drain_ms = 20;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->code, "DRAIN");
    agent.order->drain_ms = 20000;
    host_agent_commit(&agent);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
    expect_no_tool("journaled.add");
    host_agent_install(&agent, "journaled", "journaled-1", NULL, 0);
    host_agent_expect(&agent, "journaled.add", "2", "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls_in_flight_end_in_it, start, stop),
        cmocka_unit_test_setup_teardown(test_it_is_not_live, start, stop),
        cmocka_unit_test_setup_teardown(test_what_was_never_there, start, stop),
        cmocka_unit_test_setup_teardown(test_dropped_again, start, stop),
        cmocka_unit_test_setup_teardown(test_what_requires_it, start, stop),
        cmocka_unit_test_setup_teardown(test_beside_another_version, start, stop),
        cmocka_unit_test_setup_teardown(test_state_ends_with_it, start, stop),
        cmocka_unit_test_setup_teardown(test_call_that_is_written_down, start, stop),
    };
    return cmocka_run_group_tests_name("agent/host take out", tests, NULL, NULL);
}
