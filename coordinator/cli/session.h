/*
 * One conversation of the command with the coordinator: dialled once, one request at a time, its
 * answers put together from pieces.
 *
 * Nothing is sent again: what a lost connection leaves open is told to the person, who knows the
 * operation's id. Waiting ends by an answer, by the deadline, by SIGINT or SIGTERM, or with the
 * connection.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_SESSION_H
#define LOCKSTEP_COORDINATOR_CLI_SESSION_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/io/keys.h"
#include "common/io/wire.h"
#include "coordinator/cli/exit.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct lockstep_session;

struct lockstep_session_config {
    const char *url;
    struct lockstep_id cluster;
    const uint8_t *remote;          /* the coordinator's public key */
    const struct lockstep_key *key; /* the operator's; borrowed for the call */
    uint64_t timeout_ms;            /* of the whole session, from now; 0: none */
};

enum lockstep_reply_kind {
    LOCKSTEP_REPLY_DOCUMENT,
    LOCKSTEP_REPLY_FAILURE,
    LOCKSTEP_REPLY_TIMED_OUT,
    LOCKSTEP_REPLY_INTERRUPTED,
    LOCKSTEP_REPLY_LOST, /* the connection ended; `text` says why */
};

/* Zero-initialise; release with _deinit. */
struct lockstep_reply {
    enum lockstep_reply_kind kind;
    bool last;                         /* nothing further answers this request */
    json_t *document;                  /* owned; of a FAILURE its detail, or NULL */
    uint32_t exit;                     /* of a FAILURE, as it was sent */
    char code[LOCKSTEP_WORD_MAX + 1];  /* of a FAILURE */
    char text[LOCKSTEP_CAUSE_MAX + 1]; /* the cause, of a FAILURE and of LOST */
    char next[LOCKSTEP_CAUSE_MAX + 1]; /* the next step, or "" */
};

void lockstep_reply_deinit(struct lockstep_reply *reply);

/* Dials and waits for WELCOME. On failure *RET_EXIT is the command's exit code: UNREACHABLE,
 * FORBIDDEN, TIMED_OUT or DETACHED; USAGE for an address that is none. */
enum lockstep_err lockstep_session_open(const struct lockstep_session_config *config,
                                        struct lockstep_session **ret_session,
                                        enum lockstep_exit *ret_exit,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Says goodbye and frees. NULL is fine. Always NULL. */
struct lockstep_session *lockstep_session_close(struct lockstep_session *session);

/* A number for the next request. Answers to earlier ones are dropped from now on. */
uint64_t lockstep_session_number(struct lockstep_session *session);
/* Sends a message, after waiting until what was sent before has largely gone. INVALID: it is no
 * message; that the connection is lost is told by the next _receive. */
enum lockstep_err lockstep_session_send(struct lockstep_session *session,
                                        const struct lockstep_wire *wire,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* True if something has been answered already (a sender of many pieces stops then). */
bool lockstep_session_answered(const struct lockstep_session *session);
/* Waits for the next answer to the present request. INVALID: the coordinator sends what it should
 * not; NOMEM, LIMIT. */
enum lockstep_err lockstep_session_receive(struct lockstep_session *session,
                                           struct lockstep_reply *ret_reply,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
#endif
