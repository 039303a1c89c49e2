/*
 * A journal that comes out of a backup (lockstepd backup marks it). What was decided after it was
 * taken is not in it, and what was open then may have been committed since: to abort that, as a
 * coordinator does that starts again, would undo on one node what others run. So nothing is opened,
 * decided or taken up from it until every member has said what it knows and none knows more; who is
 * in doubt waits. A node that knows more keeps it read-only, until `lockstepd recover`.
 *
 * That asks every member and writes what they know: the numbers that must not be given out again,
 * and of what is open in the journal what the nodes show. Committed is what a node has applied, or
 * runs. Nobody guesses the rest: what a node holds in doubt that is not in the journal stays in
 * doubt, and a person decides it there.
 *
 * A journal that was copied in another way bears no mark, and is not noticed before somebody who
 * knows more comes.
 */
#ifndef LOCKSTEP_COORDINATOR_RESTORED_H
#define LOCKSTEP_COORDINATOR_RESTORED_H

#include "coordinator/driver_internal.h"

/* An operation that a node holds open. */
struct lockstep_held {
    struct lockstep_id operation;
    uint32_t node;
    bool decided; /* it has applied a COMMIT; false: it is in doubt */
};

/* What nodes have said. */
struct lockstep_restoring {
    bool overtaken; /* one knows more than the journal */
    uint64_t epoch; /* the highest seen */
    uint64_t sequence;
    size_t held_count;
    struct lockstep_held *held;
};

/* Makes the coordinator read-only: its journal is one of those. */
enum lockstep_err lockstep_restored_begin(struct lockstep_coordinator *coordinator,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
void lockstep_restored_end(struct lockstep_coordinator *coordinator);
/* NODE's STATE, piece by piece; FRESH: the first. */
void lockstep_restored_heard(struct lockstep_coordinator *coordinator, uint32_t node,
                             const struct lockstep_state *state, bool fresh);
/* Looks whether all have been heard. Then the journal is one like any other, and what was open in
 * it is taken up; or, to recover, what they said is written, and the loop is stopped. */
void lockstep_restored_look(struct lockstep_coordinator *coordinator);

#endif
