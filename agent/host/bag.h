/*
 * A state in canonical form: a bag of records (lockstep/module.h), in memory and as bytes.
 *
 * As bytes, which is how snapshots travel, all numbers little-endian:
 *
 *     "lockrec1"  u32 schema  u32 schema whose residue is in it (0: none)  u64 count
 *     count times: u32 key size  u32 value size  u32 residue (0 or 1)  key  value
 *
 * In memory a bag is those records, one behind the other, so both are the same bytes.
 */
#ifndef LOCKSTEP_HOST_BAG_H
#define LOCKSTEP_HOST_BAG_H

#include "agent/host/include/lockstep/module.h"
#include "common/base/attr.h"
#include "common/base/error.h"

#define LOCKSTEP_BAG_MAX (1024ULL * 1024 * 1024) /* bytes */

/* Filled through `sink`, read through `source`. Must stay where it is after _init. */
struct lockstep_bag {
    struct lockstep_records_sink sink;
    struct lockstep_records_source source;
    uint8_t *bytes; /* owned */
    size_t size;
    size_t room;
    size_t next; /* of source */
    uint64_t count;
    uint32_t schema;
    uint32_t residue_schema; /* whose residue is in it; 0: none, or of who wrote it */
    bool missing;            /* it stands for no state at all, which is not an empty one */
};

void lockstep_bag_init(struct lockstep_bag *bag);
void lockstep_bag_deinit(struct lockstep_bag *bag);
/* Exchanges what two bags hold; their `extra` texts stay where they are. */
void lockstep_bag_swap(struct lockstep_bag *a, struct lockstep_bag *b);
/* Makes `source` begin again. */
void lockstep_bag_rewind(struct lockstep_bag *bag);
/* Appends those records of FROM that are residue, or those that are not, as what AS_RESIDUE says.
 * False: no room. */
bool lockstep_bag_take(struct lockstep_bag *bag, struct lockstep_bag *from, bool residue,
                       bool as_residue);

/* Writes the bag to a new sealed memfd. IO. */
enum lockstep_err lockstep_bag_save(const struct lockstep_bag *bag, int *ret_fd,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Fills an empty bag from a file, from its beginning. INVALID, LIMIT, IO, NOMEM. */
enum lockstep_err lockstep_bag_load(struct lockstep_bag *bag, int fd,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
