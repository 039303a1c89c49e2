/* States, results and rows of an operation, its events, and what a step may want: tables. */
#ifndef LOCKSTEP_COORDINATOR_CORE_STATES_H
#define LOCKSTEP_COORDINATOR_CORE_STATES_H

/* Where an operation is.  X(number, NAME, word shown to people) */
#define LOCKSTEP_OPERATION_STATE_TABLE(X) \
    X(1, OPENING, "preparing")            \
    X(2, PREPARING, "preparing")          \
    X(3, ABORTING, "preparing")           \
    X(4, ABORTED, "aborted")              \
    X(5, DECIDING, "preparing")           \
    X(6, COMMITTING, "committing")        \
    X(7, SOAKING, "soaking")              \
    X(8, SUCCEEDING, "soaking")           \
    X(9, SUCCEEDED, "succeeded")          \
    X(10, DEGRADING, "rolling-back")      \
    X(11, DEGRADED, "rolling-back")       \
    X(12, SETTLING, "rolling-back")       \
    X(13, SETTLED, "rolled-back")         \
    X(14, FINALIZING, "succeeded")        \
    X(15, FINAL, "succeeded")

enum lockstep_operation_state {
    LOCKSTEP_OPERATION_UNSPECIFIED = 0,
#define LOCKSTEP_OPERATION_STATE_ENUM(number, name, word) LOCKSTEP_OPERATION_##name = (number),
    LOCKSTEP_OPERATION_STATE_TABLE(LOCKSTEP_OPERATION_STATE_ENUM)
#undef LOCKSTEP_OPERATION_STATE_ENUM
        LOCKSTEP_OPERATION_STATE_COUNT
};

/* How an operation ended. Numbers are in journals.  X(number, NAME, word) */
#define LOCKSTEP_RESULT_TABLE(X)                 \
    X(1, SUCCEEDED, "succeeded")                 \
    X(2, SUCCEEDED_PARTIAL, "succeeded-partial") \
    X(3, ABORTED, "aborted")                     \
    X(4, ROLLED_BACK, "rolled-back")             \
    X(5, FAILED_MIXED, "failed-mixed")

enum lockstep_result {
    LOCKSTEP_RESULT_NONE = 0,
#define LOCKSTEP_RESULT_ENUM(number, name, word) LOCKSTEP_RESULT_##name = (number),
    LOCKSTEP_RESULT_TABLE(LOCKSTEP_RESULT_ENUM)
#undef LOCKSTEP_RESULT_ENUM
};

/* Where one node of the roster is. Numbers are in journals.  X(number, NAME, word, meaning) */
#define LOCKSTEP_PART_STATE_TABLE(X)                                                    \
    X(1, ABSENT, "absent", "away before it was contacted")                              \
    X(2, CONTACTED, "preparing", "PREPARE was sent")                                    \
    X(3, PREPARED, "prepared", "it voted YES")                                          \
    X(4, REFUSED, "refused", "it voted NO")                                             \
    X(5, TOUCHED, "committing", "COMMIT was sent")                                      \
    X(6, LIVE, "soaking", "it reported the ordered digest as mapped")                   \
    X(7, HEALTHY, "healthy", "it stayed healthy")                                       \
    X(8, FAILED, "failed", "it failed after commit")                                    \
    X(9, LOST, "lost", "it went silent after it was contacted")                         \
    X(10, OWED, "owed", "it gets the version when it can")                              \
    X(11, SKIPPED, "skipped", "left out on purpose, or overtaken by a newer operation") \
    X(12, CORDONED, "cordoned", "left out while it is cordoned, and owed it afterwards")

enum lockstep_part_state {
    LOCKSTEP_PART_UNSPECIFIED = 0,
#define LOCKSTEP_PART_STATE_ENUM(number, name, word, text) LOCKSTEP_PART_##name = (number),
    LOCKSTEP_PART_STATE_TABLE(LOCKSTEP_PART_STATE_ENUM)
#undef LOCKSTEP_PART_STATE_ENUM
        LOCKSTEP_PART_STATE_COUNT
};

/* Messages that a part is due. They are state, not a queue: taking one clears its bit, and a node
 * that comes back gets its bits again. */
