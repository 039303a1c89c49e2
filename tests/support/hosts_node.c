#include "tests/support/hosts_node.h"

#include "agent/host/include/lockstep/client.h"
#include "agent/hosts_internal.h"
#include "tests/support/cmocka.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const mute[] = {"/bin/sleep", "1000", NULL};

static void take_up(void *context, uint8_t service, const struct lockstep_live *live,
                    uint32_t count)
{
    struct hosts_node *node = context;
    (void)service;
    node->ups++;
    node->live_count = count;
    if (count > 0) {
        memcpy(node->live, live, count * sizeof(*live));
    }
}

static void take_lost(void *context, uint8_t service)
{
    struct hosts_node *node = context;
    node->losses++;
    node->lost_service = service;
    node->lost_came_first = node->answers == 0;
}

static void take_died(void *context, uint8_t service)
{
    struct hosts_node *node = context;
    (void)service;
    node->deaths++;
}

static void take_done(void *context, const struct lockstep_work_result *result)
{
    struct hosts_node *node = context;
    node->answers++;
    node->result = *result;
    (void)snprintf(node->text, sizeof(node->text), "%s", result->text == NULL ? "" : result->text);
}

static void take_snapshot(void *context, const struct lockstep_work_result *result, int fd)
{
    struct hosts_node *node = context;
    node->fd = fd;
    take_done(context, result);
}

static void take_answer(void *context, const struct lockstep_hosts_answer *answer)
{
    struct hosts_node *node = context;
    node->answers++;
    node->answer = *answer;
    (void)snprintf(node->bytes, sizeof(node->bytes), "%.*s", (int)answer->size,
                   answer->size == 0 ? "" : (const char *)answer->bytes);
    (void)snprintf(node->text, sizeof(node->text), "%s", answer->text);
}

