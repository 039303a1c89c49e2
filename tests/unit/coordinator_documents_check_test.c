/* What is known of nodes, against what they are to run. */
#include "tests/support/coordinator_check.h"

/* What is different from the example's fleet, and what check then says of it. */
struct check_row {
    const char *name;
    uint32_t node;
    const char *digest; /* what the node runs; NULL: as it is */
    bool away;
    bool old;     /* its report */
    bool touched; /* and the operation is committing */
    const char *kind;
    const char *text;
};

static const struct check_row check_rows[] = {
    {"consistent", 2, "9f3c1a2e", false, false, false, NULL, "consistent: 3 of 3"},
    {"owed", 2, NULL, false, false, false, "owed", "consistent so far: 2 of 3"},
    {"drift", 0, "e07ad911", false, false, false, "other-version", "not consistent: 1 of 3"},
    {"absent", 0, NULL, true, false, false, "unknown", "consistent so far: 1 of 3"},
    {"stale", 0, NULL, false, true, false, "stale", "consistent so far: 1 of 3"},
    {"in doubt", 0, NULL, true, false, true, "in-doubt", "consistent so far: 0 of 3"},
};

static void change_fleet(const struct check_row *row)
{
    if (row->digest != NULL) {
        world.live[row->node].digest = digest_of(row->digest);
    }
    if (row->node == 2) {
        world.nodes[2].connected = true;
        world.nodes[2].ready = true;
        world.views[2].heard_unix_ms = NOW;
    }
    world.nodes[row->node].ready = !row->away;
    if (row->old) {
        world.views[row->node].report_unix_ms = NOW - 6001;
    }
    if (row->touched) {
        world.operation->state = LOCKSTEP_OPERATION_COMMITTING;
        world.operation->parts[row->node].state = (uint8_t)LOCKSTEP_PART_TOUCHED;
    }
}

static void check_check(void **state)
{
    const struct check_row *row = *state;
    json_t *made = NULL;
    json_t *first;
    (void)set_up(NULL);
    change_fleet(row);
    assert_int_equal(lockstep_document_check(&world.view, NULL, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "text")), row->text);
    assert_int_equal(json_integer_value(json_object_get(made, "exit")), row->kind == NULL ? 0 : 3);
    first = json_array_get(json_object_get(made, "differences"), 0);
    if (row->kind == NULL) {
        assert_null(first);
    } else {
        assert_string_equal(json_string_value(json_object_get(first, "kind")), row->kind);
    }
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* A module of which nothing is recorded: the majority is what is desired, if there is one. */
static void check_unrecorded(void **state)
{
    static const char *const kinds[] = {"other-version", "split"};
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    (void)state;
    (void)set_up(NULL);
    world.nodes[2].ready = true;
    world.views[2].heard_unix_ms = NOW;
    for (uint32_t i = 0; i < NODES; i++) {
        world.live[i].module = name_of("pay");
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(kinds); i++) {
        json_t *made = NULL;
        json_t *differences;
        assert_int_equal(lockstep_document_check(&world.view, &query, &made, NULL), LOCKSTEP_OK);
        differences = json_object_get(made, "differences");
        assert_int_equal(json_array_size(differences), 1);
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(differences, 0), "kind")), kinds[i]);
        json_decref(made);
        world.live[0].digest = digest_of("00000001"); /* three nodes, three versions */
    }
    assert_int_equal(tear_down(NULL), 0);
}

/* n3 came later, and runs nothing of it. n1 and n2 have the label that n3 has not. */
struct placement_row {
    const char *name;
    const char *placement;
    const char *text;
    const char *found; /* on n3, which is then a difference */
    bool undone;       /* and then all went back to nothing */
};

static const struct placement_row placement_rows[] = {
    {"who is placed is to run it, also if it came later", "", "not consistent: 2 of 3", "none",
     false},
    {"who is not placed is not missed", "env=prod", "consistent: 2 of 2", NULL, false},
    {"nobody is missed when all went back to nothing", "", "consistent: 0 of 0", NULL, true},
};