enum lockstep_due {
    LOCKSTEP_DUE_PREPARE = 1 << 0,
    LOCKSTEP_DUE_DECISION = 1 << 1,
    LOCKSTEP_DUE_FINAL = 1 << 2,
};

/*  X(number, NAME, text) */
#define LOCKSTEP_OPERATION_EVENT_TABLE(X)                                                 \
    X(0, PERSISTED, "the row that the state waits for is durable")                        \
    X(1, VOTED_YES, "a node voted YES")                                                   \
    X(2, VOTED_NO, "a node voted NO")                                                     \
    X(3, READ_BACK, "a node reports what was ordered as mapped")                          \
    X(4, NOT_APPLIED, "a node could not apply yet, and tries again")                      \
    X(5, NODE_FAILED, "a node crashed, failed a check, fell back or runs something else") \
    X(6, NODE_UP, "a node is present again")                                              \
    X(7, NODE_DOWN, "a node is silent for too long")                                      \
    X(8, TICK, "a deadline may have passed")                                              \
    X(9, ABORT, "an operator says stop")                                                  \
    X(10, WENT_BACK, "the compensation has a result")                                     \
    X(11, OVERTAKEN, "the next operation on a module has committed")                      \
    X(12, NODE_FORGOT, "a node has lost its journal: its vote is void")                   \
    X(13, CORDONED, "an operator has cordoned a node")                                    \
    X(14, UNCORDONED, "a node is not cordoned any more")                                  \
    X(15, NODE_GONE, "an operator has removed or revoked a node")                         \
    X(16, NODE_REPLACED, "an operator has admitted another machine in a node's place")    \
    X(17, CALLED, "a node reports how often what was ordered has been called")

enum lockstep_operation_event_type {
#define LOCKSTEP_OPERATION_EVENT_ENUM(number, name, text) LOCKSTEP_EVENT_##name = (number),
    LOCKSTEP_OPERATION_EVENT_TABLE(LOCKSTEP_OPERATION_EVENT_ENUM)
#undef LOCKSTEP_OPERATION_EVENT_ENUM
        LOCKSTEP_EVENT_COUNT
};

/* What a step asks of its driver, as bits. */
enum lockstep_want {
    LOCKSTEP_WANT_PERSIST = 1 << 0,    /* write the row of the state, then report PERSISTED */
    LOCKSTEP_WANT_SEND = 1 << 1,       /* send what is due */
    LOCKSTEP_WANT_COMPENSATE = 1 << 2, /* open the compensation in one transaction with that row */
    LOCKSTEP_WANT_CHANGED = 1 << 3,    /* tell whoever watches */
    LOCKSTEP_WANT_PARTS = 1 << 4,      /* part rows changed: write them when convenient */
    LOCKSTEP_WANT_CATCH_UP = 1 << 5,   /* somebody is owed something, or does not wait any more */
};

/* Rows of the journal: what is durable of an operation. Numbers are in journals. */
#define LOCKSTEP_ROW_TABLE(X)    \
    X(1, OPEN, "OPEN")           \
    X(2, ABORT, "ABORT")         \
    X(3, COMMIT, "COMMIT")       \
    X(4, SUCCEEDED, "SUCCEEDED") \
    X(5, DEGRADED, "DEGRADED")   \
    X(6, SETTLED, "SETTLED")     \
    X(7, FINAL, "FINAL")

enum lockstep_row {
    LOCKSTEP_ROW_NONE = 0,
#define LOCKSTEP_ROW_ENUM(number, name, text) LOCKSTEP_ROW_##name = (number),
    LOCKSTEP_ROW_TABLE(LOCKSTEP_ROW_ENUM)
#undef LOCKSTEP_ROW_ENUM
};

/* Names ("COMMITTING", "READ_BACK", "COMMIT") and the words shown to people ("committing").
 * NULL for a number that has no row. */
const char *lockstep_operation_state_name(unsigned state);
const char *lockstep_operation_state_word(unsigned state);
const char *lockstep_operation_event_name(unsigned event);
const char *lockstep_part_name(unsigned state);
const char *lockstep_part_word(unsigned state);
const char *lockstep_result_word(unsigned result);
const char *lockstep_row_text(unsigned row);

#endif
