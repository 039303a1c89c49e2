/* What going back by a process swap keeps of a module's state, by its class. */
#include "agent/host/include/lockstep/client.h"
#include "agent/hosts.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct way {
    const char *class;
    bool warm;          /* the process before still runs */
    const char *wanted; /* NULL: refused */
};

/* 5 is added under version 1, and 1 three times under version 2. */
static const struct way ways[] = {
    {"lossless", true, "8 4 0"},   {"lossless", false, "8 4 0"}, {"journaled", true, "8 4 0"},
    {"journaled", false, "8 4 0"}, {"both", true, "8 4 0"},      {"snapshot", true, "5 1 0"},
    {"snapshot", false, "5 1 0"},  {"steps", true, "8 4 0"},     {"steps", false, "8 4 0"},
    {"none", true, NULL},
};

static void ledger_file(const struct way *way, int version, char ret_path[256])
{
    (void)snprintf(ret_path, 256, "%sledger-%d-%s.so", HOSTS_NODE_GOOD, version, way->class);
}

static struct lockstep_hosts_item ledger_item(const struct way *way, int version,
                                              uint64_t generation, char path[256])
{
    struct lockstep_hosts_item item;
    ledger_file(way, version, path);
    item = hosts_node_item(path, "ledger", generation);
    item.digest.bytes[0] = (uint8_t)version;
    item.swap = true;
    return item;
}

static void expect_sum(struct lockstep_client *client, const char *tool, const char *input,
                       const char *wanted)
{
    struct lockstep_answer answer;
    assert_int_equal(lockstep_client_call(client, tool, input, strlen(input), 0, &answer),
                     LOCKSTEP_CALL_OK);
    assert_string_equal((const char *)answer.bytes, wanted);
    lockstep_answer_deinit(&answer);
}

static void swap_ledger(struct hosts_node *node, const struct way *way, int version,
                        uint8_t generation)
{
    char path[256];
    const struct lockstep_hosts_item item = ledger_item(way, version, generation, path);
    hosts_node_map(node, generation, &item);
    hosts_node_expect_ok(node);
    hosts_node_migrate(node, generation);
    if (!node->result.ok) {
        return;
    }
    hosts_node_publish(node, generation);
    hosts_node_expect_ok(node);
}

/* By migration inside the process that serves. */
static void map_in_place(struct hosts_node *node, const struct way *way, int version,
                         uint8_t generation, char path[256])
{
    struct lockstep_hosts_item item = ledger_item(way, version, generation, path);
    item.swap = false;
    hosts_node_map(node, generation, &item);
    hosts_node_expect_ok(node);
    hosts_node_migrate(node, generation);
    hosts_node_expect_ok(node);
    hosts_node_publish(node, generation);
    hosts_node_expect_ok(node);
}

static void go_back(struct hosts_node *node, const struct way *way)
{
    char path[256];
    struct lockstep_boot_entry entry;
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    pid_t first;
    ledger_file(way, 1, path);
    entry = hosts_node_boot(path, "ledger", 1);
    hosts_node_start(node, &entry, 1);
    first = hosts_node_serving(node);
    expect_sum(client, "ledger.add", "5", "5");
    swap_ledger(node, way, 2, 2);
    hosts_node_expect_ok(node);
    expect_sum(client, "ledger.add", "1", "6");
    expect_sum(client, "ledger.add", "1", "7");
    expect_sum(client, "ledger.add", "1", "8");
    if (!way->warm) {
        (void)kill(first, SIGKILL);
        hosts_node_turn_until_ended(node, first);
    }
    swap_ledger(node, way, 1, 3);
    assert_int_equal(node->result.ok, way->wanted != NULL);
    if (way->wanted == NULL) {
        assert_int_equal(node->result.no, LOCKSTEP_NO_STATE);
        expect_sum(client, "ledger.get", "", "8 4 0");
    } else {
        assert_int_equal(hosts_node_serving(node) == first, way->warm);
        expect_sum(client, "ledger.get", "", way->wanted);
        expect_sum(client, "ledger.add", "1", way->wanted[0] == '8' ? "9" : "6");
    }
    client = lockstep_client_free(client);
}

