/* Whatever is taken for a record of the exec driver is written again as the same bytes. */
#include "agent/exec_files.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lockstep_exec_record record;
    static char text[LOCKSTEP_EXEC_RECORD_MAX + 1];
    size_t length = 0;
    if (lockstep_exec_record_parse((const char *)data, size, &record, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    MUST(lockstep_exec_record_format(&record, text, sizeof(text), &length, NULL) == LOCKSTEP_OK);
    MUST(length == size && memcmp(text, data, size) == 0);
    return 0;
}
