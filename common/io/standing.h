/*
 * The standing order: what lets a coordinator open operations of kind RECONCILE by itself, in mode
 * `auto`. Canonical text (text.h), signed by an operator as intents are.
 *
 * Under it a coordinator may give a new generation to a version that an operator has named before,
 * for modules the order is for, and nothing else. So two papers come with such a PREPARE: the
 * standing order, and the intent that named the version (the naming intent), of which the expiry
 * does not count: it says for how long that operation may be delivered, while the standing order
 * says for how long nodes may be brought back to what was ordered, and has an expiry of its own.
 *
 * There is one standing order at a time. Each must be issued later than the one before, and an
 * agent that has believed one refuses what was issued before it, so that an order which was
 * narrowed is not replaced by the wider one. That is all it does: an agent that never saw the
 * newer order still believes the older, so whoever controls the coordinator can keep the newer one
 * back. What surely ends an order is its expiry and the revocation of who signed it.
 *
 * Nor can an agent see what happens on others: the share of nodes that may change is the
 * coordinator's to keep, and so is the choice among the versions that were named, as long as they
 * are not quarantined. The share is signed so that the audit trail can be held against it.
 */
#ifndef LOCKSTEP_IO_STANDING_H
#define LOCKSTEP_IO_STANDING_H

#include "common/io/intent.h"

/* How long an order is good by default, and how long at most. */
#define LOCKSTEP_STANDING_LIFE_MS     (30ULL * 24 * 60 * 60 * 1000)
#define LOCKSTEP_STANDING_LIFE_MAX_MS (366ULL * 24 * 60 * 60 * 1000)
/* An order from further ahead than this is from a wrong clock; believed, it would outdo all that
 * are issued until then. */
#define LOCKSTEP_STANDING_AHEAD_MS (24ULL * 60 * 60 * 1000)

struct lockstep_standing {
    struct lockstep_id cluster;
    struct lockstep_id order;     /* chosen by who signs */
    uint32_t max_changes_percent; /* of a placement's nodes, that one pass may change: 1 to 100 */
    uint64_t issued_unix_ms;      /* rising from order to order */
    uint64_t not_after_unix_ms;   /* behind issued, by at most LOCKSTEP_STANDING_LIFE_MAX_MS */
    uint32_t module_count;        /* 0: every module */
    struct lockstep_name modules[LOCKSTEP_ITEMS_MAX]; /* sorted, no repeats */
};

/* Puts MODULE where it belongs in order. INVALID if it is there already, LIMIT. */
enum lockstep_err lockstep_standing_add(struct lockstep_standing *standing,
                                        const struct lockstep_name *module,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* True if it names MODULE, or none, which is every one. */
bool lockstep_standing_is_for(const struct lockstep_standing *standing,
                              const struct lockstep_name *module);

/* The canonical text, NUL behind it; RET_TEXT of LOCKSTEP_STANDING_MAX + 1 bytes always suffices.
 * INVALID if a field is missing or out of range, LIMIT. */
enum lockstep_err lockstep_standing_encode(const struct lockstep_standing *standing, char *ret_text,
                                           size_t size, size_t *ret_length,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* INVALID with line and cause, LIMIT, NOMEM. */
enum lockstep_err lockstep_standing_parse(const char *text, size_t length,
                                          struct lockstep_standing *ret_standing,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* KEY's signature over an order's text. */
void lockstep_standing_sign(const char *text, size_t length, const struct lockstep_key *key,
                            uint8_t ret_signature[LOCKSTEP_KEY_SIGNATURE]);

/* As lockstep_intent_verify(), of a standing order. An order from more than
 * LOCKSTEP_STANDING_AHEAD_MS after NOW_UNIX_MS is refused with INTENT. */
enum lockstep_no lockstep_standing_verify(const struct lockstep_intent_offer *offer,
                                          const struct lockstep_bundle *bundle,
                                          uint64_t now_unix_ms,
                                          struct lockstep_standing *ret_standing,
                                          struct lockstep_refusal *ret_refusal);

/* UNSPECIFIED if STANDING, verified, permits PREPARE because NAMING, which must be authentic
 * (lockstep_intent_authentic()), named each of its versions; else INTENT, with words that name the
 * order. An intent of strategy `local` names nothing here: it is for one node, and what is tried
 * out there must not spread. EXTRA is what came for `up` and `down`: there must be none. */
enum lockstep_no lockstep_standing_covers(const struct lockstep_standing *standing,
                                          const struct lockstep_intent *naming,
                                          const struct lockstep_prepare *prepare, const char *extra,
                                          struct lockstep_refusal *ret_refusal);

/* The order in words: "standing order ufqxcnbb, good until 2026-12-21T10:00:00Z". */
#define LOCKSTEP_STANDING_WORDS 64
void lockstep_standing_words(const struct lockstep_standing *standing,
                             char ret_words[LOCKSTEP_STANDING_WORDS]);

#endif
