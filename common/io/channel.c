#include "common/io/channel.h"

#include "common/base/assert.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define HANDSHAKE_FORMAT 1 /* of these frames; part of the prologue */
#define FRAME_VERSION    1
#define FRAME_MESSAGE    1
#define FRAME_CLOSE      2
#define HEADER           16
#define PAYLOAD_1        LOCKSTEP_CHANNEL_TOKEN_ID
#define PAYLOAD_3        128
#define SIZE_1           (LOCKSTEP_NOISE_KEY + LOCKSTEP_NOISE_TAG + PAYLOAD_1)
#define SIZE_2           (LOCKSTEP_NOISE_KEY + LOCKSTEP_NOISE_TAG)
#define SIZE_3           (LOCKSTEP_NOISE_KEY + 2 * LOCKSTEP_NOISE_TAG + PAYLOAD_3)
#define KEPT             1024 /* bytes of room that every connection keeps */
#define REKEY_EVERY      (UINT64_C(1) << 16)

enum state {
    STATE_WANT_1,     /* listener */
    STATE_WANT_PSK,   /* listener: the owner looks the token up */
    STATE_WANT_2,     /* dialler */
    STATE_WANT_3,     /* listener */
    STATE_WANT_OWNER, /* listener: the owner decides about the peer */
    STATE_UP,
    STATE_OVER,
};

STATIC_ASSERT(SIZE_3 + 3 <= LOCKSTEP_HANDSHAKE_MAX, "a handshake frame fits its limit");
STATIC_ASSERT(LOCKSTEP_CHANNEL_FRAME - 2 <= UINT16_MAX, "a frame's length fits its field");

/* ---- numbers -------------------------------------------------------------------------------- */

static void put(uint8_t *bytes, uint64_t value, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    }
}

static uint64_t get(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* ---- the handshake -------------------------------------------------------------------------- */

static enum lockstep_err begin_noise(struct lockstep_channel *channel, struct lockstep_error *err)
{
    uint8_t prologue[9 + 2 + 1 + LOCKSTEP_ID_BYTES] = "LOCKSTEP";
    struct lockstep_noise_config config = {
        .initiator = channel->config.dialler,
        .with_psk = channel->kind == LOCKSTEP_CHANNEL_XKPSK3,
        .own = channel->own,
        .remote = channel->config.dialler ? channel->remote : NULL,
        .prologue = prologue,
        .prologue_length = sizeof(prologue),
    };
    put(prologue + 9, HANDSHAKE_FORMAT, 2);
    prologue[11] = (uint8_t)channel->kind;
    memcpy(prologue + 12, channel->config.cluster.bytes, LOCKSTEP_ID_BYTES);
    return lockstep_noise_init(&channel->noise, &config, err);
}

static enum lockstep_err write_handshake(struct lockstep_channel *channel, const void *payload,
                                         size_t length, struct lockstep_error *err)
{
    size_t size = lockstep_noise_overhead(&channel->noise) + length;
    ASSERT(channel->out_size == 0 && size + 3 <= sizeof(channel->out));
    LOCKSTEP_TRY(lockstep_noise_write(&channel->noise, payload, length, channel->out + 3, err));
    put(channel->out, size + 1, 2);
    channel->out[2] = (uint8_t)channel->kind;
    channel->out_size = size + 3;
    return LOCKSTEP_OK;
}

static void encode_hello(const struct lockstep_hello *hello, uint8_t payload[PAYLOAD_3])
{
    memset(payload, 0, PAYLOAD_3);
    put(payload, hello->version_min, 2);
    put(payload + 2, hello->version_max, 2);
    memcpy(payload + 4, hello->journal.bytes, LOCKSTEP_ID_BYTES);
    memcpy(payload + 20, hello->boot.bytes, LOCKSTEP_ID_BYTES);
    memcpy(payload + 36, hello->software, LOCKSTEP_CHANNEL_SOFTWARE);
}

static bool decode_hello(const uint8_t payload[PAYLOAD_3], struct lockstep_hello *hello)
{
    hello->version_min = (uint16_t)get(payload, 2);
    hello->version_max = (uint16_t)get(payload + 2, 2);
    memcpy(hello->journal.bytes, payload + 4, LOCKSTEP_ID_BYTES);
    memcpy(hello->boot.bytes, payload + 20, LOCKSTEP_ID_BYTES);
    memcpy(hello->software, payload + 36, LOCKSTEP_CHANNEL_SOFTWARE);
    if (hello->version_min == 0 || hello->version_min > hello->version_max ||
        hello->software[LOCKSTEP_CHANNEL_SOFTWARE - 1] != '\0') {
        return false;
    }
    for (const char *c = hello->software; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return false;
        }
    }
    return true;
}

