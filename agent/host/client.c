#include "agent/host/include/lockstep/client.h"

#include "agent/host/job.h"
#include "agent/host/tool_wire.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define TIMEOUT_MS 30000

struct lockstep_client {
    int fd;       /* -1: not connected */
    int watch_fd; /* the same, of _watch */
    uint32_t timeout_ms;
    uint64_t end_ms; /* of the present call */
    struct sockaddr_un address;
    struct lockstep_client_counts counts;
};

struct lockstep_client *lockstep_client_new(const char *path,
                                            const struct lockstep_client_options *options)
{
    struct lockstep_client *client = calloc(1, sizeof(*client));
    size_t length = strlen(path);
    if (client == NULL || length == 0 || length >= sizeof(client->address.sun_path)) {
        free(client);
        return NULL;
    }
    client->fd = -1;
    client->watch_fd = -1;
    client->timeout_ms = options == NULL || options->timeout_ms == 0 ? TIMEOUT_MS
                                                                     : options->timeout_ms;
    client->address.sun_family = AF_UNIX;
    memcpy(client->address.sun_path, path, length);
    return client;
}

static void disconnect(struct lockstep_client *client)
{
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    client->fd = -1;
}

static void end_watch(struct lockstep_client *client)
{
    if (client->watch_fd >= 0) {
        (void)close(client->watch_fd);
    }
    client->watch_fd = -1;
}

struct lockstep_client *lockstep_client_free(struct lockstep_client *client)
{
    if (client != NULL) {
        disconnect(client);
        end_watch(client);
        free(client);
    }
    return NULL;
}

static bool wait_for(const struct lockstep_client *client, short events)
{
    struct pollfd poller = {.fd = client->fd, .events = events};
    for (;;) {
        uint64_t now = lockstep_job_now_ms();
        int ready = now >= client->end_ms ? 0 : poll(&poller, 1, (int)(client->end_ms - now));
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

static void pause_briefly(void)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    (void)nanosleep(&pause, NULL);
}

/* Connecting sends nothing, so it may be tried until the time is over: a host that is being started
 * again has its listener, and a full queue of connections empties. */
static bool connect_client(struct lockstep_client *client)
{
    while (client->fd < 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int failed;
        if (fd < 0) {
            return false;
        }
        if (connect(fd, (struct sockaddr *)&client->address, sizeof(client->address)) == 0) {
            client->fd = fd;
            return true;
        }
        failed = errno;
        (void)close(fd);
        if (failed != EAGAIN || lockstep_job_now_ms() >= client->end_ms) {
            return false;
        }
        pause_briefly();
    }
    return true;
}

static bool send_all(struct lockstep_client *client, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        } else if ((errno != EAGAIN && errno != EINTR) || !wait_for(client, POLLOUT)) {
            return false;
        }
    }
    return true;
}

static bool receive_all(struct lockstep_client *client, uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(client->fd, bytes, size, 0);
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR) || !wait_for(client, POLLIN)) {
            return false;
        }
    }
    return true;
}

static enum lockstep_call_result receive_answer(struct lockstep_client *client,
                                                struct lockstep_answer *ret_answer)
{
    uint8_t head[LOCKSTEP_TOOL_HEAD];
    LOCKSTEP_FREE uint8_t *rest = NULL;
    size_t size;
    if (!receive_all(client, head, sizeof(head))) {
        return LOCKSTEP_CALL_LOST;
    }
    size = lockstep_tool_length(head);
    rest = size == 0 ? NULL : malloc(size);
    if (rest == NULL || !receive_all(client, rest, size)) {
        return LOCKSTEP_CALL_LOST;
    }
    return lockstep_tool_answer_parse(rest, size, ret_answer);
}

static enum lockstep_call_result exchange(struct lockstep_client *client, const uint8_t *head,
                                          size_t head_size, const void *request, size_t size,
                                          struct lockstep_answer *ret_answer)
{
    enum lockstep_call_result result = LOCKSTEP_CALL_LOST;
    if (connect_client(client) && send_all(client, head, head_size) &&
        send_all(client, request, size)) {
        result = receive_answer(client, ret_answer);
    }
    if (result == LOCKSTEP_CALL_LOST) {
        disconnect(client);
    }
    return result;
}

/* An answer that nobody gave says what happened. */
static void explain(enum lockstep_call_result result, struct lockstep_answer *answer)
{
    if (result != LOCKSTEP_CALL_OK && answer->bytes == NULL) {
        answer->bytes = (uint8_t *)strdup(lockstep_tool_result_text(result));
        answer->size = answer->bytes == NULL ? 0 : strlen((const char *)answer->bytes);
    }
}

static enum lockstep_call_result count(struct lockstep_client *client,
                                       enum lockstep_call_result result,
                                       struct lockstep_answer *answer)
{
    explain(result, answer);
    client->counts.calls++;
    client->counts.ok += result == LOCKSTEP_CALL_OK ? 1 : 0;
    client->counts.lost += result == LOCKSTEP_CALL_LOST ? 1 : 0;
    client->counts.failed += result != LOCKSTEP_CALL_OK && result != LOCKSTEP_CALL_LOST ? 1 : 0;
    return result;
}

