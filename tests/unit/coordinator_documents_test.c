#include "coordinator/documents.h"

#include "common/base/cleanup.h"
#include "tests/support/cmocka.h"

#include <string.h>
#include <unistd.h>

/* Three nodes and one module. auth went from 2.4.1 to 2.4.2 by quorum while n3 was away. */

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

static struct lockstep_digest digest_of(const char *begin)
{
    char text[LOCKSTEP_DIGEST_TEXT];
    struct lockstep_digest digest;
    (void)snprintf(text, sizeof(text), "%s%056d", begin, 0);
    assert_true(lockstep_digest_parse(text, &digest));
    return digest;
}

static struct lockstep_name name_of(const char *text)
{
    struct lockstep_name name;
    assert_true(lockstep_name_parse(text, &name));
    return name;
}

static void push(const char *version, const char *digest, const char *md5, uint64_t counter)
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

static void enrol(uint32_t i)
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
    assert_int_equal(lockstep_store_enrol(world.store, token.id, key, NOW, &audit, &row, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(row.number, i);
    assert_int_equal(lockstep_store_node_ready(world.store, i, &journal, NULL), LOCKSTEP_OK);
    world.views[i].row = row;
    world.nodes[i].name = row.name;
    world.nodes[i].member = true;
}

static void give(uint32_t i, const char *digest, uint64_t generation, bool here)
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
                                            .loaded_unix_ms = NOW - 60000};
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

static void operate(void)
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

/* ---- documents as they stand in the examples ------------------------------------------------- */

typedef enum lockstep_err make_fn(json_t **ret_document, struct lockstep_error *err);

static enum lockstep_err make_operation(json_t **ret_document, struct lockstep_error *err)
{
    return lockstep_document_operation(&world.view, world.operation, world.record, ret_document,
                                       err);
}

static void set_parts(unsigned first, unsigned second, unsigned third)
{
    struct lockstep_operation *operation = world.operation;
    operation->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    operation->options.need = 3;
    operation->options.max_fail = 0;
    operation->parts[0].state = (uint8_t)first;
    operation->parts[1].state = (uint8_t)second;
    operation->parts[2].state = (uint8_t)third;
}

static void fail_part(uint32_t part, enum lockstep_no no, unsigned state, const char *text)
{
    struct lockstep_operation *operation = world.operation;
    operation->parts[part].no = (uint16_t)no;
    (void)snprintf(operation->parts[part].text, LOCKSTEP_PART_TEXT, "%s", text);
    operation->cause = (struct lockstep_cause){.no = no, .node = part, .state = (uint8_t)state};
    (void)snprintf(operation->cause.text, LOCKSTEP_PART_TEXT, "%s", text);
}

static enum lockstep_err make_preparing(json_t **ret_document, struct lockstep_error *err)
{
    set_parts(LOCKSTEP_PART_PREPARED, LOCKSTEP_PART_CONTACTED, LOCKSTEP_PART_CONTACTED);
    world.operation->state = LOCKSTEP_OPERATION_PREPARING;
    world.operation->result = LOCKSTEP_RESULT_NONE;
    world.record->decided_unix_ms = 0;
    world.record->live_unix_ms = 0;
    world.record->ended_unix_ms = 0;
    return make_operation(ret_document, err);
}

static enum lockstep_err make_aborted(json_t **ret_document, struct lockstep_error *err)
{
    set_parts(LOCKSTEP_PART_PREPARED, LOCKSTEP_PART_REFUSED, LOCKSTEP_PART_PREPARED);
    fail_part(1, LOCKSTEP_NO_SYMBOL, LOCKSTEP_OPERATION_PREPARING, "auth_trace is not to be found");
    world.operation->state = LOCKSTEP_OPERATION_ABORTED;
    world.operation->result = LOCKSTEP_RESULT_ABORTED;
    world.record->live_unix_ms = 0;
    world.record->ended_unix_ms = OPENED + 1200;
    return make_operation(ret_document, err);
}

