#include "agent/mcp/tool.h"

#include "common/base/limits.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char *const revisions[] = {
    [LOCKSTEP_MCP_NONE] = "",
    [LOCKSTEP_MCP_2024_11_05] = "2024-11-05",
    [LOCKSTEP_MCP_2025_03_26] = "2025-03-26",
    [LOCKSTEP_MCP_2025_06_18] = "2025-06-18",
    [LOCKSTEP_MCP_2025_11_25] = "2025-11-25",
};

enum lockstep_mcp_revision lockstep_mcp_revision_parse(const char *text)
{
    for (size_t i = 1; i < sizeof(revisions) / sizeof(revisions[0]); i++) {
        if (strcmp(revisions[i], text) == 0) {
            return (enum lockstep_mcp_revision)i;
        }
    }
    return LOCKSTEP_MCP_NONE;
}

const char *lockstep_mcp_revision_text(enum lockstep_mcp_revision revision)
{
    return revisions[revision];
}

/* ---- names ---------------------------------------------------------------------------------- */

static bool is_plain(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
           strlen(name);
}

static void put_name(const char *from, char ret_name[LOCKSTEP_MODULE_TEXT])
{
    size_t length = strnlen(from, LOCKSTEP_MODULE_TEXT - 1);
    memcpy(ret_name, from, length);
    ret_name[length] = '\0';
}

void lockstep_mcp_name(const char *tool, char ret_name[LOCKSTEP_MODULE_TEXT])
{
    size_t dot = strcspn(tool, "._");
    put_name(tool, ret_name);
    if (tool[dot] == '.') {
        ret_name[dot] = '_';
        if (!is_plain(ret_name)) {
            ret_name[dot] = '.';
        }
    }
}

void lockstep_mcp_name_back(const char *name, char ret_tool[LOCKSTEP_MODULE_TEXT])
{
    size_t dot = strcspn(name, "_");
    put_name(name, ret_tool);
    if (is_plain(ret_tool) && ret_tool[dot] == '_') {
        ret_tool[dot] = '.';
    }
}

/* ---- what a host says of a tool ------------------------------------------------------------- */

/* The schema of the arguments of a tool whose input has SCHEMA (taken over, may be NULL). */
static json_t *schema_of(json_t *schema, bool *ret_wrapped)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    *ret_wrapped = type == NULL || strcmp(type, "object") != 0;
    if (!*ret_wrapped) {
        return schema;
    }
    if (schema == NULL || (!json_is_object(schema) && !json_is_boolean(schema))) {
        json_decref(schema);
        return json_pack("{s:s, s:{s:{s:s, s:s}}}", "type", "object", "properties",
                         LOCKSTEP_MCP_INPUT, "type", "string", "description",
                         "what the tool is called with, as it is");
    }
    return json_pack("{s:s, s:{s:o}, s:[s]}", "type", "object", "properties", LOCKSTEP_MCP_INPUT,
                     schema, "required", LOCKSTEP_MCP_INPUT);
}

static bool take_text(const json_t *row, const char *key, char ret_text[LOCKSTEP_MODULE_TEXT])
{
    const json_t *member = json_object_get(row, key);
    const char *text = json_string_value(member);
    if (text == NULL || json_string_length(member) >= LOCKSTEP_MODULE_TEXT) {
        return false;
    }
    put_name(text, ret_text);
    return true;
}

bool lockstep_mcp_tool_read(const char *line, size_t size, struct lockstep_mcp_tool *ret_tool)
{
    json_t *row = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *schema = json_object_get(row, "schema_text");
    const char *text = json_string_value(json_object_get(row, "text"));
    bool well;
    *ret_tool = (struct lockstep_mcp_tool){0};
    well = take_text(row, "tool", ret_tool->tool) && take_text(row, "module", ret_tool->module) &&
           take_text(row, "version", ret_tool->version) && ret_tool->tool[0] != '\0';
    if (well) {
        lockstep_mcp_name(ret_tool->tool, ret_tool->name);
        ret_tool->generation = (uint64_t)json_integer_value(json_object_get(row, "generation"));
        ret_tool->idempotent = json_is_true(json_object_get(row, "idempotent"));
        ret_tool->text = strdup(text == NULL ? "" : text);
        ret_tool->schema = schema_of(
            !json_is_string(schema)
                ? NULL
                : json_loadb(json_string_value(schema), json_string_length(schema),
                             JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL),
            &ret_tool->wrapped);
        well = ret_tool->text != NULL && ret_tool->schema != NULL;
    }
    json_decref(row);
    if (!well) {
        lockstep_mcp_tool_deinit(ret_tool);
    }
    return well;
}

void lockstep_mcp_tool_deinit(struct lockstep_mcp_tool *tool)
{
    json_decref(tool->schema);
    free(tool->text);
    tool->schema = NULL;
    tool->text = NULL;
}

/* Which version it is of. Keys of _meta that are not the protocol's own have a prefix. */
static json_t *meta_of(const char *module, const char *version, uint64_t generation)
{
    return json_pack("{s:s, s:s, s:I}", "lockstep/module", module, "lockstep/version", version,
                     "lockstep/generation", (json_int_t)generation);
}

