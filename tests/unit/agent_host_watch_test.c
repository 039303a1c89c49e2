/* The registry of tools, and who is told when it changes. */
#include "agent/host/host_internal.h"
#include "agent/host/include/lockstep/client.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what is said of a tool ----------------------------------------------------------------- */

static int nothing(struct lockstep_call *call)
{
    (void)call;
    return 0;
}

static struct lockstep_gate_table *make_table(size_t count)
{
    static const char *const names[] = {"a.one", "a.two", "b.three"};
    struct lockstep_gate_table *table = calloc(1, sizeof(*table) +
                                                      count * sizeof(struct lockstep_gate_entry));
    assert_non_null(table);
    table->count = count;
    for (size_t i = 0; i < count; i++) {
        table->entries[i] = (struct lockstep_gate_entry){.name = names[i],
                                                         .call = nothing,
                                                         .module = "a",
                                                         .version = "1.0.0",
                                                         .description = "does",
                                                         .generation = 3};
    }
    return table;
}

static const struct written {
    const char *name;
    const char *description;
    const char *schema;
    const char *wanted; /* from "text" on */
} texts[] = {
    {"plain", "Says it", NULL, "\"text\":\"Says it\",\"schema_text\":null}\n"},
    {"schema", "x", "{\"type\":\"object\"}",
     "\"text\":\"x\",\"schema_text\":\"{\\\"type\\\":\\\"object\\\"}\"}\n"},
    {"empty schema", "x", "", "\"text\":\"x\",\"schema_text\":null}\n"},
    {"quotes", "a \"b\" \\ c", NULL, "\"text\":\"a \\\"b\\\" \\\\ c\",\"schema_text\":null}\n"},
    {"control", "a\tb\nc\x7f", NULL,
     "\"text\":\"a\\u0009b\\u000ac\\u007f\",\"schema_text\":null}\n"},
    {"utf-8", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", NULL,
     "\"text\":\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\",\"schema_text\":null}\n"},
    {"cut short", "a\xc3", NULL, "\"text\":\"a\\ufffd\",\"schema_text\":null}\n"},
    {"too long a form", "\xc0\x80", NULL, "\"text\":\"\\ufffd\\ufffd\",\"schema_text\":null}\n"},
    {"half a pair", "\xed\xa0\x80", NULL,
     "\"text\":\"\\ufffd\\ufffd\\ufffd\",\"schema_text\":null}\n"},
    {"beyond", "\xf4\x90\x80\x80", NULL,
     "\"text\":\"\\ufffd\\ufffd\\ufffd\\ufffd\",\"schema_text\":null}\n"},
};

