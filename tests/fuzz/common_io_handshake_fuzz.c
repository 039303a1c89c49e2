/* Bytes of strangers. However they come, in one piece or in many, neither side of a handshake comes
 * up or asks its owner about a peer, and both behave alike for equal bytes. */
#include "common/io/channel.h"
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <string.h>

static const uint8_t secret[LOCKSTEP_NOISE_KEY] = {1};

/* Feeds all of DATA in pieces of STEP bytes; how many were taken before it was refused. */
static size_t feed_in_pieces(bool dialler, const uint8_t *data, size_t size, size_t step)
{
    static uint8_t remote[LOCKSTEP_NOISE_KEY];
    struct lockstep_channel_config config = {.dialler = dialler, .own = secret};
    struct lockstep_channel channel;
    size_t at = 0;
    if (remote[0] == 0 && remote[1] == 0) {
        MUST(sodium_init() >= 0 && crypto_scalarmult_base(remote, secret) == 0);
    }
    if (dialler) {
        config.kind = LOCKSTEP_CHANNEL_XK;
        config.remote = remote;
        config.hello = (struct lockstep_hello){.version_min = 1, .version_max = 1};
    }
    MUST(lockstep_channel_init(&channel, &config, NULL) == LOCKSTEP_OK);
    while (at < size) {
        struct lockstep_channel_event event;
        size_t part = size - at < step ? size - at : step;
        size_t used = 0;
        if (lockstep_channel_feed(&channel, data + at, part, &used, &event, NULL) != LOCKSTEP_OK) {
            MUST(lockstep_channel_feed(&channel, data, 1, &used, &event, NULL) != LOCKSTEP_OK);
            break;
        }
        MUST(event.type == LOCKSTEP_CHANNEL_NOTHING && used > 0);
        at += used;
    }
    MUST(!lockstep_channel_is_up(&channel));
    lockstep_channel_deinit(&channel);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int dialler = 0; dialler < 2; dialler++) {
        bool whole = feed_in_pieces(dialler == 1, data, size, SIZE_MAX) == size;
        MUST(whole == (feed_in_pieces(dialler == 1, data, size, 1) == size));
    }
    return 0;
}
