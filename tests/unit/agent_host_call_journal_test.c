/* The journal: what is written is read, what is damaged or unfinished is told from it. */
#include "agent/host/call_journal.h"
#include "agent/host/path.h"
#include "common/base/cleanup.h"
#include "tests/support/cmocka.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct lockstep_call_journal journal;

static int start(void **state)
{
    (void)state;
    return lockstep_call_journal_new(&journal, 4096, 7, NULL) == LOCKSTEP_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    lockstep_call_journal_deinit(&journal);
    return 0;
}

static bool append(const char *tool, const char *request, int result)
{
    const struct lockstep_call call = {
        .size = sizeof(call), .request = (const uint8_t *)request, .request_size = strlen(request)};
    return lockstep_call_journal_append(&journal, 3, tool, &call, result);
}

/* How many whole records there are; *RET_READER says the rest. */
static uint64_t count(struct lockstep_call_journal_reader *ret_reader)
{
    struct lockstep_call_journal_record record;
    assert_true(lockstep_call_journal_begin(ret_reader, journal.bytes, journal.size));
    while (lockstep_call_journal_next(ret_reader, &record)) {
    }
    return ret_reader->count;
}

static void test_round_trip(void **state)
{
    static const char *const requests[] = {"", "1", "12345678", "a request of some length"};
    struct lockstep_call_journal_reader reader;
    struct lockstep_call_journal_record record;
    LOCKSTEP_FREE uint8_t *bytes = NULL;
    size_t size = 0;
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(requests); i++) {
        assert_true(append("ledger.add", requests[i], (int)i - 1));
    }
    assert_int_equal(lockstep_call_journal_load(journal.fd, &bytes, &size, NULL), LOCKSTEP_OK);
    assert_int_equal(size, 4096);
    assert_true(lockstep_call_journal_begin(&reader, bytes, size));
    for (size_t i = 0; i < LOCKSTEP_COUNT(requests); i++) {
        assert_true(lockstep_call_journal_next(&reader, &record));
        assert_int_equal(record.sequence, 7 + i);
        assert_int_equal(record.generation, 3);
        assert_int_equal(record.result, (uint32_t)i - 1);
        assert_string_equal(record.tool, "ledger.add");
        assert_int_equal(record.request_size, strlen(requests[i]));
        assert_memory_equal(record.request, requests[i], record.request_size);
    }
    assert_false(lockstep_call_journal_next(&reader, &record));
    assert_false(reader.torn);
    assert_int_equal(reader.missed, 0);
}

static void test_full(void **state)
{
    struct lockstep_call_journal_reader reader;
    uint64_t written = 0;
    (void)state;
    while (append("t", "0123456789012345678901234567890123", 0)) {
        written++;
    }
    assert_true(journal.used + 48 <= journal.size);
    assert_false(append("t", "", 0)); /* there would be room, and a hole before it */
    assert_int_equal(count(&reader), written);
    assert_int_equal(reader.missed, 2);
    assert_int_equal(journal.used, 24 + written * 80);
}

/* A record is whole in its own place only, and in its own journal. */
static void test_record_of_another_journal(void **state)
{
    struct lockstep_call_journal_reader reader;
    const uint64_t other = 8;
    (void)state;
    assert_true(append("ledger.add", "first", 0));
    memcpy(journal.bytes + 8, &other, sizeof(other));
    assert_int_equal(count(&reader), 0);
    assert_true(reader.torn);
}

/* However much of the last record is there, it is the only one that is lost. Its CRC comes last. */
static void test_torn(void **state)
{
    struct lockstep_call_journal_reader reader;
    uint8_t whole[4096];
    size_t first;
    (void)state;
    assert_true(append("ledger.add", "first", 0));
    first = journal.used;
    assert_true(append("ledger.add", "second one", 0));
    memcpy(whole, journal.bytes, sizeof(whole));
    for (size_t cut = first + 8; cut <= journal.used; cut += 8) {
        memset(journal.bytes + cut, 0, journal.used - cut);
        memset(journal.bytes + first + 4, 0, 4);
        assert_int_equal(count(&reader), 1);
        assert_true(reader.torn);
        memcpy(journal.bytes, whole, sizeof(whole));
    }
    memset(journal.bytes + first, 0, journal.used - first);
    assert_int_equal(count(&reader), 1);
    assert_false(reader.torn); /* that is how a journal ends */
}

