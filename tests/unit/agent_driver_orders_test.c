/* Whom a node believes: what an operator signed comes with PREPARE, is kept with the duty, in
 * memory and in the journal, and is judged. */
#include "agent/driver_internal.h"
#include "common/io/standing.h"
#include "tests/support/agent_trust.h"
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24ULL * 60 * 60 * 1000)

struct node {
    char directory[64];
    struct lockstep_node_agent *agent;
    struct lockstep_key *operator_key;
    struct lockstep_key *viewer_key;
    struct lockstep_key *stranger_key;
};

/* What a coordinator hands to the node: an order, the papers with it, and what stands in them.
 * A row of the table changes it before it is signed. */
struct delivery {
    struct node *node;
    struct lockstep_standing standing;
    struct lockstep_intent intent;
    struct lockstep_prepare order;
    const char *extra;
    bool by_hand; /* without a standing order */
    const struct lockstep_key *standing_key;
    const struct lockstep_key *intent_key;
    const char *standing_signer;
    const char *intent_signer;
    bool flipped; /* a bit of the standing order, after it was signed */
};

static struct lockstep_key *add_operator(struct lockstep_bundle *bundle, const char *name,
                                         unsigned roles)
{
    struct lockstep_key *key = new_key(name);
    const struct lockstep_bundle_operator row = {.key = key->open, .roles = roles};
    assert_int_equal(lockstep_bundle_add_operator(bundle, &row, NULL), LOCKSTEP_OK);
    return key;
}

static void open_store(struct node *node)
{
    const struct lockstep_agent_meta meta = {.name = name_of("n1")};
    const struct lockstep_agent_bundle row = {.version = 4, .text = {(const uint8_t *)"x", 1}};
    struct lockstep_agent_store *store = NULL;
    assert_int_equal(lockstep_agent_store_open(node->directory, &store, NULL), LOCKSTEP_OK);
    if (!lockstep_agent_store_meta(store)->enrolled) {
        assert_int_equal(lockstep_agent_store_enrol(store, &meta, &row, NULL), LOCKSTEP_OK);
    }
    node->agent->config.store = store;
}

static int begin(void **state)
{
    struct node *node = calloc(1, sizeof(*node));
    struct lockstep_node_agent *agent = calloc(1, sizeof(*agent));
    assert_non_null(node);
    assert_non_null(agent);
    assert_true(sodium_init() >= 0);
    (void)snprintf(node->directory, sizeof(node->directory), "/tmp/orders.XXXXXX");
    assert_non_null(mkdtemp(node->directory));
    node->agent = agent;
    agent->core = calloc(1, sizeof(*agent->core));
    agent->papers = calloc(LOCKSTEP_AGENT_DUTIES, sizeof(*agent->papers));
    agent->bundle = calloc(1, sizeof(*agent->bundle));
    assert_non_null(agent->core);
    assert_non_null(agent->papers);
    assert_non_null(agent->bundle);
    agent->bundle->version = 4;
    agent->bundle->cluster.bytes[0] = 7;
    node->operator_key = add_operator(agent->bundle, "ann", (unsigned)LOCKSTEP_ROLE_OPERATOR);
    node->viewer_key = add_operator(agent->bundle, "eve", (unsigned)LOCKSTEP_ROLE_VIEWER);
    node->stranger_key = new_key("mallory");
    open_store(node);
    *state = node;
    return 0;
}

static int end(void **state)
{
    struct node *node = *state;
    (void)lockstep_agent_store_close(node->agent->config.store);
    remove_directory(node->directory);
    (void)lockstep_key_free(node->operator_key);
    (void)lockstep_key_free(node->viewer_key);
    (void)lockstep_key_free(node->stranger_key);
    free(node->agent->core);
    free(node->agent->papers);
    free(node->agent->bundle);
    free(node->agent);
    free(node);
    return 0;
}

/* ---- what is delivered ----------------------------------------------------------------------- */

