/*
 * A tool as the Model Context Protocol has it: its name, the schema of its arguments, what is made
 * of the arguments of a call, and what of its answer.
 *
 * Names: many clients take letters, digits, "_" and "-" only. A module's name has no "_", so the
 * first dot of "module.verb" becomes one, and the first "_" is that dot again. A name that cannot
 * go this way there and back stays as it is.
 *
 * Arguments: a tool whose schema is of an object gets the arguments as JSON. Others have one
 * argument, "input": of a tool without a schema, or with one of a string, the string as it is, else
 * the value as JSON.
 */
#ifndef LOCKSTEP_MCP_TOOL_H
#define LOCKSTEP_MCP_TOOL_H

#include <jansson.h>
#include <lockstep/client.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_MCP_INPUT "input"

struct lockstep_mcp_tool {
    char name[LOCKSTEP_MODULE_TEXT]; /* as clients know it */
    char tool[LOCKSTEP_MODULE_TEXT];
    char module[LOCKSTEP_MODULE_TEXT];
    char version[LOCKSTEP_MODULE_TEXT];
    uint64_t generation;
    bool idempotent;
    bool wrapped;   /* its argument is "input" */
    size_t source;  /* which socket it is at */
    json_t *schema; /* owned: of its arguments, an object's */
    char *text;     /* owned */
};

/* What the protocol's revisions have, later ones on top of earlier ones. */
enum lockstep_mcp_revision {
    LOCKSTEP_MCP_NONE, /* not negotiated yet */
    LOCKSTEP_MCP_2024_11_05,
    LOCKSTEP_MCP_2025_03_26, /* annotations; batches */
    LOCKSTEP_MCP_2025_06_18, /* structured content, titles; no batches */
    LOCKSTEP_MCP_2025_11_25,
};

/* Of "2025-06-18"; NONE: it is not one of these. */
enum lockstep_mcp_revision lockstep_mcp_revision_parse(const char *text);
const char *lockstep_mcp_revision_text(enum lockstep_mcp_revision revision);

/* The name for clients of TOOL, which has fewer than LOCKSTEP_MODULE_TEXT bytes, and back. */
void lockstep_mcp_name(const char *tool, char ret_name[LOCKSTEP_MODULE_TEXT]);
void lockstep_mcp_name_back(const char *name, char ret_tool[LOCKSTEP_MODULE_TEXT]);

/* Reads a line of lockstep_client_tools(). False: it is none, or there is no memory. */
bool lockstep_mcp_tool_read(const char *line, size_t size, struct lockstep_mcp_tool *ret_tool);
void lockstep_mcp_tool_deinit(struct lockstep_mcp_tool *tool);
/* As tools/list shows it. NULL: no memory. */
json_t *lockstep_mcp_tool_show(const struct lockstep_mcp_tool *tool,
                               enum lockstep_mcp_revision revision);

/* What the tool is called with, to be freed: ARGUMENTS (may be NULL) as it wants them. NULL: they
 * do not fit, and *RET_WHY says why. */
char *lockstep_mcp_request(const struct lockstep_mcp_tool *tool, const json_t *arguments,
                           size_t *ret_size, const char **ret_why);
/* The result of a call. NULL: no memory. */
json_t *lockstep_mcp_result(const struct lockstep_mcp_tool *tool, enum lockstep_call_result result,
                            const struct lockstep_answer *answer,
                            enum lockstep_mcp_revision revision);

#endif
