/* Orders that no operator gave, and artifacts that nobody released. */
#include "tests/support/rogue/rogue.h"

#include "common/base/assert.h"
#include "common/base/attr.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct attack {
    const char *name;
    void (*twist)(struct rogue *, struct rogue_order *);
};

/* ---- orders --------------------------------------------------------------------------------- */

static void is_unsigned(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->no_intent = true;
}

static void is_a_strangers(struct rogue *rogue, struct rogue_order *order)
{
    order->signer = rogue->stranger; /* under the operator's name */
}

static void is_nobodys(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->signer_name = "nobody";
}

static void is_flipped(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->flip_intent = true;
}

static void is_for_another_cluster(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->intent.cluster.bytes[0] ^= 1;
}

static void is_expired(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->intent.not_after_unix_ms = lockstep_unix_ms() - 1000;
}

static void is_of_another_operation(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->prepare.operation.bytes[0] ^= 1;
}

static void is_older(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->intent.items[0].generation -= 2; /* what is live has it */
    order->prepare.items[0].generation -= 2;
}

static void has_another_version(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->intent.items[0].digest.bytes[0] ^= 1;
}

static void has_another_generation(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->prepare.items[0].generation++;
}

static void add_counter(struct rogue *rogue, struct lockstep_item *item)
{
    *item = (struct lockstep_item){
        .module = rogue->counter.module, .generation = 9, .digest = rogue->counter.digest};
}

static void is_half_of_a_set(struct rogue *rogue, struct rogue_order *order)
{
    struct lockstep_item item;
    add_counter(rogue, &item);
    ASSERT(lockstep_intent_add(&order->intent, &item, NULL) == LOCKSTEP_OK);
}

static void has_one_more(struct rogue *rogue, struct rogue_order *order)
{
    order->prepare.items[1] = order->prepare.items[0];
    add_counter(rogue, &order->prepare.items[0]);
    order->prepare.item_count = 2;
}

/* Two orders were signed; a set is made of one's echo and of the other's counter. */
static void is_mixed(struct rogue *rogue, struct rogue_order *order)
{
    is_half_of_a_set(rogue, order);
    has_one_more(rogue, order);
    order->prepare.items[0].digest.bytes[0] ^= 1;
}

static void is_for_another_node(struct rogue *rogue, struct rogue_order *order)
{
    const struct lockstep_name node = {"n2"};
    (void)rogue;
    ASSERT(lockstep_roster_digest(&node, 1, &order->intent.roster, NULL) == LOCKSTEP_OK);
    order->prepare.roster = order->intent.roster;
    order->intent.strategy = LOCKSTEP_STRATEGY_LOCAL;
    order->prepare.strategy = LOCKSTEP_STRATEGY_LOCAL;
}

static void is_for_other_nodes(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->prepare.roster_size = 2;
}

static void has_an_extra(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->extra = "and then some";
}

static void leaves_out_smoke_tests(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->prepare.no_smoke = true;
}

static void has_another_strategy(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->prepare.strategy = LOCKSTEP_STRATEGY_QUORUM;
}

/* Going back on nothing: what it "leaves" is not what the node came from. */
static void is_a_compensation(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->prepare.kind = LOCKSTEP_KIND_COMPENSATION;
    order->prepare.parent = order->intent.operation;
    order->prepare.operation.bytes[0] ^= 1;
    order->prepare.items[0].generation++;
    order->prepare.items[0].leaving = order->intent.items[0].digest;
}

/* A reconcile that the coordinator opens by itself. */
static void reconciles(struct rogue *rogue, struct rogue_order *order)
{
    const uint64_t now = lockstep_unix_ms();
    order->prepare.kind = LOCKSTEP_KIND_RECONCILE;
    order->prepare.strategy = LOCKSTEP_STRATEGY_ROLLING;
    order->prepare.operation.bytes[0] ^= 1;
    order->prepare.items[0].generation++;
    order->standing.cluster = rogue->bundle->cluster;
    randombytes_buf(order->standing.order.bytes, LOCKSTEP_ID_BYTES);
    order->standing.max_changes_percent = 100;
    order->standing.issued_unix_ms = now - 1000;
    order->standing.not_after_unix_ms = now + 3600000;
    order->standing_signer = rogue->operator_key;
}

static void stands_by_a_stranger(struct rogue *rogue, struct rogue_order *order)
{
    reconciles(rogue, order);
    order->standing_signer = rogue->stranger;
}

static void stands_for_another_module(struct rogue *rogue, struct rogue_order *order)
{
    reconciles(rogue, order);
    ASSERT(lockstep_standing_add(&order->standing, &rogue->counter.module, NULL) == LOCKSTEP_OK);
}

static void spreads_a_canary(struct rogue *rogue, struct rogue_order *order)
{
    reconciles(rogue, order);
    order->intent.strategy = LOCKSTEP_STRATEGY_LOCAL;
}

static void has_an_older_epoch(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->prepare.epoch--;
    order->patience_ms = 300; /* it is not even answered */
}

