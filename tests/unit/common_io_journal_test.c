#include "common/io/journal_internal.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const one[] = {"CREATE TABLE word(text TEXT NOT NULL)"};
static const char *const two[] = {"CREATE TABLE word(text TEXT NOT NULL)",
                                  "ALTER TABLE word ADD COLUMN count INTEGER NOT NULL DEFAULT 7"};

struct place {
    char directory[64];
};

/* ---- a disk that fails ---------------------------------------------------------------------- */

/* SQLite's own file system with a switch: which of its calls fail, and how often they were made. */
enum { DATABASE, LOG, FILES };

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    sqlite3_io_methods methods[FILES];
    sqlite3_io_methods real_methods[FILES];
    int sync_fails[FILES];
    int write_fails[FILES];
    unsigned syncs;
} disk;

static int sync_database(sqlite3_file *file, int flags)
{
    disk.syncs++;
    return disk.sync_fails[DATABASE] != 0 ? disk.sync_fails[DATABASE]
                                          : disk.real_methods[DATABASE].xSync(file, flags);
}

static int sync_log(sqlite3_file *file, int flags)
{
    disk.syncs++;
    return disk.sync_fails[LOG] != 0 ? disk.sync_fails[LOG]
                                     : disk.real_methods[LOG].xSync(file, flags);
}

static int write_log(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    return disk.write_fails[LOG] != 0 ? disk.write_fails[LOG]
                                      : disk.real_methods[LOG].xWrite(file, bytes, count, offset);
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    int code = disk.real->xOpen(disk.real, name, file, flags, ret_flags);
    int which = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? DATABASE : LOG;
    (void)vfs;
    if (code == SQLITE_OK && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0) {
        disk.real_methods[which] = *file->pMethods;
        disk.methods[which] = *file->pMethods;
        disk.methods[which].xSync = which == DATABASE ? sync_database : sync_log;
        disk.methods[which].xWrite = which == DATABASE ? file->pMethods->xWrite : write_log;
        file->pMethods = &disk.methods[which];
    }
    return code;
}

static int take_disk(void **state)
{
    (void)state;
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "failing";
    disk.vfs.xOpen = open_file;
    return sqlite3_vfs_register(&disk.vfs, 1);
}

static void mend_disk(void)
{
    memset(disk.sync_fails, 0, sizeof(disk.sync_fails));
    memset(disk.write_fails, 0, sizeof(disk.write_fails));
}

/* ---- places --------------------------------------------------------------------------------- */

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
    static const char *const names[] = {"lock",           "journal.db", "journal.db-wal",
                                        "journal.db-shm", "journal.v1", "journal.v1.new"};
    char path[128];
    mend_disk();
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
    struct lockstep_journal_config config = {place->directory, steps, count, false};
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
    (void)close(ends[1]); /* or a child that fails would be waited for */
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(ends[0]);
    journal = open_with(place, one, 1);
    assert_int_equal(number(journal, "SELECT count(*) FROM word"), 1);
    (void)lockstep_journal_close(journal);
}

static void a_second_process_is_refused(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_journal_config config = {place->directory, one, 1, false};
    struct lockstep_journal *second = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char pid[32];
    assert_int_equal(lockstep_journal_open(&config, &second, &err), LOCKSTEP_CONFLICT);
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(err.message, pid));
    assert_non_null(strstr(err.message, place->directory));
    (void)lockstep_journal_close(journal);
}

/* The file is there before the number is in it. */
static void a_holder_that_wrote_no_number_is_refused_all_the_same(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_journal_config config = {place->directory, one, 1, false};
    struct lockstep_journal *second = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/lock", place->directory);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(lockstep_journal_open(&config, &second, &err), LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "in use by another process"));
    (void)lockstep_journal_close(journal);
}

/* /var/lib is often a link to where there is room. */
static void a_linked_directory_is_followed(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal_config config = {.migrations = one, .migration_count = 1};
    struct lockstep_journal *journal = NULL;
    struct lockstep_journal *second = NULL;
    char link[96];
    (void)snprintf(link, sizeof(link), "%s.link", place->directory);
    assert_int_equal(symlink(place->directory, link), 0);
    config.directory = link;
    assert_int_equal(lockstep_journal_open(&config, &journal, NULL), LOCKSTEP_OK);
    config.directory = place->directory; /* and both names are one directory */
    assert_int_equal(lockstep_journal_open(&config, &second, NULL), LOCKSTEP_CONFLICT);
    (void)lockstep_journal_close(journal);
    assert_int_equal(unlink(link), 0);
}