static void check_placement(void **state)
{
    const struct placement_row *row = *state;
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    json_t *made = NULL;
    json_t *first;
    (void)set_up(NULL);
    world.nodes[2].ready = true;
    world.views[2].heard_unix_ms = NOW;
    install_pay(row->placement);
    if (row->undone) {
        undo_pay();
    }
    assert_int_equal(lockstep_document_check(&world.view, &query, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "text")), row->text);
    assert_int_equal(json_integer_value(json_object_get(made, "exit")), row->found == NULL ? 0 : 3);
    first = json_array_get(json_object_get(made, "differences"), 0);
    if (row->found == NULL) {
        assert_null(first);
    } else {
        assert_string_equal(json_string_value(json_object_get(first, "kind")), "missing");
        assert_string_equal(json_string_value(json_object_get(first, "node")), "n3");
        assert_string_equal(json_string_value(json_object_get(first, "found_version")), row->found);
    }
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* A module that all have gone back from is still known, and nothing is wrong with it. */
static void check_gone(void **state)
{
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    json_t *made = NULL;
    json_t *row;
    (void)state;
    (void)set_up(NULL);
    install_pay("");
    undo_pay();
    assert_int_equal(lockstep_document_modules(&world.view, &query, &made, NULL), LOCKSTEP_OK);
    row = json_array_get(json_object_get(made, "modules"), 0);
    assert_true(json_is_true(json_object_get(row, "consistent")));
    assert_string_equal(json_string_value(json_object_get(row, "version")), "none");
    assert_true(json_is_null(json_object_get(row, "digest")));
    assert_int_equal(json_integer_value(json_object_get(row, "total")), 0);
    assert_int_equal(json_array_size(json_object_get(row, "versions")), 0);
    json_decref(made);
    assert_int_equal(lockstep_document_history(&world.view, name, 0, &made, NULL), LOCKSTEP_OK);
    row = json_array_get(json_object_get(made, "operations"), 0);
    row = json_array_get(json_object_get(row, "new"), 0);
    assert_string_equal(json_string_value(row), "none");
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* Who has to go back to nothing and is away still owes that, and nothing else is wanted of it. */
static void check_owed_to_nothing(void **state)
{
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    struct lockstep_operation *undo;
    json_t *made = NULL;
    json_t *first;
    (void)state;
    (void)set_up(NULL);
    install_pay("");
    undo = start_pay(LOCKSTEP_KIND_UNDO, NULL);
    undo->parts[1].state = (uint8_t)LOCKSTEP_PART_OWED;
    finish_pay(undo);
    undo->state = LOCKSTEP_OPERATION_FINAL;
    world.fleet.operations[1] = undo;
    world.nodes[0].live_count = 0;
    world.nodes[1].ready = false;
    assert_int_equal(lockstep_document_check(&world.view, &query, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "text")),
                        "consistent so far: 0 of 1");
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "kind")), "owed");
    assert_string_equal(json_string_value(json_object_get(first, "wanted_version")), "none");
    assert_non_null(
        strstr(json_string_value(json_object_get(first, "text")), "has yet to take it out"));
    json_decref(made);
    assert_int_equal(lockstep_document_status(&world.view, &query, &made, NULL), LOCKSTEP_OK);
    first = json_array_get(json_object_get(made, "alarms"),
                           json_array_size(json_object_get(made, "alarms")) - 1);
    assert_non_null(
        strstr(json_string_value(json_object_get(first, "text")), "has yet to bring n2 back"));
    json_decref(made);
    world.fleet.operations[1] = lockstep_operation_free(undo);
    assert_int_equal(tear_down(NULL), 0);
}

/* Who is not known is not known for a reason, and there may be something to do about it. */
struct unknown_row {
    const char *name;
    bool connected;
    bool held;
    const char *text;
    const char *next;
};

static const struct unknown_row unknown_rows[] = {
    {"away", false, false, "it is not connected; it last ran 2.4.2, heard of 1s ago",
     "lockstep node show n1"},
    {"away, and held before", false, true,
     "it is not connected; it last ran 2.4.2, heard of 1s ago", "lockstep node show n1"},
    {"joining", true, false, "it is not ready; it last ran 2.4.2, heard of 1s ago",
     "lockstep node show n1"},
    {"held", true, true, "it comes and goes, and is held; it last ran 2.4.2, heard of 1s ago",
     "lockstep node resume n1"},
};

