/* Nodes, tokens, artifacts and audit of the coordinator's store. */
#include "tests/support/coordinator_store.h"

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

/* ---- nodes and tokens ----------------------------------------------------------------------- */

static void draw_token(const char *node, struct lockstep_token *token)
{
    memset(token, 0, sizeof(*token));
    assert_int_equal(lockstep_token_draw(token, NULL), LOCKSTEP_OK);
    assert_true(lockstep_name_parse(node, &token->node));
    token->cluster = cluster;
    token->expires_unix_ms = NOW + 10;
}

static bool finds(struct place *place, const struct lockstep_token *token, uint64_t now)
{
    uint8_t want[LOCKSTEP_TOKEN_PSK_BYTES];
    struct lockstep_token_found found;
    assert_int_equal(lockstep_store_token_find(place->store, token->id, now, &found, NULL),
                     LOCKSTEP_OK);
    if (found.good) {
        lockstep_token_psk(token, want);
        assert_memory_equal(found.psk, want, sizeof(want));
        assert_string_equal(found.row.node.text, token->node.text);
    }
    return found.good;
}

static void a_token_is_used_once(void **state)
{
    struct place *place = *state;
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {3};
    static const uint8_t other_key[LOCKSTEP_KEY_BYTES] = {4};
    struct lockstep_token token;
    struct lockstep_token next;
    struct lockstep_node_row row;
    const struct lockstep_arrival arrival = {.node = 0, .journal = {.bytes = {2}}};
    uint64_t index;
    draw_token("n1", &token);
    draw_token("n2", &next);
    assert_false(finds(place, &token, NOW));
    assert_int_equal(lockstep_store_token_add(place->store, &token, "env=prod", &somebody, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_token_add(place->store, &next, "", &somebody, NULL),
                     LOCKSTEP_OK);
    assert_true(finds(place, &token, NOW));
    assert_false(finds(place, &token, NOW + 10)); /* expired */
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){token.id, key, NOW + 10, "192.0.2.7:9"},
                             &somebody, &row, NULL),
        LOCKSTEP_CONFLICT);
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){token.id, key, NOW, "192.0.2.7:9"},
                             &somebody, &row, NULL),
        LOCKSTEP_OK);
    assert_int_equal(row.number, 0);
    assert_string_equal(row.name.text, "n1");
    assert_string_equal(row.labels, "env=prod");
    assert_false(row.member);
    assert_false(finds(place, &token, NOW));
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){token.id, other_key, NOW, "192.0.2.7:9"},
                             &somebody, &row, NULL),
        LOCKSTEP_CONFLICT);
    /* The key is n1's: n2's token stays good. */
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){next.id, key, NOW, "192.0.2.7:9"},
                             &somebody, &row, NULL),
        LOCKSTEP_CONFLICT);
    assert_true(finds(place, &next, NOW));
    assert_int_equal(lockstep_store_token_add(place->store, &token, "", &somebody, NULL),
                     LOCKSTEP_CONFLICT); /* n1 is enrolled */
    index = lockstep_store_index(place->store);
    assert_int_equal(lockstep_store_arrived(place->store, &arrival, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_store_index(place->store), index + 1); /* N has changed */
    assert_int_equal(lockstep_store_arrived(place->store, &arrival, 1, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_store_index(place->store), index + 1);
    open_again(place);
    assert_int_equal(lockstep_store_index(place->store), index + 2); /* and the epoch */
}

static void try_token(struct place *place, const struct lockstep_token *token, int times)
{
    for (int i = 0; i < times; i++) {
        assert_true(finds(place, token, NOW));
        assert_int_equal(lockstep_store_token_tried(place->store, token->id, NULL), LOCKSTEP_OK);
    }
}

static void check_state(struct place *place, const struct lockstep_token *token, uint64_t now,
                        const char *wanted, const char *over)
{
    struct lockstep_token_found found;
    assert_int_equal(lockstep_store_token_find(place->store, token->id, now, &found, NULL),
                     LOCKSTEP_OK);
    assert_string_equal(lockstep_token_state(&found.row, now), wanted);
    if (over == NULL) {
        assert_null(found.over);
    } else {
        assert_string_equal(found.over, over);
    }
}

static bool ends(struct place *place, const struct lockstep_token *token, uint64_t now)
{
    uint64_t before = 0;
    uint64_t after = 0;
    struct lockstep_digest head;
    bool ended = false;
    lockstep_store_audit_head(place->store, &before, &head);
    assert_int_equal(
        lockstep_store_token_revoke(place->store, token->id, now, &somebody, &ended, NULL),
        LOCKSTEP_OK);
    lockstep_store_audit_head(place->store, &after, &head);
    assert_int_equal(after - before, ended ? 1 : 0); /* what changes is audited, and only that */
    return ended;
}

static void a_revoked_token_is_over(void **state)
{
    struct place *place = *state;
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {7};
    struct lockstep_token token;
    struct lockstep_token used;
    struct lockstep_node_row node;
    draw_token("n1", &token);
    draw_token("n2", &used);
    assert_int_equal(lockstep_store_token_add(place->store, &token, "", &somebody, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_token_add(place->store, &used, "", &somebody, NULL),
                     LOCKSTEP_OK);
    assert_false(ends(place, &token, NOW + 10)); /* it has expired by then */
    check_state(place, &token, NOW + 10, "expired", "has expired");
    assert_true(ends(place, &token, NOW));
    assert_false(ends(place, &token, NOW));
    check_state(place, &token, NOW, "revoked", "was revoked");
    assert_false(finds(place, &token, NOW));
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){token.id, key, NOW, "192.0.2.7:9"},
                             &somebody, &node, NULL),
        LOCKSTEP_CONFLICT);
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){used.id, key, NOW, "192.0.2.7:9"},
                             &somebody, &node, NULL),
        LOCKSTEP_OK);
    assert_false(ends(place, &used, NOW));
    check_state(place, &used, NOW, "used", "was used already");
}