static void set_item(struct lockstep_item *item, const char *module, uint64_t generation,
                     uint8_t version)
{
    *item = (struct lockstep_item){.module = name_of(module), .generation = generation};
    memset(item->digest.bytes, version, sizeof(item->digest.bytes));
}

/* A reconcile that the coordinator opened by itself: version 3 of greet, which a reload named long
 * ago in generation 5, gets generation 9. */
static struct delivery make_delivery(struct node *node)
{
    const uint64_t now = lockstep_driver_unix_ms(node->agent);
    struct delivery made = {.node = node,
                            .extra = "",
                            .standing_key = node->operator_key,
                            .intent_key = node->operator_key,
                            .standing_signer = "ann",
                            .intent_signer = "ann"};
    made.standing.cluster = node->agent->bundle->cluster;
    made.standing.order.bytes[0] = 1;
    made.standing.max_changes_percent = 25;
    made.standing.issued_unix_ms = now - DAY_MS;
    made.standing.not_after_unix_ms = now + DAY_MS;
    made.intent.cluster = node->agent->bundle->cluster;
    made.intent.operation.bytes[0] = 5;
    made.intent.kind = LOCKSTEP_KIND_RELOAD;
    made.intent.strategy = LOCKSTEP_STRATEGY_QUORUM;
    made.intent.on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    made.intent.roster.bytes[0] = 1;
    made.intent.roster_size = 5;
    made.intent.not_after_unix_ms = now - 40 * DAY_MS; /* for that operation it is over */
    made.intent.item_count = 1;
    set_item(&made.intent.items[0], "greet", 5, 3);
    made.order.operation.bytes[0] = 9;
    made.order.kind = LOCKSTEP_KIND_RECONCILE;
    made.order.strategy = LOCKSTEP_STRATEGY_ROLLING;
    made.order.drain = LOCKSTEP_DRAIN_AUTO;
    made.order.roster.bytes[0] = 2;
    made.order.roster_size = 3;
    made.order.item_count = 1;
    set_item(&made.order.items[0], "greet", 9, 3);
    return made;
}

/* The same, asked for by an operator. */
static void ask_by_hand(struct delivery *delivery)
{
    delivery->by_hand = true;
    delivery->intent.operation = delivery->order.operation;
    delivery->intent.kind = delivery->order.kind;
    delivery->intent.strategy = delivery->order.strategy;
    delivery->intent.roster = delivery->order.roster;
    delivery->intent.roster_size = delivery->order.roster_size;
    delivery->intent.not_after_unix_ms = lockstep_driver_unix_ms(delivery->node->agent) + DAY_MS;
    delivery->intent.items[0] = delivery->order.items[0];
}

/* Local to that node. */
static void order_for(struct delivery *delivery, const char *node)
{
    const struct lockstep_name name = name_of(node);
    assert_int_equal(lockstep_roster_digest(&name, 1, &delivery->order.roster, NULL), LOCKSTEP_OK);
    delivery->order.roster_size = 1;
    delivery->intent.roster = delivery->order.roster;
    delivery->intent.roster_size = 1;
    delivery->order.strategy = LOCKSTEP_STRATEGY_LOCAL;
    delivery->intent.strategy = LOCKSTEP_STRATEGY_LOCAL;
}

