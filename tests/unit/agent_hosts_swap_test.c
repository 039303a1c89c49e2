/* Process swap: a service is exchanged as a whole, and nobody notices. */
#include "agent/host/include/lockstep/client.h"
#include "agent/host/tool_wire.h"
#include "agent/hosts.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define COUNTER(schema) HOSTS_NODE_GOOD "counter-" schema ".so"
#define ECHO(version)   HOSTS_NODE_GOOD "echo-" version ".so"

/* ---- orders --------------------------------------------------------------------------------- */

static void map(struct hosts_node *node, uint8_t number, const char *file, const char *module)
{
    const struct lockstep_hosts_item item = hosts_node_swap_item(file, module, number);
    hosts_node_map(node, number, &item);
}

static void swap(struct hosts_node *node, uint8_t number, const char *file, const char *module)
{
    map(node, number, file, module);
    hosts_node_expect_ok(node);
    assert_true(node->result.stateful);
    hosts_node_migrate(node, number);
    hosts_node_expect_ok(node);
    hosts_node_publish(node, number);
    hosts_node_expect_ok(node);
}

static void begin(struct hosts_node *node, const char *file, const char *module)
{
    struct lockstep_boot_entry entry = hosts_node_boot(file, module, 1);
    hosts_node_start(node, &entry, 1);
}

/* What the journal's row leads to. */
static void note(struct hosts_node *node, const char *file, const char *module, uint64_t generation)
{
    const struct lockstep_hosts_item item = hosts_node_swap_item(file, module, generation);
    struct lockstep_boot_entry entry = hosts_node_boot(file, module, generation);
    entry.digest = item.digest;
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, &entry, 1, NULL), LOCKSTEP_OK);
}

/* ---- callers -------------------------------------------------------------------------------- */

static struct lockstep_client *new_client(const struct hosts_node *node)
{
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    assert_non_null(client);
    return client;
}

static void expect(struct lockstep_client *client, const char *tool, const char *version,
                   const char *wanted)
{
    struct lockstep_answer answer;
    enum lockstep_call_result result = lockstep_client_call(client, tool, "x", 1, 0, &answer);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
    assert_string_equal(answer.version, version);
    assert_string_equal((const char *)answer.bytes, wanted);
    lockstep_answer_deinit(&answer);
}

struct call {
    pthread_t thread;
    struct lockstep_client *client;
    const char *tool;
    enum lockstep_call_result result;
    struct lockstep_answer answer;
};

static void *make_call(void *context)
{
    struct call *call = context;
    call->result = lockstep_client_call(call->client, call->tool, "x", 1, 0, &call->answer);
    return NULL;
}

static void begin_call(struct call *call, struct lockstep_client *client, const char *tool)
{
    *call = (struct call){.client = client, .tool = tool};
    assert_int_equal(pthread_create(&call->thread, NULL, make_call, call), 0);
}

static void end_call(struct call *call, const char *version)
{
    assert_int_equal(pthread_join(call->thread, NULL), 0);
    assert_int_equal(call->result, LOCKSTEP_CALL_OK);
    assert_string_equal(call->answer.version, version);
    lockstep_answer_deinit(&call->answer);
}

/* Turns the loop until a call is inside of a module. */
static void turn_until_inside(struct hosts_node *node)
{
    struct lockstep_hosts_module module = {0};
    for (int i = 0; i < HOSTS_NODE_TURNS && module.in_flight == 0; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 10, NULL), LOCKSTEP_OK);
        (void)lockstep_hosts_status(node->hosts, &module, 1);
    }
    assert_int_equal(module.in_flight, 1);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void the_second_takes_over(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_client *client = new_client(node);
    const struct lockstep_hosts_item old = hosts_node_swap_item(COUNTER("1"), "counter", 1);
    struct lockstep_hosts_module module;
    pid_t first;
    pid_t second;
    begin(node, COUNTER("1"), "counter");
    first = hosts_node_serving(node);
    expect(client, "counter.add", "1.0.0", "1");
    expect(client, "counter.add", "1.0.0", "2");
    swap(node, 2, COUNTER("2"), "counter");
    second = hosts_node_serving(node);
    assert_true(first != second);
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.generation, 2);
    expect(client, "counter.add", "2.0.0", "3"); /* over the same connection */
    hosts_node_expect_tool(node, "counter.get", "", "3 1");
    hosts_node_look(node, "counter.get", "");
    assert_string_equal(node->bytes, "3 1");
    assert_true(hosts_node_runs(first)); /* warm */
    lockstep_hosts_retire(node->hosts, &old, 1);
    hosts_node_turn_until_ended(node, first);
    expect(client, "counter.add", "2.0.0", "4");
    assert_int_equal(node->losses, 0);
    client = lockstep_client_free(client);
}