/* What was warm and has new generations would never hear that its old ones' windows are over. */
static void who_could_not_come_back_ends(void **state)
{
    static const struct way way = {"lossless", true, NULL};
    struct hosts_node *node = *state;
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    const struct lockstep_id id = hosts_node_operation(3);
    struct lockstep_boot_entry entry;
    struct lockstep_hosts_item item;
    char path[256];
    pid_t first;
    pid_t second;
    node->config.settings.drain = 100;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    ledger_file(&way, 1, path);
    entry = hosts_node_boot(path, "ledger", 1);
    hosts_node_start(node, &entry, 1);
    first = hosts_node_serving(node);
    swap_ledger(node, &way, 2, 2);
    second = hosts_node_serving(node);
    item = ledger_item(&way, 1, 3, path);
    hosts_node_map(node, 3, &item);
    hosts_node_expect_ok(node);
    hosts_node_migrate(node, 3);
    hosts_node_expect_ok(node);
    expect_sum(client, "ledger.add", "1", "1"); /* the time to take over is past */
    hosts_node_publish(node, 3);
    assert_false(node->result.ok);
    assert_int_equal(node->result.no, LOCKSTEP_NO_STATE);
    assert_true(hosts_node_runs(first));
    lockstep_hosts_drop(node->hosts, &id);
    hosts_node_turn_until_ended(node, first);
    assert_int_equal(hosts_node_serving(node), second);
    expect_sum(client, "ledger.add", "1", "2");
    client = lockstep_client_free(client);
}

/* What ended a window is live in a window of its own: that is not over with the first. */
static void the_end_of_a_window_is_no_others(void **state)
{
    static const struct way first = {"both", true, NULL};
    static const struct way second = {"journaled", true, "8 4 0"};
    struct hosts_node *node = *state;
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    struct lockstep_boot_entry entry;
    struct lockstep_hosts_item left;
    char path[256];
    ledger_file(&first, 1, path);
    entry = hosts_node_boot(path, "ledger", 1);
    hosts_node_start(node, &entry, 1);
    left = hosts_node_item(path, "ledger", 1);
    left.by = 2;
    expect_sum(client, "ledger.add", "5", "5");
    swap_ledger(node, &second, 1, 2);
    hosts_node_expect_ok(node);
    swap_ledger(node, &second, 2, 3);
    hosts_node_expect_ok(node);
    lockstep_hosts_retire(node->hosts, &left, 1);
    expect_sum(client, "ledger.add", "1", "6");
    expect_sum(client, "ledger.add", "1", "7");
    expect_sum(client, "ledger.add", "1", "8");
    swap_ledger(node, &second, 1, 4);
    hosts_node_expect_ok(node);
    expect_sum(client, "ledger.get", "", second.wanted);
    client = lockstep_client_free(client);
}

/* A fresh process would know nothing of the commit. */
static void nobody_is_recycled_with_a_way_back(void **state)
{
    static const struct way way = {"journaled", true, "6 2 0"};
    struct hosts_node *node = *state;
    struct lockstep_client *client;
    struct lockstep_hosts_item left[2] = {hosts_node_item(HOSTS_NODE_GOOD "echo-1.so", "echo", 3)};
    struct lockstep_boot_entry entries[2];
    char paths[3][256];
    pid_t first;
    node->config.settings.heartbeat = 20;
    node->config.settings.retired = 1;
    node->hosts = lockstep_hosts_free(node->hosts);
    hosts_node_begin(node);
    ledger_file(&way, 1, paths[0]);
    entries[0] = hosts_node_boot(paths[0], "ledger", 1);
    hosts_node_start(node, entries, 1);
    first = hosts_node_serving(node);
    client = lockstep_client_new(node->tools, NULL);
    expect_sum(client, "ledger.add", "5", "5");
    map_in_place(node, &way, 2, 2, paths[1]);
    expect_sum(client, "ledger.add", "1", "6");
    hosts_node_reload(node, 3, HOSTS_NODE_GOOD "echo-1.so", "echo");
    hosts_node_reload(node, 4, HOSTS_NODE_GOOD "echo-2.so", "echo");
    entries[0] = hosts_node_boot(paths[1], "ledger", 2);
    entries[1] = hosts_node_boot(HOSTS_NODE_GOOD "echo-2.so", "echo", 4);
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, entries, 2, NULL), LOCKSTEP_OK);
    lockstep_hosts_retire(node->hosts, left, 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 20, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(hosts_node_serving(node), first);
    expect_sum(client, "ledger.get", "", way.wanted);
    /* When its window is over there is none to be kept. */
    left[0] = ledger_item(&way, 1, 1, paths[2]);
    lockstep_hosts_retire(node->hosts, left, 1);
    hosts_node_turn_until_ended(node, first);
    expect_sum(client, "ledger.get", "", way.wanted);
    client = lockstep_client_free(client);
}

