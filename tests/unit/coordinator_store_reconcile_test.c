/* The mode of reconciling in the journal, and the intent that once named a version. */
#include "coordinator/store_reconcile.h"
#include "tests/support/coordinator_store.h"

static struct lockstep_reconcile_row row;
static struct lockstep_naming_row naming;

static int set_up(void **state)
{
    *state = make_place();
    return 0;
}

static int tear_down(void **state)
{
    remove_place(*state);
    return 0;
}

static void read_mode(struct place *place)
{
    assert_int_equal(lockstep_store_reconcile(place->store, &row, NULL), LOCKSTEP_OK);
}

static void observe_is_what_nobody_has_set(void **state)
{
    read_mode(*state);
    assert_int_equal(row.mode, LOCKSTEP_MODE_OBSERVE);
    assert_int_equal(row.since_unix_ms, 0);
}

static void a_mode_is_kept_and_replaced(void **state)
{
    struct place *place = *state;
    struct lockstep_reconcile_row set = {.mode = LOCKSTEP_MODE_AUTO,
                                         .standing = "an order",
                                         .standing_length = 8,
                                         .signature = {1, 2, 3},
                                         .signer = "ann",
                                         .since_unix_ms = NOW};
    uint64_t index = lockstep_store_index(place->store);
    assert_int_equal(lockstep_store_reconcile_set(place->store, &set, &somebody, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_index(place->store), index + 1); /* it is audited */
    open_again(place);
    read_mode(place);
    assert_memory_equal(&row, &set, sizeof(row));
    set.standing[7] = 'R';
    set.signature[2] = 4;
    assert_int_equal(lockstep_store_reconcile_set(place->store, &set, &somebody, NULL),
                     LOCKSTEP_OK);
    read_mode(place);
    assert_memory_equal(&row, &set, sizeof(row));
}

/* Nodes believe none that is older: nor may the coordinator. */
static void the_newest_order_outlives_its_mode(void **state)
{
    struct place *place = *state;
    struct lockstep_reconcile_row set = {
        .mode = LOCKSTEP_MODE_AUTO, .standing = "an order", .standing_length = 8, .signer = "ann"};
    const struct lockstep_reconcile_row off = {
        .mode = LOCKSTEP_MODE_OFF, .signer = "bob", .since_unix_ms = NOW + 1};
    set.signature[0] = 1;
    assert_int_equal(lockstep_store_reconcile_set(place->store, &set, &somebody, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_reconcile_set(place->store, &off, &somebody, NULL),
                     LOCKSTEP_OK);
    read_mode(place);
    assert_int_equal(row.mode, LOCKSTEP_MODE_OFF);
    assert_string_equal(row.signer, "bob");
    assert_int_equal(row.since_unix_ms, NOW + 1);
    assert_string_equal(row.standing, "an order");
    assert_int_equal(row.signature[0], 1);
}

static void a_mode_that_is_none_is_not_believed(void **state)
{
    static const char *const sqls[] = {
        "INSERT INTO reconcile VALUES(1, 9, x'', zeroblob(64), 'ann', 1)",
        "UPDATE reconcile SET mode = 3, signature = x'01'",
        "UPDATE reconcile SET signature = zeroblob(64), standing = zeroblob(9000)",
    };
    struct place *place = *state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(sqls); i++) {
        place->store = lockstep_store_close(place->store);
        meddle(place, sqls[i]);
        open_store(place);
        assert_int_equal(lockstep_store_reconcile(place->store, &row, NULL), LOCKSTEP_CORRUPT);
    }
}

/* ---- which intent --------------------------------------------------------------------------- */

struct named {
    uint8_t id;
    enum lockstep_kind kind;
    enum lockstep_strategy strategy;
    uint8_t order; /* opened under one */
    uint8_t digest;
    const char *intent;
};

static void open_named(struct place *place, const struct named *named)
{
    struct lockstep_id id = {.bytes = {named->id}};
    struct lockstep_operation *operation = make_operation(&id);
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    assert_non_null(record);
    operation->kind = named->kind;
    operation->strategy = named->strategy;
    operation->items[0].digest.bytes[0] = named->digest;
    record->standing.bytes[0] = named->order;
    (void)snprintf(record->signer, sizeof(record->signer), "ann");
    (void)snprintf(record->intent, sizeof(record->intent), "%s", named->intent);
    record->intent_length = strlen(named->intent);
    assert_int_equal(
        lockstep_store_operation_open(place->store, operation, record, &somebody, NULL),
        LOCKSTEP_OK);
    (void)lockstep_operation_free(operation);
    free(record);
}

/* The intent that named VERSION of MODULE; NULL if none did. */
static const char *find(struct place *place, const char *module, uint8_t version)
{
    struct lockstep_digest digest = {{version}};
    struct lockstep_name name;
    bool found = false;
    assert_true(lockstep_name_parse(module, &name));
    assert_int_equal(lockstep_store_naming(place->store, &name, &digest, &naming, &found, NULL),
                     LOCKSTEP_OK);
    assert_true(!found || strcmp(naming.signer, "ann") == 0);
    assert_true(!found || naming.intent_length == strlen(naming.intent));
    return found ? naming.intent : NULL;
}

static void the_newest_that_was_meant_for_more_than_one_names_it(void **state)
{
    static const struct named all[] = {
        {1, LOCKSTEP_KIND_RELOAD, LOCKSTEP_STRATEGY_SYNC_ALL, 0, 5, "first"},
        {2, LOCKSTEP_KIND_RELOAD, LOCKSTEP_STRATEGY_QUORUM, 0, 6, "another version"},
        {3, LOCKSTEP_KIND_RECONCILE, LOCKSTEP_STRATEGY_ROLLING, 0, 5, "newest"},
        {4, LOCKSTEP_KIND_RELOAD, LOCKSTEP_STRATEGY_LOCAL, 0, 5, "for one node"},
        {5, LOCKSTEP_KIND_UNDO, LOCKSTEP_STRATEGY_SYNC_ALL, 0, 5, "back"},
        {6, LOCKSTEP_KIND_RECONCILE, LOCKSTEP_STRATEGY_ROLLING, 9, 5, "by itself"},
        {7, LOCKSTEP_KIND_RELOAD, LOCKSTEP_STRATEGY_LOCAL, 0, 8, "a canary"},
    };
    struct place *place = *state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(all); i++) {
        open_named(place, &all[i]);
    }
    assert_string_equal(find(place, "markdown", 5), "newest");
    assert_string_equal(find(place, "markdown", 6), "another version");
    assert_null(find(place, "markdown", 8));
    assert_null(find(place, "markdown", 7));
    assert_null(find(place, "ratelimit", 5));
}

