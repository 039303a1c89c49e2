/* Conversations with the server, and how its lines are read. No service is behind it. */
#include "agent/mcp/lines.h"
#include "agent/mcp/server.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HELLO(version)                                                                         \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
    "\"" version "\"}}\n"
#define PING "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
#define PONG "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"

static const struct conversation {
    const char *name;
    const char *said;
    const char *wanted[3]; /* one of what is answered, each; in any order */
    size_t lines;          /* of the whole answer */
} conversations[] = {
    {"a ping before anything", PING "\n", {PONG}, 1},
    {"the revision that is asked for",
     HELLO("2025-03-26"),
     {"\"protocolVersion\":\"2025-03-26\"", "\"listChanged\":true"},
     1},
    {"one that is unknown", HELLO("2099-01-01"), {"\"protocolVersion\":\"2025-11-25\""}, 1},
    {"none", "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\"}", {"\"code\":-32602"}, 1},
    {"twice", HELLO("2025-06-18") HELLO("2025-06-18"), {"\"code\":-32600"}, 2},
    {"a list before it",
     "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\"}",
     {"\"id\":3,\"error\":{\"code\":-32600"},
     1},
    {"no tools",
     HELLO("2025-06-18") "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\"}",
     {"\"id\":3,\"result\":{\"tools\":[]}"},
     2},
    {"a cursor of others",
     HELLO("2025-06-18") "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\",\"params\":"
                         "{\"cursor\":\"x\"}}",
     {"\"id\":3,\"error\":{\"code\":-32602"},
     2},
    {"an unknown tool",
     HELLO("2025-06-18") "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":"
                         "{\"name\":\"x\"}}",
     {"\"id\":3,\"error\":{\"code\":-32602,\"message\":\"Unknown tool: x\"}"},
     2},
    {"a call without a name",
     HELLO("2025-06-18") "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\"}",
     {"\"id\":3,\"error\":{\"code\":-32602"},
     2},
    {"an unknown method",
     "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"x\"}",
     {"\"id\":3,\"error\":{\"code\":-32601"},
     1},
    {"no JSON", "x\n" PING, {"\"id\":null,\"error\":{\"code\":-32700", PONG}, 2},
    {"no request", "{}\n" PING, {"\"id\":null,\"error\":{\"code\":-32600", PONG}, 2},
    {"empty lines", "\n \r\n" PING, {PONG}, 1},
    {"notifications have no answer",
     "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n{\"jsonrpc\":\"2.0\",\"method\":"
     "\"notifications/cancelled\",\"params\":{\"requestId\":9}}\n" PING,
     {PONG},
     1},
    {"nor have responses", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n" PING, {PONG}, 1},
    {"a batch",
     HELLO("2025-03-26") "[" PING ",{\"jsonrpc\":\"2.0\",\"method\":\"x\"},7]",
     {"[" PONG ",{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600"},
     2},
    {"a batch of what has no answer",
     HELLO("2024-11-05") "[{\"jsonrpc\":\"2.0\",\"method\":\"x\"}]",
     {"\"id\":0"},
     1},
    {"a batch for workers",
     HELLO("2025-03-26") "[" PING ",{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/list\"}]",
     {"[" PONG ",{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"tools\":[]}}]"},
     2},
    {"an empty batch", "[]", {"\"code\":-32600"}, 1},
    {"no batches any more", HELLO("2025-06-18") "[" PING "]", {"\"code\":-32600"}, 2},
    {"no hello in a batch",
     "[{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\"}]",
     {"[{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":-32600"},
     1},
};

static void check_conversation(void **state)
{
    static const char *const paths[] = {"/nowhere/x.sock"};
    const struct conversation *row = *state;
    char *answer = NULL;
    size_t size = 0;
    size_t lines = 0;
    const char *at = row->said;
    struct lockstep_mcp_config config = {.paths = paths, .count = 1, .timeout_ms = 1000};
    struct lockstep_mcp *server;
    config.out = open_memstream(&answer, &size);
    server = lockstep_mcp_new(&config);
    assert_non_null(server);
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        lockstep_mcp_line(server, at, length);
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    assert_false(lockstep_mcp_failed(server));
    (void)lockstep_mcp_free(server);
    assert_int_equal(fclose(config.out), 0);
    for (size_t i = 0; i < size; i++) {
        lines += answer[i] == '\n' ? 1 : 0;
    }
    for (size_t i = 0; i < 3 && row->wanted[i] != NULL; i++) {
        if (strstr(answer, row->wanted[i]) == NULL) {
            fail_msg("no %s in %s", row->wanted[i], answer);
        }
    }
    assert_int_equal(lines, row->lines);
    free(answer);
}

/* A line is no string: behind its last byte there may be nothing at all. */
static void check_blank(void **state)
{
    static const char *const paths[] = {"/nowhere/x.sock"};
    struct lockstep_mcp_config config = {.paths = paths, .count = 1, .timeout_ms = 1000};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *answer = NULL;
    size_t size = 0;
    struct lockstep_mcp *server;
    (void)state;
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + page, page, PROT_NONE), 0);
    memset(memory, ' ', page);
    config.out = open_memstream(&answer, &size);
    server = lockstep_mcp_new(&config);
    assert_non_null(server);
    lockstep_mcp_line(server, memory, page);
    (void)lockstep_mcp_free(server);
    assert_int_equal(fclose(config.out), 0);
    assert_int_equal(size, 0);
    free(answer);
    assert_int_equal(munmap(memory, 2 * page), 0);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static const struct reading {
    const char *name;
    const char *bytes;
    size_t max;
    const char *wanted; /* lines with | between, a ! for one that is too long */
} readings[] = {
    {"nothing", "", 4, ""},
    {"lines", "a\nbc\n", 4, "a|bc|"},
    {"the last without its end", "a\nbc", 4, "a|bc|"},
    {"an empty one", "\n\na\n", 4, "||a|"},
    {"as long as may be", "abcd\ne\n", 4, "abcd|e|"},
    {"too long", "abcde\nf\n", 4, "!|f|"},
    {"much too long", "abcdefghijklmnop\nf\n", 4, "!|f|"},
    {"too long at the end", "a\nbcdef", 4, "a|!|"},
};

static void check_reading(void **state)
{
    const struct reading *row = *state;
    char said[256] = "";
    int ends[2];
    struct lockstep_lines lines = {.max = row->max};
    enum lockstep_line line = LOCKSTEP_LINE_WHOLE;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], row->bytes, strlen(row->bytes)), strlen(row->bytes));
    (void)close(ends[1]);
    lines.fd = ends[0];
    for (;;) {
        const char *text = NULL;
        size_t size = 0;
        size_t length = strlen(said);
        line = lockstep_lines_next(&lines, &text, &size);
        if (line == LOCKSTEP_LINE_END) {
            break;
        }
        (void)snprintf(said + length, sizeof(said) - length, "%.*s|",
                       line == LOCKSTEP_LINE_WHOLE ? (int)size : 1,
                       line == LOCKSTEP_LINE_WHOLE ? text : "!");
    }
    assert_string_equal(said, row->wanted);
    (void)close(ends[0]);
    lockstep_lines_deinit(&lines);
}

