#include "common/base/cleanup.h"
#include "common/io/digest.h"
#include "common/io/intent.h"
#include "tests/support/mutate.h"

#include <stdlib.h>
#include <string.h>

#define HEX_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX_B "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX_R "f0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char good[] = "cluster: aeaqcaibaeaqcaibaeaqcaibae\n"
                           "item.auth: 7 " HEX_A " " HEX_B "\n"
                           "item.pay: 12 " HEX_B " -\n"
                           "kind: reload\n"
                           "lockstep-intent: 1\n"
                           "not-after-unix-ms: 2000000000000\n"
                           "on-failure: rollback\n"
                           "operation: eibcaibcaibcaibcaibcaibcae\n"
                           "plan-index: 99\n"
                           "roster: " HEX_R "\n"
                           "roster-size: 5\n"
                           "strategy: sync_all\n";

static const struct mutation mutations[] = {
    {"unchanged", "", "", NULL},
    {"undo", "reload", "undo", NULL},
    {"undo of an installation", "kind: reload", "kind: undo", NULL},
    {"quorum", "sync_all", "quorum", NULL},
    {"local", "sync_all", "local", NULL},
    {"rolling", "sync_all", "rolling", NULL},
    {"hold", "rollback", "hold", NULL},
    {"no plan index", "plan-index: 99\n", "", NULL},
    {"without smoke tests", "lockstep-intent: 1\n", "lockstep-intent: 1\nno-smoke: yes\n", NULL},
    {"text for up and down", "item.auth", "extra: " HEX_A "\nitem.auth", NULL},
    {"text itself", "item.auth", "extra: go on\nitem.auth", "64 hexadecimal"},
    {"one item", "item.pay: 12 " HEX_B " -\n", "", NULL},
    {"smoke tests otherwise", "lockstep-intent: 1\n", "lockstep-intent: 1\nno-smoke: no\n",
     "must be yes"},
    {"no item",
     "item.auth: 7 " HEX_A " " HEX_B "\n"
     "item.pay: 12 " HEX_B " -\n",
     "", "no 'item.'"},
    {"no cluster", "cluster: aeaqcaibaeaqcaibaeaqcaibae\n", "", "no 'cluster'"},
    {"no operation", "operation: eibcaibcaibcaibcaibcaibcae\n", "", "no 'operation'"},
    {"no expiry", "not-after-unix-ms: 2000000000000\n", "", "no 'not-after-unix-ms'"},
    {"no roster", "roster: " HEX_R "\n", "", "no 'roster'"},
    {"no strategy", "strategy: sync_all\n", "", "no 'strategy'"},
    {"no kind", "kind: reload\n", "", "no 'kind'"},
    {"compensation", "reload", "compensation", "nobody signs a compensation"},
    {"unknown kind", "reload", "destroy", "reload, undo or reconcile"},
    {"unknown strategy", "sync_all", "any", "sync_all, quorum"},
    {"unknown on-failure", "rollback", "panic", "rollback or hold"},
    {"module twice", "item.pay", "item.auth", "repeated"},
    {"modules out of order", "item.pay", "item.aaa", "not in order"},
    {"module that is no name", "item.pay", "item.p/y", "GENERATION"},
    {"generation zero", "item.auth: 7", "item.auth: 0", "GENERATION"},
    {"generation with a zero before", "item.auth: 7", "item.auth: 07", "GENERATION"},
    {"generation beyond 64 bits", "item.auth: 7", "item.auth: 18446744073709551616", "GENERATION"},
    {"no leaving", " -\n", "\n", "GENERATION"},
    {"too many words", " -\n", " - -\n", "GENERATION"},
    {"digest cut", "item.auth: 7 00", "item.auth: 7 0", "GENERATION"},
    {"digest of zeros written out", "12 " HEX_B,
     "12 0000000000000000000000000000000000000000000000000000000000000000", "canonical"},
    {"reload to no version", "12 " HEX_B, "12 -", "a version to load"},
    {"roster size zero", "roster-size: 5", "roster-size: 0", "a number"},
    {"roster size beyond 32 bits", "roster-size: 5", "roster-size: 4294967301", "a number"},
    {"more nodes than there may be", "roster-size: 5", "roster-size: 16385", "more than 16384"},
    {"unknown key", "kind:", "kinf:", "unknown key"},
    {"another format", "lockstep-intent: 1", "lockstep-intent: 2", "only format"},
    {"twice", "", "strategy: sync_all\n", "not in order"},
};

