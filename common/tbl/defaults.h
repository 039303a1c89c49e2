/*
 * Every default that is a setting: key, unit, value, smallest, largest, text. What the two daemons
 * read below `settings`, and the sample that they print, are made from this table; tests run on
 * short values.
 */
#ifndef LOCKSTEP_TBL_DEFAULTS_H
#define LOCKSTEP_TBL_DEFAULTS_H

#include "common/base/limits.h"

#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_SECOND UINT64_C(1000)
#define LOCKSTEP_MINUTE (60 * LOCKSTEP_SECOND)
#define LOCKSTEP_HOUR   (60 * LOCKSTEP_MINUTE)
#define LOCKSTEP_DAY    (24 * LOCKSTEP_HOUR)

/*  X(key, unit: MS or COUNT, value, smallest, largest, text) */
#define LOCKSTEP_DEFAULTS_TABLE(X)                                                                 \
    X(connect, MS, 3 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "time to connect")                      \
    X(handshake, MS, 5 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "time to authenticate")               \
    X(reconnect_first, MS, 500, 1, LOCKSTEP_HOUR, "first pause before connecting again")           \
    X(reconnect_last, MS, 30 * LOCKSTEP_SECOND, 1, LOCKSTEP_HOUR, "longest such pause")            \
    X(heartbeat, MS, 2 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "time between heartbeats")            \
    X(heartbeats_a_second, COUNT, 500, 1, 100000, "heartbeats of the fleet, at most")              \
    X(down_percent, COUNT, 750, 100, 100000, "silence until down, % of a heartbeat")               \
    X(suspect_percent, COUNT, 300, 100, 100000, "silence until suspect, % of a heartbeat")         \
    X(flap_limit, COUNT, 2, 1, 200, "returns from being down that are borne")                      \
    X(flap_window, MS, 10 * LOCKSTEP_MINUTE, 10, LOCKSTEP_DAY,                                     \
      "within this time; one more, and the node is held for as long")                              \
    X(fetch, MS, 5 * LOCKSTEP_MINUTE, 10, LOCKSTEP_DAY, "time to fetch artifacts")                 \
    X(prepare, MS, 30 * LOCKSTEP_SECOND, 10, LOCKSTEP_DAY, "time to prepare after fetching")       \
    X(commit_deadline, MS, 15 * LOCKSTEP_SECOND, 10, LOCKSTEP_DAY,                                 \
      "time from COMMIT to read-back, then the node is lost")                                      \
    X(decision_resend_first, MS, LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR,                               \
      "first pause before a decision is sent again")                                               \
    X(decision_resend_last, MS, 30 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "longest such pause")     \
    X(query_first, MS, 5 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR,                                     \
      "first pause before asking in doubt")                                                        \
    X(query_last, MS, 60 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "longest such pause")               \
    X(in_doubt_alarm, MS, 60 * LOCKSTEP_SECOND, 10, LOCKSTEP_DAY, "in doubt for so long: alarm")   \
    X(drain, MS, 5 * LOCKSTEP_SECOND, 1, LOCKSTEP_HOUR, "time for calls in flight to end")         \
    X(soak, MS, 10 * LOCKSTEP_SECOND, 0, LOCKSTEP_DAY, "time a node must stay healthy")            \
    X(rollback_window, MS, 60 * LOCKSTEP_SECOND, 0, LOCKSTEP_DAY,                                  \
      "time from COMMIT in which the previous version stays mapped")                               \
    X(healthy_deadline, MS, 5 * LOCKSTEP_MINUTE, 10, LOCKSTEP_DAY,                                 \
      "time that --offline wait waits")                                                            \
    X(operation_deadline, MS, LOCKSTEP_HOUR, 10, 30 * LOCKSTEP_DAY, "time of a whole operation")   \
    X(pin, MS, 24 * LOCKSTEP_HOUR, LOCKSTEP_SECOND, 365 * LOCKSTEP_DAY, "life of a local pin")     \
    X(token, MS, 15 * LOCKSTEP_MINUTE, LOCKSTEP_SECOND, LOCKSTEP_DAY, "life of a join token")      \
    X(intent, MS, 30 * LOCKSTEP_DAY, LOCKSTEP_MINUTE, 365 * LOCKSTEP_DAY, "life of an intent")     \
    X(crash_loop_starts, COUNT, 3, 1, 16, "starts of a host that are a crash loop")                \
    X(crash_loop_window, MS, 60 * LOCKSTEP_SECOND, 10, LOCKSTEP_DAY, "within this time")           \
    X(error_rate_calls, COUNT, 50, 1, 1000000000,                                                  \
      "calls before more failures are held against a version")                                     \
    X(error_rate_chance, COUNT, 10000, 2, 1000000000000, "and chance is one in so many, at most")  \
    X(error_rate_permille, COUNT, 10, 1, 1001, "and so many more of 1000 calls fail; 1001: never") \
    X(host_restart_first, MS, 100, 1, LOCKSTEP_HOUR, "first pause before a host is started again") \
    X(host_restart_last, MS, 10 * LOCKSTEP_SECOND, 1, LOCKSTEP_HOUR, "longest such pause")         \
    X(host_start, MS, 10 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR,                                     \
      "time for a host to say it is ready")                                                        \
    X(host_answer, MS, 30 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "time for a host to answer")       \
    X(state_base, MS, 0, 0, LOCKSTEP_DAY,                                                          \
      "time between two bases of the state of modules; 0: at commits only")                        \
    X(exec_validate, MS, 10 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "time for a verb: validate")     \
    X(exec_snapshot, MS, 10 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "snapshot")                      \
    X(exec_apply, MS, 10 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "apply")                            \
    X(exec_health, MS, 5 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "health, with its repetitions")     \
    X(exec_revert, MS, 10 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR, "revert")                          \
    X(exec_kill, MS, LOCKSTEP_SECOND, 1, LOCKSTEP_HOUR, "then SIGTERM, and SIGKILL so much later") \
    X(exec_health_interval, MS, 2 * LOCKSTEP_SECOND, 10, LOCKSTEP_HOUR,                            \
      "time between two looks at its health in the rollback window")                               \
    X(retired, COUNT, LOCKSTEP_RETIRED_MAX, 1, LOCKSTEP_RETIRED_MAX,                               \
      "retired versions of a host; then another process takes its place")                          \
    X(catch_up, COUNT, 5, 1, 10000, "nodes that are given what they are owed at once")             \
    X(catch_up_first, MS, LOCKSTEP_MINUTE, 10, LOCKSTEP_DAY,                                       \
      "first pause before an owed node is asked again")                                            \
    X(catch_up_last, MS, LOCKSTEP_HOUR, 10, LOCKSTEP_DAY, "longest such pause")                    \
    X(reconcile, MS, 30 * LOCKSTEP_SECOND, 10, LOCKSTEP_DAY,                                       \
      "time between two looks for drift in mode auto")                                             \
    X(events_kept, COUNT, LOCKSTEP_EVENTS_KEPT, 16, 10000000, "events that the journal keeps")     \
    X(operations, COUNT, 8, 1, 64, "operations at once, on disjoint modules")                      \
    X(half_open, COUNT, 1024, 8, 65536, "connections before authentication, in all")               \
    X(half_open_address, COUNT, 64, 1, 65536, "and from one address")

/* One number a row, in milliseconds or a count. */
struct lockstep_defaults {
#define LOCKSTEP_DEFAULTS_FIELD(key, unit, value, smallest, largest, text) uint64_t key;
    LOCKSTEP_DEFAULTS_TABLE(LOCKSTEP_DEFAULTS_FIELD)
#undef LOCKSTEP_DEFAULTS_FIELD
};

enum lockstep_unit {
    LOCKSTEP_UNIT_MS,
    LOCKSTEP_UNIT_COUNT,
};

struct lockstep_default {
    const char *key;
    enum lockstep_unit unit;
    uint64_t value;
    uint64_t smallest;
    uint64_t largest;
    const char *text;
    size_t offset; /* of the field in struct lockstep_defaults */
};

extern const struct lockstep_default lockstep_default_rows[];
extern const size_t lockstep_default_count;

/* Sets every field to its row's value. */
void lockstep_defaults_init(struct lockstep_defaults *defaults);

#endif