static enum lockstep_err make_mixed(json_t **ret_document, struct lockstep_error *err)
{
    set_parts(LOCKSTEP_PART_HEALTHY, LOCKSTEP_PART_HEALTHY, LOCKSTEP_PART_LOST);
    fail_part(2, LOCKSTEP_NO_LOST, LOCKSTEP_OPERATION_COMMITTING,
              "no read-back before the commit deadline");
    world.operation->state = LOCKSTEP_OPERATION_SETTLED;
    world.operation->result = LOCKSTEP_RESULT_FAILED_MIXED;
    world.record->live_unix_ms = 0;
    return make_operation(ret_document, err);
}

static enum lockstep_err plan_with(enum lockstep_strategy strategy, json_t **ret_document,
                                   struct lockstep_error *err)
{
    static const uint32_t all[NODES] = {0, 1, 2};
    uint32_t roster[NODES];
    struct lockstep_request request = {.kind = LOCKSTEP_KIND_RELOAD,
                                       .strategy = strategy,
                                       .offline = LOCKSTEP_OFFLINE_FAIL,
                                       .item_count = 1,
                                       .selected = all,
                                       .selected_count = NODES};
    struct lockstep_plan plan = {.roster = roster};
    struct lockstep_document_plan document = {.request = &request,
                                              .plan = &plan,
                                              .index = 91734,
                                              .not_after_unix_ms = NOW + 30 * LOCKSTEP_DAY};
    request.operation = world.operation->id;
    request.options.on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    request.items[0] = (struct lockstep_wanted){.module = name_of("auth"),
                                                .digest = digest_of("9f3c1a2e")};
    for (uint32_t i = 0; i < NODES; i++) { /* before it was opened */
        world.live[i].digest = digest_of("e07ad911");
    }
    world.modules[0].generation = 17;
    world.fleet.operations[0] = NULL;
    memset(document.roster_digest.bytes, 0x5a, LOCKSTEP_DIGEST_BYTES);
    lockstep_fleet_plan(&world.fleet, &request, &plan);
    return lockstep_document_plan(&world.view, &document, ret_document, err);
}

static enum lockstep_err make_plan(json_t **ret_document, struct lockstep_error *err)
{
    return plan_with(LOCKSTEP_STRATEGY_QUORUM, ret_document, err);
}

static enum lockstep_err make_plan_absent(json_t **ret_document, struct lockstep_error *err)
{
    return plan_with(LOCKSTEP_STRATEGY_SYNC_ALL, ret_document, err);
}

#define MAKE_ALL(thing)                                                                      \
    static enum lockstep_err make_##thing(json_t **ret_document, struct lockstep_error *err) \
    {                                                                                        \
        return lockstep_document_##thing(&world.view, NULL, ret_document, err);              \
    }
MAKE_ALL(status)
MAKE_ALL(nodes)
MAKE_ALL(modules)
MAKE_ALL(module_status)
MAKE_ALL(operations)
MAKE_ALL(artifacts)
MAKE_ALL(check)

static enum lockstep_err make_node(json_t **ret_document, struct lockstep_error *err)
{
    return lockstep_document_node(&world.view, 0, ret_document, err);
}

static enum lockstep_err make_module(json_t **ret_document, struct lockstep_error *err)
{
    return lockstep_document_module(&world.view, "auth", ret_document, err);
}

static enum lockstep_err make_history(json_t **ret_document, struct lockstep_error *err)
{
    return lockstep_document_history(&world.view, "auth", 0, ret_document, err);
}

static enum lockstep_err make_tokens(json_t **ret_document, struct lockstep_error *err)
{
    return lockstep_document_tokens(&world.view, ret_document, err);
}

static void take_artifact(void *context, const struct lockstep_artifact_row *row)
{
    if (row->counter == 52) {
        *(struct lockstep_artifact_row *)context = *row;
    }
}