/* More than is read at once, and lines that lie across what is. */
static void check_many(void **state)
{
    static char bytes[3 * 1000 * 7];
    struct lockstep_lines lines = {.max = 6};
    const char *text = NULL;
    size_t size = 0;
    FILE *file = tmpfile();
    (void)state;
    for (int i = 0; i < 3000; i++) {
        memcpy(&bytes[i * 7], "abc\n\nd", 7);
        bytes[i * 7 + 6] = '\n';
    }
    assert_non_null(file);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    }
    rewind(file);
    lines.fd = fileno(file);
    for (int i = 0; i < 300000; i++) {
        assert_int_equal(lockstep_lines_next(&lines, &text, &size), LOCKSTEP_LINE_WHOLE);
        assert_int_equal(size, 3);
        assert_memory_equal(text, "abc", 3);
        assert_int_equal(lockstep_lines_next(&lines, &text, &size), LOCKSTEP_LINE_WHOLE);
        assert_int_equal(size, 0);
        assert_int_equal(lockstep_lines_next(&lines, &text, &size), LOCKSTEP_LINE_WHOLE);
        assert_int_equal(size, 1);
    }
    assert_int_equal(lockstep_lines_next(&lines, &text, &size), LOCKSTEP_LINE_END);
    assert_true(lines.room <= 3 * 65536); /* what was given out is not kept */
    (void)fclose(file);
    lockstep_lines_deinit(&lines);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(check_blank),
                                              cmocka_unit_test(check_many)};
    return LOCKSTEP_RUN_TABLE("conversations", conversations, check_conversation) +
           LOCKSTEP_RUN_TABLE("lines", readings, check_reading) +
           cmocka_run_group_tests(tests, NULL, NULL);
}