/* ---- artifacts ------------------------------------------------------------------------------ */

static void has_a_flipped_signature(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->flip_signature = true;
}

static void has_a_flipped_manifest(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->flip_manifest = true;
}

static void is_released_by_a_stranger(struct rogue *rogue, struct rogue_order *order)
{
    order->release = rogue->other_release;
}

static void is_released_as_another(struct rogue *rogue, struct rogue_order *order)
{
    order->manifest.module = rogue->counter.module;
}

static void has_anothers_manifest(struct rogue *rogue, struct rogue_order *order)
{
    order->manifest = rogue->echo;
}

static void is_released_elsewhere(struct rogue *rogue, struct rogue_order *order)
{
    struct lockstep_id other = rogue->bundle->cluster;
    other.bytes[0] ^= 1;
    ASSERT(lockstep_manifest_limit_to(&order->manifest, &other, NULL) == LOCKSTEP_OK);
}

static void is_out_of_date(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->manifest.expires_unix_ms = lockstep_unix_ms() - 1000;
}

static void has_other_bytes(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->source = ROGUE_OTHER_BYTES;
}

static void ends_early(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->source = ROGUE_SHORT;
}

static void never_ends(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->source = ROGUE_ENDLESS;
}

static void has_a_manifest_without_end(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->source = ROGUE_ENDLESS_MANIFEST;
}

static void drips(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->source = ROGUE_DRIPPING;
}

static void is_missing(struct rogue *rogue, struct rogue_order *order)
{
    (void)rogue;
    order->source = ROGUE_MISSING;
}

/* ---- playing -------------------------------------------------------------------------------- */

static const struct attack order_rows[] = {
    {"unsigned", is_unsigned},
    {"signed by a stranger under the operator's name", is_a_strangers},
    {"signed by nobody of the bundle", is_nobodys},
    {"a bit of the intent flipped", is_flipped},
    {"for another cluster", is_for_another_cluster},
    {"expired", is_expired},
    {"signed for another operation", is_of_another_operation},
    {"of a generation that is live", is_older},
    {"another version than signed", has_another_version},
    {"another generation than signed", has_another_generation},
    {"half of a set", is_half_of_a_set},
    {"a module more than signed", has_one_more},
    {"a set mixed from two", is_mixed},
    {"local to n2", is_for_another_node},
    {"for more nodes than signed", is_for_other_nodes},
    {"an extra that is not signed", has_an_extra},
    {"without the smoke tests that were signed", leaves_out_smoke_tests},
    {"another strategy than signed", has_another_strategy},
    {"going back where nobody came from", is_a_compensation},
    {"a standing order of a stranger", stands_by_a_stranger},
    {"a standing order for another module", stands_for_another_module},
    {"a canary's intent under a standing order", spreads_a_canary},
    {"of an older epoch", has_an_older_epoch},
};

static const struct attack artifact_rows[] = {
    {"a bit of the release's signature flipped", has_a_flipped_signature},
    {"a bit of the manifest flipped", has_a_flipped_manifest},
    {"released by a stranger", is_released_by_a_stranger},
    {"released as another module", is_released_as_another},
    {"with another version's manifest", has_anothers_manifest},
    {"released for another cluster", is_released_elsewhere},
    {"out of date", is_out_of_date},
    {"other bytes than released", has_other_bytes},
    {"bytes that end early", ends_early},
    {"bytes that never end", never_ends},
    {"a manifest that never ends", has_a_manifest_without_end},
    {"bytes that drip", drips},
    {"bytes that are missing", is_missing},
};

/* Whatever the agent has said, it is told to commit: what it did not promise it must not do. */
static void play(struct rogue *rogue, const struct attack *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rogue_order order;
        if (!rogue_wait_agent(rogue)) {
            (void)printf("%s: nobody is there\n", rows[i].name);
            return;
        }
        rogue_good_order(rogue, &order);
        rows[i].twist(rogue, &order);
        rogue_give(rogue, &order);
        (void)printf("%s: %s%s\n", rows[i].name, rogue->answer,
                     rogue->fetches > 0 ? ", after its bytes" : "");
        (void)fflush(stdout);
        rogue_decide(rogue, LOCKSTEP_OUTCOME_COMMIT);
    }
}

/* The same order with nothing wrong in it: or all that was refused was refused for something else.
 */
static void play_good(struct rogue *rogue)
{
    struct rogue_order order;
    if (rogue_wait_agent(rogue)) {
        rogue_good_order(rogue, &order);
        rogue_give(rogue, &order);
        (void)printf("nothing wrong: %s\n", rogue->answer);
        rogue_decide(rogue, LOCKSTEP_OUTCOME_ABORT);
    }
}

void rogue_attack_orders(struct rogue *rogue)
{
    play(rogue, order_rows, LOCKSTEP_COUNT(order_rows));
    play_good(rogue);
}

void rogue_attack_artifacts(struct rogue *rogue)
{
    play(rogue, artifact_rows, LOCKSTEP_COUNT(artifact_rows));
    play_good(rogue);
}
