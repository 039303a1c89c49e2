/*
 * Tool sockets: a few workers share one epoll. A descriptor is armed for one event at a time, so a
 * connection belongs to one worker while that reads, calls and answers. A slow reader costs nobody
 * a worker; a slow taker of answers costs one for SEND_MS at most, then it is disconnected.
 */
#include "agent/host/host_internal.h"
#include "agent/host/tool_wire.h"
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

#define CONNECTIONS_MAX 1024
#define SEND_MS         5000
#define STARVED_MS      10 /* pause when there is not even a descriptor to turn callers away with */

enum kind {
    KIND_STOP,
    KIND_LISTENER,
    KIND_CONNECTION,
};

/* What epoll leads to. */
struct watched {
    enum kind kind;
    int fd;
};

struct connection {
    struct watched watched; /* first */
    struct connection *next;
    struct connection *before;
    pthread_mutex_t turn; /* a worker that arms it is done with it before the next begins */
    uint8_t head[LOCKSTEP_TOOL_HEAD];
    size_t head_size;
    uint8_t *rest; /* owned, NULL until the length is known */
    size_t rest_size;
    size_t rest_got;
};

struct lockstep_serve {
    struct lockstep_host *host;
    int epoll;
    struct watched stop;
    pthread_mutex_t mutex; /* of what follows */
    int spare;             /* a descriptor that makes room for turning a caller away; -1: none */
    struct watched listeners[LOCKSTEP_LISTENERS_MAX];
    size_t listeners_count;
    struct connection *connections;
    size_t connections_count;
    size_t workers_count;
    pthread_t workers[LOCKSTEP_WORKERS_MAX];
};

static bool watch(struct lockstep_serve *serve, int how, struct watched *watched, uint32_t once)
{
    struct epoll_event event = {.events = EPOLLIN | once, .data.ptr = watched};
    return epoll_ctl(serve->epoll, how, watched->fd, &event) == 0;
}

static void end_connection(struct lockstep_serve *serve, struct connection *connection)
{
    (void)pthread_mutex_lock(&serve->mutex);
    if (connection->before != NULL) {
        connection->before->next = connection->next;
    } else {
        serve->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->before = connection->before;
    }
    serve->connections_count--;
    (void)pthread_mutex_unlock(&serve->mutex);
    (void)close(connection->watched.fd);
    (void)pthread_mutex_destroy(&connection->turn);
    free(connection->rest);
    free(connection);
}

static bool add_connection(struct lockstep_serve *serve, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    const struct timeval limit = {.tv_sec = SEND_MS / 1000};
    bool room;
    if (connection == NULL) {
        return false;
    }
    connection->watched = (struct watched){KIND_CONNECTION, fd};
    (void)pthread_mutex_init(&connection->turn, NULL);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)pthread_mutex_lock(&serve->mutex);
    room = serve->connections_count < CONNECTIONS_MAX;
    if (room) {
        connection->next = serve->connections;
        if (connection->next != NULL) {
            connection->next->before = connection;
        }
        serve->connections = connection;
        serve->connections_count++;
    }
    (void)pthread_mutex_unlock(&serve->mutex);
    if (!room) {
        free(connection);
        return false;
    }
    (void)pthread_mutex_lock(&connection->turn);
    room = watch(serve, EPOLL_CTL_ADD, &connection->watched, EPOLLONESHOT);
    (void)pthread_mutex_unlock(&connection->turn);
    if (!room) {
        end_connection(serve, connection);
    }
    return true;
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Without a descriptor to be had, who waits at the listener would be told of for ever: the spare
 * one makes room to take a connection and hang up. False: there is nobody, or not even that is
 * left. */
