/* A coordinator's journal that is damaged or was made by somebody else: opened or refused with a
 * reason, and what was opened is loaded, told and written to as far as it can be. */
#include "coordinator/store_internal.h"
#include "tests/fuzz/journal_file.h"

static const struct lockstep_id cluster = {.bytes = {7}};
static const struct lockstep_id id = {.bytes = {1}};
static const struct lockstep_audit somebody = {
    .who = "ann", .what = "test", .subject = "x", .detail = "{}"};
static struct journal_file file;
static struct lockstep_operation_record record;

static void end(void)
{
    journal_file_end(&file);
}

static void open_operation(struct lockstep_store *store)
{
    struct lockstep_operation *operation = lockstep_operation_new(1, 1, true);
    MUST(operation != NULL);
    operation->id = id;
    operation->kind = LOCKSTEP_KIND_RELOAD;
    operation->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    operation->options.on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    operation->options.drain = LOCKSTEP_DRAIN_AUTO;
    operation->state = LOCKSTEP_OPERATION_OPENING;
    operation->item_count = 1;
    operation->part_count = 1;
    MUST(lockstep_name_parse("greet", &operation->items[0].module));
    operation->items[0].generation = 1;
    operation->parts[0].state = LOCKSTEP_PART_CONTACTED;
    MUST(lockstep_store_operation_open(store, operation, &record, &somebody, NULL) == LOCKSTEP_OK);
    (void)lockstep_operation_free(operation);
}

/* A node that has enrolled, and an operation. */
static void begin(void)
{
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {5};
    struct lockstep_token token = {.id = {1}, .secret = {2}, .expires_unix_ms = UINT64_C(1) << 40};
    struct lockstep_enrolment enrolment = {
        .token = token.id, .key = key, .now_unix_ms = 1, .address = "127.0.0.1"};
    struct lockstep_node_row row;
    struct lockstep_store *store = NULL;
    rows_make(file.directory);
    MUST(atexit(end) == 0);
    MUST(lockstep_name_parse("n1", &token.node));
    MUST(lockstep_store_create(file.directory, &cluster, "x\n", 2, &somebody, NULL) == LOCKSTEP_OK);
    MUST(lockstep_store_open(file.directory, &store, NULL) == LOCKSTEP_OK);
    MUST(lockstep_store_token_add(store, &token, "env=prod", &somebody, NULL) == LOCKSTEP_OK);
    MUST(lockstep_store_enrol(store, &enrolment, &somebody, &row, NULL) == LOCKSTEP_OK);
    open_operation(store);
    store = lockstep_store_close(store);
    journal_file_keep(&file);
}

static void check_node(void *context, const struct lockstep_node_row *row)
{
    (void)context;
    MUST(lockstep_name_valid(row->name.text, strlen(row->name.text)));
    MUST(row->number < LOCKSTEP_NODES_MAX);
    MUST(memchr(row->labels, '\0', sizeof(row->labels)) != NULL);
}

static void check_module(void *context, const struct lockstep_name *module, uint64_t generation,
                         const char *placement)
{
    (void)context;
    (void)generation;
    (void)placement;
    MUST(lockstep_name_valid(module->text, strlen(module->text)));
}

static void check_desired(void *context, const struct lockstep_desired_row *row)
{
    (void)context;
    MUST(lockstep_name_valid(row->module.text, strlen(row->module.text)));
    MUST(row->node < LOCKSTEP_NODES_MAX);
}

static void check_token(void *context, const struct lockstep_token_row *row)
{
    (void)context;
    MUST(lockstep_name_valid(row->node.text, strlen(row->node.text)));
    MUST(lockstep_token_state(row, 1) != NULL);
}

static void use(struct lockstep_store *store)
{
    struct lockstep_operation *operation = NULL;
    struct lockstep_digest head;
    enum lockstep_row row;
    uint64_t bad;
    uint64_t last;
    if (lockstep_store_operation_load(store, &id, &operation, &row, &record, NULL) == LOCKSTEP_OK &&
        operation != NULL) {
        MUST(lockstep_row_text(row) != NULL && lockstep_kind_text(operation->kind) != NULL);
        MUST(operation->item_count >= 1 && operation->item_count <= LOCKSTEP_ITEMS_MAX);
        MUST(operation->part_count >= 1 && operation->part_count <= LOCKSTEP_NODES_MAX);
    }
    (void)lockstep_operation_free(operation);
    (void)lockstep_store_nodes(store, check_node, NULL, NULL);
    (void)lockstep_store_modules(store, check_module, NULL, NULL);
    (void)lockstep_store_desired(store, check_desired, NULL, NULL);
    (void)lockstep_store_tokens(store, check_token, NULL, NULL);
    (void)lockstep_store_audit_verify(store, &bad, &last, &head, NULL);
    (void)lockstep_store_node_cordon(store, 0, true, &somebody, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_store *store = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (file.good == NULL) {
        begin();
    }
    journal_file_put(&file, data, size);
    if (lockstep_store_open(file.directory, &store, &err) == LOCKSTEP_OK) {
        use(store);
    } else {
        MUST(store == NULL && err.message[0] != '\0');
    }
    store = lockstep_store_close(store);
    return 0;
}
