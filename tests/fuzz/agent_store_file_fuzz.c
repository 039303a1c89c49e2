/* An agent's journal that is damaged or was made by somebody else: opened or refused with a reason,
 * and what was opened is loaded, told and written to as far as it can be. */
#include "agent/store_internal.h"
#include "tests/fuzz/journal_file.h"

static struct journal_file file;
static struct lockstep_prepare order;
static struct lockstep_agent_module modules[8];
static struct lockstep_agent core;

static void end(void)
{
    journal_file_end(&file);
}

/* One operation in doubt, one that was aborted. */
static void begin(void)
{
    const struct lockstep_wire_prepare intent = {.intent = {(const uint8_t *)"text", 4},
                                                 .extra = "x"};
    const struct lockstep_digest refused = {.bytes = {9}};
    struct lockstep_prepare aborted = {.operation = {.bytes = {2}}};
    struct lockstep_agent_store *store = NULL;
    rows_make(file.directory);
    MUST(atexit(end) == 0);
    MUST(lockstep_agent_store_open(file.directory, &store, NULL) == LOCKSTEP_OK);
    order.operation.bytes[0] = 1;
    order.kind = LOCKSTEP_KIND_RELOAD;
    order.strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    order.drain = LOCKSTEP_DRAIN_AUTO;
    order.item_count = 1;
    MUST(lockstep_name_parse("greet", &order.items[0].module));
    order.items[0].generation = 1;
    order.items[0].digest.bytes[0] = 1;
    MUST(lockstep_agent_store_vow(store, &order, &intent, 1, NULL) == LOCKSTEP_OK);
    MUST(lockstep_agent_store_point(store, &order, 2, NULL) == LOCKSTEP_OK);
    MUST(lockstep_agent_store_note(store, &aborted, LOCKSTEP_DUTY_ROW_ABORTED, "no", 3, NULL) ==
         LOCKSTEP_OK);
    MUST(lockstep_agent_store_quarantine(store, &refused, 1, NULL) == LOCKSTEP_OK);
    store = lockstep_agent_store_close(store);
    journal_file_keep(&file);
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

static void must_be_sound(void)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_prepare *duty = &core.duties[i].order;
        MUST(core.duties[i].state == LOCKSTEP_DUTY_FREE ||
             (lockstep_kind_text(duty->kind) != NULL &&
              lockstep_strategy_text(duty->strategy) != NULL));
    }
}

static void use(struct lockstep_agent_store *store)
{
    struct lockstep_defaults settings;
    const struct lockstep_wire_prepare more = {.intent = {(const uint8_t *)"more", 4}, .extra = ""};
    struct lockstep_wire_prepare intent;
    struct lockstep_name service;
    lockstep_defaults_init(&settings);
    lockstep_agent_init(&core, &settings, modules, LOCKSTEP_COUNT(modules));
    MUST(lockstep_name_parse("default", &service));
    MUST(lockstep_agent_add_service(&core, &service, true, (struct lockstep_time){1}) == 0);
    if (lockstep_agent_store_load(store, &core, (struct lockstep_time){5}, NULL) == LOCKSTEP_OK) {
        must_be_sound();
    }
    if (lockstep_agent_store_intent(store, &order.operation, &intent, NULL) == LOCKSTEP_OK) {
        MUST(intent.intent.length <= LOCKSTEP_INTENT_MAX);
        MUST(strlen(intent.extra) <= LOCKSTEP_EXTRA_MAX);
    }
    (void)lockstep_agent_store_resolutions(store, check_resolution, NULL, NULL);
    (void)lockstep_agent_store_doubts(store, check_doubt, NULL, NULL);
    order.operation.bytes[0] = 3;
    (void)lockstep_agent_store_vow(store, &order, &more, 4, NULL);
    order.operation.bytes[0] = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lockstep_agent_store *store = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (file.good == NULL) {
        begin();
    }
    journal_file_put(&file, data, size);
    if (lockstep_agent_store_open(file.directory, &store, &err) == LOCKSTEP_OK) {
        use(store);
    } else {
        MUST(store == NULL && err.message[0] != '\0');
    }
    store = lockstep_agent_store_close(store);
    return 0;
}
