/*
 * What the lockstep command and the coordinator say to each other, as plain structs: members of the
 * union in struct lockstep_wire (wire.h), where ownership and checking are described.
 *
 * Every request has a number of its own on its session, chosen by the command; answers (DOCUMENT,
 * FAILURE) carry it. Strings are never NULL after decoding; NULL is written as the empty string.
 */
#ifndef LOCKSTEP_IO_WIRE_CONTROL_H
#define LOCKSTEP_IO_WIRE_CONTROL_H

#include "common/base/ids.h"
#include "common/io/wire_node.h"
#include "common/io/wire_request.h"

#include <stdbool.h>
#include <stdint.h>

/* What a SHOW asks for.  X(number, NAME) */
#define LOCKSTEP_THING_TABLE(X) \
    X(1, STATUS)                \
    X(2, NODES)                 \
    X(3, NODE)                  \
    X(4, MODULES)               \
    X(5, MODULE)                \
    X(6, MODULE_STATUS)         \
    X(7, OPERATIONS)            \
    X(8, OPERATION)             \
    X(9, ARTIFACTS)             \
    X(10, ARTIFACT)             \
    X(11, CHECK)                \
    X(12, HISTORY)              \
    X(13, TOKENS)               \
    X(14, ARTIFACT_MANIFEST)    \
    X(15, BUNDLE)               \
    X(16, DIFF)                 \
    X(17, ARTIFACT_BYTES)

enum lockstep_thing {
    LOCKSTEP_THING_UNSPECIFIED = 0,
#define LOCKSTEP_THING_ENUM(number, name) LOCKSTEP_THING_##name = (number),
    LOCKSTEP_THING_TABLE(LOCKSTEP_THING_ENUM)
#undef LOCKSTEP_THING_ENUM
};

struct lockstep_wire_show {
    uint64_t request;
    enum lockstep_thing thing;
    const char *const *names; /* modules, a node, an operation, a digest: as the thing wants */
    uint32_t name_count;      /* at most LOCKSTEP_LIST_MAX */
    uint32_t node_count;      /* at most LOCKSTEP_LIST_MAX */
    const struct lockstep_name *nodes;
    const char *selector; /* or "" */
    uint32_t limit;       /* rows; zero: the thing's own */
    bool reachable;       /* CHECK: who is away is left out, and counted */
};

struct lockstep_wire_plan {
    uint64_t request;
    struct lockstep_wire_request body;
};

struct lockstep_wire_submit {
    uint64_t request;
    struct lockstep_wire_request body;
    uint64_t index;                 /* of the plan that the operator agreed to */
    struct lockstep_blob intent;    /* canonical text, at most LOCKSTEP_INTENT_MAX */
    struct lockstep_blob signature; /* over the intent: 64 bytes */
    bool queue;
};

struct lockstep_wire_watch {
    uint64_t request;
    const char *operation; /* an id or a prefix of one */
};

struct lockstep_wire_abort {
    uint64_t request;
    const char *operation;
    const char *message;
};

struct lockstep_wire_resume {
    uint64_t request;
    bool accept_loss;
    const char *node; /* or "" */
    const char *message;
};

struct lockstep_wire_cancel {
    uint64_t request;
    uint64_t target; /* number of the request that is no longer wanted */
};

/* A sequence: `input` in pieces of at most LOCKSTEP_CHUNK_MAX. */
struct lockstep_wire_tool_call {
    uint64_t request;
    struct lockstep_name node;
    const char *tool;
    struct lockstep_blob input;
    uint64_t timeout_ms;
    bool more;
};

/* A sequence: first manifest and signature without data, then data without either. */
struct lockstep_wire_artifact_put {
    uint64_t request;
    struct lockstep_blob manifest;  /* at most LOCKSTEP_MANIFEST_MAX */
    struct lockstep_blob signature; /* a minisign file, at most LOCKSTEP_SIGNATURE_MAX */
    uint64_t offset;                /* of `data` in the artifact */
    struct lockstep_blob data;      /* at most LOCKSTEP_CHUNK_MAX */
    bool more;
};

struct lockstep_wire_quarantine_set {
    uint64_t request;
    const char *artifact; /* MODULE@VERSION, a digest or a prefix of one */
    const char *message;
    bool lift;
};

struct lockstep_wire_token_create {
    uint64_t request;
    struct lockstep_name node;
    uint64_t life_ms;          /* zero: the default */
    const char *const *labels; /* KEY=VALUE */
    uint32_t label_count;      /* at most LOCKSTEP_LABELS_MAX */
    const char *message;
};

struct lockstep_wire_token_revoke {
    uint64_t request;
    const char *token; /* the name of its node, its id, or a prefix of that */
    const char *message;
};

struct lockstep_wire_events {
    uint64_t request;
    uint64_t from;     /* number of the first; zero: not asked for */
    uint64_t since_ms; /* not older than that; zero: however old */
    uint32_t limit;    /* the newest of them; zero: all */
    uint32_t module_count;
    const struct lockstep_name *modules; /* at most LOCKSTEP_LIST_MAX; none: any */
    bool follow;
};

struct lockstep_wire_audit {
    uint64_t request;
    uint64_t from;  /* sequence of the first row */
    uint32_t limit; /* rows; zero: all */
};

/* A sequence: one JSON document in pieces of at most LOCKSTEP_CHUNK_MAX. */
struct lockstep_wire_document {
    uint64_t request;
    struct lockstep_blob json;
    bool more; /* this document goes on */
    bool last; /* no further document answers this request */
};

struct lockstep_wire_failure {
    uint64_t request;
    uint32_t exit;             /* exit code of the command */
    const char *code;          /* one word, for scripts */
    const char *text;          /* the cause */
    const char *next;          /* the next step, or "" */
    struct lockstep_blob json; /* detail, or empty */
};

#endif