static void and_back(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_client *client = new_client(node);
    const struct lockstep_hosts_item old = hosts_node_swap_item(COUNTER("1"), "counter", 1);
    const struct lockstep_hosts_item left = hosts_node_swap_item(COUNTER("2"), "counter", 2);
    pid_t first;
    pid_t second;
    begin(node, COUNTER("1"), "counter");
    first = hosts_node_serving(node);
    expect(client, "counter.add", "1.0.0", "1");
    swap(node, 2, COUNTER("2"), "counter");
    note(node, COUNTER("2"), "counter", 2);
    second = hosts_node_serving(node);
    expect(client, "counter.add", "2.0.0", "2");
    expect(client, "counter.add", "2.0.0", "3");
    swap(node, 3, COUNTER("1"), "counter");
    note(node, COUNTER("1"), "counter", 3);
    assert_int_equal(hosts_node_serving(node), first); /* it was warm */
    expect(client, "counter.add", "1.0.0", "4");
    lockstep_hosts_retire(node->hosts, &old, 1); /* of the first operation: it is wanted again */
    assert_true(hosts_node_runs(second));
    /* There again: what the older schema cannot hold came along. */
    swap(node, 4, COUNTER("2"), "counter");
    note(node, COUNTER("2"), "counter", 4);
    assert_int_equal(hosts_node_serving(node), second);
    expect(client, "counter.get", "2.0.0", "4 2");
    swap(node, 5, COUNTER("1"), "counter");
    lockstep_hosts_retire(node->hosts, &left, 1);
    assert_true(hosts_node_runs(second)); /* it has a newer generation */
    client = lockstep_client_free(client);
}

static void what_is_refused_leaves_no_trace(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_id id = hosts_node_operation(2);
    pid_t first;
    begin(node, ECHO("1"), "echo");
    first = hosts_node_serving(node);
    {
        struct lockstep_hosts_item item = hosts_node_swap_item(HOSTS_NODE_GOOD "echo-smoke.so",
                                                               "echo", 2);
        hosts_node_map(node, 2, &item);
    }
    assert_false(node->result.ok);
    assert_int_equal(node->result.no, LOCKSTEP_NO_SMOKE);
    lockstep_hosts_drop(node->hosts, &id);
    assert_int_equal(hosts_node_serving(node), first);
    hosts_node_expect_tool(node, "echo.say", "still", "1.0.0 still");
    swap(node, 3, ECHO("2"), "echo");
    hosts_node_expect_tool(node, "echo.say", "now", "2.0.0 now");
}

static void a_call_in_flight_ends_where_it_began(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_client *client = new_client(node);
    struct call call;
    node->config.settings.heartbeat = 20;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    begin(node, COUNTER("1"), "counter");
    begin_call(&call, client, "counter.wait");
    turn_until_inside(node);
    map(node, 2, COUNTER("2"), "counter");
    hosts_node_expect_ok(node);
    hosts_node_migrate(node, 2); /* it is waited for */
    hosts_node_expect_ok(node);
    end_call(&call, "1.0.0");
    /* Who comes now waits at the gate, and is answered by who serves then. */
    begin_call(&call, client, "counter.add");
    hosts_node_publish(node, 2);
    hosts_node_expect_ok(node);
    end_call(&call, "2.0.0");
    expect(client, "counter.get", "2.0.0", "2 1");
    client = lockstep_client_free(client);
}