enum lockstep_err lockstep_channel_init(struct lockstep_channel *channel,
                                        const struct lockstep_channel_config *config,
                                        struct lockstep_error *err)
{
    static const uint8_t no_token[LOCKSTEP_CHANNEL_TOKEN_ID];
    memset(channel, 0, sizeof(*channel));
    channel->config = *config;
    memcpy(channel->own, config->own, sizeof(channel->own));
    channel->config.own = NULL;
    channel->config.remote = NULL;
    channel->in_max = LOCKSTEP_HANDSHAKE_MAX;
    channel->in = malloc(channel->in_max);
    if (channel->in == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a connection");
    }
    if (!config->dialler) {
        channel->state = STATE_WANT_1;
        return LOCKSTEP_OK;
    }
    memcpy(channel->remote, config->remote, sizeof(channel->remote));
    channel->state = STATE_WANT_2;
    channel->kind = config->kind;
    LOCKSTEP_TRY(begin_noise(channel, err));
    if (channel->kind == LOCKSTEP_CHANNEL_XKPSK3) {
        lockstep_noise_set_psk(&channel->noise, config->psk);
    }
    return write_handshake(channel,
                           channel->kind == LOCKSTEP_CHANNEL_XKPSK3 ? config->token : no_token,
                           PAYLOAD_1, err);
}

void lockstep_channel_deinit(struct lockstep_channel *channel)
{
    free(channel->in);
    sodium_memzero(channel, sizeof(*channel));
    channel->state = STATE_OVER;
}

/* What only the handshake needs: a session that is stolen later must not give the static key. */
static void wipe_handshake(struct lockstep_channel *channel)
{
    lockstep_noise_deinit(&channel->noise);
    sodium_memzero(channel->own, sizeof(channel->own));
    sodium_memzero(channel->config.psk, sizeof(channel->config.psk));
}

/* After a failure nothing more is read or written: one bad frame ends the session. */
static void give_up(struct lockstep_channel *channel)
{
    wipe_handshake(channel);
    sodium_memzero(&channel->send, sizeof(channel->send));
    sodium_memzero(&channel->receive, sizeof(channel->receive));
    channel->out_size = 0;
    channel->state = STATE_OVER;
}

static void get_up(struct lockstep_channel *channel)
{
    lockstep_noise_split(&channel->noise, &channel->send, &channel->receive);
    channel->session = (uint32_t)get(channel->noise.hash, 4);
    memcpy(channel->peer, channel->noise.remote, sizeof(channel->peer));
    wipe_handshake(channel);
}

static enum lockstep_err read_1(struct lockstep_channel *channel, const uint8_t *message,
                                size_t size, struct lockstep_channel_event *event,
                                struct lockstep_error *err)
{
    LOCKSTEP_TRY(begin_noise(channel, err));
    LOCKSTEP_TRY(lockstep_noise_read(&channel->noise, message, size, channel->token,
                                     sizeof(channel->token), err));
    if (channel->kind == LOCKSTEP_CHANNEL_XKPSK3) {
        channel->state = STATE_WANT_PSK;
        event->type = LOCKSTEP_CHANNEL_TOKEN;
        return LOCKSTEP_OK;
    }
    channel->state = STATE_WANT_3;
    return write_handshake(channel, "", 0, err);
}

static enum lockstep_err read_2(struct lockstep_channel *channel, const uint8_t *message,
                                size_t size, struct lockstep_channel_event *event,
                                struct lockstep_error *err)
{
    uint8_t payload[PAYLOAD_3];
    LOCKSTEP_TRY(lockstep_noise_read(&channel->noise, message, size, payload, 0, err));
    encode_hello(&channel->config.hello, payload);
    LOCKSTEP_TRY(write_handshake(channel, payload, sizeof(payload), err));
    get_up(channel);
    channel->state = STATE_UP;
    event->type = LOCKSTEP_CHANNEL_UP;
    return LOCKSTEP_OK;
}

static enum lockstep_err read_3(struct lockstep_channel *channel, const uint8_t *message,
                                size_t size, struct lockstep_channel_event *event,
                                struct lockstep_error *err)
{
    uint8_t payload[PAYLOAD_3];
    LOCKSTEP_TRY(
        lockstep_noise_read(&channel->noise, message, size, payload, sizeof(payload), err));
    if (!decode_hello(payload, &channel->hello)) {
        return LOCKSTEP_FAIL(err, REFUSED, "handshake message 3 makes no sense");
    }
    get_up(channel);
    channel->state = STATE_WANT_OWNER;
    event->type = LOCKSTEP_CHANNEL_PEER;
    return LOCKSTEP_OK;
}

