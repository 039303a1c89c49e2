/* JSON-RPC: what is a request, and what is none. */
#include "agent/mcp/rpc.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static const struct message {
    const char *name;
    const char *line;
    enum lockstep_rpc_kind kind;
    const char *id;     /* as JSON; NULL: none */
    const char *method; /* "" where there is none */
} messages[] = {
    {"request", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", LOCKSTEP_RPC_REQUEST, "1",
     "ping"},
    {"id of text", "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"ping\",\"params\":{}}",
     LOCKSTEP_RPC_REQUEST, "\"a\"", "ping"},
    {"notification", "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", LOCKSTEP_RPC_NOTIFICATION, NULL,
     "x"},
    {"response", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", LOCKSTEP_RPC_RESPONSE, "1", ""},
    {"error", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", LOCKSTEP_RPC_RESPONSE, "1", ""},
    {"no object", "7", LOCKSTEP_RPC_BAD, NULL, ""},
    {"text", "\"ping\"", LOCKSTEP_RPC_BAD, NULL, ""},
    {"no version", "{\"id\":1,\"method\":\"ping\"}", LOCKSTEP_RPC_BAD, "1", ""},
    {"another version", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", LOCKSTEP_RPC_BAD, "1",
     ""},
    {"version as a number", "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", LOCKSTEP_RPC_BAD, "1",
     ""},
    {"id null", "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", LOCKSTEP_RPC_BAD, NULL,
     ""},
    {"id with a fraction", "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", LOCKSTEP_RPC_BAD,
     NULL, ""},
    {"id is an object", "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", LOCKSTEP_RPC_BAD,
     NULL, ""},
    {"no method", "{\"jsonrpc\":\"2.0\",\"id\":1}", LOCKSTEP_RPC_BAD, "1", ""},
    {"method is a number", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", LOCKSTEP_RPC_BAD, "1",
     ""},
    {"params in order", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}",
     LOCKSTEP_RPC_BAD, "1", ""},
};

static void check_message(void **state)
{
    const struct message *row = *state;
    json_t *value = lockstep_rpc_load(row->line, strlen(row->line));
    json_t *id = row->id == NULL ? NULL : json_loads(row->id, JSON_DECODE_ANY, NULL);
    struct lockstep_rpc rpc;
    assert_non_null(value);
    lockstep_rpc_take(value, &rpc);
    assert_int_equal(rpc.kind, row->kind);
    assert_string_equal(rpc.method, row->method);
    assert_true(rpc.kind != LOCKSTEP_RPC_BAD || rpc.why != NULL);
    assert_int_equal(rpc.id == NULL, id == NULL);
    assert_true(id == NULL || json_equal(rpc.id, id) != 0);
    json_decref(id);
    lockstep_rpc_deinit(&rpc);
}

static const struct none {
    const char *name;
    const char *line;
} nones[] = {
    {"nothing", ""},          {"half", "{\"jsonrpc\":"},
    {"two", "{} {}"},         {"a key twice", "{\"a\":1,\"a\":2}"},
    {"no utf-8", "\"\xff\""}, {"words", "ping"},
};

static void check_none(void **state)
{
    const struct none *row = *state;
    assert_null(lockstep_rpc_load(row->line, strlen(row->line)));
}

static void test_id_has_a_bound(void **state)
{
    char line[LOCKSTEP_RPC_ID_MAX + 128];
    struct lockstep_rpc rpc;
    (void)state;
    (void)snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":\"%0*d\",\"method\":\"x\"}",
                   LOCKSTEP_RPC_ID_MAX, 0);
    lockstep_rpc_take(lockstep_rpc_load(line, strlen(line)), &rpc);
    assert_int_equal(rpc.kind, LOCKSTEP_RPC_REQUEST);
    lockstep_rpc_deinit(&rpc);
    (void)snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":\"%0*d\",\"method\":\"x\"}",
                   LOCKSTEP_RPC_ID_MAX + 1, 0);
    lockstep_rpc_take(lockstep_rpc_load(line, strlen(line)), &rpc);
    assert_int_equal(rpc.kind, LOCKSTEP_RPC_BAD);
    assert_null(rpc.id);
    lockstep_rpc_deinit(&rpc);
}

static void check_text(json_t *value, const char *wanted)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(value);
}

static void test_answers(void **state)
{
    json_t *id = json_integer(3);
    (void)state;
    check_text(lockstep_rpc_result(id, json_object()),
               "{\"id\":3,\"jsonrpc\":\"2.0\",\"result\":{}}");
    check_text(lockstep_rpc_error(NULL, LOCKSTEP_RPC_PARSE_ERROR, "no", NULL),
               "{\"error\":{\"code\":-32700,\"message\":\"no\"},\"id\":null,\"jsonrpc\":\"2.0\"}");
    check_text(lockstep_rpc_error(id, LOCKSTEP_RPC_BUSY, "no", json_integer(1)),
               "{\"error\":{\"code\":-32000,\"data\":1,\"message\":\"no\"},\"id\":3,"
               "\"jsonrpc\":\"2.0\"}");
    json_decref(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_has_a_bound),
        cmocka_unit_test(test_answers),
    };
    return LOCKSTEP_RUN_TABLE("messages", messages, check_message) +
           LOCKSTEP_RUN_TABLE("no JSON", nones, check_none) +
           cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