static void versions_go_forward_only(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal_config older = {place->directory, one, 1, false};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct stat info;
    char path[128];
    FILE *file;
    assert_int_equal(add(journal, "old", NULL), LOCKSTEP_OK);
    (void)lockstep_journal_close(journal);
    (void)snprintf(path, sizeof(path), "%s/journal.v1.new", place->directory);
    file = fopen(path, "w"); /* a copy that was not finished is in nobody's way */
    assert_non_null(file);
    (void)fputs("half a copy", file);
    (void)fclose(file);
    journal = open_with(place, two, 2);
    assert_int_equal(number(journal, "SELECT count FROM word"), 7);
    (void)lockstep_journal_close(journal);
    (void)snprintf(path, sizeof(path), "%s/journal.v1", place->directory);
    assert_int_equal(stat(path, &info), 0); /* the copy from before, with all its secrets */
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(lockstep_journal_open(&older, &journal, &err), LOCKSTEP_REFUSED);
    assert_non_null(strstr(err.message, "newer"));
}

static void a_damaged_journal_says_so(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal_config config = {place->directory, one, 1, false};
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

/* So full that the log cannot grow: found inside the commit, and still nothing is half written. */
static void a_full_disk_in_the_commit_is_a_refusal(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    assert_int_equal(lockstep_journal_begin(journal, NULL), LOCKSTEP_OK);
    assert_int_equal(add(journal, "dropped", NULL), LOCKSTEP_OK);
    disk.write_fails[LOG] = SQLITE_FULL;
    assert_int_equal(lockstep_journal_commit(journal, &err), LOCKSTEP_LIMIT);
    assert_non_null(strstr(err.message, "full"));
    assert_non_null(strstr(err.message, place->directory));
    mend_disk();
    assert_false(lockstep_journal_broken(journal));
    assert_int_equal(add(journal, "kept", NULL), LOCKSTEP_OK);
    (void)lockstep_journal_close(journal);
    journal = open_with(place, one, 1);
    assert_int_equal(number(journal, "SELECT count(*) FROM word WHERE text = 'kept'"), 1);
    assert_int_equal(number(journal, "SELECT count(*) FROM word"), 1);
    (void)lockstep_journal_close(journal);
}

/* A limit to files stands for a disk that has no room for the log's index. */
static void a_full_disk_at_the_opening_is_a_refusal(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    const struct lockstep_journal_config config = {place->directory, one, 1, false};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct rlimit before;
    struct rlimit small;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction handler;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &handler), 0);
    assert_int_equal(add(journal, "kept", NULL), LOCKSTEP_OK);
    (void)lockstep_journal_close(journal);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 1024, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(lockstep_journal_open(&config, &journal, &err), LOCKSTEP_LIMIT);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(sigaction(SIGXFSZ, &handler, NULL), 0);
    assert_non_null(strstr(err.message, "is full; make room there"));
    journal = open_with(place, one, 1);
    assert_int_equal(number(journal, "SELECT count(*) FROM word WHERE text = 'kept'"), 1);
    (void)lockstep_journal_close(journal);
}

/* Nothing more may be read, written or synced. */
static void check_stopped(struct lockstep_journal *journal)
{
    struct lockstep_query_rows rows;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    unsigned syncs = disk.syncs;
    assert_true(lockstep_journal_broken(journal));
    mend_disk(); /* a sync that is tried again would seem to succeed */
    assert_int_equal(lockstep_journal_begin(journal, &err), LOCKSTEP_CORRUPT);
    assert_non_null(strstr(err.message, "stop the process"));
    assert_non_null(strstr(err.message, "disk I/O error"));
    assert_int_equal(add(journal, "late", NULL), LOCKSTEP_CORRUPT);
    assert_int_equal(
        lockstep_query_begin(journal, "SELECT count(*) FROM word", NULL, 0, &rows, NULL),
        LOCKSTEP_CORRUPT);
    (void)lockstep_journal_close(journal);
    assert_int_equal(disk.syncs, syncs);
}

