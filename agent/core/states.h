/* States of a duty (this node's part of an operation), its events, and the work it asks for. */
#ifndef LOCKSTEP_AGENT_CORE_STATES_H
#define LOCKSTEP_AGENT_CORE_STATES_H

/*  X(number, NAME, meaning) */
#define LOCKSTEP_DUTY_STATE_TABLE(X)                                             \
    X(1, ADMITTING, "fetching artifacts, checking signatures and the intent")    \
    X(2, PROBING, "trying the modules out in a sandbox")                         \
    X(3, MAPPING, "the host maps them without publishing")                       \
    X(4, VOWING, "the promise is being written")                                 \
    X(5, PREPARED, "has voted YES; the old version serves")                      \
    X(6, REMAPPING, "the host was away since the vote and maps them again")      \
    X(7, MIGRATING, "gates closed: calls in flight end, state is carried over")  \
    X(8, POINTING, "the pointer row is being written")                           \
    X(9, PUBLISHING, "the host publishes")                                       \
    X(10, LIVE, "the ordered versions serve; the previous ones are kept mapped") \
    X(11, FALLING, "crash loop: the row that goes back is being written")        \
    X(12, FELL, "the host starts with the previous versions")

enum lockstep_duty_state {
    LOCKSTEP_DUTY_FREE = 0,
#define LOCKSTEP_DUTY_STATE_ENUM(number, name, text) LOCKSTEP_DUTY_##name = (number),
    LOCKSTEP_DUTY_STATE_TABLE(LOCKSTEP_DUTY_STATE_ENUM)
#undef LOCKSTEP_DUTY_STATE_ENUM
        LOCKSTEP_DUTY_STATE_COUNT
};

/*  X(number, NAME, text) */
#define LOCKSTEP_DUTY_EVENT_TABLE(X)                                \
    X(0, WORKED, "the work asked for is done")                      \
    X(1, WORK_FAILED, "it cannot be done")                          \
    X(2, PERSISTED, "the row asked for is durable")                 \
    X(3, NOT_PERSISTED, "the row cannot be written")                \
    X(4, PREPARE, "PREPARE came again")                             \
    X(5, COMMIT, "the decision is commit")                          \
    X(6, ABORT, "the decision is abort")                            \
    X(7, SUPERSEDED, "it committed, but something newer took over") \
    X(8, FINAL, "it committed, and its window is over")             \
    X(9, TICK, "a deadline may have passed")                        \
    X(10, HOST_UP, "a host that serves its modules is up")          \
    X(11, HOST_LOST, "that host is gone")                           \
    X(12, CRASH_LOOP, "that host keeps dying")                      \
    X(13, UNHEALTHY, "what runs was looked at, and is not well")

enum lockstep_duty_event_type {
#define LOCKSTEP_DUTY_EVENT_ENUM(number, name, text) LOCKSTEP_DUTY_ON_##name = (number),
    LOCKSTEP_DUTY_EVENT_TABLE(LOCKSTEP_DUTY_EVENT_ENUM)
#undef LOCKSTEP_DUTY_EVENT_ENUM
        LOCKSTEP_DUTY_EVENT_COUNT
};

/* Work that the driver has done by others and reports back with the ticket it was given. */
enum lockstep_work {
    LOCKSTEP_WORK_NONE = 0,
    LOCKSTEP_WORK_ADMIT,   /* fetch, check signatures, digests, floor and intent; store */
    LOCKSTEP_WORK_PROBE,   /* try the set out in the sandbox */
    LOCKSTEP_WORK_MAP,     /* the host maps the set; tells whether state must be carried over */
    LOCKSTEP_WORK_MIGRATE, /* gates closed, calls drained, `up` beside the old; gates stay closed */
    LOCKSTEP_WORK_PUBLISH, /* the set becomes live at one instant; gates open */
};

/* Rows of the agent's journal about an operation. Numbers are in journals.
 *  X(number, NAME, meaning) */
#define LOCKSTEP_DUTY_ROW_TABLE(X)                                           \
    X(1, PREPARED, "the vow; and room for the next row")                     \
    X(2, COMMITTED, "the pointer row: modules' current and previous change") \
    X(3, APPLIED, "lazy: it was published")                                  \
    X(4, ABORTED, "lazy: a tombstone, so that a late PREPARE is refused")    \
    X(5, FINAL, "lazy: the window is over")                                  \
    X(6, FELL, "the node went back by itself: pointers go back, what was ordered is refused here")

enum lockstep_duty_row {
    LOCKSTEP_DUTY_ROW_NONE = 0,
#define LOCKSTEP_DUTY_ROW_ENUM(number, name, text) LOCKSTEP_DUTY_ROW_##name = (number),
    LOCKSTEP_DUTY_ROW_TABLE(LOCKSTEP_DUTY_ROW_ENUM)
#undef LOCKSTEP_DUTY_ROW_ENUM
};

/* Names ("PREPARED", "COMMIT"), or NULL for a number that has none. */
const char *lockstep_duty_state_name(unsigned state);
const char *lockstep_duty_event_name(unsigned event);
const char *lockstep_duty_row_name(unsigned row);

#endif
