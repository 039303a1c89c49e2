/* Opening and closing: the directory, the lock, migrations, the incarnation. */
#include "common/base/cleanup.h"
#include "common/io/file.h"
#include "common/io/journal_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE (LOCKSTEP_JOURNAL_PATH + 32) /* of a file in the directory */

/* The holder's process id, as it wrote it; 0 if that cannot be read. */
static long read_holder(int fd)
{
    char text[32] = "";
    ssize_t count = pread(fd, text, sizeof(text) - 1, 0);
    return count > 0 ? strtol(text, NULL, 10) : 0;
}

static enum lockstep_err take_lock(struct lockstep_journal *journal, struct lockstep_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_SIZE];
    char text[32];
    int length;
    long holder;
    (void)snprintf(path, sizeof(path), "%s/lock", journal->directory);
    journal->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->lock < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "open %s", path);
    }
    if (fcntl(journal->lock, F_OFD_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return LOCKSTEP_FAIL_ERRNO(err, "lock %s", path);
        }
        holder = read_holder(journal->lock);
        (void)snprintf(text, sizeof(text), "process %ld", holder);
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "%s is in use by %s; stop that one first, or choose another data "
                             "directory",
                             journal->directory, holder > 0 ? text : "another process");
    }
    /* Not cut before it is written: the block that is there serves on a full disk, too. */
    length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (pwrite(journal->lock, text, (size_t)length, 0) != length ||
        ftruncate(journal->lock, length) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "write %s", path);
    }
    return LOCKSTEP_OK;
}

/* Leaves the directory's name without symbolic links in the journal: SQLite refuses them in the
 * whole path when it is told not to follow one at its end. */
static enum lockstep_err enter_directory(struct lockstep_journal *journal, const char *path,
                                         struct lockstep_error *err)
{
    char parent[PATH_SIZE];
    char real[PATH_MAX];
    struct stat info;
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) {
        return LOCKSTEP_FAIL_ERRNO(err, "make the data directory %s", path);
    }
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return LOCKSTEP_FAIL(err, IO, "%s is no directory", path);
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "the data directory %s cannot be read and written", path);
    }
    if (realpath(path, real) == NULL) {
        return LOCKSTEP_FAIL_ERRNO(err, "find the data directory %s", path);
    }
    (void)snprintf(journal->directory, sizeof(journal->directory), "%s", real);
    (void)snprintf(parent, sizeof(parent), "%s/..", real);
    return made ? lockstep_file_sync_directory(parent, err) : LOCKSTEP_OK;
}

/* SQLite makes its files for everybody to read; what is there already keeps its mode, and its log
 * takes the database's. */
static enum lockstep_err make_private(const char *path, struct lockstep_error *err)
{
    LOCKSTEP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 && fchmod(fd, 0600) == 0 ? LOCKSTEP_OK
                                            : LOCKSTEP_FAIL_ERRNO(err, "open %s", path);
}

