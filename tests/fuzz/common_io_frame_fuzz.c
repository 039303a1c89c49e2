/* A channel that is up gets bytes that its peer did not seal: nothing of them is ever a message.
 * The first input byte says what true frame stands before them and where it is spoiled. */
#include "common/io/channel.h"
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <string.h>

static void hand_over(struct lockstep_channel *from, struct lockstep_channel *to)
{
    uint8_t frame[LOCKSTEP_HANDSHAKE_MAX];
    struct lockstep_channel_event event;
    size_t used = 0;
    size_t size = lockstep_channel_take(from, frame);
    MUST(lockstep_channel_feed(to, frame, size, &used, &event, NULL) == LOCKSTEP_OK);
    MUST(used == size);
    if (event.type == LOCKSTEP_CHANNEL_PEER) {
        lockstep_channel_accept(to);
    }
}

static void begin_up(struct lockstep_channel *dialler, struct lockstep_channel *listener)
{
    static const uint8_t secret[LOCKSTEP_NOISE_KEY] = {1};
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    struct lockstep_channel_config config = {.own = secret};
    MUST(sodium_init() >= 0 && crypto_scalarmult_base(remote, secret) == 0);
    MUST(lockstep_channel_init(listener, &config, NULL) == LOCKSTEP_OK);
    config.dialler = true;
    config.kind = LOCKSTEP_CHANNEL_XK;
    config.remote = remote;
    config.hello = (struct lockstep_hello){.version_min = 1, .version_max = 1};
    MUST(lockstep_channel_init(dialler, &config, NULL) == LOCKSTEP_OK);
    hand_over(dialler, listener);
    hand_over(listener, dialler);
    hand_over(dialler, listener);
    MUST(lockstep_channel_is_up(dialler) && lockstep_channel_is_up(listener));
}

/* The same channel once more: shaking hands anew for each input would take all the time. */
static void copy(const struct lockstep_channel *from, struct lockstep_channel *to)
{
    *to = *from;
    to->in = malloc(from->in_max);
    MUST(to->in != NULL);
    memcpy(to->in, from->in, from->in_size);
}

/* Feeds all of it; how many messages came. */
static size_t feed_all(struct lockstep_channel *channel, const uint8_t *bytes, size_t size)
{
    size_t messages = 0;
    while (size > 0) {
        struct lockstep_channel_event event;
        size_t used = 0;
        if (lockstep_channel_feed(channel, bytes, size, &used, &event, NULL) != LOCKSTEP_OK) {
            MUST(!lockstep_channel_is_up(channel));
            break;
        }
        MUST(used > 0 && event.type != LOCKSTEP_CHANNEL_CLOSED);
        messages += event.type == LOCKSTEP_CHANNEL_MESSAGE;
        bytes += used;
        size -= used;
    }
    return messages;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lockstep_channel first[2];
    struct lockstep_channel dialler;
    struct lockstep_channel listener;
    uint8_t frame[256 + LOCKSTEP_CHANNEL_OVERHEAD];
    size_t length;
    size_t messages;
    bool spoiled;
    if (size < 2) {
        return 0;
    }
    if (first[0].in == NULL) {
        begin_up(&first[0], &first[1]);
    }
    copy(&first[0], &dialler);
    copy(&first[1], &listener);
    length = lockstep_channel_seal(&dialler, data + 1, size - 1 < 256 ? size - 1 : 256, frame);
    spoiled = data[0] < length;
    if (spoiled) {
        frame[data[0]] ^= data[1] == 0 ? 1 : data[1];
    }
    messages = feed_all(&listener, frame, length);
    MUST(messages == (spoiled ? 0 : 1));
    MUST(feed_all(&listener, data + 1, size - 1) == 0); /* these bytes nobody has sealed */
    lockstep_channel_deinit(&dialler);
    lockstep_channel_deinit(&listener);
    return 0;
}
