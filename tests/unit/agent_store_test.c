#include "agent/store.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];
static struct lockstep_agent_module modules[8];
static struct lockstep_agent core;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/lockstep-agent-XXXXXX");
    assert_non_null(mkdtemp(directory));
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"lock", "journal.db", "journal.db-wal", "journal.db-shm"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static struct lockstep_agent_store *open_store(void)
{
    struct lockstep_agent_store *store = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_agent_store_open(directory, &store, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    return store;
}

static void load(struct lockstep_agent_store *store)
{
    struct lockstep_defaults settings;
    memset(&settings, 0, sizeof(settings));
    lockstep_agent_init(&core, &settings, modules, 8);
    assert_int_equal(lockstep_agent_store_load(store, &core, (struct lockstep_time){5}, NULL),
                     LOCKSTEP_OK);
}

static struct lockstep_prepare order(uint8_t id, uint64_t generation)
{
    struct lockstep_prepare made;
    memset(&made, 0, sizeof(made));
    made.operation.bytes[0] = id;
    made.kind = LOCKSTEP_KIND_RELOAD;
    made.strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    made.drain = LOCKSTEP_DRAIN_AUTO;
    made.item_count = 1;
    assert_true(lockstep_name_parse("greet", &made.items[0].module));
    made.items[0].generation = generation;
    made.items[0].digest.bytes[0] = id;
    return made;
}

static void a_vow_is_kept(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_prepare second = order(2, 2);
    struct lockstep_wire_prepare intent = {.intent = {(const uint8_t *)"text", 4}, .extra = "x"};
    struct lockstep_wire_prepare back;
    (void)state;
    assert_int_equal(lockstep_agent_store_point(store, &first, 1, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_agent_store_vow(store, &first, &intent, 1, NULL), LOCKSTEP_OK);
    store = lockstep_agent_store_close(store);
    store = open_store();
    load(store);
    assert_int_equal(lockstep_agent_duty(&core, &first.operation)->state, LOCKSTEP_DUTY_PREPARED);
    assert_int_equal(lockstep_agent_store_intent(store, &first.operation, &back, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(back.intent.length, 4);
    assert_memory_equal(back.intent.data, "text", 4);
    assert_string_equal(back.extra, "x");
    assert_int_equal(lockstep_agent_store_point(store, &first, 2, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_note(store, &first, LOCKSTEP_DUTY_ROW_FINAL, "", 3, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_vow(store, &second, &intent, 4, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &second, 5, NULL), LOCKSTEP_OK);
    load(store);
    assert_int_equal(core.ended_count, 1);
    assert_int_equal(core.modules[0].current.digest.bytes[0], 2);
    assert_int_equal(core.modules[0].previous.digest.bytes[0], 1);
    assert_int_equal(lockstep_agent_store_fell(store, &second, 6, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_fell(store, &second, 6, NULL), LOCKSTEP_CONFLICT);
    load(store);
    assert_int_equal(core.modules[0].generation, 2);
    assert_int_equal(core.modules[0].current.digest.bytes[0], 1);
    assert_true(lockstep_digest_is_zero(&core.modules[0].previous.digest));
    assert_int_equal(core.refused_count, 1);
    (void)lockstep_agent_store_close(store);
}

static void add_other(struct lockstep_prepare *to, uint64_t generation, uint8_t version)
{
    assert_true(lockstep_name_parse("other", &to->items[1].module));
    to->items[1].generation = generation;
    to->items[1].digest.bytes[0] = version;
    to->item_count = 2;
}

/* Of a set one module got other bytes and one did not; the agent started again in between. */
static void a_crash_loop_takes_back_what_was_replaced(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare orders[] = {order(1, 1), order(2, 2)};
    struct lockstep_agent_module *other;
    const struct lockstep_duty *duty;
    (void)state;
    add_other(&orders[0], 1, 8);
    add_other(&orders[1], 2, 9);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lockstep_agent_store_vow(store, &orders[i], &intent, 1, NULL),
                         LOCKSTEP_OK);
        assert_int_equal(lockstep_agent_store_point(store, &orders[i], 2, NULL), LOCKSTEP_OK);
        assert_int_equal(
            lockstep_agent_store_note(store, &orders[i], LOCKSTEP_DUTY_ROW_FINAL, "", 3, NULL),
            LOCKSTEP_OK);
    }
    orders[0] = order(3, 3);
    add_other(&orders[0], 3, 9);
    assert_int_equal(lockstep_agent_store_vow(store, &orders[0], &intent, 4, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &orders[0], 5, NULL), LOCKSTEP_OK);
    load(store);
    duty = lockstep_agent_duty(&core, &orders[0].operation);
    assert_int_equal(duty->order.items[0].leaving.bytes[0], 2);
    assert_int_equal(duty->order.items[1].leaving.bytes[0], 9);
    assert_int_equal(duty->left[0].generation, 2);
    assert_int_equal(lockstep_agent_store_fell(store, &duty->order, 6, NULL), LOCKSTEP_OK);
    load(store);
    assert_int_equal(core.modules[0].current.digest.bytes[0], 2);
    other = lockstep_agent_module(&core, &orders[0].items[1].module);
    assert_int_equal(other->current.digest.bytes[0], 9);
    assert_int_equal(other->previous.digest.bytes[0], 8);
    assert_int_equal(core.refused_count, 1); /* and not what `other` goes on with */
    assert_int_equal(core.refused[0].bytes[0], 3);
    (void)lockstep_agent_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_crash_loop_takes_back_what_was_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_vow_is_kept, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
