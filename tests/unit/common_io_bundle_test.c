#include "common/base/cleanup.h"
#include "common/io/bundle.h"
#include "tests/support/mutate.h"

#include <stdlib.h>
#include <string.h>

#define KEY_B   "abaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_C   "acaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_D   "adaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_E   "aeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_F   "afaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_G   "agaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX2    "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RELEASE "RWQMNkox/ee/V2s+sPcBZXz/2XOltXGp4WDRNKltTxQmTO0inD/FBizb"

static const char good[] = "admin-threshold: 1\n"
                           "cluster: aeaqcaibaeaqcaibaeaqcaibae\n"
                           "coordinator.c1: " KEY_B " " KEY_C "\n"
                           "expires-unix-ms: 2000000000000\n"
                           "lockstep-bundle: 1\n"
                           "operator.alice: " KEY_D " " KEY_E
                           " viewer,operator,release-manager,security-admin,auditor\n"
                           "operator.bob: " KEY_F " " KEY_G " viewer,operator\n"
                           "previous: " HEX2 "\n"
                           "release-key.57BFE7FD314A360C: " RELEASE " auth,pay\n"
                           "release-threshold: 1\n"
                           "revoked-digest." HEX ": revoked\n"
                           "revoked-key.0011223344556677: revoked\n"
                           "version: 2\n";

static const struct mutation mutations[] = {
    {"unchanged", "", "", NULL},
    {"no coordinator", "coordinator.c1: " KEY_B " " KEY_C "\n", "", NULL},
    {"no expiry", "expires-unix-ms: 2000000000000\n", "", NULL},
    {"every module", "auth,pay", "*", NULL},
    {"nothing revoked", "revoked-key.0011223344556677: revoked\n", "", NULL},
    {"no admin", "security-admin,", "", "nobody could ever change"},
    {"threshold out of reach", "admin-threshold: 1", "admin-threshold: 2", "nobody could ever"},
    {"threshold zero", "admin-threshold: 1", "admin-threshold: 0", "a number"},
    {"release threshold two", "release-threshold: 1", "release-threshold: 2", "must be 1"},
    {"version zero", "version: 2", "version: 0", "a number"},
    {"version 1 with a previous", "version: 2", "version: 1", "names the one before"},
    {"version 2 without", "previous: " HEX2 "\n", "", "names the one before"},
    {"no cluster", "cluster: aeaqcaibaeaqcaibaeaqcaibae\n", "", "no 'cluster'"},
    {"cluster of zeros", "aeaqcaibaeaqcaibaeaqcaibae", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "an id"},
    {"unknown key", "version: 2\n", "version: 2\nzebra: 1\n", "unknown key 'zebra'"},
    {"family without a name", "operator.bob", "operator.", "unknown key 'operator.'"},
    {"another format", "lockstep-bundle: 1", "lockstep-bundle: 2", "only format"},
    {"operator's name", "operator.bob", "operator.Bob", "not in order"},
    {"operator twice", "operator.bob", "operator.alice", "repeated"},
    {"operators out of order", "operator.bob", "operator.aaron", "not in order"},
    {"channel key twice", KEY_F, KEY_D, "used nowhere else"},
    {"signing key twice", KEY_G, KEY_E, "used nowhere else"},
    {"operator with a coordinator's key", KEY_F, KEY_B, "used nowhere else"},
    {"key cut", KEY_F, "af", "two keys"},
    {"key with bits left over", KEY_F, "afaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
     "two keys"},
    {"no role", " viewer,operator\n", "\n", "and roles"},
    {"empty role", "viewer,operator\n", "viewer,\n", "and roles"},
    {"unknown role", "viewer,operator\n", "viewer,king\n", "and roles"},
    {"an agent's role", "viewer,operator\n", "viewer,agent\n", "and roles"},
    {"a coordinator's role", "viewer,operator\n", "coordinator\n", "and roles"},
    {"role twice", "viewer,operator\n", "viewer,viewer\n", "canonical"},
    {"roles out of order", "viewer,operator\n", "operator,viewer\n", "canonical"},
    {"coordinator with a role", KEY_B " " KEY_C, KEY_B " " KEY_C " viewer", "two keys"},
    {"release key of another number", "57BFE7FD314A360C", "57BFE7FD314A360D", "of this id"},
    {"release key number in lower case", "57BFE7FD314A360C", "57bfe7fd314a360c", "of this id"},
    {"release key cut", RELEASE, "RWQMNkox", "of this id"},
    {"release key without scope", RELEASE " auth,pay", RELEASE, "of this id"},
    {"scope out of order", "auth,pay", "pay,auth", "in order"},
    {"scope twice", "auth,pay", "pay,pay", "in order"},
    {"scope that is no name", "auth,pay", "auth,/etc", "in order"},
    {"scope empty part", "auth,pay", "auth,,pay", "in order"},
    {"digest cut", "revoked-digest." HEX, "revoked-digest.0011", "64 hexadecimal"},
    {"revoked otherwise", HEX ": revoked", HEX ": perhaps", "the word 'revoked'"},
    {"revoked key's number", "revoked-key.0011223344556677", "revoked-key.00112233", "16 upper"},
};

