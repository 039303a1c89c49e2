#include "agent/exchange.h"

#include "common/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void end(struct lockstep_exchange *exchange, const char *why)
{
    struct lockstep_exchange_result result = {why, exchange->in, exchange->got};
    uint8_t *in = exchange->in;
    exchange->in = NULL; /* the callback may start the next */
    lockstep_exchange_stop(exchange);
    exchange->done(exchange->context, &result);
    free(in);
}

static void timer_due(void *context)
{
    struct lockstep_exchange *exchange = context;
    end(exchange, exchange->why != NULL ? exchange->why : "no answer in time");
}

static bool watch(struct lockstep_exchange *exchange, uint32_t events)
{
    return lockstep_watch_set(exchange->loop, &exchange->watch, exchange->fd, events, NULL) ==
           LOCKSTEP_OK;
}

/* True: all is sent, or there is no room for now. */
static bool send_some(struct lockstep_exchange *exchange)
{
    while (exchange->sent < exchange->out_size) {
        ssize_t sent = send(exchange->fd, exchange->out + exchange->sent,
                            exchange->out_size - exchange->sent, MSG_NOSIGNAL);
        if (sent > 0) {
            exchange->sent += (size_t)sent;
        } else if (errno != EINTR) {
            return errno == EAGAIN;
        }
    }
    return watch(exchange, EPOLLIN);
}

static void receive_some(struct lockstep_exchange *exchange)
{
    for (;;) {
        size_t room = LOCKSTEP_EXCHANGE_MAX - exchange->got;
        ssize_t got = room == 0 ? 0 : recv(exchange->fd, exchange->in + exchange->got, room, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        exchange->got += got > 0 ? (size_t)got : 0;
        if (exchange->enough(exchange->in, exchange->got)) {
            end(exchange, NULL);
            return;
        }
        if (got <= 0) {
            end(exchange, room == 0 ? "the answer is too long" : "it hung up before it answered");
            return;
        }
    }
}

static void ready(void *context, uint32_t events)
{
    struct lockstep_exchange *exchange = context;
    if (exchange->connecting) {
        int failed = 0;
        socklen_t size = sizeof(failed);
        (void)getsockopt(exchange->fd, SOL_SOCKET, SO_ERROR, &failed, &size);
        exchange->connecting = false;
        if (failed != 0) {
            end(exchange, "nobody takes the connection");
            return;
        }
    }
    if (exchange->sent < exchange->out_size && !send_some(exchange)) {
        end(exchange, "it hung up before it was asked");
        return;
    }
    if (exchange->sent == exchange->out_size && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        receive_some(exchange);
    }
}

void lockstep_exchange_init(struct lockstep_exchange *exchange, struct lockstep_loop *loop,
                            bool (*enough)(const uint8_t *bytes, size_t size),
                            void (*done)(void *context,
                                         const struct lockstep_exchange_result *result),
                            void *context)
{
    *exchange = (struct lockstep_exchange){
        .enough = enough, .done = done, .context = context, .loop = loop, .fd = -1};
    exchange->watch = (struct lockstep_watch){.ready = ready, .context = exchange, .fd = -1};
    exchange->timer = (struct lockstep_timer){.due = timer_due, .context = exchange};
}

/* NULL, or why it cannot begin. */
static const char *begin(struct lockstep_exchange *exchange, const struct sockaddr *address,
                         socklen_t length)
{
    if (exchange->out == NULL || exchange->in == NULL) {
        return "no memory";
    }
    exchange->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (exchange->fd < 0) {
        return "no descriptor is left";
    }
    if (connect(exchange->fd, address, length) != 0) {
        if (errno != EINPROGRESS) {
            return errno == EAGAIN ? "its queue of connections is full"
                                   : "nobody takes the connection";
        }
        exchange->connecting = true;
    }
    return watch(exchange, EPOLLOUT) ? NULL : "it cannot be waited for";
}

void lockstep_exchange_start(struct lockstep_exchange *exchange, const struct sockaddr *address,
                             socklen_t length, const void *bytes, size_t size, uint64_t limit_ms)
{
    struct lockstep_time now = lockstep_loop_now(exchange->loop);
    ASSERT(!lockstep_exchange_is_busy(exchange) && size > 0);
    exchange->out = malloc(size);
    exchange->in = malloc(LOCKSTEP_EXCHANGE_MAX);
    exchange->out_size = size;
    exchange->sent = 0;
    exchange->got = 0;
    exchange->connecting = false;
    if (exchange->out != NULL) {
        memcpy(exchange->out, bytes, size);
    }
    exchange->why = begin(exchange, address, length);
    lockstep_timer_arm(exchange->loop, &exchange->timer,
                       exchange->why == NULL ? lockstep_time_after(now, limit_ms) : now);
}

bool lockstep_exchange_is_busy(const struct lockstep_exchange *exchange)
{
    return exchange->timer.place != 0;
}

void lockstep_exchange_stop(struct lockstep_exchange *exchange)
{
    lockstep_timer_disarm(exchange->loop, &exchange->timer);
    lockstep_watch_clear(exchange->loop, &exchange->watch);
    if (exchange->fd >= 0) {
        (void)close(exchange->fd);
    }
    exchange->fd = -1;
    free(exchange->out);
    free(exchange->in);
    exchange->out = NULL;
    exchange->in = NULL;
}