/* Another module's process swap, as the fourth operation. */
static void swap_echo(struct hosts_node *node)
{
    struct lockstep_hosts_item item = hosts_node_item(HOSTS_NODE_GOOD "echo-2.so", "echo", 4);
    item.swap = true;
    hosts_node_map(node, 4, &item);
    hosts_node_expect_ok(node);
    hosts_node_migrate(node, 4);
    hosts_node_expect_ok(node);
    hosts_node_publish(node, 4);
    hosts_node_expect_ok(node);
}

/* Another module's process swap leaves a window as it is: calls on both sides of it count. */
static void expect_way_back_after_another_swap(struct hosts_node *node, const struct way *way)
{
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    struct lockstep_boot_entry entries[2];
    char paths[3][256];
    pid_t first;
    ledger_file(way, 1, paths[0]);
    entries[0] = hosts_node_boot(paths[0], "ledger", 1);
    entries[1] = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo", 2);
    hosts_node_start(node, entries, 2);
    first = hosts_node_serving(node);
    expect_sum(client, "ledger.add", "5", "5");
    map_in_place(node, way, 2, 3, paths[1]);
    expect_sum(client, "ledger.add", "1", "6");
    expect_sum(client, "ledger.add", "1", "7");
    entries[0] = hosts_node_boot(paths[1], "ledger", 3);
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, entries, 2, NULL), LOCKSTEP_OK);
    swap_echo(node);
    assert_int_not_equal(hosts_node_serving(node), first);
    expect_sum(client, "ledger.add", "1", "8");
    map_in_place(node, way, 1, 5, paths[2]);
    expect_sum(client, "ledger.get", "", way->wanted);
    client = lockstep_client_free(client);
}

/* Nothing leads back from a version that has been finalized, whichever process runs it. */
static void expect_final_in_the_next(struct hosts_node *node, bool dies)
{
    static const struct way before = {"lossless", true, NULL};
    static const struct way final = {"final", true, NULL};
    struct lockstep_boot_entry entries[2];
    struct lockstep_hosts_item item;
    char paths[3][256];
    ledger_file(&before, 1, paths[0]);
    entries[0] = hosts_node_boot(paths[0], "ledger", 1);
    entries[1] = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo", 2);
    hosts_node_start(node, entries, 2);
    map_in_place(node, &final, 2, 3, paths[1]);
    entries[0] = hosts_node_boot(paths[1], "ledger", 3);
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, entries, 2, NULL), LOCKSTEP_OK);
    item = ledger_item(&before, 1, 1, paths[2]);
    item.by = 3;
    lockstep_hosts_retire(node->hosts, &item, 1);
    hosts_node_look(node, "ledger.get", ""); /* it has come */
    if (dies) {
        (void)kill(hosts_node_serving(node), SIGKILL);
        hosts_node_turn_until(node, &node->losses, 1);
        hosts_node_start(node, entries, 2);
    } else {
        swap_echo(node);
    }
    item = ledger_item(&before, 1, 5, paths[2]);
    item.swap = false;
    hosts_node_map(node, 5, &item);
    assert_false(node->result.ok);
    assert_int_equal(node->result.no, LOCKSTEP_NO_STATE);
    assert_non_null(strstr(node->text, "finalized"));
}

static void final_is_final_in_a_successor(void **state)
{
    expect_final_in_the_next(*state, false);
}

static void final_is_final_after_a_death(void **state)
{
    expect_final_in_the_next(*state, true);
}