static enum lockstep_err read_version(struct lockstep_journal *journal, size_t *ret_version,
                                      struct lockstep_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lockstep_err result = LOCKSTEP_OK;
    if (sqlite3_prepare_v2(journal->db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        result = lockstep_journal_fail(journal, "read the version", err);
    } else {
        *ret_version = (size_t)sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

static enum lockstep_err vacuum_into(struct lockstep_journal *journal, const char *path,
                                     struct lockstep_error *err)
{
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", path);
    enum lockstep_err result;
    if (sql == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "out of memory in the journal");
    }
    result = lockstep_journal_execute(journal, sql, err);
    sqlite3_free(sql);
    return result;
}

/* Keeps a copy from before the first step. What has the copy's name is whole and on the disk. */
static enum lockstep_err back_up(struct lockstep_journal *journal, size_t version,
                                 struct lockstep_error *err)
{
    char path[PATH_SIZE];
    char unfinished[PATH_SIZE + 8];
    (void)snprintf(path, sizeof(path), "%s/journal.v%zu", journal->directory, version);
    (void)snprintf(unfinished, sizeof(unfinished), "%s.new", path);
    if (unlink(unfinished) != 0 && errno != ENOENT) {
        return LOCKSTEP_FAIL_ERRNO(err, "remove %s", unfinished);
    }
    LOCKSTEP_TRY(make_private(unfinished, err));
    LOCKSTEP_TRY(vacuum_into(journal, unfinished, err)); /* it syncs what it makes */
    if (rename(unfinished, path) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "rename %s", unfinished);
    }
    return lockstep_file_sync_directory(journal->directory, err);
}

static enum lockstep_err migrate(struct lockstep_journal *journal,
                                 const struct lockstep_journal_config *config,
                                 struct lockstep_error *err)
{
    size_t version = 0;
    char sql[64];
    enum lockstep_err result = LOCKSTEP_OK;
    LOCKSTEP_TRY(read_version(journal, &version, err));
    if (version > config->migration_count) {
        return LOCKSTEP_FAIL(err, REFUSED,
                             "the journal in %s has version %zu, this lockstep knows %zu: it was "
                             "written by a newer one; run that",
                             journal->directory, version, config->migration_count);
    }
    if (version == config->migration_count) {
        return LOCKSTEP_OK;
    }
    if (version > 0) {
        LOCKSTEP_TRY(back_up(journal, version, err));
    }
    LOCKSTEP_TRY(lockstep_journal_execute(journal, "BEGIN IMMEDIATE", err));
    for (size_t i = version; i < config->migration_count && result == LOCKSTEP_OK; i++) {
        result = lockstep_journal_execute(journal, config->migrations[i], err);
    }
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%zu", config->migration_count);
    if (result == LOCKSTEP_OK) {
        result = lockstep_journal_execute(journal, sql, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_journal_execute(journal, "COMMIT", err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_journal_rollback(journal);
    }
    return result;
}

static enum lockstep_err learn_incarnation(struct lockstep_journal *journal,
                                           struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    LOCKSTEP_TRY(lockstep_journal_execute(
        journal, "CREATE TABLE IF NOT EXISTS incarnation(id BLOB NOT NULL)", err));
    LOCKSTEP_TRY(lockstep_query_begin(journal, "SELECT id FROM incarnation", NULL, 0, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
    if (row) {
        bool ok = lockstep_row_bytes(&rows, 0, journal->incarnation.bytes, LOCKSTEP_ID_BYTES);
        lockstep_query_end(&rows);
        return ok ? LOCKSTEP_OK
                  : LOCKSTEP_FAIL(err, CORRUPT, "the journal in %s has no incarnation",
                                  journal->directory);
    }
    randombytes_buf(journal->incarnation.bytes, LOCKSTEP_ID_BYTES);
    LOCKSTEP_RUN(journal, err, "INSERT INTO incarnation(id) VALUES(?1)",
                 LOCKSTEP_BYTES_OF(&journal->incarnation));
    return LOCKSTEP_OK;
}

static int note_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    struct lockstep_journal *journal = context;
    (void)db;
    (void)name;
    journal->wal_pages = pages;
    return SQLITE_OK;
}

/* A file system that has no shared memory leaves the mode as it was, without an error. */
static enum lockstep_err enter_wal(struct lockstep_journal *journal, struct lockstep_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lockstep_err result = LOCKSTEP_OK;
    if (sqlite3_prepare_v2(journal->db, "PRAGMA journal_mode=WAL", -1, &statement, NULL) !=
            SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        result = lockstep_journal_fail(journal, "open the journal", err);
    } else if (sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0) {
        result = LOCKSTEP_FAIL(err, IO,
                               "the file system of %s cannot hold a write-ahead log; use a local "
                               "disk",
                               journal->directory);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

/* Gives the write-ahead log its size before it is used: a sync behind bytes that are written over
 * costs half of one that has to note that a file has grown. Without the room it grows by itself. */
static void stretch_log(const struct lockstep_journal *journal)
{
    static const uint8_t zeros[64 * 1024];
    char path[PATH_SIZE];
    LOCKSTEP_CLOSE int fd = -1;
    struct stat info;
    size_t piece;
    (void)snprintf(path, sizeof(path), "%s/journal.db-wal", journal->directory);
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &info) != 0) {
        return;
    }
    for (off_t at = info.st_size; at < LOCKSTEP_JOURNAL_LOG; at += (off_t)piece) {
        piece = (size_t)(LOCKSTEP_JOURNAL_LOG - at);
        piece = piece < sizeof(zeros) ? piece : sizeof(zeros);
        if (pwrite(fd, zeros, piece, at) != (ssize_t)piece) {
            (void)!ftruncate(fd, info.st_size);
            return;
        }
    }
    (void)fdatasync(fd);
}

static enum lockstep_err open_database(struct lockstep_journal *journal,
                                       const struct lockstep_journal_config *config,
                                       struct lockstep_error *err)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/journal.db", journal->directory);
    LOCKSTEP_TRY(make_private(path, err));
    if (sqlite3_open_v2(path, &journal->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        return lockstep_journal_fail(journal, "open the journal", err);
    }
    (void)sqlite3_extended_result_codes(journal->db, 1);
    (void)sqlite3_busy_timeout(journal->db, 2000);
    if (config->alone) {
        LOCKSTEP_TRY(lockstep_journal_execute(journal, "PRAGMA locking_mode=EXCLUSIVE", err));
    }
    LOCKSTEP_TRY(enter_wal(journal, err));
    LOCKSTEP_TRY(lockstep_journal_execute(journal,
                                          "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                                          "PRAGMA trusted_schema=OFF",
                                          err));
    (void)sqlite3_wal_hook(journal->db, note_pages, journal); /* instead of automatic checkpoints */
    LOCKSTEP_TRY(migrate(journal, config, err));
    LOCKSTEP_TRY(learn_incarnation(journal, err));
    stretch_log(journal);
    return LOCKSTEP_OK;
}

static enum lockstep_err open_all(struct lockstep_journal *journal,
                                  const struct lockstep_journal_config *config,
                                  struct lockstep_error *err)
{
    LOCKSTEP_TRY(enter_directory(journal, config->directory, err));
    LOCKSTEP_TRY(take_lock(journal, err));
    return open_database(journal, config, err);
}

enum lockstep_err lockstep_journal_open(const struct lockstep_journal_config *config,
                                        struct lockstep_journal **ret_journal,
                                        struct lockstep_error *err)
{
    struct lockstep_journal *journal;
    enum lockstep_err result;
    if (strlen(config->directory) >= LOCKSTEP_JOURNAL_PATH) {
        return LOCKSTEP_FAIL(err, INVALID, "the data directory's name is too long");
    }
    if (sodium_init() < 0) {
        return LOCKSTEP_FAIL(err, IO, "no randomness");
    }
    journal = calloc(1, sizeof(*journal));
    if (journal == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the journal");
    }
    journal->lock = -1;
    result = open_all(journal, config, err);
    if (result != LOCKSTEP_OK) {
        (void)lockstep_journal_close(journal);
        return result;
    }
    *ret_journal = journal;
    return LOCKSTEP_OK;
}

struct lockstep_journal *lockstep_journal_close(struct lockstep_journal *journal)
{
    if (journal == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < journal->cached_count; i++) {
        (void)sqlite3_finalize(journal->cached[i].statement);
    }
    if (journal->broken) { /* closing would checkpoint, and so sync again what failed before */
        (void)sqlite3_db_config(journal->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    (void)sqlite3_close(journal->db);
    if (journal->lock >= 0) {
        (void)close(journal->lock);
    }
    free(journal);
    return NULL;
}
