/*
 * A coordinator that has the real channel key and lies: what its parts share. It plays one order
 * after the other to the agent that dials it, and notes what the agent answers.
 *
 * Everything goes over the real link. A function that talks runs the loop until there is an answer,
 * the link is cut, or its time is up; nothing here decides whether the answer was the right one.
 */
#ifndef LOCKSTEP_TESTS_SUPPORT_ROGUE_H
#define LOCKSTEP_TESTS_SUPPORT_ROGUE_H

#include "common/io/bundle.h"
#include "common/io/intent.h"
#include "common/io/keys.h"
#include "common/io/link.h"
#include "common/io/manifest.h"
#include "common/io/minisign.h"
#include "common/io/standing.h"
#include "common/io/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* How the artifact comes that an order names. */
enum rogue_source {
    ROGUE_HONEST,
    ROGUE_OTHER_BYTES,      /* as many, one of them another */
    ROGUE_SHORT,            /* it ends before its size */
    ROGUE_ENDLESS,          /* it goes on behind its size */
    ROGUE_DRIPPING,         /* a byte now and then */
    ROGUE_MISSING,          /* it is said not to be there */
    ROGUE_ENDLESS_MANIFEST, /* its manifest goes on and on */
};

/* All that goes out for one order. An attack changes one thing of it, before it is signed or when.
 */
struct rogue_order {
    struct lockstep_intent intent;
    struct lockstep_prepare prepare;
    struct lockstep_manifest manifest;
    struct lockstep_standing standing;
    const struct lockstep_key *signer;
    const char *signer_name;
    const struct lockstep_key *standing_signer; /* NULL: there is no standing order */
    const struct lockstep_minisign_key *release;
    const char *extra;
    enum rogue_source source;
    uint64_t patience_ms; /* for the answer */
    bool flip_intent;     /* a bit of the text, after it was signed */
    bool no_intent;       /* its signature is zeros */
    bool flip_manifest;
    bool flip_signature; /* of the manifest */
    /* What is sent of it: */
    uint8_t *bytes;
    size_t size;
    char manifest_text[LOCKSTEP_MANIFEST_MAX + 1];
    size_t manifest_length;
    char signature[LOCKSTEP_SIGNATURE_MAX];
};

struct rogue {
    struct lockstep_loop *loop;
    struct lockstep_listener *listener;
    struct lockstep_wire_codec *codec;
    struct lockstep_link *link; /* NULL while nobody is there */
    struct lockstep_key *coordinator;
    struct lockstep_key *operator_key; /* which is an administrator's, too */
    struct lockstep_key *stranger;     /* of the same name, and in no bundle */
    struct lockstep_minisign_key *release;
    struct lockstep_minisign_key *other_release;
    struct lockstep_bundle *bundle;
    char bundle_text[LOCKSTEP_BUNDLE_MAX + 1];
    size_t bundle_length;
    struct lockstep_manifest echo; /* as it was pushed */
    struct lockstep_manifest counter;
    uint8_t *module;
    size_t module_size;
    unsigned orders; /* given; each brings bytes that no other has */
    struct lockstep_state state;
    bool joined; /* STATE has come on this link */
    struct rogue_order order;
    char answer[64];
    unsigned fetches; /* of the bytes */
    unsigned pongs;
    bool applied;     /* what the last order brought is live */
    uint64_t dripped; /* bytes */
    uint64_t drip_request;
};

/* Listens at URL, with the keys and files of FOLDER, which a fleet made. False: it said why. */
bool rogue_begin(struct rogue *rogue, const char *url, const char *folder);
void rogue_end(struct rogue *rogue);

/* Waits until the agent has said its STATE. False if it does not come. */
bool rogue_wait_agent(struct rogue *rogue);
/* An order that nothing is wrong with: one more version of echo, for the only node. */
void rogue_good_order(struct rogue *rogue, struct rogue_order *order);
/* Sends it; the answer is in rogue->answer: YES, the code of a NO, "silence" or "cut". */
void rogue_give(struct rogue *rogue, struct rogue_order *order);
/* Tells the agent the outcome of the last order, and waits until it has heard that. */
void rogue_decide(struct rogue *rogue, enum lockstep_outcome outcome);
/* Waits until what the last order brought is live. */
bool rogue_wait_applied(struct rogue *rogue);
/* Sends any message. */
void rogue_send(struct rogue *rogue, const struct lockstep_wire *wire);
/* True if the agent is still there, and answers. */
bool rogue_is_heard(struct rogue *rogue);

/* The attacks, by kind. Each prints one line: what it was, and what the agent made of it. */
void rogue_attack_orders(struct rogue *rogue);
void rogue_attack_artifacts(struct rogue *rogue);
void rogue_attack_trust(struct rogue *rogue);

#endif
