/*
 * A link: one authenticated connection over an nng stream (tcp://, ipc://), glued to a
 * channel and to the loop. All callbacks run on the loop's thread; nng's threads only post.
 *
 * A listener accepts links, holds the caps on half-open connections and ignores addresses whose
 * handshakes keep failing. A dialler keeps one link to the first coordinator of a list that
 * answers, and connects again with full jitter.
 *
 * A link's outbox is bounded. What does not fit closes the link: the peer is too slow, and what is
 * lost with the connection is told anew on the next one. Nothing of one connection is ever sent on
 * another.
 */
#ifndef LOCKSTEP_IO_LINK_H
#define LOCKSTEP_IO_LINK_H

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/rng.h"
#include "common/io/channel.h"
#include "common/io/loop.h"
#include "common/tbl/defaults.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_URL_MAX 255

struct lockstep_link;

/* What the owner is told, and asked. `context` is the owner's. */
struct lockstep_link_events {
    void *context;
    /* Listener, enrolment: the pre-shared key of a join token; false: there is none. */
    bool (*token)(void *context, const uint8_t token[LOCKSTEP_CHANNEL_TOKEN_ID],
                  uint8_t ret_psk[LOCKSTEP_NOISE_KEY]);
    /* Listener: may this peer in? KIND tells enrolment from the rest. True: `up` follows at once.
     * False: the link is closed without a reason. */
    bool (*accept)(void *context, struct lockstep_link *link);
    /* The channel stands. */
    void (*up)(void *context, struct lockstep_link *link);
    /* A message; BYTES are valid for the call. */
    void (*message)(void *context, struct lockstep_link *link, const uint8_t *bytes, size_t size);
    /* The outbox is empty again. May be NULL. */
    void (*drained)(void *context, struct lockstep_link *link);
    /* A link that was up is over; TEXT says why. The link is freed after this call. */
    void (*down)(void *context, struct lockstep_link *link, const char *text);
    /* A connection that never came up is over; for the log. May be NULL. */
    void (*failed)(void *context, const char *address, const char *text);
};

/* Who the peer is: its static key (32 bytes), what it said in its hello (listener), and how it
 * came (XK or XKPSK3 with a token). */
const uint8_t *lockstep_link_peer(const struct lockstep_link *link);
const struct lockstep_hello *lockstep_link_hello(const struct lockstep_link *link);
enum lockstep_channel_kind lockstep_link_kind(const struct lockstep_link *link);
const uint8_t *lockstep_link_token(const struct lockstep_link *link);
const char *lockstep_link_address(const struct lockstep_link *link);
/* The owner's own pointer, NULL at first. */
void *lockstep_link_user(const struct lockstep_link *link);
void lockstep_link_set_user(struct lockstep_link *link, void *user);

/* Queues one message of SIZE <= LOCKSTEP_FRAME_MAX bytes. False: the outbox is full, and the link
 * will go down. */
bool lockstep_link_send(struct lockstep_link *link, const uint8_t *bytes, size_t size);
/* With HOLD messages only wait, and without it they leave: what is sent in between goes in one. */
void lockstep_link_hold(struct lockstep_link *link, bool hold);
/* Bytes that wait. */
size_t lockstep_link_outbox(const struct lockstep_link *link);
/* Sends what waits and a CLOSE, then goes down; `down` runs later, not within this call. Twice is
 * fine. */
void lockstep_link_close(struct lockstep_link *link, const char *why);

/* ---- listening ------------------------------------------------------------------------------ */

struct lockstep_listener;

struct lockstep_listener_config {
    const char *url;    /* tcp://ADDRESS:PORT; port 0: the system's choice */
    const uint8_t *own; /* static X25519 secret; copied */
    struct lockstep_id cluster;
    const struct lockstep_defaults *settings; /* copied */
    struct lockstep_link_events events;
};

/* CONFLICT if the address is in use, INVALID if the url is none, IO. */
enum lockstep_err lockstep_listener_new(struct lockstep_loop *loop,
                                        const struct lockstep_listener_config *config,
                                        struct lockstep_listener **ret_listener,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The url as it is bound, with the port. */
const char *lockstep_listener_url(const struct lockstep_listener *listener);
/* Closes all its links without `down`, and frees. Not from a callback of one of them. NULL is fine.
 * Always NULL. */
struct lockstep_listener *lockstep_listener_free(struct lockstep_listener *listener);

/* ---- dialling ------------------------------------------------------------------------------- */

struct lockstep_dialler;

struct lockstep_dialler_config {
    const char *const *urls;
    size_t url_count;
    const uint8_t *own;    /* static X25519 secret; copied */
    const uint8_t *remote; /* the coordinator's public key; copied */
    struct lockstep_id cluster;
    enum lockstep_channel_kind kind;
    uint8_t token[LOCKSTEP_CHANNEL_TOKEN_ID];
    uint8_t psk[LOCKSTEP_NOISE_KEY];
    struct lockstep_hello hello;
    const struct lockstep_defaults *settings; /* copied */
    bool once;     /* one try at each url, then `failed` (not NULL) with address "": for commands */
    uint64_t seed; /* of the jitter */
    struct lockstep_link_events events;
};

/* Begins to connect. Between rounds of all urls, and after a link was lost, it waits for anything
 * up to a bound that doubles from reconnect_first to reconnect_last, and falls back only when the
 * coordinator has sent a message: one that lets nobody in is not hammered. INVALID if a url is
 * none. */
enum lockstep_err lockstep_dialler_new(struct lockstep_loop *loop,
                                       const struct lockstep_dialler_config *config,
                                       struct lockstep_dialler **ret_dialler,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* It was told to go away: the next pauses are as long as pauses get. For a callback of its link. */
void lockstep_dialler_hold(struct lockstep_dialler *dialler);
/* Closes its link without `down`, and frees. Not from a callback, but for the last `failed` of
 * `once`. NULL is fine. Always NULL. */
struct lockstep_dialler *lockstep_dialler_free(struct lockstep_dialler *dialler);

#endif
