/* Statements and transactions. */
#include "common/base/assert.h"
#include "common/io/journal_internal.h"

#include <stdio.h>
#include <string.h>

#define WHAT "%.60s" /* a statement's beginning says which one it was */

/* ---- failures ------------------------------------------------------------------------------- */

/* The system's own word for what SQLite only calls a disk I/O error. */
static const char *system_cause(const struct lockstep_journal *journal)
{
    int number = sqlite3_system_errno(journal->db);
    return number == 0 ? "no cause given" : strerror(number);
}

static enum lockstep_err break_for_good(struct lockstep_journal *journal, const char *what)
{
    journal->broken = true;
    if (journal->cause[0] == '\0') {
        (void)snprintf(journal->cause, sizeof(journal->cause), "%s (%s) at " WHAT,
                       sqlite3_errmsg(journal->db), system_cause(journal), what);
    }
    return LOCKSTEP_CORRUPT;
}

enum lockstep_err lockstep_journal_fail(struct lockstep_journal *journal, const char *what,
                                        struct lockstep_error *err)
{
    int code = sqlite3_extended_errcode(journal->db);
    const char *text = sqlite3_errmsg(journal->db);
    const char *directory = journal->directory;
    if (code == SQLITE_IOERR_SHMSIZE) {
        code = SQLITE_FULL; /* no room for the log's index: nothing was written yet */
    }
    switch (code & 0xff) {
    case SQLITE_FULL:
        return LOCKSTEP_FAIL(err, LIMIT, "the disk of %s is full; make room there (at: " WHAT ")",
                             directory, what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        (void)break_for_good(journal, what);
        return LOCKSTEP_FAIL(err, CORRUPT, "the journal in %s is damaged: %s; restore a backup",
                             directory, text);
    case SQLITE_IOERR:
        (void)break_for_good(journal, what);
        return LOCKSTEP_FAIL(err, CORRUPT,
                             "the journal in %s: %s (%s); this may not be retried, stop the "
                             "process (at: " WHAT ")",
                             directory, text, system_cause(journal), what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return LOCKSTEP_FAIL(err, IO,
                             "the journal in %s cannot be written: %s (%s); check who "
                             "owns it",
                             directory, text, system_cause(journal));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return LOCKSTEP_FAIL(err, RETRY,
                             "the journal in %s is open in another program that writes; close that",
                             directory);
    case SQLITE_CONSTRAINT:
        return LOCKSTEP_FAIL(err, CONFLICT, "%s (at: " WHAT ")", text, what);
    case SQLITE_NOMEM:
        return LOCKSTEP_FAIL(err, NOMEM, "out of memory in the journal");
    default:
        return LOCKSTEP_FAIL(err, IO, "the journal in %s: %s (at: " WHAT ")", directory, text,
                             what);
    }
}

static enum lockstep_err check_usable(const struct lockstep_journal *journal,
                                      struct lockstep_error *err)
{
    return journal->broken ? LOCKSTEP_FAIL(err, CORRUPT,
                                           "the journal in %s failed before, stop the process: %s",
                                           journal->directory, journal->cause)
                           : LOCKSTEP_OK;
}

/* SQLite by itself checkpoints inside a commit and keeps quiet about a sync that failed there, and
 * the next one would try that sync again. Here it is seen: the commit stands, as the log is synced,
 * but nothing is written after it. Anything but an I/O error is tried again at the next commit. */
static void checkpoint(struct lockstep_journal *journal)
{
    int code;
    if (journal->wal_pages < LOCKSTEP_JOURNAL_PAGES || journal->broken) {
        return;
    }
    code = sqlite3_wal_checkpoint_v2(journal->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code == SQLITE_OK) {
        journal->wal_pages = 0;
    } else if ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CORRUPT) {
        (void)break_for_good(journal, "checkpoint");
    }
}

/* ---- statements ----------------------------------------------------------------------------- */

static enum lockstep_err prepare(struct lockstep_journal *journal, const char *sql,
                                 sqlite3_stmt **ret_statement, struct lockstep_error *err)
{
    struct lockstep_journal_cached *slot;
    LOCKSTEP_TRY(check_usable(journal, err));
    for (size_t i = 0; i < journal->cached_count; i++) {
        if (journal->cached[i].sql == sql) {
            *ret_statement = journal->cached[i].statement;
            return LOCKSTEP_OK;
        }
    }
    ASSERT(journal->cached_count < LOCKSTEP_JOURNAL_STATEMENTS);
    slot = &journal->cached[journal->cached_count];
    if (sqlite3_prepare_v3(journal->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->statement,
                           NULL) != SQLITE_OK) {
        return lockstep_journal_fail(journal, sql, err);
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
            return lockstep_journal_fail(journal, sql, err);
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
    int code;
    LOCKSTEP_TRY(begin_statement(journal, sql, binds, count, &statement, err));
    code = sqlite3_step(statement);
    ASSERT(code != SQLITE_ROW); /* that is a query */
    if (code != SQLITE_DONE) {
        result = lockstep_journal_fail(journal, sql, err);
    } else if (ret_changed != NULL) {
        *ret_changed = sqlite3_changes(journal->db);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    if (sqlite3_get_autocommit(journal->db) != 0) {
        checkpoint(journal);
    }
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
    enum lockstep_err result = check_usable(rows->journal, err);
    int code;
    ASSERT(rows->statement != NULL); /* it is over */
    *ret_row = false;
    if (result != LOCKSTEP_OK) {
        lockstep_query_end(rows);
        return result;
    }
    code = sqlite3_step(rows->statement);
    *ret_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW) {
        return LOCKSTEP_OK;
    }
    if (code != SQLITE_DONE) {
        result = lockstep_journal_fail(rows->journal, "a query", err);
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
        if (result != LOCKSTEP_LIMIT && !journal->broken) {
            (void)break_for_good(journal, "COMMIT");
        }
        lockstep_journal_rollback(journal);
    }
    return result;
}

enum lockstep_err lockstep_journal_execute(struct lockstep_journal *journal, const char *sql,
                                           struct lockstep_error *err)
{
    return sqlite3_exec(journal->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? LOCKSTEP_OK
               : lockstep_journal_fail(journal, sql, err);
}

struct lockstep_id lockstep_journal_incarnation(const struct lockstep_journal *journal)
{
    return journal->incarnation;
}

bool lockstep_journal_broken(const struct lockstep_journal *journal)
{
    return journal->broken;
}
