/*
 * What an operator asks of a fleet: the body that PLAN and SUBMIT share, as a plain struct. Strings
 * are never NULL after decoding.
 */
#ifndef LOCKSTEP_IO_WIRE_REQUEST_H
#define LOCKSTEP_IO_WIRE_REQUEST_H

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/tbl/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that belong to somebody else. */
struct lockstep_blob {
    const uint8_t *data;
    size_t length;
};

/* MODULE@VERSION, split at the @. VERSION is a version, a digest prefix, "disk", "previous" or
 * "current"; it may be empty of what is no RELOAD. */
struct lockstep_wire_subject {
    struct lockstep_name module;
    char version[LOCKSTEP_WORD_MAX + 1];
};

/* What an operator asks for. A zero number means the default, where zero has no meaning of its own:
 * `soak_given`, `window_given` and `max_fail_given` tell a zero that was asked for. */
struct lockstep_wire_request {
    struct lockstep_id operation; /* chosen by the client: the idempotency key */
    enum lockstep_kind kind;      /* RELOAD, UNDO or RECONCILE */
    enum lockstep_strategy strategy;
    enum lockstep_offline offline;
    enum lockstep_on_failure on_failure;
    enum lockstep_drain drain;
    uint32_t subject_count; /* 1 … LOCKSTEP_ITEMS_MAX, every module once */
    uint32_t node_count;    /* at most LOCKSTEP_LIST_MAX */
    const struct lockstep_wire_subject *subjects;
    const struct lockstep_name *nodes;
    const char *selector; /* or "" */
    const char *extra;    /* handed to `up` and `down`, or "" */
    const char *message;  /* why, for history and audit, or "" */
    bool install;
    bool again;
    bool force;
    bool no_smoke;
    bool no_quarantine;
    bool max_fail_given;
    bool max_fail_percent; /* `max_fail` is a percentage */
    bool quorum_percent;   /* `quorum` is a percentage */
    bool soak_given;
    bool window_given;
    bool by_majority;         /* RECONCILE: the majority counts, whatever is recorded */
    bool max_changes_percent; /* of the members */
    uint32_t max_changes;     /* RECONCILE: nodes moved at most; zero: all that can be */
    uint32_t quorum;          /* zero: the majority */
    uint32_t max_fail;
    uint64_t offline_wait_ms;
    uint64_t soak_ms;
    uint64_t drain_timeout_ms;
    uint64_t commit_deadline_ms;
    uint64_t rollback_window_ms;
    uint64_t deadline_ms;
    uint64_t pin_ms;
    uint64_t require_calls; /* RELOAD: of the new code on each node; zero: none */
    uint64_t check_index;   /* zero: not asked for */
};

/* What the coordinator does about drift by itself. STANDING and its signature are of AUTO alone. */
struct lockstep_wire_reconcile_mode {
    uint64_t request;
    enum lockstep_mode mode;
    struct lockstep_blob standing; /* canonical text, at most LOCKSTEP_STANDING_MAX */
    struct lockstep_blob signature;
    const char *message;
};

#endif
