/*
 * A call journal: the calls that changed a module's state since a base was made.
 *
 * It lies in shared memory of a sealed size, whose descriptor the agent holds as well, so it
 * outlives the process that writes it. One writer at a time (the caller's lock); the reader is
 * another process, after the writer's death, or the same one between calls. All numbers
 * little-endian:
 *
 *     "lockjrn1"  u64 sequence of the first record  u64 calls that found no room
 *     u32 size  u32 CRC-32C of what follows in the record
 *         u64 sequence  u64 generation  u32 result  u32 tool size  u32 request size  u32 zero
 *         tool  request  zeros up to a multiple of 8 bytes (SIZE counts all of it)
 *     …  zeros
 *
 * The size is written first and the CRC last, so a record that its writer did not finish shows, and
 * is told from the end. Nothing is ever overwritten: when it is half full a new base should be
 * made, with a journal of its own. It deliberately does not survive the machine.
 */
#ifndef LOCKSTEP_HOST_CALL_JOURNAL_H
#define LOCKSTEP_HOST_CALL_JOURNAL_H

#include "agent/host/include/lockstep/module.h"
#include "common/base/attr.h"
#include "common/base/error.h"

#define LOCKSTEP_CALL_JOURNAL_BYTES 16777216 /* of one journal, unless said otherwise */
#define LOCKSTEP_CALL_JOURNAL_MIN   4096
#define LOCKSTEP_CALL_JOURNAL_MAX   1073741824

struct lockstep_call_journal {
    int fd;         /* owned */
    uint8_t *bytes; /* owned; mapped, SIZE of them */
    size_t size;
    size_t used;
    uint64_t next;   /* sequence of the next record */
    uint64_t missed; /* calls that found no room: not every call is in it */
};

/* One call. Pointers lead into what is read. */
struct lockstep_call_journal_record {
    uint64_t sequence;
    uint64_t generation;
    uint32_t result; /* what the tool said, 0: well */
    char tool[LOCKSTEP_MODULE_TEXT];
    const uint8_t *request;
    size_t request_size;
};

/* A walk over a journal. Zero-initialise with _begin. */
struct lockstep_call_journal_reader {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    uint64_t next;
    uint64_t count;  /* of whole records so far */
    uint64_t missed; /* calls that found no room, as the writer says */
    bool torn;       /* what comes behind them was begun and not finished, or is damaged */
};

/* An empty journal of SIZE bytes that begins with sequence FIRST. IO, LIMIT. */
enum lockstep_err lockstep_call_journal_new(struct lockstep_call_journal *journal, size_t size,
                                            uint64_t first,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Gives everything back. Zeroed memory is fine. */
void lockstep_call_journal_deinit(struct lockstep_call_journal *journal);

/* Appends a call. False: no room; the journal says so from then on, and takes nothing more. */
bool lockstep_call_journal_append(struct lockstep_call_journal *journal, uint64_t generation,
                                  const char *tool, const struct lockstep_call *call, int result);
/* Appends a record that was read elsewhere, as it is. */
bool lockstep_call_journal_copy(struct lockstep_call_journal *journal,
                                const struct lockstep_call_journal_record *record);
/* More than one PART-th of it is used. */
static inline bool lockstep_call_journal_beyond(const struct lockstep_call_journal *journal,
                                                size_t part)
{
    return journal->used > journal->size / part;
}

/* Copies a journal out of FD, whoever wrote it; *RET_BYTES is to be freed. INVALID, LIMIT, IO. */
enum lockstep_err lockstep_call_journal_load(int fd, uint8_t **ret_bytes, size_t *ret_size,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Begins to read SIZE bytes. False: that is no journal. */
bool lockstep_call_journal_begin(struct lockstep_call_journal_reader *reader, const uint8_t *bytes,
                                 size_t size);
/* The next whole record; false at the end, or where it is torn. */
bool lockstep_call_journal_next(struct lockstep_call_journal_reader *reader,
                                struct lockstep_call_journal_record *ret_record);

#endif
