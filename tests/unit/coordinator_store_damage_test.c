/* Rows of a coordinator's journal that no coordinator has written: refused, and said what is wrong.
 */
#include "tests/support/coordinator_store.h"

static int set_up(void **state)
{
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {5};
    struct lockstep_token token = {.id = {1}, .expires_unix_ms = NOW + 10};
    const struct lockstep_enrolment enrolment = {token.id, key, NOW, "127.0.0.1"};
    struct lockstep_node_row row;
    struct place *place = make_place();
    *state = place;
    assert_true(lockstep_name_parse("n1", &token.node));
    assert_int_equal(lockstep_store_token_add(place->store, &token, "", &somebody, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_enrol(place->store, &enrolment, &somebody, &row, NULL),
                     LOCKSTEP_OK);
    return 0;
}

static int tear_down(void **state)
{
    remove_place(*state);
    return 0;
}

struct told {
    unsigned count;
    uint32_t number;
};

static void take_node(void *context, const struct lockstep_node_row *row)
{
    struct told *told = context;
    assert_true(lockstep_name_valid(row->name.text, strlen(row->name.text)));
    told->count++;
    told->number = row->number;
}

static void take_token(void *context, const struct lockstep_token_row *row)
{
    struct told *told = context;
    assert_true(lockstep_name_valid(row->node.text, strlen(row->node.text)));
    told->count++;
}

static void nodes_are_refused(const struct place *place, const char *sql)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct told told = {0, 0};
    meddle(place, sql);
    assert_int_equal(lockstep_store_nodes(place->store, take_node, &told, &err), LOCKSTEP_CORRUPT);
    assert_non_null(strstr(err.message, "node"));
    assert_int_equal(told.count, 0);
}

static void a_node_has_a_name(void **state)
{
    struct told told = {0, 9};
    assert_int_equal(lockstep_store_nodes(((struct place *)*state)->store, take_node, &told, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.number, 0);
    nodes_are_refused(*state, "UPDATE node SET name = '../n1'");
}

/* It would be taken for number 0. */
static void a_number_of_a_node_has_its_bounds(void **state)
{
    nodes_are_refused(*state, "UPDATE node SET number = 4294967296");
    nodes_are_refused(*state, "UPDATE node SET number = -1");
    nodes_are_refused(*state, "UPDATE node SET number = 16384");
}

static void a_token_is_for_a_node(void **state)
{
    struct place *place = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_token_found found;
    struct told told = {0, 0};
    static const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES] = {1};
    assert_int_equal(lockstep_store_tokens(place->store, take_token, &told, NULL), LOCKSTEP_OK);
    assert_int_equal(told.count, 1);
    meddle(place, "UPDATE token SET node = 'a b', used = 0");
    assert_int_equal(lockstep_store_tokens(place->store, take_token, &told, &err),
                     LOCKSTEP_CORRUPT);
    assert_non_null(strstr(err.message, "token"));
    assert_int_equal(lockstep_store_token_find(place->store, id, NOW, &found, &err),
                     LOCKSTEP_CORRUPT);
    assert_false(found.good);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_PLACE(a_node_has_a_name),
        IN_A_PLACE(a_number_of_a_node_has_its_bounds),
        IN_A_PLACE(a_token_is_for_a_node),
    };
    return cmocka_run_group_tests_name("damaged store", tests, NULL, NULL);
}
