/*
 * A copy of a journal, taken beside the process that holds it, or while there is none: SQLite makes
 * it from one snapshot and does not keep the holder from writing.
 *
 * It takes no lock on the directory and writes nothing to the journal; not even the log is folded
 * in. What the copy is worth (restored, it forgets what was decided since) is its user's business.
 */
#ifndef LOCKSTEP_IO_JOURNAL_COPY_H
#define LOCKSTEP_IO_JOURNAL_COPY_H

#include "common/base/attr.h"
#include "common/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Copies the journal in DIRECTORY to FILE, which must be there and be empty: its mode is kept.
 * INVALID if there is no journal, CORRUPT if it is damaged, LIMIT if the disk is full, IO. */
enum lockstep_err lockstep_journal_copy(const char *directory, const char *file,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The COUNT integers of the one row that SQL, a query, finds in the copy FILE. CORRUPT if there is
 * no such row. */
enum lockstep_err lockstep_journal_copy_ask(const char *file, const char *sql, int64_t *ret_numbers,
                                            size_t count,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Runs SQL, which changes something, in the copy FILE, whole or not at all. */
enum lockstep_err lockstep_journal_copy_change(const char *file, const char *sql,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
