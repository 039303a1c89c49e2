/*
 * The authenticated channel, sans I/O: bytes from the peer go in, frames for the peer and events
 * for the owner come out. Every link has one; it lives and dies with the connection.
 *
 * Before authentication there are three frames of fixed size and no parser beyond a
 * length check: length u16, kind u8, a Noise message. After it each frame is
 *
 *   length u16 | version u8 | type u8 | flags u16 | session u32 | n u64 | sealed bytes and tag
 *
 * big-endian, the 16 bytes from version to n authenticated beside the sealed ones. `n` counts up by
 * one: a gap, a repeat or a failed tag ends the channel. Each direction changes its key when n
 * reaches a multiple of 2^16. A CLOSE frame ends it in order; a stream that ends without one was
 * cut, and the owner is told so.
 *
 * What a message says is not known here, nor who may connect: the owner decides both.
 */
#ifndef LOCKSTEP_IO_CHANNEL_H
#define LOCKSTEP_IO_CHANNEL_H

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/io/noise.h"

#define LOCKSTEP_CHANNEL_TOKEN_ID 8
#define LOCKSTEP_CHANNEL_SOFTWARE 32 /* bytes of a software version, with the NUL */
#define LOCKSTEP_CHANNEL_OVERHEAD (2 + 16 + LOCKSTEP_NOISE_TAG)
#define LOCKSTEP_CHANNEL_FRAME    (LOCKSTEP_FRAME_MAX + LOCKSTEP_CHANNEL_OVERHEAD)

enum lockstep_channel_kind {
    LOCKSTEP_CHANNEL_XK = 1,     /* the peer's key is known */
    LOCKSTEP_CHANNEL_XKPSK3 = 2, /* enrolment, by a join token */
};

/* What a dialler says of itself in message 3. */
struct lockstep_hello {
    uint16_t version_min; /* of the protocol: the range it speaks */
    uint16_t version_max;
    struct lockstep_id journal; /* incarnation of its journal; zeros: it has none */
    struct lockstep_id boot;    /* of this run of the process */
    char software[LOCKSTEP_CHANNEL_SOFTWARE];
};

enum lockstep_channel_event_type {
    LOCKSTEP_CHANNEL_NOTHING, /* more bytes are needed */
    LOCKSTEP_CHANNEL_TOKEN,   /* listener: message 1 came; give the pre-shared key of `token`, or
                                 fail the channel. Only with XKPSK3. */
    LOCKSTEP_CHANNEL_PEER,    /* listener: message 3 is authentic; accept `peer` or fail */
    LOCKSTEP_CHANNEL_UP,      /* dialler: message 3 is ready to be sent; the channel stands */
    LOCKSTEP_CHANNEL_MESSAGE, /* `bytes`, valid until the next call */
    LOCKSTEP_CHANNEL_CLOSED,  /* the peer has ended it in order */
};

struct lockstep_channel_event {
    enum lockstep_channel_event_type type;
    const uint8_t *bytes;
    size_t size;
};

struct lockstep_channel_config {
    bool dialler;
    enum lockstep_channel_kind kind; /* dialler's; a listener takes both */
    const uint8_t *own;              /* static X25519 secret */
    const uint8_t *remote;           /* dialler: the coordinator's public key */
    struct lockstep_id cluster;
    struct lockstep_hello hello;              /* dialler's */
    uint8_t token[LOCKSTEP_CHANNEL_TOKEN_ID]; /* dialler's, with XKPSK3 */
    uint8_t psk[LOCKSTEP_NOISE_KEY];          /* the same */
};

struct lockstep_channel {
    uint8_t state;
    enum lockstep_channel_kind kind;
    struct lockstep_channel_config config; /* but for own and remote, which are kept below */
    uint8_t own[LOCKSTEP_NOISE_KEY];
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    struct lockstep_noise noise;
    struct lockstep_cipher send;
    struct lockstep_cipher receive;
    uint32_t session;
    uint8_t token[LOCKSTEP_CHANNEL_TOKEN_ID]; /* listener: of message 1 */
    struct lockstep_hello hello;              /* listener: of message 3 */
    uint8_t peer[LOCKSTEP_NOISE_KEY];         /* the peer's static key, once it is authentic */
    size_t in_size;
    size_t out_size;                     /* handshake bytes to be sent */
    uint8_t out[LOCKSTEP_HANDSHAKE_MAX]; /* take them with lockstep_channel_take() */
    size_t in_max;                       /* room in `in`: small until authenticated */
    uint8_t *in;
};

/* Copies CONFIG. A dialler has message 1 to send at once. NOMEM, INVALID. */
enum lockstep_err lockstep_channel_init(struct lockstep_channel *channel,
                                        const struct lockstep_channel_config *config,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Wipes and frees. Twice is fine. */
void lockstep_channel_deinit(struct lockstep_channel *channel);

/* Takes as many of the SIZE bytes as make at most one event; *RET_USED says how many. Call again
 * with the rest until NOTHING comes and all is used. REFUSED: the peer is not what it should be,
 * or its bytes are not. After a failure the channel is over and its keys are wiped. */
enum lockstep_err lockstep_channel_feed(struct lockstep_channel *channel, const uint8_t *bytes,
                                        size_t size, size_t *ret_used,
                                        struct lockstep_channel_event *ret_event,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Answers TOKEN. */
enum lockstep_err lockstep_channel_give_psk(struct lockstep_channel *channel,
                                            const uint8_t psk[LOCKSTEP_NOISE_KEY],
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Answers PEER with yes: messages may flow. */
void lockstep_channel_accept(struct lockstep_channel *channel);

/* Moves pending handshake bytes to RET_BYTES (room for LOCKSTEP_HANDSHAKE_MAX); their number. */
size_t lockstep_channel_take(struct lockstep_channel *channel, uint8_t *ret_bytes);

/* Seals a message of SIZE <= LOCKSTEP_FRAME_MAX bytes into one frame; its size. RET_FRAME has room
 * for SIZE + LOCKSTEP_CHANNEL_OVERHEAD. The channel is up. */
size_t lockstep_channel_seal(struct lockstep_channel *channel, const uint8_t *bytes, size_t size,
                             uint8_t *ret_frame);
/* The frame that ends the channel in order. */
size_t lockstep_channel_seal_close(struct lockstep_channel *channel,
                                   uint8_t ret_frame[LOCKSTEP_CHANNEL_OVERHEAD]);
/* True once messages may flow. */
bool lockstep_channel_is_up(const struct lockstep_channel *channel);

#endif