static struct lockstep_bundle *new_bundle(void)
{
    struct lockstep_bundle *bundle = calloc(1, sizeof(*bundle));
    assert_non_null(bundle);
    return bundle;
}

static void check_mutation(void **state)
{
    const struct mutation *row = *state;
    LOCKSTEP_FREE struct lockstep_bundle *bundle = new_bundle();
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[2 * sizeof(good)];
    char again[2 * sizeof(good)];
    size_t again_length = 0;
    size_t length = mutate(row, good, text, sizeof(text));
    enum lockstep_err code = lockstep_bundle_parse(text, length, bundle, &err);
    if (row->message != NULL) {
        assert_int_equal(code, LOCKSTEP_INVALID);
        assert_non_null(strstr(err.message, row->message));
        return;
    }
    assert_int_equal(code, LOCKSTEP_OK);
    assert_int_equal(lockstep_bundle_encode(bundle, again, sizeof(again), &again_length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(again_length, length);
    assert_string_equal(again, text);
}

/* A cluster with two admins, an operator, a coordinator and a release key. */
struct world {
    struct lockstep_key *admins[2];
    struct lockstep_key *bob;
    struct lockstep_key *coordinator;
    struct lockstep_minisign_key *release;
    struct lockstep_bundle *bundle; /* version 1 */
    struct lockstep_bundle *next;   /* version 2, as far as it was changed */
    struct lockstep_bundle *result;
    struct lockstep_digest digest; /* of the first's text */
    char text[LOCKSTEP_BUNDLE_MAX + 1];
    struct lockstep_bundle_offer offer;
};

static struct world world;

static struct lockstep_key *make_key(const char *text)
{
    struct lockstep_name name;
    struct lockstep_key *key = NULL;
    assert_true(lockstep_name_parse(text, &name));
    assert_int_equal(lockstep_key_new(&name, &key, NULL), LOCKSTEP_OK);
    return key;
}

static void add(struct lockstep_bundle *bundle, const struct lockstep_key *key, unsigned roles)
{
    const struct lockstep_bundle_operator row = {.key = key->open, .roles = roles};
    assert_int_equal(lockstep_bundle_add_operator(bundle, &row, NULL), LOCKSTEP_OK);
}

static void encode(const struct lockstep_bundle *bundle)
{
    assert_int_equal(
        lockstep_bundle_encode(bundle, world.text, sizeof(world.text), &world.offer.length, NULL),
        LOCKSTEP_OK);
    world.offer.text = world.text;
    world.offer.signature_count = 0;
}

static void sign_by(const struct lockstep_key *key)
{
    lockstep_bundle_sign(world.text, world.offer.length, key,
                         world.offer.signatures[world.offer.signature_count]);
    world.offer.signature_count++;
}

static int set_up(void **state)
{
    struct lockstep_bundle_release row = {.scope_count = 0};
    (void)state;
    world.admins[0] = make_key("zoe"); /* added out of order on purpose */
    world.admins[1] = make_key("adam");
    world.bob = make_key("bob");
    world.coordinator = make_key("c1");
    world.bundle = new_bundle();
    world.next = new_bundle();
    world.result = new_bundle();
    assert_int_equal(lockstep_minisign_new(&world.release, NULL), LOCKSTEP_OK);
    memset(world.bundle->cluster.bytes, 7, sizeof(world.bundle->cluster.bytes));
    world.bundle->version = 1;
    world.bundle->admin_threshold = 1;
    world.bundle->release_threshold = 1;
    add(world.bundle, world.admins[0], LOCKSTEP_ROLES_PERSON);
    add(world.bundle, world.admins[1], LOCKSTEP_ROLES_PERSON);
    add(world.bundle, world.bob, (unsigned)LOCKSTEP_ROLE_OPERATOR);
    row.key = world.release->open;
    assert_int_equal(lockstep_bundle_add_release(world.bundle, &row, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_bundle_add_coordinator(world.bundle, &world.coordinator->open, NULL),
                     LOCKSTEP_OK);
    encode(world.bundle);
    lockstep_bundle_digest(world.text, world.offer.length, &world.digest);
    *world.next = *world.bundle;
    world.next->version = 2;
    world.next->previous = world.digest;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world.admins[0] = lockstep_key_free(world.admins[0]);
    world.admins[1] = lockstep_key_free(world.admins[1]);
    world.bob = lockstep_key_free(world.bob);
    world.coordinator = lockstep_key_free(world.coordinator);
    world.release = lockstep_minisign_free(world.release);
    free(world.bundle);
    free(world.next);
    free(world.result);
    return 0;
}

static void accept_first(void **state)
{
    struct lockstep_id other = {{9}};
    struct lockstep_digest wrong = world.digest;
    (void)state;
    assert_int_equal(lockstep_bundle_accept_first(&world.offer, &world.bundle->cluster,
                                                  &world.digest, world.result, NULL),
                     LOCKSTEP_OK);
    assert_memory_equal(world.result, world.bundle, sizeof(*world.bundle));
    assert_int_equal(
        lockstep_bundle_accept_first(&world.offer, &other, &world.digest, world.result, NULL),
        LOCKSTEP_REFUSED);
    wrong.bytes[0] ^= 1;
    assert_int_equal(lockstep_bundle_accept_first(&world.offer, &world.bundle->cluster, &wrong,
                                                  world.result, NULL),
                     LOCKSTEP_REFUSED);
    world.text[3] ^= 1;
    assert_int_equal(lockstep_bundle_accept_first(&world.offer, &world.bundle->cluster,
                                                  &world.digest, world.result, NULL),
                     LOCKSTEP_REFUSED);
}

static enum lockstep_err accept_next(const char *message)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err code = lockstep_bundle_accept_next(world.bundle, &world.digest, &world.offer,
                                                         world.result, &err);
    assert_non_null(strstr(err.message, message));
    return code;
}

static void next_signed(void **state)
{
    (void)state;
    encode(world.next);
    sign_by(world.admins[1]);
    assert_int_equal(accept_next(""), LOCKSTEP_OK);
    assert_int_equal(world.result->version, 2);
}

static void next_unsigned(void **state)
{
    (void)state;
    encode(world.next);
    assert_int_equal(accept_next("0 security-admins of the present one"), LOCKSTEP_REFUSED);
}

static void next_signed_by_an_operator(void **state)
{
    (void)state;
    encode(world.next);
    sign_by(world.bob);
    sign_by(world.coordinator);
    assert_int_equal(accept_next("0 security-admins"), LOCKSTEP_REFUSED);
}

static void next_changed_after_signing(void **state)
{
    (void)state;
    encode(world.next);
    sign_by(world.admins[0]);
    world.next->expires_unix_ms = 5;
    assert_int_equal(lockstep_bundle_encode(world.next, world.text, sizeof(world.text),
                                            &world.offer.length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(accept_next("0 security-admins"), LOCKSTEP_REFUSED);
}

static void versions_in_step(void **state)
{
    (void)state;
    encode(world.bundle);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next("version 1, wanted is 2"), LOCKSTEP_CONFLICT);
    world.next->version = 3;
    encode(world.next);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next("version 3, wanted is 2"), LOCKSTEP_CONFLICT);
}

static void next_of_another_line(void **state)
{
    (void)state;
    world.next->previous.bytes[0] ^= 1;
    encode(world.next);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next("does not follow"), LOCKSTEP_REFUSED);
}

static void next_of_another_cluster(void **state)
{
    (void)state;
    world.next->cluster.bytes[0] ^= 1;
    encode(world.next);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next("another cluster"), LOCKSTEP_REFUSED);
}

