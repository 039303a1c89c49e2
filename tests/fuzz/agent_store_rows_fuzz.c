/* Whatever stands in the rows of an agent's journal, it is loaded or refused with a reason, and
 * what was loaded can be told, asked about and driven. */
#include "agent/store_internal.h"
#include "tests/fuzz/rows.h"

#define CELL(table, column) "UPDATE " #table " SET " #column " = ?1"

static const char *const cells[] = {
    CELL(module, name),
    CELL(module, service),
    CELL(module, generation),
    CELL(module, current_generation),
    CELL(module, current),
    CELL(module, previous_generation),
    CELL(module, has_previous),
    CELL(module, previous),
    CELL(module, version),
    CELL(operation, row),
    CELL(operation, parent),
    CELL(operation, epoch),
    CELL(operation, kind),
    CELL(operation, strategy),
    CELL(operation, drain),
    CELL(operation, drain_timeout),
    CELL(operation, prepare),
    CELL(operation, again),
    CELL(operation, roster_size),
    CELL(operation, roster),
    CELL(operation, intent),
    CELL(operation, signature),
    CELL(operation, signer),
    CELL(operation, extra),
    CELL(operation, ended),
    CELL(operation, standing),
    CELL(operation, standing_signature),
    CELL(operation, standing_signer),
    CELL(item, module),
    CELL(item, generation),
    CELL(item, digest),
    CELL(item, leaving),
    CELL(heuristic, operation),
    CELL(heuristic, outcome),
    CELL(heuristic, uid),
    CELL(heuristic, reason),
    "DELETE FROM item WHERE position = ?1",
    "DELETE FROM module WHERE name = ?1",
};

static char directory[ROWS_DIRECTORY];
static struct lockstep_agent_store *store;
static struct lockstep_prepare orders[2];
static struct lockstep_agent_module modules[8];
static struct lockstep_agent core;
static struct lockstep_agent_actions actions;

static void end(void)
{
    store = lockstep_agent_store_close(store);
    rows_remove(directory);
}

/* One operation that was applied, and one that is in doubt. */
static void begin(void)
{
    const struct lockstep_wire_prepare intent = {.intent = {(const uint8_t *)"text", 4},
                                                 .extra = "x",
                                                 .standing = {(const uint8_t *)"order", 5}};
    struct lockstep_agent_resolution resolution = {.commit = true, .reason = "gone"};
    rows_make(directory);
    MUST(atexit(end) == 0);
    MUST(lockstep_agent_store_open(directory, &store, NULL) == LOCKSTEP_OK);
    for (size_t i = 0; i < LOCKSTEP_COUNT(orders); i++) {
        struct lockstep_prepare *order = &orders[i];
        order->operation.bytes[0] = (uint8_t)(i + 1);
        order->kind = LOCKSTEP_KIND_RELOAD;
        order->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
        order->drain = LOCKSTEP_DRAIN_AUTO;
        order->item_count = 1;
        MUST(lockstep_name_parse("greet", &order->items[0].module));
        order->items[0].generation = i + 1;
        order->items[0].digest.bytes[0] = (uint8_t)(i + 1);
        MUST(lockstep_agent_store_vow(store, order, &intent, 1, NULL) == LOCKSTEP_OK);
        MUST(i > 0 || lockstep_agent_store_point(store, order, 2, NULL) == LOCKSTEP_OK);
    }
    resolution.operation = orders[1].operation;
    MUST(lockstep_agent_store_resolve(store, &resolution, NULL) == LOCKSTEP_OK);
}

static void must_be_sound(void)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_prepare *order = &core.duties[i].order;
        MUST(core.duties[i].state == LOCKSTEP_DUTY_FREE ||
             (lockstep_kind_text(order->kind) != NULL &&
              lockstep_drain_text(order->drain) != NULL &&
              lockstep_strategy_text(order->strategy) != NULL));
    }
}

static void drive(void)
{
    const struct lockstep_welcome welcome = {.version = 1, .epoch = 1};
    struct lockstep_message message;
    struct lockstep_time now = {5};
    lockstep_agent_welcome(&core, now, &welcome, &actions);
    lockstep_agent_host_up(&core, now, 0, NULL, 0, &actions);
    for (uint32_t i = 0; i < actions.count; i++) {
        if (actions.list[i].type == LOCKSTEP_AGENT_SEND) {
            lockstep_agent_message(&core, &actions.list[i], &message);
        }
    }
    lockstep_agent_tick(&core, lockstep_time_after(now, LOCKSTEP_HOUR), &actions);
}

static void check_resolution(void *context, const struct lockstep_agent_resolution *resolution)
{
    (void)context;
    MUST(strlen(resolution->reason) <= LOCKSTEP_TEXT_MAX);
}

static void check_doubt(void *context, const struct lockstep_id *id, const char *text,
                        const char *reason)
{
    (void)context;
    MUST(id != NULL && text != NULL && reason != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_defaults settings;
    struct lockstep_wire_prepare intent;
    struct lockstep_name service;
    if (store == NULL) {
        begin();
    }
    lockstep_defaults_init(&settings);
    lockstep_agent_init(&core, &settings, modules, LOCKSTEP_COUNT(modules));
    MUST(lockstep_name_parse("default", &service));
    MUST(lockstep_agent_add_service(&core, &service, true, (struct lockstep_time){1}) == 0);
    MUST(lockstep_journal_begin(store->journal, NULL) == LOCKSTEP_OK);
    rows_meddle(store->journal, cells, LOCKSTEP_COUNT(cells), data, size);
    if (lockstep_agent_store_load(store, &core, (struct lockstep_time){5}, NULL) == LOCKSTEP_OK) {
        must_be_sound();
        drive();
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(orders); i++) {
        if (lockstep_agent_store_intent(store, &orders[i].operation, &intent, NULL) ==
            LOCKSTEP_OK) {
            MUST(intent.intent.length <= LOCKSTEP_INTENT_MAX);
            MUST(strlen(intent.extra) <= LOCKSTEP_EXTRA_MAX);
            MUST(intent.standing.length <= LOCKSTEP_STANDING_MAX);
            MUST(intent.standing_signature.length <= LOCKSTEP_KEY_SIGNATURE);
        }
    }
    (void)lockstep_agent_store_resolutions(store, check_resolution, NULL, NULL);
    (void)lockstep_agent_store_doubts(store, check_doubt, NULL, NULL);
    lockstep_journal_rollback(store->journal);
    return 0;
}
