/* Whatever is taken for a intent is written again as the same bytes. */
#include "common/io/intent.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lockstep_intent intent;
    static char text[LOCKSTEP_INTENT_MAX + 1];
    size_t length = 0;
    if (lockstep_intent_parse((const char *)data, size, &intent, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(lockstep_intent_encode(&intent, text, sizeof(text), &length, NULL) == LOCKSTEP_OK);
    MUST(length == size && memcmp(text, data, size) == 0);
    return 0;
}
