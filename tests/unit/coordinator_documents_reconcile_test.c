/* What check says that reconciling would do. */
#include "tests/support/coordinator_check.h"

/* n3 is there again. */
static void bring_n3(const char *digest)
{
    world.live[2].digest = digest_of(digest);
    world.nodes[2].ready = true;
    world.views[2].heard_unix_ms = NOW;
}

static const json_t *reconcile_of(const json_t *check)
{
    const json_t *modules = json_object_get(check, "modules");
    return json_object_get(json_array_get(modules, 0), "reconcile");
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Who is asked about is not who decides: the majority is of all. */
static void check_majority_of_all(void **state)
{
    const char *name = "pay";
    const bool selected[NODES] = {true, false, false};
    struct lockstep_document_query query = {.names = &name, .name_count = 1, .selected = selected};
    const json_t *reconcile;
    json_t *made;
    (void)state;
    (void)set_up(NULL);
    for (uint32_t i = 0; i < NODES; i++) {
        world.live[i].module = name_of("pay");
        world.live[i].digest = digest_of(i == 0 ? "e07ad911" : "9f3c1a2e");
    }
    bring_n3("9f3c1a2e");
    made = checked(&query, "not consistent: 0 of 1", "other-version");
    reconcile = reconcile_of(made);
    assert_string_equal(text_of(reconcile, "verdict"), "repair");
    assert_string_equal(text_of(reconcile, "text"), "2 of 3 run 2.4.2, and 1 can be moved to it");
    assert_string_equal(json_string_value(json_array_get(json_object_get(reconcile, "nodes"), 0)),
                        "n1");
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* Two run 2.4.2, as is recorded of them; of the third another version is recorded. */
static json_t *split(const char *verdict, const char *next)
{
    json_t *made = checked(NULL, "not consistent: 3 of 3, and no one version is desired", "split");
    const json_t *first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(text_of(reconcile_of(made), "verdict"), verdict);
    assert_string_equal(text_of(first, "next"), next);
    return made;
}

/* What makes it one version again is said, unless that version is quarantined. */
static void check_split(void **state)
{
    struct lockstep_digest digest = digest_of("9f3c1a2e");
    (void)state;
    (void)set_up(NULL);
    pin_n1(NOW, "e07ad911");
    bring_n3("9f3c1a2e");
    json_decref(split("repair", "lockstep reconcile auth"));
    assert_int_equal(lockstep_store_quarantine(world.store, &digest, "bad", &audit, NULL),
                     LOCKSTEP_OK);
    json_decref(split("quarantined", "lockstep module show auth"));
    assert_int_equal(tear_down(NULL), 0);
}

struct case_row {
    const char *name;
    const char *live[NODES]; /* NULL: it is away */
    uint64_t pin_n1;         /* until then, to 2.4.1; 0: it is not */
    bool n3_cordoned;
    bool n2_silent; /* its report is old */
    const char *verdict;
    const char *text;
};

/* 2.4.2 is recorded of all. */
static const struct case_row case_rows[] = {
    {"n3 is owed and is no drift",
     {"9f3c1a2e", "9f3c1a2e", "e07ad911"},
     0,
     false,
     false,
     "nothing",
     "2 of 3 run 2.4.2"},
    {"most run what is not recorded",
     {"e07ad911", "e07ad911", "9f3c1a2e"},
     0,
     false,
     false,
     "conflict",
     "2 of 3 run 2.4.1, and 2.4.2 is recorded"},
    {"who is away is counted",
     {"9f3c1a2e", NULL, NULL},
     0,
     false,
     false,
     "ambiguous",
     "no version is known to run on more than half of 3"},
    {"who is silent is counted",
     {"9f3c1a2e", "9f3c1a2e", NULL},
     0,
     false,
     true,
     "ambiguous",
     "no version is known to run on more than half of 3"},
    {"who is pinned is counted",
     {"e07ad911", "9f3c1a2e", NULL},
     NOW + 1,
     false,
     false,
     "ambiguous",
     "no version is known to run on more than half of 3"},
    {"who is cordoned is not",
     {"e07ad911", "9f3c1a2e", "9f3c1a2e"},
     0,
     true,
     false,
     "ambiguous",
     "no version is known to run on more than half of 2"},
    {"a pin that is over binds nobody",
     {"e07ad911", "9f3c1a2e", "9f3c1a2e"},
     NOW,
     false,
     false,
     "repair",
     "2 of 3 run 2.4.2, and 1 can be moved to it"},
};

static void check_case(void **state)
{
    const struct case_row *row = *state;
    json_t *made = NULL;
    (void)set_up(NULL);
    bring_n3("9f3c1a2e");
    if (row->pin_n1 != 0) {
        pin_n1(row->pin_n1, "9f3c1a2e");
    }
    for (uint32_t i = 0; i < NODES; i++) {
        world.nodes[i].ready = row->live[i] != NULL;
        if (row->live[i] != NULL) {
            world.live[i].digest = digest_of(row->live[i]);
        }
    }
    world.nodes[2].cordoned = row->n3_cordoned;
    if (row->n2_silent) {
        world.views[1].report_unix_ms = NOW - 6001;
    }
    assert_int_equal(lockstep_document_check(&world.view, NULL, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(text_of(reconcile_of(made), "text"), row->text);
    assert_string_equal(text_of(reconcile_of(made), "verdict"), row->verdict);
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest others[] = {cmocka_unit_test(check_majority_of_all),
                                               cmocka_unit_test(check_split)};
    int failed = LOCKSTEP_RUN_TABLE("reconcile", case_rows, check_case);
    failed += cmocka_run_group_tests_name("others", others, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
