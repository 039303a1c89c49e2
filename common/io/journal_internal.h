/* What the two files of the journal share. */
#ifndef LOCKSTEP_IO_JOURNAL_INTERNAL_H
#define LOCKSTEP_IO_JOURNAL_INTERNAL_H

#include "common/io/journal.h"

#include <sqlite3.h>

#define LOCKSTEP_JOURNAL_PATH       4096
#define LOCKSTEP_JOURNAL_STATEMENTS 160
#define LOCKSTEP_JOURNAL_PAGES      250           /* of the log; then they go to their places */
#define LOCKSTEP_JOURNAL_LOG        (1024 * 1024) /* bytes of the log, so many pages or more */

struct lockstep_journal_cached {
    const char *sql; /* the literal: its address is the key */
    sqlite3_stmt *statement;
};

struct lockstep_journal {
    sqlite3 *db;
    int lock;
    int wal_pages; /* in the write-ahead log, as of the last commit */
    bool broken;
    struct lockstep_id incarnation;
    size_t cached_count;
    struct lockstep_journal_cached cached[LOCKSTEP_JOURNAL_STATEMENTS];
    char cause[LOCKSTEP_ERROR_MESSAGE_MAX]; /* what broke it */
    char directory[LOCKSTEP_JOURNAL_PATH];  /* without symbolic links once it is open */
};

/* Says what SQLite's last error on this journal is, and breaks it where that may not be retried.
 * WHAT is SQL, or words for what was tried. */
enum lockstep_err lockstep_journal_fail(struct lockstep_journal *journal, const char *what,
                                        struct lockstep_error *err);
/* Runs statements that are not worth keeping. */
enum lockstep_err lockstep_journal_execute(struct lockstep_journal *journal, const char *sql,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
