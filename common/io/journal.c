#include "common/io/journal.h"

#include "common/base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE  4096
#define STATEMENTS 160

struct cached {
    const char *sql; /* the literal: its address is the key */
    sqlite3_stmt *statement;
};

struct lockstep_journal {
    sqlite3 *db;
    int lock;
    bool broken;
    struct lockstep_id incarnation;
    size_t cached_count;
    struct cached cached[STATEMENTS];
    char directory[PATH_SIZE];
};

/* ---- failures ------------------------------------------------------------------------------- */

static enum lockstep_err fail(struct lockstep_journal *journal, const char *what,
                              struct lockstep_error *err)
{
    int code = sqlite3_extended_errcode(journal->db);
    const char *text = sqlite3_errmsg(journal->db);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return LOCKSTEP_FAIL(err, LIMIT,
                             "the disk of %s is full; make room there (%s was not written)",
                             journal->directory, what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        journal->broken = true;
        return LOCKSTEP_FAIL(err, CORRUPT, "the journal in %s is damaged: %s", journal->directory,
                             text);
    case SQLITE_IOERR:
        journal->broken = true;
        return LOCKSTEP_FAIL(err, CORRUPT, "%s in %s failed, and may not be retried: %s", what,
                             journal->directory, text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return LOCKSTEP_FAIL(err, IO, "the journal in %s cannot be written: %s; check who owns it",
                             journal->directory, text);
    case SQLITE_CONSTRAINT:
        return LOCKSTEP_FAIL(err, CONFLICT, "%s: %s", what, text);
    case SQLITE_NOMEM:
        return LOCKSTEP_FAIL(err, NOMEM, "out of memory in the journal");
    default:
        return LOCKSTEP_FAIL(err, IO, "%s in %s: %s", what, journal->directory, text);
    }
}

static enum lockstep_err check_usable(const struct lockstep_journal *journal,
                                      struct lockstep_error *err)
{
    return journal->broken
               ? LOCKSTEP_FAIL(err, CORRUPT,
                               "the journal in %s failed before; this process must stop",
                               journal->directory)
               : LOCKSTEP_OK;
}

/* ---- statements ----------------------------------------------------------------------------- */

static enum lockstep_err prepare(struct lockstep_journal *journal, const char *sql,
                                 sqlite3_stmt **ret_statement, struct lockstep_error *err)
{
    struct cached *slot;
    LOCKSTEP_TRY(check_usable(journal, err));
    for (size_t i = 0; i < journal->cached_count; i++) {
        if (journal->cached[i].sql == sql) {
            *ret_statement = journal->cached[i].statement;
            return LOCKSTEP_OK;
        }
    }
    ASSERT(journal->cached_count < STATEMENTS);
    slot = &journal->cached[journal->cached_count];
    if (sqlite3_prepare_v3(journal->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->statement,
                           NULL) != SQLITE_OK) {
        return fail(journal, sql, err);
    }
    slot->sql = sql;
    journal->cached_count++;
    *ret_statement = slot->statement;
    return LOCKSTEP_OK;
}

static int bind_one(sqlite3_stmt *statement, int at, const struct lockstep_bind *bind)
{
    switch (bind->type) {
    case LOCKSTEP_BIND_INTEGER:
        return sqlite3_bind_int64(statement, at, bind->integer);
    case LOCKSTEP_BIND_TEXT:
        return sqlite3_bind_text(statement, at, bind->bytes, -1, SQLITE_STATIC);
    case LOCKSTEP_BIND_BLOB:
        return bind->size == 0
                   ? sqlite3_bind_zeroblob(statement, at, 0)
                   : sqlite3_bind_blob64(statement, at, bind->bytes, bind->size, SQLITE_STATIC);
    case LOCKSTEP_BIND_NULL:
        return sqlite3_bind_null(statement, at);
    }
    UNREACHABLE("a bind of no type");
}

static enum lockstep_err begin_statement(struct lockstep_journal *journal, const char *sql,
                                         const struct lockstep_bind *binds, size_t count,
                                         sqlite3_stmt **ret_statement, struct lockstep_error *err)
{
    LOCKSTEP_TRY(prepare(journal, sql, ret_statement, err));
    ASSERT(!sqlite3_stmt_busy(*ret_statement));
    ASSERT(sqlite3_bind_parameter_count(*ret_statement) == (int)count);
    for (size_t i = 0; i < count; i++) {
        if (bind_one(*ret_statement, (int)i + 1, &binds[i]) != SQLITE_OK) {
            (void)sqlite3_reset(*ret_statement);
            return fail(journal, sql, err);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_journal_run(struct lockstep_journal *journal, const char *sql,
                                       const struct lockstep_bind *binds, size_t count,
                                       int *ret_changed, struct lockstep_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lockstep_err result = LOCKSTEP_OK;
    LOCKSTEP_TRY(begin_statement(journal, sql, binds, count, &statement, err));
    if (sqlite3_step(statement) != SQLITE_DONE) {
        result = fail(journal, sql, err);
    } else if (ret_changed != NULL) {
        *ret_changed = sqlite3_changes(journal->db);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return result;
}

enum lockstep_err lockstep_query_begin(struct lockstep_journal *journal, const char *sql,
                                       const struct lockstep_bind *binds, size_t count,
                                       struct lockstep_query_rows *ret_rows,
                                       struct lockstep_error *err)
{
    sqlite3_stmt *statement = NULL;
    LOCKSTEP_TRY(begin_statement(journal, sql, binds, count, &statement, err));
    *ret_rows = (struct lockstep_query_rows){.journal = journal, .statement = statement};
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_query_next(struct lockstep_query_rows *rows, bool *ret_row,
                                      struct lockstep_error *err)
{
    enum lockstep_err result = LOCKSTEP_OK;
    int code = sqlite3_step(rows->statement);
    *ret_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW) {
        return LOCKSTEP_OK;
    }
    if (code != SQLITE_DONE) {
        result = fail(rows->journal, "a query", err);
    }
    lockstep_query_end(rows);
    return result;
}

void lockstep_query_end(struct lockstep_query_rows *rows)
{
    if (rows->statement != NULL) {
        (void)sqlite3_reset(rows->statement);
        (void)sqlite3_clear_bindings(rows->statement);
        rows->statement = NULL;
    }
}

int64_t lockstep_row_integer(const struct lockstep_query_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

const char *lockstep_row_text_at(const struct lockstep_query_rows *rows, int column)
{
    const unsigned char *text = sqlite3_column_text(rows->statement, column);
    return text == NULL ? "" : (const char *)text;
}

const void *lockstep_row_blob(const struct lockstep_query_rows *rows, int column, size_t *ret_size)
{
    const void *bytes = sqlite3_column_blob(rows->statement, column);
    *ret_size = (size_t)sqlite3_column_bytes(rows->statement, column);
    return bytes == NULL ? "" : bytes;
}

bool lockstep_row_bytes(const struct lockstep_query_rows *rows, int column, void *ret_bytes,
                        size_t size)
{
    size_t length = 0;
    const void *bytes = lockstep_row_blob(rows, column, &length);
    memset(ret_bytes, 0, size);
    if (length != size) {
        return false;
    }
    memcpy(ret_bytes, bytes, size);
    return true;
}

void lockstep_row_copy(const struct lockstep_query_rows *rows, int column, char *ret_text,
                       size_t size)
{
    (void)snprintf(ret_text, size, "%s", lockstep_row_text_at(rows, column));
}

/* ---- transactions --------------------------------------------------------------------------- */

enum lockstep_err lockstep_journal_begin(struct lockstep_journal *journal,
                                         struct lockstep_error *err)
{
    ASSERT(sqlite3_get_autocommit(journal->db) != 0);
    return lockstep_journal_run(journal, "BEGIN IMMEDIATE", NULL, 0, NULL, err);
}

void lockstep_journal_rollback(struct lockstep_journal *journal)
{
    if (sqlite3_get_autocommit(journal->db) == 0) {
        (void)sqlite3_exec(journal->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

enum lockstep_err lockstep_journal_commit(struct lockstep_journal *journal,
                                          struct lockstep_error *err)
{
    enum lockstep_err result = lockstep_journal_run(journal, "COMMIT", NULL, 0, NULL, err);
    if (result != LOCKSTEP_OK) {
        journal->broken = journal->broken || result != LOCKSTEP_LIMIT;
        lockstep_journal_rollback(journal);
    }
    return result;
}

/* ---- opening -------------------------------------------------------------------------------- */

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
    char path[PATH_SIZE + 8];
    char text[32];
    int length;
    (void)snprintf(path, sizeof(path), "%s/lock", journal->directory);
    journal->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->lock < 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "open %s", path);
    }
    if (fcntl(journal->lock, F_OFD_SETLK, &lock) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return LOCKSTEP_FAIL_ERRNO(err, "lock %s", path);
        }
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "%s is in use by process %ld; stop that one first, or choose another "
                             "data directory",
                             journal->directory, read_holder(journal->lock));
    }
    length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(journal->lock, 0) != 0 ||
        pwrite(journal->lock, text, (size_t)length, 0) != length) {
        return LOCKSTEP_FAIL_ERRNO(err, "write %s", path);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err make_directory(const char *path, struct lockstep_error *err)
{
    struct stat info;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return LOCKSTEP_FAIL_ERRNO(err, "make the data directory %s", path);
    }
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return LOCKSTEP_FAIL(err, IO, "%s is no directory", path);
    }
    if (access(path, W_OK | X_OK) != 0) {
        return LOCKSTEP_FAIL_ERRNO(err, "the data directory %s cannot be written", path);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err execute(struct lockstep_journal *journal, const char *sql,
                                 struct lockstep_error *err)
{
    return sqlite3_exec(journal->db, sql, NULL, NULL, NULL) == SQLITE_OK ? LOCKSTEP_OK
                                                                         : fail(journal, sql, err);
}

static enum lockstep_err read_version(struct lockstep_journal *journal, size_t *ret_version,
                                      struct lockstep_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lockstep_err result = LOCKSTEP_OK;
    if (sqlite3_prepare_v2(journal->db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        result = fail(journal, "read the version", err);
    } else {
        *ret_version = (size_t)sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

/* Keeps a copy from before the first step, unless the journal is new. */
static enum lockstep_err back_up(struct lockstep_journal *journal, size_t version,
                                 struct lockstep_error *err)
{
    char *sql = sqlite3_mprintf("VACUUM INTO '%q/journal.v%llu'", journal->directory,
                                (unsigned long long)version);
    char path[PATH_SIZE + 32];
    enum lockstep_err result;
    if (sql == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "out of memory in the journal");
    }
    (void)snprintf(path, sizeof(path), "%s/journal.v%zu", journal->directory, version);
    (void)unlink(path); /* of an attempt that did not end */
    result = execute(journal, sql, err);
    sqlite3_free(sql);
    return result;
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
    LOCKSTEP_TRY(execute(journal, "BEGIN IMMEDIATE", err));
    for (size_t i = version; i < config->migration_count && result == LOCKSTEP_OK; i++) {
        result = execute(journal, config->migrations[i], err);
    }
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%zu", config->migration_count);
    if (result == LOCKSTEP_OK) {
        result = execute(journal, sql, err);
    }
    if (result == LOCKSTEP_OK) {
        result = execute(journal, "COMMIT", err);
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
    LOCKSTEP_TRY(execute(journal, "CREATE TABLE IF NOT EXISTS incarnation(id BLOB NOT NULL)", err));
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

static enum lockstep_err open_database(struct lockstep_journal *journal,
                                       const struct lockstep_journal_config *config,
                                       struct lockstep_error *err)
{
    char path[PATH_SIZE + 16];
    mode_t mask = umask(0077); /* SQLite makes its files by the mask */
    int code;
    (void)snprintf(path, sizeof(path), "%s/journal.db", journal->directory);
    code = sqlite3_open_v2(path, &journal->db,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW |
                               SQLITE_OPEN_NOMUTEX,
                           NULL);
    if (code == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(journal->db, 1);
        (void)sqlite3_busy_timeout(journal->db, 2000);
        code = sqlite3_exec(journal->db,
                            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                            "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF",
                            NULL, NULL, NULL);
    }
    (void)umask(mask);
    if (code != SQLITE_OK) {
        return fail(journal, "open the journal", err);
    }
    LOCKSTEP_TRY(migrate(journal, config, err));
    return learn_incarnation(journal, err);
}

enum lockstep_err lockstep_journal_open(const struct lockstep_journal_config *config,
                                        struct lockstep_journal **ret_journal,
                                        struct lockstep_error *err)
{
    struct lockstep_journal *journal;
    enum lockstep_err result;
    if (strlen(config->directory) >= PATH_SIZE) {
        return LOCKSTEP_FAIL(err, INVALID, "the data directory's name is too long");
    }
    if (sodium_init() < 0) {
        return LOCKSTEP_FAIL(err, IO, "no randomness");
    }
    LOCKSTEP_TRY(make_directory(config->directory, err));
    journal = calloc(1, sizeof(*journal));
    if (journal == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the journal");
    }
    journal->lock = -1;
    (void)snprintf(journal->directory, sizeof(journal->directory), "%s", config->directory);
    result = take_lock(journal, err);
    if (result == LOCKSTEP_OK) {
        result = open_database(journal, config, err);
    }
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
    (void)sqlite3_close(journal->db);
    if (journal->lock >= 0) {
        (void)close(journal->lock);
    }
    free(journal);
    return NULL;
}

struct lockstep_id lockstep_journal_incarnation(const struct lockstep_journal *journal)
{
    return journal->incarnation;
}

bool lockstep_journal_broken(const struct lockstep_journal *journal)
{
    return journal->broken;
}