/* Two are asked for, and one key that signs twice is one. */
static void each_key_counts_once(void **state)
{
    (void)state;
    world.bundle->admin_threshold = 2;
    world.next->admin_threshold = 2;
    encode(world.next);
    sign_by(world.admins[0]);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next("1 security-admins"), LOCKSTEP_REFUSED);
    sign_by(world.admins[1]);
    assert_int_equal(accept_next(""), LOCKSTEP_OK);
}

/* Whoever replaces the admins must show that the new ones can sign, too. */
static void new_admins_sign_as_well(void **state)
{
    (void)state;
    world.next->operator_count = 0;
    add(world.next, world.bob, LOCKSTEP_ROLES_PERSON);
    encode(world.next);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next("0 security-admins of the new one"), LOCKSTEP_REFUSED);
    sign_by(world.bob);
    assert_int_equal(accept_next(""), LOCKSTEP_OK);
}

static void too_many_signatures(void **state)
{
    (void)state;
    encode(world.next);
    world.offer.signature_count = LOCKSTEP_BUNDLE_SIGNATURES_MAX + 1;
    assert_int_equal(accept_next("more than 16"), LOCKSTEP_INVALID);
}

static void revoked_admin_signs_nothing(void **state)
{
    struct lockstep_key_id id = lockstep_key_id(&world.admins[0]->open);
    (void)state;
    assert_int_equal(lockstep_bundle_revoke_key(world.bundle, &id, NULL), LOCKSTEP_OK);
    encode(world.next);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next("0 security-admins of the present"), LOCKSTEP_REFUSED);
}

