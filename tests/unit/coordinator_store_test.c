/* Life and operations of the coordinator's store. */
#include "tests/support/coordinator_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static struct place *make_place_with_operation(void)
{
    struct place *place = make_place();
    place->operation = make_operation(&first);
    return place;
}

static int set_up(void **state)
{
    *state = make_place_with_operation();
    return 0;
}

static int tear_down(void **state)
{
    remove_place(*state);
    return 0;
}

static enum lockstep_err write_open(struct place *place, struct lockstep_operation *operation,
                                    struct lockstep_error *err)
{
    static const char intent[] = "intent\n";
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    enum lockstep_err result;
    assert_non_null(record);
    memset(record->request.bytes, 0x5a, sizeof(record->request.bytes));
    memset(record->signature, 0x6b, sizeof(record->signature));
    (void)snprintf(record->signer, sizeof(record->signer), "ann");
    (void)snprintf(record->message, sizeof(record->message), "why not");
    (void)snprintf(record->intent, sizeof(record->intent), "%s", intent);
    record->intent_length = strlen(intent);
    record->opened_unix_ms = NOW;
    result = lockstep_store_operation_open(place->store, operation, record, &somebody, err);
    free(record);
    return result;
}

/* Writes the row of STATE. */
static enum lockstep_err write_row(struct place *place, unsigned state,
                                   const struct lockstep_operation *child,
                                   struct lockstep_error *err)
{
    place->operation->state = (uint8_t)state;
    return lockstep_store_operation_row(place->store, place->operation, child, NOW + state,
                                        &somebody, err);
}

static enum lockstep_row find_row(struct place *place, const struct lockstep_id *id)
{
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    assert_int_equal(lockstep_store_operation_find(place->store, id, &row, NULL), LOCKSTEP_OK);
    return row;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void every_opening_raises_the_epoch(void **state)
{
    struct place *place = *state;
    struct lockstep_id id = lockstep_store_cluster(place->store);
    struct lockstep_id incarnation = lockstep_store_incarnation(place->store);
    uint64_t epoch = lockstep_store_epoch(place->store);
    size_t length = 0;
    assert_true(lockstep_id_equal(&id, &cluster));
    assert_string_equal(lockstep_store_bundle(place->store, &length), BUNDLE);
    assert_int_equal(length, strlen(BUNDLE));
    open_again(place);
    id = lockstep_store_incarnation(place->store);
    assert_true(lockstep_id_equal(&id, &incarnation));
    assert_int_equal(lockstep_store_epoch(place->store), epoch + 1);
}

static void a_store_is_made_once(void **state)
{
    struct place *place = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s", place->directory);
    place->store = lockstep_store_close(place->store);
    assert_int_equal(lockstep_store_create(path, &cluster, BUNDLE, strlen(BUNDLE), &somebody, &err),
                     LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, path));
    meddle(place, "DELETE FROM meta");
    assert_int_equal(lockstep_store_open(path, &place->store, &err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "lockstepd init"));
}

/* ---- operations ----------------------------------------------------------------------------- */

static void collect(void *context, const struct lockstep_id *id)
{
    struct lockstep_id **next = context;
    *(*next)++ = *id;
}

static void what_was_opened_is_found_again(void **state)
{
    struct place *place = *state;
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    struct lockstep_operation *again = NULL;
    struct lockstep_id ids[4];
    struct lockstep_id *end = ids;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    assert_non_null(record);
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_OK);
    open_again(place);
    assert_int_equal(
        lockstep_store_operation_load(place->store, &first, &again, &row, record, NULL),
        LOCKSTEP_OK);
    assert_non_null(again);
    assert_int_equal(row, LOCKSTEP_ROW_OPEN);
    assert_int_equal(again->kind, place->operation->kind);
    assert_int_equal(again->strategy, place->operation->strategy);
    assert_int_equal(again->options.need, 3);
    assert_true(again->options.pin_ms == UINT64_MAX - 1);
    assert_int_equal(again->item_count, 2);
    assert_int_equal(again->part_count, 3);
    assert_memory_equal(again->items, place->operation->items, 2 * sizeof(again->items[0]));
    assert_memory_equal(again->parts, place->operation->parts, 3 * sizeof(again->parts[0]));
    assert_memory_equal(again->starts, place->operation->starts, 6 * sizeof(again->starts[0]));
    assert_non_null(again->spare);
    assert_int_equal(record->request.bytes[31], 0x5a);
    assert_string_equal(record->message, "why not");
    assert_string_equal(record->intent, "intent\n");
    assert_int_equal(record->opened_unix_ms, NOW);
    assert_int_equal(lockstep_store_operations_unfinished(place->store, collect, &end, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(end - ids, 1);
    (void)lockstep_operation_free(again);
    free(record);
}

static void an_id_is_taken_once(void **state)
{
    struct place *place = *state;
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_OK);
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(find_row(place, &first), LOCKSTEP_ROW_OPEN);
    assert_int_equal(find_row(place, &second), LOCKSTEP_ROW_NONE);
}