static int dial(const struct hosts_node *node)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", node->tools);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void half_a_request_goes_along(void **state)
{
    struct hosts_node *node = *state;
    uint8_t request[256];
    uint8_t answer[256] = {0};
    struct lockstep_answer parsed;
    size_t size = lockstep_tool_request_head(LOCKSTEP_TOOL_KIND_CALL, "echo.say", 4, request);
    const size_t cuts[] = {0, 2, LOCKSTEP_TOOL_HEAD, LOCKSTEP_TOOL_HEAD + 3};
    int fds[LOCKSTEP_COUNT(cuts)];
    memcpy(request + size, "half", 4);
    size += 4;
    begin(node, ECHO("1"), "echo");
    for (size_t i = 0; i < LOCKSTEP_COUNT(cuts); i++) {
        fds[i] = dial(node);
        assert_int_equal(send(fds[i], request, cuts[i], 0), cuts[i]);
    }
    hosts_node_expect_tool(node, "echo.say", "read", "1.0.0 read");
    swap(node, 2, ECHO("2"), "echo");
    for (size_t i = 0; i < LOCKSTEP_COUNT(cuts); i++) {
        ssize_t got;
        assert_int_equal(send(fds[i], request + cuts[i], size - cuts[i], 0), size - cuts[i]);
        got = recv(fds[i], answer, sizeof(answer), 0);
        assert_true(got > LOCKSTEP_TOOL_HEAD);
        assert_int_equal(lockstep_tool_answer_parse(answer + LOCKSTEP_TOOL_HEAD,
                                                    (size_t)got - LOCKSTEP_TOOL_HEAD, &parsed),
                         LOCKSTEP_CALL_OK);
        assert_string_equal((const char *)parsed.bytes, "2.0.0 half");
        lockstep_answer_deinit(&parsed);
        (void)close(fds[i]);
    }
}

/* An agent that dies with a set mapped leaves a process that the next one ends. */
static void the_next_agent_tidies_up(void **state)
{
    struct hosts_node *node = *state;
    uint32_t ups = 0;
    pid_t first;
    begin(node, COUNTER("1"), "counter");
    first = hosts_node_serving(node);
    hosts_node_look(node, "counter.add", "");
    map(node, 2, COUNTER("2"), "counter");
    hosts_node_expect_ok(node);
    hosts_node_migrate(node, 2);
    hosts_node_expect_ok(node);
    ups = node->ups;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    assert_true(lockstep_hosts_lives(node->hosts, 0));
    hosts_node_turn_until(node, &node->ups, ups + 1);
    assert_int_equal(hosts_node_serving(node), first);
    hosts_node_look(node, "counter.get", ""); /* nobody is kept waiting for who is dead */
    assert_int_equal(node->answer.result, LOCKSTEP_CALL_OK);
    swap(node, 2, COUNTER("2"), "counter");
    assert_true(hosts_node_serving(node) != first);
    hosts_node_expect_tool(node, "counter.add", "", "2");
    /* And one that dies when all is done finds both. */
    ups = node->ups;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    hosts_node_turn_until(node, &node->ups, ups + 1);
    note(node, COUNTER("2"), "counter", 2);
    assert_int_equal(node->live[0].generation, 2);
    assert_true(hosts_node_runs(first));
    assert_int_equal(node->losses, 0);
}

static void who_was_to_take_over_died(void **state)
{
    struct hosts_node *node = *state;
    pid_t successor;
    begin(node, COUNTER("1"), "counter");
    map(node, 2, COUNTER("2"), "counter");
    hosts_node_expect_ok(node);
    successor = hosts_node_waiting(node);
    (void)kill(successor, SIGKILL);
    hosts_node_turn_until_ended(node, successor);
    hosts_node_migrate(node, 2);
    assert_false(node->result.ok);
    assert_true(node->result.unmapped);
    assert_int_equal(node->result.no, LOCKSTEP_NO_CRASHED);
    hosts_node_expect_tool(node, "counter.add", "", "1");
    assert_int_equal(node->losses, 0);
    swap(node, 2, COUNTER("2"), "counter");
    hosts_node_expect_tool(node, "counter.add", "", "2");
}

