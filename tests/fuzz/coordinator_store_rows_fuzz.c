/* Whatever stands in the rows of a coordinator's journal, an operation is loaded with every field
 * in its range, or refused with a reason. */
#include "coordinator/store_internal.h"
#include "tests/fuzz/rows.h"

#define CELL(table, column) "UPDATE " #table " SET " #column " = ?1"

static const char *const cells[] = {
    CELL(operation, parent),
    CELL(operation, kind),
    CELL(operation, strategy),
    CELL(operation, row),
    CELL(operation, result),
    CELL(operation, sequence),
    CELL(operation, roster),
    CELL(operation, options),
    CELL(operation, cause_no),
    CELL(operation, cause_node),
    CELL(operation, cause_state),
    CELL(operation, cause_text),
    CELL(operation, request),
    CELL(operation, signer),
    CELL(operation, message),
    CELL(operation, extra),
    CELL(operation, signature),
    CELL(operation, intent),
    CELL(item, module),
    CELL(item, generation),
    CELL(item, digest),
    CELL(item, leaving),
    CELL(part, node),
    CELL(part, state),
    CELL(part, no),
    CELL(part, text),
    CELL(part, starts),
    CELL(module, name),
    CELL(module, generation),
    CELL(module, placement),
    CELL(operation, placement),
    CELL(audit, detail),
    CELL(audit, hash),
    CELL(event, audit),
    CELL(event, modules),
    CELL(event, time),
    "DELETE FROM item WHERE place = ?1",
    "DELETE FROM part WHERE place = ?1",
    "DELETE FROM audit WHERE sequence = ?1",
    "DELETE FROM event WHERE sequence = ?1",
};

static const struct lockstep_id cluster = {.bytes = {7}};
static const struct lockstep_id id = {.bytes = {1}};
static const struct lockstep_audit somebody = {
    .who = "ann", .what = "test", .subject = "x", .detail = "{}"};
static char directory[ROWS_DIRECTORY];
static struct lockstep_store *store;
static struct lockstep_operation_record record;

static void end(void)
{
    store = lockstep_store_close(store);
    rows_remove(directory);
}

/* Two items on three nodes. */
static struct lockstep_operation *make_operation(void)
{
    struct lockstep_operation *operation = lockstep_operation_new(2, 3, true);
    MUST(operation != NULL);
    operation->id = id;
    operation->kind = LOCKSTEP_KIND_RELOAD;
    operation->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    operation->options.on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    operation->options.drain = LOCKSTEP_DRAIN_AUTO;
    operation->state = LOCKSTEP_OPERATION_OPENING;
    operation->item_count = 2;
    operation->part_count = 3;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        MUST(lockstep_name_parse(i == 0 ? "one" : "two", &operation->items[i].module));
        operation->items[i].generation = i + 1;
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        operation->parts[i].node = i;
        operation->parts[i].state = LOCKSTEP_PART_CONTACTED;
    }
    return operation;
}

static void begin(void)
{
    struct lockstep_operation *operation = make_operation();
    rows_make(directory);
    MUST(atexit(end) == 0);
    MUST(lockstep_store_create(directory, &cluster, "x\n", 2, &somebody, NULL) == LOCKSTEP_OK);
    MUST(lockstep_store_open(directory, &store, NULL) == LOCKSTEP_OK);
    MUST(lockstep_store_operation_open(store, operation, &record, &somebody, NULL) == LOCKSTEP_OK);
    (void)lockstep_operation_free(operation);
}

static void must_be_code(unsigned no)
{
    MUST(no == LOCKSTEP_NO_UNSPECIFIED ||
         lockstep_no_class((enum lockstep_no)no) != LOCKSTEP_NO_CLASS_UNSPECIFIED);
}

static void must_be_sound(const struct lockstep_operation *operation)
{
    MUST(lockstep_kind_text(operation->kind) != NULL);
    MUST(lockstep_strategy_text(operation->strategy) != NULL);
    must_be_code((unsigned)operation->cause.no);
    MUST(operation->item_count >= 1 && operation->item_count <= LOCKSTEP_ITEMS_MAX);
    MUST(operation->part_count >= 1 && operation->part_count <= LOCKSTEP_NODES_MAX);
    for (uint32_t i = 0; i < operation->item_count; i++) {
        const char *name = operation->items[i].module.text;
        MUST(lockstep_name_valid(name, strlen(name)));
    }
    for (uint32_t i = 0; i < operation->part_count; i++) {
        const struct lockstep_part *part = &operation->parts[i];
        MUST(lockstep_part_name(part->state) != NULL && part->node < LOCKSTEP_NODES_MAX);
        must_be_code(part->no);
    }
    MUST(record.intent_length <= LOCKSTEP_INTENT_MAX);
}

static void check_module(void *context, const struct lockstep_name *module, uint64_t generation,
                         const char *placement)
{
    (void)context;
    (void)generation;
    (void)placement;
    MUST(lockstep_name_valid(module->text, strlen(module->text)));
}

static void check_event(void *context, const struct lockstep_event *event)
{
    uint64_t *last = context;
    MUST(event->sequence > *last && event->who != NULL && event->what != NULL);
    MUST(event->subject != NULL && event->modules != NULL && event->text != NULL);
    *last = event->sequence;
}

static void read_events(void)
{
    const struct lockstep_event_query query = {.since_unix_ms = 1, .limit = 2};
    uint64_t last = 0;
    struct lockstep_event_page page = {.count = 9, .each = check_event, .context = &last};
    if (lockstep_store_events_begin(store, &query, &page.next, NULL) == LOCKSTEP_OK) {
        (void)lockstep_store_events_read(store, &query, &page, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_operation *operation = NULL;
    struct lockstep_digest head;
    enum lockstep_row row;
    uint64_t bad;
    uint64_t last;
    if (store == NULL) {
        begin();
    }
    MUST(lockstep_journal_begin(store->journal, NULL) == LOCKSTEP_OK);
    rows_meddle(store->journal, cells, LOCKSTEP_COUNT(cells), data, size);
    if (lockstep_store_operation_load(store, &id, &operation, &row, &record, NULL) == LOCKSTEP_OK) {
        MUST(operation == NULL || lockstep_row_text(row) != NULL);
        if (operation != NULL) {
            must_be_sound(operation);
        }
        (void)lockstep_operation_free(operation);
    }
    read_events();
    (void)lockstep_store_modules(store, check_module, NULL, NULL);
    (void)lockstep_store_audit_verify(store, &bad, &last, &head, NULL);
    lockstep_journal_rollback(store->journal);
    return 0;
}
