#include "common/io/journal.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const one[] = {"CREATE TABLE word(text TEXT NOT NULL)"};
static const char *const two[] = {"CREATE TABLE word(text TEXT NOT NULL)",
                                  "ALTER TABLE word ADD COLUMN count INTEGER NOT NULL DEFAULT 7"};

struct place {
    char directory[64];
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    (void)snprintf(place->directory, sizeof(place->directory), "/tmp/lockstep-journal-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {"lock", "journal.db", "journal.db-wal", "journal.db-shm",
                                        "journal.v1"};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", place->directory, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->directory), 0);
    free(place);
    return 0;
}

static struct lockstep_journal *open_with(const struct place *place, const char *const *steps,
                                          size_t count)
{
    struct lockstep_journal_config config = {place->directory, steps, count};
    struct lockstep_journal *journal = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_journal_open(&config, &journal, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    return journal;
}

static enum lockstep_err add(struct lockstep_journal *journal, const char *word,
                             struct lockstep_error *err)
{
    LOCKSTEP_RUN(journal, err, "INSERT INTO word(text) VALUES(?1)", LOCKSTEP_TEXT(word));
    return LOCKSTEP_OK;
}

static int64_t number(struct lockstep_journal *journal, const char *sql)
{
    struct lockstep_query_rows rows;
    bool row = false;
    int64_t value;
    assert_int_equal(lockstep_query_begin(journal, sql, NULL, 0, &rows, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_query_next(&rows, &row, NULL), LOCKSTEP_OK);
    assert_true(row);
    value = lockstep_row_integer(&rows, 0);
    lockstep_query_end(&rows);
    return value;
}

static void what_is_committed_stays(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_id first = lockstep_journal_incarnation(journal);
    struct lockstep_id again;
    struct stat info;
    char path[128];
    assert_int_equal(lockstep_journal_begin(journal, NULL), LOCKSTEP_OK);
    assert_int_equal(add(journal, "kept", NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_journal_commit(journal, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_journal_begin(journal, NULL), LOCKSTEP_OK);
    assert_int_equal(add(journal, "dropped", NULL), LOCKSTEP_OK);
    lockstep_journal_rollback(journal);
    assert_int_equal(number(journal, "PRAGMA synchronous"), 2); /* FULL */
    (void)lockstep_journal_close(journal);
    journal = open_with(place, one, 1);
    again = lockstep_journal_incarnation(journal);
    assert_true(lockstep_id_equal(&first, &again));
    assert_int_equal(number(journal, "SELECT count(*) FROM word"), 1);
    (void)snprintf(path, sizeof(path), "%s/journal.db", place->directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    (void)lockstep_journal_close(journal);
}

/* A process killed at any moment leaves what it committed, and the lock free. */
static void a_killed_writer_loses_nothing_committed(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal;
    int ends[2];
    char byte;
    int status;
    pid_t pid;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        journal = open_with(place, one, 1);
        if (lockstep_journal_begin(journal, NULL) == LOCKSTEP_OK &&
            add(journal, "one", NULL) == LOCKSTEP_OK &&
            lockstep_journal_commit(journal, NULL) == LOCKSTEP_OK &&
            lockstep_journal_begin(journal, NULL) == LOCKSTEP_OK &&
            add(journal, "two", NULL) == LOCKSTEP_OK && write(ends[1], "x", 1) == 1) {
            (void)pause();
        }
        _exit(1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(ends[0]);
    (void)close(ends[1]);
    journal = open_with(place, one, 1);
    assert_int_equal(number(journal, "SELECT count(*) FROM word"), 1);
    (void)lockstep_journal_close(journal);
}

static void a_second_process_is_refused(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_journal_config config = {place->directory, one, 1};
    struct lockstep_journal *second = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char pid[32];
    assert_int_equal(lockstep_journal_open(&config, &second, &err), LOCKSTEP_CONFLICT);
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(err.message, pid));
    assert_non_null(strstr(err.message, place->directory));
    (void)lockstep_journal_close(journal);
}

static void versions_go_forward_only(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal_config older = {place->directory, one, 1};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_journal *journal = open_with(place, one, 1);
    char path[128];
    assert_int_equal(add(journal, "old", NULL), LOCKSTEP_OK);
    (void)lockstep_journal_close(journal);
    journal = open_with(place, two, 2);
    assert_int_equal(number(journal, "SELECT count FROM word"), 7);
    (void)lockstep_journal_close(journal);
    (void)snprintf(path, sizeof(path), "%s/journal.v1", place->directory);
    assert_int_equal(access(path, R_OK), 0); /* the copy from before */
    assert_int_equal(lockstep_journal_open(&older, &journal, &err), LOCKSTEP_REFUSED);
    assert_non_null(strstr(err.message, "newer"));
}

static void a_damaged_journal_says_so(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal_config config = {place->directory, one, 1};
    struct lockstep_journal *journal = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[128];
    FILE *file;
    (void)snprintf(path, sizeof(path), "%s/journal.db", place->directory);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("this is no database\n", file);
    }
    (void)fclose(file);
    assert_int_equal(lockstep_journal_open(&config, &journal, &err), LOCKSTEP_CORRUPT);
    assert_non_null(strstr(err.message, "damaged"));
}

/* A full disk is a refusal: nothing is half written, and the journal goes on when there is room. */
static void a_full_disk_is_a_refusal(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    static char large[40000];
    int64_t pages = number(journal, "PRAGMA page_count");
    char sql[64];
    memset(large, 'x', sizeof(large) - 1);
    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld", (long long)pages + 2);
    (void)number(journal, sql); /* SQLite's own way to have a full disk */
    assert_int_equal(lockstep_journal_begin(journal, NULL), LOCKSTEP_OK);
    assert_int_equal(add(journal, large, &err), LOCKSTEP_LIMIT);
    assert_non_null(strstr(err.message, "full"));
    lockstep_journal_rollback(journal);
    assert_false(lockstep_journal_broken(journal));
    assert_int_equal(add(journal, "small", NULL), LOCKSTEP_OK);
    assert_int_equal(number(journal, "SELECT count(*) FROM word"), 1);
    (void)lockstep_journal_close(journal);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_writer_loses_nothing_committed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_process_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(versions_go_forward_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_journal_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_a_refusal, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL) == 0 ? 0 : 1;
}
