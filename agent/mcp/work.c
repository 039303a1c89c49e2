/* What workers do: lists and calls. */
#include "agent/mcp/server_internal.h"

#include <stdlib.h>
#include <string.h>

#define CURSOR "after:" /* and the name of the last tool that was shown */

/* What a worker knows: its connections, and a list to look names up in. */
struct worker {
    struct lockstep_mcp *server;
    struct lockstep_mcp_clients clients;
    struct lockstep_mcp_list list;
    bool has_list;
    uint64_t stamp;
};

static json_t *no_memory(const json_t *id)
{
    return lockstep_rpc_error(id, LOCKSTEP_RPC_INTERNAL, "no memory", NULL);
}

/* ---- tools/list ----------------------------------------------------------------------------- */

/* The tools behind AFTER, and where they go on. NULL: no memory. */
static json_t *page_of(const struct lockstep_mcp_list *list, const char *after,
                       enum lockstep_mcp_revision revision)
{
    json_t *tools = json_array();
    json_t *result = json_pack("{s:o}", "tools", tools);
    char cursor[sizeof(CURSOR) + LOCKSTEP_MODULE_TEXT];
    int failed = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (after != NULL && strcmp(list->tools[i].name, after) <= 0) {
            continue;
        }
        if (json_array_size(tools) == LOCKSTEP_MCP_PAGE) {
            (void)snprintf(cursor, sizeof(cursor), CURSOR "%s", list->tools[i - 1].name);
            failed |= json_object_set_new(result, "nextCursor", json_string(cursor));
            break;
        }
        failed |= json_array_append_new(tools, lockstep_mcp_tool_show(&list->tools[i], revision));
    }
    if (failed != 0) {
        json_decref(result);
        result = NULL;
    }
    return result;
}

static json_t *list_tools(struct worker *worker, const struct lockstep_mcp_call *call)
{
    const json_t *cursor = json_object_get(call->rpc.params, "cursor");
    const char *after = json_string_value(cursor);
    struct lockstep_mcp_list list;
    json_t *result;
    if (cursor != NULL && (after == NULL || strncmp(after, CURSOR, strlen(CURSOR)) != 0)) {
        return lockstep_rpc_error(call->rpc.id, LOCKSTEP_RPC_INVALID_PARAMS,
                                  "this cursor is none of ours", NULL);
    }
    if (!lockstep_mcp_sources_read(worker->server->sources, &worker->clients, true, &list)) {
        return no_memory(call->rpc.id);
    }
    result = page_of(&list, after == NULL ? NULL : after + strlen(CURSOR), call->revision);
    lockstep_mcp_list_deinit(&list);
    return result == NULL ? no_memory(call->rpc.id) : lockstep_rpc_result(call->rpc.id, result);
}

/* ---- tools/call ----------------------------------------------------------------------------- */

static bool refresh(struct worker *worker)
{
    uint64_t stamp = lockstep_mcp_sources_stamp(worker->server->sources);
    lockstep_mcp_list_deinit(&worker->list);
    worker->has_list = lockstep_mcp_sources_read(worker->server->sources, &worker->clients, false,
                                                 &worker->list);
    worker->stamp = stamp;
    return worker->has_list;
}

/* Looks in the list that it has, and in a new one if that does not help. */
static const struct lockstep_mcp_tool *find(struct worker *worker, const char *name)
{
    const struct lockstep_mcp_tool *tool = NULL;
    if (worker->has_list && worker->stamp == lockstep_mcp_sources_stamp(worker->server->sources)) {
        tool = lockstep_mcp_list_find(&worker->list, name);
    }
    if (tool == NULL && refresh(worker)) {
        tool = lockstep_mcp_list_find(&worker->list, name);
    }
    return tool;
}

/* While a service is away nobody knows what it would have. */
static json_t *unknown_tool(const struct worker *worker, const struct lockstep_mcp_call *call,
                            const char *name)
{
    char text[192];
    if (worker->has_list && worker->list.away) {
        (void)snprintf(text, sizeof(text), "No service answers that has the tool: %.100s", name);
        return lockstep_rpc_error(call->rpc.id, LOCKSTEP_RPC_BUSY, text, NULL);
    }
    (void)snprintf(text, sizeof(text), "Unknown tool: %.100s", name);
    return lockstep_rpc_error(call->rpc.id, LOCKSTEP_RPC_INVALID_PARAMS, text, NULL);
}

