/* lockstep-relay: what it does to bytes and connections, seen from both of its ends. */
#include "tests/support/cmocka.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define QUIET_MS    50 /* in which what must not come would have come */
#define MANY        60000

extern char **environ;

struct world {
    pid_t relay;
    int tell;
    int said;
    char text[65536];
    size_t length;
    int listener; /* the coordinator's */
    uint16_t ports[2];
    int agent;
    int coordinator;
};

/* ---- the relay ------------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool comes(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, ms < 0 ? 0 : ms) > 0;
}

/* Waits until the relay has said PART, and returns where; forgets what it said before. */
static const char *wait_said(struct world *world, const char *part)
{
    int64_t until = now_ms() + PATIENCE_MS;
    const char *found;
    while ((found = strstr(world->text, part)) == NULL) {
        ssize_t got;
        assert_true(comes(world->said, (int)(until - now_ms())));
        got = read(world->said, world->text + world->length,
                   sizeof(world->text) - 1 - world->length);
        assert_true(got > 0);
        world->length += (size_t)got;
        world->text[world->length] = '\0';
    }
    return found;
}

static void tell(struct world *world, const char *command)
{
    char wanted[128];
    world->length = 0;
    world->text[0] = '\0';
    assert_int_equal(write(world->tell, command, strlen(command)), (ssize_t)strlen(command));
    assert_int_equal(write(world->tell, "\n", 1), 1);
    (void)snprintf(wanted, sizeof(wanted), ": %s\n", command);
    (void)wait_said(world, wanted);
}

static bool understood(struct world *world, const char *command)
{
    tell(world, command);
    return strstr(world->text, "not understood") == NULL;
}

