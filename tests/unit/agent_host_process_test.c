/* lockstep-host as a process, driven by an agent that this test plays. */
#include "agent/host/include/lockstep/client.h"
#include "common/base/cleanup.h"
#include "common/hostwire/boot.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SWAPS   200
#define CALLERS 4

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

/* One thread that calls until it is told to stop. */
struct caller {
    pthread_t thread;
    const char *tool;
    uint64_t mixed;
    struct lockstep_client_counts counts;
};

static atomic_bool enough;
static atomic_uint begun; /* callers that have made a call */

static void *call_on(void *argument)
{
    struct caller *caller = argument;
    struct lockstep_client *client = lockstep_client_new(agent.tools, NULL);
    bool first = true;
    while (client != NULL && !atomic_load(&enough)) {
        struct lockstep_answer answer;
        if (lockstep_client_call(client, caller->tool, "x", 1, 0, &answer) == LOCKSTEP_CALL_OK &&
            strcmp(caller->tool, "other.pair") == 0 &&
            strcmp((const char *)answer.bytes, "1.0.0|1.0.0 x") != 0 &&
            strcmp((const char *)answer.bytes, "2.0.0|2.0.0 x") != 0) {
            caller->mixed++;
        }
        (void)atomic_fetch_add(&begun, first ? 1 : 0);
        first = false;
        lockstep_answer_deinit(&answer);
    }
    if (client != NULL) {
        lockstep_client_counts(client, &caller->counts);
    }
    client = lockstep_client_free(client);
    return NULL;
}

static void start_callers(struct caller callers[CALLERS], const char *tool)
{
    atomic_store(&enough, false);
    atomic_store(&begun, 0);
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.tool = tool};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_on, &callers[i]), 0);
    }
    while (atomic_load(&begun) < CALLERS) {
        (void)sched_yield();
    }
}

/* How many calls were well; nothing else may have happened. */
static uint64_t stop_callers(struct caller callers[CALLERS])
{
    uint64_t calls = 0;
    atomic_store(&enough, true);
    for (size_t i = 0; i < CALLERS; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_int_equal(callers[i].counts.lost, 0);
        assert_int_equal(callers[i].counts.failed, 0);
        assert_int_equal(callers[i].mixed, 0);
        assert_true(callers[i].counts.ok > 0);
        calls += callers[i].counts.ok;
    }
    return calls;
}

/* The window of what was published in TURN is over. */
static void retire_turn(int turn)
{
    host_agent_retire(&agent, "echo", 2 * (uint64_t)turn + 1, 0);
    host_agent_retire(&agent, "other", 2 * (uint64_t)turn + 2, 0);
}

/* Every fourth time from new copies, else from those that are mapped: forward and back. */
static void swap_pair(char paths[2][2][160], int turn)
{
    static const char *const files[2][2] = {{"echo-1", "other-1"}, {"echo-2", "other-2"}};
    int version = turn % 2;
    host_agent_begin(&agent);
    for (int i = 0; i < 2; i++) {
        if (turn % 8 < 2) {
            host_agent_copy(&agent, files[version][i], paths[version][i], 160);
        }
        (void)host_agent_add(&agent, i == 0 ? "echo" : "other", paths[version][i]);
    }
    host_agent_commit(&agent);
    if (turn % 8 == 1 && turn > 1) {
        retire_turn(turn - 3);
        retire_turn(turn - 2);
    }
}

static void test_swaps(void **state)
{
    char paths[2][2][160];
    struct caller callers[CALLERS];
    (void)state;
    swap_pair(paths, 0);
    start_callers(callers, "other.pair");
    for (int turn = 1; turn <= SWAPS; turn++) {
        swap_pair(paths, turn);
    }
    assert_true(stop_callers(callers) > SWAPS);
    (void)host_agent_in_flight(&agent);
    assert_int_equal(agent.reply->retired, 4 * (SWAPS / 8 - 1));
}

