/* Any bytes from anybody: whatever is taken for a message can be sent on, and is the same message
 * when it arrives there. */
#include "common/io/wire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define EVERYBODY 0xFFU

static struct lockstep_wire_codec *codec;
static uint8_t frame[LOCKSTEP_FRAME_MAX];
static uint8_t again[LOCKSTEP_FRAME_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_wire wire;
    size_t length = 0;
    size_t length_again = 0;
    if (codec == NULL) {
        codec = lockstep_wire_codec_new();
        MUST(codec != NULL);
    }
    if (lockstep_wire_decode(codec, EVERYBODY, data, size, &wire, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(lockstep_wire_encode(codec, &wire, frame, &length, NULL) == LOCKSTEP_OK);
    MUST(lockstep_wire_decode(codec, EVERYBODY, frame, length, &wire, NULL) == LOCKSTEP_OK);
    MUST(lockstep_wire_encode(codec, &wire, again, &length_again, NULL) == LOCKSTEP_OK);
    MUST(length == length_again && memcmp(frame, again, length) == 0);
    return 0;
}
