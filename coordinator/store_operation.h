/* How an operation's options stand in the journal: one number a field, in this order for ever. New
 * fields go to the end; a journal that has fewer gives them zero. */
#ifndef LOCKSTEP_COORDINATOR_STORE_OPERATION_H
#define LOCKSTEP_COORDINATOR_STORE_OPERATION_H

#include "coordinator/store_internal.h"

/*  X(field of struct lockstep_operation_options) */
#define LOCKSTEP_OPTIONS_TABLE(X) \
    X(on_failure)                 \
    X(drain)                      \
    X(again)                      \
    X(no_smoke)                   \
    X(no_quarantine)              \
    X(need)                       \
    X(max_fail)                   \
    X(prepare_ms)                 \
    X(fetch_ms)                   \
    X(drain_timeout_ms)           \
    X(commit_deadline_ms)         \
    X(soak_ms)                    \
    X(window_ms)                  \
    X(deadline_ms)                \
    X(resend_first_ms)            \
    X(resend_last_ms)             \
    X(pin_ms)                     \
    X(roster_size)                \
    X(require_calls)

#define LOCKSTEP_OPTIONS_ONE(field) +1
#define LOCKSTEP_OPTIONS_COUNT      (0 LOCKSTEP_OPTIONS_TABLE(LOCKSTEP_OPTIONS_ONE))
#define LOCKSTEP_OPTIONS_BYTES      (LOCKSTEP_OPTIONS_COUNT * 8)

void lockstep_options_encode(const struct lockstep_operation_options *options,
                             uint8_t ret_bytes[LOCKSTEP_OPTIONS_BYTES]);

#endif
