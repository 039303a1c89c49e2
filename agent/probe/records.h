/*
 * A module's state in canonical form: a bag of records (lockstep/module.h), in memory and as bytes.
 *
 * As bytes, which is how a host hands a snapshot to the agent and the agent hands it to a probe,
 * all numbers little-endian:
 *
 *     "lockrec1"  u32 schema  u32 zero  u64 count
 *     count times: u32 key size  u32 value size  u32 residue (0 or 1)  key  value
 *
 * Order says nothing: two bags are the same when they have the same records. Residue is left out of
 * that comparison, since it is what a schema has no place for.
 */
#ifndef LOCKSTEP_PROBE_RECORDS_H
#define LOCKSTEP_PROBE_RECORDS_H

#include "agent/host/include/lockstep/module.h"
#include "common/base/attr.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_RECORDS_MAGIC "lockrec1"

struct lockstep_records_entry {
    size_t at; /* of the key in bytes; the value follows */
    uint32_t key_size;
    uint32_t value_size;
    bool residue;
};

/* A bag that is filled through `sink` and read through `source`, both of which may be handed to a
 * module. Zero-initialise with lockstep_records_init; it must stay where it is. */
struct lockstep_records {
    struct lockstep_records_sink sink;
    struct lockstep_records_source source;
    uint8_t *bytes; /* owned */
    size_t bytes_size;
    size_t bytes_room;
    struct lockstep_records_entry *entries; /* owned */
    size_t count;
    size_t room;
    size_t next; /* of source */
    size_t bytes_max;
};

/* An empty bag that holds at most BYTES_MAX bytes. */
void lockstep_records_init(struct lockstep_records *records, size_t bytes_max);
void lockstep_records_deinit(struct lockstep_records *records);
/* Takes all records out; its bound and its texts stay. */
void lockstep_records_clear(struct lockstep_records *records);
/* Makes `source` begin again. */
void lockstep_records_rewind(struct lockstep_records *records);

/* Fills an empty bag from bytes. INVALID if they are not a canonical form, LIMIT, NOMEM. */
enum lockstep_err lockstep_records_parse(struct lockstep_records *records, const uint8_t *bytes,
                                         size_t size, uint32_t *ret_schema,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The bytes of a bag, to be freed; NULL if there is no memory. */
uint8_t *lockstep_records_print(const struct lockstep_records *records, uint32_t schema,
                                size_t *ret_size);

/* True if both hold the same records, residue aside. Sorts both. */
bool lockstep_records_equal(struct lockstep_records *a, struct lockstep_records *b);
/* True if a key is there twice, residue aside. Sorts. */
bool lockstep_records_repeat(struct lockstep_records *records);

#endif