void hosts_node_turn_until(struct hosts_node *node, const uint32_t *count, uint32_t wanted)
{
    for (int i = 0; i < HOSTS_NODE_TURNS && *count < wanted; i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(*count, wanted);
}

void hosts_node_begin(struct hosts_node *node)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_hosts_new(node->loop, &node->config, &node->hosts, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
}

int hosts_node_set_up(void **state)
{
    static struct lockstep_hosts_service services[2];
    struct hosts_node *node = calloc(1, sizeof(*node));
    assert_non_null(node);
    node->extra = "";
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
                                                  .host_path = HOSTS_NODE_HOST,
                                                  .services = services,
                                                  .services_count = 2,
                                                  .up = take_up,
                                                  .lost = take_lost,
                                                  .died = take_died,
                                                  .done = take_done,
                                                  .snapshot = take_snapshot,
                                                  .answered = take_answer,
                                                  .context = node};
    lockstep_defaults_init(&node->config.settings);
    hosts_node_begin(node);
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

int hosts_node_tear_down(void **state)
{
    struct hosts_node *node = *state;
    uint32_t losses = node->losses;
    bool lives = lockstep_hosts_lives(node->hosts, 0);
    for (const struct lockstep_hosts_process *process = node->hosts->processes; process != NULL;
         process = process->next) {
        (void)(process->pid > 0 &&
               kill(process->pid, SIGCONT)); /* a test that failed may have stopped it */
    }
    lockstep_hosts_shutdown_all(node->hosts);
    if (lives) {
        hosts_node_turn_until(node, &node->losses, losses + 1);
    }
    node->hosts = lockstep_hosts_free(node->hosts);
    node->loop = lockstep_loop_free(node->loop);
    (void)nftw(node->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(node);
    return 0;
}

/* ---- orders --------------------------------------------------------------------------------- */

struct lockstep_id hosts_node_operation(uint8_t number)
{
    return (struct lockstep_id){{'o', 'p', number}};
}

struct lockstep_hosts_item hosts_node_item(const char *file, const char *module,
                                           uint64_t generation)
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

void hosts_node_map(struct hosts_node *node, uint8_t number, const struct lockstep_hosts_item *item)
{
    const struct lockstep_hosts_set set = {.operation = hosts_node_operation(number),
                                           .items = item,
                                           .items_count = 1,
                                           .extra = node->extra};
    uint32_t answers = node->answers;
    lockstep_hosts_map(node->hosts, number, &set);
    assert_int_equal(node->answers, answers);
    hosts_node_turn_until(node, &node->answers, answers + 1);
    assert_int_equal(node->result.ticket, number);
}

void hosts_node_expect_ok(const struct hosts_node *node)
{
    if (!node->result.ok) {
        fail_msg("%s: %s", lockstep_no_name(node->result.no), node->text);
    }
}

void hosts_node_publish(struct hosts_node *node, uint8_t number)
{
    const struct lockstep_id id = hosts_node_operation(number);
    uint32_t answers = node->answers;
    lockstep_hosts_publish(node->hosts, number, &id);
    hosts_node_turn_until(node, &node->answers, answers + 1);
}

void hosts_node_reload(struct hosts_node *node, uint8_t number, const char *file,
                       const char *module)
{
    const struct lockstep_hosts_item item = hosts_node_item(file, module, number);
    hosts_node_map(node, number, &item);
    hosts_node_expect_ok(node);
    hosts_node_publish(node, number);
    hosts_node_expect_ok(node);
}

void hosts_node_start(struct hosts_node *node, const struct lockstep_boot_entry *entries,
                      size_t count)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint32_t ups = node->ups;
    if (lockstep_hosts_start(node->hosts, 0, entries, count, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    hosts_node_turn_until(node, &node->ups, ups + 1);
}

void hosts_node_look(struct hosts_node *node, const char *tool, const char *input)
{
    uint32_t answers = node->answers;
    lockstep_hosts_call(node->hosts, 99, 0, tool, input, strlen(input));
    hosts_node_turn_until(node, &node->answers, answers + 1);
    assert_int_equal(node->answer.ticket, 99);
}

void hosts_node_expect_tool(const struct hosts_node *node, const char *tool, const char *input,
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
pid_t hosts_node_pid(const struct hosts_node *node)
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

struct lockstep_boot_entry hosts_node_boot(const char *file, const char *module,
                                           uint64_t generation)
{
    const struct lockstep_hosts_item item = hosts_node_item(file, module, generation);
    struct lockstep_boot_entry entry = {.module = item.module,
                                        .generation = generation,
                                        .digest = item.digest,
                                        .device = item.device,
                                        .inode = item.inode};
    (void)snprintf(entry.path, sizeof(entry.path), "%s", file);
    return entry;
}

void hosts_node_migrate(struct hosts_node *node, uint8_t number)
{
    const struct lockstep_id id = hosts_node_operation(number);
    uint32_t answers = node->answers;
    lockstep_hosts_migrate(node->hosts, number, &id, LOCKSTEP_DRAIN_AUTO, 2000);
    hosts_node_turn_until(node, &node->answers, answers + 1);
}

bool hosts_node_runs(pid_t pid)
{
    return kill(pid, 0) == 0;
}

void hosts_node_turn_until_ended(struct hosts_node *node, pid_t pid)
{
    for (int i = 0; i < HOSTS_NODE_TURNS && hosts_node_runs(pid); i++) {
        assert_int_equal(lockstep_loop_once(node->loop, 100, NULL), LOCKSTEP_OK);
    }
    assert_false(hosts_node_runs(pid));
}

/* The one process of "default" that the note has as ROLE. */
static pid_t noted(const struct hosts_node *node, const char *role)
{
    char path[128];
    char line[128];
    pid_t found = 0;
    FILE *stream;
    (void)snprintf(path, sizeof(path), "%s/tools/default.pid", node->directory);
    stream = fopen(path, "re");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) != NULL) {
        if (strstr(line, role) != NULL) {
            assert_int_equal(found, 0);
            found = (pid_t)strtol(line, NULL, 10);
        }
    }
    (void)fclose(stream);
    assert_true(found > 0);
    return found;
}

/* The process at the other end of a caller's connection cannot be asked for: it may have moved. The
 * one that serves is the one in the note. */
pid_t hosts_node_serving(const struct hosts_node *node)
{
    return noted(node, "serves");
}

pid_t hosts_node_waiting(const struct hosts_node *node)
{
    return noted(node, "waits");
}

struct lockstep_hosts_item hosts_node_swap_item(const char *file, const char *module,
                                                uint64_t generation)
{
    struct lockstep_hosts_item item = hosts_node_item(file, module, generation);
    item.swap = true;
    item.digest = hosts_node_item(file, module, strstr(file, "-1.so") == NULL ? 2 : 1).digest;
    return item;
}
