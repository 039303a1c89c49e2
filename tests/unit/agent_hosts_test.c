/* The agent's side of hosts, with lockstep-host itself. */
#include "agent/host/include/lockstep/client.h"
#include "agent/hosts.h"
#include "tests/support/cmocka.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST  LOCKSTEP_BINARY_DIR "/bin/lockstep-host"
#define GOOD  LOCKSTEP_BINARY_DIR "/modules/good/"
#define TURNS 400

/* A node with the services "default" and "mute", whose command says nothing. */
struct node {
    char directory[64];
    char socket[128];
    char tools[108];
    struct lockstep_loop *loop;
    struct lockstep_hosts *hosts;
    struct lockstep_hosts_config config;
    uint32_t ups;
    uint32_t losses;
    uint8_t lost_service;
    uint32_t live_count;
    struct lockstep_live live[LOCKSTEP_NODE_MODULES_MAX];
    uint32_t answers;
    struct lockstep_work_result result;
    char text[LOCKSTEP_TEXT_MAX + 1];
    int fd;
    bool lost_came_first;
    struct lockstep_hosts_answer answer;
    char bytes[256];
};

static const char *const mute[] = {"/bin/sleep", "1000", NULL};

static void take_up(void *context, uint8_t service, const struct lockstep_live *live,
                    uint32_t count)
{
    struct node *node = context;
    (void)service;
    node->ups++;
    node->live_count = count;
    if (count > 0) {
        memcpy(node->live, live, count * sizeof(*live));
    }
}

static void take_lost(void *context, uint8_t service)
{
    struct node *node = context;
    node->losses++;
    node->lost_service = service;
    node->lost_came_first = node->answers == 0;
}

static void take_done(void *context, const struct lockstep_work_result *result)
{
    struct node *node = context;
    node->answers++;
    node->result = *result;
    (void)snprintf(node->text, sizeof(node->text), "%s", result->text == NULL ? "" : result->text);
}

static void take_snapshot(void *context, const struct lockstep_work_result *result, int fd)
{
    struct node *node = context;
    node->fd = fd;
    take_done(context, result);
}

static void take_answer(void *context, const struct lockstep_hosts_answer *answer)
{
    struct node *node = context;
    node->answers++;
    node->answer = *answer;
    (void)snprintf(node->bytes, sizeof(node->bytes), "%.*s", (int)answer->size,
                   answer->size == 0 ? "" : (const char *)answer->bytes);
    (void)snprintf(node->text, sizeof(node->text), "%s", answer->text);
}