static void test_state_survives(void **state)
{
    char paths[2][160];
    char wanted[64];
    struct caller callers[CALLERS];
    uint64_t calls;
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", paths[0], 160);
    host_agent_copy(&agent, "counter-2", paths[1], 160);
    start_callers(callers, "counter.add");
    for (int turn = 1; turn <= 20; turn++) {
        host_agent_install_from(&agent, "counter", paths[turn % 2]);
    }
    calls = stop_callers(callers);
    (void)snprintf(wanted, sizeof(wanted), "%llu ", (unsigned long long)calls);
    {
        char text[128];
        assert_int_equal(host_agent_call(&agent, "counter.get", "", text, sizeof(text)),
                         LOCKSTEP_CALL_OK);
        assert_memory_equal(text, wanted, strlen(wanted));
    }
}

static void test_host_outlives_agent(void **state)
{
    char path[160];
    struct stat status;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", path, sizeof(path));
    host_agent_die(&agent);
    host_agent_expect(&agent, "echo.say", "still", "1.0.0 still");
    host_agent_listen(&agent);
    host_agent_meet(&agent);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(agent.reply->pid, agent.host);
    assert_string_equal(agent.reply->service.text, "default");
    assert_int_equal(agent.reply->entries_count, 1);
    assert_string_equal(agent.reply->entries[0].module.text, "echo");
    assert_int_equal(agent.reply->entries[0].generation, agent.generation);
    assert_int_equal(agent.reply->entries[0].device, status.st_dev);
    assert_int_equal(agent.reply->entries[0].inode, status.st_ino);
    host_agent_begin(&agent);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_GIVE_LISTENERS),
                     LOCKSTEP_HOSTWIRE_LISTENERS);
    assert_int_equal(agent.reply->fds_count, 1);
}

static void write_boot(const char *path)
{
    struct lockstep_boot *boot = calloc(1, sizeof(*boot));
    struct stat status;
    FILE *stream = fopen(agent.boot, "we");
    assert_non_null(boot);
    assert_non_null(stream);
    assert_int_equal(stat(path, &status), 0);
    boot->count = 1;
    assert_true(lockstep_name_parse("echo", &boot->entries[0].module));
    boot->entries[0].generation = 41;
    boot->entries[0].device = status.st_dev;
    boot->entries[0].inode = status.st_ino;
    (void)snprintf(boot->entries[0].path, sizeof(boot->entries[0].path), "%s", path);
    assert_int_equal(lockstep_boot_write(boot, stream, NULL), LOCKSTEP_OK);
    assert_int_equal(fclose(stream), 0);
    free(boot);
}

static int start_without_agent(void **state)
{
    char path[160];
    (void)state;
    host_agent_init(&agent);
    host_agent_copy(&agent, "echo-1", path, sizeof(path));
    write_boot(path);
    host_agent_start(&agent, "50");
    return 0;
}

static void test_boots_alone(void **state)
{
    (void)state;
    host_agent_expect(&agent, "echo.say", "alone", "1.0.0 alone");
    host_agent_listen(&agent);
    host_agent_meet(&agent);
    assert_int_equal(agent.reply->entries_count, 1);
    assert_int_equal(agent.reply->entries[0].generation, 41);
}

static void test_snapshot_and_looking(void **state)
{
    char magic[8];
    (void)state;
    host_agent_install(&agent, "counter", "counter-1", NULL, 0);
    host_agent_expect(&agent, "counter.add", "", "1");
    lockstep_hostwire_reset(agent.order, LOCKSTEP_HOSTWIRE_SNAPSHOT);
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "counter");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_SNAPSHOT),
                     LOCKSTEP_HOSTWIRE_SNAPSHOT);
    assert_int_equal(pread(agent.reply->fds[0], magic, sizeof(magic), 0), sizeof(magic));
    assert_memory_equal(magic, "lockrec1", sizeof(magic));
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "counter.get");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CALL), LOCKSTEP_HOSTWIRE_ANSWER);
    assert_int_equal(agent.reply->result, LOCKSTEP_CALL_OK);
    assert_memory_equal(agent.reply->bytes, "1 1", 3);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_TOOLS), LOCKSTEP_HOSTWIRE_ANSWER);
    assert_memory_equal(agent.reply->bytes, "counter.add\t", 12);
}

struct killed_call {
    uint32_t flags;
    enum lockstep_call_result result;
    struct lockstep_client_counts counts;
};

