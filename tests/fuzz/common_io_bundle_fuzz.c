/* Whatever is taken for a bundle is written again as the same bytes. */
#include "common/io/bundle.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lockstep_bundle bundle;
    static char text[LOCKSTEP_BUNDLE_MAX + 1];
    size_t length = 0;
    if (lockstep_bundle_parse((const char *)data, size, &bundle, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(lockstep_bundle_encode(&bundle, text, sizeof(text), &length, NULL) == LOCKSTEP_OK);
    MUST(length == size && memcmp(text, data, size) == 0);
    return 0;
}
