/* A fleet of three nodes and one module, with a journal, for tests of documents: auth went
 * from 2.4.1 to 2.4.2 by quorum while n3 was away. */
#ifndef LOCKSTEP_TESTS_SUPPORT_COORDINATOR_WORLD_H
#define LOCKSTEP_TESTS_SUPPORT_COORDINATOR_WORLD_H

#include "common/base/cleanup.h"
#include "coordinator/documents.h"
#include "tests/support/cmocka.h"

#include <string.h>
#include <unistd.h>

#define NOW    UINT64_C(1763715600000)
#define OPENED (NOW - 61000)
#define NODES  3

struct world {
    char directory[64];
    struct lockstep_store *store;
    struct lockstep_fleet fleet;
    struct lockstep_node nodes[NODES];
    struct lockstep_module modules[2];
    struct lockstep_node_view views[NODES];
    struct lockstep_live live[NODES];
    struct lockstep_wire_module reports[NODES];
    struct lockstep_operation *operation;
    struct lockstep_operation_record *record;
    struct lockstep_view view;
};

static struct world world;

static const struct lockstep_audit audit = {
    .who = "ana", .what = "test", .subject = "auth", .detail = "{\"n\": 3}"};

static inline struct lockstep_digest digest_of(const char *begin)
{
    char text[LOCKSTEP_DIGEST_TEXT];
    struct lockstep_digest digest;
    (void)snprintf(text, sizeof(text), "%s%056d", begin, 0);
    assert_true(lockstep_digest_parse(text, &digest));
    return digest;
}

static inline struct lockstep_name name_of(const char *text)
{
    struct lockstep_name name;
    assert_true(lockstep_name_parse(text, &name));
    return name;
}

static inline void push(const char *version, const char *digest, const char *md5, uint64_t counter)
{
    struct lockstep_artifact_row row = {.digest = digest_of(digest),
                                        .module = name_of("auth"),
                                        .service = name_of("default"),
                                        .counter = counter,
                                        .size = 40960,
                                        .pushed_unix_ms = NOW - 3600000,
                                        .by = "ana"};
    (void)snprintf(row.version, sizeof(row.version), "%s", version);
    assert_true(lockstep_md5_parse(md5, &row.md5));
    assert_int_equal(lockstep_store_artifact_add(world.store, &row, &audit, NULL), LOCKSTEP_OK);
}

