/*
 * One operation: a reload, an undo, or the compensation of a failed one, from before its first
 * message to after its last. Pure: events go in, wants and due messages come out; whoever drives it
 * (lockstepd, the simulation) decides nothing.
 *
 * Invariants
 *  - Nothing that depends on a journal row leaves before the PERSISTED event for that row.
 *  - There is one decision. It is taken in PREPARING, written in DECIDING or ABORTING, and the
 * written row is the commit point (presumed abort: no row means abort).
 *  - A part counts as done when its node reports the ordered digest as mapped, never when something
 *    was sent.
 *  - Going back (UNDO, COMPENSATION) needs no majority, waits for nobody, and is never compensated.
 *  - Every state but the last ones has a deadline.
 *
 * It does not know sockets, clocks, names of nodes or the journal's format. Who is locked out
 * meanwhile, and which generation comes next, is the fleet's business (fleet.h).
 */
#ifndef LOCKSTEP_COORDINATOR_CORE_OPERATION_H
#define LOCKSTEP_COORDINATOR_CORE_OPERATION_H

#include "common/base/time.h"
#include "common/core/message.h"
#include "coordinator/core/states.h"

#include <stdbool.h>
#include <stdint.h>

#define LOCKSTEP_PART_TEXT 120

/* One node of the roster. */
struct lockstep_part {
    uint32_t node;              /* the fleet's index of the node */
    uint8_t state;              /* enum lockstep_part_state */
    uint8_t due;                /* bits of enum lockstep_due */
    bool up;                    /* READY and connected now */
    bool asked;                 /* it holds one of the places for catching up, or rolling */
    bool told;                  /* COMMIT was sent: it may run the version, whatever it counts as */
    uint8_t tries;              /* how often it was given one since it came back */
    struct lockstep_time retry; /* OWED: not to be asked (again) before. Rolling: its place's end */
    uint16_t no;                /* enum lockstep_no: why refused, failed, lost or not yet applied */
    uint64_t calls;             /* of what was ordered, as last reported; of require_calls only */
    char text[LOCKSTEP_PART_TEXT];
};

/* What the operator asked for beside what and where; times in milliseconds. */
struct lockstep_operation_options {
    enum lockstep_on_failure on_failure;
    enum lockstep_drain drain;
    bool again;
    bool no_smoke;
    bool no_quarantine;
    uint32_t roster_size; /* N; parts beyond it were cordoned when it opened. 0: every part */
    uint32_t need;        /* votes to commit: N, or the quorum */
    uint32_t max_fail;    /* failures tolerated: the next one trips */
    uint64_t prepare_ms;
    uint64_t fetch_ms;
    uint64_t drain_timeout_ms;
    uint64_t commit_deadline_ms;
    uint64_t soak_ms;
    uint64_t window_ms;
    uint64_t deadline_ms;
    uint64_t resend_first_ms;
    uint64_t resend_last_ms;
    uint64_t pin_ms;        /* of local: how long drift is not mended; 0: not pinned */
    uint64_t require_calls; /* of what was ordered, on each node, before it has succeeded; or 0 */
};

/* `node` of a cause that is no node's. */
#define LOCKSTEP_NODE_NONE UINT32_MAX

/* The first thing that went wrong. */
struct lockstep_cause {
    enum lockstep_no no;
    uint32_t node;
    uint8_t state; /* of the operation when it happened */
    char text[LOCKSTEP_PART_TEXT];
};

/* How many parts are where. */
struct lockstep_tally {
    uint32_t in[LOCKSTEP_PART_STATE_COUNT];
    uint32_t integrity; /* of the REFUSED, NOs of class INTEGRITY */
    uint32_t failed;    /* FAILED or LOST */
    uint32_t done;      /* LIVE or HEALTHY */
    uint32_t unsettled; /* CONTACTED or TOUCHED */
    uint32_t gone;      /* of the SKIPPED, nodes that were removed or revoked */
};

struct lockstep_operation {
    struct lockstep_id id;
    struct lockstep_id parent; /* of a compensation */
    enum lockstep_kind kind;
    enum lockstep_strategy strategy;
    struct lockstep_operation_options options;
    struct lockstep_digest roster_digest;
    uint64_t epoch;    /* the coordinator's, now */
    uint64_t sequence; /* of its decision; zero before */
    uint8_t state;     /* enum lockstep_operation_state */
    uint8_t result;    /* enum lockstep_result */
    uint32_t borne;    /* failures after the commit that the strategy has borne; owed since then */
    bool abort_asked;  /* by what an operator did, before anything could be done about it */
    bool awaits_calls; /* it was healthy for as long as it had to be, and is not called enough */
    bool window_held;  /* the window may not end by time: another operation is open on the module */
    struct lockstep_cause cause;
    struct lockstep_time phase; /* deadline of the state */
    struct lockstep_time end;   /* deadline of the whole operation */
    struct lockstep_time window;
    struct lockstep_time resend;
    uint64_t resend_ms;
    struct lockstep_time catch_up; /* when owed nodes are to be looked through next */
    uint32_t item_count;
    uint32_t part_count;
    struct lockstep_item items[LOCKSTEP_ITEMS_MAX];
    struct lockstep_part *parts;      /* part_count of them, by ascending node */
    struct lockstep_tally tally;      /* of them, kept up by every step */
    struct lockstep_digest *starts;   /* part_count * item_count: what each node ran at opening */
    struct lockstep_operation *spare; /* memory for its compensation, with as many parts */
};

