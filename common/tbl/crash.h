/*
 * Points at which a process may be killed by a test, each just before or just after a step that a
 * crash must not be able to split. The names are the tests' and are never renumbered by use.
 */
#ifndef LOCKSTEP_TBL_CRASH_H
#define LOCKSTEP_TBL_CRASH_H

/*  X(NAME, where) */
#define LOCKSTEP_CRASH_TABLE(X)                                                     \
    X(AGENT_PREPARE_RECEIVED, "PREPARE has come; nothing is done yet")              \
    X(AGENT_BEFORE_VOW, "the set is mapped; the vow is not written")                \
    X(AGENT_AFTER_VOW, "the vow is durable; YES has not left")                      \
    X(AGENT_AFTER_YES, "YES has been handed to the link")                           \
    X(AGENT_COMMIT_RECEIVED, "COMMIT has come; nothing is done yet")                \
    X(AGENT_BEFORE_POINTER, "the pointer row is not written")                       \
    X(AGENT_AFTER_POINTER, "the pointer row is durable; nothing published")         \
    X(AGENT_AFTER_PUBLISH, "the host has published")                                \
    X(AGENT_BEFORE_LEAVE, "a successor waits; the host has not been told to leave") \
    X(AGENT_AFTER_LEAVE, "it was told; what it answers is not known")               \
    X(AGENT_BEFORE_ACK, "the read-back is ready and has not left")                  \
    X(EXEC_VALIDATE, "the program of that verb of the exec driver runs")            \
    X(EXEC_SNAPSHOT, "the same")                                                    \
    X(EXEC_APPLY, "the same")                                                       \
    X(EXEC_HEALTH, "the same")                                                      \
    X(EXEC_REVERT, "the same")                                                      \
    X(COORDINATOR_BEFORE_OPEN, "the operation's first row is not written")          \
    X(COORDINATOR_AFTER_OPEN, "that row is durable; no PREPARE has left")           \
    X(COORDINATOR_BEFORE_COMMIT, "all said YES; no decision is written")            \
    X(COORDINATOR_AFTER_COMMIT, "the decision is durable; nobody knows it")         \
    X(COORDINATOR_AFTER_SEND_COMMIT, "a COMMIT has been handed to a link")          \
    X(COORDINATOR_BEFORE_SUCCEEDED, "all have applied; no end is written")          \
    X(COORDINATOR_AFTER_SUCCEEDED, "SUCCEEDED is durable")                          \
    X(COORDINATOR_BEFORE_DEGRADED, "some have not; no end is written")              \
    X(COORDINATOR_AFTER_DEGRADED, "DEGRADED is durable")                            \
    X(ARTIFACT_AFTER_WRITE, "an artifact is written, not synced")                   \
    X(ARTIFACT_AFTER_SYNC, "it is synced and has its temporary name")               \
    X(ARTIFACT_AFTER_RENAME, "it has its name; the directory is not synced")

enum lockstep_crash {
#define LOCKSTEP_CRASH_ENUM(name, text) LOCKSTEP_CRASH_##name,
    LOCKSTEP_CRASH_TABLE(LOCKSTEP_CRASH_ENUM)
#undef LOCKSTEP_CRASH_ENUM
        LOCKSTEP_CRASH_COUNT
};

#endif
