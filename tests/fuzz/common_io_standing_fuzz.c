/* Whatever is taken for a standing order is written again as the same bytes. */
#include "common/io/standing.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lockstep_standing standing;
    static char text[LOCKSTEP_STANDING_MAX + 1];
    size_t length = 0;
    if (lockstep_standing_parse((const char *)data, size, &standing, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(lockstep_standing_encode(&standing, text, sizeof(text), &length, NULL) == LOCKSTEP_OK);
    MUST(length == size && memcmp(text, data, size) == 0);
    return 0;
}
