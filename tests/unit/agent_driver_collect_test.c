/* What the agent keeps in its store and among its private copies, and what it removes. */
#include "agent/driver_internal.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSIONS 6

struct node {
    char directory[64];
    char data[128];
    struct lockstep_config_service service;
    struct lockstep_config_agent config;
    struct lockstep_node_agent *agent;
    struct lockstep_digest versions[VERSIONS]; /* the oldest first */
};

static struct lockstep_name name_of(const char *text)
{
    struct lockstep_name name;
    assert_true(lockstep_name_parse(text, &name));
    return name;
}

/* One more version of echo, written NUMBER hours after the first. */
static struct lockstep_digest add_version(struct node *node, unsigned number)
{
    static const enum lockstep_artifact_file parts[] = {LOCKSTEP_ARTIFACT_SO,
                                                        LOCKSTEP_ARTIFACT_MANIFEST};
    static const char *const suffixes[] = {".so", ".manifest"};
    struct lockstep_manifest manifest = {.module = name_of("echo"), .service = name_of("default")};
    struct lockstep_artifact_write *write = NULL;
    struct lockstep_digest digest;
    struct timespec times[2] = {{.tv_sec = 1000000 + 3600 * (time_t)number}};
    char text[LOCKSTEP_MANIFEST_MAX];
    char path[512];
    char hex[LOCKSTEP_DIGEST_TEXT];
    size_t length = 0;
    char bytes[32];
    int size = snprintf(bytes, sizeof(bytes), "version %u", number);
    (void)crypto_generichash(digest.bytes, sizeof(digest.bytes), (const unsigned char *)bytes,
                             (unsigned long long)size, NULL, 0);
    assert_int_equal(
        lockstep_artifact_begin(node->agent->artifacts, &digest, (uint64_t)size, &write, NULL),
        LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_append(write, bytes, (size_t)size, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_finish(write, NULL, NULL), LOCKSTEP_OK);
    (void)lockstep_artifact_end(write);
    manifest.digest = digest;
    manifest.size = (uint64_t)size;
    manifest.counter = number + 1;
    manifest.rollback = LOCKSTEP_ROLLBACK_NONE;
    (void)snprintf(manifest.version, sizeof(manifest.version), "1.%u", number);
    (void)snprintf(manifest.abi, sizeof(manifest.abi), "1");
    assert_int_equal(lockstep_manifest_encode(&manifest, text, sizeof(text), &length, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_artifact_put(node->agent->artifacts, &digest,
                                           LOCKSTEP_ARTIFACT_MANIFEST, text, length, NULL),
                     LOCKSTEP_OK);
    lockstep_digest_format(&digest, hex);
    times[1] = times[0];
    for (size_t i = 0; i < LOCKSTEP_COUNT(parts); i++) {
        (void)snprintf(path, sizeof(path), "%s/store/%s%s", node->data, hex, suffixes[i]);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    return digest;
}

static int begin(void **state)
{
    struct node *node = calloc(1, sizeof(*node));
    struct lockstep_node_agent *agent = calloc(1, sizeof(*agent));
    char path[256];
    assert_non_null(node);
    assert_non_null(agent);
    assert_true(sodium_init() >= 0);
    (void)snprintf(node->directory, sizeof(node->directory), "/tmp/collect.XXXXXX");
    assert_non_null(mkdtemp(node->directory));
    (void)snprintf(node->data, sizeof(node->data), "%s/data", node->directory);
    node->service.name = name_of("default");
    node->config = (struct lockstep_config_agent){
        .data = node->data, .services = &node->service, .service_count = 1};
    node->agent = agent;
    agent->config.config = &node->config;
    agent->gen_fd = -1;
    agent->core = calloc(1, sizeof(*agent->core));
    agent->modules = calloc(LOCKSTEP_NODE_MODULES_MAX, sizeof(*agent->modules));
    agent->copies = calloc(LOCKSTEP_COPIES_MAX, sizeof(*agent->copies));
    agent->core->modules = agent->modules;
    agent->core->module_max = LOCKSTEP_NODE_MODULES_MAX;
    assert_int_equal(lockstep_agent_store_open(node->data, &agent->config.store, NULL),
                     LOCKSTEP_OK);
    (void)snprintf(path, sizeof(path), "%s/store", node->data);
    assert_int_equal(lockstep_artifacts_open(path, &agent->artifacts, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_copies_open(agent, NULL), LOCKSTEP_OK);
    for (unsigned i = 0; i < VERSIONS; i++) {
        node->versions[i] = add_version(node, i);
    }
    *state = node;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static int end(void **state)
{
    struct node *node = *state;
    struct lockstep_node_agent *agent = node->agent;
    (void)lockstep_artifacts_close(agent->artifacts);
    (void)lockstep_agent_store_close(agent->config.store);
    (void)close(agent->gen_fd);
    assert_int_equal(nftw(node->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(agent->core);
    free(agent->modules);
    free(agent->copies);
    free(agent);
    free(node);
    return 0;
}

static bool has(const struct node *node, unsigned number)
{
    return lockstep_artifact_has(node->agent->artifacts, &node->versions[number],
                                 LOCKSTEP_ARTIFACT_SO);
}

static void keeps_what_is_needed_and_the_newest(void **state)
{
    struct node *node = *state;
    struct lockstep_name echo = name_of("echo");
    struct lockstep_agent_module *module = lockstep_agent_add_module(node->agent->core, &echo);
    module->current.digest = node->versions[0];
    node->agent->core->duties[3].state = LOCKSTEP_DUTY_PREPARED;
    node->agent->core->duties[3].order.item_count = 1;
    node->agent->core->duties[3].order.items[0].digest = node->versions[1];
    lockstep_collect(node->agent);
    assert_true(has(node, 0));  /* live */
    assert_true(has(node, 1));  /* ordered */
    assert_false(has(node, 2)); /* old */
    assert_true(has(node, 3));
    assert_true(has(node, 4));
    assert_true(has(node, 5));
}

static void removes_copies_nobody_knows(void **state)
{
    struct node *node = *state;
    struct lockstep_name echo = name_of("echo");
    struct lockstep_agent_module *module = lockstep_agent_add_module(node->agent->core, &echo);
    const struct lockstep_copy *copy = NULL;
    int fd = openat(node->agent->gen_fd, "7-echo-01234567.so", O_CREAT | O_WRONLY | O_CLOEXEC,
                    0444);
    assert_true(fd >= 0);
    (void)close(fd);
    module->current.digest = node->versions[5];
    assert_int_equal(lockstep_copies_get(node->agent, &echo, &node->versions[5], &copy, NULL),
                     LOCKSTEP_OK);
    lockstep_collect(node->agent);
    assert_int_equal(faccessat(node->agent->gen_fd, "7-echo-01234567.so", F_OK, 0), -1);
    assert_int_equal(access(copy->path, F_OK), 0);
}

static void leaves_what_others_point_to_in_place(void **state)
{
    struct node *node = *state;
    struct lockstep_name echo = name_of("echo");
    struct lockstep_agent_module *module = lockstep_agent_add_module(node->agent->core, &echo);
    const struct lockstep_copy *copies[VERSIONS] = {0};
    char path[sizeof(copies[0]->path)];
    for (size_t i = 0; i < 3; i++) { /* the third is kept, the others are not */
        assert_int_equal(
            lockstep_copies_get(node->agent, &echo, &node->versions[i], &copies[i], NULL),
            LOCKSTEP_OK);
        module->current.digest = node->versions[2];
        module->previous.digest = node->versions[i];
    }
    (void)snprintf(path, sizeof(path), "%s", copies[2]->path);
    lockstep_copies_collect(node->agent);
    assert_string_equal(copies[2]->path, path);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_is_needed_and_the_newest, begin, end),
        cmocka_unit_test_setup_teardown(removes_copies_nobody_knows, begin, end),
        cmocka_unit_test_setup_teardown(leaves_what_others_point_to_in_place, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