static void look_ups(void **state)
{
    const struct lockstep_bundle_operator *bob = lockstep_bundle_operator_by_channel(
        world.bundle, world.bob->open.channel);
    struct lockstep_key_id id = lockstep_key_id(&world.bob->open);
    struct lockstep_digest digest = {{1}};
    (void)state;
    assert_non_null(bob);
    assert_string_equal(bob->key.name.text, "bob");
    assert_int_equal(bob->roles, LOCKSTEP_ROLE_OPERATOR);
    assert_ptr_equal(lockstep_bundle_operator_by_name(world.bundle, "bob"), bob);
    assert_memory_equal(bob->key.signing, world.bob->open.signing, LOCKSTEP_KEY_BYTES);
    assert_null(lockstep_bundle_operator_by_name(world.bundle, "bo"));
    assert_null(lockstep_bundle_operator_by_name(world.bundle, ""));
    assert_null(lockstep_bundle_operator_by_channel(world.bundle, world.bob->open.signing));
    assert_null(lockstep_bundle_operator_by_channel(world.bundle, world.coordinator->open.channel));
    assert_non_null(lockstep_bundle_release_by_id(world.bundle, &world.release->open.id));
    assert_null(lockstep_bundle_release_by_id(world.bundle, &id));
    assert_int_equal(lockstep_bundle_revoke_key(world.bundle, &id, NULL), LOCKSTEP_OK);
    assert_null(lockstep_bundle_operator_by_name(world.bundle, "bob"));
    assert_null(lockstep_bundle_operator_by_channel(world.bundle, world.bob->open.channel));
    assert_false(lockstep_bundle_digest_revoked(world.bundle, &digest));
    assert_int_equal(lockstep_bundle_revoke_digest(world.bundle, &digest, NULL), LOCKSTEP_OK);
    assert_true(lockstep_bundle_digest_revoked(world.bundle, &digest));
    assert_false(lockstep_bundle_expired(world.bundle, UINT64_MAX));
    world.bundle->expires_unix_ms = 10;
    assert_false(lockstep_bundle_expired(world.bundle, 9));
    assert_true(lockstep_bundle_expired(world.bundle, 10));
}

