#include "agent/mcp/rpc.h"

#include <stdbool.h>
#include <string.h>

json_t *lockstep_rpc_load(const char *line, size_t size)
{
    return json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

static const char *mistake_of(const json_t *value)
{
    const json_t *id = json_object_get(value, "id");
    const json_t *params = json_object_get(value, "params");
    const char *version = json_string_value(json_object_get(value, "jsonrpc"));
    if (!json_is_object(value)) {
        return "a message is an object";
    }
    if (version == NULL || strcmp(version, "2.0") != 0) {
        return "jsonrpc is not \"2.0\"";
    }
    if (id != NULL && !json_is_string(id) && !json_is_integer(id)) {
        return "an id is a string or an integer";
    }
    if (json_string_length(id) > LOCKSTEP_RPC_ID_MAX) {
        return "the id is too long";
    }
    if (!json_is_string(json_object_get(value, "method"))) {
        return "there is no method";
    }
    return params != NULL && !json_is_object(params) ? "params are an object" : NULL;
}

static bool is_response(const json_t *value)
{
    return json_object_get(value, "method") == NULL &&
           (json_object_get(value, "result") != NULL || json_object_get(value, "error") != NULL);
}

void lockstep_rpc_take(json_t *value, struct lockstep_rpc *ret_rpc)
{
    json_t *id = json_object_get(value, "id");
    const char *mistake = mistake_of(value);
    bool usable = json_is_integer(id) ||
                  (json_is_string(id) && json_string_length(id) <= LOCKSTEP_RPC_ID_MAX);
    *ret_rpc = (struct lockstep_rpc){.kind = LOCKSTEP_RPC_BAD,
                                     .id = usable ? json_incref(id) : NULL,
                                     .whole = value,
                                     .method = "",
                                     .why = mistake};
    if (is_response(value)) {
        ret_rpc->kind = LOCKSTEP_RPC_RESPONSE;
    } else if (mistake == NULL) {
        ret_rpc->kind = id == NULL ? LOCKSTEP_RPC_NOTIFICATION : LOCKSTEP_RPC_REQUEST;
        ret_rpc->method = json_string_value(json_object_get(value, "method"));
        ret_rpc->params = json_object_get(value, "params");
    }
}

void lockstep_rpc_deinit(struct lockstep_rpc *rpc)
{
    json_decref(rpc->id);
    json_decref(rpc->whole);
    *rpc = (struct lockstep_rpc){.method = ""};
}

static json_t *id_or_null(const json_t *id)
{
    return id == NULL ? json_null() : json_deep_copy(id);
}

json_t *lockstep_rpc_result(const json_t *id, json_t *result)
{
    return json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_or_null(id), "result", result);
}

json_t *lockstep_rpc_error(const json_t *id, int code, const char *text, json_t *data)
{
    json_t *error = json_pack("{s:i, s:s}", "code", code, "message", text);
    if (data != NULL && json_object_set_new(error, "data", data) != 0) {
        json_decref(error);
        error = NULL;
    }
    return json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_or_null(id), "error", error);
}
