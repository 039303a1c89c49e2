#include "common/base/cleanup.h"
#include "common/io/manifest.h"
#include "tests/support/mutate.h"

#include <stdlib.h>
#include <string.h>

#define ARTIFACT "\177ELF the artifact"
#define SUMMED   "a52b59e6c2e1a3f0a6ad9bd0ab6a64cbd1bd5c34ab6ba5d4b31a0f0c3c1d2e4f"

static const char good[] = "abi: 1.0\n"
                           "blake2b256: " SUMMED "\n"
                           "clusters: aeaqcaibaeaqcaibaeaqcaibae,eibcaibcaibcaibcaibcaibcae\n"
                           "counter: 41\n"
                           "driver: swap\n"
                           "expires-unix-ms: 2000000000000\n"
                           "floor: 38\n"
                           "lockstep-manifest: 1\n"
                           "md5: 900150983cd24fb0d6963f7d28e17f72\n"
                           "module: pay\n"
                           "not-before-unix-ms: 1000000000000\n"
                           "requires: auth>=1.2.0,core>=7\n"
                           "rollback: lossless\n"
                           "service: default\n"
                           "size: 184320\n"
                           "source: git 0123abc, built by hand\n"
                           "state-schema: 2\n"
                           "version: 2.3.0\n"
                           "waives: constructor,symbol-denied\n";

