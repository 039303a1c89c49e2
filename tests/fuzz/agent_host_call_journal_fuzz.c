/* The reader of journals, which are what a process left that died: whatever the bytes, what it
 * gives lies within them, and is written again as it was. */
#include "agent/host/call_journal.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void write_again(const struct lockstep_call_journal_record *record, const uint8_t *bytes,
                        size_t size)
{
    struct lockstep_call_journal journal = {.fd = -1};
    struct lockstep_call_journal_reader reader;
    struct lockstep_call_journal_record again;
    MUST(record->request >= bytes && record->request + record->request_size <= bytes + size);
    MUST(memchr(record->tool, '\0', sizeof(record->tool)) != NULL);
    if (record->request_size > 2048 ||
        lockstep_call_journal_new(&journal, 4096, record->sequence, NULL) != LOCKSTEP_OK) {
        return;
    }
    MUST(lockstep_call_journal_copy(&journal, record));
    MUST(lockstep_call_journal_begin(&reader, journal.bytes, journal.size));
    MUST(lockstep_call_journal_next(&reader, &again));
    MUST(again.sequence == record->sequence && again.generation == record->generation);
    MUST(again.result == record->result && strcmp(again.tool, record->tool) == 0);
    MUST(again.request_size == record->request_size &&
         memcmp(again.request, record->request, again.request_size) == 0);
    lockstep_call_journal_deinit(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_call_journal_reader reader;
    struct lockstep_call_journal_record record;
    if (!lockstep_call_journal_begin(&reader, data, size)) {
        return 0;
    }
    for (int i = 0; i < 4 && lockstep_call_journal_next(&reader, &record); i++) {
        write_again(&record, data, size);
    }
    return 0;
}
