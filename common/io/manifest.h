/*
 * The manifest: what is said of one version of one module, and signed. Canonical text (text.h).
 *
 * An artifact is trusted because its bytes have the digest and size that a manifest names, and the
 * manifest is signed by a release key of the trust bundle whose scope holds the module. Where the
 * bytes came from does not matter. Nothing here reads a file or a clock, and nothing decides by
 * MD5.
 */
#ifndef LOCKSTEP_IO_MANIFEST_H
#define LOCKSTEP_IO_MANIFEST_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/io/bundle.h"
#include "common/io/digest.h"
#include "common/io/minisign.h"
#include "common/io/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_MANIFEST_CLUSTERS_MAX 32
#define LOCKSTEP_MANIFEST_WAIVES_MAX   16
#define LOCKSTEP_MANIFEST_COUNTER_JUMP 1000 /* a larger step up needs a release-manager's word */

/* How much of a module's state survives going back (agent's plan shows it). */
#define LOCKSTEP_ROLLBACK_TABLE(X) \
    X(1, LOSSLESS, "lossless")     \
    X(2, JOURNALED, "journaled")   \
    X(3, SNAPSHOT, "snapshot")     \
    X(4, NONE, "none")

enum lockstep_rollback {
    LOCKSTEP_ROLLBACK_UNSPECIFIED = 0,
#define LOCKSTEP_ROLLBACK_ENUM(number, name, text) LOCKSTEP_ROLLBACK_##name = (number),
    LOCKSTEP_ROLLBACK_TABLE(LOCKSTEP_ROLLBACK_ENUM)
#undef LOCKSTEP_ROLLBACK_ENUM
};

const char *lockstep_rollback_text(enum lockstep_rollback value); /* NULL if it is none */

/* How a version comes to be live on a node. What says nothing is exchanged in place.
 *  X(number, NAME, "text", what is done) */
#define LOCKSTEP_DRIVER_TABLE(X)                                                      \
    X(0, IN_PLACE, "in-place", "its host maps it beside the one before")              \
    X(1, SWAP, "swap", "a second host process takes over, the one before stays warm") \
    X(2, EXEC, "exec", "commands of the node's configuration bring it into a program")

enum lockstep_driver {
#define LOCKSTEP_DRIVER_ENUM(number, name, text, does) LOCKSTEP_DRIVER_##name = (number),
    LOCKSTEP_DRIVER_TABLE(LOCKSTEP_DRIVER_ENUM)
#undef LOCKSTEP_DRIVER_ENUM
};

/* The ABI of what verbs bring: what is promised to them (lockstep-agent(8)). */
#define LOCKSTEP_MANIFEST_ABI_EXEC "exec-1"

const char *lockstep_driver_text(enum lockstep_driver value); /* NULL if it is none */
/* False if no driver has this name. */
bool lockstep_driver_parse(const char *text, enum lockstep_driver *ret_driver);

/* A module that must be there beside this one, at this version or a later one. */
struct lockstep_requirement {
    struct lockstep_name module;
    char version[LOCKSTEP_VERSION_MAX + 1];
};

struct lockstep_manifest {
    struct lockstep_name module;
    struct lockstep_name service;
    char version[LOCKSTEP_VERSION_MAX + 1];
    uint64_t counter; /* of releases of this module: rises with each */
    uint64_t floor;   /* lowest counter that may still run once this one has; 0: says nothing */
    struct lockstep_digest digest;
    struct lockstep_md5 md5; /* for people */
    uint64_t size;           /* bytes of the artifact */
    char abi[LOCKSTEP_VERSION_MAX + 1];
    uint64_t state_schema; /* 0: stateless */
    enum lockstep_rollback rollback;
    enum lockstep_driver driver;
    uint64_t not_before_unix_ms;        /* 0: always */
    uint64_t expires_unix_ms;           /* 0: never */
    char source[LOCKSTEP_TEXT_MAX + 1]; /* where it was built from; empty: not said */
    uint32_t requires_count;            /* sorted by module, no repeats */
    uint32_t clusters_count;            /* sorted, no repeats; 0: any cluster */
    uint32_t waives_count;              /* sorted, no repeats; 0 if it is exchanged in place */
    struct lockstep_requirement requires[LOCKSTEP_ITEMS_MAX];
    struct lockstep_id clusters[LOCKSTEP_MANIFEST_CLUSTERS_MAX];
    struct lockstep_name waives[LOCKSTEP_MANIFEST_WAIVES_MAX]; /* checks of a probe, by name */
};

/* Puts a requirement, a cluster or a waiver where it belongs in order. INVALID if it is there,
 * LIMIT. Whether there is such a check, and whether it may be waived, is for the probe to say. */
enum lockstep_err lockstep_manifest_require(struct lockstep_manifest *manifest,
                                            const struct lockstep_requirement *requirement,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_manifest_limit_to(struct lockstep_manifest *manifest,
                                             const struct lockstep_id *cluster,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_manifest_waive(struct lockstep_manifest *manifest,
                                          const struct lockstep_name *check,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The canonical text, NUL behind it. INVALID if a field is missing or lists are not sorted, LIMIT.
 */
enum lockstep_err lockstep_manifest_encode(const struct lockstep_manifest *manifest, char *ret_text,
                                           size_t size, size_t *ret_length,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* INVALID with line and cause, LIMIT, NOMEM. */
enum lockstep_err lockstep_manifest_parse(const char *text, size_t length,
                                          struct lockstep_manifest *ret_manifest,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The trusted comment that goes with MANIFEST: "module:pay counter:41". */
void lockstep_manifest_comment(const struct lockstep_manifest *manifest,
                               char ret_comment[LOCKSTEP_MINISIGN_COMMENT_TEXT]);

/* The two files of a version, as they came from somewhere. Borrowed for the call. */
struct lockstep_manifest_files {
    const char *text;
    size_t text_length;
    const char *signature;
    size_t signature_length;
};

/* Verifies the signature under BUNDLE and parses what was signed, in this order. UNSPECIFIED and
 * *RET_MANIFEST set if all is well, else why not: BAD_SIGNATURE, REVOKED or, for a key that is not
 * for this module, WRONG_MODULE. */
enum lockstep_no lockstep_manifest_verify(const struct lockstep_manifest_files *files,
                                          const struct lockstep_bundle *bundle,
                                          struct lockstep_manifest *ret_manifest,
                                          struct lockstep_refusal *ret_refusal);

/* What a verified manifest is held against. Zeros and NULL: that is not asked. */
struct lockstep_manifest_context {
    struct lockstep_id cluster;           /* must be given */
    struct lockstep_name module;          /* wanted */
    struct lockstep_name service;         /* wanted */
    struct lockstep_digest digest;        /* wanted, by an order */
    const struct lockstep_sums *artifact; /* of the bytes at hand */
    uint64_t counter_floor;               /* durable, per module: lower ones are refused */
    uint64_t counter_highest;             /* ever accepted; 0: none yet, any is taken */
    bool counter_jump;                    /* a release-manager allows a jump */
    uint64_t now_unix_ms;                 /* never earlier than the latest time seen */
    uint64_t size_max_bytes;
};

/* UNSPECIFIED if MANIFEST may run here, else the first reason why not: WRONG_MODULE, WRONG_CLUSTER,
 * REVOKED, COUNTER, EXPIRED, BAD_SIZE, BAD_DIGEST. */
enum lockstep_no lockstep_manifest_check(const struct lockstep_manifest *manifest,
                                         const struct lockstep_bundle *bundle,
                                         const struct lockstep_manifest_context *context,
                                         struct lockstep_refusal *ret_refusal);

#endif
