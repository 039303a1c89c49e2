/* Requests and verdicts: there and back, and what is refused. */
#include "agent/probe/contract.h"
#include "agent/probe/records.h"
#include "agent/probe/report.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request_row {
    const char *name;
    const char *text;
    const char *error; /* NULL: it is taken */
};

#define REQUEST(rest) "{\"schema\":\"lockstep/probe-request/v1\"" rest "}"

static const struct request_row request_rows[] = {
    {"least", REQUEST(",\"modules\":[{\"file\":\"a.so\"}]"), NULL},
    {"nothing", "", "not JSON"},
    {"not an object", "[]", "\"schema\""},
    {"another schema", "{\"schema\":\"lockstep/probe/v1\"}", "\"schema\""},
    {"no module", REQUEST(""), "\"modules\" names none"},
    {"neither file nor descriptor", REQUEST(",\"modules\":[{}]"), "modules[0]: needs one of"},
    {"both", REQUEST(",\"modules\":[{\"file\":\"a\",\"file_fd\":3}]"), "needs one of"},
    {"a descriptor that is none", REQUEST(",\"modules\":[{\"file_fd\":-1}]"), "\"file_fd\""},
    {"a bad name", REQUEST(",\"modules\":[{\"file\":\"a\",\"expect\":{\"module\":\"A\"}}]"),
     "\"module\" must be a name"},
    {"no time", REQUEST(",\"deadline_ms\":0,\"modules\":[{\"file\":\"a\"}]"), "\"deadline_ms\""},
    {"a library with a directory",
     REQUEST(",\"libraries\":[\"/tmp/x.so\"],\"modules\":[{\"file\":\"a\"}]"), "libraries[0]"},
    {"a check that may be waived",
     REQUEST(",\"modules\":[{\"file\":\"a\",\"waives\":[\"ifunc\",\"constructor\"]}]"), NULL},
    {"a check that may not",
     REQUEST(",\"modules\":[{\"file\":\"a\",\"waives\":[\"digest-expected\"]}]"),
     "\"digest-expected\" is no check that can be waived"},
    {"no check at all", REQUEST(",\"modules\":[{\"file\":\"a\",\"waives\":[\"luck\"]}]"),
     "\"luck\" is no check"},
    {"a key twice", REQUEST(",\"smoke\":true,\"smoke\":false"), "not JSON"},
};

static void check_request(void **state)
{
    const struct request_row *row = *state;
    struct lockstep_probe_request *request = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err code = lockstep_probe_request_parse(row->text, strlen(row->text), &request,
                                                          &err);
    if (row->error == NULL) {
        assert_int_equal(code, LOCKSTEP_OK);
        assert_int_equal(request->deadline_ms, 10000);
        assert_true(request->smoke);
        assert_int_equal(request->subjects[0].file_fd, -1);
    } else {
        assert_int_equal(code, LOCKSTEP_INVALID);
        assert_non_null(strstr(err.message, row->error));
    }
    (void)lockstep_probe_request_free(request);
}

static void request_there_and_back(void **state)
{
    struct lockstep_probe_request *request = lockstep_probe_request_new();
    struct lockstep_probe_request *again = NULL;
    struct lockstep_probe_expectation *expect = &request->subjects[1].expect;
    char *text;
    char *text_again;
    (void)state;
    request->subjects_count = 2;
    request->libraries_count = 1;
    request->present_count = 1;
    request->smoke = false;
    (void)snprintf(request->extra, sizeof(request->extra), "go on");
    (void)snprintf(request->libraries[0], sizeof(request->libraries[0]), "libfoo.so.1");
    assert_true(lockstep_name_parse("auth", &request->present[0].module));
    (void)snprintf(request->present[0].version, sizeof(request->present[0].version), "3.1");
    lockstep_probe_subject_init(&request->subjects[0]);
    lockstep_probe_subject_init(&request->subjects[1]);
    (void)snprintf(request->subjects[0].file, sizeof(request->subjects[0].file), "/x/a.so");
    request->subjects[1].file_fd = 7;
    assert_true(lockstep_probe_waive("gnu-unique", &request->subjects[1].waives));
    assert_true(lockstep_probe_waive("exports", &request->subjects[1].waives));
    assert_false(lockstep_probe_waive("descriptor-abi", &request->subjects[1].waives));
    request->subjects[1].config_fd = 8;
    request->subjects[1].snapshot_fd = 9;
    assert_true(lockstep_name_parse("pay", &expect->module));
    assert_true(lockstep_name_parse("default", &expect->service));
    (void)snprintf(expect->version, sizeof(expect->version), "2.0.0");
    expect->digest.bytes[31] = 5;
    expect->size = 4711;
    expect->state_schema_given = true;
    text = lockstep_probe_request_print(request);
    assert_int_equal(lockstep_probe_request_parse(text, strlen(text), &again, NULL), LOCKSTEP_OK);
    text_again = lockstep_probe_request_print(again);
    assert_string_equal(text, text_again);
    assert_string_equal(again->extra, "go on");
    assert_int_equal(again->subjects[1].snapshot_fd, 9);
    assert_int_equal(again->subjects[0].waives, 0);
    assert_int_equal(again->subjects[1].waives, request->subjects[1].waives);
    assert_true(again->subjects[1].expect.state_schema_given);
    free(text);
    free(text_again);
    (void)lockstep_probe_request_free(request);
    (void)lockstep_probe_request_free(again);
}