static enum lockstep_err make_artifact(json_t **ret_document, struct lockstep_error *err)
{
    struct lockstep_artifact_row row = {.counter = 0};
    LOCKSTEP_TRY(lockstep_store_artifacts(world.store, NULL, take_artifact, &row, err));
    return lockstep_document_artifact(&world.view, &row, ret_document, err);
}

struct example_row {
    const char *name;
    make_fn *make;
};

static const struct example_row example_rows[] = {
    {"operation", make_operation},
    {"operation-preparing", make_preparing},
    {"operation-aborted", make_aborted},
    {"operation-mixed", make_mixed},
    {"plan", make_plan},
    {"plan-absent", make_plan_absent},
    {"status", make_status},
    {"nodes", make_nodes},
    {"node", make_node},
    {"modules", make_modules},
    {"module", make_module},
    {"module-status", make_module_status},
    {"operations", make_operations},
    {"artifacts", make_artifacts},
    {"artifact", make_artifact},
    {"check", make_check},
    {"history", make_history},
    {"tokens", make_tokens},
};

static void check_example(void **state)
{
    const struct example_row *row = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[256];
    json_t *made = NULL;
    json_t *example;
    bool same;
    (void)set_up(NULL);
    (void)snprintf(path, sizeof(path), "%s/tests/cli/documents/%s.json", LOCKSTEP_SOURCE_DIR,
                   row->name);
    example = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(example);
    assert_int_equal(row->make(&made, &err), LOCKSTEP_OK);
    same = json_equal(made, example) == 1;
    if (!same) {
        (void)json_dumpf(made, stderr, JSON_INDENT(2) | JSON_SORT_KEYS);
    }
    json_decref(made);
    json_decref(example);
    assert_int_equal(tear_down(NULL), 0);
    assert_true(same);
}

/* ---- documents that others make too: the members that readers may count on ------------------ */

struct keys_row {
    const char *name;
    const char *keys[8];
};

static const struct keys_row keys_rows[] = {
    {"audit", {"rows", "verified", "bad", "last", "head", "text"}},
    {"token", {"token", "node", "expires_unix_ms"}},
    {"tools", {"tools"}},
    {"tool-result", {"node", "tool", "ok", "output_base64", "text"}},
    {"bundle", {"version", "digest", "text"}},
    {"done", {"what", "name", "text"}},
    {"artifact-manifest", {"module", "digest", "manifest", "signature"}},
};

static void check_keys(void **state)
{
    const struct keys_row *row = *state;
    char path[256];
    char schema[64];
    json_t *example;
    (void)snprintf(path, sizeof(path), "%s/tests/cli/documents/%s.json", LOCKSTEP_SOURCE_DIR,
                   row->name);
    (void)snprintf(schema, sizeof(schema), "lockstep/%s/v1", row->name);
    example = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(example);
    assert_string_equal(json_string_value(json_object_get(example, "schema")), schema);
    for (size_t i = 0; i < LOCKSTEP_COUNT(row->keys) && row->keys[i] != NULL; i++) {
        assert_non_null(json_object_get(example, row->keys[i]));
    }
    json_decref(example);
}

/* ---- audit: its times and hashes are never the same twice --------------------------------- */

static void check_audit(void **state)
{
    json_t *made = NULL;
    json_t *rows;
    (void)state;
    (void)set_up(NULL);
    assert_int_equal(lockstep_document_audit(&world.view, 1, 2, &made, NULL), LOCKSTEP_OK);
    rows = json_object_get(made, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_true(json_is_true(json_object_get(made, "verified")));
    assert_true(json_is_null(json_object_get(made, "bad")));
    assert_true(json_integer_value(json_object_get(made, "last")) > 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "who")), "ana");
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(json_array_get(rows, 0), "detail"), "n")),
                     3);
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* ---- check ---------------------------------------------------------------------------------- */