static void turn_until(struct node *node, const uint32_t *count, uint32_t wanted)
{
    for (int i = 0; i < TURNS && *count < wanted; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(*count, wanted);
}

static void begin_agent(struct node *node)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_hosts_new(node->loop, &node->config, &node->hosts, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
}

static int set_up(void **state)
{
    static struct lockstep_hosts_service services[2];
    struct node *node = calloc(1, sizeof(*node));
    assert_non_null(node);
    (void)snprintf(node->directory, sizeof(node->directory), "/tmp/lockstep-hosts-XXXXXX");
    assert_non_null(mkdtemp(node->directory));
    (void)snprintf(node->socket, sizeof(node->socket), "%s/agent.sock", node->directory);
    (void)snprintf(node->tools, sizeof(node->tools), "%s/tools/default.sock", node->directory);
    assert_int_equal(lockstep_loop_new(&node->loop, NULL), LOCKSTEP_OK);
    (void)lockstep_name_parse("default", &services[0].name);
    (void)lockstep_name_parse("mute", &services[1].name);
    services[1].command = mute;
    node->fd = -1;
    node->config = (struct lockstep_hosts_config){.run_directory = node->directory,
                                                  .data_directory = node->directory,
                                                  .host_path = HOST,
                                                  .services = services,
                                                  .services_count = 2,
                                                  .up = take_up,
                                                  .lost = take_lost,
                                                  .done = take_done,
                                                  .snapshot = take_snapshot,
                                                  .answered = take_answer,
                                                  .context = node};
    lockstep_defaults_init(&node->config.settings);
    begin_agent(node);
    *state = node;
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    struct node *node = *state;
    uint32_t losses = node->losses;
    bool lives = lockstep_hosts_lives(node->hosts, 0);
    lockstep_hosts_shutdown_all(node->hosts);
    if (lives) {
        turn_until(node, &node->losses, losses + 1);
    }
    node->hosts = lockstep_hosts_free(node->hosts);
    node->loop = lockstep_loop_free(node->loop);
    (void)nftw(node->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(node);
    return 0;
}

/* ---- orders --------------------------------------------------------------------------------- */

static struct lockstep_id operation(uint8_t number)
{
    return (struct lockstep_id){{'o', 'p', number}};
}

static struct lockstep_hosts_item item_of(const char *file, const char *module, uint64_t generation)
{
    struct lockstep_hosts_item item = {.generation = generation, .config_fd = -1};
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_true(lockstep_name_parse(module, &item.module));
    item.digest.bytes[0] = (uint8_t)generation;
    item.path = file;
    item.device = info.st_dev;
    item.inode = info.st_ino;
    return item;
}

static void map(struct node *node, uint8_t number, const struct lockstep_hosts_item *item)
{
    const struct lockstep_hosts_set set = {
        .operation = operation(number), .items = item, .items_count = 1};
    uint32_t answers = node->answers;
    lockstep_hosts_map(node->hosts, number, &set);
    assert_int_equal(node->answers, answers);
    turn_until(node, &node->answers, answers + 1);
    assert_int_equal(node->result.ticket, number);
}

static void expect_ok(const struct node *node)
{
    if (!node->result.ok) {
        fail_msg("%s: %s", lockstep_no_name(node->result.no), node->text);
    }
}

static void publish(struct node *node, uint8_t number)
{
    const struct lockstep_id id = operation(number);
    uint32_t answers = node->answers;
    lockstep_hosts_publish(node->hosts, number, &id);
    turn_until(node, &node->answers, answers + 1);
}

static void reload(struct node *node, uint8_t number, const char *file, const char *module)
{
    const struct lockstep_hosts_item item = item_of(file, module, number);
    map(node, number, &item);
    expect_ok(node);
    publish(node, number);
    expect_ok(node);
}

static void start_host(struct node *node, const struct lockstep_boot_entry *entries, size_t count)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint32_t ups = node->ups;
    if (lockstep_hosts_start(node->hosts, 0, entries, count, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    turn_until(node, &node->ups, ups + 1);
}

static void look(struct node *node, const char *tool, const char *input)
{
    uint32_t answers = node->answers;
    lockstep_hosts_call(node->hosts, 99, 0, tool, input, strlen(input));
    turn_until(node, &node->answers, answers + 1);
    assert_int_equal(node->answer.ticket, 99);
}

static void expect_tool(const struct node *node, const char *tool, const char *input,
                        const char *wanted)
{
    struct lockstep_client *client = lockstep_client_new(node->tools, NULL);
    struct lockstep_answer answer;
    assert_non_null(client);
    assert_int_equal(lockstep_client_call(client, tool, input, strlen(input), 0, &answer),
                     LOCKSTEP_CALL_OK);
    assert_int_equal(answer.size, strlen(wanted));
    assert_memory_equal(answer.bytes, wanted, answer.size);
    lockstep_answer_deinit(&answer);
    client = lockstep_client_free(client);
}

/* The host's process, from its entry in /proc: the only one that has our boot file's name. */
static pid_t host_pid(const struct node *node)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;
    assert_non_null(processes);
    while (found == 0 && (entry = readdir(processes)) != NULL) {
        char path[300];
        char line[1024] = "";
        int fd;
        ssize_t got;
        (void)snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        got = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
        if (fd >= 0) {
            (void)close(fd);
        }
        if (got > 0 &&
            memmem(line, (size_t)got, node->directory, strlen(node->directory)) != NULL) {
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        }
    }
    (void)closedir(processes);
    assert_true(found > 0);
    return found;
}

static struct lockstep_boot_entry boot_of(const char *file, const char *module, uint64_t generation)
{
    const struct lockstep_hosts_item item = item_of(file, module, generation);
    struct lockstep_boot_entry entry = {.module = item.module,
                                        .generation = generation,
                                        .digest = item.digest,
                                        .device = item.device,
                                        .inode = item.inode};
    (void)snprintf(entry.path, sizeof(entry.path), "%s", file);
    return entry;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void loads_and_serves(void **state)
{
    struct node *node = *state;
    struct lockstep_hosts_module modules[4];
    start_host(node, NULL, 0);
    assert_int_equal(node->live_count, 0);
    reload(node, 1, GOOD "echo-1.so", "echo");
    assert_false(node->result.stateful);
    expect_tool(node, "echo.say", "hello", "1.0.0 hello");
    look(node, "echo.say", "there");
    assert_true(node->answer.reached);
    assert_int_equal(node->answer.result, LOCKSTEP_CALL_OK);
    assert_string_equal(node->bytes, "1.0.0 there");
    look(node, "echo.nothing", "");
    assert_true(node->answer.reached);
    assert_int_not_equal(node->answer.result, LOCKSTEP_CALL_OK);
    reload(node, 2, GOOD "echo-2.so", "echo");
    expect_tool(node, "echo.say", "hello", "2.0.0 hello");
    assert_int_equal(lockstep_hosts_status(node->hosts, modules, 4), 1);
    assert_string_equal(modules[0].version, "2.0.0");
    assert_int_equal(modules[0].generation, 2);
    assert_true(modules[0].loaded_ms > 0);
    assert_false(modules[0].differs);
    assert_null(lockstep_hosts_latched(node->hosts, 0));
}

static void carries_state_over(void **state)
{
    struct node *node = *state;
    const struct lockstep_hosts_item next = item_of(GOOD "counter-2.so", "counter", 2);
    const struct lockstep_id id = operation(2);
    struct lockstep_name counter;
    uint32_t answers;
    (void)lockstep_name_parse("counter", &counter);
    start_host(node, NULL, 0);
    reload(node, 1, GOOD "counter-1.so", "counter");
    look(node, "counter.add", "");
    answers = node->answers;
    lockstep_hosts_snapshot(node->hosts, 7, 0, &counter, 1000);
    turn_until(node, &node->answers, answers + 1);
    expect_ok(node);
    assert_true(node->fd >= 0);
    (void)close(node->fd);
    map(node, 2, &next);
    expect_ok(node);
    assert_true(node->result.stateful);
    answers = node->answers;
    lockstep_hosts_migrate(node->hosts, 2, &id, LOCKSTEP_DRAIN_AUTO, 1000);
    turn_until(node, &node->answers, answers + 1);
    expect_ok(node);
    publish(node, 2);
    expect_ok(node);
    look(node, "counter.get", "");
    assert_int_equal(node->answer.generation, 2);
    lockstep_hosts_retire(node->hosts, &next, 1);
}

static void passes_refusals_on(void **state)
{
    struct node *node = *state;
    const struct lockstep_hosts_item item = item_of(GOOD "echo-smoke.so", "echo", 1);
    const struct lockstep_id id = operation(1);
    start_host(node, NULL, 0);
    map(node, 1, &item);
    assert_false(node->result.ok);
    assert_int_equal(node->result.no, LOCKSTEP_NO_SMOKE);
    assert_non_null(strstr(node->text, "smoke was asked for"));
    publish(node, 1);
    assert_int_equal(node->result.no, LOCKSTEP_NO_INTERNAL);
    lockstep_hosts_drop(node->hosts, &id);
    publish(node, 1);
    assert_string_equal(node->text, "the hosts have not mapped this operation");
}

static void needs_a_host(void **state)
{
    struct node *node = *state;
    const struct lockstep_hosts_item item = item_of(GOOD "echo-1.so", "echo", 1);
    map(node, 1, &item);
    assert_int_equal(node->result.no, LOCKSTEP_NO_NO_HOST);
    look(node, "echo.say", "hello");
    assert_false(node->answer.reached);
}

static void drops_without_an_answer(void **state)
{
    struct node *node = *state;
    const struct lockstep_hosts_item item = item_of(GOOD "echo-1.so", "echo", 1);
    const struct lockstep_hosts_set set = {
        .operation = operation(1), .items = &item, .items_count = 1};
    start_host(node, NULL, 0);
    lockstep_hosts_map(node->hosts, 1, &set);
    lockstep_hosts_drop(node->hosts, &set.operation);
    look(node, "echo.say", ""); /* the answers come in order */
    assert_int_equal(node->answers, 1);
}

static void a_death_answers_and_the_next_boots(void **state)
{
    struct node *node = *state;
    const struct lockstep_boot_entry entries[] = {
        boot_of(GOOD "other-1.so", "other", 5), /* requires the next */
        boot_of(GOOD "echo-1.so", "echo", 4)};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    start_host(node, entries, 2);
    assert_int_equal(node->live_count, 2);
    assert_int_equal(lockstep_hosts_start(node->hosts, 0, entries, 2, NULL), LOCKSTEP_CONFLICT);
    lockstep_hosts_call(node->hosts, 3, 0, "echo.wait", "", 0);
    (void)kill(host_pid(node), SIGKILL);
    turn_until(node, &node->losses, 1);
    assert_int_equal(node->answers, 1);
    assert_false(node->lost_came_first);
    assert_false(node->answer.reached);
    assert_string_equal(node->text, "the host died");
    assert_false(lockstep_hosts_lives(node->hosts, 0));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", node->tools);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd);
    start_host(node, entries, 2);
    assert_int_equal(node->live_count, 2);
    assert_int_equal(node->live[0].generation + node->live[1].generation, 9);
    expect_tool(node, "other.pair", "x", "1.0.0|1.0.0 x");
}

static void the_next_agent_adopts(void **state)
{
    struct node *node = *state;
    pid_t pid;
    start_host(node, NULL, 0);
    reload(node, 1, GOOD "echo-1.so", "echo");
    pid = host_pid(node);
    for (uint32_t i = 2; i < 4; i++) {
        node->hosts = lockstep_hosts_free(node->hosts);
        expect_tool(node, "echo.say", "alone", "1.0.0 alone");
        begin_agent(node);
        assert_true(lockstep_hosts_lives(node->hosts, 0)); /* though it has not connected yet */
        assert_int_equal(lockstep_hosts_start(node->hosts, 0, NULL, 0, NULL), LOCKSTEP_CONFLICT);
        turn_until(node, &node->ups, i);
        assert_int_equal(node->live_count, 1);
        assert_int_equal(node->live[0].generation, 1);
        expect_tool(node, "echo.say", "again", "1.0.0 again");
    }
    assert_int_equal(host_pid(node), pid);
    /* The socket came back with the host, so it outlives that as well. */
    (void)kill(pid, SIGKILL);
    turn_until(node, &node->losses, 1);
    start_host(node, NULL, 0);
    reload(node, 2, GOOD "echo-2.so", "echo");
    expect_tool(node, "echo.say", "new", "2.0.0 new");
}

/* A second process of the service, which comes by itself. */
static pid_t spawn_second(const struct node *node)
{
    char program[] = HOST;
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
    assert_int_equal(posix_spawn(&pid, HOST, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void asks_every_process(void **state)
{
    struct node *node = *state;
    const struct lockstep_boot_entry boot = boot_of(GOOD "echo-1.so", "echo", 1);
    struct lockstep_hosts_module module;
    pid_t second;
    start_host(node, NULL, 0);
    reload(node, 1, GOOD "echo-1.so", "echo");
    second = spawn_second(node);
    turn_until(node, &node->ups, 2);
    assert_int_equal(node->live_count, 1);
    assert_true(lockstep_digest_is_zero(&node->live[0].digest)); /* the second lacks it */
    reload(node, 2, GOOD "echo-2.so", "echo");
    assert_int_equal(lockstep_hosts_status(node->hosts, &module, 1), 1);
    assert_int_equal(module.generation, 2);
    assert_false(module.differs);
    (void)kill(second, SIGKILL);
    assert_int_equal(lockstep_hosts_boot(node->hosts, 0, &boot, 1, NULL), LOCKSTEP_OK);
    (void)spawn_second(node);
    turn_until(node, &node->ups, 3);
    assert_int_equal(node->losses, 0);
}

static void a_host_that_died_alone_is_lost(void **state)
{
    struct node *node = *state;
    pid_t pid;
    start_host(node, NULL, 0);
    pid = host_pid(node);
    node->hosts = lockstep_hosts_free(node->hosts);
    begin_agent(node);
    (void)kill(pid, SIGKILL);
    turn_until(node, &node->losses, 1);
    node->hosts = lockstep_hosts_free(node->hosts);
    begin_agent(node);
    assert_false(lockstep_hosts_lives(node->hosts, 0));
}

static void one_agent_at_a_time(void **state)
{
    struct node *node = *state;
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
    struct node *node = *state;
    node->hosts = lockstep_hosts_free(node->hosts);
    node->config.settings.host_start = 50;
    begin_agent(node);
    assert_int_equal(lockstep_hosts_start(node->hosts, 1, NULL, 0, NULL), LOCKSTEP_OK);
    turn_until(node, &node->losses, 1);
    assert_int_equal(node->lost_service, 1);
    node->config.host_path = "/nowhere/lockstep-host";
    node->hosts = lockstep_hosts_free(node->hosts);
    begin_agent(node);
    assert_int_equal(lockstep_hosts_start(node->hosts, 0, NULL, 0, NULL), LOCKSTEP_IO);
    assert_false(lockstep_hosts_lives(node->hosts, 0));
}

/* ---- a host that this test plays ------------------------------------------------------------ */

static void say(int fd, struct lockstep_hostwire_message *message)
{
    assert_int_equal(lockstep_hostwire_send(fd, message, 1000, NULL), LOCKSTEP_OK);
}

static void hear(struct node *node, int fd, struct lockstep_hostwire_message *message)
{
    enum lockstep_err code = LOCKSTEP_RETRY;
    for (int i = 0; i < TURNS && code == LOCKSTEP_RETRY; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 10, NULL), LOCKSTEP_OK);
        lockstep_hostwire_reset(message, LOCKSTEP_HOSTWIRE_UNSPECIFIED);
        code = lockstep_hostwire_receive(fd, message, 0, NULL);
    }
    assert_int_equal(code, LOCKSTEP_OK);
}

static void hello(struct node *node, const char *service, int *ret_fd,
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

/* Goes on until it is up. */
static void come_up(struct node *node, int fd, struct lockstep_hostwire_message *message)
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
        say(fd, message);
        for (int i = 0; i < 20 && type == LOCKSTEP_HOSTWIRE_STATUS && node->ups == ups; i++) {
            assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
        }
    }
}

static void refuses_strange_hosts(void **state)
{
    struct node *node = *state;
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
    struct node *node = *state;
    struct lockstep_hostwire_message *message = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_OK);
    const struct lockstep_hosts_item item = item_of(GOOD "echo-1.so", "echo", 1);
    int fd = -1;
    node->hosts = lockstep_hosts_free(node->hosts);
    node->config.settings.host_answer = 50;
    begin_agent(node);
    hello(node, "default", &fd, message);
    come_up(node, fd, message);
    map(node, 1, &item);
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
    begin_agent(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loads_and_serves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(carries_state_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(passes_refusals_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(needs_a_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_without_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_death_answers_and_the_next_boots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_agent_adopts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asks_every_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_that_died_alone_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_agent_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_never_comes_up_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_strange_hosts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_wait_for_ever, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