/* In the window the one that took over dies: what is started then is fresh, the warm one ends. */
static void who_took_over_died(void **state)
{
    struct hosts_node *node = *state;
    pid_t first;
    begin(node, ECHO("1"), "echo");
    first = hosts_node_serving(node);
    swap(node, 2, ECHO("2"), "echo");
    (void)kill(hosts_node_serving(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    assert_false(lockstep_hosts_lives(node->hosts, 0));
    assert_true(hosts_node_runs(first));
    begin(node, ECHO("2"), "echo");
    hosts_node_turn_until_ended(node, first);
    hosts_node_expect_tool(node, "echo.say", "new", "2.0.0 new");
}

/* The window ends while the hosts have yet to come back to an agent that is new. */
static void a_window_ends_before_they_are_back(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_hosts_item old = hosts_node_swap_item(ECHO("1"), "echo", 1);
    uint32_t ups;
    pid_t first;
    begin(node, ECHO("1"), "echo");
    first = hosts_node_serving(node);
    swap(node, 2, ECHO("2"), "echo");
    note(node, ECHO("2"), "echo", 2);
    ups = node->ups;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    lockstep_hosts_retire(node->hosts, &old, 1);
    hosts_node_turn_until(node, &node->ups, ups + 1);
    hosts_node_turn_until_ended(node, first);
    hosts_node_expect_tool(node, "echo.say", "still", "2.0.0 still");
}

/* It was to leave, and whom it was to leave to is dead: it serves on, whichever it hears first. */
static void who_was_left_to_died(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_id id = hosts_node_operation(2);
    uint32_t answers;
    pid_t first;
    pid_t second;
    begin(node, COUNTER("1"), "counter");
    first = hosts_node_serving(node);
    map(node, 2, COUNTER("2"), "counter");
    hosts_node_expect_ok(node);
    second = hosts_node_waiting(node);
    hosts_node_migrate(node, 2);
    hosts_node_expect_ok(node);
    (void)kill(first, SIGSTOP);
    answers = node->answers;
    lockstep_hosts_publish(node->hosts, 2, &id);
    for (int i = 0; i < 5; i++) { /* the successor says yes; the other one says nothing */
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(node->answers, answers);
    (void)kill(second, SIGKILL);
    hosts_node_turn_until(node, &node->answers, answers + 1);
    assert_false(node->result.ok);
    (void)kill(first, SIGCONT);
    hosts_node_turn_until(node, &node->ups, 2);
    assert_int_equal(hosts_node_serving(node), first);
    hosts_node_expect_tool(node, "counter.add", "", "1");
    assert_int_equal(node->losses, 0);
    swap(node, 2, COUNTER("2"), "counter");
    hosts_node_expect_tool(node, "counter.add", "", "2");
}

static void others_wait(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_id id = hosts_node_operation(2);
    struct lockstep_hosts_item other = hosts_node_item(HOSTS_NODE_GOOD "other-1.so", "other", 3);
    begin(node, ECHO("1"), "echo");
    map(node, 2, ECHO("2"), "echo");
    hosts_node_expect_ok(node);
    hosts_node_map(node, 3, &other);
    assert_int_equal(node->result.no, LOCKSTEP_NO_BUSY);
    lockstep_hosts_drop(node->hosts, &id);
    hosts_node_map(node, 3, &other);
    hosts_node_expect_ok(node);
    map(node, 4, ECHO("2"), "echo");
    assert_int_equal(node->result.no, LOCKSTEP_NO_BUSY);
    hosts_node_publish(node, 3);
    hosts_node_expect_ok(node);
}

static void a_command_of_its_own_is_refused(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hosts_item item = hosts_node_swap_item(ECHO("1"), "echo", 1);
    item.service = 1;
    hosts_node_map(node, 1, &item);
    assert_int_equal(node->result.no, LOCKSTEP_NO_STICKY);
    assert_non_null(strstr(node->text, "start the service again"));
}

static void a_spent_host_is_recycled(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_client *client = new_client(node);
    struct lockstep_hosts_item left;
    struct lockstep_hosts_module modules[3];
    pid_t first;
    node->config.settings.heartbeat = 20;
    node->config.settings.retired = 1;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    begin(node, COUNTER("1"), "counter");
    first = hosts_node_serving(node);
    expect(client, "counter.add", "1.0.0", "1");
    hosts_node_reload(node, 2, HOSTS_NODE_GOOD "echo-1.so", "echo");
    left = hosts_node_item(HOSTS_NODE_GOOD "echo-1.so", "echo", 2);
    hosts_node_reload(node, 3, HOSTS_NODE_GOOD "echo-2.so", "echo");
    {
        struct lockstep_boot_entry entries[] = {hosts_node_boot(COUNTER("1"), "counter", 1),
                                                hosts_node_boot(ECHO("2"), "echo", 3)};
        assert_int_equal(lockstep_hosts_boot(node->hosts, 0, entries, 2, NULL), LOCKSTEP_OK);
    }
    lockstep_hosts_retire(node->hosts, &left, 1);
    hosts_node_turn_until_ended(node, first);
    assert_true(hosts_node_serving(node) != first);
    expect(client, "counter.add", "1.0.0", "2");
    expect(client, "echo.say", "2.0.0", "2.0.0 x");
    assert_int_equal(lockstep_hosts_status(node->hosts, modules, 3), 2);
    assert_int_equal(lockstep_hosts_recycles(node->hosts), 1);
    assert_int_equal(node->losses, 0);
    client = lockstep_client_free(client);
}

static bool is_closed(struct hosts_node *node)
{
    struct lockstep_hosts_module module = {0};
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    return module.gate == LOCKSTEP_GATE_DRAINED;
}

static void gate(struct hosts_node *node, bool resume)
{
    struct lockstep_name echo;
    const struct lockstep_hosts_gating gating = {.module = &echo, .resume = resume};
    (void)lockstep_name_parse("echo", &echo);
    lockstep_hosts_drain(node->hosts, 7, &gating);
    for (int i = 0; i < HOSTS_NODE_TURNS && is_closed(node) == resume; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(is_closed(node), !resume);
}

/* An operator's hand on a gate is on that of the other process, too. */
static void what_is_shut_stays_shut(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_client *client = new_client(node);
    struct call call;
    node->config.settings.heartbeat = 20;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    begin(node, ECHO("1"), "echo");
    gate(node, false);
    begin_call(&call, client, "echo.say");
    swap(node, 2, ECHO("2"), "echo");
    note(node, ECHO("2"), "echo", 2);
    assert_true(is_closed(node));
    gate(node, true);
    end_call(&call, "2.0.0"); /* it waited at the first, and at the second */
    swap(node, 3, ECHO("1"), "echo");
    assert_false(is_closed(node));
    expect(client, "echo.say", "1.0.0", "1.0.0 x");
    client = lockstep_client_free(client);
}

/* A configuration that cannot be kept for the second is a refusal: it is not loaded without. */
static void what_cannot_be_kept_is_refused(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hosts_item item = hosts_node_swap_item(ECHO("2"), "echo", 2);
    struct rlimit limit;
    struct rlimit few;
    begin(node, ECHO("1"), "echo");
    item.config_fd = memfd_create("config", MFD_CLOEXEC);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)item.config_fd + 1, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    hosts_node_map(node, 2, &item);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    (void)close(item.config_fd);
    assert_false(node->result.ok);
    assert_int_equal(node->result.no, LOCKSTEP_NO_INTERNAL);
    assert_non_null(strstr(node->text, "the configuration of echo"));
}

/* Gone back to: what was called of it before is not of its new time. */
static void what_is_gone_back_to_counts_anew(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hosts_module module;
    uint64_t calls = 0;
    node->config.settings.heartbeat = 10;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    begin(node, ECHO("1"), "echo");
    hosts_node_look(node, "echo.say", "x");
    for (int i = 0; i < HOSTS_NODE_TURNS && calls == 0; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
        assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
        calls = module.calls;
    }
    assert_int_equal(module.now, 1);
    swap(node, 2, ECHO("2"), "echo");
    note(node, ECHO("2"), "echo", 2);
    swap(node, 3, ECHO("1"), "echo");
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.calls, 1);
    assert_int_equal(module.now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, hosts_node_set_up, hosts_node_tear_down)
        ROW(the_second_takes_over),
        ROW(and_back),
        ROW(what_is_refused_leaves_no_trace),
        ROW(a_call_in_flight_ends_where_it_began),
        ROW(half_a_request_goes_along),
        ROW(the_next_agent_tidies_up),
        ROW(who_was_to_take_over_died),
        ROW(who_took_over_died),
        ROW(others_wait),
        ROW(who_was_left_to_died),
        ROW(a_window_ends_before_they_are_back),
        ROW(a_command_of_its_own_is_refused),
        ROW(a_spent_host_is_recycled),
        ROW(what_cannot_be_kept_is_refused),
        ROW(what_is_gone_back_to_counts_anew),

        ROW(what_is_shut_stays_shut),
#undef ROW
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
