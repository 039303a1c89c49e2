/* When a manifest in the agent's store is verified again, and when not. */
#include "agent/driver_internal.h"
#include "tests/support/agent_trust.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node {
    char directory[64];
    struct lockstep_minisign_key *key;
    struct lockstep_node_agent *agent;
    struct lockstep_digest digest;
};

static void put(struct node *node, enum lockstep_artifact_file file, const char *text,
                size_t length)
{
    assert_int_equal(
        lockstep_artifact_put(node->agent->artifacts, &node->digest, file, text, length, NULL),
        LOCKSTEP_OK);
}

static void put_signed(struct node *node)
{
    struct lockstep_manifest manifest = {.module = {"echo"},
                                         .service = {"default"},
                                         .version = "1.0.0",
                                         .counter = 1,
                                         .size = 1,
                                         .abi = "1.0",
                                         .rollback = LOCKSTEP_ROLLBACK_NONE};
    char text[LOCKSTEP_MANIFEST_MAX];
    char comment[LOCKSTEP_MINISIGN_COMMENT_TEXT];
    char signature[LOCKSTEP_SIGNATURE_MAX];
    size_t length = 0;
    manifest.digest = node->digest;
    assert_int_equal(lockstep_manifest_encode(&manifest, text, sizeof(text), &length, NULL),
                     LOCKSTEP_OK);
    lockstep_manifest_comment(&manifest, comment);
    assert_int_equal(lockstep_minisign_sign(node->key, text, length, comment, signature, NULL),
                     LOCKSTEP_OK);
    put(node, LOCKSTEP_ARTIFACT_MANIFEST, text, length);
    put(node, LOCKSTEP_ARTIFACT_SIGNATURE, signature, strlen(signature));
}

static int begin(void **state)
{
    struct node *node = calloc(1, sizeof(*node));
    struct lockstep_bundle_release row = {.scope_count = 0};
    assert_non_null(node);
    assert_true(sodium_init() >= 0);
    (void)snprintf(node->directory, sizeof(node->directory), "/tmp/manifests.XXXXXX");
    assert_non_null(mkdtemp(node->directory));
    node->agent = calloc(1, sizeof(*node->agent));
    assert_non_null(node->agent);
    node->agent->bundle = calloc(1, sizeof(*node->agent->bundle));
    assert_non_null(node->agent->bundle);
    node->agent->bundle->version = 3;
    memset(node->digest.bytes, 7, sizeof(node->digest.bytes));
    assert_int_equal(lockstep_minisign_new(&node->key, NULL), LOCKSTEP_OK);
    row.key = node->key->open;
    assert_int_equal(lockstep_bundle_add_release(node->agent->bundle, &row, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_artifacts_open(node->directory, &node->agent->artifacts, NULL),
                     LOCKSTEP_OK);
    put_signed(node);
    *state = node;
    return 0;
}

static int end(void **state)
{
    struct node *node = *state;
    (void)lockstep_artifacts_close(node->agent->artifacts);
    remove_directory(node->directory);
    (void)lockstep_minisign_free(node->key);
    lockstep_manifests_free(node->agent);
    free(node->agent->bundle);
    free(node->agent);
    free(node);
    return 0;
}

/* The NO it is refused with; UNSPECIFIED: it is believed. */
static enum lockstep_no read_it(struct node *node)
{
    struct lockstep_manifest manifest;
    struct lockstep_refusal refusal = {.no = LOCKSTEP_NO_UNSPECIFIED};
    bool good = lockstep_manifests_read(node->agent, &node->digest, &manifest, &refusal);
    assert_true(good == (refusal.no == LOCKSTEP_NO_UNSPECIFIED));
    if (good) {
        assert_string_equal(manifest.version, "1.0.0");
    }
    return refusal.no;
}

static void what_was_verified_is_believed(void **state)
{
    struct node *node = *state;
    assert_int_equal(read_it(node), LOCKSTEP_NO_UNSPECIFIED);
    node->agent->bundle->release_count = 0; /* it would not be, if it were looked at */
    assert_int_equal(read_it(node), LOCKSTEP_NO_UNSPECIFIED);
}

static void under_another_bundle_it_is_verified_again(void **state)
{
    struct node *node = *state;
    assert_int_equal(read_it(node), LOCKSTEP_NO_UNSPECIFIED);
    node->agent->bundle->version++;
    node->agent->bundle->release_count = 0;
    assert_int_equal(read_it(node), LOCKSTEP_NO_BAD_SIGNATURE);
    assert_int_equal(read_it(node), LOCKSTEP_NO_BAD_SIGNATURE);
    node->agent->bundle->version--;
    assert_int_equal(read_it(node), LOCKSTEP_NO_UNSPECIFIED);
}

static void other_bytes_are_verified_again(void **state)
{
    struct node *node = *state;
    char hex[LOCKSTEP_DIGEST_TEXT];
    char path[256];
    int fd;
    assert_int_equal(read_it(node), LOCKSTEP_NO_UNSPECIFIED);
    lockstep_digest_format(&node->digest, hex);
    (void)snprintf(path, sizeof(path), "%s/%s.manifest", node->directory, hex);
    assert_int_equal(chmod(path, 0600), 0);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "\n", 1), 1);
    (void)close(fd);
    assert_int_equal(read_it(node), LOCKSTEP_NO_BAD_SIGNATURE);
}

static void what_is_not_there_is_not_believed(void **state)
{
    struct node *node = *state;
    assert_int_equal(read_it(node), LOCKSTEP_NO_UNSPECIFIED);
    assert_int_equal(lockstep_artifact_remove(node->agent->artifacts, &node->digest, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(read_it(node), LOCKSTEP_NO_NOFILE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_verified_is_believed, begin, end),
        cmocka_unit_test_setup_teardown(under_another_bundle_it_is_verified_again, begin, end),
        cmocka_unit_test_setup_teardown(other_bytes_are_verified_again, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_believed, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
