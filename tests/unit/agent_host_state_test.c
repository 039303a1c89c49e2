/* The library hands state over: what goes up and down, and what happens when it does not. */
#include "common/base/cleanup.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void test_residue_survives(void **state)
{
    char paths[2][160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", paths[0], 160);
    host_agent_expect(&agent, "counter.add", "", "1");
    host_agent_install(&agent, "counter", "counter-2", paths[1], 160);
    host_agent_expect(&agent, "counter.add", "", "2");
    host_agent_expect(&agent, "counter.add", "", "3");
    host_agent_expect(&agent, "counter.get", "", "3 2");
    host_agent_install_from(&agent, "counter", paths[0]);
    host_agent_expect(&agent, "counter.add", "", "4");
    host_agent_install_from(&agent, "counter", paths[1]);
    host_agent_expect(&agent, "counter.get", "", "4 2");
}

/* What the operator wrote goes to `up` and to `down`, of its own operation only. */
static void test_extra_arrives(void **state)
{
    char paths[2][160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", paths[0], 160);
    host_agent_copy(&agent, "counter-2", paths[1], 160);
    host_agent_begin(&agent);
    (void)snprintf(agent.order->extra, sizeof(agent.order->extra), "41");
    (void)host_agent_add(&agent, "counter", paths[1]);
    host_agent_commit(&agent);
    host_agent_expect(&agent, "counter.get", "", "41 0");
    host_agent_begin(&agent);
    (void)snprintf(agent.order->extra, sizeof(agent.order->extra), "1");
    (void)host_agent_add(&agent, "counter", paths[0]);
    host_agent_commit(&agent);
    host_agent_expect(&agent, "counter.add", "", "42"); /* 41, less 1 down, and 1 up */
    host_agent_install_from(&agent, "counter", paths[1]);
    host_agent_expect(&agent, "counter.get", "", "42 0");
}

static void *wait_in(const char *tool, void *ret_result)
{
    char text[64];
    *(enum lockstep_call_result *)ret_result = host_agent_call(&agent, tool, "", text,
                                                               sizeof(text));
    return NULL;
}

static void *wait_in_counter(void *ret_result)
{
    return wait_in("counter.wait", ret_result);
}

static void *wait_in_echo(void *ret_result)
{
    return wait_in("echo.wait", ret_result);
}

static void test_drain_times_out(void **state)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    struct lockstep_id operation;
    pthread_t thread;
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    host_agent_begin(&agent);
    operation = agent.order->operation;
    (void)host_agent_add(&agent, "counter", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_counter, &result), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    agent.order->operation = operation;
    agent.order->drain_ms = 20;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->code, "DRAIN");
    host_agent_expect(&agent, "counter.get", "", "0 0"); /* the gate is open again */
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    agent.order->drain_ms = 5000;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED);
    /* All of it again: what is done is done. */
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
    host_agent_expect(&agent, "counter.add", "", "2");
}

static void *wait_in_other(void *ret_result)
{
    return wait_in("other.wait", ret_result);
}

/* A call in a module that requires the one with the state may be about to call it. */
static void test_drain_of_dependents(void **state)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    pthread_t thread;
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_install(&agent, "other", "other-counts", NULL, 0);
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    assert_int_equal(pthread_create(&thread, NULL, wait_in_other, &result), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    host_agent_begin(&agent);
    agent.order->drain_ms = 20;
    (void)host_agent_add(&agent, "counter", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->code, "DRAIN");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
}

/* Prepares FILE and asks to close with DRAIN_MS; ALL drains stateless modules as well. */
static enum lockstep_hostwire_type prepare_and_close(const char *module, const char *file,
                                                     uint32_t drain_ms, bool all)
{
    char path[160];
    host_agent_copy(&agent, file, path, sizeof(path));
    host_agent_begin(&agent);
    agent.order->drain_ms = drain_ms;
    agent.order->drain = all;
    (void)host_agent_add(&agent, module, path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    return host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE);
}

/* Stateless modules are drained only when that is asked for. */
static void test_drain_of_stateless(void **state)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    pthread_t thread;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_echo, &result), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    assert_int_equal(prepare_and_close("echo", "echo-2", 20, true), LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_DROP), LOCKSTEP_HOSTWIRE_OK);
    assert_int_equal(prepare_and_close("echo", "echo-2", 20, false), LOCKSTEP_HOSTWIRE_MIGRATED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
}

static void test_one_closed_set(void **state)
{
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    assert_int_equal(prepare_and_close("counter", "counter-2", 60000, false),
                     LOCKSTEP_HOSTWIRE_MIGRATED);
    assert_int_equal(prepare_and_close("echo", "echo-2", 20, true), LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->text, "another set is closed, wait for it");
}

/* From one schema to the same one nothing goes down. */
static void test_same_schema(void **state)
{
    (void)state;
    host_agent_install(&agent, "counter", "counter-2", NULL, 0);
    host_agent_expect(&agent, "counter.add", "", "1");
    host_agent_install(&agent, "counter", "counter-2", NULL, 0);
    host_agent_expect(&agent, "counter.get", "", "1 1");
}