struct succession {
    const char *name;
    unsigned states[4]; /* the rows of these states, up to a zero */
    bool last_is_fine;
};

/* Which row may stand over which: the commit point is one. */
static const struct succession successions[] = {
    {"open, abort", {LOCKSTEP_OPERATION_ABORTING}, true},
    {"open, commit", {LOCKSTEP_OPERATION_DECIDING}, true},
    {"open, succeeded", {LOCKSTEP_OPERATION_SUCCEEDING}, false},
    {"open, final", {LOCKSTEP_OPERATION_FINALIZING}, false},
    {"commit over abort", {LOCKSTEP_OPERATION_ABORTING, LOCKSTEP_OPERATION_DECIDING}, false},
    {"abort over commit", {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_ABORTING}, false},
    {"commit twice", {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_DECIDING}, false},
    {"commit, final", {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_FINALIZING}, false},
    {"commit, degraded", {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_DEGRADING}, true},
    {"to the end",
     {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_SUCCEEDING, LOCKSTEP_OPERATION_FINALIZING},
     true},
    {"degraded in the window",
     {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_SUCCEEDING, LOCKSTEP_OPERATION_DEGRADING},
     true},
    {"degraded, succeeded",
     {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_DEGRADING, LOCKSTEP_OPERATION_SUCCEEDING},
     false},
    {"settled twice",
     {LOCKSTEP_OPERATION_DECIDING, LOCKSTEP_OPERATION_SETTLING, LOCKSTEP_OPERATION_SETTLING},
     true},
};

static void check_succession(void **state)
{
    const struct succession *succession = *state;
    struct place *place = make_place_with_operation();
    enum lockstep_row before = LOCKSTEP_ROW_OPEN;
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_OK);
    for (unsigned i = 0; i < 4 && succession->states[i] != 0; i++) {
        bool last = i == 3 || succession->states[i + 1] == 0;
        struct lockstep_error err = LOCKSTEP_ERROR_INIT;
        bool fine = write_row(place, succession->states[i], NULL, &err) == LOCKSTEP_OK;
        assert_true(fine == (!last || succession->last_is_fine));
        if (fine) {
            before = lockstep_operation_row(place->operation);
        } else {
            assert_int_equal(err.code, LOCKSTEP_CONFLICT);
            assert_false(lockstep_store_broken(place->store));
        }
        assert_int_equal(find_row(place, &first), before);
    }
    remove_place(place);
}

