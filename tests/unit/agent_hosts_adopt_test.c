/* The agent's side of hosts: which processes it takes for its own, and for how long. */
#include "agent/hosts.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_next_agent_adopts(void **state)
{
    struct hosts_node *node = *state;
    pid_t pid;
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "echo-1.so", "echo");
    pid = hosts_node_pid(node);
    for (uint32_t i = 2; i < 4; i++) {
        node->hosts = lockstep_hosts_free(node->hosts);
        hosts_node_expect_tool(node, "echo.say", "alone", "1.0.0 alone");
        hosts_node_begin(node);
        assert_true(lockstep_hosts_lives(node->hosts, 0)); /* though it has not connected yet */
        assert_int_equal(lockstep_hosts_start(node->hosts, 0, NULL, 0, NULL), LOCKSTEP_CONFLICT);
        hosts_node_turn_until(node, &node->ups, i);
        assert_int_equal(node->live_count, 1);
        assert_int_equal(node->live[0].generation, 1);
        hosts_node_expect_tool(node, "echo.say", "again", "1.0.0 again");
    }
    assert_int_equal(hosts_node_pid(node), pid);
    /* The socket came back with the host, so it outlives that as well. */
    (void)kill(pid, SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 2, HOSTS_NODE_GOOD "echo-2.so", "echo");
    hosts_node_expect_tool(node, "echo.say", "new", "2.0.0 new");
}

/* A second process of the service, which comes by itself. */
static pid_t spawn_second(const struct hosts_node *node)
{
    char program[] = HOSTS_NODE_HOST;
    char agent[] = "--agent";
    char path[128];
    char *arguments[] = {program, agent, path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    (void)snprintf(path, sizeof(path), "%s", node->socket);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0), 0);
    assert_int_equal(posix_spawn(&pid, HOSTS_NODE_HOST, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void asks_every_process(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_boot_entry boot = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo", 1);
    struct lockstep_hosts_module module;
    pid_t second;
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "echo-1.so", "echo");
    second = spawn_second(node);
    hosts_node_turn_until(node, &node->ups, 2);
    assert_int_equal(node->live_count, 1);
    assert_true(lockstep_digest_is_zero(&node->live[0].digest)); /* the second lacks it */
    hosts_node_reload(node, 2, HOSTS_NODE_GOOD "echo-2.so", "echo");
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.generation, 2);
    assert_false(module.differs);
    (void)kill(second, SIGKILL);
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, &boot, 1, NULL), LOCKSTEP_OK);
    (void)spawn_second(node);
    hosts_node_turn_until(node, &node->ups, 3);
    assert_int_equal(node->losses, 0);
}

/* An order that changes no bytes raises the generation of what comes later, and of nothing else. */
static void one_version_has_many_generations(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_boot_entry boot = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo", 5);
    struct lockstep_hosts_module module;
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "echo-1.so", "echo");
    boot.digest = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo", 1).digest;
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, &boot, 1, NULL), LOCKSTEP_OK);
    (void)spawn_second(node);
    hosts_node_turn_until(node, &node->ups, 2);
    assert_int_equal(node->live_count, 1);
    assert_memory_equal(&node->live[0].digest, &boot.digest, sizeof(boot.digest));
    assert_int_equal(node->live[0].generation, 1);
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_false(module.differs);
}