/* The size that the frame must have now; the kind is checked by the caller. */
static size_t expected_size(const struct lockstep_channel *channel)
{
    return channel->state == STATE_WANT_1   ? SIZE_1
           : channel->state == STATE_WANT_2 ? SIZE_2
                                            : SIZE_3;
}

static enum lockstep_err read_handshake(struct lockstep_channel *channel,
                                        struct lockstep_channel_event *event,
                                        struct lockstep_error *err)
{
    uint8_t kind = channel->in[2];
    const uint8_t *message = channel->in + 3;
    size_t size = channel->in_size - 3;
    if (channel->state == STATE_WANT_1) {
        channel->kind = (enum lockstep_channel_kind)kind;
    }
    if ((kind != LOCKSTEP_CHANNEL_XK && kind != LOCKSTEP_CHANNEL_XKPSK3) || kind != channel->kind) {
        return LOCKSTEP_FAIL(err, REFUSED, "handshake of unknown kind %u", kind);
    }
    switch ((enum state)channel->state) {
    case STATE_WANT_1:
        return read_1(channel, message, size, event, err);
    case STATE_WANT_2:
        return read_2(channel, message, size, event, err);
    case STATE_WANT_3:
        return read_3(channel, message, size, event, err);
    case STATE_WANT_PSK:
    case STATE_WANT_OWNER:
    case STATE_UP:
    case STATE_OVER:
        break;
    }
    UNREACHABLE("no handshake frame is read in this state");
}

enum lockstep_err lockstep_channel_give_psk(struct lockstep_channel *channel,
                                            const uint8_t psk[LOCKSTEP_NOISE_KEY],
                                            struct lockstep_error *err)
{
    ASSERT(channel->state == STATE_WANT_PSK);
    lockstep_noise_set_psk(&channel->noise, psk);
    channel->state = STATE_WANT_3;
    return write_handshake(channel, "", 0, err);
}

void lockstep_channel_accept(struct lockstep_channel *channel)
{
    ASSERT(channel->state == STATE_WANT_OWNER);
    channel->state = STATE_UP;
}

/* ---- frames --------------------------------------------------------------------------------- */

static enum lockstep_err read_frame(struct lockstep_channel *channel,
                                    struct lockstep_channel_event *event,
                                    struct lockstep_error *err)
{
    const uint8_t *header = channel->in + 2;
    uint8_t *sealed = channel->in + 2 + HEADER;
    size_t size = channel->in_size - 2 - HEADER;
    if (header[0] != FRAME_VERSION || get(header + 2, 2) != 0 ||
        get(header + 4, 4) != channel->session || get(header + 8, 8) != channel->receive.n) {
        return LOCKSTEP_FAIL(err, REFUSED, "a frame is out of order or of another session");
    }
    if (!lockstep_cipher_open(&channel->receive, header, HEADER, sealed, size, sealed)) {
        return LOCKSTEP_FAIL(err, REFUSED, "a frame is not authentic");
    }
    if (channel->receive.n % REKEY_EVERY == 0) {
        lockstep_cipher_rekey(&channel->receive);
    }
    size -= LOCKSTEP_NOISE_TAG;
    if (header[1] == FRAME_CLOSE && size == 0) {
        channel->state = STATE_OVER;
        event->type = LOCKSTEP_CHANNEL_CLOSED;
        return LOCKSTEP_OK;
    }
    if (header[1] != FRAME_MESSAGE || size == 0) {
        return LOCKSTEP_FAIL(err, REFUSED, "a frame of unknown type %u", header[1]);
    }
    event->type = LOCKSTEP_CHANNEL_MESSAGE;
    event->bytes = sealed;
    event->size = size;
    return LOCKSTEP_OK;
}

/* Judges the length field as soon as it is there: before anything is kept. */
static enum lockstep_err check_length(const struct lockstep_channel *channel, size_t *ret_total,
                                      struct lockstep_error *err)
{
    size_t length = (size_t)get(channel->in, 2);
    bool up = channel->state == STATE_UP;
    bool ok = up ? length >= HEADER + LOCKSTEP_NOISE_TAG && length + 2 <= LOCKSTEP_CHANNEL_FRAME
                 : length == expected_size(channel) + 1;
    if (!ok) {
        return LOCKSTEP_FAIL(err, REFUSED, "a frame of %zu bytes is not expected here", length);
    }
    *ret_total = length + 2;
    return LOCKSTEP_OK;
}

/* Room for TOTAL bytes. A frame's room is given back when the next one is small, so that thousands
 * of quiet connections cost little. */