static const struct mutation mutations[] = {
    {"unchanged", "", "", NULL},
    {"no source", "source: git 0123abc, built by hand\n", "", NULL},
    {"no clusters", "clusters: aeaqcaibaeaqcaibaeaqcaibae,eibcaibcaibcaibcaibcaibcae\n", "", NULL},
    {"no requirement", "requires: auth>=1.2.0,core>=7\n", "", NULL},
    {"no expiry", "expires-unix-ms: 2000000000000\n", "", NULL},
    {"stateless", "state-schema: 2\n", "", NULL},
    {"another rollback class", "lossless", "none", NULL},
    {"no waiver", "waives: constructor,symbol-denied\n", "", NULL},
    {"driven by commands", "driver: swap", "driver: exec", NULL},
    {"waivers in place", "driver: swap\n", "", "needs a driver"},
    {"in place in words", "driver: swap", "driver: in-place", "absent for in place"},
    {"another driver", "driver: swap", "driver: fork", "swap or exec"},
    {"waiver twice", "constructor,symbol-denied", "constructor,constructor", "names of checks"},
    {"waivers out of order", "constructor,symbol-denied", "symbol-denied,constructor", "canonical"},
    {"waiver that is no name", "symbol-denied", "Symbol", "names of checks"},
    {"cut in a line", "symbol-denied\n", "symbol-denied", "cut"},
    {"unknown key", "md5:", "mc5:", "unknown key 'mc5'"},
    {"key added", "abi", "aaa: 1\nabi", "unknown key 'aaa'"},
    {"repeated", "counter: 41\n", "counter: 41\ncounter: 41\n", "repeated"},
    {"out of order", "abi: 1.0\n", "counter: 41\nabi: 1.0\n", "not in order"},
    {"no module", "module: pay\n", "", "no 'module'"},
    {"no digest", "blake2b256: " SUMMED "\n", "", "no 'blake2b256'"},
    {"no counter", "counter: 41\n", "", "no 'counter'"},
    {"no size", "size: 184320\n", "", "no 'size'"},
    {"no format", "lockstep-manifest: 1\n", "", "no 'lockstep-manifest'"},
    {"another format", "lockstep-manifest: 1\n", "lockstep-manifest: 2\n", "only format known"},
    {"empty line", "counter", "\ncounter", "not 'key: value'"},
    {"comment", "counter", "# more\ncounter", "not 'key: value'"},
    {"no space", "counter: ", "counter:", "not 'key: value'"},
    {"two spaces", "counter: ", "counter:  ", "space around"},
    {"space at the end", "counter: 41", "counter: 41 ", "space around"},
    {"no value", "counter: 41", "counter: ", "not 'key: value'"},
    {"no key", "counter: 41", ": 41", "not 'key: value'"},
    {"carriage return", "counter: 41", "counter: 41\r", "not printable"},
    {"tab", "counter: 41", "counter: \t41", "not printable"},
    {"delete", "built", "built\177", "not printable"},
    {"not ASCII", "built", "b\303\274ilt", "not printable"},
    {"upper case key", "counter", "Counter", "unknown key"},
    {"counter zero", "counter: 41", "counter: 0", "a number"},
    {"counter with a sign", "counter: 41", "counter: +41", "a number"},
    {"counter with a zero before", "counter: 41", "counter: 041", "a number"},
    {"counter in hexadecimal", "counter: 41", "counter: 0x41", "a number"},
    {"counter beyond 64 bits", "counter: 41", "counter: 18446744073709551616", "a number"},
    {"counter the largest", "counter: 41", "counter: 18446744073709551615", NULL},
    {"digest short", "blake2b256: a5", "blake2b256: a", "hexadecimal"},
    {"digest in upper case", "blake2b256: a52b", "blake2b256: A52B", "hexadecimal"},
    {"module name", "module: pay", "module: Pay", "a name"},
    {"module path", "module: pay", "module: ../pay", "a name"},
    {"version of two words", "version: 2.3.0", "version: 2 3", "one word"},
    {"version with a comma", "version: 2.3.0", "version: 2,3", "one word"},
    {"requirement without version", "core>=7", "core", "NAME>=VERSION"},
    {"requirement of another kind", "core>=7", "core==7", "NAME>=VERSION"},
    {"requirement twice", "core>=7", "auth>=7", "NAME>=VERSION"},
    {"requirements out of order", "auth>=1.2.0,core>=7", "core>=7,auth>=1.2.0", "canonical"},
    {"requirement empty", "auth>=1.2.0,core>=7", "auth>=1.2.0,", "NAME>=VERSION"},
    {"requirements with space", ",core", ", core", "NAME>=VERSION"},
    {"cluster twice", ",eibcaibcaibcaibcaibcaibcae", ",aeaqcaibaeaqcaibaeaqcaibae", "cluster ids"},
    {"clusters out of order", "aeaqcaibaeaqcaibaeaqcaibae,eibcaibcaibcaibcaibcaibcae",
     "eibcaibcaibcaibcaibcaibcae,aeaqcaibaeaqcaibaeaqcaibae", "canonical"},
    {"cluster that is none", "aeaqcaibaeaqcaibaeaqcaibae,", "prod,", "cluster ids"},
    {"rollback class", "lossless", "perfect", "lossless, journaled"},
    {"floor above counter", "floor: 38", "floor: 42", "floor"},
    {"size beyond all bounds", "size: 184320", "size: 1073741825", "size is more than"},
    {"expires before it begins", "expires-unix-ms: 2000000000000", "expires-unix-ms: 1000000000000",
     "expires before"},
    {"two manifests", "", "abi: 1.0\nversion: 1\n", "not in order"},
};

