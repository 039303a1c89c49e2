/*
 * When a coordinator may reconcile by itself: what it saw before, and which nodes it has moved too
 * often. Pure.
 *
 * Invariants
 *  - What would be done has been the same in two looks that lie apart, or nothing is done: a report
 *    may be on its way, a node between two versions.
 *  - A node that drifts again and again is left alone for a while, as routes that flap are (RFC
 *    2439): each move adds to a penalty that halves every ten minutes; above one threshold the node
 *    is damped, and below another it is so no more.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_AUTOMATIC_H
#define LOCKSTEP_COORDINATOR_CORE_AUTOMATIC_H

#include "common/base/time.h"
#include "coordinator/core/reconcile.h"

/* What the looks before saw of one module. Zero-initialise. */
struct lockstep_sighting {
    struct lockstep_digest target;
    uint64_t roster; /* a fingerprint of who would be in it */
    struct lockstep_time since;
};

/* What one look sees: what would be done, and the numbers of the nodes it would be done to. */
struct lockstep_look {
    enum lockstep_reconcile verdict;
    struct lockstep_digest target;
    const uint32_t *nodes;
    uint32_t node_count;
};

/* Notes a look. True if it is REPAIR, and the same has been seen for APART milliseconds. */
bool lockstep_sighting_holds(struct lockstep_sighting *sighting, struct lockstep_time now,
                             uint64_t apart, const struct lockstep_look *look);

#define LOCKSTEP_DAMPING_MAX 1024 /* pairs of node and module; the least penalty makes room */

struct lockstep_damping_row {
    uint32_t node;
    uint32_t module;
    uint32_t penalty; /* at `since`; 0: the row is free */
    bool damped;
    struct lockstep_time since;
};

/* Zero-initialise. */
struct lockstep_damping {
    struct lockstep_damping_row rows[LOCKSTEP_DAMPING_MAX];
};

/* NODE is being moved to another version of MODULE; both are numbers of the caller's. */
void lockstep_damping_moved(struct lockstep_damping *damping, struct lockstep_time now,
                            uint32_t node, uint32_t module);
/* True if it has been moved too often, lately. */
bool lockstep_damping_holds(struct lockstep_damping *damping, struct lockstep_time now,
                            uint32_t node, uint32_t module);
/* Says of all who are damped no more that they are not. */
void lockstep_damping_fade(struct lockstep_damping *damping, struct lockstep_time now);

#endif
