/* What is taken for a boot file is written and taken again, with the same meaning. */
#include "common/hostwire/boot.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void read_from(const void *bytes, size_t size, struct lockstep_boot *ret_boot, bool must)
{
    FILE *stream = size == 0 ? fopen("/dev/null", "r")
                             : fmemopen((void *)(uintptr_t)bytes, size, "r");
    enum lockstep_err code;
    MUST(stream != NULL);
    code = lockstep_boot_read(stream, ret_boot, NULL);
    MUST(code == LOCKSTEP_OK || !must);
    ret_boot->count = code == LOCKSTEP_OK ? ret_boot->count : SIZE_MAX;
    (void)fclose(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lockstep_boot boot;
    static struct lockstep_boot again;
    char *text = NULL;
    size_t length = 0;
    FILE *stream;
    memset(&boot, 0, sizeof(boot));
    memset(&again, 0, sizeof(again));
    read_from(data, size, &boot, false);
    if (boot.count == SIZE_MAX) {
        return 0;
    }
    MUST(boot.count <= LOCKSTEP_NODE_MODULES_MAX);
    for (size_t i = 0; i < boot.count; i++) {
        MUST(boot.entries[i].path[0] == '/');
    }
    stream = open_memstream(&text, &length);
    MUST(stream != NULL && lockstep_boot_write(&boot, stream, NULL) == LOCKSTEP_OK);
    (void)fclose(stream);
    read_from(text, length, &again, true);
    MUST(memcmp(&boot, &again, sizeof(boot)) == 0);
    free(text);
    return 0;
}
