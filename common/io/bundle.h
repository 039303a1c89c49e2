/*
 * The trust bundle: who may sign releases, who may give orders, who the coordinators are, and what
 * is revoked. Canonical text (text.h), versioned.
 *
 * Bundle 1 is trusted because the join token carries its digest. Every later one is version + 1,
 * names the digest of the one before, and is signed by as many security-admins as the bundle before
 * asks for, and by as many as it asks for itself. A coordinator can withhold a bundle, not make
 * one. Room is kept for thresholds; looking a key up never returns one that is revoked.
 */
#ifndef LOCKSTEP_IO_BUNDLE_H
#define LOCKSTEP_IO_BUNDLE_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/io/keys.h"
#include "common/io/minisign.h"
#include "common/tbl/roles.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_BUNDLE_OPERATORS_MAX    64
#define LOCKSTEP_BUNDLE_COORDINATORS_MAX 8
#define LOCKSTEP_BUNDLE_RELEASE_MAX      16
#define LOCKSTEP_BUNDLE_SCOPE_MAX        16
#define LOCKSTEP_BUNDLE_REVOKED_MAX      128
#define LOCKSTEP_BUNDLE_SIGNATURES_MAX   16

struct lockstep_bundle_operator {
    struct lockstep_key_public key; /* with the name */
    unsigned roles;                 /* enum lockstep_role, or'ed */
};

struct lockstep_bundle_release {
    struct lockstep_minisign_public key;
    uint32_t scope_count;                                  /* 0: every module */
    struct lockstep_name scope[LOCKSTEP_BUNDLE_SCOPE_MAX]; /* sorted */
};

/* About 40 kB: allocate it, do not put it on a small stack. Every list is sorted, without repeats.
 */
struct lockstep_bundle {
    struct lockstep_id cluster;
    uint64_t version;
    struct lockstep_digest previous; /* of the bundle before; zeros in bundle 1 */
    uint64_t expires_unix_ms;        /* 0: never */
    uint64_t admin_threshold;        /* security-admins who must sign the next bundle; at least 1 */
    uint64_t release_threshold; /* release keys that must sign a version; 1 is all that is done */
    uint32_t operator_count;
    uint32_t coordinator_count;
    uint32_t release_count;
    uint32_t revoked_key_count;
    uint32_t revoked_digest_count;
    struct lockstep_bundle_operator operators[LOCKSTEP_BUNDLE_OPERATORS_MAX];
    struct lockstep_key_public coordinators[LOCKSTEP_BUNDLE_COORDINATORS_MAX];
    struct lockstep_bundle_release release[LOCKSTEP_BUNDLE_RELEASE_MAX];
    struct lockstep_key_id revoked_keys[LOCKSTEP_BUNDLE_REVOKED_MAX];
    struct lockstep_digest revoked_digests[LOCKSTEP_BUNDLE_REVOKED_MAX];
};

/* Each puts one row where it belongs. INVALID if its name or one of its keys is there already,
 * LIMIT if there is no room. */
enum lockstep_err lockstep_bundle_add_operator(struct lockstep_bundle *bundle,
                                               const struct lockstep_bundle_operator *row,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_bundle_add_coordinator(struct lockstep_bundle *bundle,
                                                  const struct lockstep_key_public *row,
                                                  struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_bundle_add_release(struct lockstep_bundle *bundle,
                                              const struct lockstep_bundle_release *row,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_bundle_revoke_key(struct lockstep_bundle *bundle,
                                             const struct lockstep_key_id *id,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_bundle_revoke_digest(struct lockstep_bundle *bundle,
                                                const struct lockstep_digest *digest,
                                                struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The canonical text, NUL behind it; RET_TEXT of LOCKSTEP_BUNDLE_MAX + 1 bytes always suffices for
 * what is allowed. INVALID, LIMIT. */
enum lockstep_err lockstep_bundle_encode(const struct lockstep_bundle *bundle, char *ret_text,
                                         size_t size, size_t *ret_length,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* INVALID with line and cause, LIMIT, NOMEM. Says nothing about trust: see _accept. */
enum lockstep_err lockstep_bundle_parse(const char *text, size_t length,
                                        struct lockstep_bundle *ret_bundle,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What a join token and the next bundle carry. */
void lockstep_bundle_digest(const char *text, size_t length, struct lockstep_digest *ret_digest);

/* A bundle as it travels and is stored: the text and detached signatures of security-admins. */
struct lockstep_bundle_offer {
    const char *text; /* borrowed for the call */
    size_t length;
    uint32_t signature_count;
    uint8_t signatures[LOCKSTEP_BUNDLE_SIGNATURES_MAX][LOCKSTEP_KEY_SIGNATURE];
};

/* One security-admin's signature over a bundle's text. */
void lockstep_bundle_sign(const char *text, size_t length, const struct lockstep_key *key,
                          uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE]);

/* Accepts the first bundle that a node sees, because its digest is that of the join token.
 * REFUSED if it is not, or CLUSTER is another one; INVALID if it is no bundle. */
enum lockstep_err lockstep_bundle_accept_first(const struct lockstep_bundle_offer *offer,
                                               const struct lockstep_id *cluster,
                                               const struct lockstep_digest *digest,
                                               struct lockstep_bundle *ret_bundle,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Accepts OFFER behind the bundle CURRENT, whose text's digest is CURRENT_DIGEST. CONFLICT if its
 * version is not the next, REFUSED if too few have signed it, INVALID. */
enum lockstep_err lockstep_bundle_accept_next(const struct lockstep_bundle *current,
                                              const struct lockstep_digest *current_digest,
                                              const struct lockstep_bundle_offer *offer,
                                              struct lockstep_bundle *ret_bundle,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Looking up. NULL if there is none or it is revoked; what is returned lives in BUNDLE. */
const struct lockstep_bundle_operator *
lockstep_bundle_operator_by_channel(const struct lockstep_bundle *bundle,
                                    const uint8_t channel[LOCKSTEP_KEY_BYTES]);
const struct lockstep_bundle_operator *
lockstep_bundle_operator_by_name(const struct lockstep_bundle *bundle, const char *name);
/* Also finds revoked release keys, so that a refusal can say so. */
const struct lockstep_bundle_release *
lockstep_bundle_release_by_id(const struct lockstep_bundle *bundle,
                              const struct lockstep_key_id *id);
bool lockstep_bundle_release_covers(const struct lockstep_bundle_release *release,
                                    const struct lockstep_name *module);
bool lockstep_bundle_key_revoked(const struct lockstep_bundle *bundle,
                                 const struct lockstep_key_id *id);
bool lockstep_bundle_digest_revoked(const struct lockstep_bundle *bundle,
                                    const struct lockstep_digest *digest);
/* True when NOW has reached the bundle's expiry. Orders and releases are refused under it. */
bool lockstep_bundle_expired(const struct lockstep_bundle *bundle, uint64_t now_unix_ms);

#endif
