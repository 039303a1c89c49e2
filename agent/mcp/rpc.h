/*
 * JSON-RPC 2.0 as the Model Context Protocol uses it: one value is taken apart, answers are made.
 *
 * Everything that comes is hostile. What is no request says which error answers it. It knows no
 * method and no tool, and does no I/O.
 */
#ifndef LOCKSTEP_MCP_RPC_H
#define LOCKSTEP_MCP_RPC_H

#include <jansson.h>
#include <stddef.h>

/* The codes of JSON-RPC 2.0, section 5.1, and one of the range that is left to servers. */
#define LOCKSTEP_RPC_PARSE_ERROR      (-32700)
#define LOCKSTEP_RPC_INVALID_REQUEST  (-32600)
#define LOCKSTEP_RPC_METHOD_NOT_FOUND (-32601)
#define LOCKSTEP_RPC_INVALID_PARAMS   (-32602)
#define LOCKSTEP_RPC_INTERNAL         (-32603)
#define LOCKSTEP_RPC_BUSY             (-32000)

#define LOCKSTEP_RPC_ID_MAX 512 /* bytes of an id that is a string */

enum lockstep_rpc_kind {
    LOCKSTEP_RPC_REQUEST,
    LOCKSTEP_RPC_NOTIFICATION,
    LOCKSTEP_RPC_RESPONSE, /* nobody was asked anything: to be ignored */
    LOCKSTEP_RPC_BAD,      /* answered with an INVALID_REQUEST */
};

/* Release with _deinit. */
struct lockstep_rpc {
    enum lockstep_rpc_kind kind;
    json_t *id;         /* owned; NULL where there is none */
    json_t *whole;      /* owned: what the next two are of */
    const char *method; /* "" where there is none */
    json_t *params;     /* an object, or NULL */
    const char *why;    /* of BAD */
};

/* Reads one line. NULL: it is no JSON. To be decref'ed. */
json_t *lockstep_rpc_load(const char *line, size_t size);
/* Takes apart VALUE, which is taken over. */
void lockstep_rpc_take(json_t *value, struct lockstep_rpc *ret_rpc);
void lockstep_rpc_deinit(struct lockstep_rpc *rpc);

/* Answers. ID is borrowed (NULL: null), RESULT and DATA (may be NULL) are taken over. NULL: no
 * memory. */
json_t *lockstep_rpc_result(const json_t *id, json_t *result);
json_t *lockstep_rpc_error(const json_t *id, int code, const char *text, json_t *data);

#endif