enum lockstep_call_result lockstep_client_call(struct lockstep_client *client, const char *tool,
                                               const void *request, size_t size, uint32_t flags,
                                               struct lockstep_answer *ret_answer)
{
    uint8_t head[128];
    size_t head_size;
    enum lockstep_call_result result;
    *ret_answer = (struct lockstep_answer){0};
    if (strlen(tool) >= LOCKSTEP_MODULE_TEXT || size > LOCKSTEP_TOOL_REQUEST_MAX) {
        return count(client, LOCKSTEP_CALL_INVALID, ret_answer);
    }
    client->end_ms = lockstep_job_now_ms() + client->timeout_ms;
    head_size = lockstep_tool_request_head(LOCKSTEP_TOOL_KIND_CALL, tool, size, head);
    result = exchange(client, head, head_size, request, size, ret_answer);
    if (result == LOCKSTEP_CALL_LOST && (flags & LOCKSTEP_CLIENT_IDEMPOTENT) != 0 &&
        lockstep_job_now_ms() < client->end_ms) {
        client->counts.retried++;
        result = exchange(client, head, head_size, request, size, ret_answer);
    }
    return count(client, result, ret_answer);
}

/* Asks for something that is no call, and is not counted as one. */
static enum lockstep_call_result ask(struct lockstep_client *client, enum lockstep_tool_kind kind,
                                     const char *name, struct lockstep_answer *ret_answer)
{
    uint8_t head[128];
    size_t head_size;
    enum lockstep_call_result result = LOCKSTEP_CALL_INVALID;
    *ret_answer = (struct lockstep_answer){0};
    if (strlen(name) < LOCKSTEP_MODULE_TEXT) {
        bool old = client->fd >= 0;
        head_size = lockstep_tool_request_head(kind, name, 0, head);
        client->end_ms = lockstep_job_now_ms() + client->timeout_ms;
        result = exchange(client, head, head_size, "", 0, ret_answer);
        if (result == LOCKSTEP_CALL_LOST && old) { /* of a host that is no more: looking is free */
            result = exchange(client, head, head_size, "", 0, ret_answer);
        }
    }
    explain(result, ret_answer);
    return result;
}

enum lockstep_call_result lockstep_client_list(struct lockstep_client *client,
                                               struct lockstep_answer *ret_answer)
{
    return ask(client, LOCKSTEP_TOOL_KIND_LIST, "", ret_answer);
}

enum lockstep_call_result lockstep_client_tools(struct lockstep_client *client, const char *after,
                                                struct lockstep_answer *ret_answer)
{
    return ask(client, LOCKSTEP_TOOL_KIND_REGISTRY, after, ret_answer);
}

/* ---- watching ------------------------------------------------------------------------------- */

static bool begin_watch(struct lockstep_client *watcher)
{
    uint8_t head[128];
    size_t size = lockstep_tool_request_head(LOCKSTEP_TOOL_KIND_WATCH, "", 0, head);
    return connect_client(watcher) && send_all(watcher, head, size);
}

/* Reads one notice. Its first byte may be waited for until the time is over; the rest comes with
 * it. *RET_REVISION stays when none came. False: the connection is over. */
static bool take_notice(struct lockstep_client *watcher, uint64_t *ret_revision)
{
    struct lockstep_answer answer = {0};
    enum lockstep_call_result result;
    if (!wait_for(watcher, POLLIN)) {
        return true;
    }
    watcher->end_ms = lockstep_job_now_ms() + watcher->timeout_ms;
    result = receive_answer(watcher, &answer);
    if (result == LOCKSTEP_CALL_OK) {
        *ret_revision = answer.generation;
    }
    lockstep_answer_deinit(&answer);
    return result == LOCKSTEP_CALL_OK;
}

enum lockstep_call_result lockstep_client_watch(struct lockstep_client *client, uint64_t known,
                                                uint32_t wait_ms, uint64_t *ret_revision)
{
    struct lockstep_client watcher = *client; /* the same address, and the other connection */
    uint64_t end_ms = lockstep_job_now_ms() + (wait_ms == 0 ? 1 : wait_ms);
    bool well;
    watcher.fd = client->watch_fd;
    watcher.end_ms = lockstep_job_now_ms() + watcher.timeout_ms;
    *ret_revision = known;
    well = watcher.fd >= 0 || begin_watch(&watcher);
    client->watch_fd = watcher.fd;
    do {
        watcher.end_ms = end_ms;
        well = well && take_notice(&watcher, ret_revision);
    } while (well && *ret_revision == known && lockstep_job_now_ms() < end_ms);
    if (!well) {
        end_watch(client);
    }
    return well ? LOCKSTEP_CALL_OK : LOCKSTEP_CALL_LOST;
}

int lockstep_client_watch_fd(const struct lockstep_client *client)
{
    return client->watch_fd;
}

void lockstep_client_counts(const struct lockstep_client *client,
                            struct lockstep_client_counts *ret_counts)
{
    *ret_counts = client->counts;
}
