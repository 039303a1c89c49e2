/*
 * The coordinator's journal of a story: the newest row of each operation that is not over, with its
 * parts as they were when the row was handed over. A row is durable when the story says `written`,
 * what has become of parts since after the next `wait`; a restart takes what is not.
 *
 * It keeps no history and no audit trail: who asks for what is over is answered by the story.
 */
#ifndef LOCKSTEP_TESTS_STORY_JOURNAL_H
#define LOCKSTEP_TESTS_STORY_JOURNAL_H

#include "coordinator/core/fleet.h"

#define STORY_NODES   8
#define STORY_MODULES 4

/* Memory for an operation of this many nodes, with a spare for its compensation. */
struct lockstep_operation *story_operation_new(bool with_spare);
void story_operation_free(struct lockstep_operation *operation);

/* Forgets everything: a coordinator that begins with an empty journal, in EPOCH. */
void story_journal_clear(uint64_t epoch);
/* The row that OPERATION waits for is handed over, with CHILD's OPEN where there is one. */
void story_journal_write(const struct lockstep_fleet *fleet,
                         const struct lockstep_operation *operation,
                         const struct lockstep_operation *child);
/* What has become of the parts is written with the next row, or when some time has passed. */
void story_journal_parts(const struct lockstep_operation *operation);
/* Some time has passed. */
void story_journal_catch_up(void);
/* What was handed over of OPERATION is durable. */
void story_journal_written(const struct lockstep_id *operation);
/* The same of everything. */
void story_journal_written_all(void);
/* OPERATION is over: a coordinator that begins again does not take it up. */
void story_journal_forget(const struct lockstep_id *operation);

/* A copy of what is durable; and the journal is that copy again. */
void story_journal_back_up(void);
void story_journal_put_back(void);

/* The next epoch, with numbers and operations as they are durable: fills in what a fleet begins
 * with, loses what was not durable. */
uint64_t story_journal_begin(struct lockstep_fleet *fleet, uint64_t *ret_sequence);
/* The operation at INDEX, as memory of its own, or NULL where there is none. */
struct lockstep_operation *story_journal_operation(uint32_t index, enum lockstep_row *ret_row);

#endif
