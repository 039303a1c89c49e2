/* Trust bundles that security-admins did not make, or made before. */
#include "tests/support/rogue/rogue.h"

#include "common/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A bundle that is offered. */
struct offer {
    struct lockstep_bundle *bundle;
    char text[LOCKSTEP_BUNDLE_MAX + 1];
    size_t length;
    const struct lockstep_key *signers[2]; /* NULL: fewer */
};

/* What the agent has now. */
struct trust {
    struct lockstep_bundle *bundle;
    struct lockstep_digest digest;
    struct offer offer;
    struct lockstep_key *second; /* another security-admin */
};

/* The next one, as it should be: changed a little, and signed by the administrator. */
static struct offer *next(struct rogue *rogue, struct trust *trust)
{
    struct offer *offer = &trust->offer;
    *offer->bundle = *trust->bundle;
    offer->bundle->version++;
    offer->bundle->previous = trust->digest;
    offer->signers[0] = rogue->operator_key;
    offer->signers[1] = NULL;
    return offer;
}

/* Sends OFFER; true if the agent is still there then: it closes the link for what it refuses. */
static bool send_offer(struct rogue *rogue, struct offer *offer)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_BUNDLE};
    struct lockstep_blob blobs[2];
    uint8_t signatures[2][LOCKSTEP_KEY_SIGNATURE];
    if (!rogue_wait_agent(rogue)) {
        (void)puts("nobody is there");
        exit(1);
    }
    for (size_t i = 0; i < 2 && offer->signers[i] != NULL; i++) {
        lockstep_bundle_sign(offer->text, offer->length, offer->signers[i], signatures[i]);
        blobs[i] = (struct lockstep_blob){signatures[i], LOCKSTEP_KEY_SIGNATURE};
        wire.u.bundle.signature_count++;
    }
    wire.u.bundle.text = (struct lockstep_blob){(const uint8_t *)offer->text, offer->length};
    wire.u.bundle.signatures = blobs;
    rogue_send(rogue, &wire);
    return rogue_is_heard(rogue);
}

static void write_offer(struct offer *offer)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_bundle_encode(offer->bundle, offer->text, sizeof(offer->text), &offer->length,
                               &err) != LOCKSTEP_OK) {
        (void)fprintf(stderr, "rogue: %s\n", err.message);
        exit(1);
    }
}

/* Offers it and tells what came of it; what is taken is what the agent has from now on. */
static void offer_it(struct rogue *rogue, struct trust *trust, const char *name)
{
    bool taken;
    write_offer(&trust->offer);
    taken = send_offer(rogue, &trust->offer);
    (void)printf("%s: %s\n", name, taken ? "taken" : "refused");
    (void)fflush(stdout);
    if (taken) {
        *trust->bundle = *trust->offer.bundle;
        lockstep_bundle_digest(trust->offer.text, trust->offer.length, &trust->digest);
    }
}

/* An order with nothing wrong but, perhaps, whose release it is, and how far back it leads. */
static void order_from(struct rogue *rogue, const struct lockstep_minisign_key *release,
                       uint64_t counter, const char *name)
{
    struct rogue_order order;
    if (!rogue_wait_agent(rogue)) {
        (void)puts("nobody is there");
        exit(1);
    }
    rogue_good_order(rogue, &order);
    order.release = release;
    order.manifest.counter = counter;
    rogue_give(rogue, &order);
    (void)printf("%s: %s\n", name, rogue->answer);
    rogue_decide(rogue, LOCKSTEP_OUTCOME_ABORT);
}

static void offer_bad_ones(struct rogue *rogue, struct trust *trust)
{
    struct lockstep_bundle *other;
    next(rogue, trust)->signers[0] = NULL;
    offer_it(rogue, trust, "unsigned");
    next(rogue, trust)->signers[0] = rogue->stranger;
    offer_it(rogue, trust, "signed by a stranger under the administrator's name");
    next(rogue, trust)->signers[0] = rogue->coordinator;
    offer_it(rogue, trust, "signed by the coordinator");
    next(rogue, trust)->bundle->version++;
    offer_it(rogue, trust, "one left out");
    next(rogue, trust)->bundle->cluster.bytes[0] ^= 1;
    offer_it(rogue, trust, "of another cluster");
    next(rogue, trust)->bundle->previous.bytes[0] ^= 1;
    offer_it(rogue, trust, "behind another one");
    other = next(rogue, trust)->bundle;
    other->version = trust->bundle->version;
    other->previous = trust->bundle->previous;
    other->expires_unix_ms = lockstep_unix_ms() + UINT64_C(1000000000000);
    offer_it(rogue, trust, "another one of the same version");
}