static bool turn_away(struct lockstep_serve *serve, int listener)
{
    int fd = -1;
    if (serve->spare >= 0) {
        (void)close(serve->spare);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    serve->spare = open_spare();
    return fd >= 0;
}

/* The next connection; -1: there is none. One at a time, so that nobody else takes the spare's
 * place. */
static int take_connection(struct lockstep_serve *serve, int listener)
{
    int fd;
    bool starved;
    (void)pthread_mutex_lock(&serve->mutex);
    do {
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        starved = fd < 0 && (errno == EMFILE || errno == ENFILE);
    } while (starved && turn_away(serve, listener));
    (void)pthread_mutex_unlock(&serve->mutex);
    if (starved) {
        (void)poll(NULL, 0, STARVED_MS);
    }
    return fd;
}

static void take_connections(struct lockstep_serve *serve, const struct watched *listener)
{
    int fd = take_connection(serve, listener->fd);
    while (fd >= 0) {
        if (!add_connection(serve, fd)) {
            (void)close(fd);
        }
        fd = take_connection(serve, listener->fd);
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
static int read_request(struct connection *connection)
{
    int fd = connection->watched.fd;
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

static bool answer_request(struct lockstep_serve *serve, struct connection *connection)
{
    struct lockstep_tool_request request;
    struct lockstep_answer answer = {0};
    enum lockstep_call_result result;
    bool sent;
    if (!lockstep_tool_request_parse(connection->rest, connection->rest_size, &request)) {
        return false;
    }
    if (request.kind == LOCKSTEP_TOOL_KIND_LIST) {
        result = lockstep_host_list(&answer);
    } else {
        result = lockstep_host_call(serve->host, request.name, request.bytes, request.size,
                                    &answer);
    }
    sent = answer.bytes == NULL ? send_answer(connection->watched.fd, LOCKSTEP_CALL_NO_MEMORY,
                                              &(struct lockstep_answer){.bytes = (uint8_t[1]){0}})
                                : send_answer(connection->watched.fd, result, &answer);
    lockstep_answer_deinit(&answer);
    free(connection->rest);
    connection->rest = NULL;
    connection->head_size = 0;
    return sent;
}

static void serve_connection(struct lockstep_serve *serve, struct connection *connection)
{
    int state;
    (void)pthread_mutex_lock(&connection->turn);
    state = read_request(connection);
    if (state == 1 && !answer_request(serve, connection)) {
        state = -1;
    }
    if (state >= 0 && !watch(serve, EPOLL_CTL_MOD, &connection->watched, EPOLLONESHOT)) {
        state = -1;
    }
    (void)pthread_mutex_unlock(&connection->turn);
    if (state < 0) {
        end_connection(serve, connection);
    }
}

static void *work(void *argument)
{
    struct lockstep_serve *serve = argument;
    for (;;) {
        struct epoll_event event;
        const struct watched *watched;
        if (epoll_wait(serve->epoll, &event, 1, -1) != 1) {
            continue;
        }
        watched = event.data.ptr;
        if (watched->kind == KIND_STOP) {
            return NULL;
        }
        if (watched->kind == KIND_LISTENER) {
            take_connections(serve, watched);
        } else {
            serve_connection(serve, event.data.ptr);
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

struct lockstep_serve *lockstep_serve_new(struct lockstep_host *host, uint32_t workers)
{
    struct lockstep_serve *serve = calloc(1, sizeof(*serve));
    if (serve == NULL) {
        return NULL;
    }
    serve->host = host;
    serve->spare = open_spare();
    (void)pthread_mutex_init(&serve->mutex, NULL);
    serve->epoll = epoll_create1(EPOLL_CLOEXEC);
    serve->stop = (struct watched){KIND_STOP, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (serve->epoll >= 0 && serve->stop.fd >= 0 && watch(serve, EPOLL_CTL_ADD, &serve->stop, 0)) {
        start_workers(serve, workers);
    }
    return serve->workers_count == 0 ? lockstep_serve_free(serve) : serve;
}

struct lockstep_serve *lockstep_serve_free(struct lockstep_serve *serve)
{
    const uint64_t one = 1;
    if (serve == NULL) {
        return NULL;
    }
    (void)!write(serve->stop.fd, &one, sizeof(one));
    for (size_t i = 0; i < serve->workers_count; i++) {
        (void)pthread_join(serve->workers[i], NULL);
    }
    while (serve->connections != NULL) {
        end_connection(serve, serve->connections);
    }
    for (size_t i = 0; i < serve->listeners_count; i++) {
        (void)close(serve->listeners[i].fd);
    }
    if (serve->spare >= 0) {
        (void)close(serve->spare);
    }
    (void)close(serve->stop.fd);
    (void)close(serve->epoll);
    (void)pthread_mutex_destroy(&serve->mutex);
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
        struct watched *watched = &serve->listeners[serve->listeners_count];
        *watched = (struct watched){KIND_LISTENER, listener};
        added = watch(serve, EPOLL_CTL_ADD, watched, EPOLLEXCLUSIVE);
        serve->listeners_count += added ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&serve->mutex);
    return added;
}

void lockstep_serve_give_back(struct lockstep_serve *serve)
{
    (void)pthread_mutex_lock(&serve->mutex);
    for (size_t i = 0; i < serve->listeners_count; i++) {
        (void)epoll_ctl(serve->epoll, EPOLL_CTL_DEL, serve->listeners[i].fd, NULL);
    }
    serve->listeners_count = 0;
    (void)pthread_mutex_unlock(&serve->mutex);
}

size_t lockstep_serve_listeners(struct lockstep_serve *serve, int ret_fds[LOCKSTEP_LISTENERS_MAX])
{
    size_t count;
    (void)pthread_mutex_lock(&serve->mutex);
    count = serve->listeners_count;
    for (size_t i = 0; i < count; i++) {
        ret_fds[i] = serve->listeners[i].fd;
    }
    (void)pthread_mutex_unlock(&serve->mutex);
    return count;
}
