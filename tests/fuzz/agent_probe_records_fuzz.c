/* What is taken for a state in canonical form is written again as the same bytes. */
#include "agent/probe/records.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_records records;
    uint32_t schema = 0;
    lockstep_records_init(&records, size);
    if (lockstep_records_parse(&records, data, size, &schema, NULL) == LOCKSTEP_OK) {
        size_t length = 0;
        uint8_t *bytes = lockstep_records_print(&records, schema, &length);
        MUST(bytes != NULL && length == size && memcmp(bytes, data, size) == 0);
        MUST(lockstep_records_equal(&records, &records));
        free(bytes);
    }
    lockstep_records_deinit(&records);
    return 0;
}