static void check_unknown(void **state)
{
    const struct unknown_row *row = *state;
    json_t *made;
    json_t *first;
    (void)set_up(NULL);
    world.nodes[0].ready = false;
    world.nodes[0].connected = row->connected;
    world.nodes[0].held.ms = row->held ? 1 : 0;
    made = checked(NULL, "consistent so far: 1 of 3", "unknown");
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "text")), row->text);
    assert_string_equal(json_string_value(json_object_get(first, "next")), row->next);
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* A report is stale when it is older than three heartbeats, not when it is as old. */
static void check_moment_of_staleness(void **state)
{
    json_t *made = NULL;
    (void)state;
    (void)set_up(NULL);
    world.views[0].report_unix_ms = NOW - 6000;
    assert_int_equal(lockstep_document_check(&world.view, NULL, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "text")),
                        "consistent so far: 2 of 3");
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* After a first deployment all went back to nothing but one, which refused: it runs what it is not
 * to run, and its own majority does not make that right. */
static void check_extra(void **state)
{
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    json_t *made;
    json_t *first;
    (void)state;
    (void)set_up(NULL);
    install_pay("");
    undo_pay();
    world.live[1].digest = digest_of("9f3c1a2e");
    made = checked(&query, "not consistent: 0 of 1", "extra");
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "wanted_version")), "none");
    assert_string_equal(json_string_value(json_object_get(first, "found_version")), "2.4.2");
    json_decref(made);
    world.nodes[1].ready = false; /* and what it runs now is not known */
    json_decref(checked(&query, "consistent so far: 0 of 1", "unknown"));
    assert_int_equal(tear_down(NULL), 0);
}

/* It came to n3 by no placement: the others are to run it, and it is not. */
static void check_extra_beside(void **state)
{
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    (void)state;
    (void)set_up(NULL);
    install_pay("env=prod");
    world.nodes[2].ready = true;
    world.views[2].heard_unix_ms = NOW;
    world.live[2].module = name_of("pay");
    json_decref(checked(&query, "not consistent: 2 of 3", "extra"));
    assert_int_equal(tear_down(NULL), 0);
}

/* Where nothing is recorded, who is away counts and has no vote: two of three are a majority, and
 * one of three is none, whatever the second ran last. */
static void check_votes(void **state)
{
    const char *name = "pay";
    struct lockstep_document_query query = {.names = &name, .name_count = 1};
    (void)state;
    (void)set_up(NULL);
    for (uint32_t i = 0; i < NODES; i++) {
        world.live[i].module = name_of("pay");
        world.live[i].digest = digest_of("9f3c1a2e");
    }
    json_decref(checked(&query, "consistent so far: 2 of 3", "unknown"));
    world.nodes[1].ready = false;
    json_decref(checked(&query, "not consistent: 0 of 3, and no one version is desired", "split"));
    assert_int_equal(tear_down(NULL), 0);
}

/* Who is away is left out when that is asked for, and counted; it is still one of those that a
 * majority is of. */
static void check_reachable(void **state)
{
    const char *name = "pay";
    struct lockstep_document_query query = {.reachable = true};
    json_t *made;
    (void)state;
    (void)set_up(NULL);
    made = checked(&query, "consistent: 2 of 2, 1 that cannot be reached left out", NULL);
    assert_int_equal(json_integer_value(json_object_get(made, "exit")), 0);
    assert_int_equal(json_integer_value(json_object_get(made, "left_out")), 1);
    json_decref(made);
    world.live[0].digest = digest_of("e07ad911");
    json_decref(checked(&query, "not consistent: 1 of 2, 1 that cannot be reached left out",
                        "other-version"));
    for (uint32_t i = 0; i < NODES; i++) {
        world.live[i].module = name_of("pay");
    }
    query.names = &name;
    query.name_count = 1;
    json_decref(checked(&query,
                        "not consistent: 0 of 2, 1 that cannot be reached left out, and no one "
                        "version is desired",
                        "split"));
    assert_int_equal(tear_down(NULL), 0);
}

/* What n1 last reported of auth. */
static struct lockstep_wire_module *report_of_n1(void)
{
    return &world.views[0].modules[0];
}

/* A file in its module_path that is not what runs; one that is gone is not compared. */
static void check_disk(void **state)
{
    struct lockstep_document_query query = {.reachable = true};
    json_t *made;
    json_t *first;
    (void)state;
    (void)set_up(NULL);
    report_of_n1()->disk = LOCKSTEP_DISK_MODIFIED;
    report_of_n1()->disk_digest = digest_of("e07ad911");
    made = checked(&query, "not consistent: 1 of 2, 1 that cannot be reached left out",
                   "disk-differs");
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "text")),
                        "it runs 2.4.2, and the file in its module_path is 2.4.1");
    json_decref(made);
    report_of_n1()->disk = LOCKSTEP_DISK_REMOVED;
    json_decref(checked(&query, "consistent: 2 of 2, 1 that cannot be reached left out", NULL));
    assert_int_equal(tear_down(NULL), 0);
}