json_t *lockstep_mcp_tool_show(const struct lockstep_mcp_tool *tool,
                               enum lockstep_mcp_revision revision)
{
    json_t *shown = json_pack("{s:s, s:s, s:o}", "name", tool->name, "description", tool->text,
                              "inputSchema", json_deep_copy(tool->schema));
    int failed = shown == NULL ? -1 : 0;
    if (revision >= LOCKSTEP_MCP_2025_03_26) {
        failed |= json_object_set_new(shown, "annotations",
                                      json_pack("{s:s, s:b}", "title", tool->tool, "idempotentHint",
                                                tool->idempotent ? 1 : 0));
    }
    if (revision >= LOCKSTEP_MCP_2025_06_18) {
        failed |= json_object_set_new(shown, "title", json_string(tool->tool));
        failed |= json_object_set_new(shown, "_meta",
                                      meta_of(tool->module, tool->version, tool->generation));
    }
    if (failed != 0) {
        json_decref(shown);
        shown = NULL;
    }
    return shown;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static char *bytes_of(const json_t *value, size_t *ret_size)
{
    char *bytes;
    if (!json_is_string(value)) {
        bytes = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        *ret_size = bytes == NULL ? 0 : strlen(bytes);
        return bytes;
    }
    *ret_size = json_string_length(value);
    bytes = malloc(*ret_size + 1);
    if (bytes != NULL) {
        memcpy(bytes, json_string_value(value), *ret_size + 1);
    }
    return bytes;
}

char *lockstep_mcp_request(const struct lockstep_mcp_tool *tool, const json_t *arguments,
                           size_t *ret_size, const char **ret_why)
{
    const json_t *input = json_object_get(arguments, LOCKSTEP_MCP_INPUT);
    char *bytes;
    *ret_why = "no memory";
    *ret_size = 0;
    if (arguments != NULL && !json_is_object(arguments)) {
        *ret_why = "arguments are an object";
        return NULL;
    }
    if (!tool->wrapped) {
        bytes = arguments == NULL ? strdup("{}") : bytes_of(arguments, ret_size);
        *ret_size = arguments == NULL ? strlen("{}") : *ret_size;
    } else if (input == NULL && json_object_size(arguments) == 0) {
        bytes = strdup("");
    } else if (input == NULL || json_object_size(arguments) > 1) {
        *ret_why = "this tool has one argument, \"" LOCKSTEP_MCP_INPUT "\"";
        return NULL;
    } else {
        bytes = bytes_of(input, ret_size);
    }
    if (*ret_size > LOCKSTEP_TOOL_REQUEST_MAX) {
        *ret_why = "the arguments are too long";
        free(bytes);
        return NULL;
    }
    return bytes;
}

static char *base64_of(const uint8_t *bytes, size_t size)
{
    size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    if (text != NULL) {
        (void)sodium_bin2base64(text, room, bytes, size, sodium_base64_VARIANT_ORIGINAL);
    }
    return text;
}

/* Text as text, other bytes as a resource that is part of the result. */
static json_t *content_of(const struct lockstep_mcp_tool *tool,
                          const struct lockstep_answer *answer)
{
    const char *bytes = answer->bytes == NULL ? "" : (const char *)answer->bytes;
    json_t *text = json_stringn(bytes, answer->size);
    char *digits;
    char uri[sizeof("lockstep:tool/") + LOCKSTEP_MODULE_TEXT];
    json_t *content;
    if (text != NULL) {
        return json_pack("[{s:s, s:o}]", "type", "text", "text", text);
    }
    digits = base64_of(answer->bytes, answer->size);
    (void)snprintf(uri, sizeof(uri), "lockstep:tool/%s", tool->tool);
    content = digits == NULL
                  ? NULL
                  : json_pack("[{s:s, s:{s:s, s:s, s:s}}]", "type", "resource", "resource", "uri",
                              uri, "mimeType", "application/octet-stream", "blob", digits);
    free(digits);
    return content;
}

json_t *lockstep_mcp_result(const struct lockstep_mcp_tool *tool, enum lockstep_call_result result,
                            const struct lockstep_answer *answer,
                            enum lockstep_mcp_revision revision)
{
    bool failed = result != LOCKSTEP_CALL_OK;
    json_t *shown = json_pack("{s:o, s:b}", "content", content_of(tool, answer), "isError",
                              failed ? 1 : 0);
    json_t *structured = failed || answer->size == 0 || answer->bytes[0] != '{'
                             ? NULL
                             : json_loadb((const char *)answer->bytes, answer->size, 0, NULL);
    int lost = shown == NULL ? -1 : 0;
    if (revision >= LOCKSTEP_MCP_2025_06_18 && structured != NULL) {
        lost |= json_object_set(shown, "structuredContent", structured);
    }
    if (answer->version[0] != '\0') {
        lost |= json_object_set_new(shown, "_meta",
                                    meta_of(tool->module, answer->version, answer->generation));
    }
    json_decref(structured);
    if (lost != 0) {
        json_decref(shown);
        shown = NULL;
    }
    return shown;
}
