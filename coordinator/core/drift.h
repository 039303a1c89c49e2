/*
 * What is known of one node and one module, against what the node is to run: one class, out of one
 * table, which also says whether it is a difference. Pure; who knows what, and from where, is the
 * business of the documents.
 *
 * Invariant: only what is known to be right counts as the same. Who is away, silent or not settled
 * is never consistent, however it was left.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_DRIFT_H
#define LOCKSTEP_COORDINATOR_CORE_DRIFT_H

#include "common/base/ids.h"

#include <stdbool.h>
#include <stdint.h>

/* What a class does to "is it consistent?". */
enum lockstep_drift_weight {
    LOCKSTEP_DRIFT_SAME,    /* as it is to be */
    LOCKSTEP_DRIFT_OPEN,    /* not known, or not settled: consistent so far */
    LOCKSTEP_DRIFT_DIFFERS, /* known not to be: not consistent */
    LOCKSTEP_DRIFT_ASIDE,   /* not counted at all */
};

/* Words are for scripts and never change.  X(NAME, weight, word, meaning) */
#define LOCKSTEP_DRIFT_TABLE(X)                                                           \
    X(OK, SAME, "ok", "it runs what it is to run")                                        \
    X(PINNED, SAME, "pinned", "it runs what it is pinned to")                             \
    X(OTHER_VERSION, DIFFERS, "other-version", "it runs a version that it is not to run") \
    X(OTHER_BYTES, DIFFERS, "other-bytes", "the same version, and other bytes")           \
    X(MISSING, DIFFERS, "missing", "it is to run the module and runs none of it")         \
    X(EXTRA, DIFFERS, "extra", "it runs a module that it is not to run")                  \
    X(DISK_DIFFERS, DIFFERS, "disk-differs", "what it runs is not what is on its disk")   \
    X(SPLIT, DIFFERS, "split", "no one version is desired")                               \
    X(OWED, OPEN, "owed", "an operation owes it its version")                             \
    X(IN_DOUBT, OPEN, "in-doubt", "an operation is not settled on it")                    \
    X(UNKNOWN, OPEN, "unknown", "it is not connected, or not ready")                      \
    X(STALE, OPEN, "stale", "its last report is too old")                                 \
    X(CORDONED, ASIDE, "cordoned", "it is cordoned, and not known to run what it is to run")

enum lockstep_drift {
#define LOCKSTEP_DRIFT_ENUM(name, weight, word, meaning) LOCKSTEP_DRIFT_##name,
    LOCKSTEP_DRIFT_TABLE(LOCKSTEP_DRIFT_ENUM)
#undef LOCKSTEP_DRIFT_ENUM
        LOCKSTEP_DRIFT_COUNT
};

/* What an operation says of a node that it has not settled. */
enum lockstep_drift_unsettled {
    LOCKSTEP_DRIFT_SETTLED,
    LOCKSTEP_DRIFT_IS_OWED,
    LOCKSTEP_DRIFT_IN_BETWEEN,
};

/* One node and one module. */
struct lockstep_sight {
    struct lockstep_digest wanted; /* zeros: none of it, or (UNDECIDED) nobody knows which */
    struct lockstep_digest found;  /* last known to be mapped; zeros: none */
    bool undecided;                /* nothing is recorded, and no majority decides */
    bool pinned;                   /* WANTED is what a pin says that is in force */
    bool cordoned; /* what it misses it is owed when that ends: no difference by itself */
    bool ready;
    bool fresh;        /* its report is */
    bool same_version; /* the two digests go by one version */
    bool disk_differs; /* a file in its module_path has other bytes than FOUND */
    enum lockstep_drift_unsettled unsettled;
};

enum lockstep_drift lockstep_drift_judge(const struct lockstep_sight *sight);
enum lockstep_drift_weight lockstep_drift_weight(enum lockstep_drift drift);
const char *lockstep_drift_word(enum lockstep_drift drift);
const char *lockstep_drift_meaning(enum lockstep_drift drift);

/* Where nothing is recorded, the majority decides: give it every member that the module is placed
 * on, twice in the same order: first to _nominate, then to _count. A node that is away or silent
 * is counted and has no vote. Zero-initialise. */
struct lockstep_majority {
    struct lockstep_digest candidate;
    uint32_t lead;
    uint32_t votes; /* for the candidate */
    uint32_t members;
};

void lockstep_majority_nominate(struct lockstep_majority *majority,
                                const struct lockstep_digest *vote);
/* VOTE is NULL for who has none. */
void lockstep_majority_count(struct lockstep_majority *majority,
                             const struct lockstep_digest *vote);
/* What more than half of all run; zeros if nothing is. */
struct lockstep_digest lockstep_majority_digest(const struct lockstep_majority *majority);

#endif
