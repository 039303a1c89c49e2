/* Connections that come from a host that leaves, while everybody who serves is in a call. */
#include "agent/host/tool_wire.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 4    /* as a host has them */
#define CALLERS 300  /* more than the way between two hosts has room for */
#define MOVE_MS 2000 /* as long as a host that leaves waits for the other one to take one */
#define SLOW    "4000"

static struct host_agent agent;
static struct lockstep_hostwire_message *move;
static int way; /* to the host, as one that leaves has it */

static int start(void **state)
{
    (void)state;
    host_agent_init(&agent);
    host_agent_listen(&agent);
    agent.successor = true;
    host_agent_start(&agent, "5000");
    host_agent_meet(&agent);
    move = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_TAKE_OVER);
    assert_non_null(move);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    (void)close(way);
    move = lockstep_hostwire_free(move);
    host_agent_deinit(&agent);
    return 0;
}

/* The agent gives both the ends of one way, and the one that leaves says first that it has. */
static void begin_move(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    way = ends[0];
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_TAKE_OVER);
    agent.order->fds[0] = ends[1];
    agent.order->fds_count = 1;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_TAKE_OVER), LOCKSTEP_HOSTWIRE_OK);
    agent.order->fds_count = 0;
    (void)close(ends[1]);
    assert_int_equal(lockstep_hostwire_send(way, move, MOVE_MS, NULL), LOCKSTEP_OK);
    do { /* until that word has come */
        (void)host_agent_in_flight(&agent);
    } while (agent.reply->role != LOCKSTEP_HOSTWIRE_ROLE_SERVES);
}

static void ask(int fd, const char *tool, const char *request)
{
    uint8_t bytes[256];
    size_t size = lockstep_tool_request_head(LOCKSTEP_TOOL_KIND_CALL, tool, strlen(request), bytes);
    memcpy(bytes + size, request, strlen(request));
    size += strlen(request);
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static void expect_answer(int fd, const char *wanted)
{
    uint8_t bytes[256] = {0};
    struct lockstep_answer answer;
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    assert_true(got > LOCKSTEP_TOOL_HEAD);
    assert_int_equal(lockstep_tool_answer_parse(bytes + LOCKSTEP_TOOL_HEAD,
                                                (size_t)got - LOCKSTEP_TOOL_HEAD, &answer),
                     LOCKSTEP_CALL_OK);
    assert_string_equal((const char *)answer.bytes, wanted);
    lockstep_answer_deinit(&answer);
}

/* A caller whose connection has gone to the host, with REQUEST for TOOL in it. */
static int move_caller(const char *tool, const char *request)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ask(ends[0], tool, request);
    lockstep_hostwire_reset(move, LOCKSTEP_HOSTWIRE_TAKE_OVER);
    move->fds[0] = ends[1];
    move->fds_count = 1;
    assert_int_equal(lockstep_hostwire_send(way, move, MOVE_MS, NULL), LOCKSTEP_OK);
    move->fds_count = 0;
    (void)close(ends[1]);
    return ends[0];
}

static void expect_end(int fd, const char *wanted)
{
    expect_answer(fd, wanted);
    (void)close(fd);
}

static void slow_calls_cost_no_connection(void **state)
{
    int slow[WORKERS];
    int fds[CALLERS];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    begin_move();
    for (size_t i = 0; i < WORKERS; i++) {
        slow[i] = move_caller("echo.wait", SLOW);
    }
    while (host_agent_in_flight(&agent) < WORKERS) {
    }
    for (size_t i = 0; i < CALLERS; i++) {
        fds[i] = move_caller("echo.say", "here");
    }
    for (size_t i = 0; i < WORKERS; i++) {
        expect_end(slow[i], "1.0.0 " SLOW);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        expect_end(fds[i], "1.0.0 here");
    }
}

/* The host leaves in its turn, and has DRAIN_MS to do it in. Returns the way from it, as the one
 * behind it has that. */
static int leave(uint32_t drain_ms)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    host_agent_begin(&agent);
    agent.order->drain_ms = drain_ms;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_HAND_OVER),
                     LOCKSTEP_HOSTWIRE_HAND_OVER);
    agent.order->fds[0] = ends[1];
    agent.order->fds_count = 1;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_LEAVE), LOCKSTEP_HOSTWIRE_OK);
    agent.order->fds_count = 0;
    (void)close(ends[1]);
    assert_int_equal(lockstep_hostwire_receive(ends[0], move, MOVE_MS, NULL), LOCKSTEP_OK);
    assert_int_equal(move->type, LOCKSTEP_HOSTWIRE_TAKE_OVER);
    assert_int_equal(move->fds_count, 0);
    return ends[0];
}

/* A call that took long has ended in the host before this one, which has left meanwhile as well.
 * The first word of that one may come late, too, where the agent's word was heard before. */
static void late_connections_go_on(void **state)
{
    int onwards;
    int late;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    begin_move();
    onwards = leave(20000);
    lockstep_hostwire_reset(move, LOCKSTEP_HOSTWIRE_TAKE_OVER);
    assert_int_equal(lockstep_hostwire_send(way, move, MOVE_MS, NULL), LOCKSTEP_OK);
    for (int i = 0; i < 2; i++) {
        late = move_caller("echo.say", "late");
        assert_int_equal(lockstep_hostwire_receive(onwards, move, MOVE_MS, NULL), LOCKSTEP_OK);
        assert_int_equal(move->fds_count, 1);
        (void)close(late);
    }
    (void)host_agent_in_flight(&agent);
    assert_int_equal(agent.reply->role, LOCKSTEP_HOSTWIRE_ROLE_LEFT);
    (void)close(onwards);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What it gave away is another's from then on, though the time to take over is past. */
static void who_has_left_stays_shut(void **state)
{
    uint64_t begun;
    int onwards;
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    begin_move();
    onwards = leave(100);
    begun = now_ms();
    do {
        lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_CALL);
        (void)snprintf(agent.order->text, sizeof(agent.order->text), "counter.add");
        assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CALL), LOCKSTEP_HOSTWIRE_ANSWER);
        assert_int_equal(agent.reply->result, LOCKSTEP_CALL_CLOSED);
    } while (now_ms() - begun < 500);
    (void)close(onwards);
}

/* Its state is in use. */
static void who_serves_adopts_nothing(void **state)
{
    (void)state;
    begin_move();
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_ADOPT),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->code, "STATE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(slow_calls_cost_no_connection, start, stop),
        cmocka_unit_test_setup_teardown(late_connections_go_on, start, stop),
        cmocka_unit_test_setup_teardown(who_has_left_stays_shut, start, stop),
        cmocka_unit_test_setup_teardown(who_serves_adopts_nothing, start, stop),
    };
    return cmocka_run_group_tests_name("agent/host arrive", tests, NULL, NULL);
}
