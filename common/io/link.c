#include "common/base/assert.h"
#include "common/io/link_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CLOSING_MS 2000 /* how long a CLOSE may take to leave */

/* ---- small things --------------------------------------------------------------------------- */

static void note_why(struct lockstep_link *link, const char *why)
{
    size_t length = strlen(why);
    if (link->why[0] != '\0') {
        return; /* the first cause stands */
    }
    if (length > LOCKSTEP_TEXT_MAX) {
        length = LOCKSTEP_TEXT_MAX;
    }
    memcpy(link->why, why, length);
    link->why[length] = '\0';
}

const uint8_t *lockstep_link_peer(const struct lockstep_link *link)
{
    return link->channel.peer;
}

const struct lockstep_hello *lockstep_link_hello(const struct lockstep_link *link)
{
    return &link->channel.hello;
}

enum lockstep_channel_kind lockstep_link_kind(const struct lockstep_link *link)
{
    return link->channel.kind;
}

const uint8_t *lockstep_link_token(const struct lockstep_link *link)
{
    return link->channel.token;
}

const char *lockstep_link_address(const struct lockstep_link *link)
{
    return link->address;
}

void *lockstep_link_user(const struct lockstep_link *link)
{
    return link->user;
}

void lockstep_link_set_user(struct lockstep_link *link, void *user)
{
    link->user = user;
}

