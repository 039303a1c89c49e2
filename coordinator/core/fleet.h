/*
 * The fleet as the coordinator sees it: nodes, modules, and the operations under way. Pure. It is
 * the one door through which messages reach operations: stale, foreign and repeated ones are sorted
 * out here, so the handlers of an operation read as the happy path.
 *
 * Invariants
 *  - At most one operation holds a module; its lock is free when it has a result.
 *  - Generations of a module only rise. Opening takes two: one to go, one reserved to go back.
 *  - A roster is frozen when its operation opens. Absence never makes N smaller; a cordon does, for
 *    operations opened from then on. What a cordoned node misses it is owed when that ends.
 *  - A node is READY only after every operation it holds open has been answered.
 *
 * Memory is the driver's: nodes, modules and operations are handed in and stay where they are. What
 * nodes report as live is borrowed until the next report.
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_FLEET_H
#define LOCKSTEP_COORDINATOR_CORE_FLEET_H

#include "common/tbl/defaults.h"
#include "coordinator/core/operation.h"

/* Operations kept in memory: under way, in their window, or with nodes owed. */
#define LOCKSTEP_FLEET_OPERATIONS 64

struct lockstep_node {
    struct lockstep_name name;
    struct lockstep_id journal; /* incarnation of the agent's journal, last seen; zeros: never */
    bool member;                /* counts: it has been READY once and was not removed */
    bool connected;
    bool joined;   /* its STATE has come over this link */
    bool ready;    /* joined, and not held */
    bool down;     /* silent for so long that operations were told */
    bool cordoned; /* an operator keeps operations off it */
    bool gone;     /* removed or revoked: it never comes back under this number */
    bool seen;     /* heard since this coordinator began */
    struct lockstep_time heard;
    struct lockstep_time held;        /* it came and went: not READY before that time */
    uint8_t returns;                  /* from being down */
    struct lockstep_time returned;    /* the first of them */
    const struct lockstep_live *live; /* borrowed; the last report, also when it is away */
    uint32_t live_count;
};

struct lockstep_module {
    struct lockstep_name name;
    uint64_t generation; /* the last one given out */
};

/*  X(NAME, what the driver does) */
enum lockstep_fleet_action_type {
    LOCKSTEP_FLEET_PERSIST,    /* write lockstep_operation_row() of `operation`, then report it */
    LOCKSTEP_FLEET_COMPENSATE, /* the same, and the OPEN row of `child`, in one transaction */
    LOCKSTEP_FLEET_PARTS,      /* write the operation's parts and result when convenient */
    LOCKSTEP_FLEET_SEND,    /* send what the operation is due, see lockstep_operation_next_due() */
    LOCKSTEP_FLEET_SAY,     /* send OUTCOME `outcome` of `id` to `node` */
    LOCKSTEP_FLEET_LOOK_UP, /* find `id` in the journal, then call lockstep_fleet_found() */
    LOCKSTEP_FLEET_READY,   /* send READY to `node`; note it as a member if it is new */
    LOCKSTEP_FLEET_CLOSE,   /* close the link of `node`: it is silent */
    LOCKSTEP_FLEET_CHANGED, /* tell whoever watches `operation` */
    LOCKSTEP_FLEET_ENDED,   /* nothing refers to `operation` any more: free it and its spare */
    LOCKSTEP_FLEET_ISOLATION, /* the fleet's `isolated` has changed: say so */
    LOCKSTEP_FLEET_ROLLBACK,  /* `node` knows more than this journal: alarm; the fleet is read-only
                               */
};

struct lockstep_fleet_action {
    enum lockstep_fleet_action_type type;
    struct lockstep_operation *operation;
    struct lockstep_operation *child;
    uint32_t node;
    struct lockstep_id id;
    enum lockstep_outcome outcome;
};

/* Five an operation, one for each that a node's STATE holds open, and the links that one call
 * closes, or the nodes that it releases. */
#define LOCKSTEP_FLEET_ACTIONS_MAX 512
#define LOCKSTEP_FLEET_CLOSES_MAX  64

/* What one call asks for, in the order in which it is to be done. */
struct lockstep_fleet_actions {
    uint32_t count;
    struct lockstep_fleet_action list[LOCKSTEP_FLEET_ACTIONS_MAX];
};

struct lockstep_fleet {
    struct lockstep_defaults settings;
    uint64_t epoch;
    uint64_t sequence; /* of decisions */
    bool read_only;    /* an agent has seen more than this journal holds, or may have */
    struct lockstep_node *nodes;
    uint32_t node_count;
    struct lockstep_module *modules;
    uint32_t module_count;
    uint32_t module_max;
    struct lockstep_time scanned;  /* when silence was last looked for */
    struct lockstep_time isolated; /* since when it is more likely us than them (presence.h) */
    struct lockstep_time answered; /* it was not us: who was silent then is not asked about again */
    bool behind;                   /* owed nodes are to be looked through (catch_up.h) */
    struct lockstep_operation *operations[LOCKSTEP_FLEET_OPERATIONS];
    struct lockstep_fleet_actions *out; /* during a call */
};

/* Begins with no operations. NODES and MODULES stay the driver's; `node_count`, `modules` and
 * `module_count` may be changed between calls. Every node counts as heard at NOW. */
void lockstep_fleet_init(struct lockstep_fleet *fleet, const struct lockstep_defaults *settings,
                         uint64_t epoch, uint64_t sequence, struct lockstep_time now);

/* Takes up an operation found in the journal. Restore parents before their compensations. */
void lockstep_fleet_restore(struct lockstep_fleet *fleet, struct lockstep_time now,
                            struct lockstep_operation *operation, enum lockstep_row row,
                            struct lockstep_fleet_actions *ret_actions);

