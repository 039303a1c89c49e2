/* The library in a service of its own, driven by an agent that this test plays. */
#include "agent/host/include/lockstep/host.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <pthread.h>
#include <string.h>

static struct host_agent agent;
static struct lockstep_host *host;

static int start(void **state)
{
    (void)state;
    host = host_agent_begin_embedded(&agent);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_agent_deinit(&agent);
    return 0;
}

static void expect(const char *tool, enum lockstep_call_result result, const char *version)
{
    struct lockstep_answer answer;
    assert_int_equal(lockstep_host_call(host, tool, "", 0, &answer), result);
    assert_string_equal(answer.version, version);
    lockstep_answer_deinit(&answer);
}

/* A thread that holds the old set may call while others wait, but not once the state is handed
 * over: what it changed would be lost. */
static void test_held_set_and_state(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    assert_true(lockstep_host_enter(host));
    expect("counter.add", LOCKSTEP_CALL_OK, "1.0.0");
    host_agent_begin(&agent);
    agent.order->drain_ms = 60000;
    (void)host_agent_add(&agent, "counter", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    expect("counter.add", LOCKSTEP_CALL_OK, "1.0.0");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    expect("counter.add", LOCKSTEP_CALL_CLOSED, "");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED);
    expect("counter.add", LOCKSTEP_CALL_CLOSED, "");
    lockstep_host_leave(host);
    expect("counter.add", LOCKSTEP_CALL_OK, "2.0.0");
}

/* True if there is executable text of the file at PATH in this process. */
static bool can_run(const char *path)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    bool found = false;
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        found = found || (strstr(line, path) != NULL && strstr(line, " r-xp ") != NULL);
    }
    (void)fclose(maps);
    return found;
}

/* A pointer that escaped meets a wall, and old data can still be read. */
static void test_retired_text_is_gone(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", path, sizeof(path));
    assert_true(can_run(path));
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    assert_true(can_run(path));
    host_agent_retire(&agent, "echo", 0, 0);
    assert_false(can_run(path));
    expect("echo.say", LOCKSTEP_CALL_OK, "2.0.0");
}

/* An answer has a bound, which the longest request and its prefix exceed. */
static void test_longest_answer(void **state)
{
    static char request[LOCKSTEP_ANSWER_MAX];
    const size_t prefix = sizeof("1.0.0 ") - 1;
    struct lockstep_answer answer;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    assert_int_equal(
        lockstep_host_call(host, "echo.say", request, sizeof(request) - prefix, &answer),
        LOCKSTEP_CALL_OK);
    assert_int_equal(answer.size, LOCKSTEP_ANSWER_MAX);
    lockstep_answer_deinit(&answer);
    assert_int_equal(
        lockstep_host_call(host, "echo.say", request, sizeof(request) - prefix + 1, &answer),
        LOCKSTEP_CALL_NO_MEMORY);
    assert_string_equal((const char *)answer.bytes, "no memory, or the answer is too long");
    lockstep_answer_deinit(&answer);
}

/* An agent that speaks another version is none: the host hangs up and goes without. */
static void test_agent_of_another_version(void **state)
{
    pthread_t thread;
    (void)state;
    host_agent_init(&agent);
    host_agent_listen(&agent);
    thread = host_agent_embed(&agent);
    while (lockstep_hostwire_accept(agent.listener, &agent.fd, NULL) != LOCKSTEP_OK) {
    }
    assert_int_equal(lockstep_hostwire_receive(agent.fd, agent.reply, 20000, NULL), LOCKSTEP_OK);
    assert_int_equal(agent.reply->type, LOCKSTEP_HOSTWIRE_HELLO);
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_WELCOME);
    agent.order->version_max = LOCKSTEP_HOSTWIRE_VERSION + 1;
    assert_int_equal(lockstep_hostwire_send(agent.fd, agent.order, 20000, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_hostwire_receive(agent.fd, agent.reply, 20000, NULL),
                     LOCKSTEP_CLOSED);
    host_agent_die(&agent);
    host_agent_listen(&agent);
    host_agent_meet(&agent);
    assert_non_null(host_agent_embedded(&agent, thread));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_retired_text_is_gone, start, stop),
        cmocka_unit_test_setup_teardown(test_longest_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_held_set_and_state, start, stop),
        cmocka_unit_test_teardown(test_agent_of_another_version, stop),
    };
    return cmocka_run_group_tests_name("agent/host embedded", tests, NULL, NULL);
}
