/* A verdict comes from a process that ran somebody's code: what is taken is written and taken
 * again, with the same meaning. */
#include "agent/probe/contract.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_probe_verdict *verdict = NULL;
    struct lockstep_probe_verdict *again = NULL;
    char *text;
    if (lockstep_probe_verdict_parse((const char *)data, size, &verdict, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    text = lockstep_probe_verdict_print(verdict);
    MUST(text != NULL);
    MUST(lockstep_probe_verdict_parse(text, strlen(text), &again, NULL) == LOCKSTEP_OK);
    MUST(again->ok == verdict->ok && again->no == verdict->no);
    free(text);
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_verdict_free(again);
    return 0;
}