static void *call_killed(void *argument)
{
    struct killed_call *killed = argument;
    struct lockstep_client *client = lockstep_client_new(agent.tools, NULL);
    struct lockstep_answer answer;
    killed->result = lockstep_client_call(client, "echo.wait", "x", 1, killed->flags, &answer);
    lockstep_client_counts(client, &killed->counts);
    lockstep_answer_deinit(&answer);
    client = lockstep_client_free(client);
    return NULL;
}

/* The listener is the agent's: nobody is refused, and what may be repeated is, once. */
static void test_host_is_killed(void **state)
{
    struct killed_call killed[2] = {{.flags = 0}, {.flags = LOCKSTEP_CLIENT_IDEMPOTENT}};
    pthread_t threads[2];
    char path[160];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", path, sizeof(path));
    write_boot(path);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_killed, &killed[i]), 0);
    }
    while (host_agent_in_flight(&agent) < 2) {
    }
    assert_int_equal(kill(agent.host, SIGKILL), 0);
    assert_int_equal(waitpid(agent.host, NULL, 0), agent.host);
    host_agent_die(&agent);
    host_agent_start(&agent, "10");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(killed[0].result, LOCKSTEP_CALL_LOST);
    assert_int_equal(killed[0].counts.lost, 1);
    assert_int_equal(killed[1].result, LOCKSTEP_CALL_OK);
    assert_int_equal(killed[1].counts.retried, 1);
    assert_int_equal(killed[1].counts.lost, 0);
}

static void test_drain_and_resume(void **state)
{
    struct caller callers[CALLERS];
    uint64_t calls;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    start_callers(callers, "echo.say");
    host_agent_drain(&agent, "echo", 60000, false);
    assert_int_equal(host_agent_drained(&agent), LOCKSTEP_HOSTWIRE_DRAIN_DONE);
    assert_int_equal(host_agent_in_flight(&agent), 0);
    assert_true(agent.reply->entries[0].closed);
    calls = agent.reply->entries[0].calls;
    assert_int_equal(host_agent_in_flight(&agent), 0);
    assert_int_equal(agent.reply->entries[0].calls, calls);
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "echo");
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_RESUME), LOCKSTEP_HOSTWIRE_OK);
    do {
        (void)host_agent_in_flight(&agent);
    } while (agent.reply->entries[0].calls == calls);
    calls = stop_callers(callers);
    assert_int_equal(host_agent_in_flight(&agent), 0);
    assert_int_equal(agent.reply->entries[0].calls, calls);
}

/* Who is refused is told at once, also who has been waiting; the drain goes over to the version
 * that comes meanwhile, and ends with the module. */
static void test_drain_refuses(void **state)
{
    char text[128];
    struct lockstep_hostwire_entry *entry;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_drain(&agent, "echo", 60000, true);
    assert_int_equal(host_agent_call(&agent, "echo.say", "x", text, sizeof(text)),
                     LOCKSTEP_CALL_CLOSED);
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    assert_int_equal(host_agent_call(&agent, "echo.say", "x", text, sizeof(text)),
                     LOCKSTEP_CALL_CLOSED);
    host_agent_begin(&agent);
    entry = host_agent_add(&agent, "echo", "");
    memset(&entry->digest, 0, sizeof(entry->digest));
    host_agent_commit(&agent);
    do {
        (void)host_agent_in_flight(&agent);
    } while (agent.reply->entries[0].drain != LOCKSTEP_HOSTWIRE_DRAIN_NONE);
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_expect(&agent, "echo.say", "x", "2.0.0 x");
}

static void test_one_operation_a_module(void **state)
{
    char paths[2][160];
    (void)state;
    host_agent_copy(&agent, "echo-1", paths[0], 160);
    host_agent_copy(&agent, "echo-2", paths[1], 160);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "echo", paths[0]);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "echo", paths[1]);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "BUSY");
}

/* Either set would be well alone; after both, `other` would miss what it requires. */
static void test_sets_that_exclude_each_other(void **state)
{
    char paths[2][160];
    (void)state;
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_copy(&agent, "other-2", paths[0], 160);
    host_agent_copy(&agent, "echo-1", paths[1], 160);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "other", paths[0]);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "echo", paths[1]);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "DEPENDENCY");
}