/* n1 runs what nobody pushed, and calls it 2.4.2 as well. */
static void check_other_bytes(void **state)
{
    struct lockstep_document_query query = {.reachable = true};
    json_t *made;
    json_t *first;
    (void)state;
    (void)set_up(NULL);
    world.live[0].digest = digest_of("00000001");
    report_of_n1()->digest = digest_of("00000001");
    made = checked(&query, "not consistent: 1 of 2, 1 that cannot be reached left out",
                   "other-bytes");
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "text")),
                        "it runs 00000001 with other bytes than those of auth@2.4.2");
    assert_string_equal(json_string_value(json_object_get(first, "next")),
                        "lockstep reload auth@2.4.2 --strategy sync_all --node n1");
    json_decref(made);
    (void)snprintf(report_of_n1()->version, sizeof(report_of_n1()->version), "2.4.3");
    json_decref(checked(&query, "not consistent: 1 of 2, 1 that cannot be reached left out",
                        "other-version"));
    assert_int_equal(tear_down(NULL), 0);
}

struct pin_row {
    const char *name;
    uint64_t until;
    const char *after;
    const char *live; /* NULL: what it is pinned to */
    const char *kind;
    const char *text;
};

static const struct pin_row pin_rows[] = {
    {"a pin counts as it should be", NOW + 1, "9f3c1a2e", NULL, "owed",
     "consistent so far: 2 of 3"},
    {"also one to what all are to run", NOW + 1, "e07ad911", NULL, "owed",
     "consistent so far: 2 of 3"},
    {"who does not run what it is pinned to does not", NOW + 1, "9f3c1a2e", "9f3c1a2e",
     "other-version", "not consistent: 1 of 3"},
    {"when it is over it is drift", NOW, "9f3c1a2e", NULL, "other-version",
     "not consistent: 1 of 3"},
    {"unless all is well", NOW, "9f3c1a2e", "9f3c1a2e", "owed", "consistent so far: 2 of 3"},
    {"with nothing for then, what all others run is wanted", NOW, "00000000", NULL, "other-version",
     "not consistent: 1 of 3"},
    {"with something else for then, there is no one version", NOW, "e07ad911", NULL, "split",
     "not consistent: 2 of 3, and no one version is desired"},
};

static void check_pin(void **state)
{
    const struct pin_row *row = *state;
    json_t *made;
    json_t *pin;
    (void)set_up(NULL);
    pin_n1(row->until, row->after);
    if (row->live != NULL) {
        world.live[0].digest = digest_of(row->live);
    }
    made = checked(NULL, row->text, row->kind);
    pin = json_array_get(json_object_get(made, "pinned"), 0);
    assert_int_equal(pin != NULL, row->until > NOW);
    if (pin != NULL) {
        assert_string_equal(json_string_value(json_object_get(pin, "node")), "n1");
        assert_string_equal(json_string_value(json_object_get(pin, "version")), "2.4.1");
        assert_string_equal(json_string_value(json_object_get(pin, "next")),
                            "lockstep node unpin n1 auth");
    }
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* A pin that is over says so, and what brings the node home, unless that would be refused. */
static void check_pin_over(void **state)
{
    struct lockstep_digest quarantined = digest_of("9f3c1a2e");
    json_t *made;
    json_t *first;
    (void)state;
    (void)set_up(NULL);
    pin_n1(NOW - 1, "9f3c1a2e");
    made = checked(NULL, "not consistent: 1 of 3", "other-version");
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "text")),
                        "its pin is over: it runs 2.4.1 and is to run 2.4.2");
    assert_string_equal(json_string_value(json_object_get(first, "next")),
                        "lockstep reload auth@2.4.2 --strategy sync_all --node n1");
    json_decref(made);
    assert_int_equal(lockstep_store_quarantine(world.store, &quarantined, "bad", &audit, NULL),
                     LOCKSTEP_OK);
    made = checked(NULL, "not consistent: 1 of 3", "other-version");
    first = json_array_get(json_object_get(made, "differences"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "text")),
                        "its pin is over: it runs 2.4.1 and is to run 2.4.2, which is quarantined");
    assert_string_equal(json_string_value(json_object_get(first, "next")),
                        "lockstep module show auth");
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* A node shows its pins while they are in force, and a module's row what is wanted of it. */
static void check_pin_shown(void **state)
{
    json_t *made = NULL;
    json_t *row;
    (void)state;
    for (uint64_t until = NOW; until <= NOW + 1; until++) {
        (void)set_up(NULL);
        pin_n1(until, "9f3c1a2e");
        assert_int_equal(lockstep_document_node(&world.view, 0, &made, NULL), LOCKSTEP_OK);
        assert_int_equal(json_array_size(json_object_get(made, "pins")), until - NOW);
        json_decref(made);
        assert_int_equal(lockstep_document_node(&world.view, 1, &made, NULL), LOCKSTEP_OK);
        assert_int_equal(json_array_size(json_object_get(made, "pins")), 0);
        json_decref(made);
        assert_int_equal(lockstep_document_module(&world.view, "auth", &made, NULL), LOCKSTEP_OK);
        row = json_array_get(json_object_get(made, "rows"), 0);
        assert_string_equal(json_string_value(json_object_get(row, "state")),
                            until > NOW ? "pinned" : "other-version");
        json_decref(made);
        assert_int_equal(tear_down(NULL), 0);
    }
}

