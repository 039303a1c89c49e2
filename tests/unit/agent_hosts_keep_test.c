/* The agent's side of hosts: a host that is started again has the state that its class promises. */
#include "agent/hosts.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct row {
    const char *class;
    const char *killed; /* after the host's death */
    const char *both;   /* after that of the agent, too */
    const char *ended;  /* after a host that was told to end */
};

static const struct row rows[] = {
    {"lossless", "2 2 0", "2 2 0", "5 5 0"},
    {"journaled", "5 5 0", "2 2 0", "5 5 0"},
    {"snapshot", "2 2 0", "2 2 0", "5 5 0"},
    {"none", "0 0 0", "0 0 0", "0 0 0"},
};

static void file_of(const char *class, unsigned schema, char ret_path[256])
{
    (void)snprintf(ret_path, 256, "%sledger-%u-%s.so", HOSTS_NODE_GOOD, schema, class);
}

/* Two additions under version 1, three more under version 2. */
static void live_through(struct hosts_node *node, const char *class)
{
    char path[256];
    hosts_node_start(node, NULL, 0);
    file_of(class, 1, path);
    hosts_node_reload(node, 1, path, "ledger");
    hosts_node_expect_tool(node, "ledger.add", "", "1");
    hosts_node_expect_tool(node, "ledger.add", "", "2");
    file_of(class, 2, path);
    {
        const struct lockstep_hosts_item item = hosts_node_item(path, "ledger", 2);
        const struct lockstep_id id = hosts_node_operation(2);
        uint32_t answers;
        hosts_node_map(node, 2, &item);
        hosts_node_expect_ok(node);
        answers = node->answers;
        lockstep_hosts_migrate(node->hosts, 2, &id, LOCKSTEP_DRAIN_NEVER, 1000);
        hosts_node_turn_until(node, &node->answers, answers + 1);
        hosts_node_expect_ok(node);
        hosts_node_publish(node, 2);
        hosts_node_expect_ok(node);
    }
    for (int i = 0; i < 3; i++) {
        hosts_node_look(node, "ledger.add", "1");
    }
}

static void start_again(struct hosts_node *node, const char *class, const char *wanted)
{
    char path[256];
    struct lockstep_boot_entry entry;
    file_of(class, 2, path);
    entry = hosts_node_boot(path, "ledger", 2);
    hosts_node_start(node, &entry, 1);
    hosts_node_expect_tool(node, "ledger.get", "", wanted);
}

static void check_killed(struct hosts_node *node, const struct row *row)
{
    live_through(node, row->class);
    for (uint32_t i = 1; i <= 2; i++) { /* and what began so is kept as well */
        (void)kill(hosts_node_pid(node), SIGKILL);
        hosts_node_turn_until(node, &node->losses, i);
        start_again(node, row->class, row->killed);
    }
}

static void check_both(struct hosts_node *node, const struct row *row)
{
    pid_t pid;
    live_through(node, row->class);
    pid = hosts_node_pid(node);
    node->hosts = lockstep_hosts_free(node->hosts);
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    hosts_node_begin(node);
    start_again(node, row->class, row->both);
}

/* An agent that was away has from its host what the last one held. */
static void check_next_agent(struct hosts_node *node, const struct row *row)
{
    uint32_t ups;
    live_through(node, row->class);
    node->hosts = lockstep_hosts_free(node->hosts);
    ups = node->ups;
    hosts_node_begin(node);
    hosts_node_turn_until(node, &node->ups, ups + 1);
    (void)kill(hosts_node_pid(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    start_again(node, row->class, row->killed);
}

static void check_ended(struct hosts_node *node, const struct row *row)
{
    live_through(node, row->class);
    lockstep_hosts_shutdown_all(node->hosts);
    hosts_node_turn_until(node, &node->losses, 1);
    start_again(node, row->class, row->ended);
}

static void for_all(struct hosts_node *node, size_t index,
                    void (*check)(struct hosts_node *node, const struct row *row))
{
    check(node, &rows[index]);
}

#define TESTS(check)                            \
    static void check##_lossless(void **state)  \
    {                                           \
        for_all(*state, 0, check);              \
    }                                           \
    static void check##_journaled(void **state) \
    {                                           \
        for_all(*state, 1, check);              \
    }                                           \
    static void check##_snapshot(void **state)  \
    {                                           \
        for_all(*state, 2, check);              \
    }                                           \
    static void check##_none(void **state)      \
    {                                           \
        for_all(*state, 3, check);              \
    }
TESTS(check_killed)
TESTS(check_both)
TESTS(check_next_agent)
TESTS(check_ended)

/* What cannot be taken over is put aside, and the module begins without. */
static void refused_is_put_aside(void **state)
{
    struct hosts_node *node = *state;
    struct lockstep_boot_entry entry;
    char path[256];
    struct stat info;
    live_through(node, "lossless");
    (void)kill(hosts_node_pid(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    entry = hosts_node_boot(HOSTS_NODE_GOOD "ledger-3-gap.so", "ledger", 3);
    hosts_node_start(node, &entry, 1);
    hosts_node_expect_tool(node, "ledger.get", "", "0 0 0");
    (void)snprintf(path, sizeof(path), "%s/hosts/default/ledger.state.refused",
                   node->config.data_directory);
    assert_int_equal(stat(path, &info), 0);
}

/* Bases come by themselves where the settings say so. */
static void bases_come(void **state)
{
    struct hosts_node *node = *state;
    char path[256];
    struct stat info = {0};
    node->hosts = lockstep_hosts_free(node->hosts);
    node->config.settings.state_base = 10;
    hosts_node_begin(node);
    hosts_node_start(node, NULL, 0);
    hosts_node_reload(node, 1, HOSTS_NODE_GOOD "ledger-1-snapshot.so", "ledger");
    hosts_node_expect_tool(node, "ledger.add", "", "1");
    (void)snprintf(path, sizeof(path), "%s/hosts/default/ledger.state",
                   node->config.data_directory);
    for (int i = 0; i < 4; i++) { /* one that has the addition surely */
        uint32_t turns = 0;
        while (stat(path, &info) != 0 && turns++ < HOSTS_NODE_TURNS) {
            hosts_node_look(node, "ledger.get", "");
        }
        assert_int_equal(i < 3 ? remove(path) : 0, 0);
        info = (struct stat){0};
    }
    (void)kill(hosts_node_pid(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    {
        struct lockstep_boot_entry entry = hosts_node_boot(HOSTS_NODE_GOOD "ledger-1-snapshot.so",
                                                           "ledger", 1);
        hosts_node_start(node, &entry, 1);
    }
    hosts_node_expect_tool(node, "ledger.get", "", "1 1 0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hosts_node_set_up, hosts_node_tear_down)
#define FOUR(check) \
    TEST(check##_lossless), TEST(check##_journaled), TEST(check##_snapshot), TEST(check##_none)

int main(void)
{
    const struct CMUnitTest tests[] = {FOUR(check_killed),         FOUR(check_both),
                                       FOUR(check_next_agent),     FOUR(check_ended),
                                       TEST(refused_is_put_aside), TEST(bases_come)};
    return cmocka_run_group_tests_name("hosts_keep", tests, NULL, NULL);
}