/* A copy that is retired does not come back; another of the same bytes does. */
static void test_retired_copies_stay_away(void **state)
{
    char path[160];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", path, sizeof(path));
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_retire(&agent, "echo", 1, 0);
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "echo", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, "NOFILE");
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_expect(&agent, "echo.say", "again", "1.0.0 again");
}

static void *wait_in_echo(void *ret_result)
{
    char text[64];
    *(enum lockstep_call_result *)ret_result = host_agent_call(&agent, "echo.wait", "", text,
                                                               sizeof(text));
    return NULL;
}

static enum lockstep_hostwire_state state_of(uint64_t generation)
{
    (void)host_agent_in_flight(&agent);
    for (size_t i = 0; i < agent.reply->entries_count; i++) {
        if (agent.reply->entries[i].generation == generation) {
            return agent.reply->entries[i].state;
        }
    }
    return LOCKSTEP_HOSTWIRE_STATE_UNSPECIFIED;
}

/* The text of a version is not taken away from under a call. */
static void test_retiring_waits_for_calls(void **state)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    pthread_t thread;
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_in_echo, &result), 0);
    while (host_agent_in_flight(&agent) == 0) {
    }
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    host_agent_retire(&agent, "echo", 1, 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(result, LOCKSTEP_CALL_OK);
    while (state_of(1) != LOCKSTEP_HOSTWIRE_STATE_RETIRED) {
    }
    assert_int_equal(state_of(2), LOCKSTEP_HOSTWIRE_STATE_LIVE);
}

/* Code that did not end stays mapped, and counts against the budget. */
static void test_smoke_hangs(void **state)
{
    char path[160];
    (void)state;
    host_agent_copy(&agent, "echo-hangs", path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "echo", path);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->text, "smoke test says: it did not end within 100 ms");
    (void)host_agent_in_flight(&agent);
    assert_int_equal(agent.reply->retired, 1);
}

/* A call of a module that is not declared is refused: draining relies on it. */
static void test_stray_calls(void **state)
{
    char text[128];
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_install(&agent, "other", "other-stray", NULL, 0);
    assert_int_equal(host_agent_call(&agent, "other.pair", "x", text, sizeof(text)),
                     LOCKSTEP_CALL_FAILED);
    assert_string_equal(text, "1.0.0|echo.say: other does not require echo");
}

/* What is looked at is cut off where a frame ends, and says so. */
static void test_looking_at_much(void **state)
{
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_begin(&agent);
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "echo.say");
    memset(agent.order->bytes, 'x', sizeof(agent.order->bytes));
    agent.order->bytes_size = sizeof(agent.order->bytes);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CALL), LOCKSTEP_HOSTWIRE_ANSWER);
    assert_int_equal(agent.reply->bytes_size, LOCKSTEP_HOSTWIRE_BYTES_MAX);
    assert_true(agent.reply->more);
    agent.order->bytes_size -= sizeof("1.0.0 ") - 1;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_CALL), LOCKSTEP_HOSTWIRE_ANSWER);
    assert_int_equal(agent.reply->bytes_size, LOCKSTEP_HOSTWIRE_BYTES_MAX);
    assert_false(agent.reply->more);
}

/* A need is met here as it is in the trial before it. */
static void test_need_of_a_candidate(void **state)
{
    (void)state;
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_install(&agent, "other", "other-candidate", NULL, 0);
    host_agent_expect(&agent, "other.pair", "x", "1.0.0|1.0.0 x");
}

/* What a PREPARE is refused for. */
struct refusal_row {
    const char *name;
    const char *module;
    const char *file;
    const char *config;
    enum { AS_IS, OTHER_INODE, TWICE, STALE, NO_FILE, LONG, TOO_LONG, OTHER_VERSION } how;
    const char *code;
};

