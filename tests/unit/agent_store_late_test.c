/* The agent's journal: what is durable when, and the room that it takes. */
#include "agent/store_internal.h"
#include "tests/support/agent_store.h"
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t count_rows(struct lockstep_agent_store *store, const char *sql)
{
    struct lockstep_query_rows rows;
    bool row = false;
    int64_t count;
    assert_int_equal(lockstep_query_begin(store->journal, sql, NULL, 0, &rows, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_query_next(&rows, &row, NULL), LOCKSTEP_OK);
    count = lockstep_row_integer(&rows, 0);
    lockstep_query_end(&rows);
    return count;
}

static struct lockstep_prepare wide_order(uint8_t id, uint32_t items)
{
    struct lockstep_prepare wide = order(id, UINT64_MAX >> 2);
    wide.item_count = items;
    for (uint32_t k = 0; k < items; k++) {
        char name[LOCKSTEP_NAME_MAX + 1];
        memset(name, 'm', sizeof(name));
        (void)snprintf(name + sizeof(name) - 8, 8, "%u-%u", k, id);
        wide.items[k] = wide.items[0];
        assert_true(lockstep_name_parse(name, &wide.items[k].module));
    }
    return wide;
}

/* Pointer rows need no room that their vows have not taken, wherever pages are full, however many
 * modules are new, and whichever comes first. */
static void a_vow_takes_the_room_of_its_pointers(void **state)
{
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_agent_store *store = open_store();
    (void)state;
    for (uint8_t i = 1; i < 100; i++) {
        struct lockstep_prepare one = wide_order(i, 1);
        struct lockstep_prepare two = wide_order(i + 100, i % 20 == 1 ? LOCKSTEP_ITEMS_MAX : 1);
        int64_t pages;
        assert_int_equal(lockstep_agent_store_vow(store, &one, &intent, 1, NULL), LOCKSTEP_OK);
        assert_int_equal(lockstep_agent_store_vow(store, &two, &intent, 1, NULL), LOCKSTEP_OK);
        pages = count_rows(store, "SELECT page_count FROM pragma_page_count()");
        assert_int_equal(lockstep_agent_store_point(store, &two, UINT64_MAX >> 2, NULL),
                         LOCKSTEP_OK);
        assert_int_equal(lockstep_agent_store_point(store, &one, UINT64_MAX >> 2, NULL),
                         LOCKSTEP_OK);
        assert_int_equal(count_rows(store, "SELECT page_count FROM pragma_page_count()"), pages);
    }
    (void)lockstep_agent_store_close(store);
}

/* ---- what is written late ------------------------------------------------------------------- */

enum then { NOTHING, SETTLED, A_VOW };

/* Applies an operation, notes its end, goes on with THEN, and is gone like a process that was
 * killed. */
static void apply_and_die(enum then then)
{
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_prepare second = order(2, 2);
    struct lockstep_agent_store *store = NULL;
    bool good = lockstep_agent_store_open(directory, &store, NULL) == LOCKSTEP_OK &&
                lockstep_agent_store_vow(store, &first, &intent, 1, NULL) == LOCKSTEP_OK &&
                lockstep_agent_store_point(store, &first, 2, NULL) == LOCKSTEP_OK &&
                lockstep_agent_store_is_settled(store) &&
                lockstep_agent_store_epoch(store, 7, 8, &first.operation, NULL) == LOCKSTEP_OK &&
                lockstep_agent_store_note(store, &first, LOCKSTEP_DUTY_ROW_FINAL, "", 3, NULL) ==
                    LOCKSTEP_OK &&
                !lockstep_agent_store_is_settled(store);
    if (then == SETTLED) {
        good = good && lockstep_agent_store_settle(store, NULL) == LOCKSTEP_OK;
    } else if (then == A_VOW) {
        good = good && lockstep_agent_store_vow(store, &second, &intent, 4, NULL) == LOCKSTEP_OK;
    }
    _exit(good ? 0 : 1);
}

static void what_is_late_is_durable_with_the_next_row(void **state)
{
    static const struct {
        enum then then;
        uint32_t ended;
        uint64_t epoch;
    } rows[] = {{NOTHING, 0, 0}, {SETTLED, 1, 7}, {A_VOW, 1, 7}};
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(rows); i++) {
        struct lockstep_agent_store *store;
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            apply_and_die(rows[i].then);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        store = open_store();
        load(store);
        assert_int_equal(core.ended_count, rows[i].ended);
        assert_int_equal(lockstep_agent_store_meta(store)->epoch, rows[i].epoch);
        (void)lockstep_agent_store_close(store);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void what_was_lost_ends_the_journal(void **state)
{
    struct lockstep_agent_store *store = open_store();
    struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare first = order(1, 1);
    struct lockstep_prepare second = order(2, 2);
    (void)state;
    assert_int_equal(
        lockstep_agent_store_note(store, &first, LOCKSTEP_DUTY_ROW_ABORTED, "", 1, NULL),
        LOCKSTEP_OK);
    assert_int_equal(lockstep_agent_store_point(store, &second, 2, NULL), LOCKSTEP_CORRUPT);
    assert_int_equal(lockstep_agent_store_vow(store, &second, &intent, 3, NULL), LOCKSTEP_CORRUPT);
    (void)lockstep_agent_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_vow_takes_the_room_of_its_pointers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_late_is_durable_with_the_next_row, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_lost_ends_the_journal, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
