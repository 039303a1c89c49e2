/*
 * Tool sockets: a few workers share one epoll. A descriptor is armed for one event at a time, so a
 * connection belongs to one worker while that reads, calls and answers. A slow reader costs nobody
 * a worker; a slow taker of answers costs one for SEND_MS at most, then it is disconnected.
 */
#include "agent/host/serve_internal.h"

#include "agent/host/crash.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SEND_MS    5000
#define STARVED_MS 10 /* pause when there is not even a descriptor to turn callers away with */

bool lockstep_serve_watch(const struct lockstep_serve *serve, int how, int fd, uint32_t events,
                          uint64_t who)
{
    struct epoll_event event = {.events = events, .data.u64 = who};
    return epoll_ctl(serve->epoll, how, fd, &event) == 0;
}

static bool watch_connection(const struct lockstep_serve *serve, int how,
                             const struct lockstep_connection *connection, uint32_t events)
{
    return lockstep_serve_watch(serve, how, connection->fd, EPOLLIN | EPOLLONESHOT | events,
                                lockstep_serve_who(LOCKSTEP_SERVE_CONNECTION,
                                                   (uint32_t)(connection - serve->connections),
                                                   connection->serial));
}

void lockstep_serve_disconnect(struct lockstep_serve *serve, struct lockstep_connection *connection)
{
    (void)close(connection->fd);
    connection->fd = -1;
    connection->serial++;
    free(connection->rest);
    connection->rest = NULL;
    (void)pthread_mutex_lock(&serve->mutex);
    connection->next = serve->free;
    serve->free = connection;
    (void)pthread_mutex_unlock(&serve->mutex);
}

static struct lockstep_connection *take_place(struct lockstep_serve *serve)
{
    struct lockstep_connection *connection;
    (void)pthread_mutex_lock(&serve->mutex);
    connection = serve->free;
    if (connection != NULL) {
        serve->free = connection->next;
    }
    (void)pthread_mutex_unlock(&serve->mutex);
    return connection;
}

/* What another host had read of a request. */
static bool take_begun(struct lockstep_connection *connection, int begun, size_t size)
{
    size_t head = size < sizeof(connection->head) ? size : sizeof(connection->head);
    size_t rest = size - head;
    connection->head_size = head;
    if (pread(begun, connection->head, head, 0) != (ssize_t)head) {
        return false;
    }
    if (head < sizeof(connection->head)) {
        return true;
    }
    connection->rest_size = lockstep_tool_length(connection->head);
    connection->rest_got = rest;
    connection->rest = connection->rest_size < rest || connection->rest_size == 0
                           ? NULL
                           : malloc(connection->rest_size);
    return connection->rest != NULL &&
           pread(begun, connection->rest, rest, (off_t)head) == (ssize_t)rest;
}