static struct lockstep_probe_verdict *some_verdict(void)
{
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    struct lockstep_probe_facts *facts = &verdict->subjects[0].facts;
    verdict->trial = true;
    verdict->stage = LOCKSTEP_PROBE_STAGE_SMOKE;
    verdict->subjects_count = 1;
    verdict->elapsed_us = 1234;
    verdict->sandbox.landlock = 7;
    verdict->subjects[0].rollback = LOCKSTEP_PROBE_ROLLBACK_LOSSLESS;
    (void)snprintf(verdict->output, sizeof(verdict->output), "two\nlines");
    assert_true(lockstep_name_parse("pay", &facts->module));
    (void)snprintf(facts->version, sizeof(facts->version), "1.0.0");
    (void)snprintf(facts->tools[0], sizeof(facts->tools[0]), "pay.now");
    facts->tools_count = 1;
    facts->requires_count = 1;
    assert_true(lockstep_name_parse("auth", &facts->requires[0].module));
    facts->digest.bytes[0] = 1;
    lockstep_probe_verdict_find(verdict, 0, LOCKSTEP_PROBE_CHECK_SMOKE, "wanted %d", 4);
    return verdict;
}

static void verdict_there_and_back(void **state)
{
    struct lockstep_probe_verdict *verdict = some_verdict();
    struct lockstep_probe_verdict *again = NULL;
    char *text = lockstep_probe_verdict_print(verdict);
    char *text_again;
    (void)state;
    assert_null(strchr(text, '\n'));
    assert_int_equal(lockstep_probe_verdict_parse(text, strlen(text), &again, NULL), LOCKSTEP_OK);
    text_again = lockstep_probe_verdict_print(again);
    assert_string_equal(text, text_again);
    assert_int_equal(again->no, LOCKSTEP_NO_SMOKE);
    free(text);
    free(text_again);
    (void)lockstep_probe_verdict_free(verdict);
    (void)lockstep_probe_verdict_free(again);
}

/* A yes with findings, and a no without one, are nobody's verdict. */
static void verdicts_that_contradict_themselves(void **state)
{
    static const char *const texts[] = {
        "{\"schema\":\"lockstep/probe/v1\",\"ok\":false,\"stage\":\"done\"}",
        "{\"schema\":\"lockstep/probe/v1\",\"ok\":true,\"stage\":\"done\",\"findings\":[{"
        "\"check\":\"smoke\",\"no\":\"SMOKE\",\"index\":0}]}",
        "{\"schema\":\"lockstep/probe/v1\",\"ok\":true,\"stage\":\"finished\"}",
        "{\"schema\":\"lockstep/probe/v1\",\"ok\":false,\"stage\":\"done\",\"findings\":[{"
        "\"check\":\"smoke\",\"no\":\"SMOKE\",\"index\":64}]}",
    };
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(texts); i++) {
        struct lockstep_probe_verdict *verdict = NULL;
        assert_int_equal(lockstep_probe_verdict_parse(texts[i], strlen(texts[i]), &verdict, NULL),
                         LOCKSTEP_INVALID);
    }
}

static void findings_are_bounded(void **state)
{
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    (void)state;
    for (int i = 0; i < 2 * LOCKSTEP_PROBE_FINDINGS_MAX; i++) {
        lockstep_probe_verdict_find(verdict, 0, LOCKSTEP_PROBE_CHECK_ISA, "%d", i);
    }
    assert_int_equal(verdict->findings_count, LOCKSTEP_PROBE_FINDINGS_MAX);
    assert_int_equal(verdict->no, LOCKSTEP_NO_ISA);
    (void)lockstep_probe_verdict_free(verdict);
}

