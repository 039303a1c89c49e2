/*
 * Bytes of the sealed channel to plain structs and back: the one door to protobuf.
 *
 * A message is two bytes, its number (common/tbl/messages.h, big-endian), and protobuf bytes; all
 * of it fits LOCKSTEP_FRAME_MAX. Whoever receives hands in the roles of the authenticated sender,
 * and gets either a message in which everything has been checked (the type may be sent by these
 * roles, enums are known, ids have their size, names are names, counts and strings are bounded,
 * strings are UTF-8 without NUL) or a refusal with its reason, after which the session is closed.
 * The same checks run when a message is written, so nothing is sent that the other side refuses.
 *
 * What is not done here: sealing, sequences (putting pieces with `more` together) and every rule
 * that needs more than the one message.
 */
#ifndef LOCKSTEP_IO_WIRE_H
#define LOCKSTEP_IO_WIRE_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/core/message.h"
#include "common/io/wire_control.h"
#include "common/io/wire_report.h"

#include <stdio.h>

/* Versions of the protocol that this build speaks. */
#define LOCKSTEP_PROTOCOL_MIN 1
#define LOCKSTEP_PROTOCOL_MAX 1

/* What WELCOME says beside struct lockstep_welcome. */
struct lockstep_wire_welcome {
    uint32_t version_min;
    uint32_t version_max;
    const char *software;
};

struct lockstep_wire_refused {
    uint32_t version_min;
    uint32_t version_max;
    const char *reason;
    bool waiting; /* the key waits to be admitted: it is worth coming again */
};

/* What PREPARE says beside struct lockstep_prepare. */
struct lockstep_wire_prepare {
    struct lockstep_blob intent;    /* canonical text, at most LOCKSTEP_INTENT_MAX */
    struct lockstep_blob signature; /* over the intent: 64 bytes */
    struct lockstep_name signer;    /* the operator's name in the trust bundle */
    const char *extra;
    /* Of a RECONCILE that the coordinator opened by itself, and of nothing else (standing.h): the
     * intent is then the one that named the version. All three or none. */
    struct lockstep_blob standing; /* canonical text, at most LOCKSTEP_STANDING_MAX */
    struct lockstep_blob standing_signature;
    struct lockstep_name standing_signer;
};

enum lockstep_artifact_part {
    LOCKSTEP_ARTIFACT_PART_UNSPECIFIED = 0,
    LOCKSTEP_ARTIFACT_PART_BYTES = 1,
    LOCKSTEP_ARTIFACT_PART_MANIFEST = 2,
    LOCKSTEP_ARTIFACT_PART_SIGNATURE = 3,
};

/* Unmaps retired versions of a module. */
struct lockstep_wire_purge {
    uint64_t request;
    struct lockstep_name module;
    bool hard;        /* without waiting, and whatever the linking says */
    uint64_t wait_ms; /* for calls in flight; zero: the default */
};

struct lockstep_wire_ping {
    uint64_t request; /* of the coordinator; the answer carries it */
};

struct lockstep_wire_fetch {
    uint64_t request; /* chosen by the agent; chunks carry it */
    struct lockstep_digest digest;
    enum lockstep_artifact_part part;
    uint64_t offset;
};

/* A sequence: pieces of at most LOCKSTEP_CHUNK_MAX; offset + length is never above `total`. */
struct lockstep_wire_chunk {
    uint64_t request;
    struct lockstep_digest digest;
    enum lockstep_artifact_part part;
    uint64_t offset;
    uint64_t total; /* bytes of the whole part */
    struct lockstep_blob data;
    bool more;
    bool missing; /* the coordinator does not have it; no data */
};

/* Heartbeat's answer: head of the audit chain. */
struct lockstep_wire_checkpoint {
    uint64_t sequence; /* of the heartbeat */
    uint64_t audit_sequence;
    struct lockstep_digest audit_head;
};

/* A sequence of at most LOCKSTEP_DIGESTS_MAX a message; the first one replaces what was known. */
struct lockstep_wire_quarantine {
    const struct lockstep_digest *digests;
    uint32_t digest_count;
    bool more;
    bool first;
};

struct lockstep_wire_bundle {
    struct lockstep_blob text;
    const struct lockstep_blob
        *signatures; /* at most LOCKSTEP_BUNDLE_SIGNATURES_MAX, 64 bytes each */
    uint32_t signature_count;
};

/* A sequence: `input` in pieces of at most LOCKSTEP_CHUNK_MAX. */
struct lockstep_wire_tool_run {
    uint64_t request;
    const char *tool;
    struct lockstep_blob input;
    uint64_t timeout_ms;
    bool more;
};

