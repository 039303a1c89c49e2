/* Modules that an operator wants shut: what is answered, when, and what the hosts are left with. */
#include "agent/host/tool_wire.h"
#include "agent/hosts_internal.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_US UINT64_C(30000000)
#define LONG_MS     60000
#define SHORT_MS    50

struct answer {
    uint32_t ticket;
    bool ok;
    char text[LOCKSTEP_TEXT_MAX + 1];
};

/* Of the test that runs. */
static struct answer answers[8];
static uint32_t count;

static void take_drained(void *context, uint32_t ticket, bool ok, const char *text)
{
    struct answer *answer = &answers[count++];
    (void)context;
    assert_true(count <= LOCKSTEP_COUNT(answers));
    answer->ticket = ticket;
    answer->ok = ok;
    (void)snprintf(answer->text, sizeof(answer->text), "%s", text);
}

/* A node whose first service has that many processes, none of which has been started. */
static struct hosts_node *begin(void **state, uint32_t processes)
{
    static struct lockstep_hosts_service services[2];
    struct hosts_node *node = *state;
    node->hosts = lockstep_hosts_free(node->hosts);
    memcpy(services, node->config.services, sizeof(services));
    services[0].processes = processes;
    node->config.services = services;
    node->config.drained = take_drained;
    node->config.settings.heartbeat = 20;
    count = 0;
    hosts_node_begin(node);
    return node;
}

static void start(struct hosts_node *node, uint32_t processes)
{
    const struct lockstep_boot_entry entry = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo",
                                                             1);
    uint32_t ups = node->ups;
    assert_int_equal(lockstep_hosts_start(node->hosts, 0, &entry, 1, NULL), LOCKSTEP_OK);
    hosts_node_turn_until(node, &node->ups, ups + processes);
}

/* Turns the loop; false: it has been turned for long enough. */
static bool turn(const struct hosts_node *node, uint64_t begun_us)
{
    assert_int_equal(lockstep_loop_once(node->loop, 10, NULL), LOCKSTEP_OK);
    return lockstep_monotonic_us() < begun_us + PATIENCE_US;
}

/* A caller that is inside of the module until its process dies or has slept for so long. */
static int call_for(struct hosts_node *node, const char *ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct lockstep_hosts_module module = {0};
    uint64_t begun_us = lockstep_monotonic_us();
    uint8_t request[256];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t size = lockstep_tool_request_head(LOCKSTEP_TOOL_KIND_CALL, "echo.wait", strlen(ms),
                                             request);
    memcpy(request + size, ms, strlen(ms));
    size += strlen(ms);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", node->tools);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, size, 0), size);
    while (module.in_flight == 0 && turn(node, begun_us)) {
        (void)lockstep_hosts_status(node->hosts, &module, 1);
    }
    assert_int_equal(module.in_flight, 1);
    return fd;
}

static void order(struct hosts_node *node, uint32_t ticket, bool resume, uint64_t ms)
{
    struct lockstep_name echo;
    const struct lockstep_hosts_gating gating = {.module = &echo, .resume = resume, .drain_ms = ms};
    (void)lockstep_name_parse("echo", &echo);
    lockstep_hosts_drain(node->hosts, ticket, &gating);
}

static void expect(uint32_t index, uint32_t ticket, bool ok, const char *text)
{
    assert_true(index < count);
    assert_int_equal(answers[index].ticket, ticket);
    assert_string_equal(answers[index].text, text);
    assert_int_equal(answers[index].ok, ok);
}

static void turn_until_gate(struct hosts_node *node, enum lockstep_gate_state gate)
{
    struct lockstep_hosts_module module = {0};
    uint64_t begun_us = lockstep_monotonic_us();
    (void)lockstep_hosts_status(node->hosts, &module, 1);
    while (module.gate != gate && turn(node, begun_us)) {
        (void)lockstep_hosts_status(node->hosts, &module, 1);
    }
    assert_int_equal(module.gate, gate);
}

static void shuts_and_opens(void **state)
{
    struct hosts_node *node = begin(state, 1);
    start(node, 1);
    order(node, 7, false, 0);
    assert_int_equal(count, 0);
    hosts_node_turn_until(node, &count, 1);
    expect(0, 7, true, "");
    turn_until_gate(node, LOCKSTEP_GATE_DRAINED);
    order(node, 8, true, 0);
    hosts_node_turn_until(node, &count, 2);
    expect(1, 8, true, "");
    turn_until_gate(node, LOCKSTEP_GATE_OPEN);
    hosts_node_expect_tool(node, "echo.say", "x", "1.0.0 x");
}

static void waits_for_calls(void **state)
{
    struct hosts_node *node = begin(state, 1);
    int call;
    start(node, 1);
    call = call_for(node, "1500");
    order(node, 7, false, LONG_MS);
    turn_until_gate(node, LOCKSTEP_GATE_DRAINING);
    assert_int_equal(count, 0);
    hosts_node_turn_until(node, &count, 1);
    expect(0, 7, true, "");
    turn_until_gate(node, LOCKSTEP_GATE_DRAINED);
    (void)close(call);
}

