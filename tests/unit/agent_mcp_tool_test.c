/* Tools as clients of the Model Context Protocol see them. */
#include "agent/mcp/tool.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------------------------- */

static const struct naming {
    const char *name;
    const char *tool;
    const char *wanted;
} namings[] = {
    {"plain", "echo.say", "echo_say"},
    {"dash", "rate-limit.take", "rate-limit_take"},
    {"underscore", "kv.get_all", "kv_get_all"},
    {"doubled", "kv._get", "kv__get"},
    {"two dots stay", "kv.a.b", "kv.a.b"},
    {"no dot", "ping", "ping"},
    {"other letters stay", "kv.g\xc3\xa4t", "kv.g\xc3\xa4t"},
};

static void check_naming(void **state)
{
    const struct naming *row = *state;
    char name[LOCKSTEP_MODULE_TEXT];
    char tool[LOCKSTEP_MODULE_TEXT];
    lockstep_mcp_name(row->tool, name);
    assert_string_equal(name, row->wanted);
    lockstep_mcp_name_back(name, tool);
    assert_string_equal(tool, row->tool);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static const struct asking {
    const char *name;
    const char *schema; /* NULL: none */
    const char *arguments;
    const char *bytes; /* NULL: refused */
    const char *input_schema;
} askings[] = {
    {"an object", "{\"type\":\"object\"}", "{\"a\": 1}", "{\"a\":1}", "{\"type\":\"object\"}"},
    {"no arguments of an object", "{\"type\":\"object\"}", NULL, "{}", "{\"type\":\"object\"}"},
    {"text", "{\"type\":\"string\"}", "{\"input\":\"a \\\"b\\\"\"}", "a \"b\"",
     "{\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"],"
     "\"type\":\"object\"}"},
    {"a number", "{\"type\":\"number\"}", "{\"input\":7}", "7",
     "{\"properties\":{\"input\":{\"type\":\"number\"}},\"required\":[\"input\"],"
     "\"type\":\"object\"}"},
    {"without a type", "{\"enum\":[1]}", "{\"input\":[1, {}]}", "[1,{}]", NULL},
    {"no schema", NULL, "{\"input\":\"x\"}", "x", NULL},
    {"no schema, no arguments", NULL, NULL, "", NULL},
    {"no schema, empty arguments", NULL, "{}", "", NULL},
    {"no schema, another argument", NULL, "{\"x\":1}", NULL, NULL},
    {"no schema, two arguments", NULL, "{\"input\":1,\"x\":1}", NULL, NULL},
    {"arguments in order", "{\"type\":\"object\"}", "[1]", NULL, NULL},
    {"a schema that is no JSON", "{", "{\"input\":\"x\"}", "x", NULL},
    {"a schema that is a number", "7", "{\"input\":\"x\"}", "x", NULL},
};

static void read_tool(const char *schema, struct lockstep_mcp_tool *ret_tool)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:i, s:b, s:s, s:o}", "tool", "a.b", "module", "a",
                            "version", "1.0.0", "generation", 4, "idempotent", 1, "text", "Does",
                            "schema_text", schema == NULL ? json_null() : json_string(schema));
    char *line = json_dumps(row, JSON_COMPACT);
    assert_true(lockstep_mcp_tool_read(line, strlen(line), ret_tool));
    free(line);
    json_decref(row);
}

static void check_asking(void **state)
{
    const struct asking *row = *state;
    struct lockstep_mcp_tool tool;
    json_t *arguments = row->arguments == NULL ? NULL : json_loads(row->arguments, 0, NULL);
    const char *why = NULL;
    size_t size = 0;
    char *bytes;
    char *schema;
    read_tool(row->schema, &tool);
    bytes = lockstep_mcp_request(&tool, arguments, &size, &why);
    schema = json_dumps(tool.schema, JSON_COMPACT | JSON_SORT_KEYS);
    if (row->bytes == NULL) {
        assert_null(bytes);
        assert_non_null(why);
    } else {
        assert_non_null(bytes);
        assert_string_equal(bytes, row->bytes);
        assert_int_equal(size, strlen(row->bytes));
    }
    assert_string_equal(json_string_value(json_object_get(tool.schema, "type")), "object");
    assert_true(row->input_schema == NULL || strcmp(row->input_schema, schema) == 0);
    free(schema);
    free(bytes);
    json_decref(arguments);
    lockstep_mcp_tool_deinit(&tool);
}

/* ---- lines of a host ------------------------------------------------------------------------ */

static const struct strange {
    const char *name;
    const char *line;
} stranges[] = {
    {"no JSON", "x"},
    {"no object", "[]"},
    {"no tool", "{\"module\":\"a\",\"version\":\"1\"}"},
    {"an empty name", "{\"tool\":\"\",\"module\":\"a\",\"version\":\"1\"}"},
    {"no version", "{\"tool\":\"a.b\",\"module\":\"a\"}"},
    {"a name that is too long",
     "{\"tool\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"module\":"
     "\"a\",\"version\":\"1\"}"},
};

static void check_strange(void **state)
{
    const struct strange *row = *state;
    struct lockstep_mcp_tool tool;
    assert_false(lockstep_mcp_tool_read(row->line, strlen(row->line), &tool));
}

