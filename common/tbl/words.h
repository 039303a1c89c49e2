/*
 * The words of the protocol, once: enum, text, meaning. The same word stands in proto, C, journal,
 * log, JSON and manual. Numbers are on the wire and in journals; zero is refused everywhere.
 */
#ifndef LOCKSTEP_TBL_WORDS_H
#define LOCKSTEP_TBL_WORDS_H

#include <stdbool.h>

/* Which nodes must take a version for an operation to commit.  X(number, NAME, text) */
#define LOCKSTEP_STRATEGY_TABLE(X) \
    X(1, SYNC_ALL, "sync_all")     \
    X(2, QUORUM, "quorum")         \
    X(3, LOCAL, "local")           \
    X(4, ROLLING, "rolling")

/* What an operation is. Two kinds go back: an operator's undo, and the compensation of a failed
 * operation. */
#define LOCKSTEP_KIND_TABLE(X)         \
    X(1, RELOAD, "reload")             \
    X(2, UNDO, "undo")                 \
    X(3, COMPENSATION, "compensation") \
    X(4, RECONCILE, "reconcile")

/* What becomes of an operation whose nodes fail after commit. */
#define LOCKSTEP_ON_FAILURE_TABLE(X) \
    X(1, ROLLBACK, "rollback")       \
    X(2, HOLD, "hold")

/* What is done about members of the roster that are absent when an operation opens. */
#define LOCKSTEP_OFFLINE_TABLE(X) \
    X(1, FAIL, "fail")            \
    X(2, WAIT, "wait")            \
    X(3, SKIP, "skip")

/* Whether calls are held while a set is exchanged. */
#define LOCKSTEP_DRAIN_TABLE(X) \
    X(1, AUTO, "auto")          \
    X(2, ALWAYS, "always")      \
    X(3, NEVER, "never")

/* What a coordinator says of an operation to a node that asks. SUPERSEDED: it committed, but a
 * newer generation took its place; drop it and stay on what is live. FINAL: committed, and its
 * window is over. */
#define LOCKSTEP_OUTCOME_TABLE(X)  \
    X(1, PENDING, "pending")       \
    X(2, COMMIT, "commit")         \
    X(3, ABORT, "abort")           \
    X(4, SUPERSEDED, "superseded") \
    X(5, FINAL, "final")

/* What an agent says of a decision. NOT_APPLIED is tried again until the commit deadline. */
#define LOCKSTEP_APPLIED_TABLE(X)    \
    X(1, APPLIED, "applied")         \
    X(2, NOT_APPLIED, "not-applied") \
    X(3, ABORTED, "aborted")         \
    X(4, FAILED, "failed")           \
    X(5, FELL_BACK, "fell-back")

/* How a module's artifact on disk compares with what is mapped (the source documents' words). */
#define LOCKSTEP_DISK_TABLE(X)     \
    X(1, NOT_LOADED, "not_loaded") \
    X(2, LOADED, "loaded")         \
    X(3, MODIFIED, "modified")     \
    X(4, REMOVED, "removed")

/* What a module's gate lets pass. SWAPPING: its state is being handed over. */
#define LOCKSTEP_GATE_TABLE(X) \
    X(1, OPEN, "open")         \
    X(2, SWAPPING, "swapping") \
    X(3, DRAINING, "draining") \
    X(4, DRAINED, "drained")

/* What a coordinator does about drift by itself: nothing, say what it would do, or do it. */
#define LOCKSTEP_MODE_TABLE(X) \
    X(1, OFF, "off")           \
    X(2, OBSERVE, "observe")   \
    X(3, AUTO, "auto")

