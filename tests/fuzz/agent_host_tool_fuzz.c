/* Both directions of a tool socket: what is taken stays within its bytes, and is written again as
 * the same ones. The first four bytes are the length that a frame says it has. */
#include "agent/host/tool_wire.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void try_request(const uint8_t *rest, size_t size)
{
    struct lockstep_tool_request request;
    uint8_t head[128];
    size_t length;
    if (!lockstep_tool_request_parse(rest, size, &request)) {
        return;
    }
    MUST(request.bytes + request.size == rest + size);
    if (memchr(rest + LOCKSTEP_TOOL_REQUEST_FIXED, '\0',
               size - request.size - LOCKSTEP_TOOL_REQUEST_FIXED) != NULL) {
        return; /* no tool has such a name */
    }
    length = lockstep_tool_request_head(request.kind, request.name, request.size, head);
    MUST(lockstep_tool_length(head) == size && length - LOCKSTEP_TOOL_HEAD + request.size == size);
    MUST(memcmp(head + LOCKSTEP_TOOL_HEAD, rest, length - LOCKSTEP_TOOL_HEAD) == 0);
}

static void try_answer(const uint8_t *rest, size_t size)
{
    struct lockstep_answer answer;
    enum lockstep_call_result result = lockstep_tool_answer_parse(rest, size, &answer);
    if (answer.bytes != NULL) {
        MUST((unsigned)result == rest[0]);
        MUST(answer.size == size - LOCKSTEP_TOOL_ANSWER_FIXED - rest[1]);
        MUST(memcmp(answer.bytes, rest + size - answer.size, answer.size) == 0);
    }
    free(answer.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < LOCKSTEP_TOOL_HEAD) {
        return 0;
    }
    MUST(lockstep_tool_length(data) <= LOCKSTEP_TOOL_FRAME_MAX);
    try_request(data + LOCKSTEP_TOOL_HEAD, size - LOCKSTEP_TOOL_HEAD);
    try_answer(data + LOCKSTEP_TOOL_HEAD, size - LOCKSTEP_TOOL_HEAD);
    return 0;
}
