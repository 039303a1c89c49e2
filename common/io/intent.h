/*
 * The intent: what an operator wants, in canonical text (text.h), signed with the operator's
 * Ed25519 key. Agents believe it and not the coordinator.
 *
 * It names the operation, its items with their generations, and the roster by digest. Generations
 * only rise, so an intent is good once; sent again it is the same order. Without a new signature a
 * coordinator may deliver it again, or send a node back by the generation behind it. What the node
 * goes back to is the node's own record and is not decided here.
 */
#ifndef LOCKSTEP_IO_INTENT_H
#define LOCKSTEP_IO_INTENT_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/core/message.h"
#include "common/io/bundle.h"
#include "common/io/keys.h"
#include "common/io/text.h"
#include "common/tbl/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long an intent is good by default: it covers nodes that come back late. */
#define LOCKSTEP_INTENT_LIFE_MS (30ULL * 24 * 60 * 60 * 1000)

struct lockstep_intent {
    struct lockstep_id cluster;
    struct lockstep_id operation;
    enum lockstep_kind kind; /* RELOAD, UNDO or RECONCILE */
    enum lockstep_strategy strategy;
    enum lockstep_on_failure on_failure;
    struct lockstep_digest roster; /* lockstep_roster_digest of the names in scope */
    uint32_t roster_size;
    struct lockstep_digest extra; /* of what `up` and `down` get; zero: nothing */
    bool no_smoke;                /* smoke tests may be left out */
    uint64_t plan_index;          /* of the coordinator's journal, that the plan was made from */
    uint64_t not_after_unix_ms;
    uint32_t item_count; /* sorted by module, no repeats; at least one */
    struct lockstep_item items[LOCKSTEP_ITEMS_MAX];
};

/* Puts ITEM where it belongs in order. INVALID if its module is there already, LIMIT. */
enum lockstep_err lockstep_intent_add(struct lockstep_intent *intent,
                                      const struct lockstep_item *item,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The canonical text, NUL behind it; RET_TEXT of LOCKSTEP_INTENT_MAX + 1 bytes always suffices.
 * INVALID if a field is missing or out of range, LIMIT. */
enum lockstep_err lockstep_intent_encode(const struct lockstep_intent *intent, char *ret_text,
                                         size_t size, size_t *ret_length,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* INVALID with line and cause, LIMIT, NOMEM. */
enum lockstep_err lockstep_intent_parse(const char *text, size_t length,
                                        struct lockstep_intent *ret_intent,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* KEY's signature over an intent's text. */
void lockstep_intent_sign(const char *text, size_t length, const struct lockstep_key *key,
                          uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE]);

/* An intent, or a standing order, as it travels. Borrowed for the call. */
struct lockstep_intent_offer {
    const char *text;
    size_t length;
    const uint8_t *signature;
    size_t signature_length;
    const char *signer; /* the operator's name in the bundle */
};

/* Verifies the signature under BUNDLE, then parses. UNSPECIFIED and *RET_INTENT set if it is an
 * order for this cluster by somebody who may give it; else INTENT or WRONG_CLUSTER. It may have
 * expired, and so is no order to carry out: it only says what was named (standing.h). */
enum lockstep_no lockstep_intent_authentic(const struct lockstep_intent_offer *offer,
                                           const struct lockstep_bundle *bundle,
                                           struct lockstep_intent *ret_intent,
                                           struct lockstep_refusal *ret_refusal);
/* The same, and still good at NOW_UNIX_MS; else EXPIRED, which may also be said of BUNDLE.
 * *RET_INTENT is set only with UNSPECIFIED and EXPIRED. */
enum lockstep_no lockstep_intent_verify(const struct lockstep_intent_offer *offer,
                                        const struct lockstep_bundle *bundle, uint64_t now_unix_ms,
                                        struct lockstep_intent *ret_intent,
                                        struct lockstep_refusal *ret_refusal);

/* UNSPECIFIED if a verified intent permits PREPARE, else INTENT. For a COMPENSATION the intent is
 * its parent's: generations are the ones behind, each item leaves what the intent named, and the
 * digest gone back to must be compared by the caller with what the node itself recorded. */
enum lockstep_no lockstep_intent_covers(const struct lockstep_intent *intent,
                                        const struct lockstep_prepare *prepare,
                                        struct lockstep_refusal *ret_refusal);

/* The digest by which an intent names what `up` and `down` get; zero for "" and NULL. */
void lockstep_intent_extra(const char *text, struct lockstep_digest *ret_digest);
/* UNSPECIFIED if TEXT is what INTENT names, else INTENT. */
enum lockstep_no lockstep_intent_covers_extra(const struct lockstep_intent *intent,
                                              const char *text,
                                              struct lockstep_refusal *ret_refusal);

/* The digest of a roster: of its node names in strictly rising order. INVALID if they are not, or
 * if one is no name. */
enum lockstep_err lockstep_roster_digest(const struct lockstep_name *names, size_t count,
                                         struct lockstep_digest *ret_digest,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
