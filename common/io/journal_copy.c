#include "common/io/journal_copy.h"

#include "common/base/cleanup.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define BUSY_MS   5000

static enum lockstep_err fail(sqlite3 *db, const char *what, const char *path,
                              struct lockstep_error *err)
{
    const char *why = db == NULL ? "out of memory" : sqlite3_errmsg(db);
    switch (db == NULL ? SQLITE_NOMEM : sqlite3_errcode(db)) {
    case SQLITE_FULL:
        return LOCKSTEP_FAIL(err, LIMIT, "%s %s: the disk is full", what, path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return LOCKSTEP_FAIL(err, CORRUPT, "%s %s: %s", what, path, why);
    default:
        return LOCKSTEP_FAIL(err, IO, "%s %s: %s", what, path, why);
    }
}

static enum lockstep_err vacuum(sqlite3 *db, const char *path, const char *file,
                                struct lockstep_error *err)
{
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", file);
    enum lockstep_err result = LOCKSTEP_OK;
    if (sql == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory to copy the journal");
    }
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        result = fail(db, "copy", path, err);
    }
    sqlite3_free(sql);
    return result;
}

enum lockstep_err lockstep_journal_copy(const char *directory, const char *file,
                                        struct lockstep_error *err)
{
    sqlite3 *db = NULL;
    char path[PATH_SIZE];
    enum lockstep_err result;
    (void)snprintf(path, sizeof(path), "%s/journal.db", directory);
    if (access(path, F_OK) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no journal %s", path);
    }
    result = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK
                 ? fail(db, "open", path, err)
                 : vacuum(db, path, file, err);
    (void)sqlite3_close(db);
    return result;
}

static enum lockstep_err ask(sqlite3 *db, const char *file, const char *sql, int64_t *ret_numbers,
                             size_t count, struct lockstep_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum lockstep_err result = LOCKSTEP_OK;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        result = fail(db, "read", file, err);
    } else if (sqlite3_step(statement) != SQLITE_ROW) {
        result = LOCKSTEP_FAIL(err, CORRUPT, "%s holds no journal of this kind", file);
    }
    for (size_t i = 0; i < count && result == LOCKSTEP_OK; i++) {
        ret_numbers[i] = sqlite3_column_int64(statement, (int)i);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

enum lockstep_err lockstep_journal_copy_ask(const char *file, const char *sql, int64_t *ret_numbers,
                                            size_t count, struct lockstep_error *err)
{
    sqlite3 *db = NULL;
    enum lockstep_err result = sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK
                                   ? fail(db, "open", file, err)
                                   : ask(db, file, sql, ret_numbers, count, err);
    (void)sqlite3_close(db);
    return result;
}

enum lockstep_err lockstep_journal_copy_change(const char *file, const char *sql,
                                               struct lockstep_error *err)
{
    sqlite3 *db = NULL;
    enum lockstep_err result = LOCKSTEP_OK;
    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        result = fail(db, "change", file, err);
    }
    (void)sqlite3_close(db);
    return result;
}
