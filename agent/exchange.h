/*
 * One question and one answer over a stream socket of this machine, with a bound on everything: a
 * tool called, a page asked for. Nothing blocks: all of it is on the loop's thread, and `done`
 * comes from the loop.
 */
#ifndef LOCKSTEP_AGENT_EXCHANGE_H
#define LOCKSTEP_AGENT_EXCHANGE_H

#include "common/base/attr.h"
#include "common/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOCKSTEP_EXCHANGE_MAX (64 * 1024) /* bytes of an answer */

/* Valid during the callback. */
struct lockstep_exchange_result {
    const char *why; /* nobody answered, and this is why; NULL: it is all there */
    const uint8_t *bytes;
    size_t size;
};

/* Caller's storage; stays where it is while it runs. */
struct lockstep_exchange {
    /* True if BYTES are a whole answer, or enough of one. */
    bool (*enough)(const uint8_t *bytes, size_t size);
    void (*done)(void *context, const struct lockstep_exchange_result *result);
    void *context;
    /* Ours: */
    struct lockstep_loop *loop;
    struct lockstep_watch watch;
    struct lockstep_timer timer;
    int fd; /* -1: none runs */
    bool connecting;
    const char *why; /* it could not even begin; told by the timer */
    uint8_t *out;    /* owned */
    size_t out_size;
    size_t sent;
    uint8_t *in; /* owned, of LOCKSTEP_EXCHANGE_MAX */
    size_t got;
};

void lockstep_exchange_init(struct lockstep_exchange *exchange, struct lockstep_loop *loop,
                            bool (*enough)(const uint8_t *bytes, size_t size),
                            void (*done)(void *context,
                                         const struct lockstep_exchange_result *result),
                            void *context);
/* Connects to ADDRESS, sends SIZE of BYTES (copied) and waits for the answer, LIMIT_MS in all. None
 * runs. DONE comes once, unless it is _stopped. */
void lockstep_exchange_start(struct lockstep_exchange *exchange, const struct sockaddr *address,
                             socklen_t length, const void *bytes, size_t size, uint64_t limit_ms);
bool lockstep_exchange_is_busy(const struct lockstep_exchange *exchange);
/* Hangs up; `done` does not come. Twice is fine. */
void lockstep_exchange_stop(struct lockstep_exchange *exchange);

#endif
