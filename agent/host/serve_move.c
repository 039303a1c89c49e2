/*
 * A process swap, as tool sockets see it: the host that leaves takes no more connections and hands
 * over those that it has; the other one serves from the moment that it is told so over the same
 * socket. What was read of a request goes along, so that nobody sends anything twice.
 */
#include "agent/host/serve_internal.h"

#include "agent/host/crash.h"
#include "common/base/cleanup.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#define MOVE_MS 2000 /* for the other host to take a connection */

/* ---- leaving -------------------------------------------------------------------------------- */

/* What was read of a request, as a file; -1: no room. */
static int save_begun(const struct lockstep_connection *connection, size_t rest)
{
    LOCKSTEP_CLOSE int fd = memfd_create("lockstep-request", MFD_CLOEXEC);
    int saved = fd;
    if (fd < 0 ||
        pwrite(fd, connection->head, connection->head_size, 0) != (ssize_t)connection->head_size ||
        (rest > 0 &&
         pwrite(fd, connection->rest, rest, (off_t)connection->head_size) != (ssize_t)rest)) {
        return -1;
    }
    fd = -1;
    return saved;
}

/* Sends serve->out, whose descriptors are borrowed. Whoever does not take them once is not asked
 * again: callers would wait for nothing. */
static bool say(struct lockstep_serve *serve)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool said = serve->peer >= 0 &&
                lockstep_hostwire_send(serve->peer, serve->out, MOVE_MS, &err) == LOCKSTEP_OK;
    if (!said && serve->peer >= 0) {
        lockstep_host_log(serve->host, LOCKSTEP_LOG_ERROR, "connections are lost: %s", err.message);
        (void)close(serve->peer);
        serve->peer = -1;
    }
    serve->out->fds_count = 0;
    return said;
}