static inline void enrol(uint32_t i)
{
    struct lockstep_token token = {.expires_unix_ms = NOW + (i + 1) * UINT64_C(1000)};
    struct lockstep_node_row row;
    uint8_t key[LOCKSTEP_KEY_BYTES] = {(uint8_t)(i + 1)};
    char name[3] = {'n', (char)('1' + i), '\0'};
    static const char *const labels[] = {"env=prod,zone=a", "env=prod,zone=b", ""};
    struct lockstep_id journal = {{(uint8_t)(i + 1)}};
    token.id[0] = (uint8_t)(i + 100);
    token.node = name_of(name);
    assert_int_equal(lockstep_store_token_add(world.store, &token, labels[i], &audit, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(
        lockstep_store_enrol(world.store,
                             &(struct lockstep_enrolment){token.id, key, NOW, "192.0.2.7:9"},
                             &audit, &row, NULL),
        LOCKSTEP_OK);
    assert_int_equal(row.number, i);
    assert_int_equal(
        lockstep_store_arrived(world.store,
                               &(struct lockstep_arrival){.node = i, .journal = journal}, 1, NULL),
        LOCKSTEP_OK);
    world.views[i].row = row;
    world.nodes[i].name = row.name;
    world.nodes[i].member = true;
}

static inline void give(uint32_t i, const char *digest, uint64_t generation, bool here)
{
    struct lockstep_node_view *view = &world.views[i];
    struct lockstep_wire_module *report = &world.reports[i];
    world.live[i] = (struct lockstep_live){
        .module = name_of("auth"), .generation = generation, .digest = digest_of(digest)};
    world.nodes[i].live = &world.live[i];
    world.nodes[i].live_count = 1;
    world.nodes[i].connected = here;
    world.nodes[i].ready = here;
    if (!here) {
        return;
    }
    *report = (struct lockstep_wire_module){.module = name_of("auth"),
                                            .service = name_of("default"),
                                            .version = "2.4.2",
                                            .generation = generation,
                                            .digest = digest_of(digest),
                                            .disk = LOCKSTEP_DISK_LOADED,
                                            .previous = digest_of("e07ad911"),
                                            .in_flight = 2,
                                            .calls = 1200,
                                            .hosts = 1,
                                            .loaded_unix_ms = NOW - 60000,
                                            .gate = LOCKSTEP_GATE_OPEN,
                                            .failed = 3,
                                            .behind = 1,
                                            .retired = 4,
                                            .tool_count = 2,
                                            .tools = {{"auth.check", "2.4.1", false, 70, 0, 1},
                                                      {"auth.check", "2.4.2", true, 1200, 3, 1}}};
    assert_true(lockstep_md5_parse("d41d8cd98f00b204e9800998ecf8427e", &report->md5));
    (void)snprintf(view->software, sizeof(view->software), "0.1.0");
    (void)snprintf(view->address, sizeof(view->address), "127.0.0.1:4011%u", i + 2);
    view->heard_unix_ms = NOW - 500;
    lockstep_view_report(view,
                         &(struct lockstep_wire_report){.modules = report,
                                                        .module_count = 1,
                                                        .disk_free_bytes = 1073741824,
                                                        .memory_used_percent = 20},
                         NOW - 1000);
}

static inline void operate(void)
{
    struct lockstep_operation *operation = lockstep_operation_new(1, NODES, true);
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    assert_non_null(operation);
    assert_non_null(record);
    assert_true(lockstep_id_parse("abcdefghijklmnopqrstuvwxya", &operation->id));
    operation->kind = LOCKSTEP_KIND_RELOAD;
    operation->strategy = LOCKSTEP_STRATEGY_QUORUM;
    operation->options.on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    operation->options.drain = LOCKSTEP_DRAIN_AUTO;
    operation->options.need = 2;
    operation->options.max_fail = 1;
    operation->item_count = 1;
    operation->items[0] = (struct lockstep_item){
        .module = name_of("auth"), .generation = 18, .digest = digest_of("9f3c1a2e")};
    operation->part_count = NODES;
    for (uint32_t i = 0; i < NODES; i++) {
        operation->parts[i].node = i;
        operation->parts[i].state = i == 2 ? (uint8_t)LOCKSTEP_PART_OWED
                                           : (uint8_t)LOCKSTEP_PART_HEALTHY;
        operation->starts[i] = digest_of("e07ad911");
    }
    operation->cause.node = LOCKSTEP_NODE_NONE;
    (void)snprintf(record->signer, sizeof(record->signer), "ana");
    (void)snprintf(record->message, sizeof(record->message), "CVE-2026-1234");
    record->opened_unix_ms = OPENED;
    operation->state = LOCKSTEP_OPERATION_OPENING;
    assert_int_equal(lockstep_store_operation_open(world.store, operation, record, &audit, NULL),
                     LOCKSTEP_OK);
    operation->state = LOCKSTEP_OPERATION_DECIDING;
    assert_int_equal(
        lockstep_store_operation_row(world.store, operation, NULL, OPENED + 1200, &audit, NULL),
        LOCKSTEP_OK);
    operation->state = LOCKSTEP_OPERATION_SOAKING;
    assert_int_equal(lockstep_store_operation_parts(world.store, operation, OPENED + 1240, NULL),
                     LOCKSTEP_OK);
    operation->state = LOCKSTEP_OPERATION_SUCCEEDING;
    operation->result = LOCKSTEP_RESULT_SUCCEEDED_PARTIAL;
    assert_int_equal(
        lockstep_store_operation_row(world.store, operation, NULL, OPENED + 11240, &audit, NULL),
        LOCKSTEP_OK);
    operation->state = LOCKSTEP_OPERATION_SUCCEEDED;
    record->decided_unix_ms = OPENED + 1200;
    record->live_unix_ms = OPENED + 1240;
    record->ended_unix_ms = OPENED + 11240;
    world.operation = operation;
    world.record = record;
    world.fleet.operations[0] = operation;
}

static inline int set_up(void **state)
{
    struct lockstep_id cluster;
    struct lockstep_token token = {.id = {1, 2, 3, 4, 5, 6, 7, 8}, .expires_unix_ms = NOW + 900000};
    (void)state;
    memset(&world, 0, sizeof(world));
    (void)snprintf(world.directory, sizeof(world.directory), "/tmp/lockstep-documents-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    assert_true(lockstep_id_parse("bcdefghijklmnopqrstuvwxyaa", &cluster));
    assert_int_equal(lockstep_store_create(world.directory, &cluster, "x", 1, &audit, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_open(world.directory, &world.store, NULL), LOCKSTEP_OK);
    push("2.4.1", "e07ad911", "0cc175b9c0f1b6a831c399e269772661", 51);
    push("2.4.2", "9f3c1a2e", "d41d8cd98f00b204e9800998ecf8427e", 52);
    lockstep_defaults_init(&world.fleet.settings);
    world.fleet.nodes = world.nodes;
    world.fleet.node_count = NODES;
    world.fleet.modules = world.modules;
    world.fleet.module_count = 1;
    world.modules[0] = (struct lockstep_module){.name = name_of("auth"), .generation = 19};
    for (uint32_t i = 0; i < NODES; i++) {
        enrol(i);
        give(i, i == 2 ? "e07ad911" : "9f3c1a2e", i == 2 ? 16 : 18, i != 2);
    }
    token.node = name_of("n4");
    assert_int_equal(lockstep_store_token_add(world.store, &token, "env=prod", &audit, NULL),
                     LOCKSTEP_OK);
    operate();
    world.view = (struct lockstep_view){.fleet = &world.fleet,
                                        .views = world.views,
                                        .store = world.store,
                                        .now_unix_ms = NOW,
                                        .fresh_ms = 6000};
    return 0;
}

static inline int tear_down(void **state)
{
    static const char *const names[] = {"lock", "journal.db", "journal.db-wal", "journal.db-shm"};
    char path[4096];
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        lockstep_node_view_deinit(&world.views[i]);
    }
    world.operation = lockstep_operation_free(world.operation);
    free(world.record);
    world.store = lockstep_store_close(world.store);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", world.directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(world.directory);
}

#endif