/* The report comes through a pipe in pieces, from a process that runs somebody's code. */
static void report_in_pieces(void **state)
{
    struct lockstep_probe_report report = {0};
    struct lockstep_probe_verdict *verdict = some_verdict();
    const struct lockstep_probe_step step = {
        .stage = LOCKSTEP_PROBE_STAGE_SMOKE, .limit_ms = 200, .what = "a b\nc"};
    char byte;
    int pair[2];
    (void)state;
    assert_int_equal(pipe(pair), 0);
    lockstep_probe_report_step(pair[1], &step);
    lockstep_probe_report_verdict(pair[1], verdict, true);
    (void)close(pair[1]);
    while (read(pair[0], &byte, 1) == 1) {
        lockstep_probe_report_take(&report, &byte, 1);
    }
    (void)close(pair[0]);
    assert_false(report.broken);
    assert_true(report.is_final);
    assert_int_equal(report.steps, 1);
    assert_string_equal(report.step.what, "a b?c");
    assert_int_equal(report.step.limit_ms, 200);
    assert_int_equal(report.verdict->elapsed_us, 1234);
    lockstep_probe_report_take(&report, "S 1 0 0 \n", 9);
    assert_true(report.broken);
    lockstep_probe_report_deinit(&report);
    (void)lockstep_probe_verdict_free(verdict);
}

static void reports_that_are_none(void **state)
{
    static const char *const lines[] = {
        "\n", "S\n", "S 99 0 0 x\n", "S 1 64 0 x\n", "F {\"ok\":1}\n", "X y\n"};
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(lines); i++) {
        struct lockstep_probe_report report = {0};
        lockstep_probe_report_take(&report, lines[i], strlen(lines[i]));
        assert_true(report.broken);
        assert_false(report.is_final);
        lockstep_probe_report_deinit(&report);
    }
}

/* Records may have no bytes at all, and still be records. */
static void records_without_bytes(void **state)
{
    const struct lockstep_record record = {.residue = true};
    struct lockstep_records records;
    struct lockstep_records again;
    uint32_t schema = 0;
    size_t size = 0;
    uint8_t *bytes;
    (void)state;
    lockstep_records_init(&records, 0);
    lockstep_records_init(&again, 0);
    assert_true(records.sink.put(&records.sink, &record));
    bytes = lockstep_records_print(&records, 3, &size);
    assert_int_equal(lockstep_records_parse(&again, bytes, size, &schema, NULL), LOCKSTEP_OK);
    assert_int_equal(schema, 3);
    assert_int_equal(again.count, 1);
    assert_true(again.entries[0].residue);
    assert_int_equal(lockstep_records_parse(&again, bytes, size - 1, &schema, NULL),
                     LOCKSTEP_INVALID);
    free(bytes);
    lockstep_records_deinit(&records);
    lockstep_records_deinit(&again);
}

/* A form that is cut off or goes on is refused, whatever byte it ends at. */
static void records_cut_off(void **state)
{
    const struct lockstep_record record = {
        .key = "key", .key_size = 3, .value = "value", .value_size = 5};
    struct lockstep_records records;
    uint32_t schema = 0;
    size_t size = 0;
    uint8_t *bytes;
    uint8_t longer[128] = {0};
    (void)state;
    lockstep_records_init(&records, 1024);
    assert_true(records.sink.put(&records.sink, &record));
    bytes = lockstep_records_print(&records, 3, &size);
    assert_non_null(bytes);
    assert_true(size < sizeof(longer));
    memcpy(longer, bytes, size);
    free(bytes);
    lockstep_records_deinit(&records);
    for (size_t length = 0; length <= size + 1; length++) {
        struct lockstep_records again;
        lockstep_records_init(&again, 1024);
        assert_int_equal(lockstep_records_parse(&again, longer, length, &schema, NULL),
                         length == size ? LOCKSTEP_OK : LOCKSTEP_INVALID);
        lockstep_records_deinit(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_there_and_back),
        cmocka_unit_test(verdict_there_and_back),
        cmocka_unit_test(verdicts_that_contradict_themselves),
        cmocka_unit_test(findings_are_bounded),
        cmocka_unit_test(report_in_pieces),
        cmocka_unit_test(reports_that_are_none),
        cmocka_unit_test(records_without_bytes),
        cmocka_unit_test(records_cut_off),
    };
    return LOCKSTEP_RUN_TABLE("requests", request_rows, check_request) +
           cmocka_run_group_tests_name("contract", tests, NULL, NULL);
}