/* Who guesses at a secret is told nothing. */
static void a_burned_token_says_nothing(void **state)
{
    struct place *place = *state;
    struct lockstep_token token;
    draw_token("n1", &token);
    assert_int_equal(lockstep_store_token_add(place->store, &token, "", &somebody, NULL),
                     LOCKSTEP_OK);
    try_token(place, &token, LOCKSTEP_TOKEN_TRIES);
    check_state(place, &token, NOW, "burned", NULL);
    assert_false(ends(place, &token, NOW));
}

static void five_failures_burn_a_token(void **state)
{
    struct place *place = *state;
    struct lockstep_token token;
    draw_token("n1", &token);
    assert_int_equal(lockstep_store_token_add(place->store, &token, "", &somebody, NULL),
                     LOCKSTEP_OK);
    try_token(place, &token, LOCKSTEP_TOKEN_TRIES);
    assert_false(finds(place, &token, NOW));
}

static void the_fifth_try_may_be_the_right_one(void **state)
{
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {3};
    struct place *place = *state;
    struct lockstep_token token;
    struct lockstep_token_found found;
    struct lockstep_node_row node;
    draw_token("n1", &token);
    assert_int_equal(lockstep_store_token_add(place->store, &token, "", &somebody, NULL),
                     LOCKSTEP_OK);
    try_token(place, &token, LOCKSTEP_TOKEN_TRIES);
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){token.id, key, NOW, "192.0.2.7:9"},
                             &somebody, &node, NULL),
        LOCKSTEP_OK);
    assert_int_equal(lockstep_store_token_find(place->store, token.id, NOW, &found, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(found.row.failures, LOCKSTEP_TOKEN_TRIES - 1);
}

/* Cut labels would be other labels. */
static void labels_are_whole_or_refused(void **state)
{
    struct place *place = *state;
    struct lockstep_token token;
    char labels[LOCKSTEP_STORE_LABELS + 1];
    draw_token("n1", &token);
    memset(labels, 'a', sizeof(labels));
    labels[LOCKSTEP_STORE_LABELS] = '\0';
    assert_int_equal(lockstep_store_token_add(place->store, &token, labels, &somebody, NULL),
                     LOCKSTEP_INVALID);
    labels[LOCKSTEP_STORE_LABELS - 1] = '\0';
    assert_int_equal(lockstep_store_token_add(place->store, &token, labels, &somebody, NULL),
                     LOCKSTEP_OK);
}

static enum lockstep_err enrol_as(struct place *place, const char *name, const uint8_t *key,
                                  struct lockstep_node_row *row)
{
    struct lockstep_token token;
    draw_token(name, &token);
    if (lockstep_store_token_add(place->store, &token, "", &somebody, NULL) != LOCKSTEP_OK) {
        return LOCKSTEP_REFUSED;
    }
    return lockstep_store_enrol(place->store,
                                &(struct lockstep_enrolment){token.id, key, NOW, "192.0.2.7:9"},
                                &somebody, row, NULL);
}

static void count_module(void *context, const struct lockstep_name *module, uint64_t generation,
                         const char *placement)
{
    (void)module;
    (void)generation;
    *(int *)context += placement == NULL ? 1 : 10;
}

static void count_open(void *context, const struct lockstep_token_row *row)
{
    *(int *)context += strcmp(lockstep_token_state(row, NOW), "open") == 0 ? 1 : 0;
}

static void count_desired(void *context, const struct lockstep_desired_row *row)
{
    (void)row;
    *(int *)context += 1;
}

static void take_node(void *context, const struct lockstep_node_row *row)
{
    *(struct lockstep_node_row *)context = *row;
}

static void check_forgotten(struct place *place, bool revoked)
{
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {1};
    static const uint8_t other_key[LOCKSTEP_KEY_BYTES] = {2};
    struct lockstep_node_row row;
    uint32_t number;
    int modules = 0;
    int desired = 0;
    int open = 0;
    assert_int_equal(enrol_as(place, "n1", key, &row), LOCKSTEP_OK);
    number = row.number;
    meddle(place, "INSERT INTO module(name, generation, placement) VALUES('pay', 1, '');"
                  "INSERT INTO desired(node, module, digest, previous, operation, pin) VALUES(0, "
                  "'pay', zeroblob(32), zeroblob(32), "
                  "zeroblob(16), 0);"
                  "INSERT INTO token(id, psk, node, labels, expires, used, failures, who) "
                  "SELECT randomblob(8), psk, node, labels, expires, 0, 0, who "
                  "FROM token");
    assert_int_equal(
        lockstep_store_node_forget(place->store, number, revoked, NOW, &somebody, NULL),
        LOCKSTEP_OK);
    assert_int_equal(
        lockstep_store_node_forget(place->store, number, revoked, NOW, &somebody, NULL),
        LOCKSTEP_CONFLICT);
    assert_int_equal(lockstep_store_modules(place->store, count_module, &modules, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(modules, 1); /* known, and placed nowhere */
    assert_int_equal(lockstep_store_desired(place->store, count_desired, &desired, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(desired, 0);
    assert_int_equal(lockstep_store_tokens(place->store, count_open, &open, NULL), LOCKSTEP_OK);
    assert_int_equal(open, 0);
    open_again(place);
    assert_int_equal(enrol_as(place, "n1", key, &row), revoked ? LOCKSTEP_CONFLICT : LOCKSTEP_OK);
    if (revoked) {
        assert_int_equal(enrol_as(place, "n1", other_key, &row), LOCKSTEP_OK);
    }
    assert_int_equal(row.number, number + 1);
    assert_string_equal(row.name.text, "n1");
    assert_false(row.gone);
}

static void a_removed_node_leaves_its_name_and_key(void **state)
{
    check_forgotten(*state, false);
}

static void a_revoked_node_leaves_its_name(void **state)
{
    check_forgotten(*state, true);
}

static void a_cordon_is_kept(void **state)
{
    struct place *place = *state;
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {1};
    struct lockstep_node_row row;
    assert_int_equal(enrol_as(place, "n1", key, &row), LOCKSTEP_OK);
    assert_false(row.cordoned);
    assert_int_equal(lockstep_store_node_cordon(place->store, row.number, true, &somebody, NULL),
                     LOCKSTEP_OK);
    open_again(place);
    assert_int_equal(lockstep_store_nodes(place->store, take_node, &row, NULL), LOCKSTEP_OK);
    assert_true(row.cordoned);
}

static void a_full_fleet_takes_nobody(void **state)
{
    struct place *place = *state;
    static const uint8_t key[LOCKSTEP_KEY_BYTES] = {3};
    struct lockstep_token token;
    struct lockstep_node_row row;
    draw_token("n1", &token);
    assert_int_equal(lockstep_store_token_add(place->store, &token, "", &somebody, NULL),
                     LOCKSTEP_OK);
    meddle(place, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 16383)"
                  "INSERT INTO node SELECT i, 'm' || i, 'k' || i, '', '', 0, 0, 0, 0, 0 FROM n");
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){token.id, key, NOW, "192.0.2.7:9"},
                             &somebody, &row, NULL),
        LOCKSTEP_LIMIT);
    assert_true(finds(place, &token, NOW));
    meddle(place, "DELETE FROM node WHERE number = 16383");
    assert_int_equal(
        lockstep_store_enrol(place->store,
                             &(struct lockstep_enrolment){token.id, key, NOW, "192.0.2.7:9"},
                             &somebody, &row, NULL),
        LOCKSTEP_OK);
    assert_int_equal(row.number, 16383);
}

/* ---- artifacts ------------------------------------------------------------------------------ */

static void keep_row(void *context, const struct lockstep_artifact_row *row)
{
    *(struct lockstep_artifact_row *)context = *row;
}

static void a_version_is_one_digest(void **state)
{
    struct place *place = *state;
    struct lockstep_artifact_row row = {.digest.bytes = {1}, .version = "1.0.0", .counter = 1};
    struct lockstep_artifact_row kept;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool was = false;
    assert_true(lockstep_name_parse("markdown", &row.module));
    assert_true(lockstep_name_parse("default", &row.service));
    assert_int_equal(lockstep_store_artifact_add(place->store, &row, &somebody, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_store_artifact_add(place->store, &row, &somebody, NULL), LOCKSTEP_OK);
    row.counter = 2;
    assert_int_equal(lockstep_store_artifact_add(place->store, &row, &somebody, &err),
                     LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "markdown 1.0.0 is there already, signed with counter 1"));
    row.counter = 1;
    row.digest.bytes[0] = 2;
    assert_int_equal(lockstep_store_artifact_add(place->store, &row, &somebody, &err),
                     LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "markdown 1.0.0 is there already with other bytes"));
    row.digest.bytes[0] = 1;
    (void)snprintf(row.version, sizeof(row.version), "2.0.0");
    assert_int_equal(lockstep_store_artifact_add(place->store, &row, &somebody, &err),
                     LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "there already as markdown 1.0.0"));
    assert_int_equal(
        lockstep_store_quarantine(place->store, &row.digest, "it crashed", &somebody, NULL),
        LOCKSTEP_OK);
    open_again(place);
    assert_int_equal(lockstep_store_artifacts(place->store, "markdown", keep_row, &kept, NULL),
                     LOCKSTEP_OK);
    assert_string_equal(kept.version, "1.0.0");
    assert_string_equal(kept.by, "ann");
    assert_true(kept.quarantined);
    assert_int_equal(lockstep_store_unquarantine(place->store, &row.digest, &somebody, &was, NULL),
                     LOCKSTEP_OK);
    assert_true(was);
    assert_int_equal(lockstep_store_unquarantine(place->store, &row.digest, &somebody, &was, NULL),
                     LOCKSTEP_OK);
    assert_false(was);
}