static void a_host_that_died_alone_is_lost(void **state)
{
    struct hosts_node *node = *state;
    pid_t pid;
    hosts_node_start(node, NULL, 0);
    pid = hosts_node_pid(node);
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    (void)kill(pid, SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    assert_false(lockstep_hosts_lives(node->hosts, 0));
}

static void one_agent_at_a_time(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hosts *other = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct stat info;
    assert_int_equal(lockstep_hosts_new(node->loop, &node->config, &other, &err),
                     LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, node->socket));
    assert_int_equal(stat(node->socket, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void who_never_comes_up_is_lost(void **state)
{
    struct hosts_node *node = *state;
    node->hosts = lockstep_hosts_free(node->hosts);
    node->config.settings.host_start = 50;
    hosts_node_begin(node);
    assert_int_equal(lockstep_hosts_start(node->hosts, 1, NULL, 0, NULL), LOCKSTEP_OK);
    hosts_node_turn_until(node, &node->losses, 1);
    assert_int_equal(node->lost_service, 1);
    node->config.host_path = "/nowhere/lockstep-host";
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    assert_int_equal(lockstep_hosts_start(node->hosts, 0, NULL, 0, NULL), LOCKSTEP_IO);
    assert_false(lockstep_hosts_lives(node->hosts, 0));
}

/* ---- a host that this test plays ------------------------------------------------------------ */

static void say(int fd, struct lockstep_hostwire_message *message)
{
    assert_int_equal(lockstep_hostwire_send(fd, message, 1000, NULL), LOCKSTEP_OK);
}

static void hear(struct hosts_node *node, int fd, struct lockstep_hostwire_message *message)
{
    enum lockstep_err code = LOCKSTEP_RETRY;
    for (int i = 0; i < HOSTS_NODE_TURNS && code == LOCKSTEP_RETRY; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 10, NULL), LOCKSTEP_OK);
        lockstep_hostwire_reset(message, LOCKSTEP_HOSTWIRE_UNSPECIFIED);
        code = lockstep_hostwire_receive(fd, message, 0, NULL);
    }
    assert_int_equal(code, LOCKSTEP_OK);
}

static void hello(struct hosts_node *node, const char *service, int *ret_fd,
                  struct lockstep_hostwire_message *message)
{
    assert_int_equal(lockstep_hostwire_connect(node->socket, ret_fd, NULL), LOCKSTEP_OK);
    lockstep_hostwire_reset(message, LOCKSTEP_HOSTWIRE_HELLO);
    message->version_min = 1;
    message->version_max = 9;
    message->pid = (uint64_t)getpid();
    (void)lockstep_name_parse(service, &message->service);
    say(*ret_fd, message);
    hear(node, *ret_fd, message);
}

/* Goes on until it is up. SHUT, unless NULL, is a module that it says it runs, and is shut. */
static void come_up_with(struct hosts_node *node, int fd, struct lockstep_hostwire_message *message,
                         const char *shut)
{
    uint32_t ups = node->ups;
    lockstep_hostwire_reset(message, LOCKSTEP_HOSTWIRE_READY);
    say(fd, message);
    while (node->ups == ups) {
        uint64_t id;
        enum lockstep_hostwire_type type;
        hear(node, fd, message);
        id = message->id;
        type = message->type;
        lockstep_hostwire_reset(message, type == LOCKSTEP_HOSTWIRE_STATUS ? LOCKSTEP_HOSTWIRE_STATUS
                                         : type == LOCKSTEP_HOSTWIRE_GIVE_LISTENERS
                                             ? LOCKSTEP_HOSTWIRE_LISTENERS
                                             : LOCKSTEP_HOSTWIRE_OK);
        message->id = id;
        if (type == LOCKSTEP_HOSTWIRE_STATUS && shut != NULL) {
            struct lockstep_hostwire_entry *entry = &message->entries[message->entries_count++];
            (void)lockstep_name_parse(shut, &entry->module);
            entry->state = LOCKSTEP_HOSTWIRE_STATE_LIVE;
            entry->generation = 1;
            entry->drain = LOCKSTEP_HOSTWIRE_DRAIN_DONE;
        }
        say(fd, message);
        for (int i = 0; i < 20 && type == LOCKSTEP_HOSTWIRE_STATUS && node->ups == ups; i++) {
            assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
        }
    }
}

static void come_up(struct hosts_node *node, int fd, struct lockstep_hostwire_message *message)
{
    come_up_with(node, fd, message, NULL);
}

static void refuses_strange_hosts(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_OK);
    int fd = -1;
    hello(node, "elsewhere", &fd, message);
    assert_int_equal(message->type, LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(message->text, "this node has no service 'elsewhere'");
    (void)close(fd);
    hello(node, "default", &fd, message);
    assert_int_equal(message->type, LOCKSTEP_HOSTWIRE_WELCOME);
    lockstep_hostwire_reset(message, LOCKSTEP_HOSTWIRE_STATUS);
    say(fd, message);
    hear(node, fd, message);
    assert_int_equal(message->type, LOCKSTEP_HOSTWIRE_REFUSED);
    (void)close(fd);
    (void)lockstep_hostwire_free(message);
}

static void does_not_wait_for_ever(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_OK);
    const struct lockstep_hosts_item item = hosts_node_item(HOSTS_NODE_GOOD "echo-1.so", "echo", 1);
    int fd = -1;
    node->hosts = lockstep_hosts_free(node->hosts);
    node->config.settings.host_answer = 50;
    hosts_node_begin(node);
    hello(node, "default", &fd, message);
    come_up(node, fd, message);
    hosts_node_map(node, 1, &item);
    assert_int_equal(node->result.no, LOCKSTEP_NO_NO_HOST);
    assert_string_equal(node->text, "the host did not answer in 50 ms");
    /* A new connection of the same process takes the old one's place. */
    (void)close(fd);
    hello(node, "default", &fd, message);
    come_up(node, fd, message);
    assert_int_equal(node->losses, 0);
    (void)close(fd);
    (void)lockstep_hostwire_free(message);
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
}