/* A row that was never opened must not be reported as written. */
static void nothing_is_decided_of_what_is_not_there(void **state)
{
    struct place *place = *state;
    uint64_t bad = 0;
    uint64_t last = 0;
    uint64_t before = 0;
    struct lockstep_digest head;
    lockstep_store_audit_head(place->store, &before, &head);
    assert_int_equal(write_row(place, LOCKSTEP_OPERATION_DECIDING, NULL, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(find_row(place, &first), LOCKSTEP_ROW_NONE);
    assert_int_equal(lockstep_store_audit_verify(place->store, &bad, &last, &head, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(bad, 0);
    assert_int_equal(last, before); /* no audit row without its change */
}

/* Without a soak nothing comes between COMMIT and SUCCEEDED, and yet it was live. */
static void what_succeeded_was_live(void **state)
{
    struct place *place = *state;
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    struct lockstep_operation *again = NULL;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    assert_non_null(record);
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_OK);
    assert_int_equal(write_row(place, LOCKSTEP_OPERATION_DECIDING, NULL, NULL), LOCKSTEP_OK);
    assert_int_equal(write_row(place, LOCKSTEP_OPERATION_SUCCEEDING, NULL, NULL), LOCKSTEP_OK);
    assert_int_equal(
        lockstep_store_operation_load(place->store, &first, &again, &row, record, NULL),
        LOCKSTEP_OK);
    assert_true(record->decided_unix_ms == NOW + LOCKSTEP_OPERATION_DECIDING);
    assert_true(record->live_unix_ms == NOW + LOCKSTEP_OPERATION_SUCCEEDING);
    assert_true(record->ended_unix_ms == record->live_unix_ms);
    (void)lockstep_operation_free(again);
    free(record);
}

static void a_compensation_opens_with_its_parents_end_or_not_at_all(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *child = make_operation(&second);
    struct lockstep_id ids[4];
    struct lockstep_id *end = ids;
    child->kind = LOCKSTEP_KIND_COMPENSATION;
    child->parent = first;
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_OK);
    assert_int_equal(write_row(place, LOCKSTEP_OPERATION_DECIDING, NULL, NULL), LOCKSTEP_OK);
    child->id = first; /* taken: it cannot be opened */
    assert_int_equal(write_row(place, LOCKSTEP_OPERATION_DEGRADING, child, NULL),
                     LOCKSTEP_CONFLICT);
    assert_int_equal(find_row(place, &first), LOCKSTEP_ROW_COMMIT);
    child->id = second;
    assert_int_equal(write_row(place, LOCKSTEP_OPERATION_DEGRADING, child, NULL), LOCKSTEP_OK);
    open_again(place);
    assert_int_equal(find_row(place, &first), LOCKSTEP_ROW_DEGRADED);
    assert_int_equal(find_row(place, &second), LOCKSTEP_ROW_OPEN);
    assert_int_equal(lockstep_store_operations_unfinished(place->store, collect, &end, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(end - ids, 2);
    assert_true(lockstep_id_equal(&ids[0], &first)); /* parents first */
    (void)lockstep_operation_free(child);
}

/* A coordinator that was paused while another took over. */
static void who_was_replaced_changes_nothing(void **state)
{
    struct place *place = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_digest digest = {.bytes = {1}};
    const struct lockstep_arrival arrival = {.node = 0};
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_OK);
    meddle(place, "UPDATE meta SET epoch = epoch + 1");
    assert_int_equal(write_row(place, LOCKSTEP_OPERATION_DECIDING, NULL, &err), LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "fenced"));
    assert_int_equal(find_row(place, &first), LOCKSTEP_ROW_OPEN);
    assert_int_equal(lockstep_store_operation_parts(place->store, place->operation, NOW, NULL),
                     LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_store_quarantine(place->store, &digest, "", &somebody, NULL),
                     LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_store_arrived(place->store, &arrival, 1, NULL), LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_store_audit(place->store, &somebody, NULL), LOCKSTEP_CONFLICT);
}

/* Row C6 of the crash table: COMMIT is durable, nobody knows it, the process dies. */
static void a_decision_outlives_its_coordinator(void **state)
{
    struct place *place = *state;
    uint64_t epoch = lockstep_store_epoch(place->store);
    int ends[2];
    char byte;
    int status;
    pid_t pid;
    place->store = lockstep_store_close(place->store);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        if (lockstep_store_open(place->directory, &place->store, NULL) == LOCKSTEP_OK &&
            write_open(place, place->operation, NULL) == LOCKSTEP_OK &&
            write_row(place, LOCKSTEP_OPERATION_DECIDING, NULL, NULL) == LOCKSTEP_OK &&
            write(ends[1], "x", 1) == 1) {
            (void)pause();
        }
        _exit(1);
    }
    (void)close(ends[1]); /* or a child that fails would be waited for */
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(ends[0]);
    open_store(place);
    assert_int_equal(find_row(place, &first), LOCKSTEP_ROW_COMMIT);
    assert_int_equal(lockstep_store_epoch(place->store), epoch + 2);
}

struct damage {
    const char *name;
    const char *sql;
};

static const struct damage damages[] = {
    {"no such kind", "UPDATE operation SET kind = 99"},
    {"no such strategy", "UPDATE operation SET strategy = 0"},
    {"no such row", "UPDATE operation SET row = 77"},
    {"no such result", "UPDATE operation SET result = 200"},
    {"options cut", "UPDATE operation SET options = substr(options, 2)"},
    {"options too long", "UPDATE operation SET options = zeroblob(4096)"},
    {"a short digest", "UPDATE operation SET roster = x'00'"},
    {"a short signature", "UPDATE operation SET signature = x''"},
    {"an endless intent", "UPDATE operation SET intent = zeroblob(16385)"},
    {"no items", "DELETE FROM item"},
    {"no parts", "DELETE FROM part"},
    {"a name that is none", "UPDATE item SET module = '../etc' WHERE place = 0"},
    {"no such part state", "UPDATE part SET state = 99 WHERE place = 1"},
    {"a node beyond the fleet", "UPDATE part SET node = 16384 WHERE place = 1"},
    {"starts of another size", "UPDATE part SET starts = zeroblob(32) WHERE place = 2"},
};

static void check_damage(void **state)
{
    const struct damage *damage = *state;
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    struct lockstep_operation *again = NULL;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    struct place *place = make_place_with_operation();
    assert_non_null(record);
    assert_int_equal(write_open(place, place->operation, NULL), LOCKSTEP_OK);
    meddle(place, damage->sql);
    assert_int_equal(
        lockstep_store_operation_load(place->store, &first, &again, &row, record, NULL),
        LOCKSTEP_CORRUPT);
    assert_null(again);
    free(record);
    remove_place(place);
}

static bool knows(struct place *place, uint8_t number)
{
    const struct lockstep_id id = {.bytes = {number}};
    return find_row(place, &id) != LOCKSTEP_ROW_NONE;
}

/* Operation 10 brought what is desired, 11 is simply over, 12 is not over, 13 is the newest. */
static void old_operations_are_forgotten(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *operation;
    int count = -1;
    for (uint8_t i = 10; i < 14; i++) {
        const struct lockstep_id id = {.bytes = {i}};
        operation = make_operation(&id);
        if (i == 10) {
            succeed(place, operation, NULL);
        } else {
            assert_int_equal(write_open(place, operation, NULL), LOCKSTEP_OK);
        }
        if (i != 12) {
            assert_int_equal(lockstep_store_operations_over(place->store, &operation, 1, NOW, NULL),
                             LOCKSTEP_OK);
        }
        (void)lockstep_operation_free(operation);
    }
    assert_int_equal(lockstep_store_operations_forget(place->store, NOW, 1, &count, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(count, 0); /* none is older than that */
    assert_int_equal(lockstep_store_operations_forget(place->store, NOW + 1, 3, &count, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(count, 0); /* 11 is the third on its modules */
    assert_int_equal(lockstep_store_operations_forget(place->store, NOW + 1, 1, &count, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(count, 1);
    assert_true(knows(place, 10));
    assert_false(knows(place, 11));
    assert_true(knows(place, 12));
    assert_true(knows(place, 13));
    open_again(place);
    assert_true(knows(place, 12));
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_PLACE(every_opening_raises_the_epoch),
        IN_A_PLACE(a_store_is_made_once),
        IN_A_PLACE(what_was_opened_is_found_again),
        IN_A_PLACE(an_id_is_taken_once),
        IN_A_PLACE(nothing_is_decided_of_what_is_not_there),
        IN_A_PLACE(what_succeeded_was_live),
        IN_A_PLACE(a_compensation_opens_with_its_parents_end_or_not_at_all),
        IN_A_PLACE(who_was_replaced_changes_nothing),
        IN_A_PLACE(a_decision_outlives_its_coordinator),
        IN_A_PLACE(old_operations_are_forgotten),
    };
    int failed = cmocka_run_group_tests_name("store of operations", tests, NULL, NULL);
    failed += LOCKSTEP_RUN_TABLE("rows", successions, check_succession);
    failed += LOCKSTEP_RUN_TABLE("damage", damages, check_damage);
    return failed == 0 ? 0 : 1;
}
