#include "tests/support/host_agent.h"

#include "common/base/cleanup.h"
#include "tests/support/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define ANSWER_MS 20000
#define TOOLS_FD  9

extern char **environ;

static int listen_stream(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

static struct host_agent *latest;

/* A test that failed has not ended its host, which would hold our output open for good. */
static void end_host_left_behind(void)
{
    if (latest != NULL && latest->host > 0) {
        (void)kill(latest->host, SIGKILL);
    }
}

void host_agent_init(struct host_agent *agent)
{
    if (latest == NULL) {
        (void)atexit(end_host_left_behind);
    }
    end_host_left_behind();
    latest = agent;
    *agent = (struct host_agent){.listener = -1, .served = -1, .fd = -1};
    (void)snprintf(agent->directory, sizeof(agent->directory), "/tmp/lockstep-host-XXXXXX");
    assert_non_null(mkdtemp(agent->directory));
    (void)snprintf(agent->socket, sizeof(agent->socket), "%s/agent.sock", agent->directory);
    (void)snprintf(agent->tools, sizeof(agent->tools), "%s/tools.sock", agent->directory);
    (void)snprintf(agent->boot, sizeof(agent->boot), "%s/boot", agent->directory);
    agent->served = listen_stream(agent->tools);
    agent->order = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_PREPARE);
    agent->reply = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    assert_non_null(agent->order);
    assert_non_null(agent->reply);
    agent->kept = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    assert_non_null(agent->kept);
}

void host_agent_die(struct host_agent *agent)
{
    if (agent->fd >= 0) {
        (void)close(agent->fd);
    }
    if (agent->listener >= 0) {
        (void)close(agent->listener);
        (void)unlink(agent->socket);
    }
    agent->fd = -1;
    agent->listener = -1;
}

void host_agent_deinit(struct host_agent *agent)
{
    char path[160];
    agent->embedded = lockstep_host_stop(agent->embedded);
    if (agent->host > 0) {
        int status = 0;
        (void)kill(agent->host, SIGTERM);
        assert_int_equal(waitpid(agent->host, &status, 0), agent->host);
        agent->host = 0;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    host_agent_die(agent);
    (void)close(agent->served);
    for (unsigned i = 1; i <= agent->copies; i++) {
        (void)snprintf(path, sizeof(path), "%s/%u.so", agent->directory, i);
        (void)unlink(path);
    }
    (void)unlink(agent->tools);
    (void)unlink(agent->boot);
    assert_int_equal(rmdir(agent->directory), 0);
    agent->order = lockstep_hostwire_free(agent->order);
    agent->reply = lockstep_hostwire_free(agent->reply);
    agent->kept = lockstep_hostwire_free(agent->kept);
}

void host_agent_listen(struct host_agent *agent)
{
    assert_int_equal(lockstep_hostwire_listen(agent->socket, &agent->listener, NULL), LOCKSTEP_OK);
}

void host_agent_start(struct host_agent *agent, const char *boot_wait_ms)
{
    char program[] = LOCKSTEP_BINARY_DIR "/bin/lockstep-host";
    char wait[32];
    char fd[] = "--listen-fd=9";
    char socket[128];
    char boot[128];
    char journal[32];
    char successor[] = "--successor";
    char *arguments[] = {
        program, wait, fd, socket, boot, journal, agent->successor ? successor : NULL, NULL};
    posix_spawn_file_actions_t actions;
    (void)snprintf(wait, sizeof(wait), "--boot-wait=%s", boot_wait_ms);
    (void)snprintf(socket, sizeof(socket), "--agent=%s", agent->socket);
    (void)snprintf(boot, sizeof(boot), "--boot=%s", agent->boot);
    (void)snprintf(journal, sizeof(journal), "--journal-bytes=%u", agent->journal_bytes);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, agent->served, TOOLS_FD), 0);
    assert_int_equal(posix_spawn(&agent->host, program, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
}

/* What the host says by itself is put aside. */
static void receive(struct host_agent *agent)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    do {
        if (lockstep_hostwire_receive(agent->fd, agent->reply, ANSWER_MS, &err) != LOCKSTEP_OK) {
            fail_msg("the host does not answer: %s", err.message);
        }
        if (agent->reply->type == LOCKSTEP_HOSTWIRE_KEEP) {
            struct lockstep_hostwire_message *kept = agent->kept;
            agent->kept = agent->reply;
            agent->reply = kept;
            lockstep_hostwire_reset(agent->reply, LOCKSTEP_HOSTWIRE_KEEP);
        }
    } while (agent->reply->type == LOCKSTEP_HOSTWIRE_KEEP);
}

