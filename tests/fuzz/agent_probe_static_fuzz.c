/* Any bytes are judged: a finding or a fact, never a read outside of them. No library is opened. */
#include "agent/probe/static.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct lockstep_probe_policy policy = {.file_bytes = LOCKSTEP_ARTIFACT_MAX,
                                                 .isa_level = LOCKSTEP_PROBE_ISA_BASELINE};
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    const struct lockstep_probe_case subject = {.policy = &policy, .verdict = verdict};
    MUST(verdict != NULL);
    verdict->subjects_count = 1;
    lockstep_probe_static(&subject, data, size);
    MUST(verdict->ok == (verdict->findings_count == 0));
    MUST(!verdict->ok || verdict->subjects[0].facts.module.text[0] != '\0');
    (void)lockstep_probe_verdict_free(verdict);
    return 0;
}