struct lockstep_operation_event {
    enum lockstep_operation_event_type type;
    uint32_t part; /* index into parts, for events about a node */
    enum lockstep_no no;
    enum lockstep_result result; /* of WENT_BACK */
    const char *text;            /* may be NULL; borrowed for the call */
    uint64_t calls;              /* of CALLED */
};

/* One step. Returns bits of enum lockstep_want. */
unsigned lockstep_operation_step(struct lockstep_operation *operation, struct lockstep_time now,
                                 const struct lockstep_operation_event *event);

/* Begins a new operation whose fields id … starts are filled in: the first step. Returns wants. */
unsigned lockstep_operation_begin(struct lockstep_operation *operation, struct lockstep_time now);

/* Takes an operation up again after a restart. ROW is the newest found in the journal, parts are as
 * written there. Nothing is assumed of what nodes have heard meanwhile. Returns wants. */
unsigned lockstep_operation_resume(struct lockstep_operation *operation, struct lockstep_time now,
                                   enum lockstep_row row);

/* Gives an operation read from the journal, only to be looked at, the state that ROW left it in. */
void lockstep_operation_rest(struct lockstep_operation *operation, enum lockstep_row row);

/* The row that the state waits for; NONE in states that wait for none. */
enum lockstep_row lockstep_operation_row(const struct lockstep_operation *operation);

/* The next part with a due message and a connected node, from *cursor (begin with 0) on: its index,
 * with the due taken off and returned in *ret_due; or -1 when there is none. */
int64_t lockstep_operation_next_due(struct lockstep_operation *operation, uint32_t *cursor,
                                    enum lockstep_due *ret_due);

/* Fills in the message for a due of a part: PREPARE, DECISION or FINAL. */
void lockstep_operation_message(const struct lockstep_operation *operation, uint32_t part,
                                enum lockstep_due due, struct lockstep_message *ret_message);

/* What the coordinator answers a node that asks about this operation. */
enum lockstep_outcome lockstep_operation_outcome(const struct lockstep_operation *operation);

/* Earliest time at which a TICK can do something; NEVER if none. */
struct lockstep_time lockstep_operation_deadline(const struct lockstep_operation *operation);

/* What PART is ordered to run of item INDEX: the operation's digest, or, when going back, what the
 * node ran before. Zeros: nothing, the module is taken out. */
const struct lockstep_digest *lockstep_operation_target(const struct lockstep_operation *operation,
                                                        uint32_t part, uint32_t index);

/* True if LIVE (all that a node reports of these modules) is what this operation ordered of PART.
 * Who is to be without a module is so when it knows none, or reports zeros of the generation
 * ordered; zeros of an older one only say that its host is away. */
bool lockstep_operation_is_live(const struct lockstep_operation *operation, uint32_t part,
                                const struct lockstep_live *live, uint32_t live_count);

/* Counts the parts anew. */
void lockstep_operation_tally(const struct lockstep_operation *operation,
                              struct lockstep_tally *ret_tally);

/* The index of the item for MODULE, or -1. */
int64_t lockstep_operation_item(const struct lockstep_operation *operation,
                                const struct lockstep_name *module);

/* The index of the part of NODE, or -1. */
int64_t lockstep_operation_part(const struct lockstep_operation *operation, uint32_t node);

/* N: how many nodes its roster has. Who was cordoned when it opened has a part, and is not in it.
 */
uint32_t lockstep_operation_size(const struct lockstep_operation *operation);

/* True for UNDO and COMPENSATION. */
bool lockstep_operation_goes_back(const struct lockstep_operation *operation);
/* True if its nodes take the version a few at a time, behind a COMMIT that is written first. */
bool lockstep_operation_rolls(const struct lockstep_operation *operation);
/* True while it keeps other operations off its modules. */
bool lockstep_operation_holds_lock(const struct lockstep_operation *operation);
/* True when a waiting client may go: there is a result. */
bool lockstep_operation_ended(const struct lockstep_operation *operation);
/* True when nothing more can happen: no window, nobody owed, nothing due. */
bool lockstep_operation_idle(const struct lockstep_operation *operation);

/* The word shown to people: the result's once there is one, else the state's. */
const char *lockstep_operation_word(const struct lockstep_operation *operation);

/* The cell's action ("count a vote", "ignore"), for the test that walks the matrix and for
 * PROTOCOL.md; NULL for a hole. */
const char *lockstep_operation_cell(unsigned state, unsigned event);

#endif
