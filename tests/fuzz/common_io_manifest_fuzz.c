/* Whatever is taken for a manifest is written again as the same bytes. */
#include "common/io/manifest.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lockstep_manifest manifest;
    static char text[LOCKSTEP_MANIFEST_MAX + 1];
    size_t length = 0;
    if (lockstep_manifest_parse((const char *)data, size, &manifest, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(lockstep_manifest_encode(&manifest, text, sizeof(text), &length, NULL) == LOCKSTEP_OK);
    MUST(length == size && memcmp(text, data, size) == 0);
    return 0;
}
