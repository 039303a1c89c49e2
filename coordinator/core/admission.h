/*
 * Admission: may this operation be opened, over which roster, under which generations? Pure
 * arithmetic over the fleet as it is now; the same function answers `plan` and guards opening, so
 * what was planned is what is opened, or the operator is told that the world has moved on.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_ADMISSION_H
#define LOCKSTEP_COORDINATOR_CORE_ADMISSION_H

#include "coordinator/core/fleet.h"
#include "coordinator/core/reconcile.h"

/*  X(NAME, exit code of the command, text) */
#define LOCKSTEP_ADMISSION_TABLE(X)                                                     \
    X(ADMITTED, 0, "it may be opened")                                                  \
    X(NO_NODES, 2, "no member of the fleet carries the module")                         \
    X(NOT_ONE, 2, "local is for exactly one node")                                      \
    X(DUPLICATE, 2, "a module is named twice")                                          \
    X(TOO_MANY_ITEMS, 2, "too many modules in one operation")                           \
    X(ABSENT, 4, "not enough nodes are reachable")                                      \
    X(CORDONED, 4, "every node that it is for is cordoned")                             \
    X(PARTIAL_SET, 4, "some nodes carry only a part of the set")                        \
    X(QUARANTINED, 4, "the version is quarantined")                                     \
    X(CONSISTENT, 0, "every node that could be moved runs the version already")         \
    X(AMBIGUOUS, 5, "no version is known to run on more than half of the members")      \
    X(CONFLICT, 5, "what is recorded and what the majority runs are different")         \
    X(READ_ONLY, 4,                                                                     \
      "agents know more than this journal, or it comes from a backup and not all "      \
      "were heard: the coordinator is read-only")                                       \
    X(ISOLATED, 4,                                                                      \
      "many nodes fell silent at once, so the coordinator may be cut off; if they are " \
      "gone: lockstep op resume --accept-loss")                                         \
    X(TOO_MANY, 4, "too many operations are under way, or modules known")               \
    X(HELD, 5, "another operation holds the module")                                    \
    X(MOVED, 5, "the fleet has changed since the plan")

enum lockstep_admission {
#define LOCKSTEP_ADMISSION_ENUM(name, exit, text) LOCKSTEP_ADMISSION_##name,
    LOCKSTEP_ADMISSION_TABLE(LOCKSTEP_ADMISSION_ENUM)
#undef LOCKSTEP_ADMISSION_ENUM
};

const char *lockstep_admission_name(enum lockstep_admission admission);
const char *lockstep_admission_text(enum lockstep_admission admission);
int lockstep_admission_exit(enum lockstep_admission admission);

/* One module of a request; the digest is known by now. */
struct lockstep_wanted {
    struct lockstep_name module;
    struct lockstep_digest digest;  /* wanted (RELOAD) */
    struct lockstep_digest leaving; /* left (UNDO) */
    bool quarantined;               /* the digest wanted is */
    bool recorded;                  /* a placement of the module is: `placed` decides */
};

struct lockstep_request {
    struct lockstep_id operation;
    enum lockstep_kind kind; /* RELOAD, UNDO or RECONCILE */
    enum lockstep_strategy strategy;
    enum lockstep_offline offline;
    uint32_t quorum; /* of the roster; zero: the majority */
    bool quorum_percent;
    bool max_fail_given; /* options.max_fail, of a quorum */
    bool max_fail_percent;
    bool install; /* nodes that the module is not placed on are to get it */
    struct lockstep_operation_options
        options;                     /* need, max_fail are filled in; the rest is taken as it is */
    enum lockstep_reconcile verdict; /* of RECONCILE, whose roster `selected` is */
    uint32_t item_count;
    struct lockstep_wanted items[LOCKSTEP_ITEMS_MAX];
    const uint32_t *selected; /* nodes that the selectors match, ascending, no repeats */
    uint32_t selected_count;
    /* UNDO: what each selected node goes back to, selected_count * item_count of them. */
    const struct lockstep_digest *targets;
    /* Which selected node each item is placed on, in the same order. Of an item without a recorded
     * placement it says nothing: such a module is placed where it is reported. May be NULL then. */
    const bool *placed;
    /* What each selected node is to run of each item, zero for nothing, in the same order; NULL if
     * nothing is recorded. It stands for what a node has not told, or has no host to tell with. */
    const struct lockstep_digest *desired;
};

struct lockstep_plan {
    enum lockstep_admission admission;
    uint32_t n; /* size of the roster */
    uint32_t reachable;
    uint32_t absent;
    uint32_t cordoned; /* nodes beyond the roster that will be owed it when their cordon ends */
    uint32_t need;
    uint32_t max_fail;
    const struct lockstep_operation *holder; /* of HELD */
    uint64_t generations[LOCKSTEP_ITEMS_MAX];
    /* Capacity: selected_count; indexes into `selected`: n of the roster, in order, and behind them
     * those cordoned, in order. */
    uint32_t *roster;
};

/* Fills in *plan, whose `roster` points to room for selected_count entries. */
void lockstep_fleet_plan(const struct lockstep_fleet *fleet, const struct lockstep_request *request,
                         struct lockstep_plan *plan);

/* Fills in OPERATION as PLAN has it, without opening it: so that a request that waits can be shown.
 * Parts and starts have room for plan->n + plan->cordoned. */
void lockstep_fleet_draft(const struct lockstep_fleet *fleet,
                          const struct lockstep_request *request, const struct lockstep_plan *plan,
                          struct lockstep_operation *operation);

/* Opens what was planned (admission is ADMITTED, nothing has changed since): fills in OPERATION,
 * whose parts and starts have room for plan->n + plan->cordoned, takes generations and the modules'
 * locks. */
void lockstep_fleet_open(struct lockstep_fleet *fleet, struct lockstep_time now,
                         const struct lockstep_request *request, const struct lockstep_plan *plan,
                         struct lockstep_operation *operation,
                         struct lockstep_fleet_actions *ret_actions);

#endif