static const struct refusal_row refusal_rows[] = {
    {"smoke test fails", "echo", "echo-smoke", NULL, AS_IS, "SMOKE"},
    {"state and no way up", "counter", "counter-no-up", NULL, AS_IS, "STATE"},
    {"load refuses", "echo", "echo-2", "refuse", AS_IS, "LOAD"},
    {"load refuses at the end of a long configuration", "echo", "echo-2", "refuse", LONG, "LOAD"},
    {"a configuration that is too long", "echo", "echo-2", "refuse", TOO_LONG, "STORAGE"},
    {"another file", "echo", "echo-2", NULL, OTHER_INODE, "BAD_DIGEST"},
    {"another module", "other", "echo-2", NULL, AS_IS, "WRONG_MODULE"},
    {"another version", "echo", "echo-2", NULL, OTHER_VERSION, "WRONG_MODULE"},
    {"twice", "echo", "echo-2", NULL, TWICE, "DUPLICATE"},
    {"old generation", "echo", "echo-2", NULL, STALE, "STALE_GENERATION"},
    {"no file", "echo", "echo-2", NULL, NO_FILE, "NOFILE"},
    {"needs a later version", "other", "other-2", NULL, AS_IS, "DEPENDENCY"},
};

/* LONG is as long as may be, TOO_LONG one byte longer; what is to be read stands at the end. */
static int config_of(const struct refusal_row *row)
{
    static char text[LOCKSTEP_MODULE_CONFIG_MAX + 2];
    size_t length = row->how == LONG ? LOCKSTEP_MODULE_CONFIG_MAX : LOCKSTEP_MODULE_CONFIG_MAX + 1;
    if (row->config == NULL || (row->how != LONG && row->how != TOO_LONG)) {
        return row->config == NULL ? -1 : host_agent_config(row->config);
    }
    memset(text, '\n', length);
    text[length] = '\0';
    memcpy(text + length - strlen(row->config), row->config, strlen(row->config));
    return host_agent_config(text);
}

static void check_refusal(void **state)
{
    const struct refusal_row *row = *state;
    struct lockstep_hostwire_entry *entry;
    char path[160];
    (void)start(NULL);
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    host_agent_copy(&agent, row->file, path, sizeof(path));
    host_agent_begin(&agent);
    entry = host_agent_add(&agent, row->module, path);
    entry->config_fd = config_of(row);
    entry->inode ^= row->how == OTHER_INODE ? 1ULL << 62 : 0; /* the next one may be echo-1's */
    entry->generation = row->how == STALE ? 1 : entry->generation;
    if (row->how == OTHER_VERSION) {
        (void)snprintf(entry->version, sizeof(entry->version), "1.0.0");
    }
    if (row->how == NO_FILE) {
        (void)snprintf(entry->path, sizeof(entry->path), "/nowhere/at-all.so");
    }
    if (row->how == TWICE) {
        (void)host_agent_add(&agent, row->module, path);
    }
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, row->code);
    host_agent_expect(&agent, "echo.say", "as before", "1.0.0 as before");
    (void)host_agent_in_flight(&agent);
    assert_int_equal(agent.reply->entries_count, 1);
    assert_int_equal(agent.reply->retired, 0);
    (void)stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_swaps, start, stop),
        cmocka_unit_test_setup_teardown(test_state_survives, start, stop),
        cmocka_unit_test_setup_teardown(test_host_outlives_agent, start, stop),
        cmocka_unit_test_setup_teardown(test_boots_alone, start_without_agent, stop),
        cmocka_unit_test_setup_teardown(test_snapshot_and_looking, start, stop),
        cmocka_unit_test_setup_teardown(test_host_is_killed, start, stop),
        cmocka_unit_test_setup_teardown(test_drain_and_resume, start, stop),
        cmocka_unit_test_setup_teardown(test_drain_refuses, start, stop),
        cmocka_unit_test_setup_teardown(test_one_operation_a_module, start, stop),
        cmocka_unit_test_setup_teardown(test_sets_that_exclude_each_other, start, stop),
        cmocka_unit_test_setup_teardown(test_smoke_hangs, start, stop),
        cmocka_unit_test_setup_teardown(test_stray_calls, start, stop),
        cmocka_unit_test_setup_teardown(test_looking_at_much, start, stop),
        cmocka_unit_test_setup_teardown(test_need_of_a_candidate, start, stop),
        cmocka_unit_test_setup_teardown(test_retired_copies_stay_away, start, stop),
        cmocka_unit_test_setup_teardown(test_retiring_waits_for_calls, start, stop),
    };
    int failed = cmocka_run_group_tests_name("agent/host", tests, NULL, NULL);
    failed += LOCKSTEP_RUN_TABLE("agent/host refusals", refusal_rows, check_refusal);
    return failed;
}
