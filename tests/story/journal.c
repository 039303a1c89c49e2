#include "tests/story/journal.h"

#include "tests/story/story.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS 16

/* One row, with what the journal as a whole says then. */
struct record {
    struct lockstep_operation *operation; /* NULL: the record is free */
    enum lockstep_row row;
    struct lockstep_id with; /* the operation that waits for it */
    uint64_t sequence;
    uint64_t generations[STORY_MODULES];
};

struct journal {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t generations[STORY_MODULES];
    struct record records[RECORDS];
};

static struct journal durable;
static struct journal backup;
static struct record pending[RECORDS]; /* in the order in which they were handed over */
static struct record late[RECORDS];    /* parts that are written when some time has passed */

struct lockstep_operation *story_operation_new(bool with_spare)
{
    struct lockstep_operation *operation = calloc(1, sizeof(*operation));
    if (operation == NULL) {
        abort();
    }
    operation->parts = calloc(STORY_NODES, sizeof(*operation->parts));
    operation->starts = calloc(STORY_NODES, sizeof(*operation->starts));
    operation->spare = with_spare ? story_operation_new(false) : NULL;
    return operation;
}

void story_operation_free(struct lockstep_operation *operation)
{
    if (operation != NULL) {
        story_operation_free(operation->spare);
        free(operation->parts);
        free(operation->starts);
        free(operation);
    }
}

static struct lockstep_operation *copy_of(const struct lockstep_operation *operation)
{
    struct lockstep_operation *copy = story_operation_new(true);
    struct lockstep_part *parts = copy->parts;
    struct lockstep_digest *starts = copy->starts;
    struct lockstep_operation *spare = copy->spare;
    *copy = *operation;
    copy->parts = memcpy(parts, operation->parts, STORY_NODES * sizeof(*parts));
    copy->starts = memcpy(starts, operation->starts, STORY_NODES * sizeof(*starts));
    copy->spare = spare;
    return copy;
}

static void free_record(struct record *record)
{
    story_operation_free(record->operation);
    memset(record, 0, sizeof(*record));
}

static void clear(struct journal *journal)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        free_record(&journal->records[i]);
    }
    memset(journal, 0, sizeof(*journal));
}

static void copy_journal(struct journal *to, const struct journal *from)
{
    clear(to);
    *to = *from;
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct record *record = &to->records[i];
        record->operation = record->operation == NULL ? NULL : copy_of(record->operation);
    }
}

/* The record of ID among RECORDS of them; without one the first that is free. */
static struct record *record_of(struct record *records, const struct lockstep_id *id)
{
    struct record *found = NULL;
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct record *record = &records[i];
        if (record->operation != NULL && lockstep_id_equal(&record->operation->id, id)) {
            return record;
        }
        found = found == NULL && record->operation == NULL ? record : found;
    }
    if (found == NULL) {
        story_wrong("too many operations for the journal", story_operation_text(id));
    }
    return found;
}

static void lose_pending(void)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        free_record(&pending[i]);
        free_record(&late[i]);
    }
}

void story_journal_clear(uint64_t epoch)
{
    clear(&durable);
    clear(&backup);
    lose_pending();
    durable.epoch = epoch;
    backup.epoch = epoch;
}

static void hand_over(const struct lockstep_fleet *fleet,
                      const struct lockstep_operation *operation, enum lockstep_row row,
                      const struct lockstep_id *with)
{
    struct record *record = record_of(pending, &operation->id);
    free_record(record);
    record->operation = copy_of(operation);
    record->row = row;
    record->with = *with;
    record->sequence = fleet->sequence;
    for (uint32_t i = 0; i < fleet->module_count; i++) {
        record->generations[i] = fleet->modules[i].generation;
    }
}

void story_journal_write(const struct lockstep_fleet *fleet,
                         const struct lockstep_operation *operation,
                         const struct lockstep_operation *child)
{
    hand_over(fleet, operation, lockstep_operation_row(operation), &operation->id);
    if (child != NULL) {
        hand_over(fleet, child, LOCKSTEP_ROW_OPEN, &operation->id);
    }
}

void story_journal_parts(const struct lockstep_operation *operation)
{
    struct record *record = record_of(late, &operation->id);
    free_record(record);
    record->operation = copy_of(operation);
}

void story_journal_catch_up(void)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct record *to = late[i].operation == NULL
                                ? NULL
                                : record_of(durable.records, &late[i].operation->id);
        if (to != NULL && to->operation != NULL) {
            story_operation_free(to->operation);
            to->operation = late[i].operation;
            late[i].operation = NULL;
        }
        free_record(&late[i]);
    }
}

static void make_durable(struct record *record)
{
    struct record *to = record_of(durable.records, &record->operation->id);
    free_record(to);
    free_record(record_of(late, &record->operation->id)); /* the row has the parts, too */
    *to = *record;
    durable.sequence = record->sequence;
    memcpy(durable.generations, record->generations, sizeof(durable.generations));
    memset(record, 0, sizeof(*record));
}

void story_journal_written(const struct lockstep_id *operation)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (pending[i].operation != NULL && lockstep_id_equal(&pending[i].with, operation)) {
            make_durable(&pending[i]);
        }
    }
}

void story_journal_written_all(void)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (pending[i].operation != NULL) {
            make_durable(&pending[i]);
        }
    }
}

void story_journal_forget(const struct lockstep_id *operation)
{
    free_record(record_of(durable.records, operation));
    free_record(record_of(late, operation));
}

void story_journal_back_up(void)
{
    copy_journal(&backup, &durable);
}

void story_journal_put_back(void)
{
    copy_journal(&durable, &backup);
}

uint64_t story_journal_begin(struct lockstep_fleet *fleet, uint64_t *ret_sequence)
{
    lose_pending();
    for (uint32_t i = 0; i < fleet->module_count; i++) {
        fleet->modules[i].generation = durable.generations[i];
    }
    *ret_sequence = durable.sequence;
    return ++durable.epoch;
}

struct lockstep_operation *story_journal_operation(uint32_t index, enum lockstep_row *ret_row)
{
    struct lockstep_operation *operation = NULL;
    if (index < RECORDS && durable.records[index].operation != NULL) {
        operation = copy_of(durable.records[index].operation);
        operation->state = LOCKSTEP_OPERATION_UNSPECIFIED;
        operation->awaits_calls = false; /* nor are calls in the journal */
        for (uint32_t i = 0; i < operation->part_count; i++) {
            operation->parts[i].calls = 0;
        }
        *ret_row = durable.records[index].row;
    }
    return operation;
}