void lockstep_serve_move(struct lockstep_serve *serve, struct lockstep_connection *connection)
{
    size_t rest = connection->rest == NULL ? 0 : connection->rest_got;
    size_t size = connection->head_size + rest;
    LOCKSTEP_CLOSE int begun = size == 0 ? -1 : save_begun(connection, rest);
    (void)pthread_mutex_lock(&serve->peer_mutex);
    if (serve->out != NULL && (size == 0 || begun >= 0)) {
        lockstep_hostwire_reset(serve->out, LOCKSTEP_HOSTWIRE_TAKE_OVER);
        serve->out->offset = (uint32_t)size;
        serve->out->fds[0] = connection->fd;
        serve->out->fds[1] = begun;
        serve->out->fds_count = size == 0 ? 1 : 2;
        (void)say(serve);
    } else {
        lockstep_host_log(serve->host, LOCKSTEP_LOG_ERROR,
                          "a connection is lost: no descriptor for what was read of its request");
    }
    (void)pthread_mutex_unlock(&serve->peer_mutex);
    /* Closing our descriptor does not end the connection, so epoll would go on watching it. */
    (void)epoll_ctl(serve->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    lockstep_serve_disconnect(serve, connection);
}

void lockstep_serve_move_idle(struct lockstep_serve *serve, struct lockstep_connection *connection)
{
    if (pthread_mutex_trylock(&connection->turn) != 0) {
        return;
    }
    if (connection->fd >= 0) {
        lockstep_serve_move(serve, connection);
    }
    (void)pthread_mutex_unlock(&connection->turn);
}

static void close_listeners(struct lockstep_serve *serve)
{
    (void)pthread_mutex_lock(&serve->mutex);
    for (size_t i = 0; i < serve->listeners_count; i++) {
        (void)epoll_ctl(serve->epoll, EPOLL_CTL_DEL, serve->listeners[i], NULL);
        (void)close(serve->listeners[i]);
    }
    serve->listeners_count = 0;
    serve->held = true;
    (void)pthread_mutex_unlock(&serve->mutex);
}

/* Who would take over is dead: then nobody leaves. */
static bool is_gone(int peer)
{
    struct pollfd poller = {.fd = peer, .events = POLLOUT};
    return poll(&poller, 1, 0) > 0 && (poller.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

static bool make_out(struct lockstep_serve *serve)
{
    bool made;
    (void)pthread_mutex_lock(&serve->peer_mutex);
    serve->out = serve->out == NULL ? lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_TAKE_OVER)
                                    : serve->out;
    made = serve->out != NULL;
    (void)pthread_mutex_unlock(&serve->peer_mutex);
    return made;
}

/* The other side's first word is that it serves now, so no call may begin here after it; and no
 * connection may go before it, nor where they went when this host left before. */
bool lockstep_serve_leave(struct lockstep_serve *serve, int peer)
{
    if (is_gone(peer) || !make_out(serve)) {
        return false;
    }
    close_listeners(serve);
    (void)pthread_mutex_lock(&serve->peer_mutex);
    atomic_store(&serve->leaving, true);
    if (serve->peer >= 0) {
        (void)close(serve->peer);
    }
    serve->peer = peer;
    lockstep_hostwire_reset(serve->out, LOCKSTEP_HOSTWIRE_TAKE_OVER);
    (void)say(serve);
    (void)pthread_mutex_unlock(&serve->peer_mutex);
    lockstep_gate_stand_aside(true);
    for (size_t i = 0; i < LOCKSTEP_CONNECTIONS_MAX; i++) {
        lockstep_serve_move_idle(serve, &serve->connections[i]);
    }
    return true;
}

/* ---- arriving ------------------------------------------------------------------------------- */

/* Under the lock. Whoever says it first, the other has nothing more to say: a word that comes late
 * must not call back a host that has left meanwhile. */
static void begin(struct lockstep_serve *serve)
{
    serve->awaited = false;
    if (serve->held) {
        serve->held = false;
        atomic_store(&serve->leaving, false);
        lockstep_gate_stand_aside(false);
        atomic_store(&serve->host->role, LOCKSTEP_HOSTWIRE_ROLE_SERVES);
        for (size_t i = 0; i < serve->listeners_count; i++) {
            (void)lockstep_serve_watch(serve, EPOLL_CTL_ADD, serve->listeners[i],
                                       EPOLLIN | EPOLLEXCLUSIVE,
                                       lockstep_serve_who(LOCKSTEP_SERVE_LISTENER, (uint32_t)i, 0));
        }
    }
}

void lockstep_serve_begin(struct lockstep_serve *serve)
{
    (void)pthread_mutex_lock(&serve->mutex);
    begin(serve);
    (void)pthread_mutex_unlock(&serve->mutex);
}

static void begin_if_awaited(struct lockstep_serve *serve)
{
    (void)pthread_mutex_lock(&serve->mutex);
    if (serve->awaited) {
        begin(serve);
    }
    (void)pthread_mutex_unlock(&serve->mutex);
}

/* The first word, without a connection, makes this host the one that serves. What comes behind it
 * may come late, when this one has left in its turn: then it goes on from here. */
static void take_one(struct lockstep_serve *serve)
{
    struct lockstep_hostwire_message *in = serve->in;
    size_t connections = in->offset > 0 && in->fds_count == 2 ? 1 : in->fds_count;
    if (in->type != LOCKSTEP_HOSTWIRE_TAKE_OVER) {
        return;
    }
    if (connections == 0) {
        begin_if_awaited(serve);
    }
    for (size_t i = 0; i < connections; i++) {
        if (lockstep_serve_connect(serve, in->fds[i], in->fds[1], in->offset)) {
            in->fds[i] = -1;
        }
    }
}

/* The agent may have it open, too, so that closing would not end what epoll has to say of it. */
static void end_arrival(struct lockstep_serve *serve)
{
    if (serve->arrival >= 0) {
        (void)epoll_ctl(serve->arrivals, EPOLL_CTL_DEL, serve->arrival, NULL);
        (void)close(serve->arrival);
        serve->arrival = -1;
    }
}

/* Something has come from the host that leaves. */
static void arrive(struct lockstep_serve *serve)
{
    enum lockstep_err code = LOCKSTEP_OK;
    (void)pthread_mutex_lock(&serve->arrival_mutex);
    while (serve->arrival >= 0 && code == LOCKSTEP_OK) {
        lockstep_hostwire_reset(serve->in, LOCKSTEP_HOSTWIRE_UNSPECIFIED);
        code = lockstep_hostwire_receive(serve->arrival, serve->in, 0, NULL);
        if (code == LOCKSTEP_OK) {
            take_one(serve);
        }
    }
    if (code != LOCKSTEP_RETRY) {
        end_arrival(serve);
    }
    (void)pthread_mutex_unlock(&serve->arrival_mutex);
}

/* The workers may all be in calls that are slow, while the other host waits for each connection to
 * be taken. */
static void *receive(void *argument)
{
    struct lockstep_serve *serve = argument;
    struct epoll_event event = {.data.fd = -1};
    lockstep_crash_thread();
    while (event.data.fd != serve->stop) {
        if (epoll_wait(serve->arrivals, &event, 1, -1) == 1 && event.data.fd != serve->stop) {
            arrive(serve);
        }
    }
    return NULL;
}

static bool watch_arrival(const struct lockstep_serve *serve, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(serve->arrivals, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Signals are the process's business: our threads take none. */
static bool start_receiver(struct lockstep_serve *serve)
{
    sigset_t all;
    sigset_t before;
    bool started;
    if (serve->arrivals >= 0) {
        return true;
    }
    serve->arrivals = epoll_create1(EPOLL_CLOEXEC);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    started = serve->arrivals >= 0 && watch_arrival(serve, serve->stop) &&
              pthread_create(&serve->receiver, NULL, receive, serve) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started && serve->arrivals >= 0) {
        (void)close(serve->arrivals);
        serve->arrivals = -1;
    }
    return started;
}

bool lockstep_serve_await(struct lockstep_serve *serve, int from)
{
    bool well;
    (void)pthread_mutex_lock(&serve->arrival_mutex);
    serve->in = serve->in == NULL ? lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_TAKE_OVER) : serve->in;
    well = serve->in != NULL && start_receiver(serve) && watch_arrival(serve, from);
    if (well) {
        end_arrival(serve);
        serve->arrival = from;
        (void)pthread_mutex_lock(&serve->mutex);
        serve->awaited = true;
        (void)pthread_mutex_unlock(&serve->mutex);
    }
    (void)pthread_mutex_unlock(&serve->arrival_mutex);
    return well;
}

void lockstep_serve_move_end(struct lockstep_serve *serve)
{
    if (serve->arrivals >= 0) {
        (void)pthread_join(serve->receiver, NULL);
        (void)close(serve->arrivals);
        serve->arrivals = -1;
    }
}

void lockstep_serve_move_deinit(struct lockstep_serve *serve)
{
    if (serve->peer >= 0) {
        (void)close(serve->peer);
    }
    if (serve->arrival >= 0) {
        (void)close(serve->arrival);
    }
    serve->out = lockstep_hostwire_free(serve->out);
    serve->in = lockstep_hostwire_free(serve->in);
}