/* Signs what DELIVERY says and has the node keep it, as if it had come in PREPARE. */
static void hand_over(const struct delivery *delivery)
{
    static char intent[LOCKSTEP_INTENT_MAX + 1];
    static char standing[LOCKSTEP_STANDING_MAX + 1];
    uint8_t intent_signature[LOCKSTEP_KEY_SIGNATURE];
    uint8_t standing_signature[LOCKSTEP_KEY_SIGNATURE];
    struct lockstep_wire_prepare wire = {.extra = delivery->extra};
    struct lockstep_duty *duty = &delivery->node->agent->core->duties[0];
    assert_int_equal(lockstep_intent_encode(&delivery->intent, intent, sizeof(intent),
                                            &wire.intent.length, NULL),
                     LOCKSTEP_OK);
    lockstep_intent_sign(intent, wire.intent.length, delivery->intent_key, intent_signature);
    wire.intent.data = (const uint8_t *)intent;
    wire.signature = (struct lockstep_blob){intent_signature, sizeof(intent_signature)};
    wire.signer = name_of(delivery->intent_signer);
    if (!delivery->by_hand) {
        assert_int_equal(lockstep_standing_encode(&delivery->standing, standing, sizeof(standing),
                                                  &wire.standing.length, NULL),
                         LOCKSTEP_OK);
        lockstep_standing_sign(standing, wire.standing.length, delivery->standing_key,
                               standing_signature);
        standing[9] = (char)(standing[9] ^ (delivery->flipped ? 1 : 0));
        wire.standing.data = (const uint8_t *)standing;
        wire.standing_signature = (struct lockstep_blob){standing_signature,
                                                         sizeof(standing_signature)};
        wire.standing_signer = name_of(delivery->standing_signer);
    }
    duty->state = LOCKSTEP_DUTY_ADMITTING;
    duty->order = delivery->order;
    lockstep_driver_keep_papers(delivery->node->agent, &delivery->order.operation, &wire);
}

/* What the node says of it; the duty is over then. */
static enum lockstep_no judge(const struct delivery *delivery, struct lockstep_refusal *refusal)
{
    struct lockstep_node_agent *agent = delivery->node->agent;
    bool good;
    hand_over(delivery);
    *refusal = (struct lockstep_refusal){.no = LOCKSTEP_NO_UNSPECIFIED};
    good = lockstep_orders_judge(agent, &agent->core->duties[0], refusal);
    assert_int_equal(good, refusal->no == LOCKSTEP_NO_UNSPECIFIED);
    agent->core->duties[0].state = LOCKSTEP_DUTY_FREE;
    lockstep_papers_sweep(agent);
    return refusal->no;
}

/* ---- one delivery ---------------------------------------------------------------------------- */

struct order_row {
    const char *name;
    void (*change)(struct delivery *);
    enum lockstep_no no;
    const char *says;
    bool named; /* the standing order, with its expiry */
};

#define CHANGE(function, statement)          \
    static void function(struct delivery *d) \
    {                                        \
        (void)d;                             \
        statement;                           \
    }

CHANGE(as_it_is, (void)0)
CHANGE(for_its_module, d->standing.modules[0] = name_of("greet"); d->standing.module_count = 1)
CHANGE(for_another_module, d->standing.modules[0] = name_of("pay"); d->standing.module_count = 1)
CHANGE(of_another_cluster, d->standing.cluster.bytes[0] ^= 1)
CHANGE(expired, d->standing.not_after_unix_ms -= DAY_MS + 1)
CHANGE(from_tomorrow, d->standing.issued_unix_ms += 2 * DAY_MS + DAY_MS / 2;
       d->standing.not_after_unix_ms += 2 * DAY_MS)
CHANGE(signed_by_a_viewer, d->standing_key = d->node->viewer_key; d->standing_signer = "eve")
CHANGE(signed_by_a_stranger, d->standing_key = d->node->stranger_key;
       d->standing_signer = "mallory")
CHANGE(signed_by_another, d->standing_key = d->node->viewer_key)
CHANGE(changed_on_the_way, d->flipped = true)
CHANGE(bundle_over, d->node->agent->bundle->expires_unix_ms = 1)
CHANGE(without_a_bundle, free(d->node->agent->bundle); d->node->agent->bundle = NULL)
CHANGE(named_by_a_viewer, d->intent_key = d->node->viewer_key; d->intent_signer = "eve")
CHANGE(named_by_a_stranger, d->intent_key = d->node->stranger_key)
CHANGE(named_for_another_cluster, d->intent.cluster.bytes[0] ^= 1)
CHANGE(named_for_one_node, d->intent.strategy = LOCKSTEP_STRATEGY_LOCAL)
CHANGE(named_by_an_undo, d->intent.kind = LOCKSTEP_KIND_UNDO)
CHANGE(named_by_a_reconcile, d->intent.kind = LOCKSTEP_KIND_RECONCILE;
       d->intent.strategy = LOCKSTEP_STRATEGY_ROLLING)