static void a_sync_that_failed_in_a_commit_is_the_last(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_query_rows rows;
    bool row = true;
    assert_int_equal(add(journal, "one", NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_query_begin(journal, "SELECT text FROM word", NULL, 0, &rows, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_query_next(&rows, &row, NULL), LOCKSTEP_OK);
    assert_true(row);
    assert_int_equal(lockstep_journal_begin(journal, NULL), LOCKSTEP_OK);
    assert_int_equal(add(journal, "two", NULL), LOCKSTEP_OK);
    disk.sync_fails[LOG] = SQLITE_IOERR_FSYNC;
    assert_int_equal(lockstep_journal_commit(journal, &err), LOCKSTEP_CORRUPT);
    assert_non_null(strstr(err.message, place->directory));
    assert_non_null(strstr(err.message, "disk I/O error"));
    assert_int_equal(lockstep_query_next(&rows, &row, NULL), LOCKSTEP_CORRUPT); /* under way */
    assert_false(row);
    check_stopped(journal);
}

/* The log is synced, so the commit stands; the database is not, and SQLite would not say so. */
static void a_sync_that_failed_in_a_checkpoint_is_the_last(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    static char large[5 * 1000 * 1000];
    memset(large, 'x', sizeof(large) - 1);
    disk.sync_fails[DATABASE] = SQLITE_IOERR_FSYNC;
    assert_int_equal(add(journal, "small", NULL), LOCKSTEP_OK);
    assert_false(lockstep_journal_broken(journal)); /* the log is short: no checkpoint yet */
    assert_int_equal(add(journal, large, NULL), LOCKSTEP_OK);
    check_stopped(journal);
    journal = open_with(place, one, 1);
    assert_int_equal(number(journal, "SELECT count(*) FROM word"), 2);
    (void)lockstep_journal_close(journal);
}

/* Its log does not grow for ever. */
static void checkpoints_are_made(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    static char large[5 * 1000 * 1000];
    struct stat info;
    char path[128];
    memset(large, 'x', sizeof(large) - 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(add(journal, large, NULL), LOCKSTEP_OK);
    }
    (void)snprintf(path, sizeof(path), "%s/journal.db-wal", place->directory);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size < 2 * (off_t)sizeof(large));
    (void)lockstep_journal_close(journal);
}

static off_t log_size(const struct place *place)
{
    struct stat info;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/journal.db-wal", place->directory);
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static void the_log_keeps_its_size(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(log_size(place), LOCKSTEP_JOURNAL_LOG);
        assert_int_equal(add(journal, "more", NULL), LOCKSTEP_OK);
    }
    (void)lockstep_journal_close(journal);
    journal = open_with(place, one, 1);
    assert_int_equal(log_size(place), LOCKSTEP_JOURNAL_LOG);
    assert_int_equal(number(journal, "SELECT count(*) FROM word"), 1000);
    (void)lockstep_journal_close(journal);
}

static void another_writer_is_named(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal *journal = open_with(place, one, 1);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    sqlite3 *other = NULL;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/journal.db", place->directory);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    (void)number(journal, "PRAGMA busy_timeout=1");
    assert_int_equal(lockstep_journal_begin(journal, &err), LOCKSTEP_RETRY);
    assert_non_null(strstr(err.message, "another program"));
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(add(journal, "later", NULL), LOCKSTEP_OK);
    (void)lockstep_journal_close(journal);
}

static void nobody_looks_into_what_is_alone(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal_config config = {place->directory, one, 1, .alone = true};
    struct lockstep_journal *journal = NULL;
    sqlite3 *other = NULL;
    char path[128];
    assert_int_equal(lockstep_journal_open(&config, &journal, NULL), LOCKSTEP_OK);
    assert_int_equal(add(journal, "once", NULL), LOCKSTEP_OK);
    (void)snprintf(path, sizeof(path), "%s/journal.db", place->directory);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "SELECT * FROM sqlite_master", NULL, NULL, NULL),
                     SQLITE_BUSY);
    (void)lockstep_journal_close(journal);
    assert_int_equal(sqlite3_exec(other, "SELECT * FROM sqlite_master", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* A long statement does not push the cause out of the message. */
/* Blobs of exactly the size that is wanted; and what refers to a row that goes, goes with it. */
static void rows_are_what_they_should_be(void **state)
{
    static const char *const steps[] = {
        "CREATE TABLE a(id INTEGER PRIMARY KEY, blob BLOB);"
        "CREATE TABLE b(a INTEGER REFERENCES a(id) ON DELETE CASCADE);"
        "INSERT INTO a VALUES(1, x'010203'); INSERT INTO b VALUES(1);"};
    struct lockstep_journal *journal = open_with(*state, steps, 1);
    struct lockstep_query_rows rows;
    bool row = false;
    uint8_t bytes[4] = {9, 9, 9, 9};
    assert_int_equal(lockstep_query_begin(journal, "SELECT blob FROM a", NULL, 0, &rows, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_query_next(&rows, &row, NULL), LOCKSTEP_OK);
    assert_false(lockstep_row_bytes(&rows, 0, bytes, 2));
    assert_int_equal(bytes[0], 0);
    assert_false(lockstep_row_bytes(&rows, 0, bytes, 4));
    assert_true(lockstep_row_bytes(&rows, 0, bytes, 3));
    assert_memory_equal(bytes, "\1\2\3", 3);
    lockstep_query_end(&rows);
    assert_int_equal(lockstep_journal_run(journal, "DELETE FROM a", NULL, 0, NULL, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(number(journal, "SELECT count(*) FROM b"), 0);
    (void)lockstep_journal_close(journal);
}

static void a_broken_rule_is_named(void **state)
{
    const struct place *place = *state;
    static const char *const rule[] = {"CREATE TABLE word(text TEXT NOT NULL UNIQUE)"};
    struct lockstep_journal *journal = open_with(place, rule, 1);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    assert_int_equal(add(journal, "once", NULL), LOCKSTEP_OK);
    assert_int_equal(add(journal, "once", &err), LOCKSTEP_CONFLICT);
    assert_ptr_equal(strstr(err.message, "UNIQUE constraint failed: word.text"), err.message);
    assert_false(lockstep_journal_broken(journal));
    (void)lockstep_journal_close(journal);
}

static void no_directory_is_named(void **state)
{
    const struct place *place = *state;
    struct lockstep_journal_config config = {.migrations = one, .migration_count = 1};
    struct lockstep_journal *journal = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[128];
    FILE *file;
    (void)snprintf(path, sizeof(path), "%s/lock", place->directory);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    config.directory = path;
    assert_int_equal(lockstep_journal_open(&config, &journal, &err), LOCKSTEP_IO);
    assert_non_null(strstr(err.message, path));
    config.directory = "/nowhere/at/all";
    assert_int_equal(lockstep_journal_open(&config, &journal, &err), LOCKSTEP_IO);
    assert_non_null(strstr(err.message, "/nowhere/at/all"));
    assert_null(journal);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_PLACE(what_is_committed_stays),
        IN_A_PLACE(a_killed_writer_loses_nothing_committed),
        IN_A_PLACE(a_second_process_is_refused),
        IN_A_PLACE(versions_go_forward_only),
        IN_A_PLACE(a_damaged_journal_says_so),
        IN_A_PLACE(a_full_disk_is_a_refusal),
        IN_A_PLACE(a_full_disk_in_the_commit_is_a_refusal),
        IN_A_PLACE(a_full_disk_at_the_opening_is_a_refusal),
        IN_A_PLACE(a_sync_that_failed_in_a_commit_is_the_last),
        IN_A_PLACE(a_sync_that_failed_in_a_checkpoint_is_the_last),
        IN_A_PLACE(checkpoints_are_made),
        IN_A_PLACE(the_log_keeps_its_size),
        IN_A_PLACE(another_writer_is_named),
        IN_A_PLACE(nobody_looks_into_what_is_alone),
        IN_A_PLACE(a_broken_rule_is_named),
        IN_A_PLACE(rows_are_what_they_should_be),
        IN_A_PLACE(no_directory_is_named),
        IN_A_PLACE(a_linked_directory_is_followed),
        IN_A_PLACE(a_holder_that_wrote_no_number_is_refused_all_the_same),
    };
    return cmocka_run_group_tests_name("journal", tests, take_disk, NULL) == 0 ? 0 : 1;
}