/* A node's link stands (it has been authenticated). It becomes READY after its STATE. */
void lockstep_fleet_link_up(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node);
void lockstep_fleet_link_down(struct lockstep_fleet *fleet, struct lockstep_time now,
                              uint32_t node);

/* A message of a type that an agent may send. NODE is who the channel says it is from. */
void lockstep_fleet_receive(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                            const struct lockstep_message *message,
                            struct lockstep_fleet_actions *ret_actions);

/* The row asked for by PERSIST or COMPENSATE is durable. */
void lockstep_fleet_persisted(struct lockstep_fleet *fleet, struct lockstep_time now,
                              struct lockstep_operation *operation,
                              struct lockstep_fleet_actions *ret_actions);

/* The OPEN row of OPERATION could not be written, and never will be: the fleet forgets it as if it
 * had not been opened. It is the caller's to free. */
void lockstep_fleet_refused(struct lockstep_fleet *fleet, struct lockstep_operation *operation);

/* Answer to LOOK_UP: the newest row of the operation in the journal, NONE if it is not there. */
void lockstep_fleet_found(struct lockstep_fleet *fleet, uint32_t node, const struct lockstep_id *id,
                          enum lockstep_row row, struct lockstep_fleet_actions *ret_actions);

/* How often a version has been called since it became live on a node. */
struct lockstep_called {
    struct lockstep_name module;
    struct lockstep_digest digest;
    uint64_t calls;
};
/* NODE reports calls of all that it runs. */
void lockstep_fleet_called(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                           const struct lockstep_called *called, uint32_t count,
                           struct lockstep_fleet_actions *ret_actions);

/* An operator aborts OPERATION. */
void lockstep_fleet_abort(struct lockstep_fleet *fleet, struct lockstep_time now,
                          struct lockstep_operation *operation,
                          struct lockstep_fleet_actions *ret_actions);

/* The operation without a decision that has NODE in its roster, or NULL: it may not be cordoned
 * now.
 */
const struct lockstep_operation *lockstep_fleet_undecided(const struct lockstep_fleet *fleet,
                                                          uint32_t node);
/* An operator cordons NODE, or ends that. Operations that have it in their roster go on as they
 * began; what it is owed, or misses from now on, it gets when the cordon ends. */
void lockstep_fleet_cordon(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                           bool cordoned, struct lockstep_fleet_actions *ret_actions);

/* An operator removes or revokes NODE. It is in no roster any more: an operation that is not
 * decided and needs it is aborted; one that is decided waits for it no longer. Nothing is heard of
 * it from now on. WHY is for people. */
void lockstep_fleet_forget(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                           const char *why, struct lockstep_fleet_actions *ret_actions);

/* Another machine comes in a node's place. */
struct lockstep_replacement {
    uint32_t node;
    const char *why;                /* for people */
    const struct lockstep_id *owed; /* operations that brought what the node is to run */
    size_t owed_count;
};

/* An operator admits another machine: what the one before has voted, runs and promised is void.
 * Before the decision an operation that needed its YES is aborted; going back does without it; what
 * is decided goes on without it, and owes it to the new one. Of the operations that have ended,
 * those of `owed` do. */
void lockstep_fleet_replace(struct lockstep_fleet *fleet, struct lockstep_time now,
                            const struct lockstep_replacement *replacement,
                            struct lockstep_fleet_actions *ret_actions);

/* Looks at deadlines and at silence. */
void lockstep_fleet_tick(struct lockstep_fleet *fleet, struct lockstep_time now,
                         struct lockstep_fleet_actions *ret_actions);

/* Milliseconds between heartbeats: longer than the setting in a fleet so large that all together
 * would be more than it allows. What silence means is measured by it. */
uint64_t lockstep_fleet_heartbeat(const struct lockstep_fleet *fleet);

/* Milliseconds of silence that heartbeats do not explain. */
uint64_t lockstep_fleet_suspect_ms(const struct lockstep_fleet *fleet);

/* An operator says that who is silent is lost, and not the coordinator: operations go on. */
void lockstep_fleet_accept_loss(struct lockstep_fleet *fleet, struct lockstep_time now,
                                struct lockstep_fleet_actions *ret_actions);

/* An operator trusts NODE again, which came and went. */
void lockstep_fleet_release(struct lockstep_fleet *fleet, struct lockstep_time now, uint32_t node,
                            struct lockstep_fleet_actions *ret_actions);

/* When to call lockstep_fleet_tick() next, at the latest. */
struct lockstep_time lockstep_fleet_deadline(const struct lockstep_fleet *fleet);

/* The operation with this id in memory, or NULL. */
struct lockstep_operation *lockstep_fleet_operation(const struct lockstep_fleet *fleet,
                                                    const struct lockstep_id *id);
/* The id that the compensation of PARENT has, and the other way round. */
struct lockstep_id lockstep_fleet_child_id(const struct lockstep_id *parent);
/* The compensation of PARENT in memory, or NULL. */
struct lockstep_operation *lockstep_fleet_child(const struct lockstep_fleet *fleet,
                                                const struct lockstep_operation *parent);
/* The module with this name, or NULL. */
struct lockstep_module *lockstep_fleet_module(const struct lockstep_fleet *fleet,
                                              const struct lockstep_name *name);
/* What NODE last reported of MODULE, or NULL. */
const struct lockstep_live *lockstep_node_live(const struct lockstep_node *node,
                                               const struct lockstep_name *module);

/* Gives a new operation a slot and begins it (admission.h has checked that there is room).
 * Internal. */
void lockstep_fleet_begin(struct lockstep_fleet *fleet, struct lockstep_time now,
                          struct lockstep_operation *operation,
                          struct lockstep_fleet_actions *ret_actions);

#endif