CHANGE(another_version, d->order.items[0].digest.bytes[5] ^= 1)
CHANGE(another_module, d->order.items[0].module = name_of("pay"))
CHANGE(a_reload, d->order.kind = LOCKSTEP_KIND_RELOAD)
CHANGE(all_at_once, d->order.strategy = LOCKSTEP_STRATEGY_SYNC_ALL)
CHANGE(with_extra, d->extra = "go on")
CHANGE(by_hand, ask_by_hand(d))
CHANGE(by_hand_expired, ask_by_hand(d); d->intent.not_after_unix_ms = 1)
CHANGE(by_hand_other_generation, ask_by_hand(d); d->order.items[0].generation++)
CHANGE(by_hand_for_n1, ask_by_hand(d); order_for(d, "n1"))
CHANGE(by_hand_for_n2, ask_by_hand(d); order_for(d, "n2"))
CHANGE(by_hand_but_cordoned, by_hand_for_n2(d); d->order.strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
       d->intent.strategy = LOCKSTEP_STRATEGY_SYNC_ALL)
CHANGE(only_named, d->by_hand = true; d->intent.not_after_unix_ms += 50 * DAY_MS)
CHANGE(by_hand_of_a_stranger, ask_by_hand(d); d->intent_key = d->node->stranger_key)

static void revoke_ann(struct delivery *d)
{
    const struct lockstep_key_id id = lockstep_key_id(&d->node->operator_key->open);
    assert_int_equal(lockstep_bundle_revoke_key(d->node->agent->bundle, &id, NULL), LOCKSTEP_OK);
}

static const struct order_row order_rows[] = {
    {"under a standing order", as_it_is, LOCKSTEP_NO_UNSPECIFIED, "", false},
    {"under one for this module", for_its_module, LOCKSTEP_NO_UNSPECIFIED, "", false},
    {"named by a reconcile", named_by_a_reconcile, LOCKSTEP_NO_UNSPECIFIED, "", false},
    {"under one for another module", for_another_module, LOCKSTEP_NO_INTENT,
     "it is not for module greet", true},
    {"under one for another cluster", of_another_cluster, LOCKSTEP_NO_WRONG_CLUSTER,
     "it is for another cluster", true},
    {"under one that has expired", expired, LOCKSTEP_NO_EXPIRED, "it has expired", true},
    {"under one from tomorrow", from_tomorrow, LOCKSTEP_NO_INTENT, "more than a day from now",
     true},
    {"signed by a viewer", signed_by_a_viewer, LOCKSTEP_NO_INTENT,
     "signer eve does not have the role operator", false},
    {"signed by a stranger", signed_by_a_stranger, LOCKSTEP_NO_INTENT,
     "mallory is not in trust bundle 4", false},
    {"signed by another", signed_by_another, LOCKSTEP_NO_INTENT, "is not what ann signed", false},
    {"signed by a revoked key", revoke_ann, LOCKSTEP_NO_INTENT, "is revoked", false},
    {"changed on the way", changed_on_the_way, LOCKSTEP_NO_INTENT,
     "the standing order is not what ann signed", false},
    {"under a bundle that is over", bundle_over, LOCKSTEP_NO_EXPIRED, "trust bundle 4 has expired",
     false},
    {"without a bundle", without_a_bundle, LOCKSTEP_NO_INTENT, "no trust bundle", false},
    {"named by a viewer", named_by_a_viewer, LOCKSTEP_NO_INTENT,
     "the intent's signer eve does not have the role operator", true},
    {"named by a stranger", named_by_a_stranger, LOCKSTEP_NO_INTENT,
     "the intent is not what ann signed", true},
    {"named for another cluster", named_for_another_cluster, LOCKSTEP_NO_WRONG_CLUSTER,
     "the intent is for another cluster", true},
    {"named for one node", named_for_one_node, LOCKSTEP_NO_INTENT, "a local intent", true},
    {"named by an undo", named_by_an_undo, LOCKSTEP_NO_INTENT, "only a reload or a reconcile",
     true},
    {"a version not named", another_version, LOCKSTEP_NO_INTENT,
     "does not name this version of module greet", true},
    {"a module not named", another_module, LOCKSTEP_NO_INTENT,
     "does not name this version of module pay", true},
    {"a reload under it", a_reload, LOCKSTEP_NO_INTENT, "to reconcile, rolling", true},
    {"all at once", all_at_once, LOCKSTEP_NO_INTENT, "to reconcile, rolling", true},
    {"with text for up and down", with_extra, LOCKSTEP_NO_INTENT, "hand anything", true},
    {"by hand", by_hand, LOCKSTEP_NO_UNSPECIFIED, "", false},
    {"by hand, too late", by_hand_expired, LOCKSTEP_NO_EXPIRED, "the intent has expired", false},
    {"by hand, in another generation", by_hand_other_generation, LOCKSTEP_NO_INTENT,
     "are not those signed", false},
    {"by hand, local to this node", by_hand_for_n1, LOCKSTEP_NO_UNSPECIFIED, "", false},
    {"by hand, local to another node", by_hand_for_n2, LOCKSTEP_NO_INTENT,
     "the intent is local to one node, which is not n1", false},
    {"by hand, while this node was cordoned", by_hand_but_cordoned, LOCKSTEP_NO_UNSPECIFIED, "",
     false},
    {"by hand of a stranger", by_hand_of_a_stranger, LOCKSTEP_NO_INTENT, "is not what ann signed",
     false},
    {"only with the intent that named it", only_named, LOCKSTEP_NO_INTENT, "of another operation",
     false},
};

