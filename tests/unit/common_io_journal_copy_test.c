/* Copies of a journal, taken beside its holder. */
#include "common/io/journal.h"
#include "common/io/journal_copy.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const migrations[] = {
    "CREATE TABLE thing(number INTEGER PRIMARY KEY, text TEXT NOT NULL)"};

static char directory[64];
static char file[96];
static struct lockstep_journal *journal;

static void add(int64_t number)
{
    assert_int_equal(lockstep_journal_run(journal,
                                          "INSERT INTO thing(number, text) VALUES(?1, 'some text')",
                                          &LOCKSTEP_INTEGER(number), 1, NULL, NULL),
                     LOCKSTEP_OK);
}

static int setup(void **state)
{
    const struct lockstep_journal_config config = {directory, migrations, 1, false};
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/lockstep-copy-XXXXXX");
    assert_non_null(mkdtemp(directory));
    (void)snprintf(file, sizeof(file), "%s/copy", directory);
    assert_int_equal(close(open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)), 0);
    assert_int_equal(lockstep_journal_open(&config, &journal, NULL), LOCKSTEP_OK);
    for (int64_t i = 1; i <= 100; i++) {
        add(i);
    }
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"lock",           "journal.db", "journal.db-wal",
                                        "journal.db-shm", "copy",       "copy-journal"};
    char path[128];
    (void)state;
    journal = lockstep_journal_close(journal);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static void check_copy(int64_t rows, int64_t version)
{
    int64_t numbers[2] = {0};
    assert_int_equal(
        lockstep_journal_copy_ask(file,
                                  "SELECT (SELECT count(*) FROM thing), user_version FROM "
                                  "pragma_user_version",
                                  numbers, 2, NULL),
        LOCKSTEP_OK);
    assert_int_equal(numbers[0], rows);
    assert_int_equal(numbers[1], version);
}

/* What its holder has not committed is not in it, and does not keep it waiting. */
static void a_copy_is_one_snapshot(void **state)
{
    struct stat info;
    (void)state;
    assert_int_equal(lockstep_journal_begin(journal, NULL), LOCKSTEP_OK);
    add(101);
    assert_int_equal(lockstep_journal_copy(directory, file, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_journal_commit(journal, NULL), LOCKSTEP_OK);
    check_copy(100, 1);
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    add(102); /* the holder goes on */
}

static void a_journal_that_nobody_holds_is_copied_too(void **state)
{
    (void)state;
    journal = lockstep_journal_close(journal);
    assert_int_equal(lockstep_journal_copy(directory, file, NULL), LOCKSTEP_OK);
    check_copy(100, 1);
}

/* A copy of FROM in DIRECTORY as TO, as if its holder had been killed. */
static void keep_as(const char *from, const char *to)
{
    static char bytes[1 << 21];
    char path[128];
    ssize_t size;
    int fd;
    (void)snprintf(path, sizeof(path), "%s/%s", directory, from);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    size = read(fd, bytes, sizeof(bytes));
    assert_true(fd >= 0 && size > 0 && size < (ssize_t)sizeof(bytes));
    assert_int_equal(close(fd), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", directory, to);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, (size_t)size), size);
    assert_int_equal(close(fd), 0);
}

/* What a killed holder left in its log is copied, and stays its successor's to take over. */
static void a_log_that_was_left_is_copied_and_left(void **state)
{
    static const char *const names[] = {"left/journal.db", "left/journal.db-wal",
                                        "left/journal.db-shm", "left/lock"};
    struct stat before;
    struct stat after;
    char left[128];
    char path[160];
    (void)state;
    (void)snprintf(left, sizeof(left), "%s/left", directory);
    (void)snprintf(path, sizeof(path), "%s/journal.db-wal", left);
    assert_int_equal(mkdir(left, 0700), 0);
    keep_as("journal.db", names[0]);
    keep_as("journal.db-wal", names[1]);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(lockstep_journal_copy(left, file, NULL), LOCKSTEP_OK);
    check_copy(100, 1);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(left), 0);
}

static void check_failure(enum lockstep_err result, enum lockstep_err wanted,
                          const struct lockstep_error *err, const char *text)
{
    assert_int_equal(result, wanted);
    assert_non_null(strstr(err->message, text));
}

static void what_cannot_be_copied_is_named(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[128];
    int64_t number = 0;
    int fd;
    (void)state;
    check_failure(lockstep_journal_copy("/nowhere", file, &err), LOCKSTEP_INVALID, &err,
                  "there is no journal /nowhere/journal.db");
    check_failure(lockstep_journal_copy_ask(file, "SELECT epoch FROM meta", &number, 1, &err),
                  LOCKSTEP_IO, &err, "no such table");
    assert_int_equal(lockstep_journal_copy(directory, file, NULL), LOCKSTEP_OK);
    check_failure(lockstep_journal_copy(directory, file, &err), LOCKSTEP_IO, &err,
                  "already exists");
    check_failure(lockstep_journal_copy_ask(file, "SELECT number FROM thing WHERE number > 900",
                                            &number, 1, &err),
                  LOCKSTEP_CORRUPT, &err, "holds no journal of this kind");
    journal = lockstep_journal_close(journal);
    (void)snprintf(path, sizeof(path), "%s/journal.db", directory);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "no database at all", 18, 0), 18);
    assert_int_equal(close(fd), 0);
    assert_int_equal(truncate(file, 0), 0);
    check_failure(lockstep_journal_copy(directory, file, &err), LOCKSTEP_CORRUPT, &err,
                  "not a database");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        ROW(a_copy_is_one_snapshot),
        ROW(a_journal_that_nobody_holds_is_copied_too),
        ROW(a_log_that_was_left_is_copied_and_left),
        ROW(what_cannot_be_copied_is_named),
#undef ROW
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