static enum lockstep_err make_room(struct lockstep_channel *channel, size_t total,
                                   struct lockstep_error *err)
{
    bool shrink = channel->in_size <= 2 && channel->in_max > KEPT && total <= KEPT;
    size_t room = total <= KEPT ? KEPT : total;
    uint8_t *in;
    if (total <= channel->in_max && !shrink) {
        return LOCKSTEP_OK;
    }
    in = realloc(channel->in, room);
    if (in == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a frame");
    }
    channel->in = in;
    channel->in_max = room;
    return LOCKSTEP_OK;
}

static size_t take_up_to(struct lockstep_channel *channel, size_t total, const uint8_t *bytes,
                         size_t size)
{
    size_t want = total - channel->in_size;
    size_t count = want < size ? want : size;
    ASSERT(total <= channel->in_max);
    if (count > 0) {
        memcpy(channel->in + channel->in_size, bytes, count);
        channel->in_size += count;
    }
    return count;
}

static enum lockstep_err feed(struct lockstep_channel *channel, const uint8_t *bytes, size_t size,
                              size_t *ret_used, struct lockstep_channel_event *ret_event,
                              struct lockstep_error *err)
{
    enum lockstep_err result;
    size_t total = 0;
    if (channel->in_size < 2) {
        *ret_used = take_up_to(channel, 2, bytes, size);
        if (channel->in_size < 2) {
            return LOCKSTEP_OK;
        }
    }
    LOCKSTEP_TRY(check_length(channel, &total, err));
    LOCKSTEP_TRY(make_room(channel, total, err));
    *ret_used += take_up_to(channel, total, bytes + *ret_used, size - *ret_used);
    if (channel->in_size < total) {
        return LOCKSTEP_OK;
    }
    result = channel->state == STATE_UP ? read_frame(channel, ret_event, err)
                                        : read_handshake(channel, ret_event, err);
    channel->in_size = 0;
    return result;
}

enum lockstep_err lockstep_channel_feed(struct lockstep_channel *channel, const uint8_t *bytes,
                                        size_t size, size_t *ret_used,
                                        struct lockstep_channel_event *ret_event,
                                        struct lockstep_error *err)
{
    enum lockstep_err result;
    *ret_event = (struct lockstep_channel_event){.type = LOCKSTEP_CHANNEL_NOTHING};
    *ret_used = 0;
    ASSERT(channel->state != STATE_WANT_PSK && channel->state != STATE_WANT_OWNER);
    if (channel->state == STATE_OVER) {
        return LOCKSTEP_FAIL(err, REFUSED, "bytes after the end of the channel");
    }
    result = feed(channel, bytes, size, ret_used, ret_event, err);
    if (result != LOCKSTEP_OK) {
        give_up(channel);
    }
    return result;
}

size_t lockstep_channel_take(struct lockstep_channel *channel, uint8_t *ret_bytes)
{
    size_t size = channel->out_size;
    memcpy(ret_bytes, channel->out, size);
    channel->out_size = 0;
    return size;
}

static size_t seal(struct lockstep_channel *channel, uint8_t type, const uint8_t *bytes,
                   size_t size, uint8_t *frame)
{
    ASSERT(channel->state == STATE_UP && size <= LOCKSTEP_FRAME_MAX);
    put(frame, HEADER + size + LOCKSTEP_NOISE_TAG, 2);
    frame[2] = FRAME_VERSION;
    frame[3] = type;
    put(frame + 4, 0, 2);
    put(frame + 6, channel->session, 4);
    put(frame + 10, channel->send.n, 8);
    lockstep_cipher_seal(&channel->send, frame + 2, HEADER, bytes, size, frame + 2 + HEADER);
    if (channel->send.n % REKEY_EVERY == 0) {
        lockstep_cipher_rekey(&channel->send);
    }
    return size + LOCKSTEP_CHANNEL_OVERHEAD;
}

size_t lockstep_channel_seal(struct lockstep_channel *channel, const uint8_t *bytes, size_t size,
                             uint8_t *ret_frame)
{
    ASSERT(size > 0);
    return seal(channel, FRAME_MESSAGE, bytes, size, ret_frame);
}

size_t lockstep_channel_seal_close(struct lockstep_channel *channel,
                                   uint8_t ret_frame[LOCKSTEP_CHANNEL_OVERHEAD])
{
    static const uint8_t nothing;
    return seal(channel, FRAME_CLOSE, &nothing, 0, ret_frame);
}

bool lockstep_channel_is_up(const struct lockstep_channel *channel)
{
    return channel->state == STATE_UP;
}