static void check_text(void **state)
{
    const struct written *row = *state;
    struct lockstep_host host = {.instance = 7};
    struct lockstep_gate_table *table = make_table(1);
    struct lockstep_answer answer;
    const char *text;
    table->entries[0].description = row->description;
    table->entries[0].schema = row->schema;
    assert_true(lockstep_gate_init());
    lockstep_gate_publish(table);
    assert_int_equal(lockstep_host_registry(&host, "", 4096, &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(answer.generation >> 32, 7);
    assert_memory_equal(answer.bytes,
                        "{\"tool\":\"a.one\",\"module\":\"a\",\"version\":\"1.0.0\","
                        "\"generation\":3,\"idempotent\":false,",
                        80);
    text = strstr((const char *)answer.bytes, "\"text\":");
    assert_non_null(text);
    assert_string_equal(text, row->wanted);
    assert_int_equal(strlen((const char *)answer.bytes), answer.size);
    lockstep_answer_deinit(&answer);
    lockstep_gate_deinit();
}

static void test_schema_has_a_bound(void **state)
{
    static char schema[LOCKSTEP_TOOL_SCHEMA_MAX + 2];
    struct lockstep_host host = {0};
    struct lockstep_gate_table *table = make_table(1);
    struct lockstep_answer answer;
    (void)state;
    memset(schema, 'x', sizeof(schema) - 1);
    table->entries[0].schema = schema;
    assert_true(lockstep_gate_init());
    lockstep_gate_publish(table);
    assert_int_equal(lockstep_host_registry(&host, "", 1 << 20, &answer), LOCKSTEP_CALL_OK);
    assert_non_null(strstr((const char *)answer.bytes, "\"schema_text\":null"));
    lockstep_answer_deinit(&answer);
    schema[LOCKSTEP_TOOL_SCHEMA_MAX] = '\0';
    assert_int_equal(lockstep_host_registry(&host, "", 1 << 20, &answer), LOCKSTEP_CALL_OK);
    assert_null(strstr((const char *)answer.bytes, "\"schema_text\":null"));
    assert_true(answer.size > LOCKSTEP_TOOL_SCHEMA_MAX);
    lockstep_answer_deinit(&answer);
    lockstep_gate_deinit();
}

static size_t lines_of(const struct lockstep_answer *answer)
{
    size_t lines = 0;
    for (size_t i = 0; i < answer->size; i++) {
        lines += answer->bytes[i] == '\n' ? 1 : 0;
    }
    return lines;
}

/* A page has one tool at least, whatever the room: asking goes on. */
static void test_pages(void **state)
{
    struct lockstep_host host = {0};
    struct lockstep_answer answer;
    (void)state;
    assert_true(lockstep_gate_init());
    lockstep_gate_publish(make_table(3));
    assert_int_equal(lockstep_host_registry(&host, "", 1 << 20, &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(lines_of(&answer), 3);
    assert_string_equal(answer.version, "");
    lockstep_answer_deinit(&answer);
    assert_int_equal(lockstep_host_registry(&host, "", 1, &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(lines_of(&answer), 1);
    assert_string_equal(answer.version, "a.one");
    lockstep_answer_deinit(&answer);
    assert_int_equal(lockstep_host_registry(&host, "a.two", 1, &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(lines_of(&answer), 1);
    assert_memory_equal(answer.bytes, "{\"tool\":\"b.three\"", 17);
    assert_string_equal(answer.version, "");
    lockstep_answer_deinit(&answer);
    assert_int_equal(lockstep_host_registry(&host, "b.three", 1, &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(answer.size, 0);
    lockstep_answer_deinit(&answer);
    lockstep_gate_deinit();
}

/* ---- who is told ---------------------------------------------------------------------------- */

static struct host_agent agent; /* outlives its test: see host_agent_init() */

static void test_clients_are_told(void **state)
{
    struct lockstep_answer answer;
    struct lockstep_client *client;
    uint64_t first = 0;
    uint64_t next = 0;
    (void)state;
    host_agent_begin_host(&agent);
    client = lockstep_client_new(agent.tools, NULL);
    assert_int_equal(lockstep_client_watch_fd(client), -1);
    assert_int_equal(lockstep_client_watch(client, 0, 20000, &first), LOCKSTEP_CALL_OK);
    assert_true(lockstep_client_watch_fd(client) >= 0);
    assert_int_equal(lockstep_client_watch(client, first, 0, &next), LOCKSTEP_CALL_OK);
    assert_int_equal(next, first);
    host_agent_install(&agent, "echo", "echo-1", NULL, 0);
    assert_int_equal(lockstep_client_watch(client, first, 20000, &next), LOCKSTEP_CALL_OK);
    assert_int_not_equal(next, first);
    assert_int_equal(lockstep_client_tools(client, "", &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(answer.generation, next);
    assert_non_null(strstr((const char *)answer.bytes, "\"tool\":\"echo.say\""));
    lockstep_answer_deinit(&answer);
    first = next;
    host_agent_install(&agent, "echo", "echo-2", NULL, 0);
    assert_int_equal(lockstep_client_watch(client, first, 20000, &next), LOCKSTEP_CALL_OK);
    assert_int_not_equal(next, first);
    host_agent_deinit(&agent);
    assert_int_equal(lockstep_client_watch(client, next, 20000, &next), LOCKSTEP_CALL_LOST);
    assert_int_equal(lockstep_client_watch_fd(client), -1);
    (void)lockstep_client_free(client);
}

/* Who says something where there is nothing to say, or is one too many, is disconnected; the others
 * go on. */
static void test_watchers_have_a_bound(void **state)
{
    struct lockstep_client *clients[LOCKSTEP_WATCHERS_MAX + 1];
    uint64_t revision = 0;
    (void)state;
    host_agent_begin_host(&agent);
    for (size_t i = 0; i < LOCKSTEP_WATCHERS_MAX; i++) {
        clients[i] = lockstep_client_new(agent.tools, NULL);
        assert_int_equal(lockstep_client_watch(clients[i], 0, 20000, &revision), LOCKSTEP_CALL_OK);
    }
    clients[LOCKSTEP_WATCHERS_MAX] = lockstep_client_new(agent.tools, NULL);
    assert_int_equal(lockstep_client_watch(clients[LOCKSTEP_WATCHERS_MAX], 0, 20000, &revision),
                     LOCKSTEP_CALL_LOST);
    assert_int_equal(write(lockstep_client_watch_fd(clients[0]), "x", 1), 1);
    assert_int_equal(lockstep_client_watch(clients[0], revision, 20000, &revision),
                     LOCKSTEP_CALL_LOST);
    assert_int_equal(lockstep_client_watch(clients[LOCKSTEP_WATCHERS_MAX], 0, 20000, &revision),
                     LOCKSTEP_CALL_OK);
    for (size_t i = 0; i <= LOCKSTEP_WATCHERS_MAX; i++) {
        (void)lockstep_client_free(clients[i]);
    }
    host_agent_deinit(&agent);
}

/* ---- inside of the process ------------------------------------------------------------------ */

static void test_a_service_is_told(void **state)
{
    struct lockstep_host_options options = {.size = sizeof(options)};
    struct lockstep_host *host = NULL;
    struct lockstep_answer answer;
    uint64_t count = 0;
    struct pollfd poller = {.events = POLLIN};
    (void)state;
    assert_int_equal(lockstep_host_start(&options, &host, NULL, 0), 0);
    poller.fd = lockstep_host_watch(host);
    assert_true(poller.fd >= 0);
    assert_int_equal(poll(&poller, 1, 0), 1);
    assert_int_equal(read(poller.fd, &count, sizeof(count)), sizeof(count));
    assert_int_equal(poll(&poller, 1, 0), 0);
    assert_int_equal(lockstep_host_tools(host, "", &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(answer.size, 0);
    lockstep_answer_deinit(&answer);
    lockstep_gate_publish(make_table(1)); /* the control thread looks at every turn */
    assert_int_equal(poll(&poller, 1, 20000), 1);
    assert_int_equal(lockstep_host_tools(host, "", &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(lines_of(&answer), 1);
    lockstep_answer_deinit(&answer);
    (void)lockstep_host_stop(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_has_a_bound), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_clients_are_told),   cmocka_unit_test(test_watchers_have_a_bound),
        cmocka_unit_test(test_a_service_is_told),
    };
    return LOCKSTEP_RUN_TABLE("registry", texts, check_text) +
           cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
