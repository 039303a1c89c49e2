/* Events of the coordinator's store: one order, bounded, read from any place. */
#include "common/io/loop.h"
#include "common/tbl/defaults.h"
#include "coordinator/store_event.h"
#include "tests/support/coordinator_store.h"

#include <stdio.h>

static int setup(void **state)
{
    *state = make_place();
    return 0;
}

static int teardown(void **state)
{
    remove_place(*state);
    return 0;
}

#define TEXT_SIZE 4096

/* What a query gives, as "12 what subject [modules] text;…". */
static void add(void *context, const struct lockstep_event *event)
{
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, TEXT_SIZE - used, "%s%s%s[%s]%s%s", used == 0 ? "" : ";",
                   event->what, event->subject[0] == '\0' ? "" : " ", event->subject,
                   event->modules, event->text);
}

static void check(const struct place *place, const struct lockstep_event_query *query,
                  const char *wanted, uint64_t missed_wanted)
{
    char text[TEXT_SIZE] = "";
    struct lockstep_event_page page = {.count = 1000, .each = add, .context = text};
    assert_int_equal(lockstep_store_events_begin(place->store, query, &page.next, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_events_read(place->store, query, &page, NULL), LOCKSTEP_OK);
    assert_string_equal(text, wanted);
    assert_int_equal(page.missed, missed_wanted);
    assert_int_equal(page.next, lockstep_store_events_last(place->store) + 1);
}

static void note(const struct place *place, const char *what, const char *subject,
                 const char *modules)
{
    const struct lockstep_event event = {
        .what = what, .subject = subject, .modules = modules, .text = ""};
    lockstep_store_event(place->store, &event);
}

static void flush(const struct place *place)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_store_events_flush(place->store, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
}

static void do_audited(const struct place *place, const char *what, const char *subject)
{
    const struct lockstep_audit audit = {.who = "ann", .what = what, .subject = subject};
    assert_int_equal(lockstep_store_audit(place->store, &audit, NULL), LOCKSTEP_OK);
}

/* The store's own beginning is two audited acts: it was made, and opened. */
#define BEGUN "test [x]{};epoch.raise[]"

static void what_is_noted_stands_before_what_is_done_later(void **state)
{
    const struct place *place = *state;
    const struct lockstep_event_query all = {0};
    check(place, &all, BEGUN, 0);
    note(place, "node.ready", "n1", "");
    assert_true(lockstep_store_events_wait(place->store));
    check(place, &all, BEGUN, 0);
    do_audited(place, "artifact.push", "auth@1.0.0");
    assert_false(lockstep_store_events_wait(place->store));
    note(place, "drift.seen", "n1", " auth ");
    flush(place);
    check(place, &all,
          BEGUN ";node.ready [n1];artifact.push [auth@1.0.0] auth ;drift.seen [n1] auth ", 0);
}

static void modules_are_filtered(void **state)
{
    const struct place *place = *state;
    struct lockstep_event_query query = {.module_count = 1};
    struct lockstep_name names[2];
    assert_true(lockstep_name_parse("auth", &names[0]));
    assert_true(lockstep_name_parse("render", &names[1]));
    query.modules = names;
    note(place, "a", "", " auth ");
    note(place, "b", "", " author ");
    note(place, "c", "", " render auth ");
    note(place, "d", "", "");
    note(place, "e", "", " render ");
    flush(place);
    check(place, &query, "a[] auth ;c[] render auth ", 0);
    query.module_count = 2;
    check(place, &query, "a[] auth ;c[] render auth ;e[] render ", 0);
    query.limit = 2;
    check(place, &query, "c[] render auth ;e[] render ", 0);
    query.modules = NULL;
    query.module_count = 0;
    check(place, &query, "d[];e[] render ", 0);
    query.limit = 0;
    query.from = 6;
    check(place, &query, "d[];e[] render ", 0);
    query.from = 8;
    check(place, &query, "", 0);
}

static void times_are_a_place_too(void **state)
{
    struct place *place = *state;
    struct lockstep_event_query query = {.since_unix_ms = lockstep_unix_ms() + LOCKSTEP_HOUR};
    check(place, &query, "", 0);
    query.since_unix_ms = lockstep_unix_ms() - LOCKSTEP_HOUR;
    check(place, &query, BEGUN, 0);
    query.from = 2;
    check(place, &query, "epoch.raise[]", 0);
    place->store = lockstep_store_close(place->store);
    meddle(place, "UPDATE event SET time = 1000 WHERE sequence = 1");
    open_store(place);
    query.from = 0;
    check(place, &query, "epoch.raise[];epoch.raise[]", 0);
}

static void only_the_newest_are_kept(void **state)
{
    struct place *place = *state;
    struct lockstep_event_query query = {.from = 1};
    lockstep_store_events_keep(place->store, 3);
    for (unsigned i = 0; i < 5; i++) {
        char what[2] = {(char)('a' + i), '\0'};
        note(place, what, "", "");
        flush(place);
    }
    assert_int_equal(lockstep_store_events_last(place->store), 7);
    check(place, &query, "c[];d[];e[]", 4);
    query.from = 6;
    check(place, &query, "d[];e[]", 0);
    query.from = 0;
    check(place, &query, "c[];d[];e[]", 0); /* nothing was asked for that is missing */
    open_again(place);                      /* numbers go on */
    assert_int_equal(lockstep_store_events_last(place->store), 8);
}

/* A disk that is full for long must not fill the memory. */
static void what_waits_is_bounded(void **state)
{
    const struct place *place = *state;
    const struct lockstep_event_query query = {.limit = LOCKSTEP_EVENT_WAITING + 1};
    char text[TEXT_SIZE] = "";
    struct lockstep_event_page page = {.count = 1, .each = add, .context = text};
    for (unsigned i = 0; i < LOCKSTEP_EVENT_WAITING + 7; i++) {
        note(place, "a", "", "");
    }
    flush(place);
    assert_int_equal(lockstep_store_events_last(place->store), 2 + 1 + LOCKSTEP_EVENT_WAITING);
    assert_int_equal(lockstep_store_events_begin(place->store, &query, &page.next, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_events_read(place->store, &query, &page, NULL), LOCKSTEP_OK);
    assert_string_equal(text, "gap[]7 events could not be kept");
}

/* Numbers are those of what is durable: a write that fails takes none. */
static void a_failure_takes_no_number(void **state)
{
    const struct place *place = *state;
    const struct lockstep_event_query all = {0};
    const struct lockstep_audit audit = {.who = "ann", .what = "b", .subject = ""};
    note(place, "a", "", "");
    meddle(place, "INSERT INTO event VALUES(4, 0, 0, 'in the way', '', '', '')");
    assert_int_not_equal(lockstep_store_audit(place->store, &audit, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_store_events_last(place->store), 2);
    note(place, "c", "", "");
    assert_int_not_equal(lockstep_store_events_flush(place->store, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_store_events_last(place->store), 2);
    meddle(place, "DELETE FROM event WHERE sequence = 4");
    do_audited(place, "b", "");
    check(place, &all, BEGUN ";a[];c[];b[]", 0);
}

static void an_operation_is_described(void **state)
{
    struct place *place = *state;
    struct lockstep_operation_record record = {.signer = "ann"};
    const struct lockstep_event_query query = {.limit = 1};
    char id[LOCKSTEP_ID_TEXT];
    char wanted[TEXT_SIZE];
    struct lockstep_audit audit = {.who = "ann", .what = "operation.OPEN", .subject = id};
    place->operation = make_operation(&first);
    lockstep_id_format(&first, id);
    assert_int_equal(
        lockstep_store_operation_open(place->store, place->operation, &record, &audit, NULL),
        LOCKSTEP_OK);
    (void)snprintf(wanted, sizeof(wanted), "operation.OPEN [%s] markdown ratelimit sync_all reload",
                   id);
    check(place, &query, wanted, 0);
}

static void count_call(void *context)
{
    unsigned *calls = context;
    ++*calls;
}

static void who_waits_is_told(void **state)
{
    const struct place *place = *state;
    unsigned calls = 0;
    lockstep_store_events_hook(place->store, count_call, &calls);
    note(place, "a", "", "");
    assert_int_equal(calls, 1);
    flush(place);
    assert_int_equal(calls, 2);
    do_audited(place, "b", "");
    assert_int_equal(calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        ROW(what_is_noted_stands_before_what_is_done_later),
        ROW(modules_are_filtered),
        ROW(times_are_a_place_too),
        ROW(only_the_newest_are_kept),
        ROW(what_waits_is_bounded),
        ROW(a_failure_takes_no_number),
        ROW(an_operation_is_described),
        ROW(who_waits_is_told),
#undef ROW
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
