/* What becomes of versions that are over: counted, held by who is inside, unmapped on request. */
#include "agent/host/include/lockstep/client.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <pthread.h>
#include <stdlib.h>
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

static void purge(const char *module, bool hard, uint32_t wait_ms)
{
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_PURGE);
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "%s", module);
    agent.order->drain = hard;
    agent.order->drain_ms = wait_ms;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PURGE), LOCKSTEP_HOSTWIRE_ANSWER);
}

/* How many the last purge took away. */
static unsigned long unmapped(void)
{
    return strtoul((const char *)agent.reply->bytes, NULL, 10);
}

static void test_budget(void **state)
{
    char path[160];
    (void)state;
    for (int i = 0; i <= LOCKSTEP_RETIRED_MAX; i++) {
        host_agent_install(&agent, "echo", "echo-1", NULL, 0);
        host_agent_retire(&agent, "echo", 0, 0);
    }
    host_agent_copy(&agent, "echo-2", path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "echo", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "NOT_PURGED");
    assert_string_equal(agent.reply->text,
                        "256 retired versions are in this process (256 retired of echo); 'lockstep "
                        "module purge echo' unmaps those nobody is in");
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
    purge("", false, 100);
    assert_int_equal(unmapped(), LOCKSTEP_RETIRED_MAX);
    assert_int_equal(agent.reply->retired, 0);
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_expect(&agent, "echo.say", "x", "2.0.0 x");
}

static void *call_wait(void *argument)
{
    host_agent_expect(argument, "echo.wait", "x", "1.0.0 x");
    return NULL;
}

/* A version that somebody is in stays, hard or not, and the answer says which, where and how many;
 * who waits gets it. Of other modules nothing is touched. */
static void test_purge(void **state)
{
    pthread_t thread;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_install(&agent, "counter", "counter-2", NULL, 0);
    host_agent_retire(&agent, "counter", 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, call_wait, &agent), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_retire(&agent, "echo", 0, 0);
    purge("echo", true, 20000);
    assert_int_equal(unmapped(), 0);
    assert_int_equal(agent.reply->retired, 1);
    assert_string_equal(agent.reply->text,
                        "echo 1.0.0 (generation 1): 1 calls in flight in echo.wait");
    purge("echo", false, 20000);
    assert_int_equal(unmapped(), 1);
    assert_int_equal(agent.reply->retired, 0);
    assert_string_equal(agent.reply->text, "");
    assert_int_equal(pthread_join(thread, NULL), 0);
    purge("echo", false, 100);
    assert_int_equal(unmapped(), 0);
    purge("", false, 100);
    assert_int_equal(unmapped(), 1); /* counter's */
    host_agent_expect(&agent, "echo.say", "x", "2.0.0 x");
    host_agent_expect(&agent, "counter.add", "", "1");
}

/* What COUNTS says of a tool: calls, failed, in flight of the version that is live. */
static void expect_counts(const char *tool, const char *version, uint64_t calls, uint64_t failed)
{
    bool found = false;
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_COUNTS);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_COUNTS), LOCKSTEP_HOSTWIRE_COUNTS);
    for (size_t i = 0; i < agent.reply->entries_count; i++) {
        const struct lockstep_hostwire_entry *entry = &agent.reply->entries[i];
        if (strcmp(entry->tool, tool) == 0 && strcmp(entry->version, version) == 0) {
            assert_int_equal(entry->calls, calls);
            assert_int_equal(entry->failed, failed);
            assert_int_equal(entry->in_flight, 0);
            assert_int_equal(entry->state, LOCKSTEP_HOSTWIRE_STATE_LIVE);
            found = true;
        }
    }
    assert_true(found);
}

/* Counts are of one version, also when it has the number of one that was purged. */
static void test_counts(void **state)
{
    char text[64];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
    assert_int_equal(host_agent_call(&agent, "echo.fail", "", text, sizeof(text)),
                     LOCKSTEP_CALL_FAILED);
    expect_counts("echo.say", "1.0.0", 2, 0);
    expect_counts("echo.fail", "1.0.0", 1, 1);
    expect_counts("echo.wait", "1.0.0", 0, 0);
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_retire(&agent, "echo", 0, 0);
    purge("echo", false, 20000);
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    expect_counts("echo.say", "1.0.0", 0, 0);
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
    expect_counts("echo.say", "1.0.0", 1, 0);
    expect_counts("echo.fail", "1.0.0", 0, 0);
}

/* The host goes on with what it is asked; that version stays, and purge says which it is. */
static void test_retire_hangs(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "echo", "echo-lingers", NULL, 0);
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_retire(&agent, "echo", 0, 0);
    purge("echo", true, 100);
    assert_int_equal(unmapped(), 0);
    assert_int_equal(agent.reply->retired, 1);
    assert_string_equal(agent.reply->text,
                        "echo 4.0.0 (generation 1): some of its own code has not ended");
    host_agent_expect(&agent, "echo.say", "x", "1.0.0 x");
    host_agent_copy(&agent, "echo-lingers", path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "echo", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_DROP), LOCKSTEP_HOSTWIRE_OK);
    assert_int_equal(host_agent_in_flight(&agent), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_budget, start, stop),
        cmocka_unit_test_setup_teardown(test_purge, start, stop),
        cmocka_unit_test_setup_teardown(test_counts, start, stop),
        cmocka_unit_test_setup_teardown(test_retire_hangs, start, stop),
    };
    return cmocka_run_group_tests_name("agent/host purge", tests, NULL, NULL);
}