static void rows_refused(void **state)
{
    struct lockstep_bundle_operator row = {.key = world.coordinator->open,
                                           .roles = LOCKSTEP_ROLES_PERSON};
    struct lockstep_key *eve = make_key("bob");
    (void)state;
    assert_int_equal(lockstep_bundle_add_operator(world.bundle, &row, NULL), LOCKSTEP_INVALID);
    row.key = eve->open; /* a new key under a name that is taken */
    assert_int_equal(lockstep_bundle_add_operator(world.bundle, &row, NULL), LOCKSTEP_INVALID);
    row.key.name.text[0] = 'x';
    row.roles = LOCKSTEP_ROLES_NONE;
    assert_int_equal(lockstep_bundle_add_operator(world.bundle, &row, NULL), LOCKSTEP_INVALID);
    row.roles = (unsigned)LOCKSTEP_ROLE_AGENT;
    assert_int_equal(lockstep_bundle_add_operator(world.bundle, &row, NULL), LOCKSTEP_INVALID);
    eve = lockstep_key_free(eve);
}

/* Everything that there may be at once fits into the limit, and no more rows than that. */
static void as_full_as_can_be(void **state)
{
    struct lockstep_bundle *bundle = world.next;
    (void)state;
    while (bundle->operator_count < LOCKSTEP_BUNDLE_OPERATORS_MAX) {
        struct lockstep_bundle_operator row = {.roles = LOCKSTEP_ROLES_PERSON};
        (void)snprintf(row.key.name.text, sizeof(row.key.name.text), "o%062u",
                       bundle->operator_count);
        row.key.channel[0] = row.key.signing[0] = (uint8_t)bundle->operator_count;
        assert_int_equal(lockstep_bundle_add_operator(bundle, &row, NULL), LOCKSTEP_OK);
    }
    while (bundle->release_count < LOCKSTEP_BUNDLE_RELEASE_MAX) {
        struct lockstep_bundle_release row = {.scope_count = LOCKSTEP_BUNDLE_SCOPE_MAX};
        row.key.id.bytes[0] = (uint8_t)bundle->release_count;
        for (unsigned i = 0; i < LOCKSTEP_BUNDLE_SCOPE_MAX; i++) {
            (void)snprintf(row.scope[i].text, sizeof(row.scope[i].text), "m%062u", i);
        }
        assert_int_equal(lockstep_bundle_add_release(bundle, &row, NULL), LOCKSTEP_OK);
    }
    for (unsigned i = 0; i < LOCKSTEP_BUNDLE_REVOKED_MAX; i++) {
        struct lockstep_digest digest = {{(uint8_t)i}};
        struct lockstep_key_id id = {{(uint8_t)i, 1}};
        assert_int_equal(lockstep_bundle_revoke_digest(bundle, &digest, NULL), LOCKSTEP_OK);
        assert_int_equal(lockstep_bundle_revoke_digest(bundle, &digest, NULL),
                         i + 1 < LOCKSTEP_BUNDLE_REVOKED_MAX ? LOCKSTEP_INVALID : LOCKSTEP_LIMIT);
        assert_int_equal(lockstep_bundle_revoke_key(bundle, &id, NULL), LOCKSTEP_OK);
    }
    encode(bundle);
    sign_by(world.admins[0]);
    assert_int_equal(accept_next(""), LOCKSTEP_OK);
    assert_memory_equal(world.result, bundle, sizeof(*bundle));
}

#define IN_WORLD(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(accept_first),
        IN_WORLD(next_signed),
        IN_WORLD(next_unsigned),
        IN_WORLD(next_signed_by_an_operator),
        IN_WORLD(next_changed_after_signing),
        IN_WORLD(versions_in_step),
        IN_WORLD(next_of_another_line),
        IN_WORLD(next_of_another_cluster),
        IN_WORLD(each_key_counts_once),
        IN_WORLD(new_admins_sign_as_well),
        IN_WORLD(too_many_signatures),
        IN_WORLD(revoked_admin_signs_nothing),
        IN_WORLD(look_ups),
        IN_WORLD(rows_refused),
        IN_WORLD(as_full_as_can_be),
    };
    return LOCKSTEP_RUN_TABLE("texts", mutations, check_mutation) +
           cmocka_run_group_tests_name("trust bundle", tests, NULL, NULL);
}
