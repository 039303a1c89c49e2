/*
 * The messages that decide something, as plain structs. Bytes become these in common/io/wire.c and
 * nowhere else; cores see only these, already validated: enums are known, counts are bounded, names
 * are names, strings end.
 *
 * Three numbers stand on everything that changes state: `epoch` (who may decide), `operation`
 * (which attempt: the idempotency key) and, per item, `generation` (strictly rising per module;
 * going back is a new generation that names an older version).
 */
#ifndef LOCKSTEP_CORE_MESSAGE_H
#define LOCKSTEP_CORE_MESSAGE_H

#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/tbl/messages.h"
#include "common/tbl/no.h"
#include "common/tbl/words.h"

#include <stdbool.h>
#include <stdint.h>

/* One module of an operation. */
struct lockstep_item {
    struct lockstep_name module;
    uint64_t generation;
    struct lockstep_digest digest;  /* wanted; zeros: no version (going back on an installation) */
    struct lockstep_digest leaving; /* the version being left, when going back; else zeros */
};

/* One module as it is mapped and serving on a node. */
struct lockstep_live {
    struct lockstep_name module;
    uint64_t generation;
    struct lockstep_digest digest; /* zeros: not live */
};

/* An operation that a node holds open: it has voted YES and has not seen it FINAL. */
struct lockstep_open {
    struct lockstep_id operation;
    bool decided; /* it has applied a COMMIT; false: it is in doubt */
};

/* Coordinator to any peer: first sealed message. */
struct lockstep_welcome {
    uint32_t version; /* of the protocol, chosen */
    uint64_t epoch;
    uint64_t decision_sequence;
    struct lockstep_id journal; /* incarnation of the coordinator's journal */
    uint64_t heartbeat_ms;
    uint64_t unix_ms;
};

/* Agent to coordinator, once after WELCOME. Sent in pieces when it is long; `more` says so. */
struct lockstep_state {
    struct lockstep_id journal; /* incarnation of the agent's journal: changed = it has forgotten */
    uint64_t epoch;             /* highest seen */
    uint64_t decision_sequence; /* highest seen */
    bool more;
    uint32_t live_count;
    uint32_t open_count;
    struct lockstep_live live[LOCKSTEP_ITEMS_MAX];
    struct lockstep_open open[LOCKSTEP_ITEMS_MAX];
};

/* Coordinator to agent. Everything that can fail happens before the vote. */
struct lockstep_prepare {
    struct lockstep_id operation;
    struct lockstep_id parent; /* of a compensation: the operation it goes back on */
    uint64_t epoch;
    enum lockstep_kind kind;
    enum lockstep_strategy strategy;
    enum lockstep_drain drain;
    uint64_t drain_timeout_ms;
    uint64_t prepare_ms; /* from arrival, fetching not counted */
    bool again;          /* reload bytes that are live */
    bool no_smoke;
    uint32_t roster_size;
    struct lockstep_digest roster;
    uint32_t item_count;
    struct lockstep_item items[LOCKSTEP_ITEMS_MAX];
};

/* Agent to coordinator. */
struct lockstep_vote {
    struct lockstep_id operation;
    uint64_t epoch;
    bool yes;
    enum lockstep_no no; /* UNSPECIFIED with YES */
    char text[LOCKSTEP_TEXT_MAX + 1];
};

/* Coordinator to agent: DECISION (commit or abort), OUTCOME (any) and FINAL (final). */
struct lockstep_decision {
    struct lockstep_id operation;
    uint64_t epoch;
    uint64_t sequence; /* of decisions; rising over the life of the journal */
    enum lockstep_outcome outcome;
};

/* Agent to coordinator: the read-back. */
struct lockstep_ack {
    struct lockstep_id operation;
    uint64_t epoch;
    enum lockstep_applied applied;
    enum lockstep_no no; /* why not, or why no longer */
    char text[LOCKSTEP_TEXT_MAX + 1];
    uint32_t live_count; /* the operation's modules, as mapped now */
    struct lockstep_live live[LOCKSTEP_ITEMS_MAX];
};

/* Agent to coordinator: what was decided? */
struct lockstep_query {
    struct lockstep_id operation;
    uint64_t epoch;
};

struct lockstep_heartbeat {
    uint64_t sequence;
};

/* One message that a core may receive or send. */
struct lockstep_message {
    enum lockstep_message_type type;
    union {
        struct lockstep_welcome welcome;
        struct lockstep_state state;
        struct lockstep_prepare prepare;
        struct lockstep_vote vote;
        struct lockstep_decision decision;
        struct lockstep_ack ack;
        struct lockstep_query query;
        struct lockstep_heartbeat heartbeat;
    } u;
};

#endif