static int listen_at(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void start(struct world *world, char *seed)
{
    char to[32];
    char program[] = LOCKSTEP_BINARY_DIR "/bin/lockstep-relay";
    char flag[] = "--to";
    char seed_flag[] = "--seed";
    char one[] = "n1";
    char two[] = "n2";
    char *arguments[] = {program, seed_flag, seed, flag, to, one, two, NULL};
    posix_spawn_file_actions_t actions;
    int in[2];
    int out[2];
    uint16_t port;
    world->listener = listen_at(&port);
    (void)snprintf(to, sizeof(to), "127.0.0.1:%u", port);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    assert_int_equal(posix_spawn(&world->relay, program, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(in[0]);
    (void)close(out[1]);
    world->tell = in[1];
    world->said = out[0];
    (void)wait_said(world, " ready\n");
    for (int i = 0; i < 2; i++) {
        const char *line = strstr(world->text,
                                  i == 0 ? "n1 listens at 127.0.0.1:" : "n2 listens at 127.0.0.1:");
        assert_non_null(line);
        world->ports[i] = (uint16_t)strtoul(strchr(line, ':') + 1, NULL, 10);
    }
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int accept_one(struct world *world)
{
    int fd;
    assert_true(comes(world->listener, PATIENCE_MS));
    fd = accept4(world->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int begin(void **state)
{
    static struct world world;
    char seed[] = "7";
    memset(&world, 0, sizeof(world));
    *state = &world;
    start(&world, seed);
    world.agent = dial(world.ports[0]);
    world.coordinator = accept_one(&world);
    return 0;
}

static void stop(struct world *world)
{
    const int fds[] = {world->tell, world->said, world->listener, world->agent, world->coordinator};
    (void)kill(world->relay, SIGTERM);
    (void)waitpid(world->relay, NULL, 0);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        (void)close(fds[i]);
    }
}

static int finish(void **state)
{
    stop(*state);
    return 0;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Receives SIZE bytes, all of them before PATIENCE_MS are over. */
static void get(int fd, void *ret_bytes, size_t size)
{
    int64_t until = now_ms() + PATIENCE_MS;
    for (size_t done = 0; done < size;) {
        ssize_t got;
        assert_true(comes(fd, (int)(until - now_ms())));
        got = recv(fd, (char *)ret_bytes + done, size - done, 0);
        assert_true(got > 0);
        done += (size_t)got;
    }
}

static void expect(int fd, const char *text)
{
    char bytes[64];
    get(fd, bytes, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void expect_end(int fd)
{
    char byte;
    assert_true(comes(fd, PATIENCE_MS));
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void expect_reset(int fd)
{
    char byte;
    assert_true(comes(fd, PATIENCE_MS));
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 251);
    }
}

static uint8_t many[MANY];
static uint8_t came[MANY];

static void send_many(int from)
{
    fill(many, MANY);
    assert_int_equal(send(from, many, MANY, MSG_NOSIGNAL), MANY);
}

static void expect_many(int at)
{
    memset(came, 0, MANY);
    get(at, came, MANY);
    assert_memory_equal(came, many, MANY);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void bytes_pass_as_they_are(void **state)
{
    struct world *world = *state;
    send_many(world->agent);
    expect_many(world->coordinator);
    send_many(world->coordinator);
    expect_many(world->agent);
    tell(world, "n1 up show");
    assert_non_null(strstr(world->text, " n1 up: 60000 bytes passed, 0 wait, 1 connections\n"));
    (void)close(world->agent);
    expect_end(world->coordinator);
    (void)close(world->coordinator);
    (void)wait_said(world, "#1 ends");
    world->agent = dial(world->ports[1]);
    world->coordinator = accept_one(world);
}

static void delay_holds_back_in_one_direction(void **state)
{
    struct world *world = *state;
    int64_t before;
    tell(world, "n1 up delay 120 60");
    before = now_ms();
    send_many(world->agent); /* many pieces, each with a jitter of its own: in order all the same */
    put(world->coordinator, "back");
    expect(world->agent, "back");
    expect_many(world->coordinator);
    assert_true(now_ms() - before >= 120);
}

static void rate_takes_its_time(void **state)
{
    struct world *world = *state;
    int64_t before;
    tell(world, "n1 down rate 200000");
    before = now_ms();
    send_many(world->coordinator);
    expect_many(world->agent);
    assert_true(now_ms() - before >= 240); /* 300 ms, less what leaves at once */
    put(world->agent, "up");
    expect(world->coordinator, "up");
}

static void silence_is_of_one_direction_until_healed(void **state)
{
    struct world *world = *state;
    tell(world, "n1 up silence");
    put(world->agent, "lost?");
    put(world->coordinator, "back");
    expect(world->agent, "back");
    assert_false(comes(world->coordinator, QUIET_MS));
    tell(world, "n1 up show");
    assert_non_null(strstr(world->text, " 0 bytes passed, 5 wait"));
    tell(world, "n1 up heal");
    expect(world->coordinator, "lost?");
}

static void an_end_in_silence_is_heard_of_later(void **state)
{
    struct world *world = *state;
    tell(world, "n1 up silence");
    put(world->agent, "bye");
    (void)close(world->agent);
    assert_false(comes(world->coordinator, QUIET_MS));
    tell(world, "* both heal");
    expect(world->coordinator, "bye");
    expect_end(world->coordinator);
    world->agent = -1;
}

static void who_goes_in_silence_leaves_a_half(void **state)
{
    struct world *world = *state;
    const struct linger at_once = {.l_onoff = 1};
    tell(world, "n1 up silence");
    (void)setsockopt(world->agent, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(world->agent);
    (void)wait_said(world, "the agent is gone");
    put(world->coordinator, "is anybody there");
    assert_false(comes(world->coordinator, QUIET_MS));
    tell(world, "n1 both heal");
    put(world->coordinator, "?");
    expect_reset(world->coordinator);
    world->agent = -1;
}

static void stop_lets_so_many_pass(void **state)
{
    struct world *world = *state;
    tell(world, "n1 up stop 3");
    put(world->agent, "abcdef");
    expect(world->coordinator, "abc");
    (void)wait_said(world, "n1 #1 up: stops");
    assert_false(comes(world->coordinator, QUIET_MS));
    tell(world, "n1 both heal");
    expect(world->coordinator, "def");
}

/* The byte that seed SEED makes of an 'a' as the sixth of nine. */
static char flip_sixth(char *seed)
{
    struct world world = {0};
    char bytes[9];
    start(&world, seed);
    world.agent = dial(world.ports[0]);
    world.coordinator = accept_one(&world);
    tell(&world, "n1 up flip 5");
    put(world.agent, "aaaa");
    get(world.coordinator, bytes, 4);
    put(world.agent, "aaaaa");
    get(world.coordinator, bytes + 4, 5);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        assert_true((i == 5) == (bytes[i] != 'a'));
    }
    assert_int_equal(__builtin_popcount((unsigned char)bytes[5] ^ (unsigned char)'a'), 1);
    stop(&world);
    return bytes[5];
}

static void flip_turns_one_bit_over_by_seed(void **state)
{
    char seeds[][2] = {"1", "2", "3", "4"};
    bool differ = false;
    char first = flip_sixth(seeds[0]);
    (void)state;
    assert_int_equal(flip_sixth(seeds[0]), first);
    for (size_t i = 1; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        differ = differ || flip_sixth(seeds[i]) != first;
    }
    assert_true(differ);
}

static void close_ends_one_direction(void **state)
{
    struct world *world = *state;
    put(world->agent, "last");
    expect(world->coordinator, "last");
    tell(world, "n1 up close");
    expect_end(world->coordinator);
    put(world->coordinator, "still here");
    expect(world->agent, "still here");
}

static void reset_of_both_is_heard_by_both(void **state)
{
    struct world *world = *state;
    tell(world, "n1 both reset");
    expect_reset(world->agent);
    expect_reset(world->coordinator);
}

static void reset_of_one_leaves_a_half(void **state)
{
    struct world *world = *state;
    tell(world, "n1 up reset");
    expect_reset(world->coordinator);
    put(world->agent, "hello?");
    assert_false(comes(world->agent, QUIET_MS));
    tell(world, "n1 up heal");
    put(world->agent, "hello?");
    expect_reset(world->agent);
}

static void deaf_takes_and_never_answers(void **state)
{
    struct world *world = *state;
    int other;
    tell(world, "n1 both deaf");
    (void)close(world->agent);
    world->agent = dial(world->ports[0]);
    put(world->agent, "hello");
    (void)wait_said(world, "taken, for nobody");
    assert_false(comes(world->listener, QUIET_MS));
    assert_false(comes(world->agent, 0));
    other = dial(world->ports[1]); /* the other line is as it was */
    (void)close(accept_one(world));
    (void)close(other);
    tell(world, "n1 both heal");
    put(world->agent, "hello");
    expect_reset(world->agent);
}

static void refuse_resets_who_comes(void **state)
{
    struct world *world = *state;
    int other;
    tell(world, "n1 both refuse");
    other = dial(world->ports[0]);
    expect_reset(other);
    (void)close(other);
    put(world->agent, "who is there stays");
    expect(world->coordinator, "who is there stays");
    tell(world, "n1 both heal");
    other = dial(world->ports[0]);
    (void)close(accept_one(world));
    (void)close(other);
}

static void nobody_to_dial_is_a_reset(void **state)
{
    struct world *world = *state;
    (void)close(world->listener);
    (void)close(world->agent);
    world->agent = dial(world->ports[0]);
    expect_reset(world->agent);
    world->listener = -1;
}

static void what_it_does_not_understand_it_says(void **state)
{
    static const char *const commands[] = {
        "n1 up",         "n1 sideways silence", "n9 up silence",
        "n1 up dance",   "n1 up delay",         "n1 up delay x",
        "n1 up flip -1", "n1 up silence 3",     "n1 up delay 1 2 3"};
    struct world *world = *state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert_false(understood(world, commands[i]));
    }
    assert_true(understood(world, "* both heal"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_pass_as_they_are, begin, finish),
        cmocka_unit_test_setup_teardown(delay_holds_back_in_one_direction, begin, finish),
        cmocka_unit_test_setup_teardown(rate_takes_its_time, begin, finish),
        cmocka_unit_test_setup_teardown(silence_is_of_one_direction_until_healed, begin, finish),
        cmocka_unit_test_setup_teardown(an_end_in_silence_is_heard_of_later, begin, finish),
        cmocka_unit_test_setup_teardown(who_goes_in_silence_leaves_a_half, begin, finish),
        cmocka_unit_test_setup_teardown(stop_lets_so_many_pass, begin, finish),
        cmocka_unit_test(flip_turns_one_bit_over_by_seed),
        cmocka_unit_test_setup_teardown(close_ends_one_direction, begin, finish),
        cmocka_unit_test_setup_teardown(reset_of_both_is_heard_by_both, begin, finish),
        cmocka_unit_test_setup_teardown(reset_of_one_leaves_a_half, begin, finish),
        cmocka_unit_test_setup_teardown(deaf_takes_and_never_answers, begin, finish),
        cmocka_unit_test_setup_teardown(refuse_resets_who_comes, begin, finish),
        cmocka_unit_test_setup_teardown(nobody_to_dial_is_a_reset, begin, finish),
        cmocka_unit_test_setup_teardown(what_it_does_not_understand_it_says, begin, finish),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