static void check_order(void **state)
{
    const struct order_row *row = *state;
    struct lockstep_refusal refusal;
    struct delivery delivery;
    void *held = NULL;
    struct node *node;
    enum lockstep_no no;
    (void)begin(&held);
    node = held;
    delivery = make_delivery(node);
    row->change(&delivery);
    no = judge(&delivery, &refusal);
    if (no != row->no || strstr(refusal.text, row->says) == NULL) {
        fail_msg("%s: %s", lockstep_no_name(no), refusal.text);
    }
    if (row->named) {
        char words[LOCKSTEP_STANDING_WORDS];
        lockstep_standing_words(&delivery.standing, words);
        assert_non_null(strstr(words, ", good until 20"));
        assert_memory_equal(refusal.text, words, strlen(words));
    }
    (void)end(&held);
}

/* ---- one after the other --------------------------------------------------------------------- */

static void an_older_order_is_not_believed_again(void **state)
{
    struct node *node = *state;
    struct delivery older = make_delivery(node);
    struct delivery newer = make_delivery(node);
    struct lockstep_refusal refusal;
    newer.standing.order.bytes[0] = 2;
    newer.standing.issued_unix_ms++;
    newer.standing.modules[0] = name_of("pay");
    newer.standing.module_count = 1;
    assert_int_equal(judge(&older, &refusal), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(judge(&older, &refusal), LOCKSTEP_NO_UNSPECIFIED);
    /* It is seen in a PREPARE that it does not permit, and ends the wider one all the same. */
    assert_int_equal(judge(&newer, &refusal), LOCKSTEP_NO_INTENT);
    assert_int_equal(judge(&older, &refusal), LOCKSTEP_NO_INTENT);
    assert_non_null(strstr(refusal.text, "standing order aeaaaaaa, good until 20"));
    assert_non_null(strstr(refusal.text, "issued later"));
    (void)lockstep_agent_store_close(node->agent->config.store);
    open_store(node); /* the node was started again */
    assert_int_equal(judge(&older, &refusal), LOCKSTEP_NO_INTENT);
    assert_non_null(strstr(refusal.text, "issued later"));
}

static void what_is_not_believed_ends_nothing(void **state)
{
    struct node *node = *state;
    struct delivery good = make_delivery(node);
    struct delivery forged = make_delivery(node);
    struct delivery ahead = make_delivery(node);
    struct delivery over = make_delivery(node);
    struct lockstep_refusal refusal;
    forged.standing.issued_unix_ms += 2;
    forged.standing_key = node->stranger_key;
    ahead.standing.issued_unix_ms += 3 * DAY_MS;
    ahead.standing.not_after_unix_ms += 3 * DAY_MS;
    over.standing.issued_unix_ms += 1;
    over.standing.not_after_unix_ms = over.standing.issued_unix_ms + 1;
    assert_int_equal(judge(&forged, &refusal), LOCKSTEP_NO_INTENT);
    assert_int_equal(judge(&ahead, &refusal), LOCKSTEP_NO_INTENT);
    assert_int_equal(judge(&over, &refusal), LOCKSTEP_NO_EXPIRED);
    assert_int_equal(judge(&good, &refusal), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(lockstep_agent_store_meta(node->agent->config.store)->standing_issued_unix_ms,
                     good.standing.issued_unix_ms);
}

/* An order by hand needs no standing order, and is not held up by one. */
static void by_hand_is_apart(void **state)
{
    struct node *node = *state;
    struct delivery standing = make_delivery(node);
    struct delivery hand = make_delivery(node);
    struct lockstep_refusal refusal;
    ask_by_hand(&hand);
    assert_int_equal(judge(&standing, &refusal), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(judge(&hand, &refusal), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(judge(&standing, &refusal), LOCKSTEP_NO_UNSPECIFIED);
}

/* ---- papers ---------------------------------------------------------------------------------- */

/* What the vow was made on is in the journal, and a restarted agent has it as it came. */
static void papers_outlive_the_agent(void **state)
{
    struct node *node = *state;
    struct lockstep_node_agent *agent = node->agent;
    struct delivery delivery = make_delivery(node);
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    struct lockstep_wire_prepare wire;
    hand_over(&delivery);
    wire = lockstep_papers_wire(lockstep_driver_papers(agent, &delivery.order.operation));
    assert_int_equal(lockstep_agent_store_vow(agent->config.store, &delivery.order, &wire, 1, NULL),
                     LOCKSTEP_OK);
    (void)lockstep_agent_store_close(agent->config.store);
    memset(agent->papers, 0, LOCKSTEP_AGENT_DUTIES * sizeof(*agent->papers));
    open_store(node);
    assert_false(lockstep_orders_judge(agent, &agent->core->duties[0], &refusal));
    assert_non_null(strstr(refusal.text, "there is no intent"));
    lockstep_papers_restore(agent);
    refusal = (struct lockstep_refusal){.no = LOCKSTEP_NO_UNSPECIFIED};
    assert_true(lockstep_orders_judge(agent, &agent->core->duties[0], &refusal));
}

/* A repeated PREPARE does not exchange the papers of a duty that is under way. */
static void papers_are_kept_as_they_first_came(void **state)
{
    struct node *node = *state;
    struct lockstep_node_agent *agent = node->agent;
    struct delivery first = make_delivery(node);
    struct delivery again = make_delivery(node);
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    first.standing_key = node->stranger_key;
    hand_over(&first);
    hand_over(&again);
    assert_false(lockstep_orders_judge(agent, &agent->core->duties[0], &refusal));
    assert_int_equal(judge(&first, &refusal), LOCKSTEP_NO_INTENT);
    assert_int_equal(judge(&again, &refusal), LOCKSTEP_NO_UNSPECIFIED);
}

#define NODE(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        NODE(an_older_order_is_not_believed_again),
        NODE(what_is_not_believed_ends_nothing),
        NODE(by_hand_is_apart),
        NODE(papers_outlive_the_agent),
        NODE(papers_are_kept_as_they_first_came),
    };
    return LOCKSTEP_RUN_TABLE("one order", order_rows, check_order) +
           cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