/* What there is no place for is answered, too: no, and not from within the call. */
static void refuses_what_is_too_much(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_OK);
    const struct lockstep_hosts_item item = hosts_node_item(HOSTS_NODE_GOOD "echo-1.so", "echo", 1);
    const struct lockstep_hosts_set set = {
        .operation = hosts_node_operation(3), .items = &item, .items_count = 1, .extra = ""};
    int fd = -1;
    node->hosts = lockstep_hosts_free(node->hosts);
    node->config.settings.host_answer = 60 * LOCKSTEP_SECOND;
    node->config.smoked = node->config.done;
    hosts_node_begin(node);
    hello(node, "default", &fd, message);
    come_up(node, fd, message);
    for (int i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        lockstep_hosts_call(node->hosts, 9, 0, "echo.say", "", 0);
    }
    lockstep_hosts_smoke(node->hosts, 4, 0, &item.module, 1);
    assert_int_equal(node->answers, 0);
    hosts_node_turn_until(node, &node->answers, 1);
    assert_int_equal(node->result.ticket, 4);
    assert_int_equal(node->result.no, LOCKSTEP_NO_BUSY);
    hosts_node_map(node, 1, &item);
    assert_int_equal(node->result.ticket, 1);
    assert_int_equal(node->result.no, LOCKSTEP_NO_BUSY);
    hosts_node_publish(node, 2);
    assert_int_equal(node->result.no, LOCKSTEP_NO_BUSY);
    lockstep_hosts_map(node->hosts, 3, &set);
    lockstep_hosts_drop(node->hosts, &set.operation); /* and is forgotten as others are */
    hosts_node_publish(node, 4);
    assert_int_equal(node->answers, 4);
    lockstep_hosts_map(node->hosts, 3, &set);
    (void)close(fd);
    (void)lockstep_hostwire_free(message);
    node->hosts = lockstep_hosts_free(node->hosts); /* one is not answered yet */
    hosts_node_begin(node);
}

/* Whether the host that says that "echo" is shut is told to keep it so. */
static bool is_learned(struct hosts_node *node)
{
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_OK);
    bool learned = false;
    int fd = -1;
    hello(node, "default", &fd, message);
    come_up_with(node, fd, message, "echo");
    lockstep_hosts_call(node->hosts, 9, 0, "echo.say", "", 0);
    while (message->type != LOCKSTEP_HOSTWIRE_CALL) {
        hear(node, fd, message);
        learned = learned || message->type == LOCKSTEP_HOSTWIRE_DRAIN;
    }
    (void)close(fd);
    (void)lockstep_hostwire_free(message);
    return learned;
}

/* What is shut is learned of modules that the service is to run: others a host may make up. */
static void learns_what_is_shut(void **state)
{
    struct hosts_node *node = *state;
    const struct lockstep_boot_entry entry = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo",
                                                             1);
    assert_false(is_learned(node));
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, &entry, 1, NULL), LOCKSTEP_OK);
    assert_true(is_learned(node));
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_next_agent_adopts, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(asks_every_process, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(one_version_has_many_generations, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(a_host_that_died_alone_is_lost, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(one_agent_at_a_time, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(who_never_comes_up_is_lost, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(refuses_strange_hosts, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(learns_what_is_shut, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_too_much, hosts_node_set_up,
                                        hosts_node_tear_down),
        cmocka_unit_test_setup_teardown(does_not_wait_for_ever, hosts_node_set_up,
                                        hosts_node_tear_down),
    };
    return cmocka_run_group_tests_name("adoption", tests, NULL, NULL);
}
