/* A request of a trial: what is taken is written and taken again, with the same meaning. */
#include "agent/probe/contract.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_probe_request *request = NULL;
    struct lockstep_probe_request *again = NULL;
    char *text;
    char *same;
    if (lockstep_probe_request_parse((const char *)data, size, &request, NULL) != LOCKSTEP_OK) {
        return 0;
    }
    text = lockstep_probe_request_print(request);
    MUST(text != NULL);
    MUST(lockstep_probe_request_parse(text, strlen(text), &again, NULL) == LOCKSTEP_OK);
    same = lockstep_probe_request_print(again);
    MUST(same != NULL && strcmp(text, same) == 0);
    free(text);
    free(same);
    (void)lockstep_probe_request_free(request);
    (void)lockstep_probe_request_free(again);
    return 0;
}