/* A tool that is gone since it was looked up is unknown; whatever else goes wrong is the call's. */
static json_t *call_it(struct worker *worker, const struct lockstep_mcp_call *call,
                       const struct lockstep_mcp_tool *tool, const char *bytes, size_t size)
{
    struct lockstep_answer answer;
    enum lockstep_call_result result = lockstep_client_call(
        worker->clients.clients[tool->source], tool->tool, bytes, size,
        tool->idempotent ? LOCKSTEP_CLIENT_IDEMPOTENT : 0, &answer);
    json_t *shown = NULL;
    if (result != LOCKSTEP_CALL_NO_TOOL) {
        shown = lockstep_mcp_result(tool, result, &answer, call->revision);
        shown = shown == NULL ? no_memory(call->rpc.id) : lockstep_rpc_result(call->rpc.id, shown);
    }
    lockstep_answer_deinit(&answer);
    return shown == NULL ? unknown_tool(worker, call, tool->name) : shown;
}

static json_t *call_tool(struct worker *worker, const struct lockstep_mcp_call *call)
{
    const char *name = json_string_value(json_object_get(call->rpc.params, "name"));
    const struct lockstep_mcp_tool *tool;
    const char *why = NULL;
    size_t size = 0;
    char *bytes;
    json_t *answer;
    if (name == NULL) {
        return lockstep_rpc_error(call->rpc.id, LOCKSTEP_RPC_INVALID_PARAMS,
                                  "there is no name of a tool", NULL);
    }
    tool = find(worker, name);
    if (tool == NULL) {
        return unknown_tool(worker, call, name);
    }
    bytes = lockstep_mcp_request(tool, json_object_get(call->rpc.params, "arguments"), &size, &why);
    if (bytes == NULL) {
        return lockstep_rpc_error(call->rpc.id, LOCKSTEP_RPC_INVALID_PARAMS, why, NULL);
    }
    answer = call_it(worker, call, tool, bytes, size);
    free(bytes);
    return answer;
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* The call that has waited longest; NULL: the server stops. */
static struct lockstep_mcp_call *next_call(struct lockstep_mcp *server)
{
    struct lockstep_mcp_call *found = NULL;
    (void)pthread_mutex_lock(&server->mutex);
    for (;;) {
        for (size_t i = 0; i < LOCKSTEP_MCP_CALLS_MAX; i++) {
            struct lockstep_mcp_call *call = &server->calls[i];
            if (call->state == LOCKSTEP_MCP_WAITING &&
                (found == NULL || call->order < found->order)) {
                found = call;
            }
        }
        if (found != NULL || server->stopping) {
            break;
        }
        (void)pthread_cond_wait(&server->changed, &server->mutex);
    }
    if (found != NULL) {
        found->state = LOCKSTEP_MCP_RUNNING;
    }
    (void)pthread_mutex_unlock(&server->mutex);
    return found;
}

static bool is_cancelled(struct lockstep_mcp *server, const struct lockstep_mcp_call *call)
{
    bool cancelled;
    (void)pthread_mutex_lock(&server->mutex);
    cancelled = call->cancelled;
    (void)pthread_mutex_unlock(&server->mutex);
    return cancelled;
}

/* Frees the place before the answer leaves: a client may use the id again then. */
static void finish(struct lockstep_mcp *server, struct lockstep_mcp_call *call, json_t *answer)
{
    struct lockstep_mcp_batch *batch = call->batch;
    bool cancelled;
    struct lockstep_rpc rpc;
    (void)pthread_mutex_lock(&server->mutex);
    cancelled = call->cancelled;
    rpc = call->rpc;
    *call = (struct lockstep_mcp_call){.state = LOCKSTEP_MCP_FREE};
    (void)pthread_mutex_unlock(&server->mutex);
    lockstep_rpc_deinit(&rpc);
    if (cancelled) {
        json_decref(answer);
        answer = NULL;
    }
    if (batch != NULL || !cancelled) {
        lockstep_mcp_send(server, answer, batch);
    }
}

void *lockstep_mcp_work(void *argument)
{
    struct worker worker = {.server = argument};
    struct lockstep_mcp_call *call;
    bool well = lockstep_mcp_clients_init(worker.server->sources, &worker.clients);
    while ((call = next_call(worker.server)) != NULL) {
        json_t *answer = NULL;
        if (!well) {
            answer = no_memory(call->rpc.id);
        } else if (!is_cancelled(worker.server, call)) {
            answer = strcmp(call->rpc.method, "tools/list") == 0 ? list_tools(&worker, call)
                                                                 : call_tool(&worker, call);
        }
        finish(worker.server, call, answer);
    }
    lockstep_mcp_list_deinit(&worker.list);
    lockstep_mcp_clients_deinit(&worker.clients);
    return NULL;
}
