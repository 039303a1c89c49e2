/* Keys that wait for a node's place in the coordinator's store. */
#include "tests/support/coordinator_store.h"

#define FROM "192.0.2.7:9"

static const uint8_t first_key[LOCKSTEP_KEY_BYTES] = {1};
static const uint8_t second_key[LOCKSTEP_KEY_BYTES] = {2};
static const uint8_t third_key[LOCKSTEP_KEY_BYTES] = {3};

static void make_token(struct place *place, const char *node, struct lockstep_token *token)
{
    memset(token, 0, sizeof(*token));
    assert_int_equal(lockstep_token_draw(token, NULL), LOCKSTEP_OK);
    assert_true(lockstep_name_parse(node, &token->node));
    token->cluster = cluster;
    token->expires_unix_ms = NOW + 10;
    assert_int_equal(lockstep_store_token_add(place->store, token, "", &somebody, NULL),
                     LOCKSTEP_OK);
}

/* Comes as NODE with KEY and a token of its own. A token that is refused stays good. */
static enum lockstep_err come(struct place *place, const char *node, const uint8_t *key,
                              struct lockstep_node_row *row)
{
    struct lockstep_token token;
    struct lockstep_token_found found;
    enum lockstep_err result;
    make_token(place, node, &token);
    result = lockstep_store_enrol(
        place->store, &(struct lockstep_enrolment){token.id, key, NOW, FROM}, &somebody, row, NULL);
    assert_int_equal(lockstep_store_token_find(place->store, token.id, NOW, &found, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(found.good, result != LOCKSTEP_OK);
    return result;
}

static void keep_last(void *context, const struct lockstep_audit_row *row)
{
    (void)snprintf(context, 32, "%s", row->what);
}

static void expect_audit(struct place *place, const char *what)
{
    struct lockstep_digest head;
    uint64_t last = 0;
    char found[32];
    lockstep_store_audit_head(place->store, &last, &head);
    assert_int_equal(lockstep_store_audit_read(place->store, last, 1, keep_last, found, NULL),
                     LOCKSTEP_OK);
    assert_string_equal(found, what);
}

static void expect_dead(struct place *place, const uint8_t *key, enum lockstep_dead_key wanted)
{
    enum lockstep_dead_key dead;
    assert_int_equal(lockstep_store_key_dead(place->store, key, &dead, NULL), LOCKSTEP_OK);
    assert_int_equal(dead, wanted);
}

static void take_node(void *context, const struct lockstep_node_row *row)
{
    *(struct lockstep_node_row *)context = *row;
}

/* The last node, as a coordinator that starts again finds it. */
static struct lockstep_node_row read_again(struct place *place)
{
    struct lockstep_node_row row;
    open_again(place);
    assert_int_equal(lockstep_store_nodes(place->store, take_node, &row, NULL), LOCKSTEP_OK);
    return row;
}

static int set_up(void **state)
{
    struct place *place = make_place();
    struct lockstep_node_row row;
    *state = place;
    assert_int_equal(come(place, "n1", first_key, &row), LOCKSTEP_OK);
    assert_memory_equal(row.key, first_key, sizeof(first_key));
    expect_audit(place, somebody.what);
    assert_int_equal(come(place, "n1", second_key, &row), LOCKSTEP_OK);
    expect_audit(place, "node.rekey-pending");
    return 0;
}

static int tear_down(void **state)
{
    remove_place(*state);
    return 0;
}

static void count_lives(void *context, uint32_t number, const struct lockstep_live *live)
{
    (void)number;
    (void)live;
    *(int *)context += 1;
}

static void a_new_key_waits(void **state)
{
    struct lockstep_node_row row = read_again(*state);
    assert_int_equal(row.number, 0);
    assert_memory_equal(row.key, first_key, sizeof(first_key));
    assert_memory_equal(row.waiting.key, second_key, sizeof(second_key));
    assert_int_equal(row.waiting.since_unix_ms, NOW);
    assert_string_equal(row.waiting.address, FROM);
}

struct arrival {
    const char *name;
    const char *node;
    const uint8_t *key;
    enum lockstep_err result;
    bool waits; /* else it is let in as the node */
};

static const struct arrival arrivals[] = {
    {"another key does not push it out", "n1", third_key, LOCKSTEP_CONFLICT, false},
    {"the same one waits on", "n1", second_key, LOCKSTEP_OK, true},
    {"the node itself may come", "n1", first_key, LOCKSTEP_OK, false},
    {"who waits does not come as another node", "n2", second_key, LOCKSTEP_CONFLICT, false},
    {"nor does a node", "n2", first_key, LOCKSTEP_CONFLICT, false},
};

static void check_arrival(void **state)
{
    const struct arrival *row = *state;
    struct lockstep_node_row node;
    void *place = NULL;
    (void)set_up(&place);
    assert_int_equal(come(place, row->node, row->key, &node), row->result);
    if (row->result == LOCKSTEP_OK) {
        assert_int_equal(memcmp(node.key, row->key, sizeof(node.key)) != 0, row->waits);
    }
    node = read_again(place);
    assert_int_equal(node.number, 0);
    assert_memory_equal(node.key, first_key, sizeof(first_key));
    assert_memory_equal(node.waiting.key, second_key, sizeof(second_key));
    (void)tear_down(&place);
}

static void keep_wish(void *context, const struct lockstep_desired_row *row)
{
    *(struct lockstep_desired_row *)context = *row;
}

static void an_admitted_key_is_the_nodes(void **state)
{
    struct place *place = *state;
    const struct lockstep_live live = {.module = {"pay"}, .generation = 1};
    const struct lockstep_arrival arrival = {.node = 0, .live = &live, .live_count = 1};
    struct lockstep_node_row row;
    struct lockstep_desired_row wish = {.node = 9};
    int lives = 0;
    assert_int_equal(lockstep_store_arrived(place->store, &arrival, 1, NULL), LOCKSTEP_OK);
    meddle(place,
           "UPDATE node SET labels = 'env=prod', member = 1, fenced = 1, cordoned = 1;"
           "INSERT INTO desired(node, module, digest, previous, operation, pin, has_previous) "
           "VALUES(0, 'pay', randomblob(32), randomblob(32), zeroblob(16), 0, 1)");
    assert_int_equal(lockstep_store_node_admit(place->store, 0, third_key, NOW, &somebody, NULL),
                     LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_store_node_admit(place->store, 1, second_key, NOW, &somebody, NULL),
                     LOCKSTEP_CONFLICT);
    expect_dead(place, first_key, LOCKSTEP_DEAD_KEY_NONE);
    assert_int_equal(lockstep_store_node_admit(place->store, 0, second_key, NOW, &somebody, NULL),
                     LOCKSTEP_OK);
    expect_audit(place, somebody.what);
    assert_int_equal(lockstep_store_node_admit(place->store, 0, second_key, NOW, &somebody, NULL),
                     LOCKSTEP_CONFLICT);
    row = read_again(place);
    assert_int_equal(row.number, 0);
    assert_memory_equal(row.key, second_key, sizeof(second_key));
    assert_int_equal(row.waiting.since_unix_ms, 0);
    assert_string_equal(row.labels, "env=prod");
    assert_true(row.member && row.cordoned);
    assert_false(row.fenced);
    assert_int_equal(lockstep_store_lives(place->store, count_lives, &lives, NULL), LOCKSTEP_OK);
    assert_int_equal(lives, 0);
    assert_int_equal(lockstep_store_desired(place->store, keep_wish, &wish, NULL), LOCKSTEP_OK);
    assert_int_equal(wish.node, 0);
    assert_false(lockstep_digest_is_zero(&wish.digest));
    assert_false(wish.has_previous);
    assert_true(lockstep_digest_is_zero(&wish.previous));
    expect_dead(place, first_key, LOCKSTEP_DEAD_KEY_REPLACED);
    expect_dead(place, second_key, LOCKSTEP_DEAD_KEY_NONE);
    assert_int_equal(come(place, "n1", first_key, &row), LOCKSTEP_CONFLICT);
    assert_int_equal(come(place, "n2", first_key, &row), LOCKSTEP_CONFLICT);
    assert_int_equal(come(place, "n1", third_key, &row), LOCKSTEP_OK); /* and so on */
    assert_memory_equal(row.waiting.key, third_key, sizeof(third_key));
}

static void a_refused_key_waits_no_more(void **state)
{
    struct place *place = *state;
    struct lockstep_node_row row;
    assert_int_equal(lockstep_store_node_refuse(place->store, 0, third_key, NOW, &somebody, NULL),
                     LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_store_node_refuse(place->store, 0, second_key, NOW, &somebody, NULL),
                     LOCKSTEP_OK);
    expect_audit(place, somebody.what);
    row = read_again(place);
    assert_memory_equal(row.key, first_key, sizeof(first_key));
    assert_int_equal(row.waiting.since_unix_ms, 0);
    expect_dead(place, second_key, LOCKSTEP_DEAD_KEY_REFUSED);
    assert_int_equal(lockstep_store_node_admit(place->store, 0, second_key, NOW, &somebody, NULL),
                     LOCKSTEP_CONFLICT);
    assert_int_equal(come(place, "n1", second_key, &row), LOCKSTEP_CONFLICT);
    assert_int_equal(come(place, "n1", third_key, &row), LOCKSTEP_OK);
    assert_memory_equal(row.waiting.key, third_key, sizeof(third_key));
}

/* Removed or revoked: nobody waits for a place that there is not. */
static void check_left(struct place *place, bool revoked)
{
    struct lockstep_node_row row;
    assert_int_equal(lockstep_store_node_forget(place->store, 0, revoked, NOW, &somebody, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_node_admit(place->store, 0, second_key, NOW, &somebody, NULL),
                     LOCKSTEP_CONFLICT);
    row = read_again(place);
    assert_int_equal(row.waiting.since_unix_ms, 0);
    expect_dead(place, second_key, LOCKSTEP_DEAD_KEY_REFUSED);
    assert_int_equal(come(place, "n1", third_key, &row), LOCKSTEP_OK);
    assert_int_equal(row.number, 1);
    assert_memory_equal(row.key, third_key, sizeof(third_key));
}

static void who_waits_for_a_removed_node_waits_no_more(void **state)
{
    check_left(*state, false);
}

static void who_waits_for_a_revoked_node_waits_no_more(void **state)
{
    check_left(*state, true);
}

/* Who has the secret has not guessed at it, however often it comes too early. */
static void who_is_refused_does_not_burn_its_token(void **state)
{
    struct place *place = *state;
    struct lockstep_token token;
    struct lockstep_token_found found;
    struct lockstep_node_row row;
    make_token(place, "n1", &token);
    for (int i = 0; i < 2 * LOCKSTEP_TOKEN_TRIES; i++) {
        assert_int_equal(lockstep_store_token_tried(place->store, token.id, NULL), LOCKSTEP_OK);
        assert_int_equal(
            lockstep_store_enrol(place->store,
                                 &(struct lockstep_enrolment){token.id, third_key, NOW, FROM},
                                 &somebody, &row, NULL),
            LOCKSTEP_CONFLICT);
        assert_int_equal(lockstep_store_token_proved(place->store, token.id, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(lockstep_store_token_find(place->store, token.id, NOW, &found, NULL),
                     LOCKSTEP_OK);
    assert_true(found.good);
    assert_int_equal(found.row.failures, 0);
}

static void a_node_that_is_there_keeps_its_labels(void **state)
{
    struct place *place = *state;
    struct lockstep_token token;
    make_token(place, "n2", &token);
    assert_true(lockstep_name_parse("n1", &token.node));
    assert_int_equal(lockstep_token_draw(&token, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_store_token_add(place->store, &token, "env=x", &somebody, NULL),
                     LOCKSTEP_CONFLICT);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_PLACE(a_new_key_waits),
        IN_A_PLACE(an_admitted_key_is_the_nodes),
        IN_A_PLACE(a_refused_key_waits_no_more),
        IN_A_PLACE(who_waits_for_a_removed_node_waits_no_more),
        IN_A_PLACE(who_waits_for_a_revoked_node_waits_no_more),
        IN_A_PLACE(who_is_refused_does_not_burn_its_token),
        IN_A_PLACE(a_node_that_is_there_keeps_its_labels),
    };
    int failed = LOCKSTEP_RUN_TABLE("arrivals", arrivals, check_arrival);
    failed += cmocka_run_group_tests_name("keys that wait", tests, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
