/* What link.c, listener.c and dialler.c share. */
#ifndef LOCKSTEP_IO_LINK_INTERNAL_H
#define LOCKSTEP_IO_LINK_INTERNAL_H

#include "common/io/link.h"

#include <nng/nng.h>
#include <nng/supplemental/util/platform.h>

#define LOCKSTEP_LINK_RECEIVE (4 * 1024) /* bytes asked of a stream at a time */

enum lockstep_link_state {
    LOCKSTEP_LINK_HALF_OPEN, /* not authenticated yet */
    LOCKSTEP_LINK_UP,
    LOCKSTEP_LINK_CLOSING, /* what waits and CLOSE are still being sent */
    LOCKSTEP_LINK_OVER,    /* waits for its aios to come back */
};

/* Who made the link and wants to know its end: a listener or a dialler. */
struct lockstep_link_owner {
    void *self;
    /* The link has left HALF_OPEN, one way or the other. */
    void (*opened)(void *self, struct lockstep_link *link, bool ok);
    /* The peer's first message is there: it has let us in. May be NULL. */
    void (*heard)(void *self);
    /* The link is about to be freed. */
    void (*gone)(void *self, struct lockstep_link *link);
};

struct lockstep_link {
    struct lockstep_loop *loop;
    struct lockstep_link_owner owner;
    struct lockstep_link_events events;
    enum lockstep_link_state state;
    nng_stream *stream;
    nng_aio *receive;
    nng_aio *send;
    struct lockstep_post receive_post;
    struct lockstep_post send_post;
    bool receiving; /* an operation is out with nng */
    bool sending;
    bool held; /* what waits goes on waiting */
    bool closed_by_peer;
    bool told;                      /* the owner's `up` has run, so `down` is owed */
    bool failed;                    /* the peer's bytes were not what they should be */
    bool heard;                     /* it has sent a message */
    struct lockstep_timer deadline; /* of the handshake, then of CLOSING */
    struct lockstep_channel channel;
    uint8_t *outbox; /* frames that wait, one behind the other */
    size_t out_size;
    size_t out_max;
    uint8_t *flight; /* frames that nng sends now; swapped with the outbox */
    size_t flight_size;
    size_t flight_max;
    size_t flight_done;
    void *user;
    char address[LOCKSTEP_URL_MAX + 1];
    char why[LOCKSTEP_TEXT_MAX + 1];
    struct lockstep_link *next; /* of its owner's list */
    struct lockstep_link *previous;
    uint8_t buffer[LOCKSTEP_LINK_RECEIVE];
};

struct lockstep_link_config {
    nng_stream *stream; /* becomes the link's, also on failure */
    const char *address;
    uint64_t handshake_ms;
    const struct lockstep_channel_config *channel;
    struct lockstep_link_events events;
    struct lockstep_link_owner owner;
};

enum lockstep_err lockstep_link_new(struct lockstep_loop *loop,
                                    const struct lockstep_link_config *config,
                                    struct lockstep_link **ret_link,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends the link at once: no CLOSE. `gone` and, if it was up, `down` follow from the loop. */
void lockstep_link_kill(struct lockstep_link *link, const char *why);
/* Ends it now and tells nobody; waits for nng. */
void lockstep_link_destroy(struct lockstep_link *link);

/* The text of an nng result. */
enum lockstep_err lockstep_link_fail(int result, const char *url, struct lockstep_error *err);

#endif
