/*
 * What reconciling a module would do, worked out from what its members run: pure, and without any
 * doing. `check` says it beside the differences.
 *
 * Invariants
 *  - The target is what more than half of all members run, who is away or pinned counted and
 *    without a vote; or what an operator names. A plurality and a tie change nothing.
 *  - Nothing is ever moved towards a quarantined version, whoever wants it.
 *  - Where one version is recorded and the majority runs another, a person has to say which.
 *  - Where nobody was asked, nothing is done against what is recorded, not of one node either.
 *  - Who is pinned, or was moved too often in a short time, is left alone. Who is away, owed or in
 *    doubt is not moved for what it runs: that is not known, or is on its way to be changed. It is
 *    taken along when it is recorded to run another version than the target, and owed that.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_RECONCILE_H
#define LOCKSTEP_COORDINATOR_CORE_RECONCILE_H

#include "coordinator/core/drift.h"

/* What becomes of asking for it.  X(NAME, word, meaning) */
#define LOCKSTEP_RECONCILE_TABLE(X)                                                      \
    X(NOTHING, "nothing", "every node that could be moved is on the target")             \
    X(REPAIR, "repair", "some nodes can be moved to the target")                         \
    X(AMBIGUOUS, "ambiguous", "no version runs on more than half of the members")        \
    X(CONFLICT, "conflict", "what is recorded and what the majority runs are different") \
    X(QUARANTINED, "quarantined", "the target is quarantined")

enum lockstep_reconcile {
#define LOCKSTEP_RECONCILE_ENUM(name, word, meaning) LOCKSTEP_RECONCILE_##name,
    LOCKSTEP_RECONCILE_TABLE(LOCKSTEP_RECONCILE_ENUM)
#undef LOCKSTEP_RECONCILE_ENUM
};

const char *lockstep_reconcile_word(enum lockstep_reconcile verdict);
const char *lockstep_reconcile_meaning(enum lockstep_reconcile verdict);

/* One member of the module's placement. */
struct lockstep_member {
    struct lockstep_digest runs;     /* zeros: none of it */
    struct lockstep_digest recorded; /* what it is to run; zeros: nothing is recorded */
    bool known;                      /* it is ready, and its report is fresh */
    bool pinned;
    bool unsettled;   /* owed, or in doubt */
    bool quarantined; /* what it runs is */
    bool damped;      /* moved too often (damping.h) */
    bool unasked;     /* not among the nodes that the operator asked for: counted, not moved */
};

struct lockstep_reconcile_request {
    const struct lockstep_member *members;
    uint32_t member_count;
    struct lockstep_digest desired; /* recorded of all that are not pinned; zeros: no one version */
    struct lockstep_digest to;      /* named by an operator; zeros: the majority decides */
    bool to_quarantined;
    bool by_majority;     /* the majority counts, whatever is recorded */
    bool as_recorded;     /* who is recorded to run something else than the target is left alone */
    uint32_t max_changes; /* nodes moved at most; 0: all that can be */
    bool max_percent;     /* of the members, rounded down, and at least one */
};

struct lockstep_reconcile_answer {
    enum lockstep_reconcile verdict;
    struct lockstep_digest target;   /* of NOTHING and REPAIR; of QUARANTINED, what it would be */
    struct lockstep_digest majority; /* zeros: none */
    uint32_t votes;                  /* for the majority */
    uint32_t drifted;                /* that can be moved to the target */
    uint32_t moved;                  /* of them, as many as may be at once */
    uint32_t noted;                  /* recorded to run another version, and not moved */
};

/* RET_TAKEN has room for member_count: who is in the roster of REPAIR. NULL if nobody asks. */
void lockstep_reconcile(const struct lockstep_reconcile_request *request, bool *ret_taken,
                        struct lockstep_reconcile_answer *ret_answer);
/* True if MEMBER is one of those that would be moved to TARGET. */
bool lockstep_reconcile_moves(const struct lockstep_member *member,
                              const struct lockstep_digest *target);

#endif