#define LOCKSTEP_WORD_STRATEGY(number, name, text)   LOCKSTEP_STRATEGY_##name = (number),
#define LOCKSTEP_WORD_KIND(number, name, text)       LOCKSTEP_KIND_##name = (number),
#define LOCKSTEP_WORD_ON_FAILURE(number, name, text) LOCKSTEP_ON_FAILURE_##name = (number),
#define LOCKSTEP_WORD_OFFLINE(number, name, text)    LOCKSTEP_OFFLINE_##name = (number),
#define LOCKSTEP_WORD_DRAIN(number, name, text)      LOCKSTEP_DRAIN_##name = (number),
#define LOCKSTEP_WORD_OUTCOME(number, name, text)    LOCKSTEP_OUTCOME_##name = (number),
#define LOCKSTEP_WORD_APPLIED(number, name, text)    LOCKSTEP_APPLIED_##name = (number),
#define LOCKSTEP_WORD_MODE(number, name, text)       LOCKSTEP_MODE_##name = (number),
#define LOCKSTEP_WORD_DISK(number, name, text)       LOCKSTEP_DISK_##name = (number),
#define LOCKSTEP_WORD_GATE(number, name, text)       LOCKSTEP_GATE_##name = (number),

enum lockstep_strategy {
    LOCKSTEP_STRATEGY_UNSPECIFIED = 0,
    LOCKSTEP_STRATEGY_TABLE(LOCKSTEP_WORD_STRATEGY)
};

enum lockstep_kind { LOCKSTEP_KIND_UNSPECIFIED = 0, LOCKSTEP_KIND_TABLE(LOCKSTEP_WORD_KIND) };

enum lockstep_on_failure {
    LOCKSTEP_ON_FAILURE_UNSPECIFIED = 0,
    LOCKSTEP_ON_FAILURE_TABLE(LOCKSTEP_WORD_ON_FAILURE)
};

enum lockstep_offline {
    LOCKSTEP_OFFLINE_UNSPECIFIED = 0,
    LOCKSTEP_OFFLINE_TABLE(LOCKSTEP_WORD_OFFLINE)
};

enum lockstep_drain { LOCKSTEP_DRAIN_UNSPECIFIED = 0, LOCKSTEP_DRAIN_TABLE(LOCKSTEP_WORD_DRAIN) };

enum lockstep_outcome {
    LOCKSTEP_OUTCOME_UNSPECIFIED = 0,
    LOCKSTEP_OUTCOME_TABLE(LOCKSTEP_WORD_OUTCOME)
};

enum lockstep_applied {
    LOCKSTEP_APPLIED_UNSPECIFIED = 0,
    LOCKSTEP_APPLIED_TABLE(LOCKSTEP_WORD_APPLIED)
};

enum lockstep_mode { LOCKSTEP_MODE_UNSPECIFIED = 0, LOCKSTEP_MODE_TABLE(LOCKSTEP_WORD_MODE) };

enum lockstep_gate_state { LOCKSTEP_GATE_UNSPECIFIED = 0, LOCKSTEP_GATE_TABLE(LOCKSTEP_WORD_GATE) };

enum lockstep_disk { LOCKSTEP_DISK_UNSPECIFIED = 0, LOCKSTEP_DISK_TABLE(LOCKSTEP_WORD_DISK) };

/* The text of a value, or NULL if it is none of the enum's. */
const char *lockstep_strategy_text(enum lockstep_strategy value);
const char *lockstep_kind_text(enum lockstep_kind value);
const char *lockstep_on_failure_text(enum lockstep_on_failure value);
const char *lockstep_offline_text(enum lockstep_offline value);
const char *lockstep_drain_text(enum lockstep_drain value);
const char *lockstep_outcome_text(enum lockstep_outcome value);
const char *lockstep_applied_text(enum lockstep_applied value);
const char *lockstep_disk_text(enum lockstep_disk value);
const char *lockstep_gate_text(enum lockstep_gate_state value);
const char *lockstep_mode_text(enum lockstep_mode value);

/* True for what leads back to a version that ran before: an undo, and a compensation. */
bool lockstep_kind_goes_back(enum lockstep_kind kind);

/* The value with this text, or UNSPECIFIED. */
enum lockstep_strategy lockstep_strategy_parse(const char *text);
enum lockstep_kind lockstep_kind_parse(const char *text);
enum lockstep_on_failure lockstep_on_failure_parse(const char *text);
enum lockstep_offline lockstep_offline_parse(const char *text);
enum lockstep_drain lockstep_drain_parse(const char *text);
enum lockstep_mode lockstep_mode_parse(const char *text);

#endif