size_t lockstep_link_outbox(const struct lockstep_link *link)
{
    return link->out_size + (link->flight_size - link->flight_done);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void release(struct lockstep_link *link)
{
    lockstep_timer_disarm(link->loop, &link->deadline);
    nng_stream_free(link->stream);
    nng_aio_free(link->receive); /* waits for a callback that is just returning */
    nng_aio_free(link->send);
    lockstep_loop_unpost(link->loop, &link->receive_post);
    lockstep_loop_unpost(link->loop, &link->send_post);
    lockstep_channel_deinit(&link->channel);
    free(link->outbox);
    free(link->flight);
    free(link);
}

/* Frees the link once nng has given both aios back. */
static void bury(struct lockstep_link *link)
{
    if (link->state != LOCKSTEP_LINK_OVER || link->receiving || link->sending) {
        return;
    }
    if (link->told) {
        link->events.down(link->events.context, link, link->why);
    } else if (link->events.failed != NULL) {
        link->events.failed(link->events.context, link->address, link->why);
    }
    link->owner.gone(link->owner.self, link);
    release(link);
}

void lockstep_link_kill(struct lockstep_link *link, const char *why)
{
    if (link->state == LOCKSTEP_LINK_OVER) {
        return;
    }
    note_why(link, why);
    if (link->state == LOCKSTEP_LINK_HALF_OPEN) {
        link->owner.opened(link->owner.self, link, false);
    }
    link->state = LOCKSTEP_LINK_OVER;
    nng_stream_close(link->stream);
    if (!link->receiving && !link->sending) {
        lockstep_loop_post(link->loop, &link->send_post); /* never free under the caller's feet */
    }
}

void lockstep_link_destroy(struct lockstep_link *link)
{
    nng_stream_close(link->stream);
    nng_aio_stop(link->receive);
    nng_aio_stop(link->send);
    release(link);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* A link that is quiet has no buffers for sending: a fleet of them must not keep the peak. */
static void give_back(struct lockstep_link *link)
{
    free(link->flight);
    link->flight = NULL;
    link->flight_max = 0;
    link->flight_size = 0;
    link->flight_done = 0;
}

static void start_sending(struct lockstep_link *link)
{
    nng_iov iov = {.iov_buf = link->flight + link->flight_done,
                   .iov_len = link->flight_size - link->flight_done};
    link->sending = true;
    (void)nng_aio_set_iov(link->send, 1, &iov);
    nng_stream_send(link->stream, link->send);
}

/* The outbox takes off; what is queued meanwhile goes into the buffer that came back. */
static void flush(struct lockstep_link *link)
{
    uint8_t *buffer = link->flight;
    size_t max = link->flight_max;
    if (link->sending || link->held || link->out_size == 0 || link->state == LOCKSTEP_LINK_OVER) {
        return;
    }
    link->flight = link->outbox;
    link->flight_max = link->out_max;
    link->flight_size = link->out_size;
    link->flight_done = 0;
    link->outbox = buffer;
    link->out_max = max;
    link->out_size = 0;
    start_sending(link);
}

/* Room for SIZE more bytes of the outbox, or NULL if there may not be so many. */
static uint8_t *make_room(struct lockstep_link *link, size_t size)
{
    size_t need = link->out_size + size;
    if (lockstep_link_outbox(link) + size > LOCKSTEP_OUTBOX_MAX) {
        return NULL;
    }
    if (need > link->out_max) {
        size_t max = link->out_size == 0 ? need : need * 2;
        uint8_t *bigger = realloc(link->outbox, max);
        if (bigger == NULL) {
            return NULL;
        }
        link->outbox = bigger;
        link->out_max = max;
    }
    return link->outbox + link->out_size;
}

static void send_handshake(struct lockstep_link *link)
{
    uint8_t bytes[LOCKSTEP_HANDSHAKE_MAX];
    size_t size = lockstep_channel_take(&link->channel, bytes);
    uint8_t *room = size == 0 ? NULL : make_room(link, size);
    if (room != NULL) {
        memcpy(room, bytes, size);
        link->out_size += size;
        flush(link);
    }
}

bool lockstep_link_send(struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    uint8_t *room;
    if (link->state != LOCKSTEP_LINK_UP) {
        return false;
    }
    room = make_room(link, size + LOCKSTEP_CHANNEL_OVERHEAD);
    if (room == NULL) {
        lockstep_link_kill(link, "the peer does not take what is sent");
        return false;
    }
    link->out_size += lockstep_channel_seal(&link->channel, bytes, size, room);
    flush(link);
    return true;
}

void lockstep_link_hold(struct lockstep_link *link, bool hold)
{
    link->held = hold;
    flush(link);
}

void lockstep_link_close(struct lockstep_link *link, const char *why)
{
    uint8_t *room;
    if (link->state == LOCKSTEP_LINK_HALF_OPEN) {
        lockstep_link_kill(link, why);
    }
    if (link->state != LOCKSTEP_LINK_UP) {
        return;
    }
    note_why(link, why);
    link->held = false;
    room = link->closed_by_peer ? NULL : make_room(link, LOCKSTEP_CHANNEL_OVERHEAD);
    if (room == NULL) {
        lockstep_link_kill(link, why);
        return;
    }
    link->out_size += lockstep_channel_seal_close(&link->channel, room);
    link->state = LOCKSTEP_LINK_CLOSING;
    lockstep_timer_arm(link->loop, &link->deadline,
                       lockstep_time_after(lockstep_loop_now(link->loop), CLOSING_MS));
    flush(link);
}

static void on_sent(void *context)
{
    struct lockstep_link *link = context;
    int result;
    if (!link->sending) {
        bury(link); /* posted by kill */
        return;
    }
    link->sending = false;
    result = nng_aio_result(link->send);
    if (link->state == LOCKSTEP_LINK_OVER) {
        bury(link);
        return;
    }
    if (result != 0) {
        lockstep_link_kill(link, nng_strerror(result));
        bury(link);
        return;
    }
    link->flight_done += nng_aio_count(link->send);
    if (link->flight_done < link->flight_size) {
        start_sending(link); /* nng sends in part and calls that a success */
        return;
    }
    give_back(link);
    flush(link);
    if (link->sending) {
        return;
    }
    if (link->state == LOCKSTEP_LINK_CLOSING) {
        lockstep_link_kill(link, "closed");
    } else if (link->state == LOCKSTEP_LINK_UP && link->events.drained != NULL) {
        link->events.drained(link->events.context, link);
    }
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void start_receiving(struct lockstep_link *link)
{
    nng_iov iov = {.iov_buf = link->buffer, .iov_len = sizeof(link->buffer)};
    link->receiving = true;
    (void)nng_aio_set_iov(link->receive, 1, &iov);
    nng_stream_recv(link->stream, link->receive);
}

static void come_up(struct lockstep_link *link)
{
    lockstep_timer_disarm(link->loop, &link->deadline);
    link->state = LOCKSTEP_LINK_UP;
    link->told = true;
    link->owner.opened(link->owner.self, link, true);
    link->events.up(link->events.context, link);
}

/* A token that nobody knows gets a random secret: message 1 can be replayed, and must not tell
 * whether a token is still good. The handshake fails at message 3. */
static enum lockstep_err give_token(struct lockstep_link *link, struct lockstep_error *err)
{
    uint8_t psk[LOCKSTEP_NOISE_KEY];
    enum lockstep_err result;
    if (link->events.token == NULL ||
        !link->events.token(link->events.context, link->channel.token, psk)) {
        randombytes_buf(psk, sizeof(psk));
    }
    result = lockstep_channel_give_psk(&link->channel, psk, err);
    sodium_memzero(psk, sizeof(psk));
    return result;
}

static enum lockstep_err handle(struct lockstep_link *link,
                                const struct lockstep_channel_event *event,
                                struct lockstep_error *err)
{
    switch (event->type) {
    case LOCKSTEP_CHANNEL_NOTHING:
        break;
    case LOCKSTEP_CHANNEL_TOKEN:
        LOCKSTEP_TRY(give_token(link, err));
        break;
    case LOCKSTEP_CHANNEL_PEER:
        if (!link->events.accept(link->events.context, link)) {
            return LOCKSTEP_FAIL(err, REFUSED, "the peer's key is unknown or not allowed");
        }
        if (link->state != LOCKSTEP_LINK_HALF_OPEN) {
            break; /* the owner has closed it in the very call */
        }
        lockstep_channel_accept(&link->channel);
        come_up(link);
        break;
    case LOCKSTEP_CHANNEL_UP:
        send_handshake(link);
        come_up(link);
        break;
    case LOCKSTEP_CHANNEL_MESSAGE:
        if (!link->heard && link->owner.heard != NULL) {
            link->owner.heard(link->owner.self);
        }
        link->heard = true;
        if (link->state == LOCKSTEP_LINK_UP) {
            link->events.message(link->events.context, link, event->bytes, event->size);
        }
        break;
    case LOCKSTEP_CHANNEL_CLOSED:
        link->closed_by_peer = true;
        lockstep_link_kill(link, "closed by the peer");
        break;
    }
    if (link->state != LOCKSTEP_LINK_OVER) {
        send_handshake(link);
    }
    return LOCKSTEP_OK;
}

static void take_bytes(struct lockstep_link *link, const uint8_t *bytes, size_t size)
{
    while (size > 0 && link->state != LOCKSTEP_LINK_OVER) {
        struct lockstep_error err = LOCKSTEP_ERROR_INIT;
        struct lockstep_channel_event event;
        size_t used = 0;
        enum lockstep_err result = lockstep_channel_feed(&link->channel, bytes, size, &used, &event,
                                                         &err);
        if (result == LOCKSTEP_OK) {
            result = handle(link, &event, &err);
        }
        if (result != LOCKSTEP_OK) {
            link->failed = true;
            lockstep_link_kill(link, err.message);
            return;
        }
        bytes += used;
        size -= used;
    }
}

static void on_received(void *context)
{
    struct lockstep_link *link = context;
    int result = nng_aio_result(link->receive);
    link->receiving = false;
    if (link->state == LOCKSTEP_LINK_OVER) {
        bury(link);
        return;
    }
    if (result == 0) {
        link->receiving = true; /* so that nothing frees the link while its bytes are read */
        take_bytes(link, link->buffer, nng_aio_count(link->receive));
        link->receiving = false;
    } else {
        lockstep_link_kill(link, result == NNG_ECONNSHUT || result == NNG_ECLOSED
                                     ? "the connection was cut"
                                     : nng_strerror(result));
    }
    if (link->state == LOCKSTEP_LINK_OVER) {
        bury(link);
    } else {
        start_receiving(link);
    }
}

/* ---- the beginning -------------------------------------------------------------------------- */

static void receive_done(void *context) /* on a thread of nng */
{
    struct lockstep_link *link = context;
    lockstep_loop_post(link->loop, &link->receive_post);
}

static void send_done(void *context) /* on a thread of nng */
{
    struct lockstep_link *link = context;
    lockstep_loop_post(link->loop, &link->send_post);
}

static void on_deadline(void *context)
{
    struct lockstep_link *link = context;
    lockstep_link_kill(link, link->state == LOCKSTEP_LINK_HALF_OPEN ? "the handshake took too long"
                                                                    : "closed");
}

enum lockstep_err lockstep_link_new(struct lockstep_loop *loop,
                                    const struct lockstep_link_config *config,
                                    struct lockstep_link **ret_link, struct lockstep_error *err)
{
    struct lockstep_link *link = calloc(1, sizeof(*link));
    enum lockstep_err result;
    if (link == NULL) {
        nng_stream_free(config->stream);
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a connection");
    }
    link->loop = loop;
    link->owner = config->owner;
    link->events = config->events;
    link->stream = config->stream;
    link->deadline = (struct lockstep_timer){.due = on_deadline, .context = link};
    link->receive_post = (struct lockstep_post){.arrived = on_received, .context = link};
    link->send_post = (struct lockstep_post){.arrived = on_sent, .context = link};
    memcpy(link->address, config->address, strnlen(config->address, LOCKSTEP_URL_MAX));
    if (nng_aio_alloc(&link->receive, receive_done, link) != 0 ||
        nng_aio_alloc(&link->send, send_done, link) != 0) {
        release(link);
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a connection");
    }
    result = lockstep_channel_init(&link->channel, config->channel, err);
    if (result != LOCKSTEP_OK) {
        release(link);
        return result;
    }
    lockstep_timer_arm(loop, &link->deadline,
                       lockstep_time_after(lockstep_loop_now(loop), config->handshake_ms));
    *ret_link = link;
    send_handshake(link);
    start_receiving(link);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_link_fail(int result, const char *url, struct lockstep_error *err)
{
    switch (result) {
    case NNG_EADDRINUSE:
        return LOCKSTEP_FAIL(
            err, CONFLICT, "%s is in use by another process; stop it or choose another port", url);
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
    case NNG_ENOTSUP:
        return LOCKSTEP_FAIL(err, INVALID, "%s is no address; write tcp://ADDRESS:PORT", url);
    case NNG_EPERM:
        return LOCKSTEP_FAIL(err, REFUSED, "%s: permission denied", url);
    case NNG_ENOMEM:
        return LOCKSTEP_FAIL(err, NOMEM, "%s: out of memory", url);
    default:
        return LOCKSTEP_FAIL(err, IO, "%s: %s", url, nng_strerror(result));
    }
}