static void check_revoked(void **state)
{
    json_t *made = NULL;
    (void)state;
    (void)set_up(NULL);
    world.views[2].row.gone = true;
    assert_int_equal(lockstep_document_check(&world.view, NULL, &made, NULL), LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "text")), "consistent: 2 of 2");
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

/* A request that waits is listed, and found in the status. */
static void check_waiting(void **state)
{
    static struct lockstep_part parts[2] = {{.node = 0},
                                            {.node = 2, .state = LOCKSTEP_PART_ABSENT}};
    static struct lockstep_digest starts[2];
    struct lockstep_operation draft = {.kind = LOCKSTEP_KIND_RELOAD,
                                       .strategy = LOCKSTEP_STRATEGY_SYNC_ALL,
                                       .item_count = 1,
                                       .part_count = 2,
                                       .parts = parts,
                                       .starts = starts};
    struct lockstep_view_waiting waiting = {&draft, world.record};
    json_t *made = NULL;
    json_t *row;
    (void)state;
    (void)set_up(NULL);
    waiting.record = world.record;
    draft.id.bytes[0] = 9;
    draft.items[0].module = name_of("auth");
    world.view.waiting = &waiting;
    world.view.waiting_count = 1;
    assert_int_equal(lockstep_document_operations(&world.view, NULL, &made, NULL), LOCKSTEP_OK);
    row = json_array_get(json_object_get(made, "operations"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "state")), "waiting");
    assert_int_equal(json_array_size(json_object_get(made, "operations")), 2);
    json_decref(made);
    assert_int_equal(lockstep_document_status(&world.view, NULL, &made, NULL), LOCKSTEP_OK);
    row = json_array_get(json_object_get(made, "operations"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "state")), "waiting");
    json_decref(made);
    assert_int_equal(lockstep_document_operation(&world.view, &draft, world.record, &made, NULL),
                     LOCKSTEP_OK);
    assert_string_equal(json_string_value(json_object_get(made, "state")), "waiting");
    row = json_array_get(json_object_get(made, "parts"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "state")), "reachable");
    json_decref(made);
    assert_int_equal(tear_down(NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest others[] = {cmocka_unit_test(check_unrecorded),
                                               cmocka_unit_test(check_gone),
                                               cmocka_unit_test(check_extra),
                                               cmocka_unit_test(check_extra_beside),
                                               cmocka_unit_test(check_votes),
                                               cmocka_unit_test(check_reachable),
                                               cmocka_unit_test(check_disk),
                                               cmocka_unit_test(check_other_bytes),
                                               cmocka_unit_test(check_owed_to_nothing),
                                               cmocka_unit_test(check_moment_of_staleness),
                                               cmocka_unit_test(check_pin_over),
                                               cmocka_unit_test(check_pin_shown),
                                               cmocka_unit_test(check_revoked),
                                               cmocka_unit_test(check_waiting)};
    int failed = LOCKSTEP_RUN_TABLE("check", check_rows, check_check);
    failed += LOCKSTEP_RUN_TABLE("unknown", unknown_rows, check_unknown);
    failed += LOCKSTEP_RUN_TABLE("pin", pin_rows, check_pin);
    failed += LOCKSTEP_RUN_TABLE("placement", placement_rows, check_placement);
    failed += cmocka_run_group_tests_name("others", others, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
