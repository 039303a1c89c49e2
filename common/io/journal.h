/*
 * A journal: one SQLite database in a data directory that this process holds alone.
 *
 * Invariants
 *  - A second process that opens the directory is refused (an open-file-description lock, released
 *    by the kernel when the process dies, however it dies).
 *  - WAL with synchronous=FULL: what a commit returned from is on the disk.
 *  - After a write or a sync that failed nothing more is read or written (LOCKSTEP_CORRUPT,
 *    "stop"): on Linux a retried fsync can report success for pages that are lost. The process
 *    ends, and the next one reads what is really there. That holds for checkpoints, too: the commit
 *    they follow stands, the next call fails. A write for which the disk had no room is an ordinary
 *    refusal (LOCKSTEP_LIMIT): the log lacks its commit mark, so nothing of it was committed.
 *  - `user_version` counts migrations; a journal of a newer lockstep is refused.
 *
 * Statements are cached by the address of their text, which must be a literal. One thread at a
 * time.
 */
#ifndef LOCKSTEP_IO_JOURNAL_H
#define LOCKSTEP_IO_JOURNAL_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lockstep_journal;

struct lockstep_journal_config {
    const char *directory;         /* made if it is not there, 0700 */
    const char *const *migrations; /* SQL; migrations[i] goes from version i to i + 1 */
    size_t migration_count;
    bool alone; /* no other program may even look while it is open, which saves it many locks */
};

/* CONFLICT if another process holds the directory, REFUSED if the journal is newer than this
 * lockstep, CORRUPT if it is damaged, RETRY if another program writes to it, LIMIT if the disk is
 * full, IO. A new journal gets a new incarnation. Before a migration the old journal is kept beside
 * it as `journal.v<version>`. */
enum lockstep_err lockstep_journal_open(const struct lockstep_journal_config *config,
                                        struct lockstep_journal **ret_journal,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* NULL is fine. Always NULL. */
struct lockstep_journal *lockstep_journal_close(struct lockstep_journal *journal);
/* Sixteen random bytes, drawn when the journal was made: a restored or a lost journal shows. */
struct lockstep_id lockstep_journal_incarnation(const struct lockstep_journal *journal);
/* True once a write has failed in a way that cannot be retried. */
bool lockstep_journal_broken(const struct lockstep_journal *journal);

/* ---- statements ----------------------------------------------------------------------------- */

/* Values to bind, in order; zero-length blobs are not NULL. */
struct lockstep_bind {
    enum { LOCKSTEP_BIND_INTEGER, LOCKSTEP_BIND_TEXT, LOCKSTEP_BIND_BLOB, LOCKSTEP_BIND_NULL } type;
    int64_t integer;
    const void *bytes; /* borrowed for the call */
    size_t size;
};

#define LOCKSTEP_INTEGER(value) \
    ((struct lockstep_bind){.type = LOCKSTEP_BIND_INTEGER, .integer = (int64_t)(value)})
#define LOCKSTEP_TEXT(value) ((struct lockstep_bind){.type = LOCKSTEP_BIND_TEXT, .bytes = (value)})
#define LOCKSTEP_BLOB(value, length) \
    ((struct lockstep_bind){.type = LOCKSTEP_BIND_BLOB, .bytes = (value), .size = (length)})
#define LOCKSTEP_BYTES_OF(object) LOCKSTEP_BLOB((object)->bytes, sizeof((object)->bytes))

/* Runs SQL, which returns no rows. *RET_CHANGED (may be NULL) is the number of rows changed. */
enum lockstep_err lockstep_journal_run(struct lockstep_journal *journal, const char *sql,
                                       const struct lockstep_bind *binds, size_t count,
                                       int *ret_changed,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
#define LOCKSTEP_RUN(journal, err, sql, ...)                                                      \
    LOCKSTEP_TRY(lockstep_journal_run(                                                            \
        (journal), "" sql, (const struct lockstep_bind[]){__VA_ARGS__},                           \
        sizeof((const struct lockstep_bind[]){__VA_ARGS__}) / sizeof(struct lockstep_bind), NULL, \
        (err)))

/* A query under way: rows one after the other. Only one query of a text at a time. */
struct lockstep_query_rows {
    struct lockstep_journal *journal;
    void *statement;
};

enum lockstep_err lockstep_query_begin(struct lockstep_journal *journal, const char *sql,
                                       const struct lockstep_bind *binds, size_t count,
                                       struct lockstep_query_rows *ret_rows,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* *RET_ROW is false behind the last row; then, and on failure, the query is over. */
enum lockstep_err lockstep_query_next(struct lockstep_query_rows *rows, bool *ret_row,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends a query early. Twice is fine. */
void lockstep_query_end(struct lockstep_query_rows *rows);
/* Columns of the row, from 0. A text is "" where it is NULL, and lives until the next step. */
int64_t lockstep_row_integer(const struct lockstep_query_rows *rows, int column);
const char *lockstep_row_text_at(const struct lockstep_query_rows *rows, int column);
const void *lockstep_row_blob(const struct lockstep_query_rows *rows, int column, size_t *ret_size);
/* Copies a blob of exactly SIZE bytes; anything else leaves zeros and returns false. */
bool lockstep_row_bytes(const struct lockstep_query_rows *rows, int column, void *ret_bytes,
                        size_t size);
/* Copies a text that is cut to SIZE - 1 bytes. */
void lockstep_row_copy(const struct lockstep_query_rows *rows, int column, char *ret_text,
                       size_t size);

/* ---- transactions --------------------------------------------------------------------------- */

/* BEGIN IMMEDIATE. */
enum lockstep_err lockstep_journal_begin(struct lockstep_journal *journal,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* A commit that fails breaks the journal, unless the disk was full. */
enum lockstep_err lockstep_journal_commit(struct lockstep_journal *journal,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Undoes what was begun; without a transaction nothing. */
void lockstep_journal_rollback(struct lockstep_journal *journal);

#endif