/* What is different from the example's fleet, and what check then says of it. */
struct check_row {
    const char *name;
    uint32_t node;
    const char *digest; /* what the node runs; NULL: as it is */
    bool away;
    bool old;     /* its report */
    bool touched; /* and the operation is committing */
    const char *kind;
    const char *text;
};

static const struct check_row check_rows[] = {
    {"consistent", 2, "9f3c1a2e", false, false, false, NULL, "consistent: 3 of 3"},
    {"owed", 2, NULL, false, false, false, "owed", "consistent so far: 2 of 3"},
    {"drift", 0, "e07ad911", false, false, false, "drift", "not consistent: 1 of 3"},
    {"absent", 0, NULL, true, false, false, "absent", "consistent so far: 1 of 3"},
    {"stale", 0, NULL, false, true, false, "stale", "consistent so far: 1 of 3"},
    {"in doubt", 0, NULL, true, false, true, "in-doubt", "consistent so far: 0 of 3"},
};

static void change_fleet(const struct check_row *row)
{
    if (row->digest != NULL) {
        world.live[row->node].digest = digest_of(row->digest);
    }
    if (row->node == 2) {
        world.nodes[2].connected = true;
        world.nodes[2].ready = true;
        world.views[2].heard_unix_ms = NOW;
    }
    world.nodes[row->node].ready = !row->away;
    if (row->old) {
        world.views[row->node].report_unix_ms = NOW - 6001;
    }
    if (row->touched) {
        world.operation->state = LOCKSTEP_OPERATION_COMMITTING;
        world.operation->parts[row->node].state = (uint8_t)LOCKSTEP_PART_TOUCHED;
    }
}

static void check_check(void **state)
{
    const struct check_row *row = *state;
    json_t *made = NULL;
    json_t *first;
    (void)set_up(NULL);
    change_fleet(row);
    assert_int_equal(lockstep_document_check(&world.view, NULL, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "text")), row->text);
    assert_int_equal(json_integer_value(json_object_get(made, "exit")), row->kind == NULL ? 0 : 3);
    first = json_array_get(json_object_get(made, "differences"), 0);
    if (row->kind == NULL) {
        assert_null(first);
    } else {
        assert_string_equal(json_string_value(json_object_get(first, "kind")), row->kind);
    }
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* A module of which nothing is recorded: the majority is what is desired, if there is one. */
static void check_unrecorded(void **state)
{
    static const char *const kinds[] = {"drift", "split"};
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    (void)state;
    (void)set_up(NULL);
    world.nodes[2].ready = true;
    world.views[2].heard_unix_ms = NOW;
    for (uint32_t i = 0; i < NODES; i++) {
        world.live[i].module = name_of("pay");
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(kinds); i++) {
        json_t *made = NULL;
        json_t *differences;
        assert_int_equal(lockstep_document_check(&world.view, &query, &made, NULL), LOCKSTEP_OK);
        differences = json_object_get(made, "differences");
        assert_int_equal(json_array_size(differences), 1);
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(differences, 0), "kind")), kinds[i]);
        json_decref(made);
        world.live[0].digest = digest_of("00000001"); /* three nodes, three versions */
    }
    assert_int_equal(tear_down(NULL), 0);
}

static void check_unknown(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    json_t *made = NULL;
    (void)state;
    (void)set_up(NULL);
    assert_int_equal(lockstep_document_module(&world.view, "auht", &made, &err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "did you mean auth?"));
    assert_null(made);
    assert_int_equal(tear_down(NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest others[] = {cmocka_unit_test(check_audit),
                                               cmocka_unit_test(check_unrecorded),
                                               cmocka_unit_test(check_unknown)};
    int failed = LOCKSTEP_RUN_TABLE("examples", example_rows, check_example);
    failed += LOCKSTEP_RUN_TABLE("keys", keys_rows, check_keys);
    failed += LOCKSTEP_RUN_TABLE("check", check_rows, check_check);
    failed += cmocka_run_group_tests_name("others", others, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