/* Code that did not end is not asked again, and stays mapped. */
static void test_up_hangs(void **state)
{
    struct lockstep_hostwire_entry *entry;
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    host_agent_begin(&agent);
    agent.order->drain_ms = 20;
    entry = host_agent_add(&agent, "counter", path);
    entry->config_fd = host_agent_config("hang-up");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->text, "handing the state over: it did not end within 1000 ms");
    host_agent_expect(&agent, "counter.add", "", "1");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->text, "handing its state over did not end before");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_DROP), LOCKSTEP_HOSTWIRE_OK);
    (void)host_agent_in_flight(&agent);
    assert_int_equal(agent.reply->retired, 1);
}

/* An operator who drains a module waits for calls in its older versions as well; the host goes on
 * answering meanwhile, and opens the gate when it takes too long. */
static void test_drain_of_an_older_version(void **state)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    pthread_t thread;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_echo, &result), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_drain(&agent, "echo", 20, false);
    assert_int_equal(agent.reply->entries_count, 0);
    assert_int_equal(host_agent_drained(&agent), LOCKSTEP_HOSTWIRE_DRAIN_NONE);
    assert_false(agent.reply->entries[0].closed);
    host_agent_drain(&agent, "echo", 60000, false);
    assert_int_equal(host_agent_drained(&agent), LOCKSTEP_HOSTWIRE_DRAIN_DONE);
    assert_true(agent.reply->entries[0].closed);
    assert_int_equal(host_agent_in_flight(&agent), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
}

static void test_up_refuses(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_expect(&agent, "counter.add", "", "1");
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    host_agent_begin(&agent);
    host_agent_add(&agent, "counter", path)->config_fd = host_agent_config("refuse-up");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->code, "STATE");
    host_agent_expect(&agent, "counter.add", "", "2");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_DROP), LOCKSTEP_HOSTWIRE_OK);
    host_agent_expect(&agent, "counter.add", "", "3");
}

/* Listens again, as another process: the kernel says who called listen() last. The host must not
 * find the socket before that, so it is made under another name. */
static void listen_as_another_agent(void)
{
    char path[sizeof(agent.socket)];
    pid_t child;
    int status = 1;
    memcpy(path, agent.socket, sizeof(path));
    agent.socket[strlen(agent.socket) - 1] = '2';
    host_agent_listen(&agent);
    child = fork();
    if (child == 0) {
        _exit(listen(agent.listener, 64));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(rename(agent.socket, path), 0);
    memcpy(agent.socket, path, sizeof(path));
}

static enum lockstep_hostwire_type publish(const struct lockstep_id *operation)
{
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_PUBLISH);
    agent.order->operation = *operation;
    return host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH);
}

/* What was only prepared nobody knows any more; what was closed is decided. */
static void test_another_agent(void **state)
{
    struct lockstep_id prepared;
    struct lockstep_id closed;
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_copy(&agent, "echo-1", path, sizeof(path));
    host_agent_begin(&agent);
    prepared = agent.order->operation;
    (void)host_agent_add(&agent, "echo", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    host_agent_begin(&agent);
    closed = agent.order->operation;
    agent.order->drain_ms = 60000;
    (void)host_agent_add(&agent, "counter", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    host_agent_die(&agent);
    listen_as_another_agent();
    host_agent_meet(&agent);
    assert_int_equal(publish(&prepared), LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->text, "this operation is not prepared");
    assert_int_equal(publish(&closed), LOCKSTEP_HOSTWIRE_PUBLISHED);
}

static void test_agent_vanishes_when_closed(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_copy(&agent, "counter-2", path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "counter", path);
    agent.order->drain_ms = 200;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    host_agent_die(&agent);
    host_agent_expect(&agent, "counter.add", "",
                      "1"); /* waits at the gate until the host opens it */
    host_agent_listen(&agent);
    host_agent_meet(&agent);
    assert_int_equal(agent.reply->entries_count, 1);
    assert_string_equal(agent.reply->entries[0].version, "1.0.0");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PUBLISH),
                     LOCKSTEP_HOSTWIRE_PUBLISHED);
    host_agent_expect(&agent, "counter.get", "", "1 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_residue_survives, start, stop),
        cmocka_unit_test_setup_teardown(test_extra_arrives, start, stop),
        cmocka_unit_test_setup_teardown(test_drain_times_out, start, stop),
        cmocka_unit_test_setup_teardown(test_drain_of_an_older_version, start, stop),
        cmocka_unit_test_setup_teardown(test_drain_of_dependents, start, stop),
        cmocka_unit_test_setup_teardown(test_drain_of_stateless, start, stop),
        cmocka_unit_test_setup_teardown(test_one_closed_set, start, stop),
        cmocka_unit_test_setup_teardown(test_same_schema, start, stop),
        cmocka_unit_test_setup_teardown(test_up_hangs, start, stop),
        cmocka_unit_test_setup_teardown(test_up_refuses, start, stop),
        cmocka_unit_test_setup_teardown(test_another_agent, start, stop),
        cmocka_unit_test_setup_teardown(test_agent_vanishes_when_closed, start, stop),
    };
    return cmocka_run_group_tests_name("agent/host state", tests, NULL, NULL);
}