/* What was opened under an order carries the intent that named the version, and may be all that is
 * left of it: each node it moved is recorded to run what it brought. */
static void what_is_forgotten_is_named_by_what_went_by_it(void **state)
{
    static const struct named named = {
        6, LOCKSTEP_KIND_RECONCILE, LOCKSTEP_STRATEGY_ROLLING, 9, 5, "the first"};
    struct place *place = *state;
    open_named(place, &named);
    assert_non_null(find(place, "markdown", 5));
    assert_string_equal(naming.intent, "the first");
}

static void the_order_of_an_operation_is_kept(void **state)
{
    static const struct named named = {
        1, LOCKSTEP_KIND_RECONCILE, LOCKSTEP_STRATEGY_ROLLING, 9, 5, "by itself"};
    struct place *place = *state;
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    enum lockstep_row found = LOCKSTEP_ROW_NONE;
    open_named(place, &named);
    assert_int_equal(lockstep_store_operation_load(place->store, &first, &place->operation, &found,
                                                   record, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(record->standing.bytes[0], 9);
    assert_int_equal(place->operation->kind, LOCKSTEP_KIND_RECONCILE);
    free(record);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(observe_is_what_nobody_has_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mode_is_kept_and_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_order_outlives_its_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mode_that_is_none_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_that_was_meant_for_more_than_one_names_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_named_by_what_went_by_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_order_of_an_operation_is_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
