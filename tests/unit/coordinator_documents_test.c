#include "tests/support/coordinator_world.h"

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

/* With TARGETS it is an undo: n1 and n2 go back to them, and n3 was never there. */
static enum lockstep_err plan_with(enum lockstep_strategy strategy,
                                   const struct lockstep_digest *targets, json_t **ret_document,
                                   struct lockstep_error *err)
{
    static const uint32_t all[NODES] = {0, 1, 2};
    uint32_t roster[NODES];
    struct lockstep_request request = {.kind = targets == NULL ? LOCKSTEP_KIND_RELOAD
                                                               : LOCKSTEP_KIND_UNDO,
                                       .targets = targets,
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
    if (targets != NULL) {
        request.items[0].leaving = request.items[0].digest;
        memset(&request.items[0].digest, 0, sizeof(request.items[0].digest));
    }
    for (uint32_t i = 0; i < NODES && targets == NULL; i++) { /* before it was opened */
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
    return plan_with(LOCKSTEP_STRATEGY_QUORUM, NULL, ret_document, err);
}

static enum lockstep_err make_plan_absent(json_t **ret_document, struct lockstep_error *err)
{
    return plan_with(LOCKSTEP_STRATEGY_SYNC_ALL, NULL, ret_document, err);
}

static enum lockstep_err make_plan_undo(json_t **ret_document, struct lockstep_error *err)
{
    const struct lockstep_digest targets[NODES] = {digest_of("e07ad911"), digest_of("e07ad911"),
                                                   digest_of("00000003")};
    return plan_with(LOCKSTEP_STRATEGY_SYNC_ALL, targets, ret_document, err);
}

static enum lockstep_err make_plan_undo_apart(json_t **ret_document, struct lockstep_error *err)
{
    const struct lockstep_digest targets[NODES] = {digest_of("e07ad911"), digest_of("00000002"),
                                                   digest_of("00000003")};
    return plan_with(LOCKSTEP_STRATEGY_SYNC_ALL, targets, ret_document, err);
}

/* What came to nodes that had run nothing before. */
static enum lockstep_err make_plan_undo_nothing(json_t **ret_document, struct lockstep_error *err)
{
    const struct lockstep_digest targets[NODES] = {{{0}}};
    return plan_with(LOCKSTEP_STRATEGY_SYNC_ALL, targets, ret_document, err);
}

static enum lockstep_err make_undo_apart(json_t **ret_document, struct lockstep_error *err)
{
    struct lockstep_operation *operation = world.operation;
    operation->kind = LOCKSTEP_KIND_UNDO;
    operation->items[0].leaving = operation->items[0].digest;
    memset(&operation->items[0].digest, 0, sizeof(operation->items[0].digest));
    operation->starts[2] = digest_of("00000003");
    return make_operation(ret_document, err);
}

static enum lockstep_err make_undo_nothing(json_t **ret_document, struct lockstep_error *err)
{
    struct lockstep_operation *operation = world.operation;
    operation->kind = LOCKSTEP_KIND_UNDO;
    operation->items[0].leaving = operation->items[0].digest;
    memset(&operation->items[0].digest, 0, sizeof(operation->items[0].digest));
    memset(operation->starts, 0, NODES * sizeof(operation->starts[0]));
    return make_operation(ret_document, err);
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

/* Another machine has come as n1, with a key of its own. */
static enum lockstep_err make_node_rekey(json_t **ret_document, struct lockstep_error *err)
{
    struct lockstep_waiting_key *waiting = &world.views[0].row.waiting;
    waiting->since_unix_ms = NOW - 60000;
    memset(waiting->key, 0xab, sizeof(waiting->key));
    (void)snprintf(waiting->address, sizeof(waiting->address), "127.0.0.1:40999");
    return make_node(ret_document, err);
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

static void take_both(void *context, const struct lockstep_artifact_row *row)
{
    ((struct lockstep_artifact_row *)context)[row->counter - 51] = *row;
}

/* The manifest of the version before was collected. */
static enum lockstep_err make_diff(json_t **ret_document, struct lockstep_error *err)
{
    static struct lockstep_manifest manifest;
    static const struct lockstep_requirement pay = {.module = {"pay"}, .version = "1.3.0"};
    struct lockstep_artifact_row rows[2];
    struct lockstep_document_side sides[2] = {
        {.word = "previous", .row = &rows[0], .digest = digest_of("e07ad911")},
        {.word = "current",
         .row = &rows[1],
         .manifest = &manifest,
         .digest = digest_of("9f3c1a2e")}};
    struct lockstep_name module = name_of("auth");
    manifest = (struct lockstep_manifest){
        .abi = "1", .rollback = LOCKSTEP_ROLLBACK_LOSSLESS, .floor = 50, .source = "main"};
    LOCKSTEP_TRY(lockstep_manifest_require(&manifest, &pay, err));
    LOCKSTEP_TRY(lockstep_store_artifacts(world.store, NULL, take_both, rows, err));
    return lockstep_document_diff(&world.view, &module, sides, ret_document, err);
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
    {"plan-undo", make_plan_undo},
    {"plan-undo-apart", make_plan_undo_apart},
    {"plan-undo-nothing", make_plan_undo_nothing},
    {"operation-undo-apart", make_undo_apart},
    {"operation-undo-nothing", make_undo_nothing},
    {"status", make_status},
    {"nodes", make_nodes},
    {"node", make_node},
    {"node-rekey", make_node_rekey},
    {"modules", make_modules},
    {"module", make_module},
    {"module-status", make_module_status},
    {"operations", make_operations},
    {"artifacts", make_artifacts},
    {"artifact", make_artifact},
    {"check", make_check},
    {"diff", make_diff},
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

/* ---- nodes that go back ---------------------------------------------------------------------- */

struct back_row {
    const char *name;
    unsigned result;
    unsigned part; /* of n1, in the operation */
    unsigned way;  /* of n1, in its compensation; UNSPECIFIED: there is none in memory */
    const char *word;
    bool over; /* the compensation is in the journal only */
};

static const struct back_row back_rows[] = {
    {"it soaks", LOCKSTEP_RESULT_NONE, LOCKSTEP_PART_LIVE, LOCKSTEP_PART_UNSPECIFIED, "soaking",
     false},
    {"it is asked back", LOCKSTEP_RESULT_NONE, LOCKSTEP_PART_LIVE, LOCKSTEP_PART_CONTACTED,
     "rolling-back", false},
    {"it is told to go back", LOCKSTEP_RESULT_NONE, LOCKSTEP_PART_TOUCHED, LOCKSTEP_PART_TOUCHED,
     "rolling-back", false},
    {"it is back", LOCKSTEP_RESULT_NONE, LOCKSTEP_PART_HEALTHY, LOCKSTEP_PART_LIVE, "rolled-back",
     false},
    {"it cannot go back", LOCKSTEP_RESULT_NONE, LOCKSTEP_PART_LIVE, LOCKSTEP_PART_REFUSED,
     "refused", false},
    {"it was lost on the way", LOCKSTEP_RESULT_FAILED_MIXED, LOCKSTEP_PART_LIVE, LOCKSTEP_PART_LOST,
     "lost", false},
    {"it could not go back", LOCKSTEP_RESULT_FAILED_MIXED, LOCKSTEP_PART_LIVE,
     LOCKSTEP_PART_REFUSED, "refused", true},
    {"all are back", LOCKSTEP_RESULT_ROLLED_BACK, LOCKSTEP_PART_LIVE, LOCKSTEP_PART_UNSPECIFIED,
     "rolled-back", false},
    {"the one that failed has failed", LOCKSTEP_RESULT_ROLLED_BACK, LOCKSTEP_PART_FAILED,
     LOCKSTEP_PART_HEALTHY, "failed", false},
    {"who refused has not moved", LOCKSTEP_RESULT_ROLLED_BACK, LOCKSTEP_PART_REFUSED,
     LOCKSTEP_PART_UNSPECIFIED, "refused", false},
};

/* What is left of a compensation that has ended. */
static void write_child(struct lockstep_operation *child)
{
    assert_true(lockstep_id_parse("cdefghijklmnopqrstuvwxyzaa", &child->id));
    child->strategy = world.operation->strategy;
    child->options = world.operation->options;
    child->items[0] = world.operation->items[0];
    child->item_count = 1;
    child->parts[0].node = 0;
    child->cause.node = LOCKSTEP_NODE_NONE;
    child->state = LOCKSTEP_OPERATION_OPENING;
    assert_int_equal(lockstep_store_operation_open(world.store, child, world.record, &audit, NULL),
                     LOCKSTEP_OK);
}

static void check_back(void **state)
{
    const struct back_row *row = *state;
    struct lockstep_operation *child = lockstep_operation_new(1, NODES, false);
    json_t *made = NULL;
    const json_t *parts;
    (void)set_up(NULL);
    set_parts(row->part, LOCKSTEP_PART_REFUSED, LOCKSTEP_PART_REFUSED);
    world.operation->result = (uint8_t)row->result;
    world.operation->state = row->result == LOCKSTEP_RESULT_NONE ? LOCKSTEP_OPERATION_DEGRADED
                                                                 : LOCKSTEP_OPERATION_SETTLED;
    assert_non_null(child);
    child->kind = LOCKSTEP_KIND_COMPENSATION;
    child->parent = world.operation->id;
    child->part_count = 1;
    child->parts[0].state = (uint8_t)row->way;
    world.fleet.operations[1] = row->way == LOCKSTEP_PART_UNSPECIFIED || row->over ? NULL : child;
    if (row->over) {
        write_child(child);
    }
    assert_int_equal(make_operation(&made, NULL), LOCKSTEP_OK);
    parts = json_object_get(made, "parts");
    assert_string_equal(json_string_value(json_object_get(json_array_get(parts, 0), "state")),
                        row->word);
    assert_true(json_integer_value(json_object_get(json_object_get(made, "counts"), row->word)) >=
                1);
    json_decref(made);
    world.fleet.operations[1] = NULL;
    (void)lockstep_operation_free(child);
    assert_int_equal(tear_down(NULL), 0);
}

/* ---- documents that others make too: the members that readers may count on ------------------ */

struct keys_row {
    const char *name;
    const char *keys[8];
};

static const struct keys_row keys_rows[] = {
    {"audit", {"rows", "verified", "bad", "last", "head", "text"}},
    {"token", {"token", "node", "expires_unix_ms", "taken"}},
    {"tools", {"tools"}},
    {"tool-result", {"node", "tool", "ok", "output_base64", "text"}},
    {"bundle", {"version", "digest", "text"}},
    {"done", {"what", "name", "text"}},
    {"drain", {"what", "module", "refuse", "done", "total", "text", "nodes"}},
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
    json_int_t last;
    (void)state;
    (void)set_up(NULL);
    assert_int_equal(lockstep_document_audit(&world.view, 0, 2, &made, NULL), LOCKSTEP_OK);
    rows = json_object_get(made, "rows");
    last = json_integer_value(json_object_get(made, "last"));
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 1), "sequence")),
                     last);
    json_decref(made);
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

/* ---- how a node is ----------------------------------------------------------------------------
 */

/* n3, which the operation owes its version. */
struct presence {
    const char *name;
    bool connected;
    bool ready;
    bool held;
    uint8_t part;
    uint64_t silent_ms;
    const char *state;
    const char *before; /* NULL: nobody waits for its place */
};

static const struct presence presences[] = {
    {"away", false, false, false, LOCKSTEP_PART_OWED, 60000, "absent", NULL},
    {"its STATE has not come", true, false, false, LOCKSTEP_PART_OWED, 0, "joining", NULL},
    {"it came and went", true, false, true, LOCKSTEP_PART_OWED, 0, "held", NULL},
    {"it is owed a version", true, true, false, LOCKSTEP_PART_OWED, 0, "behind", NULL},
    {"it is being given it", true, true, false, LOCKSTEP_PART_TOUCHED, 0, "behind", NULL},
    {"it has it", true, true, false, LOCKSTEP_PART_HEALTHY, 0, "ready", NULL},
    {"it refused it", true, true, false, LOCKSTEP_PART_REFUSED, 0, "ready", NULL},
    {"it is silent", true, true, false, LOCKSTEP_PART_HEALTHY, 6000, "suspect", NULL},
    {"another waits", true, true, false, LOCKSTEP_PART_HEALTHY, 0, "rekey-pending", "ready"},
    {"another waits, it is away", false, false, false, LOCKSTEP_PART_OWED, 60000, "rekey-pending",
     "absent"},
};

static void check_presence(void **state)
{
    const struct presence *row = *state;
    struct lockstep_node *node = &world.nodes[2];
    const json_t *shown;
    json_t *document = NULL;
    (void)set_up(NULL);
    set_parts(LOCKSTEP_PART_HEALTHY, LOCKSTEP_PART_HEALTHY, row->part);
    node->connected = row->connected;
    node->ready = row->ready;
    node->held = (struct lockstep_time){row->held ? 9 : 0};
    world.views[2].heard_unix_ms = NOW - row->silent_ms;
    world.views[2].row.waiting.since_unix_ms = row->before == NULL ? 0 : NOW;
    assert_int_equal(
        lockstep_document_nodes(&world.view, &(struct lockstep_document_query){0}, &document, NULL),
        LOCKSTEP_OK);
    shown = json_array_get(json_object_get(document, "nodes"), 2);
    assert_string_equal(json_string_value(json_object_get(shown, "state")), row->state);
    if (row->before == NULL) {
        assert_true(json_is_null(json_object_get(shown, "rekey")));
    } else {
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(shown, "rekey"), "before")),
            row->before);
    }
    json_decref(document);
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
                                               cmocka_unit_test(check_unknown)};
    int failed = LOCKSTEP_RUN_TABLE("examples", example_rows, check_example);
    failed += LOCKSTEP_RUN_TABLE("going back", back_rows, check_back);
    failed += LOCKSTEP_RUN_TABLE("keys", keys_rows, check_keys);
    failed += LOCKSTEP_RUN_TABLE("presence", presences, check_presence);
    failed += cmocka_run_group_tests_name("others", others, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