void host_agent_meet(struct host_agent *agent)
{
    enum lockstep_err code = LOCKSTEP_RETRY;
    struct lockstep_hostwire_message *welcome = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_WELCOME);
    struct lockstep_hostwire_message *ready = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    int flags = fcntl(agent->listener, F_GETFL);
    assert_int_equal(fcntl(agent->listener, F_SETFL, flags & ~O_NONBLOCK), 0);
    assert_non_null(welcome);
    assert_non_null(ready);
    while (code == LOCKSTEP_RETRY) {
        code = lockstep_hostwire_accept(agent->listener, &agent->fd, NULL);
    }
    assert_int_equal(code, LOCKSTEP_OK);
    receive(agent);
    assert_int_equal(agent->reply->type, LOCKSTEP_HOSTWIRE_HELLO);
    welcome->version_min = welcome->version_max = LOCKSTEP_HOSTWIRE_VERSION;
    assert_int_equal(lockstep_hostwire_send(agent->fd, welcome, ANSWER_MS, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_hostwire_receive(agent->fd, ready, ANSWER_MS, NULL), LOCKSTEP_OK);
    assert_int_equal(ready->type, LOCKSTEP_HOSTWIRE_READY);
    welcome = lockstep_hostwire_free(welcome);
    ready = lockstep_hostwire_free(ready);
}

void host_agent_begin_host(struct host_agent *agent)
{
    host_agent_init(agent);
    host_agent_listen(agent);
    host_agent_start(agent, "5000");
    host_agent_meet(agent);
}

static void *start_embedded(void *argument)
{
    struct host_agent *agent = argument;
    struct lockstep_host_options options = {
        .size = sizeof(options), .agent_socket = agent->socket, .boot_wait_ms = ANSWER_MS};
    return lockstep_host_start(&options, &agent->embedded, NULL, 0) == 0 ? NULL : argument;
}

pthread_t host_agent_embed(struct host_agent *agent)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, start_embedded, agent), 0);
    return thread;
}

struct lockstep_host *host_agent_embedded(struct host_agent *agent, pthread_t thread)
{
    void *failed = NULL;
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    return agent->embedded;
}

struct lockstep_host *host_agent_begin_embedded(struct host_agent *agent)
{
    pthread_t thread;
    host_agent_init(agent);
    host_agent_listen(agent);
    thread = host_agent_embed(agent);
    host_agent_meet(agent);
    return host_agent_embedded(agent, thread);
}

void host_agent_restart(struct host_agent *agent)
{
    (void)kill(agent->host, SIGKILL);
    assert_int_equal(waitpid(agent->host, NULL, 0), agent->host);
    (void)close(agent->fd);
    agent->fd = -1;
    host_agent_start(agent, "5000");
    host_agent_meet(agent);
}

void host_agent_begin(struct host_agent *agent)
{
    lockstep_hostwire_reset(agent->order, LOCKSTEP_HOSTWIRE_PREPARE);
    agent->operation++;
    memcpy(agent->order->operation.bytes, &agent->operation, sizeof(agent->operation));
    agent->order->smoke = true;
}