bool lockstep_serve_connect(struct lockstep_serve *serve, int fd, int begun, size_t size)
{
    const struct timeval limit = {.tv_sec = SEND_MS / 1000};
    struct lockstep_connection *connection = take_place(serve);
    bool well;
    if (connection == NULL) {
        return false;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)pthread_mutex_lock(&connection->turn);
    connection->fd = fd;
    connection->head_size = 0;
    well = (size == 0 || take_begun(connection, begun, size)) &&
           /* What has come whole is answered though nothing more comes: it can be written to. */
           watch_connection(serve, EPOLL_CTL_ADD, connection, size == 0 ? 0 : EPOLLOUT);
    if (!well) {
        lockstep_serve_disconnect(serve, connection);
    }
    (void)pthread_mutex_unlock(&connection->turn);
    if (well && atomic_load(&serve->leaving)) {
        lockstep_serve_move_idle(serve, connection);
    }
    return true;
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Without a descriptor to be had, who waits at the listener would be told of for ever: the spare
 * one makes room to take a connection and hang up. If descriptors have come free meanwhile it is
 * served all the same: *ret_fd. False: there is nobody, or not even the spare one is left. */
static bool turn_away(struct lockstep_serve *serve, int listener, int *ret_fd)
{
    int fd;
    if (serve->spare >= 0) {
        (void)close(serve->spare);
    }
    fd = serve->spare >= 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    serve->spare = open_spare();
    if (fd >= 0 && serve->spare < 0) {
        (void)close(fd);
        serve->spare = open_spare();
        return true;
    }
    *ret_fd = fd;
    return false;
}

/* The next connection; -1: there is none. One at a time, so that nobody else takes the spare's
 * place. */
static int take_connection(struct lockstep_serve *serve, uint32_t index)
{
    int listener;
    int fd = -1;
    bool starved = false;
    (void)pthread_mutex_lock(&serve->mutex);
    listener = index < serve->listeners_count && !serve->held ? serve->listeners[index] : -1;
    do {
        fd = listener < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        starved = listener >= 0 && fd < 0 && (errno == EMFILE || errno == ENFILE);
    } while (starved && turn_away(serve, listener, &fd));
    (void)pthread_mutex_unlock(&serve->mutex);
    if (starved && fd < 0) {
        (void)poll(NULL, 0, STARVED_MS);
    }
    return fd;
}

static void take_connections(struct lockstep_serve *serve, uint32_t index)
{
    int fd = take_connection(serve, index);
    while (fd >= 0) {
        if (!lockstep_serve_connect(serve, fd, -1, 0)) {
            (void)close(fd);
        }
        fd = take_connection(serve, index);
    }
}

/* Reads some bytes without waiting. 1: got some; 0: none for now; -1: the connection is over. */
static int read_some(int fd, uint8_t *bytes, size_t size, size_t *got)
{
    ssize_t more = recv(fd, bytes, size, MSG_DONTWAIT);
    if (more > 0) {
        *got += (size_t)more;
        return 1;
    }
    return more < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* Reads on. 1: a request is whole; 0: not yet; -1: the connection is over. */
static int read_request(struct lockstep_connection *connection)
{
    int fd = connection->fd;
    int got = 1;
    while (connection->head_size < sizeof(connection->head) && got == 1) {
        got = read_some(fd, connection->head + connection->head_size,
                        sizeof(connection->head) - connection->head_size, &connection->head_size);
    }
    if (got != 1) {
        return got;
    }
    if (connection->rest == NULL) {
        connection->rest_size = lockstep_tool_length(connection->head);
        connection->rest_got = 0;
        connection->rest = connection->rest_size == 0 ? NULL : malloc(connection->rest_size);
        if (connection->rest == NULL) {
            return -1;
        }
    }
    while (connection->rest_got < connection->rest_size && got == 1) {
        got = read_some(fd, connection->rest + connection->rest_got,
                        connection->rest_size - connection->rest_got, &connection->rest_got);
    }
    return got;
}

static bool send_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_answer(int fd, enum lockstep_call_result result,
                        const struct lockstep_answer *answer)
{
    uint8_t head[128];
    size_t size = lockstep_tool_answer_head(result, answer, head);
    struct iovec parts[] = {{head, size}, {answer->bytes, answer->size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = LOCKSTEP_COUNT(parts)};
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0) {
        return false;
    }
    if ((size_t)sent < size) {
        return send_all(fd, head + sent, size - (size_t)sent) &&
               send_all(fd, answer->bytes, answer->size);
    }
    return send_all(fd, answer->bytes + ((size_t)sent - size), answer->size + size - (size_t)sent);
}

/* What becomes of a connection next. */
enum turn {
    TURN_AGAIN,
    TURN_MOVE, /* to the host that serves now; the request that was read is for it */
    TURN_END,
};

/* From here on the connection is one of those that are told of changes: a copy of it, for this one
 * is ended. */
static void hand_over(struct lockstep_serve *serve, const struct lockstep_connection *connection)
{
    int copy = fcntl(connection->fd, F_DUPFD_CLOEXEC, 0);
    (void)epoll_ctl(serve->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    if (copy >= 0 && !lockstep_watchers_add(serve->host, copy)) {
        (void)close(copy);
    }
}

static enum lockstep_call_result answer_call(struct lockstep_host *host,
                                             const struct lockstep_tool_request *request,
                                             struct lockstep_answer *ret_answer)
{
    static const char refused[] = "refused: this very request ended the host twice; it is taken "
                                  "again by another version, or in ten minutes";
    enum lockstep_call_result result = LOCKSTEP_CALL_FAILED;
    if (!lockstep_crash_enter(request->name, request->bytes, request->size)) {
        ret_answer->bytes = (uint8_t *)strdup(refused);
        ret_answer->size = ret_answer->bytes == NULL ? 0 : sizeof(refused) - 1;
        return result;
    }
    result = lockstep_host_call(host, request->name, request->bytes, request->size, ret_answer);
    lockstep_crash_leave();
    return result;
}

static enum turn answer_request(struct lockstep_serve *serve,
                                struct lockstep_connection *connection)
{
    struct lockstep_tool_request request;
    struct lockstep_answer answer = {0};
    enum lockstep_call_result result;
    bool sent;
    if (!lockstep_tool_request_parse(connection->rest, connection->rest_size, &request)) {
        return TURN_END;
    }
    if (request.kind == LOCKSTEP_TOOL_KIND_WATCH) {
        hand_over(serve, connection);
        return TURN_END;
    }
    if (request.kind == LOCKSTEP_TOOL_KIND_LIST) {
        result = lockstep_host_list(&answer);
    } else if (request.kind == LOCKSTEP_TOOL_KIND_REGISTRY) {
        result = lockstep_host_registry(serve->host, request.name, LOCKSTEP_REGISTRY_PAGE, &answer);
    } else {
        result = answer_call(serve->host, &request, &answer);
    }
    if (result == LOCKSTEP_CALL_CLOSED && atomic_load(&serve->leaving)) {
        lockstep_answer_deinit(&answer);
        return TURN_MOVE;
    }
    sent = answer.bytes == NULL ? send_answer(connection->fd, LOCKSTEP_CALL_NO_MEMORY,
                                              &(struct lockstep_answer){.bytes = (uint8_t[1]){0}})
                                : send_answer(connection->fd, result, &answer);
    lockstep_answer_deinit(&answer);
    free(connection->rest);
    connection->rest = NULL;
    connection->head_size = 0;
    return sent ? TURN_AGAIN : TURN_END;
}

static enum turn take_turn(struct lockstep_serve *serve, struct lockstep_connection *connection)
{
    enum turn turn = TURN_AGAIN;
    int state = atomic_load(&serve->leaving) ? 0 : read_request(connection);
    if (state < 0) {
        return TURN_END;
    }
    if (state == 1 && !atomic_load(&serve->leaving)) {
        turn = answer_request(serve, connection);
    }
    if (turn == TURN_AGAIN && atomic_load(&serve->leaving)) {
        turn = TURN_MOVE;
    }
    if (turn == TURN_AGAIN && !watch_connection(serve, EPOLL_CTL_MOD, connection, 0)) {
        turn = TURN_END;
    }
    return turn;
}

static void serve_connection(struct lockstep_serve *serve, uint32_t index, uint32_t serial)
{
    struct lockstep_connection *connection = &serve->connections[index];
    enum turn turn = TURN_AGAIN;
    (void)pthread_mutex_lock(&connection->turn);
    if (connection->fd >= 0 && connection->serial == serial) {
        turn = take_turn(serve, connection);
        if (turn == TURN_MOVE) {
            lockstep_serve_move(serve, connection);
        } else if (turn == TURN_END) {
            lockstep_serve_disconnect(serve, connection);
        }
    }
    (void)pthread_mutex_unlock(&connection->turn);
    if (turn == TURN_AGAIN && atomic_load(&serve->leaving)) {
        lockstep_serve_move_idle(serve, connection); /* who told us to leave has passed it by */
    }
}

static void *work(void *argument)
{
    struct lockstep_serve *serve = argument;
    lockstep_crash_thread();
    for (;;) {
        struct epoll_event event;
        uint32_t index;
        if (epoll_wait(serve->epoll, &event, 1, -1) != 1) {
            continue;
        }
        index = (uint32_t)(event.data.u64 >> 16) & UINT16_MAX;
        switch ((enum lockstep_serve_kind)(event.data.u64 & UINT16_MAX)) {
        case LOCKSTEP_SERVE_STOP:
            return NULL;
        case LOCKSTEP_SERVE_LISTENER:
            take_connections(serve, index);
            break;
        case LOCKSTEP_SERVE_CONNECTION:
            serve_connection(serve, index, (uint32_t)(event.data.u64 >> 32));
            break;
        }
    }
}

/* Signals are the process's business: our threads take none. */
static void start_workers(struct lockstep_serve *serve, uint32_t workers)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (serve->workers_count < workers &&
           pthread_create(&serve->workers[serve->workers_count], NULL, work, serve) == 0) {
        serve->workers_count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool make_places(struct lockstep_serve *serve)
{
    serve->connections = calloc(LOCKSTEP_CONNECTIONS_MAX, sizeof(*serve->connections));
    for (size_t i = 0; serve->connections != NULL && i < LOCKSTEP_CONNECTIONS_MAX; i++) {
        struct lockstep_connection *connection = &serve->connections[i];
        connection->fd = -1;
        (void)pthread_mutex_init(&connection->turn, NULL);
        connection->next = serve->free;
        serve->free = connection;
    }
    return serve->connections != NULL;
}

struct lockstep_serve *lockstep_serve_new(struct lockstep_host *host, uint32_t workers, bool held)
{
    struct lockstep_serve *serve = calloc(1, sizeof(*serve));
    if (serve == NULL) {
        return NULL;
    }
    serve->host = host;
    serve->held = held;
    serve->spare = open_spare();
    serve->peer = -1;
    serve->arrival = -1;
    serve->arrivals = -1;
    (void)pthread_mutex_init(&serve->mutex, NULL);
    (void)pthread_mutex_init(&serve->peer_mutex, NULL);
    (void)pthread_mutex_init(&serve->arrival_mutex, NULL);
    serve->epoll = epoll_create1(EPOLL_CLOEXEC);
    serve->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (serve->epoll >= 0 && serve->stop >= 0 && make_places(serve) &&
        lockstep_serve_watch(serve, EPOLL_CTL_ADD, serve->stop, EPOLLIN,
                             lockstep_serve_who(LOCKSTEP_SERVE_STOP, 0, 0))) {
        start_workers(serve, workers);
    }
    return serve->workers_count == 0 ? lockstep_serve_free(serve) : serve;
}

static void free_places(struct lockstep_serve *serve)
{
    for (size_t i = 0; serve->connections != NULL && i < LOCKSTEP_CONNECTIONS_MAX; i++) {
        struct lockstep_connection *connection = &serve->connections[i];
        if (connection->fd >= 0) {
            lockstep_serve_disconnect(serve, connection);
        }
        (void)pthread_mutex_destroy(&connection->turn);
    }
    free(serve->connections);
}

struct lockstep_serve *lockstep_serve_free(struct lockstep_serve *serve)
{
    const uint64_t one = 1;
    if (serve == NULL) {
        return NULL;
    }
    (void)!write(serve->stop, &one, sizeof(one));
    for (size_t i = 0; i < serve->workers_count; i++) {
        (void)pthread_join(serve->workers[i], NULL);
    }
    lockstep_serve_move_end(serve);
    free_places(serve);
    for (size_t i = 0; i < serve->listeners_count; i++) {
        (void)close(serve->listeners[i]);
    }
    lockstep_serve_move_deinit(serve);
    if (serve->spare >= 0) {
        (void)close(serve->spare);
    }
    (void)close(serve->stop);
    (void)close(serve->epoll);
    (void)pthread_mutex_destroy(&serve->mutex);
    (void)pthread_mutex_destroy(&serve->peer_mutex);
    (void)pthread_mutex_destroy(&serve->arrival_mutex);
    free(serve);
    return NULL;
}

bool lockstep_serve_add(struct lockstep_serve *serve, int listener)
{
    int listening = 0;
    socklen_t size = sizeof(listening);
    bool added = false;
    int flags = fcntl(listener, F_GETFL);
    if (flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) != 0 ||
        getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
        return false;
    }
    (void)pthread_mutex_lock(&serve->mutex);
    if (serve->listeners_count < LOCKSTEP_LISTENERS_MAX) {
        uint32_t index = (uint32_t)serve->listeners_count;
        serve->listeners[index] = listener;
        added = serve->held ||
                lockstep_serve_watch(serve, EPOLL_CTL_ADD, listener, EPOLLIN | EPOLLEXCLUSIVE,
                                     lockstep_serve_who(LOCKSTEP_SERVE_LISTENER, index, 0));
        serve->listeners_count += added ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&serve->mutex);
    return added;
}

void lockstep_serve_give_back(struct lockstep_serve *serve)
{
    (void)pthread_mutex_lock(&serve->mutex);
    for (size_t i = 0; i < serve->listeners_count; i++) {
        (void)epoll_ctl(serve->epoll, EPOLL_CTL_DEL, serve->listeners[i], NULL);
    }
    serve->listeners_count = 0;
    (void)pthread_mutex_unlock(&serve->mutex);
}

size_t lockstep_serve_listeners(struct lockstep_serve *serve, int ret_fds[LOCKSTEP_LISTENERS_MAX])
{
    size_t count;
    (void)pthread_mutex_lock(&serve->mutex);
    count = serve->listeners_count;
    memcpy(ret_fds, serve->listeners, count * sizeof(int));
    (void)pthread_mutex_unlock(&serve->mutex);
    return count;
}
