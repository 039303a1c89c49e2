#include "common/base/cleanup.h"
#include "common/io/standing.h"
#include "tests/support/mutate.h"

#include <stdlib.h>
#include <string.h>

static const char good[] = "cluster: aeaqcaibaeaqcaibaeaqcaibae\n"
                           "issued-unix-ms: 1999000000000\n"
                           "lockstep-standing: 1\n"
                           "max-changes-percent: 25\n"
                           "modules: auth,pay\n"
                           "not-after-unix-ms: 2000000000000\n"
                           "order: eibcaibcaibcaibcaibcaibcae\n";

#define NOW 1999500000000U

/* ---- the text -------------------------------------------------------------------------------- */

static const struct mutation mutations[] = {
    {"unchanged", "", "", NULL},
    {"every module", "auth,pay", "*", NULL},
    {"one module", "auth,pay", "pay", NULL},
    {"every node at once", "percent: 25", "percent: 100", NULL},
    {"a node of a hundred", "percent: 25", "percent: 1", NULL},
    {"good for a year", "1999000000000", "1968377600000", NULL},
    {"good for more than a year", "1999000000000", "1968377599999", "more than a year"},
    {"no node at all", "percent: 25", "percent: 0", "a number"},
    {"more than all nodes", "percent: 25", "percent: 101", "more than 100 %"},
    {"more than a number holds", "percent: 25", "percent: 4294967321", "a number"},
    {"no share", "max-changes-percent: 25\n", "", "no 'max-changes-percent'"},
    {"no cluster", "cluster: aeaqcaibaeaqcaibaeaqcaibae\n", "", "no 'cluster'"},
    {"no id", "order: eibcaibcaibcaibcaibcaibcae\n", "", "no 'order'"},
    {"no beginning", "issued-unix-ms: 1999000000000\n", "", "no 'issued-unix-ms'"},
    {"no expiry", "not-after-unix-ms: 2000000000000\n", "", "no 'not-after-unix-ms'"},
    {"no modules", "modules: auth,pay\n", "", "no 'modules'"},
    {"an empty list", "auth,pay", ",", "modules in order"},
    {"an empty name", "auth,pay", "auth,,pay", "modules in order"},
    {"a list that does not end", "auth,pay", "auth,pay,", "modules in order"},
    {"every module and one", "auth,pay", "*,pay", "modules in order"},
    {"a module twice", "auth,pay", "auth,auth", "modules in order"},
    {"modules out of order", "auth,pay", "pay,auth", "canonical"},
    {"a module that is no name", "auth,pay", "a/th,pay", "modules in order"},
    {"good for no time", "1999000000000", "2000000000000", "ends before it begins"},
    {"over before it began", "1999000000000", "2000000000001", "ends before it begins"},
    {"beyond the year 9999", "not-after-unix-ms: 2000000000000",
     "not-after-unix-ms: 253402300800000", "after the year 9999"},
    {"unknown key", "modules:", "modulet:", "unknown key"},
    {"another format", "standing: 1", "standing: 2", "only format"},
    {"an intent", "lockstep-standing", "lockstep-intent", "unknown key"},
};