void host_agent_copy(struct host_agent *agent, const char *file, char *ret_path, size_t room)
{
    char from[256];
    char bytes[4096];
    ssize_t size;
    int in;
    int out;
    (void)snprintf(from, sizeof(from), "%s/modules/good/%s.so", LOCKSTEP_BINARY_DIR, file);
    (void)snprintf(ret_path, room, "%s/%u.so", agent->directory, ++agent->copies);
    in = open(from, O_RDONLY | O_CLOEXEC);
    out = open(ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    assert_true(in >= 0 && out >= 0);
    while ((size = read(in, bytes, sizeof(bytes))) > 0) {
        assert_int_equal(write(out, bytes, (size_t)size), size);
    }
    (void)close(in);
    (void)close(out);
}

struct lockstep_hostwire_entry *host_agent_add(struct host_agent *agent, const char *module,
                                               const char *path)
{
    struct lockstep_hostwire_entry *entry = &agent->order->entries[agent->order->entries_count++];
    struct stat status = {0};
    assert_true(lockstep_name_parse(module, &entry->module));
    (void)stat(path, &status);
    entry->device = status.st_dev;
    entry->inode = status.st_ino;
    entry->generation = ++agent->generation;
    memset(entry->digest.bytes, (int)(agent->copies % 255) + 1, LOCKSTEP_DIGEST_BYTES);
    (void)snprintf(entry->path, sizeof(entry->path), "%s", path);
    return entry;
}

enum lockstep_hostwire_type host_agent_ask(struct host_agent *agent,
                                           enum lockstep_hostwire_type type)
{
    agent->order->type = type;
    agent->order->id = ++agent->request;
    assert_int_equal(lockstep_hostwire_send(agent->fd, agent->order, ANSWER_MS, NULL), LOCKSTEP_OK);
    do {
        receive(agent);
    } while (agent->reply->id == 0 && agent->reply->type == LOCKSTEP_HOSTWIRE_STATUS);
    assert_int_equal(agent->reply->id, agent->request);
    return agent->reply->type;
}

static void expect(const struct host_agent *agent, enum lockstep_hostwire_type got,
                   enum lockstep_hostwire_type wanted)
{
    if (got != wanted) {
        fail_msg("%s: %s: %s", lockstep_hostwire_type_name(got), agent->reply->code,
                 agent->reply->text);
    }
}

void host_agent_commit(struct host_agent *agent)
{
    expect(agent, host_agent_ask(agent, LOCKSTEP_HOSTWIRE_PREPARE), LOCKSTEP_HOSTWIRE_PREPARED);
    if (agent->reply->stateful) {
        expect(agent, host_agent_ask(agent, LOCKSTEP_HOSTWIRE_CLOSE), LOCKSTEP_HOSTWIRE_MIGRATED);
    }
    expect(agent, host_agent_ask(agent, LOCKSTEP_HOSTWIRE_PUBLISH), LOCKSTEP_HOSTWIRE_PUBLISHED);
}

void host_agent_install_from(struct host_agent *agent, const char *module, const char *path)
{
    host_agent_begin(agent);
    (void)host_agent_add(agent, module, path);
    host_agent_commit(agent);
}

void host_agent_retire(struct host_agent *agent, const char *module, uint64_t generation,
                       uint64_t by)
{
    struct lockstep_hostwire_entry *entry = &agent->order->entries[0];
    lockstep_hostwire_reset(agent->order, LOCKSTEP_HOSTWIRE_RETIRE);
    agent->order->entries_count = 1;
    assert_true(lockstep_name_parse(module, &entry->module));
    entry->generation = generation;
    entry->by = by;
    expect(agent, host_agent_ask(agent, LOCKSTEP_HOSTWIRE_RETIRE), LOCKSTEP_HOSTWIRE_OK);
}

void host_agent_install(struct host_agent *agent, const char *module, const char *file,
                        char *ret_path, size_t room)
{
    char path[160];
    host_agent_copy(agent, file, path, sizeof(path));
    host_agent_install_from(agent, module, path);
    if (ret_path != NULL) {
        (void)snprintf(ret_path, room, "%s", path);
    }
}

int host_agent_config(const char *text)
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

enum lockstep_call_result host_agent_call(const struct host_agent *agent, const char *tool,
                                          const char *request, char *ret_text, size_t room)
{
    struct lockstep_client *client = lockstep_client_new(agent->tools, NULL);
    struct lockstep_answer answer;
    enum lockstep_call_result result;
    assert_non_null(client);
    result = lockstep_client_call(client, tool, request, strlen(request), 0, &answer);
    (void)snprintf(ret_text, room, "%s", answer.bytes == NULL ? "" : (const char *)answer.bytes);
    lockstep_answer_deinit(&answer);
    client = lockstep_client_free(client);
    return result;
}

void host_agent_expect(const struct host_agent *agent, const char *tool, const char *request,
                       const char *wanted)
{
    char text[128];
    assert_int_equal(host_agent_call(agent, tool, request, text, sizeof(text)), LOCKSTEP_CALL_OK);
    assert_string_equal(text, wanted);
}

uint64_t host_agent_in_flight(struct host_agent *agent)
{
    uint64_t count = 0;
    lockstep_hostwire_reset(agent->order, LOCKSTEP_HOSTWIRE_STATUS);
    assert_int_equal(host_agent_ask(agent, LOCKSTEP_HOSTWIRE_STATUS), LOCKSTEP_HOSTWIRE_STATUS);
    for (size_t i = 0; i < agent->reply->entries_count; i++) {
        count += agent->reply->entries[i].in_flight;
    }
    return count;
}

void host_agent_take_kept(struct host_agent *agent)
{
    while (lockstep_hostwire_receive(agent->fd, agent->reply, 0, NULL) == LOCKSTEP_OK) {
        if (agent->reply->type == LOCKSTEP_HOSTWIRE_KEEP) {
            struct lockstep_hostwire_message *kept = agent->kept;
            agent->kept = agent->reply;
            agent->reply = kept;
        }
    }
}

void host_agent_drain(struct host_agent *agent, const char *module, uint32_t drain_ms, bool refuse)
{
    lockstep_hostwire_reset(agent->order, LOCKSTEP_HOSTWIRE_DRAIN);
    (void)snprintf(agent->order->text, sizeof(agent->order->text), "%s", module);
    agent->order->drain_ms = drain_ms;
    agent->order->refuse = refuse;
    assert_int_equal(host_agent_ask(agent, LOCKSTEP_HOSTWIRE_DRAIN), LOCKSTEP_HOSTWIRE_OK);
}

enum lockstep_hostwire_drain host_agent_drained(struct host_agent *agent)
{
    do {
        (void)host_agent_in_flight(agent);
    } while (agent->reply->entries[0].drain == LOCKSTEP_HOSTWIRE_DRAIN_WAITS);
    return agent->reply->entries[0].drain;
}
