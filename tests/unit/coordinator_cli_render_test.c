/* What people see of the example documents, held to the texts in tests/cli/rendered; and escaping.
 */
#include "common/base/cleanup.h"
#include "coordinator/cli/document.h"
#include "coordinator/cli/render.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *name;
    const char *document;
    enum lockstep_format format;
};

#define TABLE(name)                       \
    {                                     \
        name, name, LOCKSTEP_FORMAT_TABLE \
    }
static const struct row rows[] = {
    TABLE("artifact"),
    TABLE("artifacts"),
    TABLE("audit"),
    TABLE("check"),
    TABLE("diff"),
    TABLE("done"),
    TABLE("drain"),
    TABLE("history"),
    TABLE("module"),
    TABLE("module-status"),
    TABLE("modules"),
    TABLE("node"),
    TABLE("node-rekey"),
    TABLE("nodes"),
    TABLE("operation"),
    TABLE("operation-aborted"),
    TABLE("operation-mixed"),
    TABLE("operation-preparing"),
    TABLE("operation-undo-apart"),
    TABLE("operation-undo-nothing"),
    TABLE("operations"),
    TABLE("plan"),
    TABLE("plan-absent"),
    TABLE("plan-undo"),
    TABLE("plan-undo-apart"),
    TABLE("plan-undo-nothing"),
    TABLE("status"),
    TABLE("tokens"),
    TABLE("tools"),
    {"wide", "module-status", LOCKSTEP_FORMAT_WIDE},
    {"tsv", "operations", LOCKSTEP_FORMAT_TSV},
    {"name", "artifacts", LOCKSTEP_FORMAT_NAME},
    {"name-of-operation", "operation", LOCKSTEP_FORMAT_NAME},
    {"jsonl", "tokens", LOCKSTEP_FORMAT_JSONL},
};

static char *render(const json_t *document, enum lockstep_format format)
{
    char *text = NULL;
    size_t size = 0;
    struct lockstep_output output = {.out = open_memstream(&text, &size), .format = format};
    assert_non_null(output.out);
    output.err = stderr;
    lockstep_render(&output, document);
    assert_int_equal(fclose(output.out), 0);
    return text;
}

static char *read_whole(const char *path)
{
    char *text = calloc(1, 65536);
    FILE *file = fopen(path, "r");
    assert_non_null(text);
    if (file != NULL) {
        (void)fread(text, 1, 65535, file);
        (void)fclose(file);
    }
    return text;
}

/* Run with LOCKSTEP_RENDER=write, the test writes the texts anew, for a review of the change. */
static void check_render(void **state)
{
    const struct row *row = *state;
    char path[512];
    LOCKSTEP_DECREF json_t *document = NULL;
    LOCKSTEP_FREE char *text = NULL;
    LOCKSTEP_FREE char *wanted = NULL;
    (void)snprintf(path, sizeof(path), "%s/tests/cli/documents/%s.json", LOCKSTEP_SOURCE_DIR,
                   row->document);
    document = json_load_file(path, 0, NULL);
    assert_non_null(document);
    text = render(document, row->format);
    (void)snprintf(path, sizeof(path), "%s/tests/cli/rendered/%s.txt", LOCKSTEP_SOURCE_DIR,
                   row->name);
    if (getenv("LOCKSTEP_RENDER") != NULL) {
        LOCKSTEP_FCLOSE FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fputs(text, file);
        return;
    }
    wanted = read_whole(path);
    assert_string_equal(text, wanted);
}

struct escape_row {
    const char *name;
    const char *text;
    const char *escaped;
};

static const struct escape_row escapes[] = {
    {"plain", "auth 2.4.1", "auth 2.4.1"},   {"clear screen", "\033[2J", "\\x1b[2J"},
    {"backslash", "\\x1b", "\\\\x1b"},       {"line", "a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
    {"not ASCII", "\xc2\x9b", "\\xc2\\x9b"}, {"delete", "\x7f", "\\x7f"},
};

static void check_escape(void **state)
{
    const struct escape_row *row = *state;
    LOCKSTEP_FREE char *escaped = lockstep_escape(row->text);
    assert_string_equal(escaped, row->escaped);
}

static void colours_words(void **state)
{
    LOCKSTEP_DECREF json_t *document = json_pack("{s:s, s:[{s:s, s:s}]}", "schema",
                                                 "lockstep/nodes/v1", "nodes", "node", "n\0331",
                                                 "state", "ready");
    char *text = NULL;
    size_t size = 0;
    struct lockstep_output output = {.out = open_memstream(&text, &size), .colour = true};
    (void)state;
    lockstep_render(&output, document);
    assert_int_equal(fclose(output.out), 0);
    assert_non_null(strstr(text, "n\\x1b1"));
    assert_non_null(strstr(text, "\033[32mready"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(colours_words)};
    int failed = LOCKSTEP_RUN_TABLE("render", rows, check_render);
    failed += LOCKSTEP_RUN_TABLE("escape", escapes, check_escape);
    return failed + cmocka_run_group_tests_name("colour", tests, NULL, NULL);
}