/* ---- what is shown -------------------------------------------------------------------------- */

static const struct shown {
    const char *name;
    const char *bytes;
    size_t size;
    enum lockstep_call_result result;
    enum lockstep_mcp_revision revision;
    const char *wanted;
} showns[] = {
    {"text", "hi", 2, LOCKSTEP_CALL_OK, LOCKSTEP_MCP_2025_06_18,
     "{\"content\":[{\"text\":\"hi\",\"type\":\"text\"}],\"isError\":false}"},
    {"failure", "no", 2, LOCKSTEP_CALL_FAILED, LOCKSTEP_MCP_2025_06_18,
     "{\"content\":[{\"text\":\"no\",\"type\":\"text\"}],\"isError\":true}"},
    {"structured", "{\"a\":1}", 7, LOCKSTEP_CALL_OK, LOCKSTEP_MCP_2025_06_18,
     "{\"content\":[{\"text\":\"{\\\"a\\\":1}\",\"type\":\"text\"}],\"isError\":false,"
     "\"structuredContent\":{\"a\":1}}"},
    {"before there was structure", "{\"a\":1}", 7, LOCKSTEP_CALL_OK, LOCKSTEP_MCP_2025_03_26,
     "{\"content\":[{\"text\":\"{\\\"a\\\":1}\",\"type\":\"text\"}],\"isError\":false}"},
    {"an array is none", "[1]", 3, LOCKSTEP_CALL_OK, LOCKSTEP_MCP_2025_06_18,
     "{\"content\":[{\"text\":\"[1]\",\"type\":\"text\"}],\"isError\":false}"},
    {"a failure has none", "{}", 2, LOCKSTEP_CALL_FAILED, LOCKSTEP_MCP_2025_06_18,
     "{\"content\":[{\"text\":\"{}\",\"type\":\"text\"}],\"isError\":true}"},
    {"bytes", "\xff", 1, LOCKSTEP_CALL_OK, LOCKSTEP_MCP_2025_06_18,
     "{\"content\":[{\"resource\":{\"blob\":\"/w==\",\"mimeType\":\"application/octet-stream\","
     "\"uri\":\"lockstep:tool/a.b\"},\"type\":\"resource\"}],\"isError\":false}"},
    {"more bytes", "\xff\xfe\x00\x80\x81", 5, LOCKSTEP_CALL_OK, LOCKSTEP_MCP_2025_06_18,
     "{\"content\":[{\"resource\":{\"blob\":\"//4AgIE=\",\"mimeType\":\"application/octet-stream\","
     "\"uri\":\"lockstep:tool/a.b\"},\"type\":\"resource\"}],\"isError\":false}"},
};

static void check_shown(void **state)
{
    const struct shown *row = *state;
    struct lockstep_mcp_tool tool;
    struct lockstep_answer answer = {.bytes = (uint8_t *)(uintptr_t)row->bytes, .size = row->size};
    json_t *result;
    char *text;
    read_tool(NULL, &tool);
    result = lockstep_mcp_result(&tool, row->result, &answer, row->revision);
    text = json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, row->wanted);
    free(text);
    json_decref(result);
    lockstep_mcp_tool_deinit(&tool);
}

static void test_shown_by_revision(void **state)
{
    struct lockstep_mcp_tool tool;
    json_t *old;
    json_t *now;
    (void)state;
    read_tool("{\"type\":\"object\"}", &tool);
    old = lockstep_mcp_tool_show(&tool, LOCKSTEP_MCP_2024_11_05);
    now = lockstep_mcp_tool_show(&tool, LOCKSTEP_MCP_2025_06_18);
    assert_int_equal(json_object_size(old), 3);
    assert_string_equal(json_string_value(json_object_get(now, "name")), "a_b");
    assert_string_equal(json_string_value(json_object_get(now, "title")), "a.b");
    assert_true(
        json_is_true(json_object_get(json_object_get(now, "annotations"), "idempotentHint")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(now, "_meta"), "lockstep/version")),
        "1.0.0");
    json_decref(old);
    json_decref(now);
    lockstep_mcp_tool_deinit(&tool);
}

static void test_revisions(void **state)
{
    (void)state;
    for (int i = LOCKSTEP_MCP_2024_11_05; i <= LOCKSTEP_MCP_2025_11_25; i++) {
        const char *text = lockstep_mcp_revision_text((enum lockstep_mcp_revision)i);
        assert_int_equal(lockstep_mcp_revision_parse(text), i);
    }
    assert_int_equal(lockstep_mcp_revision_parse("2023-01-01"), LOCKSTEP_MCP_NONE);
    assert_int_equal(lockstep_mcp_revision_parse(""), LOCKSTEP_MCP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown_by_revision),
        cmocka_unit_test(test_revisions),
    };
    return LOCKSTEP_RUN_TABLE("names", namings, check_naming) +
           LOCKSTEP_RUN_TABLE("arguments", askings, check_asking) +
           LOCKSTEP_RUN_TABLE("lines", stranges, check_strange) +
           LOCKSTEP_RUN_TABLE("results", showns, check_shown) +
           cmocka_run_group_tests_name("tools", tests, NULL, NULL);
}