/* No byte of a record can be another without notice. */
static void test_damage(void **state)
{
    struct lockstep_call_journal_reader reader;
    (void)state;
    assert_true(append("ledger.add", "first", 0));
    for (size_t at = 24; at < journal.used; at++) {
        journal.bytes[at] ^= 0x10;
        assert_int_equal(count(&reader), 0);
        journal.bytes[at] ^= 0x10;
    }
    assert_int_equal(count(&reader), 1);
    journal.bytes[0] ^= 1;
    assert_false(lockstep_call_journal_begin(&reader, journal.bytes, journal.size));
}

static void test_sealed(void **state)
{
    (void)state;
    assert_int_equal(ftruncate(journal.fd, 0), -1);
    assert_int_equal(ftruncate(journal.fd, 8192), -1);
}

static void test_bounds(void **state)
{
    struct lockstep_call_journal other = {.fd = -1};
    (void)state;
    assert_int_equal(lockstep_call_journal_new(&other, 100, 0, NULL), LOCKSTEP_LIMIT);
    assert_int_equal(
        lockstep_call_journal_new(&other, (size_t)LOCKSTEP_CALL_JOURNAL_MAX + 1, 0, NULL),
        LOCKSTEP_LIMIT);
}

/* ---- ways ----------------------------------------------------------------------------------- */

static int step(struct lockstep_records_source *source, struct lockstep_records_sink *sink,
                struct lockstep_sink *why)
{
    (void)source;
    (void)sink;
    (void)why;
    return 0;
}

struct path_row {
    const char *name;
    uint32_t from;
    uint32_t to;
    int count; /* -1: no way */
    uint32_t stops_at;
};

static const struct lockstep_step steps[] = {{1, 2, step}, {2, 3, step}, {3, 1, step},
                                             {3, 4, step}, {1, 3, step}, {6, 7, step}};

static const struct path_row path_rows[] = {
    {"none needed", 5, 5, 0, 5},      {"one step", 1, 2, 1, 0}, {"the shortest", 1, 4, 2, 0},
    {"through a circle", 2, 1, 2, 0}, {"no way", 1, 6, -1, 4},  {"nothing leads away", 4, 1, -1, 4},
};

static void check_path(void **state)
{
    const struct path_row *row = *state;
    struct lockstep_path path;
    lockstep_path_find(steps, LOCKSTEP_COUNT(steps), row->from, row->to, &path);
    assert_int_equal(path.found, row->count >= 0);
    if (row->count >= 0) {
        assert_int_equal(path.count, row->count);
        for (size_t i = 0; i < path.count; i++) {
            assert_int_equal(path.steps[i]->from, i == 0 ? row->from : path.steps[i - 1]->to);
        }
    } else {
        assert_int_equal(path.stops_at, row->stops_at);
    }
}

static void test_steps_that_make_no_sense(void **state)
{
    const struct lockstep_step none[] = {{1, 1, step}, {0, 1, step}, {1, 2, NULL}};
    (void)state;
    assert_true(lockstep_path_valid(steps, LOCKSTEP_COUNT(steps)));
    assert_false(lockstep_path_valid(NULL, 1));
    assert_false(lockstep_path_valid(steps, LOCKSTEP_MODULE_STEPS + 1));
    for (size_t i = 0; i < LOCKSTEP_COUNT(none); i++) {
        assert_false(lockstep_path_valid(&none[i], 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, start, stop),
        cmocka_unit_test_setup_teardown(test_full, start, stop),
        cmocka_unit_test_setup_teardown(test_record_of_another_journal, start, stop),
        cmocka_unit_test_setup_teardown(test_torn, start, stop),
        cmocka_unit_test_setup_teardown(test_damage, start, stop),
        cmocka_unit_test_setup_teardown(test_sealed, start, stop),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_steps_that_make_no_sense),
    };
    int failed = cmocka_run_group_tests_name("journal", tests, NULL, NULL);
    return failed + LOCKSTEP_RUN_TABLE("path", path_rows, check_path);
}