static void check_mutation(void **state)
{
    const struct mutation *row = *state;
    struct lockstep_intent intent;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[2 * sizeof(good)];
    char again[LOCKSTEP_INTENT_MAX + 1];
    size_t again_length = 0;
    size_t length = mutate(row, good, text, sizeof(text));
    enum lockstep_err code = lockstep_intent_parse(text, length, &intent, &err);
    if (row->message != NULL) {
        assert_int_equal(code, LOCKSTEP_INVALID);
        assert_non_null(strstr(err.message, row->message));
        return;
    }
    assert_int_equal(code, LOCKSTEP_OK);
    assert_int_equal(lockstep_intent_encode(&intent, again, sizeof(again), &again_length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(again_length, length);
    assert_string_equal(again, text);
}

static struct lockstep_intent make_intent(void)
{
    struct lockstep_intent intent;
    assert_int_equal(lockstep_intent_parse(good, sizeof(good) - 1, &intent, NULL), LOCKSTEP_OK);
    return intent;
}

/* The PREPARE that the good intent is for. */
static struct lockstep_prepare make_prepare(void)
{
    struct lockstep_intent intent = make_intent();
    struct lockstep_prepare prepare = {
        .operation = intent.operation,
        .epoch = 3,
        .kind = LOCKSTEP_KIND_RELOAD,
        .strategy = LOCKSTEP_STRATEGY_SYNC_ALL,
        .roster_size = intent.roster_size,
        .roster = intent.roster,
        .item_count = 2,
    };
    prepare.items[0] = intent.items[1]; /* order does not matter */
    prepare.items[1] = intent.items[0];
    return prepare;
}

/* The compensation of it. */
static void make_compensation(struct lockstep_intent *intent, struct lockstep_prepare *prepare)
{
    prepare->kind = LOCKSTEP_KIND_COMPENSATION;
    prepare->parent = intent->operation;
    prepare->operation.bytes[0] ^= 0xff;
    prepare->roster_size = 2;
    for (uint32_t i = 0; i < prepare->item_count; i++) {
        prepare->items[i].generation++;
        prepare->items[i].leaving = prepare->items[i].digest;
        memset(&prepare->items[i].digest, 0x77, sizeof(prepare->items[i].digest));
    }
}

struct covers_row {
    const char *name;
    void (*change)(struct lockstep_intent *, struct lockstep_prepare *);
    const char *message; /* NULL: it is covered */
};

#define CHANGE(function, statement)                                             \
    static void function(struct lockstep_intent *i, struct lockstep_prepare *p) \
    {                                                                           \
        (void)i, (void)p;                                                       \
        statement;                                                              \
    }
#define GO_BACK(function, statement) CHANGE(function, make_compensation(i, p); statement)

CHANGE(as_signed, (void)0)
CHANGE(another_epoch, p->epoch = 9)
CHANGE(other_operation, p->operation.bytes[0] ^= 1)
CHANGE(as_undo, p->kind = LOCKSTEP_KIND_UNDO)
CHANGE(as_quorum, p->strategy = LOCKSTEP_STRATEGY_QUORUM)
CHANGE(other_roster, p->roster.bytes[0] ^= 1)
CHANGE(fewer_nodes, p->roster_size--)
CHANGE(later_generation, p->items[0].generation++)
CHANGE(earlier_generation, p->items[0].generation--)
CHANGE(other_digest, p->items[1].digest.bytes[0] ^= 1)
CHANGE(other_leaving, p->items[1].leaving.bytes[0] ^= 1)
CHANGE(other_module, p->items[1].module.text[0] = 'x')
CHANGE(module_twice, p->items[1] = p->items[0])
CHANGE(item_left_out, p->item_count = 1)
CHANGE(item_added, p->item_count = 3)
CHANGE(no_items, p->item_count = 0)
CHANGE(no_smoke, p->no_smoke = true)
CHANGE(no_smoke_signed, p->no_smoke = i->no_smoke = true)
CHANGE(smoke_all_the_same, i->no_smoke = true)
GO_BACK(back, (void)0)
GO_BACK(back_to_nothing, memset(&p->items[0].digest, 0, sizeof(p->items[0].digest)))
GO_BACK(back_on_another, p->parent.bytes[0] ^= 1)
GO_BACK(back_without_parent, memset(&p->parent, 0, sizeof(p->parent)))
GO_BACK(back_in_the_same_generation, p->items[0].generation--)
GO_BACK(back_two_generations, p->items[0].generation++)
GO_BACK(back_past_the_end, i->items[1].generation = UINT64_MAX; p->items[0].generation = 0)
GO_BACK(back_from_elsewhere, p->items[0].leaving.bytes[0] ^= 1)
GO_BACK(back_with_one, p->item_count = 1)
GO_BACK(back_though_held, i->on_failure = LOCKSTEP_ON_FAILURE_HOLD)
GO_BACK(back_on_an_undo, i->kind = LOCKSTEP_KIND_UNDO)
GO_BACK(back_called_reload, p->kind = LOCKSTEP_KIND_RELOAD)
GO_BACK(back_called_undo, p->kind = LOCKSTEP_KIND_UNDO)

static const struct covers_row covers_rows[] = {
    {"as signed", as_signed, NULL},
    {"another epoch", another_epoch, NULL},
    {"another operation", other_operation, "of another operation"},
    {"undo instead of reload", as_undo, "kind or strategy"},
    {"quorum instead of sync_all", as_quorum, "kind or strategy"},
    {"another roster", other_roster, "roster is not"},
    {"fewer nodes", fewer_nodes, "roster is not"},
    {"a later generation", later_generation, "module pay are not those signed"},
    {"an earlier generation", earlier_generation, "module pay are not those signed"},
    {"another digest", other_digest, "module auth are not those signed"},
    {"leaving another version", other_leaving, "module auth are not those signed"},
    {"another module", other_module, "module xuth is not in the intent"},
    {"a module twice", module_twice, "ordered twice"},
    {"an item left out", item_left_out, "signed are 2 modules, ordered 1"},
    {"an item added", item_added, "signed are 2 modules, ordered 3"},
    {"no items", no_items, "ordered 0"},
    {"smoke tests left out", no_smoke, "did not sign to leave out"},
    {"smoke tests left out as signed", no_smoke_signed, NULL},
    {"smoke tests all the same", smoke_all_the_same, NULL},
    {"compensation", back, NULL},
    {"compensation of an installation", back_to_nothing, NULL},
    {"compensation of another operation", back_on_another, "gone back on"},
    {"compensation without parent", back_without_parent, "gone back on"},
    {"compensation in the same generation", back_in_the_same_generation, "not those signed"},
    {"compensation two generations on", back_two_generations, "not those signed"},
    {"compensation in generation 0", back_past_the_end, "not those signed"},
    {"compensation leaving another version", back_from_elsewhere, "not those signed"},
    {"compensation of a part of the set", back_with_one, "ordered 1"},
    {"compensation though told to hold", back_though_held, "to hold"},
    {"compensation of an undo", back_on_an_undo, "never compensated"},
    {"compensation that says it is a reload", back_called_reload, "of another operation"},
    {"compensation that says it is an undo", back_called_undo, "of another operation"},
};

static void check_covers(void **state)
{
    const struct covers_row *row = *state;
    struct lockstep_intent intent = make_intent();
    struct lockstep_prepare prepare = make_prepare();
    struct lockstep_refusal refusal = {.text = ""};
    enum lockstep_no no;
    row->change(&intent, &prepare);
    no = lockstep_intent_covers(&intent, &prepare, &refusal);
    assert_int_equal(no, row->message == NULL ? LOCKSTEP_NO_UNSPECIFIED : LOCKSTEP_NO_INTENT);
    assert_int_equal(refusal.no, no);
    assert_non_null(strstr(refusal.text, row->message == NULL ? "" : row->message));
}

static void covers_the_extra_text(void **state)
{
    struct lockstep_intent intent = make_intent();
    struct lockstep_refusal refusal = {.text = ""};
    (void)state;
    assert_int_equal(lockstep_intent_covers_extra(&intent, "", &refusal), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(lockstep_intent_covers_extra(&intent, "go on", &refusal), LOCKSTEP_NO_INTENT);
    lockstep_intent_extra("go on", &intent.extra);
    assert_int_equal(lockstep_intent_covers_extra(&intent, "go on", &refusal),
                     LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(lockstep_intent_covers_extra(&intent, "go", &refusal), LOCKSTEP_NO_INTENT);
    assert_int_equal(lockstep_intent_covers_extra(&intent, NULL, &refusal), LOCKSTEP_NO_INTENT);
}

/* An operator, a viewer, their bundle, and the good intent signed by the operator. */
static struct lockstep_key *alice;
static struct lockstep_key *eve;
static struct lockstep_bundle *bundle;
static char text[LOCKSTEP_INTENT_MAX + 1];
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
    bundle->cluster = make_intent().cluster;
    alice = add_operator("alice", (unsigned)LOCKSTEP_ROLE_OPERATOR);
    eve = add_operator("eve", (unsigned)LOCKSTEP_ROLE_VIEWER | (unsigned)LOCKSTEP_ROLE_AUDITOR);
    memcpy(text, good, sizeof(good));
    lockstep_intent_sign(text, sizeof(good) - 1, alice, signature);
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
    struct lockstep_intent intent;
    struct lockstep_refusal refusal = {.text = ""};
    enum lockstep_no no = lockstep_intent_verify(&offer, bundle, now_unix_ms, &intent, &refusal);
    assert_int_equal(refusal.no, no);
    assert_non_null(strstr(refusal.text, message));
    return no;
}

#define NOW 1900000000000U

static void signed_by_alice(void **state)
{
    (void)state;
    assert_int_equal(verify_at(NOW, ""), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(verify_at(2000000000000, ""), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(verify_at(2000000000001, "has expired"), LOCKSTEP_NO_EXPIRED);
}

static void one_bit_flipped(void **state)
{
    (void)state;
    text[20] ^= 1;
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
    text[20] ^= 1;
    signature[63] ^= 1;
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
}

static void short_signature(void **state)
{
    (void)state;
    offer.signature_length = 63;
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
    offer.signature = NULL;
    offer.signature_length = 0;
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
}

static void signed_by_somebody_else(void **state)
{
    (void)state;
    lockstep_intent_sign(text, offer.length, eve, signature);
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
    offer.signer = "eve";
    assert_int_equal(verify_at(NOW, "does not have the role operator"), LOCKSTEP_NO_INTENT);
    offer.signer = "mallory";
    assert_int_equal(verify_at(NOW, "mallory is not in trust bundle 4"), LOCKSTEP_NO_INTENT);
    offer.signer = "";
    assert_int_equal(verify_at(NOW, "is not in trust bundle 4"), LOCKSTEP_NO_INTENT);
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

static void signed_but_no_intent(void **state)
{
    (void)state;
    offer.length = 10;
    lockstep_intent_sign(text, offer.length, alice, signature);
    assert_int_equal(verify_at(NOW, "is no intent"), LOCKSTEP_NO_INTENT);
}

/* A signature made for a bundle's text is none for an intent's. */
static void signed_for_another_purpose(void **state)
{
    (void)state;
    lockstep_bundle_sign(text, offer.length, alice, signature);
    assert_int_equal(verify_at(NOW, "is not what alice signed"), LOCKSTEP_NO_INTENT);
}

static void no_generation_is_not_written(void **state)
{
    struct lockstep_intent intent = make_intent();
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t length = 0;
    (void)state;
    intent.items[0].generation = 0;
    assert_int_equal(lockstep_intent_encode(&intent, text, sizeof(text), &length, &err),
                     LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "lacks a generation"));
}

static void as_many_items_as_there_may_be(void **state)
{
    struct lockstep_intent intent = make_intent();
    struct lockstep_intent again;
    size_t length = 0;
    (void)state;
    intent.item_count = 0;
    for (unsigned i = LOCKSTEP_ITEMS_MAX; i > 0; i--) {
        struct lockstep_item item = {.generation = UINT64_MAX - i};
        (void)snprintf(item.module.text, sizeof(item.module.text), "m%062u", i);
        memset(&item.digest, 1, sizeof(item.digest));
        memset(&item.leaving, 2, sizeof(item.leaving));
        assert_int_equal(lockstep_intent_add(&intent, &item, NULL), LOCKSTEP_OK);
        assert_int_equal(lockstep_intent_add(&intent, &item, NULL),
                         i > 1 ? LOCKSTEP_INVALID : LOCKSTEP_LIMIT);
    }
    assert_int_equal(lockstep_intent_encode(&intent, text, sizeof(text), &length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_intent_parse(text, length, &again, NULL), LOCKSTEP_OK);
    assert_int_equal(again.item_count, LOCKSTEP_ITEMS_MAX);
}

static void roster_digests(void **state)
{
    struct lockstep_name names[] = {{"ab"}, {"c"}};
    struct lockstep_name shifted[] = {{"a"}, {"bc"}};
    struct lockstep_digest digest;
    struct lockstep_digest other;
    struct lockstep_digest expected;
    (void)state;
    lockstep_digest_domain("lockstep/roster/1", "\2ab\1c", 5, &expected);
    assert_int_equal(lockstep_roster_digest(names, 2, &digest, NULL), LOCKSTEP_OK);
    assert_memory_equal(&digest, &expected, sizeof(digest));
    assert_int_equal(lockstep_roster_digest(shifted, 2, &other, NULL), LOCKSTEP_OK);
    assert_false(lockstep_digest_equal(&digest, &other));
    assert_int_equal(lockstep_roster_digest(names, 1, &other, NULL), LOCKSTEP_OK);
    assert_false(lockstep_digest_equal(&digest, &other));
    names[1] = names[0];
    assert_int_equal(lockstep_roster_digest(names, 2, &other, NULL), LOCKSTEP_INVALID);
    names[1].text[0] = 'A';
    assert_int_equal(lockstep_roster_digest(names, 2, &other, NULL), LOCKSTEP_INVALID);
    memset(names[1].text, 'z', sizeof(names[1].text)); /* without an end */
    assert_int_equal(lockstep_roster_digest(names, 2, &other, NULL), LOCKSTEP_INVALID);
}

#define SIGNED(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNED(signed_by_alice),
        SIGNED(one_bit_flipped),
        SIGNED(short_signature),
        SIGNED(signed_by_somebody_else),
        SIGNED(signer_revoked),
        SIGNED(other_cluster),
        SIGNED(bundle_expired),
        SIGNED(signed_but_no_intent),
        SIGNED(signed_for_another_purpose),
        cmocka_unit_test(covers_the_extra_text),
        cmocka_unit_test(as_many_items_as_there_may_be),
        cmocka_unit_test(no_generation_is_not_written),
        cmocka_unit_test(roster_digests),
    };
    return LOCKSTEP_RUN_TABLE("texts", mutations, check_mutation) +
           LOCKSTEP_RUN_TABLE("what an intent covers", covers_rows, check_covers) +
           cmocka_run_group_tests_name("intent", tests, NULL, NULL);
}
