/* A stranger who knows how to shake hands, but is nobody: whatever stands sealed in messages 1 and
 * 3, the owner is asked about a peer that makes sense, or nothing comes of it. The first input byte
 * says how it enrols and whether its secret is the right one; then 8 bytes of message 1, 128 of
 * message 3, and what it sends before the owner has answered. */
#include "common/io/channel.h"
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <string.h>

#define PAYLOAD_3 128

static const uint8_t coordinator[LOCKSTEP_NOISE_KEY] = {1};
static const uint8_t stranger[LOCKSTEP_NOISE_KEY] = {2};
static const uint8_t psk[LOCKSTEP_NOISE_KEY] = {3};

static void begin(struct lockstep_noise *noise, enum lockstep_channel_kind kind, bool right)
{
    static const uint8_t wrong[LOCKSTEP_NOISE_KEY] = {4};
    uint8_t prologue[9 + 2 + 1 + LOCKSTEP_ID_BYTES] = "LOCKSTEP";
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    const struct lockstep_noise_config config = {.initiator = true,
                                                 .with_psk = kind == LOCKSTEP_CHANNEL_XKPSK3,
                                                 .own = stranger,
                                                 .remote = remote,
                                                 .prologue = prologue,
                                                 .prologue_length = sizeof(prologue),
                                                 .ephemeral = stranger};
    prologue[10] = 1;
    prologue[11] = (uint8_t)kind;
    MUST(sodium_init() >= 0 && crypto_scalarmult_base(remote, coordinator) == 0);
    MUST(lockstep_noise_init(noise, &config, NULL) == LOCKSTEP_OK);
    if (config.with_psk) {
        lockstep_noise_set_psk(noise, right ? psk : wrong);
    }
}

/* Seals PAYLOAD into the next message and feeds it. */
static enum lockstep_err say(struct lockstep_noise *noise, struct lockstep_channel *channel,
                             const uint8_t *payload, size_t size,
                             struct lockstep_channel_event *ret_event)
{
    uint8_t frame[LOCKSTEP_HANDSHAKE_MAX];
    size_t length = lockstep_noise_overhead(noise) + size;
    size_t used = 0;
    enum lockstep_err result;
    frame[0] = (uint8_t)((length + 1) >> 8);
    frame[1] = (uint8_t)(length + 1);
    frame[2] = noise->with_psk ? LOCKSTEP_CHANNEL_XKPSK3 : LOCKSTEP_CHANNEL_XK;
    MUST(lockstep_noise_write(noise, payload, size, frame + 3, NULL) == LOCKSTEP_OK);
    result = lockstep_channel_feed(channel, frame, length + 3, &used, ret_event, NULL);
    MUST(result != LOCKSTEP_OK || used == length + 3);
    return result;
}

static void read_2(struct lockstep_noise *noise, struct lockstep_channel *channel)
{
    uint8_t frame[LOCKSTEP_HANDSHAKE_MAX];
    uint8_t nothing[1];
    size_t size = lockstep_channel_take(channel, frame);
    MUST(size > 3);
    MUST(lockstep_noise_read(noise, frame + 3, size - 3, nothing, 0, NULL) == LOCKSTEP_OK);
}

static void must_be_sound(const struct lockstep_hello *hello)
{
    MUST(hello->version_min >= 1 && hello->version_min <= hello->version_max);
    MUST(memchr(hello->software, '\0', sizeof(hello->software)) != NULL);
    for (const char *c = hello->software; *c != '\0'; c++) {
        MUST(*c > ' ' && *c <= '~');
    }
}

/* The owner says yes: what nobody has sealed is no message all the same. */
static void go_on(struct lockstep_channel *channel, const uint8_t *data, size_t size)
{
    struct lockstep_channel_event event;
    lockstep_channel_accept(channel);
    while (size > 0) {
        size_t used = 0;
        if (lockstep_channel_feed(channel, data, size, &used, &event, NULL) != LOCKSTEP_OK) {
            break;
        }
        MUST(event.type == LOCKSTEP_CHANNEL_NOTHING && used > 0);
        data += used;
        size -= used;
    }
}

static void shake_hands(struct lockstep_noise *noise, struct lockstep_channel *channel,
                        const uint8_t *payload, bool may)
{
    struct lockstep_channel_event event;
    MUST(say(noise, channel, payload, LOCKSTEP_CHANNEL_TOKEN_ID, &event) == LOCKSTEP_OK);
    if (noise->with_psk) {
        MUST(event.type == LOCKSTEP_CHANNEL_TOKEN);
        MUST(memcmp(channel->token, payload, LOCKSTEP_CHANNEL_TOKEN_ID) == 0);
        MUST(lockstep_channel_give_psk(channel, psk, NULL) == LOCKSTEP_OK);
    }
    read_2(noise, channel);
    if (say(noise, channel, payload + LOCKSTEP_CHANNEL_TOKEN_ID, PAYLOAD_3, &event) ==
        LOCKSTEP_OK) {
        MUST(may && event.type == LOCKSTEP_CHANNEL_PEER);
        must_be_sound(&channel->hello);
        go_on(channel, payload, LOCKSTEP_CHANNEL_TOKEN_ID + PAYLOAD_3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct lockstep_channel_config config = {.own = coordinator};
    uint8_t payload[LOCKSTEP_CHANNEL_TOKEN_ID + PAYLOAD_3] = {0};
    struct lockstep_channel channel;
    struct lockstep_noise noise;
    bool enrols;
    bool right;
    if (size == 0) {
        return 0;
    }
    enrols = (data[0] & 1U) != 0;
    right = (data[0] & 2U) == 0;
    memcpy(payload, data + 1, size - 1 < sizeof(payload) ? size - 1 : sizeof(payload));
    MUST(lockstep_channel_init(&channel, &config, NULL) == LOCKSTEP_OK);
    begin(&noise, enrols ? LOCKSTEP_CHANNEL_XKPSK3 : LOCKSTEP_CHANNEL_XK, right);
    shake_hands(&noise, &channel, payload, right || !enrols);
    lockstep_noise_deinit(&noise);
    lockstep_channel_deinit(&channel);
    return 0;
}
