#include "coordinator/cli/document.h"
#include "coordinator/cli/exit.h"
#include "coordinator/cli/subject.h"

#include "tests/support/cmocka.h"

#include <string.h>

struct exit_row {
    const char *name;
    const char *json;
    bool detailed;
    bool waiting;
    unsigned code;
};

#define OPERATION(result) "{\"schema\":\"lockstep/operation/v1\",\"result\":" result "}"

static const struct exit_row exit_rows[] = {
    {"open", OPERATION("null"), false, true, 0},
    {"succeeded", OPERATION("\"succeeded\""), false, false, 0},
    {"partial", OPERATION("\"succeeded-partial\""), false, false, 0},
    {"partial, detailed", OPERATION("\"succeeded-partial\""), true, false, 3},
    {"succeeded, detailed", OPERATION("\"succeeded\""), true, false, 0},
    {"aborted", OPERATION("\"aborted\""), false, false, 6},
    {"rolled back", OPERATION("\"rolled-back\""), false, false, 6},
    {"mixed", OPERATION("\"failed-mixed\""), false, false, 7},
    {"a result of the future", OPERATION("\"novel\""), false, false, 7},
    {"admitted", "{\"schema\":\"lockstep/plan/v1\",\"admitted\":true}", false, false, 0},
    {"not admitted", "{\"schema\":\"lockstep/plan/v1\",\"admitted\":false}", false, false, 4},
    {"consistent", "{\"schema\":\"lockstep/check/v1\",\"consistent\":true}", false, false, 0},
    {"different", "{\"schema\":\"lockstep/check/v1\",\"consistent\":false}", false, false, 3},
    {"does not say", "{\"schema\":\"lockstep/check/v1\"}", false, false, 3},
    {"broken chain", "{\"schema\":\"lockstep/audit/v1\",\"verified\":false}", false, false, 3},
    {"versions that differ", "{\"schema\":\"lockstep/diff/v1\",\"equal\":false}", false, false, 0},
    {"that differ, detailed", "{\"schema\":\"lockstep/diff/v1\",\"equal\":false}", true, false, 3},
    {"equal, detailed", "{\"schema\":\"lockstep/diff/v1\",\"equal\":true}", true, false, 0},
    {"a list", "{\"schema\":\"lockstep/nodes/v1\"}", false, false, 0},
};

static void check_exit(void **state)
{
    const struct exit_row *row = *state;
    bool waiting = !row->waiting;
    LOCKSTEP_DECREF json_t *json = json_loads(row->json, 0, NULL);
    assert_non_null(json);
    assert_int_equal(lockstep_exit_of(json, row->detailed, &waiting), row->code);
    assert_int_equal(waiting, row->waiting);
}

struct subject_row {
    const char *name;
    const char *text;
    const char *version; /* NULL: refused, or a file */
    const char *file;
};

static const struct subject_row subject_rows[] = {
    {"version", "pay@2.4.1", "2.4.1", NULL},
    {"digest", "pay@9f3c1a2e", "9f3c1a2e", NULL},
    {"disk", "pay@disk", "disk", NULL},
    {"previous", "pay@previous", "previous", NULL},
    {"file here", "pay@./build/pay.so", NULL, "./build/pay.so"},
    {"file above", "pay@../pay.so", NULL, "../pay.so"},
    {"file from the root", "pay@/tmp/pay.so", NULL, "/tmp/pay.so"},
    {"no version", "pay", NULL, NULL},
    {"empty version", "pay@", NULL, NULL},
    {"no module", "@2", NULL, NULL},
    {"upper case", "Pay@2", NULL, NULL},
    {"space", "pay@2 3", NULL, NULL},
    {"two ats", "pay@2@3", NULL, NULL},
    {"control", "pay@2\033[m", NULL, NULL},
};

static void check_subject(void **state)
{
    const struct subject_row *row = *state;
    struct lockstep_subject subject;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err code = lockstep_subject_parse(row->text, &subject, &err);
    if (row->version == NULL && row->file == NULL) {
        assert_int_equal(code, LOCKSTEP_INVALID);
        return;
    }
    assert_int_equal(code, LOCKSTEP_OK);
    assert_string_equal(subject.wire.module.text, "pay");
    assert_string_equal(subject.wire.version, row->version == NULL ? "" : row->version);
    if (row->file != NULL) {
        assert_string_equal(subject.file, row->file);
    }
}

int main(void)
{
    int failed = LOCKSTEP_RUN_TABLE("exit", exit_rows, check_exit);
    failed += LOCKSTEP_RUN_TABLE("subject", subject_rows, check_subject);
    return failed;
}