static void check_mutation(void **state)
{
    const struct mutation *row = *state;
    struct lockstep_manifest manifest;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[2 * sizeof(good)];
    char again[LOCKSTEP_MANIFEST_MAX + 1];
    size_t again_length = 0;
    size_t length = mutate(row, good, text, sizeof(text));
    enum lockstep_err code = lockstep_manifest_parse(text, length, &manifest, &err);
    if (row->message != NULL) {
        assert_int_equal(code, LOCKSTEP_INVALID);
        assert_non_null(strstr(err.message, row->message));
        return;
    }
    assert_int_equal(code, LOCKSTEP_OK);
    assert_int_equal(lockstep_manifest_encode(&manifest, again, sizeof(again), &again_length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(again_length, length);
    assert_string_equal(again, text);
}

static struct lockstep_manifest make_manifest(void)
{
    struct lockstep_manifest manifest;
    struct lockstep_sums sums;
    assert_int_equal(lockstep_manifest_parse(good, sizeof(good) - 1, &manifest, NULL), LOCKSTEP_OK);
    lockstep_sums_buffer(ARTIFACT, sizeof(ARTIFACT), &sums);
    manifest.digest = sums.digest;
    manifest.md5 = sums.md5;
    manifest.size = sums.size;
    return manifest;
}

static void fields_are_read(void **state)
{
    struct lockstep_manifest manifest;
    (void)state;
    assert_int_equal(lockstep_manifest_parse(good, sizeof(good) - 1, &manifest, NULL), LOCKSTEP_OK);
    assert_string_equal(manifest.module.text, "pay");
    assert_string_equal(manifest.service.text, "default");
    assert_string_equal(manifest.version, "2.3.0");
    assert_int_equal(manifest.counter, 41);
    assert_int_equal(manifest.floor, 38);
    assert_int_equal(manifest.size, 184320);
    assert_int_equal(manifest.state_schema, 2);
    assert_int_equal(manifest.rollback, LOCKSTEP_ROLLBACK_LOSSLESS);
    assert_int_equal(manifest.driver, LOCKSTEP_DRIVER_SWAP);
    assert_int_equal(manifest.waives_count, 2);
    assert_string_equal(manifest.waives[1].text, "symbol-denied");
    assert_int_equal(manifest.requires_count, 2);
    assert_string_equal(manifest.requires[1].module.text, "core");
    assert_string_equal(manifest.requires[1].version, "7");
    assert_int_equal(manifest.clusters_count, 2);
    assert_string_equal(manifest.source, "git 0123abc, built by hand");
}

static void too_long(void **state)
{
    struct lockstep_manifest manifest = make_manifest();
    static char text[LOCKSTEP_MANIFEST_MAX + 2];
    size_t length = 0;
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 2] = '\n';
    assert_int_equal(lockstep_manifest_parse(text, sizeof(text) - 1, &manifest, NULL),
                     LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_manifest_encode(&manifest, text, 100, &length, NULL), LOCKSTEP_LIMIT);
    assert_int_equal(lockstep_manifest_parse("", 0, &manifest, NULL), LOCKSTEP_INVALID);
    assert_int_equal(lockstep_manifest_parse("a\0b\n", 4, &manifest, NULL), LOCKSTEP_INVALID);
}

/* Lists sort themselves; what was never sorted is not encoded. */
static void lists_in_order(void **state)
{
    struct lockstep_manifest manifest = make_manifest();
    struct lockstep_requirement early = {.module = {"aaa"}, .version = "1"};
    char text[LOCKSTEP_MANIFEST_MAX + 1];
    size_t length = 0;
    (void)state;
    assert_int_equal(lockstep_manifest_require(&manifest, &early, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_manifest_require(&manifest, &early, NULL), LOCKSTEP_INVALID);
    assert_string_equal(manifest.requires[0].module.text, "aaa");
    assert_int_equal(lockstep_manifest_encode(&manifest, text, sizeof(text), &length, NULL),
                     LOCKSTEP_OK);
    manifest.module.text[0] = '\0';
    assert_int_equal(lockstep_manifest_encode(&manifest, text, sizeof(text), &length, NULL),
                     LOCKSTEP_INVALID);
}

static void as_many_requirements_as_there_may_be(void **state)
{
    struct lockstep_manifest manifest = make_manifest();
    struct lockstep_manifest again;
    char text[LOCKSTEP_MANIFEST_MAX + 1];
    size_t length = 0;
    (void)state;
    manifest.requires_count = 0;
    for (int i = 0; i < LOCKSTEP_ITEMS_MAX; i++) {
        struct lockstep_requirement row;
        (void)snprintf(row.module.text, sizeof(row.module.text), "m%062d", i);
        (void)snprintf(row.version, sizeof(row.version), "%063d", i);
        assert_int_equal(lockstep_manifest_require(&manifest, &row, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(lockstep_manifest_encode(&manifest, text, sizeof(text), &length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_manifest_parse(text, length, &again, NULL), LOCKSTEP_OK);
    assert_int_equal(again.requires_count, LOCKSTEP_ITEMS_MAX);
}

/* A release key, a bundle that trusts it for `pay` and `auth`, and a signed manifest. */
struct release {
    struct lockstep_minisign_key *key;
    struct lockstep_bundle *bundle;
    char text[LOCKSTEP_MANIFEST_MAX + 1];
    size_t length;
    char signature[LOCKSTEP_SIGNATURE_MAX];
    char comment[LOCKSTEP_MINISIGN_COMMENT_TEXT];
};

static struct release release;

static void sign_text(void)
{
    assert_int_equal(lockstep_minisign_sign(release.key, release.text, release.length,
                                            release.comment, release.signature, NULL),
                     LOCKSTEP_OK);
}

static int set_up(void **state)
{
    struct lockstep_manifest manifest = make_manifest();
    struct lockstep_bundle_release row = {.scope_count = 2, .scope = {{"auth"}, {"pay"}}};
    (void)state;
    release.bundle = calloc(1, sizeof(*release.bundle));
    assert_non_null(release.bundle);
    release.bundle->version = 3;
    assert_int_equal(lockstep_minisign_new(&release.key, NULL), LOCKSTEP_OK);
    row.key = release.key->open;
    assert_int_equal(lockstep_bundle_add_release(release.bundle, &row, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_manifest_encode(&manifest, release.text, sizeof(release.text),
                                              &release.length, NULL),
                     LOCKSTEP_OK);
    lockstep_manifest_comment(&manifest, release.comment);
    assert_string_equal(release.comment, "module:pay counter:41");
    sign_text();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    release.key = lockstep_minisign_free(release.key);
    free(release.bundle);
    return 0;
}

static enum lockstep_no verify(const char *message)
{
    struct lockstep_manifest manifest;
    struct lockstep_refusal refusal = {.text = ""};
    const struct lockstep_manifest_files files = {release.text, release.length, release.signature,
                                                  strlen(release.signature)};
    enum lockstep_no no = lockstep_manifest_verify(&files, release.bundle, &manifest, &refusal);
    assert_int_equal(no, refusal.no);
    assert_non_null(strstr(refusal.text, message));
    return no;
}

static void signed_and_trusted(void **state)
{
    (void)state;
    assert_int_equal(verify(""), LOCKSTEP_NO_UNSPECIFIED);
    (void)snprintf(release.comment, sizeof(release.comment), "module:pay counter:41 more words");
    sign_text();
    assert_int_equal(verify(""), LOCKSTEP_NO_UNSPECIFIED);
}

static void flipped_bit(void **state)
{
    (void)state;
    release.text[5] ^= 1;
    assert_int_equal(verify("is not what release key"), LOCKSTEP_NO_BAD_SIGNATURE);
}

static void no_signature(void **state)
{
    (void)state;
    release.signature[0] = '\0';
    assert_int_equal(verify("cut"), LOCKSTEP_NO_BAD_SIGNATURE);
}

static void unknown_key(void **state)
{
    (void)state;
    release.key = lockstep_minisign_free(release.key);
    assert_int_equal(lockstep_minisign_new(&release.key, NULL), LOCKSTEP_OK);
    sign_text();
    assert_int_equal(verify("is no release key of trust bundle 3"), LOCKSTEP_NO_BAD_SIGNATURE);
}

/* Another key that bears a trusted one's number. */
static void stolen_number(void **state)
{
    struct lockstep_key_id id = release.key->open.id;
    (void)state;
    release.key = lockstep_minisign_free(release.key);
    assert_int_equal(lockstep_minisign_new(&release.key, NULL), LOCKSTEP_OK);
    release.key->open.id = id;
    sign_text();
    assert_int_equal(verify("is not what release key"), LOCKSTEP_NO_BAD_SIGNATURE);
}

static void revoked_key(void **state)
{
    (void)state;
    assert_int_equal(lockstep_bundle_revoke_key(release.bundle, &release.key->open.id, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(verify("is revoked"), LOCKSTEP_NO_REVOKED);
}

static void outside_the_keys_scope(void **state)
{
    (void)state;
    release.bundle->release[0].scope_count = 1;
    assert_int_equal(verify("may not sign module pay"), LOCKSTEP_NO_WRONG_MODULE);
}

static void key_for_every_module(void **state)
{
    (void)state;
    release.bundle->release[0].scope_count = 0;
    assert_int_equal(verify(""), LOCKSTEP_NO_UNSPECIFIED);
}

static void comments_that_disagree(void **state)
{
    static const char *const comments[] = {"",
                                           "module:pay",
                                           "module:pay counter:4",
                                           "module:pay counter:411",
                                           "module:auth counter:41",
                                           "counter:41 module:pay"};
    (void)state;
    for (size_t i = 0; i < sizeof(comments) / sizeof(comments[0]); i++) {
        (void)snprintf(release.comment, sizeof(release.comment), "%s", comments[i]);
        sign_text();
        assert_int_equal(verify("does not agree"), LOCKSTEP_NO_BAD_SIGNATURE);
    }
}

static void signed_but_no_manifest(void **state)
{
    (void)state;
    memcpy(release.text, "hello\n", 7);
    release.length = 6;
    sign_text();
    assert_int_equal(verify("is no manifest: manifest line 1"), LOCKSTEP_NO_BAD_SIGNATURE);
}

/* What a good manifest is held against, changed in one thing. */
struct check_row {
    const char *name;
    void (*change)(struct lockstep_manifest *, struct lockstep_manifest_context *,
                   struct lockstep_bundle *);
    enum lockstep_no no;
};

static struct lockstep_sums at_hand;

static void make_nothing(struct lockstep_manifest *manifest,
                         struct lockstep_manifest_context *context, struct lockstep_bundle *bundle)
{
    (void)manifest;
    (void)context;
    (void)bundle;
}

#define CHANGE(function, statement)                                                        \
    static void function(struct lockstep_manifest *m, struct lockstep_manifest_context *c, \
                         struct lockstep_bundle *b)                                        \
    {                                                                                      \
        (void)m, (void)c, (void)b;                                                         \
        statement;                                                                         \
    }

CHANGE(other_module, c->module.text[0] = 'x')
CHANGE(other_service, c->service.text[0] = 'x')
CHANGE(any_name, c->module.text[0] = c->service.text[0] = '\0')
CHANGE(other_cluster, c->cluster.bytes[0] ^= 1)
CHANGE(any_cluster, c->cluster.bytes[0] ^= 1; m->clusters_count = 0)
CHANGE(revoke_digest, assert_int_equal(lockstep_bundle_revoke_digest(b, &m->digest, NULL), 0))
CHANGE(floor_above, c->counter_floor = 42)
CHANGE(floor_at, c->counter_floor = 41)
CHANGE(jump, m->counter = c->counter_highest + 1001)
CHANGE(jump_allowed, m->counter = c->counter_highest + 1001; c->counter_jump = true)
CHANGE(largest_step, m->counter = c->counter_highest + 1000)
CHANGE(fast_forward, m->counter = 1ULL << 63)
CHANGE(first_ever, m->counter = 1ULL << 63; c->counter_highest = 0)
CHANGE(going_back, c->counter_highest = 5000)
CHANGE(expired, c->now_unix_ms = m->expires_unix_ms)
CHANGE(last_moment, c->now_unix_ms = m->expires_unix_ms - 1)
CHANGE(too_early, c->now_unix_ms = m->not_before_unix_ms - 1)
CHANGE(first_moment, c->now_unix_ms = m->not_before_unix_ms)
CHANGE(clock_not_asked, c->now_unix_ms = 0)
CHANGE(bundle_expired, b->expires_unix_ms = c->now_unix_ms)
CHANGE(larger_than_allowed, c->size_max_bytes = m->size - 1)
CHANGE(as_large_as_allowed, c->size_max_bytes = m->size)
CHANGE(file_longer, at_hand.size++)
CHANGE(file_differs, at_hand.digest.bytes[31] ^= 1)
CHANGE(order_differs, c->digest.bytes[0] ^= 1)
CHANGE(only_md5_differs, at_hand.md5.bytes[0] ^= 1)
CHANGE(twin, at_hand.digest.bytes[0] ^= 1; at_hand.md5 = m->md5)

static const struct check_row check_rows[] = {
    {"nothing wrong", make_nothing, LOCKSTEP_NO_UNSPECIFIED},
    {"another module wanted", other_module, LOCKSTEP_NO_WRONG_MODULE},
    {"another service wanted", other_service, LOCKSTEP_NO_WRONG_MODULE},
    {"no name wanted", any_name, LOCKSTEP_NO_UNSPECIFIED},
    {"another cluster", other_cluster, LOCKSTEP_NO_WRONG_CLUSTER},
    {"released for every cluster", any_cluster, LOCKSTEP_NO_UNSPECIFIED},
    {"version revoked", revoke_digest, LOCKSTEP_NO_REVOKED},
    {"below the floor", floor_above, LOCKSTEP_NO_COUNTER},
    {"at the floor", floor_at, LOCKSTEP_NO_UNSPECIFIED},
    {"a jump", jump, LOCKSTEP_NO_COUNTER},
    {"a jump allowed", jump_allowed, LOCKSTEP_NO_UNSPECIFIED},
    {"the largest step", largest_step, LOCKSTEP_NO_UNSPECIFIED},
    {"fast forward", fast_forward, LOCKSTEP_NO_COUNTER},
    {"the first ever seen", first_ever, LOCKSTEP_NO_UNSPECIFIED},
    {"lower, but above the floor", going_back, LOCKSTEP_NO_UNSPECIFIED},
    {"expired", expired, LOCKSTEP_NO_EXPIRED},
    {"the last moment", last_moment, LOCKSTEP_NO_UNSPECIFIED},
    {"not valid yet", too_early, LOCKSTEP_NO_EXPIRED},
    {"the first moment", first_moment, LOCKSTEP_NO_UNSPECIFIED},
    {"clock not asked", clock_not_asked, LOCKSTEP_NO_UNSPECIFIED},
    {"bundle expired", bundle_expired, LOCKSTEP_NO_EXPIRED},
    {"larger than allowed", larger_than_allowed, LOCKSTEP_NO_BAD_SIZE},
    {"as large as allowed", as_large_as_allowed, LOCKSTEP_NO_UNSPECIFIED},
    {"file longer", file_longer, LOCKSTEP_NO_BAD_SIZE},
    {"file differs", file_differs, LOCKSTEP_NO_BAD_DIGEST},
    {"order differs", order_differs, LOCKSTEP_NO_BAD_DIGEST},
    {"only the MD5 differs", only_md5_differs, LOCKSTEP_NO_UNSPECIFIED},
    {"a twin with the same MD5", twin, LOCKSTEP_NO_BAD_DIGEST},
};

static void check_context(void **state)
{
    const struct check_row *row = *state;
    struct lockstep_manifest manifest = make_manifest();
    LOCKSTEP_FREE struct lockstep_bundle *bundle = calloc(1, sizeof(*bundle));
    struct lockstep_refusal refusal = {.text = ""};
    struct lockstep_manifest_context context = {
        .cluster = manifest.clusters[1],
        .module = manifest.module,
        .service = manifest.service,
        .digest = manifest.digest,
        .artifact = &at_hand,
        .counter_floor = 38,
        .counter_highest = 40,
        .now_unix_ms = 1500000000000,
        .size_max_bytes = LOCKSTEP_ARTIFACT_MAX,
    };
    assert_non_null(bundle);
    lockstep_sums_buffer(ARTIFACT, sizeof(ARTIFACT), &at_hand);
    row->change(&manifest, &context, bundle);
    assert_int_equal(lockstep_manifest_check(&manifest, bundle, &context, &refusal), row->no);
    assert_int_equal(refusal.no, row->no);
    assert_int_equal(refusal.text[0] == '\0', row->no == LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(lockstep_manifest_check(&manifest, bundle, &context, NULL), row->no);
}

#define SIGNED(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(too_long),
        cmocka_unit_test(lists_in_order),
        cmocka_unit_test(as_many_requirements_as_there_may_be),
        SIGNED(signed_and_trusted),
        SIGNED(flipped_bit),
        SIGNED(no_signature),
        SIGNED(unknown_key),
        SIGNED(stolen_number),
        SIGNED(revoked_key),
        SIGNED(outside_the_keys_scope),
        SIGNED(key_for_every_module),
        SIGNED(comments_that_disagree),
        SIGNED(signed_but_no_manifest),
    };
    return LOCKSTEP_RUN_TABLE("texts", mutations, check_mutation) +
           LOCKSTEP_RUN_TABLE("contexts", check_rows, check_context) +
           cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