/* A sequence: `output` in pieces of at most LOCKSTEP_CHUNK_MAX. */
struct lockstep_wire_tool_result {
    uint64_t request;
    bool ok;
    bool more;
    struct lockstep_blob output;
    const char *text; /* why not, or "" */
};

/* A heuristic outcome: an operation in doubt was decided on the node, by hand. */
struct lockstep_wire_resolved {
    struct lockstep_id operation;
    bool commit;
    uint32_t uid; /* who decided, on that machine */
    const char *reason;
    uint64_t unix_ms; /* for people */
};

/*
 * Any message. `message.type` says which; what cores use is in `message.u`, the rest in `u`.
 * WELCOME and PREPARE fill both. READY has neither.
 */
struct lockstep_wire {
    struct lockstep_message message;
    union {
        struct lockstep_wire_welcome welcome;
        struct lockstep_wire_refused refused;
        struct lockstep_wire_prepare prepare;
        struct lockstep_wire_report report;
        struct lockstep_wire_ping ping; /* PING and PONG */
        struct lockstep_wire_purge purge;
        struct lockstep_wire_fetch fetch;
        struct lockstep_wire_chunk chunk;
        struct lockstep_wire_checkpoint checkpoint;
        struct lockstep_wire_quarantine quarantine;
        struct lockstep_wire_bundle bundle;
        struct lockstep_wire_tool_run tool_run;
        struct lockstep_wire_tool_result tool_result;
        struct lockstep_wire_drain drain;
        struct lockstep_wire_drained drained;
        struct lockstep_wire_resolved resolved;
        struct lockstep_wire_show show;
        struct lockstep_wire_plan plan;
        struct lockstep_wire_submit submit;
        struct lockstep_wire_watch watch;
        struct lockstep_wire_abort abort;
        struct lockstep_wire_resume resume;
        struct lockstep_wire_cancel cancel;
        struct lockstep_wire_tool_call tool_call;
        struct lockstep_wire_artifact_put artifact_put;
        struct lockstep_wire_quarantine_set quarantine_set;
        struct lockstep_wire_token_create token_create;
        struct lockstep_wire_token_revoke token_revoke;
        struct lockstep_wire_node_cordon node_cordon;
        struct lockstep_wire_events events;
        struct lockstep_wire_node_pin node_pin;
        struct lockstep_wire_node_remove node_remove;
        struct lockstep_wire_reconcile_mode reconcile_mode;
        struct lockstep_wire_node_admit node_admit;
        struct lockstep_wire_node_ping node_ping;
        struct lockstep_wire_module_purge module_purge;
        struct lockstep_wire_module_drain module_drain;
        struct lockstep_wire_audit audit;
        struct lockstep_wire_document document;
        struct lockstep_wire_failure failure;
    } u;
};

/* Memory that messages are decoded into and written from, one at a time each way: twice
 * LOCKSTEP_DECODED_MAX bytes and no more, of which only what is used is ever touched. One a thread
 * is enough. */
struct lockstep_wire_codec;

/* NULL if there is no memory. */
struct lockstep_wire_codec *lockstep_wire_codec_new(void);
/* NULL is fine; returns NULL. */
struct lockstep_wire_codec *lockstep_wire_codec_free(struct lockstep_wire_codec *codec);

/*
 * Decodes and checks LENGTH bytes that a peer with ROLES (common/tbl/roles.h) sent. What *RET_WIRE
 * points to lives in the codec and is good until the next decoding; BYTES may go. *RET_WIRE is set
 * only on success.
 * INVALID: malformed, unknown type, or a field out of its range; REFUSED: these roles may not send
 * this; LIMIT: too long, or it would need more memory than one message may have.
 */
enum lockstep_err lockstep_wire_decode(struct lockstep_wire_codec *codec, unsigned roles,
                                       const uint8_t *bytes, size_t length,
                                       struct lockstep_wire *ret_wire,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/*
 * Writes WIRE into RET_BYTES, which holds LOCKSTEP_FRAME_MAX bytes. WIRE may be, or point to, what
 * was decoded last.
 * INVALID: a field that the other side would refuse; LIMIT: it does not fit one frame.
 */
enum lockstep_err lockstep_wire_encode(struct lockstep_wire_codec *codec,
                                       const struct lockstep_wire *wire, uint8_t *ret_bytes,
                                       size_t *ret_length,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* How much of TOTAL (bytes or rows) goes into the next message of a sequence that has come to
 * OFFSET and takes at most PIECE_MAX a message; *RET_MORE says whether another one follows. Zero
 * only when nothing is left: an empty sequence is one empty message. */
size_t lockstep_wire_piece(size_t total, size_t offset, size_t piece_max, bool *ret_more);

/* Prints every message with number, role and fields, one a line: what proto/lockstep.v1.txt holds,
 * so that a change of the wire shows in review. */
void lockstep_wire_describe(FILE *out);

#endif
