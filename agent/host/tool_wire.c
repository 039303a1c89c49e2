#include "agent/host/tool_wire.h"

#include <stdlib.h>
#include <string.h>

static void write_number(uint8_t *bytes, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t read_number(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        number |= (uint64_t)bytes[i] << (8 * i);
    }
    return number;
}

const char *lockstep_tool_result_text(enum lockstep_call_result result)
{
    switch (result) {
    case LOCKSTEP_CALL_NO_TOOL:
        return "no live module has this tool";
    case LOCKSTEP_CALL_CLOSED:
        return "the module is closed and did not open in time";
    case LOCKSTEP_CALL_NO_MEMORY:
        return "no memory, or the answer is too long";
    case LOCKSTEP_CALL_INVALID:
        return "the request cannot be understood";
    case LOCKSTEP_CALL_LOST:
        return "the connection ended before there was an answer";
    case LOCKSTEP_CALL_OK:
    case LOCKSTEP_CALL_FAILED:
    default:
        return "";
    }
}

size_t lockstep_tool_length(const uint8_t head[LOCKSTEP_TOOL_HEAD])
{
    uint64_t length = read_number(head, LOCKSTEP_TOOL_HEAD);
    return length < LOCKSTEP_TOOL_REQUEST_FIXED || length > LOCKSTEP_TOOL_FRAME_MAX
               ? 0
               : (size_t)length;
}

bool lockstep_tool_request_parse(const uint8_t *rest, size_t size,
                                 struct lockstep_tool_request *ret_request)
{
    size_t name;
    if (size < LOCKSTEP_TOOL_REQUEST_FIXED || rest[1] != 0 || rest[0] < LOCKSTEP_TOOL_KIND_CALL ||
        rest[0] > LOCKSTEP_TOOL_KIND_WATCH) {
        return false;
    }
    name = (size_t)read_number(rest + 2, 2);
    if (name >= LOCKSTEP_MODULE_TEXT || name > size - LOCKSTEP_TOOL_REQUEST_FIXED) {
        return false;
    }
    ret_request->kind = (enum lockstep_tool_kind)rest[0];
    memcpy(ret_request->name, rest + LOCKSTEP_TOOL_REQUEST_FIXED, name);
    ret_request->name[name] = '\0';
    ret_request->bytes = rest + LOCKSTEP_TOOL_REQUEST_FIXED + name;
    ret_request->size = size - LOCKSTEP_TOOL_REQUEST_FIXED - name;
    return ret_request->size <= LOCKSTEP_TOOL_REQUEST_MAX;
}

size_t lockstep_tool_request_head(enum lockstep_tool_kind kind, const char *name, size_t size,
                                  uint8_t ret_head[128])
{
    size_t length = strlen(name);
    write_number(ret_head, LOCKSTEP_TOOL_REQUEST_FIXED + length + size, LOCKSTEP_TOOL_HEAD);
    ret_head[4] = (uint8_t)kind;
    ret_head[5] = 0;
    write_number(ret_head + 6, length, 2);
    memcpy(ret_head + 8, name, length);
    return 8 + length;
}

size_t lockstep_tool_answer_head(enum lockstep_call_result result,
                                 const struct lockstep_answer *answer, uint8_t ret_head[128])
{
    size_t length = strlen(answer->version);
    write_number(ret_head, LOCKSTEP_TOOL_ANSWER_FIXED + length + answer->size, LOCKSTEP_TOOL_HEAD);
    ret_head[4] = (uint8_t)result;
    ret_head[5] = (uint8_t)length;
    write_number(ret_head + 6, 0, 2);
    write_number(ret_head + 8, answer->generation, 8);
    memcpy(ret_head + 16, answer->version, length);
    return 16 + length;
}

enum lockstep_call_result lockstep_tool_answer_parse(const uint8_t *rest, size_t size,
                                                     struct lockstep_answer *ret_answer)
{
    size_t length;
    *ret_answer = (struct lockstep_answer){0};
    if (size < LOCKSTEP_TOOL_ANSWER_FIXED || rest[0] > LOCKSTEP_CALL_LOST ||
        rest[1] >= LOCKSTEP_MODULE_TEXT || rest[1] > size - LOCKSTEP_TOOL_ANSWER_FIXED) {
        return LOCKSTEP_CALL_LOST;
    }
    length = rest[1];
    ret_answer->generation = read_number(rest + 4, 8);
    memcpy(ret_answer->version, rest + LOCKSTEP_TOOL_ANSWER_FIXED, length);
    ret_answer->version[length] = '\0';
    ret_answer->size = size - LOCKSTEP_TOOL_ANSWER_FIXED - length;
    ret_answer->bytes = malloc(ret_answer->size + 1);
    if (ret_answer->bytes == NULL) {
        ret_answer->size = 0;
        return LOCKSTEP_CALL_NO_MEMORY;
    }
    memcpy(ret_answer->bytes, rest + LOCKSTEP_TOOL_ANSWER_FIXED + length, ret_answer->size);
    ret_answer->bytes[ret_answer->size] = '\0';
    return (enum lockstep_call_result)rest[0];
}
