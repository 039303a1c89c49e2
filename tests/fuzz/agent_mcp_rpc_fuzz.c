/* What a client says on a line, and what a host says of a tool: nothing of it is trusted. */
#include "agent/mcp/rpc.h"
#include "agent/mcp/tool.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* A schema of any kind asks for arguments of any kind. */
static void try_tool(const char *line, size_t size, const json_t *arguments)
{
    struct lockstep_mcp_tool tool;
    const char *why = NULL;
    char *bytes;
    char back[LOCKSTEP_MODULE_TEXT];
    if (!lockstep_mcp_tool_read(line, size, &tool)) {
        return;
    }
    MUST(tool.tool[0] != '\0' && json_is_object(tool.schema));
    if (strcmp(tool.name, tool.tool) != 0) {
        lockstep_mcp_name_back(tool.name, back);
        MUST(strcmp(back, tool.tool) == 0);
    }
    bytes = lockstep_mcp_request(&tool, arguments, &size, &why);
    MUST(bytes != NULL || why != NULL);
    free(bytes);
    json_decref(lockstep_mcp_tool_show(&tool, LOCKSTEP_MCP_2025_06_18));
    lockstep_mcp_tool_deinit(&tool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = lockstep_rpc_load((const char *)data, size);
    struct lockstep_rpc rpc;
    if (value == NULL) {
        return 0;
    }
    lockstep_rpc_take(value, &rpc);
    MUST(rpc.kind != LOCKSTEP_RPC_REQUEST || (rpc.id != NULL && rpc.method != NULL));
    MUST(rpc.kind != LOCKSTEP_RPC_BAD || rpc.why != NULL);
    MUST(rpc.params == NULL || json_is_object(rpc.params));
    json_decref(lockstep_rpc_result(rpc.id, json_object()));
    try_tool((const char *)data, size, json_object_get(rpc.params, "arguments"));
    lockstep_rpc_deinit(&rpc);
    return 0;
}