/* The process that serves dies, and the next one begins with what was kept. */
static void die_and_begin(struct hosts_node *node, const struct lockstep_boot_entry *entries,
                          size_t count)
{
    hosts_node_look(node, "ledger.get", ""); /* what is kept has come */
    (void)kill(hosts_node_serving(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, 1);
    hosts_node_start(node, entries, count);
}

/* A tag, put under version 2, that version 1 cannot hold. */
static void leave_residue(struct hosts_node *node, struct lockstep_boot_entry entries[2],
                          char path[256])
{
    static const struct way way = {"lossless", true, NULL};
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    ledger_file(&way, 1, path);
    entries[0] = hosts_node_boot(path, "ledger", 1);
    entries[1] = hosts_node_boot(HOSTS_NODE_GOOD "echo-1.so", "echo", 1);
    hosts_node_start(node, entries, 2);
    expect_sum(client, "ledger.add", "5", "5");
    swap_ledger(node, &way, 2, 2);
    hosts_node_expect_ok(node);
    expect_sum(client, "ledger.tag", "", "1");
    swap_ledger(node, &way, 1, 3);
    hosts_node_expect_ok(node);
    expect_sum(client, "ledger.get", "", "5 1 0");
    entries[0] = hosts_node_boot(path, "ledger", 3);
    client = lockstep_client_free(client);
}

/* It outlives the process that it came to, and the one that another module's swap brings. */
static void expect_residue_after_death(struct hosts_node *node, bool another)
{
    static const struct way way = {"lossless", true, NULL};
    struct lockstep_boot_entry entries[2];
    char paths[2][256];
    leave_residue(node, entries, paths[0]);
    if (another) {
        assert_int_equal(lockstep_hosts_boot(node->hosts, 0, entries, 2, NULL), LOCKSTEP_OK);
        swap_echo(node);
        entries[1] = hosts_node_boot(HOSTS_NODE_GOOD "echo-2.so", "echo", 4);
    }
    die_and_begin(node, entries, 2);
    hosts_node_expect_tool(node, "ledger.get", "", "5 1 0");
    map_in_place(node, &way, 2, 5, paths[1]);
    hosts_node_expect_tool(node, "ledger.get", "", "5 1 1");
}

static void residue_outlives_its_process(void **state)
{
    expect_residue_after_death(*state, false);
}

static void residue_outlives_anothers_swap(void **state)
{
    expect_residue_after_death(*state, true);
}

/* So it does when it has become state again. */
static void residue_outlives_the_way_up(void **state)
{
    static const struct way way = {"lossless", true, NULL};
    struct hosts_node *node = *state;
    struct lockstep_boot_entry entries[2];
    char paths[2][256];
    leave_residue(node, entries, paths[0]);
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, entries, 2, NULL), LOCKSTEP_OK);
    swap_ledger(node, &way, 2, 4);
    hosts_node_expect_ok(node);
    hosts_node_expect_tool(node, "ledger.get", "", "5 1 1");
    ledger_file(&way, 2, paths[1]);
    entries[0] = hosts_node_boot(paths[1], "ledger", 4);
    die_and_begin(node, entries, 2);
    hosts_node_expect_tool(node, "ledger.get", "", "5 1 1");
}

/* The next version has a window of its own, in which it goes back. */
static void final_is_not_the_next_version(void **state)
{
    static const struct way before = {"lossless", true, NULL};
    static const struct way final = {"final", true, NULL};
    static const struct way next = {"steps", true, NULL};
    struct hosts_node *node = *state;
    struct lockstep_boot_entry entry;
    struct lockstep_hosts_item item;
    char paths[3][256];
    ledger_file(&before, 1, paths[0]);
    entry = hosts_node_boot(paths[0], "ledger", 1);
    hosts_node_start(node, &entry, 1);
    map_in_place(node, &final, 2, 2, paths[1]);
    item = ledger_item(&before, 1, 1, paths[2]);
    item.by = 2;
    lockstep_hosts_retire(node->hosts, &item, 1);
    hosts_node_look(node, "ledger.get", ""); /* it has come */
    entry = hosts_node_boot(paths[1], "ledger", 2);
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, &entry, 1, NULL), LOCKSTEP_OK);
    swap_ledger(node, &next, 3, 3);
    hosts_node_expect_ok(node);
    map_in_place(node, &next, 2, 4, paths[2]);
}

static void anothers_swap_leaves_the_way_back(void **state)
{
    static const struct way kinds[] = {
        {"journaled", true, "8 4 0"}, {"snapshot", true, "5 1 0"}, {"both", true, "8 4 0"}};
    for (size_t i = 0; i < LOCKSTEP_COUNT(kinds); i++) {
        if (i > 0) {
            (void)hosts_node_tear_down(state);
            (void)hosts_node_set_up(state);
        }
        print_message("# %s\n", kinds[i].class);
        expect_way_back_after_another_swap(*state, &kinds[i]);
    }
}

static void back_with_its_state(void **state)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(ways); i++) {
        if (i > 0) {
            (void)hosts_node_tear_down(state);
            (void)hosts_node_set_up(state);
        }
        print_message("# %s, %s\n", ways[i].class, ways[i].warm ? "warm" : "not warm");
        go_back(*state, &ways[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, hosts_node_set_up, hosts_node_tear_down)
        ROW(who_could_not_come_back_ends),
        ROW(nobody_is_recycled_with_a_way_back),
        ROW(the_end_of_a_window_is_no_others),
        ROW(final_is_final_in_a_successor),
        ROW(final_is_final_after_a_death),
        ROW(final_is_not_the_next_version),
        ROW(residue_outlives_its_process),
        ROW(residue_outlives_anothers_swap),
        ROW(residue_outlives_the_way_up),
        ROW(anothers_swap_leaves_the_way_back),
        ROW(back_with_its_state)
#undef ROW
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