/* The release key is exchanged. */
static void rotate_release(struct rogue *rogue, struct trust *trust)
{
    struct offer *offer = next(rogue, trust);
    const struct lockstep_bundle_release row = {.key = rogue->other_release->open};
    offer->bundle->release_count = 0;
    ASSERT(lockstep_bundle_add_release(offer->bundle, &row, NULL) == LOCKSTEP_OK);
    order_from(rogue, rogue->other_release, 5, "the new release key, before");
    offer_it(rogue, trust, "a release key exchanged");
    order_from(rogue, rogue->release, 5, "the old release key, after");
    order_from(rogue, rogue->other_release, 5, "the new release key, after");
    (void)printf("the first one again: ");
    offer->signers[0] = rogue->operator_key;
    memcpy(offer->text, rogue->bundle_text, rogue->bundle_length);
    offer->length = rogue->bundle_length;
    (void)puts(send_offer(rogue, offer) ? "taken" : "refused");
    order_from(rogue, rogue->release, 5, "the old release key, after that");
    offer = next(rogue, trust);
    ASSERT(lockstep_bundle_revoke_key(offer->bundle, &rogue->other_release->open.id, NULL) ==
           LOCKSTEP_OK);
    ASSERT(lockstep_bundle_add_release(
               offer->bundle, &(struct lockstep_bundle_release){.key = rogue->release->open},
               NULL) == LOCKSTEP_OK);
    offer_it(rogue, trust, "a release key revoked, the other one back");
    order_from(rogue, rogue->other_release, 5, "the revoked release key");
    order_from(rogue, rogue->release, 5, "the one that is back");
}

/* From now on two have to sign. */
static void raise_threshold(struct rogue *rogue, struct trust *trust)
{
    struct lockstep_bundle_operator row = {.key = trust->second->open,
                                           .roles = (unsigned)LOCKSTEP_ROLE_SECURITY_ADMIN};
    struct offer *offer = next(rogue, trust);
    ASSERT(lockstep_bundle_add_operator(offer->bundle, &row, NULL) == LOCKSTEP_OK);
    offer->bundle->admin_threshold = 2;
    offer_it(rogue, trust, "two are to sign, one has");
    offer->signers[1] = trust->second;
    offer_it(rogue, trust, "two are to sign, two have");
    offer = next(rogue, trust);
    offer_it(rogue, trust, "then one");
    offer->signers[1] = rogue->operator_key;
    offer_it(rogue, trust, "then one, twice");
    offer->bundle->admin_threshold = 1;
    offer->signers[1] = NULL;
    offer_it(rogue, trust, "then one, who says that one is enough");
    offer->bundle->admin_threshold = 2;
    offer->signers[1] = trust->second;
    offer_it(rogue, trust, "then two");
}

/* A version says how far back its node may go from then on. */
static void raise_floor(struct rogue *rogue)
{
    struct rogue_order order;
    if (!rogue_wait_agent(rogue)) {
        return;
    }
    rogue_good_order(rogue, &order);
    order.manifest.counter = 20;
    order.manifest.floor = 20;
    rogue_give(rogue, &order);
    (void)printf("release 20, none below it: %s\n", rogue->answer);
    rogue_decide(rogue, LOCKSTEP_OUTCOME_COMMIT);
    (void)printf("and that is %s\n", rogue_wait_applied(rogue) ? "live" : "not live");
    order_from(rogue, rogue->release, 19, "release 19");
    order_from(rogue, rogue->release, 21, "release 21");
}

void rogue_attack_trust(struct rogue *rogue)
{
    struct trust *trust = calloc(1, sizeof(*trust));
    const struct lockstep_name name = {"second"};
    ASSERT(trust != NULL);
    trust->bundle = calloc(1, sizeof(*trust->bundle));
    trust->offer.bundle = calloc(1, sizeof(*trust->offer.bundle));
    ASSERT(trust->bundle != NULL && trust->offer.bundle != NULL);
    ASSERT(lockstep_key_new(&name, &trust->second, NULL) == LOCKSTEP_OK);
    *trust->bundle = *rogue->bundle;
    lockstep_bundle_digest(rogue->bundle_text, rogue->bundle_length, &trust->digest);
    offer_bad_ones(rogue, trust);
    rotate_release(rogue, trust);
    raise_threshold(rogue, trust);
    raise_floor(rogue);
    trust->second = lockstep_key_free(trust->second);
    free(trust->offer.bundle);
    free(trust->bundle);
    free(trust);
}