/* ---- audit ---------------------------------------------------------------------------------- */

struct forgery {
    const char *name;
    const char *sql;
};

static const struct forgery forgeries[] = {
    {"who", "UPDATE audit SET who = 'bob' WHERE sequence = 3"},
    {"detail", "UPDATE audit SET detail = '' WHERE sequence = 3"},
    {"time", "UPDATE audit SET time = time + 1 WHERE sequence = 3"},
    {"hash", "UPDATE audit SET hash = zeroblob(32) WHERE sequence = 3"},
    {"fields that run together", "UPDATE audit SET who = 'an', what = 'ntest' WHERE sequence = 3"},
    {"a row gone", "DELETE FROM audit WHERE sequence = 3"},
    {"the end gone", "DELETE FROM audit WHERE sequence >= 3"},
};

static void check_forgery(void **state)
{
    const struct forgery *forgery = *state;
    struct lockstep_digest head;
    uint64_t bad = 9;
    uint64_t last = 0;
    struct place *place = make_place();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lockstep_store_audit(place->store, &somebody, NULL), LOCKSTEP_OK);
    }
    assert_int_equal(lockstep_store_audit_verify(place->store, &bad, &last, &head, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(bad, 0);
    assert_int_equal(last, 5); /* made, opened, and these */
    meddle(place, forgery->sql);
    assert_int_equal(lockstep_store_audit_verify(place->store, &bad, &last, &head, NULL),
                     LOCKSTEP_OK);
    assert_true(bad == 3 || bad == 4); /* the row itself, or the one that no longer follows */
    remove_place(place);
}

/* Two stores wrote two chains, each sound: swapping one for the other shows while the process that
 * knows its head runs. */
static void a_chain_hashed_anew_is_not_ours(void **state)
{
    struct place *place = *state;
    struct place *other = make_place();
    struct lockstep_digest head;
    uint64_t bad = 9;
    uint64_t last = 0;
    char sql[256];
    assert_int_equal(lockstep_store_audit(other->store,
                                          &(struct lockstep_audit){"eve", "test", "x", "{}"}, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(lockstep_store_audit(place->store, &somebody, NULL), LOCKSTEP_OK);
    (void)snprintf(sql, sizeof(sql),
                   "ATTACH '%s/journal.db' AS other; BEGIN; DELETE FROM main.audit; "
                   "INSERT INTO main.audit SELECT * FROM other.audit; COMMIT",
                   other->directory);
    meddle(place, sql);
    assert_int_equal(lockstep_store_audit_verify(place->store, &bad, &last, &head, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(bad, 3);
    remove_place(other);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_PLACE(a_token_is_used_once),
        IN_A_PLACE(five_failures_burn_a_token),
        IN_A_PLACE(a_revoked_token_is_over),
        IN_A_PLACE(a_burned_token_says_nothing),
        IN_A_PLACE(the_fifth_try_may_be_the_right_one),
        IN_A_PLACE(labels_are_whole_or_refused),
        IN_A_PLACE(a_removed_node_leaves_its_name_and_key),
        IN_A_PLACE(a_revoked_node_leaves_its_name),
        IN_A_PLACE(a_cordon_is_kept),
        IN_A_PLACE(a_full_fleet_takes_nobody),
        IN_A_PLACE(a_version_is_one_digest),
        IN_A_PLACE(a_chain_hashed_anew_is_not_ours),
    };
    int failed = cmocka_run_group_tests_name("store of the fleet", tests, NULL, NULL);
    failed += LOCKSTEP_RUN_TABLE("forgeries", forgeries, check_forgery);
    return failed == 0 ? 0 : 1;
}