static void check_mutation(void **state)
{
    const struct mutation *row = *state;
    struct lockstep_standing standing;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[2 * sizeof(good)];
    char again[LOCKSTEP_STANDING_MAX + 1];
    size_t again_length = 0;
    size_t length = mutate(row, good, text, sizeof(text));
    enum lockstep_err code = lockstep_standing_parse(text, length, &standing, &err);
    if (row->message != NULL) {
        assert_int_equal(code, LOCKSTEP_INVALID);
        assert_non_null(strstr(err.message, row->message));
        return;
    }
    assert_int_equal(code, LOCKSTEP_OK);
    assert_int_equal(lockstep_standing_encode(&standing, again, sizeof(again), &again_length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(again_length, length);
    assert_string_equal(again, text);
}

static struct lockstep_standing make_standing(void)
{
    struct lockstep_standing standing;
    assert_int_equal(lockstep_standing_parse(good, sizeof(good) - 1, &standing, NULL), LOCKSTEP_OK);
    return standing;
}

static void as_many_modules_as_there_may_be(void **state)
{
    struct lockstep_standing standing = make_standing();
    struct lockstep_standing again;
    struct lockstep_name module;
    char text[LOCKSTEP_STANDING_MAX + 1];
    size_t length = 0;
    (void)state;
    standing.module_count = 0;
    for (unsigned i = LOCKSTEP_ITEMS_MAX; i > 0; i--) {
        (void)snprintf(module.text, sizeof(module.text), "m%062u", i);
        assert_int_equal(lockstep_standing_add(&standing, &module, NULL), LOCKSTEP_OK);
        assert_int_equal(lockstep_standing_add(&standing, &module, NULL),
                         i > 1 ? LOCKSTEP_INVALID : LOCKSTEP_LIMIT);
    }
    assert_int_equal(lockstep_standing_encode(&standing, text, sizeof(text), &length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_standing_parse(text, length, &again, NULL), LOCKSTEP_OK);
    assert_memory_equal(&again, &standing, sizeof(again));
    standing.max_changes_percent = 0;
    assert_int_equal(lockstep_standing_encode(&standing, text, sizeof(text), &length, NULL),
                     LOCKSTEP_INVALID);
    standing.max_changes_percent = 101;
    assert_int_equal(lockstep_standing_encode(&standing, text, sizeof(text), &length, NULL),
                     LOCKSTEP_INVALID);
}

static void in_words(void **state)
{
    struct lockstep_standing standing = make_standing();
    char words[LOCKSTEP_STANDING_WORDS];
    (void)state;
    lockstep_standing_words(&standing, words);
    assert_string_equal(words, "standing order eibcaibc, good until 2033-05-18T03:33:20Z");
    standing.not_after_unix_ms = 253402300799999;
    lockstep_standing_words(&standing, words);
    assert_string_equal(words, "standing order eibcaibc, good until 9999-12-31T23:59:59Z");
}

/* ---- what it covers -------------------------------------------------------------------------- */

/* The order, the intent that named the versions, and the PREPARE that they are for. */
struct papers {
    struct lockstep_standing standing;
    struct lockstep_intent naming;
    struct lockstep_prepare prepare;
    const char *extra;
};

static struct lockstep_item item_of(const char *module, uint64_t generation, uint8_t version)
{
    struct lockstep_item item = {.generation = generation};
    assert_true(lockstep_name_parse(module, &item.module));
    memset(&item.digest, version, sizeof(item.digest));
    return item;
}

static struct papers make_papers(void)
{
    struct papers papers = {.standing = make_standing(), .extra = ""};
    const struct lockstep_item named[] = {item_of("auth", 7, 1), item_of("log", 3, 3),
                                          item_of("pay", 12, 2)};
    papers.naming.kind = LOCKSTEP_KIND_RELOAD;
    papers.naming.strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    papers.naming.no_smoke = true; /* it may have been so then */
    papers.naming.extra.bytes[0] = 1;
    for (size_t i = 0; i < LOCKSTEP_COUNT(named); i++) {
        assert_int_equal(lockstep_intent_add(&papers.naming, &named[i], NULL), LOCKSTEP_OK);
    }
    papers.prepare.operation.bytes[0] = 1;
    papers.prepare.kind = LOCKSTEP_KIND_RECONCILE;
    papers.prepare.strategy = LOCKSTEP_STRATEGY_ROLLING;
    papers.prepare.item_count = 2;
    papers.prepare.items[0] = item_of("pay", 14, 2);
    papers.prepare.items[1] = item_of("auth", 9, 1);
    return papers;
}

struct covers_row {
    const char *name;
    void (*change)(struct papers *);
    const char *message; /* NULL: it is covered */
};

#define CHANGE(function, statement)        \
    static void function(struct papers *p) \
    {                                      \
        (void)p;                           \
        statement;                         \
    }

CHANGE(as_ordered, (void)0)
CHANGE(one_of_a_set, p->prepare.item_count = 1)
CHANGE(every_module, p->standing.module_count = 0)
CHANGE(no_extra_at_all, p->extra = NULL)
CHANGE(named_by_a_reconcile, p->naming.kind = LOCKSTEP_KIND_RECONCILE;
       p->naming.strategy = LOCKSTEP_STRATEGY_ROLLING)
CHANGE(named_by_a_quorum, p->naming.strategy = LOCKSTEP_STRATEGY_QUORUM)
CHANGE(named_by_an_undo, p->naming.kind = LOCKSTEP_KIND_UNDO)
CHANGE(named_for_one_node, p->naming.strategy = LOCKSTEP_STRATEGY_LOCAL)
CHANGE(as_reload, p->prepare.kind = LOCKSTEP_KIND_RELOAD)
CHANGE(as_undo, p->prepare.kind = LOCKSTEP_KIND_UNDO)
CHANGE(as_compensation, p->prepare.kind = LOCKSTEP_KIND_COMPENSATION)
CHANGE(all_at_once, p->prepare.strategy = LOCKSTEP_STRATEGY_SYNC_ALL)
CHANGE(as_quorum, p->prepare.strategy = LOCKSTEP_STRATEGY_QUORUM)
CHANGE(as_local, p->prepare.strategy = LOCKSTEP_STRATEGY_LOCAL)
CHANGE(module_not_covered, p->prepare.items[1] = item_of("log", 4, 3))
CHANGE(module_not_named, p->naming.items[0].module.text[0] = 'x')
CHANGE(digest_not_named, p->prepare.items[1].digest.bytes[31] ^= 1)
CHANGE(digest_of_another, p->prepare.items[1].digest = p->prepare.items[0].digest)
CHANGE(taken_out, memset(&p->prepare.items[0].digest, 0, sizeof(struct lockstep_digest)))
CHANGE(leaving, p->prepare.items[0].leaving.bytes[0] = 1)
CHANGE(without_smoke, p->prepare.no_smoke = true)
CHANGE(again, p->prepare.again = true)
CHANGE(with_extra, p->extra = "go on")

static const struct covers_row covers_rows[] = {
    {"as ordered", as_ordered, NULL},
    {"one module of a set", one_of_a_set, NULL},
    {"for every module", every_module, NULL},
    {"no text for up and down", no_extra_at_all, NULL},
    {"named by a reconcile", named_by_a_reconcile, NULL},
    {"named by a quorum", named_by_a_quorum, NULL},
    {"named by an undo", named_by_an_undo, "only a reload or a reconcile"},
    {"named for one node", named_for_one_node, "a local intent is for its one node"},
    {"as a reload", as_reload, "permits to reconcile, rolling"},
    {"as an undo", as_undo, "permits to reconcile, rolling"},
    {"as a compensation", as_compensation, "permits to reconcile, rolling"},
    {"all at once", all_at_once, "permits to reconcile, rolling"},
    {"as a quorum", as_quorum, "permits to reconcile, rolling"},
    {"on one node", as_local, "permits to reconcile, rolling"},
    {"module that the order is not for", module_not_covered, "not for module log"},
    {"module that is not named", module_not_named, "this version of module auth"},
    {"version that is not named", digest_not_named, "this version of module auth"},
    {"version named of another module", digest_of_another, "this version of module auth"},
    {"module taken out", taken_out, "this version of module pay"},
    {"leaving a version", leaving, "no version in particular, of module pay"},
    {"smoke tests left out", without_smoke, "leave out smoke tests"},
    {"again", again, "load again"},
    {"text for up and down", with_extra, "hand anything"},
};

static void check_covers(void **state)
{
    const struct covers_row *row = *state;
    struct papers papers = make_papers();
    struct lockstep_refusal refusal = {.text = ""};
    enum lockstep_no no;
    row->change(&papers);
    no = lockstep_standing_covers(&papers.standing, &papers.naming, &papers.prepare, papers.extra,
                                  &refusal);
    assert_int_equal(no, row->message == NULL ? LOCKSTEP_NO_UNSPECIFIED : LOCKSTEP_NO_INTENT);
    assert_int_equal(refusal.no, no);
    if (row->message != NULL) {
        assert_non_null(strstr(refusal.text, row->message));
        assert_non_null(
            strstr(refusal.text, "standing order eibcaibc, good until 2033-05-18T03:33:20Z: "));
        assert_true(strlen(refusal.text) < LOCKSTEP_TEXT_MAX);
    }
}

/* ---- who signed it --------------------------------------------------------------------------- */

static struct lockstep_key *alice;
static struct lockstep_key *eve;
static struct lockstep_bundle *bundle;
static char text[LOCKSTEP_STANDING_MAX + 1];
static uint8_t signature[LOCKSTEP_KEY_SIGNATURE];
static struct lockstep_intent_offer offer;

static struct lockstep_key *add_operator(const char *name, unsigned roles)
{
    struct lockstep_bundle_operator row = {.roles = roles};
    struct lockstep_key *key = NULL;
    assert_true(lockstep_name_parse(name, &row.key.name));
    assert_int_equal(lockstep_key_new(&row.key.name, &key, NULL), LOCKSTEP_OK);
    row.key = key->open;
    assert_int_equal(lockstep_bundle_add_operator(bundle, &row, NULL), LOCKSTEP_OK);
    return key;
}

static int set_up(void **state)
{
    (void)state;
    bundle = calloc(1, sizeof(*bundle));
    assert_non_null(bundle);
    bundle->version = 4;
    bundle->cluster = make_standing().cluster;
    alice = add_operator("alice", (unsigned)LOCKSTEP_ROLE_OPERATOR);
    eve = add_operator("eve",
                       (unsigned)LOCKSTEP_ROLE_VIEWER | (unsigned)LOCKSTEP_ROLE_SECURITY_ADMIN);
    memcpy(text, good, sizeof(good));
    lockstep_standing_sign(text, sizeof(good) - 1, alice, signature);
    offer = (struct lockstep_intent_offer){text, sizeof(good) - 1, signature, sizeof(signature),
                                           "alice"};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    alice = lockstep_key_free(alice);
    eve = lockstep_key_free(eve);
    free(bundle);
    return 0;
}

static enum lockstep_no verify_at(uint64_t now_unix_ms, const char *message)
{
    struct lockstep_standing standing = {.module_count = 99};
    struct lockstep_refusal refusal = {.text = ""};
    enum lockstep_no no = lockstep_standing_verify(&offer, bundle, now_unix_ms, &standing,
                                                   &refusal);
    assert_int_equal(refusal.no, no);
    assert_non_null(strstr(refusal.text, message));
    assert_int_equal(standing.module_count, no == LOCKSTEP_NO_UNSPECIFIED ? 2 : 99);
    return no;
}

static void signed_by_alice(void **state)
{
    (void)state;
    assert_int_equal(verify_at(NOW, ""), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(verify_at(2000000000000, ""), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(verify_at(2000000000001,
                               "standing order eibcaibc, good until 2033-05-18T03:33:20Z: it has "
                               "expired"),
                     LOCKSTEP_NO_EXPIRED);
}

static void issued_ahead(void **state)
{
    (void)state;
    assert_int_equal(verify_at(1999000000000 - LOCKSTEP_STANDING_AHEAD_MS, ""),
                     LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(verify_at(1999000000000 - LOCKSTEP_STANDING_AHEAD_MS - 1,
                               "issued more than a day from now"),
                     LOCKSTEP_NO_INTENT);
}

static void one_bit_flipped(void **state)
{
    (void)state;
    text[20] ^= 1;
    assert_int_equal(verify_at(NOW, "the standing order is not what alice signed"),
                     LOCKSTEP_NO_INTENT);
    text[20] ^= 1;
    signature[63] ^= 1;
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
}

static void short_signature(void **state)
{
    (void)state;
    offer.signature_length = 63;
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
}

static void signed_by_somebody_else(void **state)
{
    (void)state;
    lockstep_standing_sign(text, offer.length, eve, signature);
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
    offer.signer = "eve";
    assert_int_equal(verify_at(NOW, "standing order's signer eve does not have the role operator"),
                     LOCKSTEP_NO_INTENT);
    offer.signer = "mallory";
    assert_int_equal(verify_at(NOW, "mallory is not in trust bundle 4"), LOCKSTEP_NO_INTENT);
}

static void signer_revoked(void **state)
{
    struct lockstep_key_id id = lockstep_key_id(&alice->open);
    (void)state;
    assert_int_equal(lockstep_bundle_revoke_key(bundle, &id, NULL), LOCKSTEP_OK);
    assert_int_equal(verify_at(NOW, "or is revoked"), LOCKSTEP_NO_INTENT);
}

static void other_cluster(void **state)
{
    (void)state;
    bundle->cluster.bytes[0] ^= 1;
    assert_int_equal(verify_at(NOW, "another cluster"), LOCKSTEP_NO_WRONG_CLUSTER);
}

static void bundle_expired(void **state)
{
    (void)state;
    bundle->expires_unix_ms = NOW;
    assert_int_equal(verify_at(NOW, "trust bundle 4 has expired"), LOCKSTEP_NO_EXPIRED);
}

static void signed_but_no_order(void **state)
{
    (void)state;
    offer.length = 10;
    lockstep_standing_sign(text, offer.length, alice, signature);
    assert_int_equal(verify_at(NOW, "is no standing order"), LOCKSTEP_NO_INTENT);
}

/* A signature made for an intent's text is none for a standing order's, and the other way round. */
static void signed_for_another_purpose(void **state)
{
    struct lockstep_intent intent;
    struct lockstep_refusal refusal = {.text = ""};
    (void)state;
    assert_int_equal(lockstep_intent_verify(&offer, bundle, NOW, &intent, &refusal),
                     LOCKSTEP_NO_INTENT);
    assert_string_equal(refusal.text, "the intent is not what alice signed");
    lockstep_intent_sign(text, offer.length, alice, signature);
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
}

#define SIGNED(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNED(signed_by_alice),
        SIGNED(issued_ahead),
        SIGNED(one_bit_flipped),
        SIGNED(short_signature),
        SIGNED(signed_by_somebody_else),
        SIGNED(signer_revoked),
        SIGNED(other_cluster),
        SIGNED(bundle_expired),
        SIGNED(signed_but_no_order),
        SIGNED(signed_for_another_purpose),
        cmocka_unit_test(as_many_modules_as_there_may_be),
        cmocka_unit_test(in_words),
    };
    return LOCKSTEP_RUN_TABLE("texts", mutations, check_mutation) +
           LOCKSTEP_RUN_TABLE("what an order covers", covers_rows, check_covers) +
           cmocka_run_group_tests_name("standing order", tests, NULL, NULL);
}
