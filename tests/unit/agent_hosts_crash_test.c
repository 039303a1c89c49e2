/* What is kept of the death of a host, and which request is refused because of it. */
#include "agent/host/include/lockstep/client.h"
#include "agent/hosts_crash.h"
#include "common/hostwire/crash_page.h"
#include "tests/support/cmocka.h"
#include "tests/support/hosts_node.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void path_of(const struct hosts_node *node, const char *leaf, char ret_path[256])
{
    (void)snprintf(ret_path, 256, "%s/hosts/default/crash/%s", node->directory, leaf);
}

/* How many reports there are; the oldest is *RET_OLDEST. */
static size_t count_reports(const struct hosts_node *node, char ret_oldest[256])
{
    char path[256];
    const struct dirent *entry;
    DIR *directory;
    size_t count = 0;
    path_of(node, "", path);
    directory = opendir(path);
    assert_non_null(directory);
    ret_oldest[0] = '\0';
    while ((entry = readdir(directory)) != NULL) {
        bool report = strncmp(entry->d_name, "report.", 7) == 0;
        count += report ? 1 : 0;
        if (report && (ret_oldest[0] == '\0' || strcmp(entry->d_name, ret_oldest) < 0)) {
            (void)snprintf(ret_oldest, 256, "%s", entry->d_name);
        }
    }
    (void)closedir(directory);
    return count;
}

static void start(struct hosts_node *node)
{
    const struct lockstep_boot_entry entry = hosts_node_boot(HOSTS_NODE_GOOD "echo-dies.so", "echo",
                                                             1);
    hosts_node_start(node, &entry, 1);
}

static void be_killed(struct hosts_node *node)
{
    uint32_t losses = node->losses;
    (void)kill(hosts_node_serving(node), SIGKILL);
    hosts_node_turn_until(node, &node->losses, losses + 1);
    start(node);
}

#ifndef LOCKSTEP_SANITIZED /* they have handlers of their own */
static enum lockstep_call_result call_die(const struct hosts_node *node)
{
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    struct lockstep_answer answer = {0};
    enum lockstep_call_result result = lockstep_client_call(client, "echo.say", "die", 3, 0,
                                                            &answer);
    lockstep_answer_deinit(&answer);
    client = lockstep_client_free(client);
    return result;
}

/* A host dies of that request, and is there again. */
static void die(struct hosts_node *node)
{
    uint32_t losses = node->losses;
    assert_int_equal(call_die(node), LOCKSTEP_CALL_LOST);
    hosts_node_turn_until(node, &node->losses, losses + 1);
    assert_non_null(strstr(lockstep_hosts_died(node->hosts, 0)->text, "SIGSEGV in echo 3.0.0"));
    start(node);
}

static void a_request_that_ends_two_is_refused(void **state)
{
    struct hosts_node *node = *state;
    start(node);
    die(node);
    die(node);
    assert_true(call_die(node) != LOCKSTEP_CALL_LOST);
    hosts_node_expect_tool(node, "echo.say", "x", "3.0.0 x");
    be_killed(node); /* and by the host after that */
    assert_true(call_die(node) != LOCKSTEP_CALL_LOST);
    hosts_node_expect_tool(node, "echo.say", "x", "3.0.0 x");
}

/* Two deaths that are not in a row are no reason. */
static void not_if_another_death_is_between(void **state)
{
    struct hosts_node *node = *state;
    start(node);
    die(node);
    be_killed(node);
    die(node);
    assert_int_equal(node->hosts->rooms[0].poison_next, 0);
    die(node);
    assert_int_equal(node->hosts->rooms[0].poison_next, 1);
}

#endif

static void the_oldest_reports_go(void **state)
{
    struct hosts_node *node = *state;
    char oldest[256];
    start(node);
    for (unsigned i = 0; i < LOCKSTEP_CRASH_REPORTS + 3; i++) {
        char leaf[64];
        char path[256];
        (void)snprintf(leaf, sizeof(leaf), "report.%013u.1", i + 1);
        path_of(node, leaf, path);
        assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    }
    be_killed(node);
    assert_int_equal(count_reports(node, oldest), LOCKSTEP_CRASH_REPORTS);
    assert_string_equal(oldest, "report.0000000000005.1");
}

/* A file that is none, of a process that is dead, goes and says nothing. */
static void what_is_no_page_goes(void **state)
{
    static const off_t sizes[] = {0, sizeof(struct lockstep_crash_page),
                                  sizeof(struct lockstep_crash_page) + 1};
    struct hosts_node *node = *state;
    char oldest[256];
    for (size_t i = 0; i < LOCKSTEP_COUNT(sizes); i++) {
        char leaf[64];
        char path[256];
        int fd;
        pid_t pid = fork();
        if (pid == 0) {
            _exit(0);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        (void)snprintf(leaf, sizeof(leaf), LOCKSTEP_CRASH_PREFIX "%d", (int)pid);
        path_of(node, leaf, path);
        node->hosts = lockstep_hosts_free(node->hosts);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(ftruncate(fd, sizes[i]), 0);
        assert_int_equal(close(fd), 0);
        hosts_node_begin(node);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(count_reports(node, oldest), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, hosts_node_set_up, hosts_node_tear_down)
#ifndef LOCKSTEP_SANITIZED
        ROW(a_request_that_ends_two_is_refused),
        ROW(not_if_another_death_is_between),
#endif
        ROW(the_oldest_reports_go),
        ROW(what_is_no_page_goes),
#undef ROW
    };
    return cmocka_run_group_tests_name("deaths of hosts", tests, NULL, NULL);
}