/* In every process, also in the one that has no call in it. */
static void gives_up(void **state)
{
    struct hosts_node *node = begin(state, 2);
    int call;
    start(node, 2);
    call = call_for(node, "9000");
    order(node, 7, false, SHORT_MS);
    hosts_node_turn_until(node, &count, 1);
    expect(0, 7, false, "echo: 1 calls in flight after 50 ms; it is open again");
    turn_until_gate(node, LOCKSTEP_GATE_OPEN);
    for (const struct lockstep_hosts_process *process = node->hosts->processes; process != NULL;
         process = process->next) {
        (void)kill(process->pid, SIGKILL);
    }
    hosts_node_turn_until(node, &node->losses, 1);
    start(node, 2); /* who comes later is not told of it any more */
    turn_until_gate(node, LOCKSTEP_GATE_OPEN);
    hosts_node_expect_tool(node, "echo.say", "x", "1.0.0 x");
    (void)close(call);
}

static void the_next_overtakes(void **state)
{
    static const char overtaken[] = "something else was asked for meanwhile";
    struct hosts_node *node = begin(state, 1);
    int call;
    start(node, 1);
    call = call_for(node, "9000");
    order(node, 7, false, LONG_MS);
    order(node, 8, false, LONG_MS);
    assert_int_equal(count, 1);
    expect(0, 7, false, overtaken);
    turn_until_gate(node, LOCKSTEP_GATE_DRAINING);
    order(node, 9, true, 0);
    expect(1, 8, false, overtaken);
    hosts_node_turn_until(node, &count, 3);
    expect(2, 9, true, "");
    turn_until_gate(node, LOCKSTEP_GATE_OPEN);
    assert_int_equal(count, 3);
    (void)close(call);
    (void)kill(hosts_node_serving(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
}

static void nobody_is_there(void **state)
{
    struct hosts_node *node = begin(state, 1);
    order(node, 7, false, 0);
    assert_int_equal(count, 0); /* not from within the call */
    hosts_node_turn_until(node, &count, 1);
    expect(0, 7, false, lockstep_no_text(LOCKSTEP_NO_NO_HOST));
}

/* The last dies meanwhile: that is an answer, and the next is not shut. */
static void the_host_is_lost(void **state)
{
    struct hosts_node *node = begin(state, 1);
    int call;
    start(node, 1);
    call = call_for(node, "9000");
    order(node, 7, false, LONG_MS);
    turn_until_gate(node, LOCKSTEP_GATE_DRAINING);
    (void)kill(hosts_node_serving(node), SIGKILL);
    hosts_node_turn_until(node, &count, 1);
    expect(0, 7, false, lockstep_no_text(LOCKSTEP_NO_NO_HOST));
    hosts_node_turn_until(node, &node->losses, 1);
    start(node, 1);
    turn_until_gate(node, LOCKSTEP_GATE_OPEN);
    hosts_node_expect_tool(node, "echo.say", "x", "1.0.0 x");
    assert_int_equal(count, 1);
    (void)close(call);
}

static void turn_round(struct lockstep_hosts *hosts)
{
    struct lockstep_hosts_process *first = hosts->processes;
    struct lockstep_hosts_process *second = first->next;
    assert_true(second != NULL && second->next == NULL);
    hosts->processes = second;
    second->next = first;
    first->next = NULL;
}

/* One of two dies meanwhile, with the call that was waited for: the other one is shut, as is who
 * comes in its place. */
static void one_of_two_is_lost(void **state)
{
    struct hosts_node *node = begin(state, 2);
    pid_t busy = 0;
    uint64_t begun_us;
    uint32_t ups;
    int call;
    start(node, 2);
    call = call_for(node, "9000");
    order(node, 7, false, LONG_MS);
    turn_until_gate(node, LOCKSTEP_GATE_DRAINING);
    turn_round(node->hosts); /* whichever is looked at first */
    turn_until_gate(node, LOCKSTEP_GATE_DRAINING);
    for (const struct lockstep_hosts_process *process = node->hosts->processes; process != NULL;
         process = process->next) {
        busy = process->view.images[0].in_flight > 0 ? process->pid : busy;
    }
    assert_true(busy > 0);
    ups = node->ups;
    (void)kill(busy, SIGKILL);
    hosts_node_turn_until(node, &count, 1);
    expect(0, 7, true, "");
    hosts_node_turn_until(node, &node->ups, ups + 1);
    begun_us = lockstep_monotonic_us();
    for (const struct lockstep_hosts_process *process = node->hosts->processes; process != NULL;
         process = process->next) {
        while (process->view.images[0].drain == LOCKSTEP_HOSTWIRE_DRAIN_NONE &&
               turn(node, begun_us)) {
            /* it has yet to say so */
        }
        assert_int_equal(process->view.images[0].drain, LOCKSTEP_HOSTWIRE_DRAIN_DONE);
    }
    assert_int_equal(count, 1);
    (void)close(call);
}

static void the_host_is_silent(void **state)
{
    struct hosts_node *node = begin(state, 1);
    pid_t host;
    start(node, 1);
    host = hosts_node_serving(node);
    (void)kill(host, SIGSTOP);
    node->hosts->config.settings.host_answer = SHORT_MS;
    order(node, 7, false, SHORT_MS);
    hosts_node_turn_until(node, &count, 1);
    expect(0, 7, false, "the host does not say what has become of it");
    (void)kill(host, SIGCONT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, hosts_node_set_up, hosts_node_tear_down)
        ROW(shuts_and_opens),    ROW(waits_for_calls),    ROW(gives_up),
        ROW(the_next_overtakes), ROW(nobody_is_there),    ROW(the_host_is_lost),
        ROW(one_of_two_is_lost), ROW(the_host_is_silent),
#undef ROW
    };
    return cmocka_run_group_tests_name("drains", tests, NULL, NULL);
}
