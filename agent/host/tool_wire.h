/*
 * What is spoken on a tool socket, a stream. All numbers little-endian.
 *
 *     request: u32 length of the rest, u8 kind (1 call, 2 list, 3 registry, 4 watch), u8 0,
 *              u16 name's size, name, bytes
 *     answer:  u32 length of the rest, u8 result, u8 version's size, u16 0, u64 generation,
 *              version, bytes
 *
 * One request at a time a connection; answers come in order. Whoever breaks a rule is disconnected.
 * The answers to registry and watch have the revision of the tools as their generation: another one
 * is there after each publish, and in another process. A registry is a page, from behind the tool
 * that the request names; its version is the tool behind which it goes on, if it does. After watch
 * there is an answer without bytes at once and one at each change, as long as the connection lasts,
 * and nothing more is asked on it. A host that knows a kind not yet disconnects.
 */
#ifndef LOCKSTEP_HOST_TOOL_WIRE_H
#define LOCKSTEP_HOST_TOOL_WIRE_H

#include "agent/host/include/lockstep/host.h"
#include "common/base/limits.h"

#define LOCKSTEP_TOOL_HEAD          4 /* bytes of the length */
#define LOCKSTEP_TOOL_REQUEST_FIXED 4
#define LOCKSTEP_TOOL_ANSWER_FIXED  12
#define LOCKSTEP_TOOL_FRAME_MAX     (LOCKSTEP_TOOL_REQUEST_MAX + 256) /* of the rest */

enum lockstep_tool_kind {
    LOCKSTEP_TOOL_KIND_CALL = 1,
    LOCKSTEP_TOOL_KIND_LIST = 2,
    LOCKSTEP_TOOL_KIND_REGISTRY = 3,
    LOCKSTEP_TOOL_KIND_WATCH = 4,
};

/* The length that HEAD says; 0 if it is out of bounds. */
size_t lockstep_tool_length(const uint8_t head[LOCKSTEP_TOOL_HEAD]);

/* What became of a call, in words; "" for OK, and for FAILED, where the tool has its own. */
const char *lockstep_tool_result_text(enum lockstep_call_result result);

struct lockstep_tool_request {
    enum lockstep_tool_kind kind;
    char name[LOCKSTEP_MODULE_TEXT];
    const uint8_t *bytes; /* borrowed */
    size_t size;
};

/* Reads the rest of a request. */
bool lockstep_tool_request_parse(const uint8_t *rest, size_t size,
                                 struct lockstep_tool_request *ret_request);
/* Writes all but the bytes; returns how many bytes that is. NAME has fewer than 64. */
size_t lockstep_tool_request_head(enum lockstep_tool_kind kind, const char *name, size_t size,
                                  uint8_t ret_head[128]);
/* Writes all but the bytes of ANSWER; returns how many bytes that is. */
size_t lockstep_tool_answer_head(enum lockstep_call_result result,
                                 const struct lockstep_answer *answer, uint8_t ret_head[128]);
/* Reads the rest of an answer into *ret_answer, to be released. LOST if it makes no sense. */
enum lockstep_call_result lockstep_tool_answer_parse(const uint8_t *rest, size_t size,
                                                     struct lockstep_answer *ret_answer);

#endif
