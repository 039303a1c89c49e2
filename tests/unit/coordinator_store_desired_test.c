/* What nodes are to run, and where modules are placed. */
#include "tests/support/coordinator_store.h"

static int set_up(void **state)
{
    struct place *place = make_place();
    place->operation = make_operation(&first);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    remove_place(*state);
    return 0;
}

struct wishes {
    unsigned count;
    struct lockstep_desired_row rows[8];
};

static void collect_desired(void *context, const struct lockstep_desired_row *row)
{
    struct wishes *wishes = context;
    assert_true(wishes->count < 8);
    wishes->rows[wishes->count++] = *row;
}

static struct wishes read_desired(struct place *place)
{
    struct wishes wishes = {.count = 0};
    assert_int_equal(lockstep_store_desired(place->store, collect_desired, &wishes, NULL),
                     LOCKSTEP_OK);
    return wishes;
}

/* What node 0 is to run of markdown. */
static struct lockstep_desired_row markdown_on_0(struct place *place)
{
    struct wishes wishes = read_desired(place);
    for (unsigned i = 0; i < wishes.count; i++) {
        if (wishes.rows[i].node == 0 && strcmp(wishes.rows[i].module.text, "markdown") == 0) {
            return wishes.rows[i];
        }
    }
    fail_msg("node 0 is to run no markdown");
    return wishes.rows[0];
}

static void success_is_what_nodes_are_to_run(void **state)
{
    struct place *place = *state;
    struct wishes wishes;
    open_it(place, place->operation, NULL);
    place->operation->sequence = 9;
    place->operation->parts[0].state = LOCKSTEP_PART_HEALTHY;
    place->operation->parts[1].state = LOCKSTEP_PART_OWED;
    place->operation->parts[2].state = LOCKSTEP_PART_REFUSED;
    write_state(place, place->operation, LOCKSTEP_OPERATION_DECIDING);
    assert_int_equal(lockstep_store_sequence(place->store), 9);
    assert_int_equal(read_desired(place).count, 0);
    write_state(place, place->operation, LOCKSTEP_OPERATION_SUCCEEDING);
    open_again(place);
    assert_int_equal(lockstep_store_sequence(place->store), 9);
    wishes = read_desired(place);
    assert_int_equal(wishes.count, 6); /* two items on three nodes, also the one that refused */
    for (unsigned i = 0; i < wishes.count; i++) {
        const struct lockstep_desired_row *row = &wishes.rows[i];
        unsigned item = strcmp(row->module.text, "markdown") == 0 ? 0 : 1;
        assert_int_equal(row->digest.bytes[0], 0xa0 + item);
        assert_true(row->has_previous); /* of ratelimit too: it ran none */
        assert_int_equal(row->previous.bytes[0], item == 0 ? 0x10 + row->node : 0);
        assert_true(lockstep_id_equal(&row->operation, &first));
        assert_int_equal(row->pin_unix_ms, 0); /* only a local one is a pin */
    }
}

static void a_local_success_is_a_pin(void **state)
{
    struct place *place = *state;
    place->operation->strategy = LOCKSTEP_STRATEGY_LOCAL;
    place->operation->options.pin_ms = 500;
    succeed(place, place->operation, NULL);
    assert_int_equal(markdown_on_0(place).pin_unix_ms, NOW + 500);
}

/* The version before is that before the last change, and there is none behind it. */
static void only_a_change_is_gone_back_from(void **state)
{
    struct lockstep_desired_row row;
    static const struct lockstep_id third = {.bytes = {3}};
    struct place *place = *state;
    struct lockstep_operation *same = make_operation(&second);
    struct lockstep_operation *back = make_operation(&third);
    succeed(place, place->operation, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        same->starts[(size_t)i * 2] = same->items[0].digest;
    }
    succeed(place, same, NULL);
    row = markdown_on_0(place);
    assert_int_equal(row.digest.bytes[0], 0xa0);
    assert_true(row.has_previous);
    assert_int_equal(row.previous.bytes[0], 0x10);
    assert_true(lockstep_id_equal(&row.operation, &first));
    back->kind = LOCKSTEP_KIND_UNDO;
    succeed(place, back, NULL);
    row = markdown_on_0(place);
    assert_int_equal(row.digest.bytes[0], 0x10);
    assert_false(row.has_previous);
    assert_true(lockstep_digest_is_zero(&row.previous));
    (void)lockstep_operation_free(same);
    (void)lockstep_operation_free(back);
}

/* What a node ran unrecorded and was then told to run: nobody knows what was before. */
static void the_first_record_may_have_nothing_before(void **state)
{
    struct place *place = *state;
    place->operation->starts[0] = place->operation->items[0].digest;
    succeed(place, place->operation, NULL);
    assert_false(markdown_on_0(place).has_previous);
}

/* What a node had drifted to, and is then told to run, is brought by who told it. */
static void who_makes_drift_desired_brought_it(void **state)
{
    struct lockstep_desired_row row;
    struct place *place = *state;
    struct lockstep_operation *next = make_operation(&second);
    succeed(place, place->operation, NULL);
    next->items[0].digest = next->starts[0];
    succeed(place, next, NULL);
    row = markdown_on_0(place);
    assert_int_equal(row.digest.bytes[0], 0x10);
    assert_true(lockstep_id_equal(&row.operation, &second));
    (void)lockstep_operation_free(next);
}

/* Who has gone back to nothing is to run nothing: there is no row of it, as before. */
static void going_back_to_nothing_leaves_no_row(void **state)
{
    struct wishes wishes;
    struct place *place = *state;
    struct lockstep_operation *back = make_operation(&second);
    succeed(place, place->operation, NULL);
    back->kind = LOCKSTEP_KIND_UNDO;
    open_it(place, back, NULL);
    write_state(place, back, LOCKSTEP_OPERATION_DECIDING);
    back->parts[0].state = LOCKSTEP_PART_HEALTHY;
    back->parts[1].state = LOCKSTEP_PART_OWED;
    back->parts[2].state = LOCKSTEP_PART_REFUSED;
    write_state(place, back, LOCKSTEP_OPERATION_SUCCEEDING);
    wishes = read_desired(place);
    assert_int_equal(wishes.count, 4); /* markdown on all, ratelimit where it is refused */
    for (unsigned i = 0; i < wishes.count; i++) {
        assert_false(lockstep_digest_is_zero(&wishes.rows[i].digest));
        assert_int_equal(wishes.rows[i].has_previous, wishes.rows[i].node == 2);
    }
    (void)lockstep_operation_free(back);
}

/* Zeros once meant both that a node ran nothing before and that nobody knows; and that it is to run
 * nothing. */
static void older_journals_are_understood(void **state)
{
    struct place *place = *state;
    struct wishes wishes;
    char kept[128];
    succeed(place, place->operation, NULL);
    place->store = lockstep_store_close(place->store);
    meddle(place, "UPDATE desired SET digest = zeroblob(32) WHERE node = 1;"
                  "ALTER TABLE desired DROP COLUMN has_previous;"
                  "ALTER TABLE module DROP COLUMN placement_before;"
                  "ALTER TABLE module DROP COLUMN placement_by;"
                  "ALTER TABLE token DROP COLUMN revoked;"
                  "DROP TABLE event;"
                  "ALTER TABLE node DROP COLUMN cordoned;"
                  "ALTER TABLE desired DROP COLUMN after;"
                  "DROP TABLE waiting_key;"
                  "DROP TABLE dead_key;"
                  "DROP TABLE reconcile;"
                  "ALTER TABLE operation DROP COLUMN standing;"
                  "ALTER TABLE part DROP COLUMN told;"
                  "PRAGMA user_version = 2");
    open_store(place);
    wishes = read_desired(place);
    assert_int_equal(wishes.count, 4);
    for (unsigned i = 0; i < wishes.count; i++) {
        assert_int_not_equal(wishes.rows[i].node, 1);
        assert_int_equal(wishes.rows[i].has_previous,
                         strcmp(wishes.rows[i].module.text, "markdown") == 0);
    }
    (void)snprintf(kept, sizeof(kept), "%s/journal.v2", place->directory);
    assert_int_equal(unlink(kept), 0);
}

static void collect_live(void *context, uint32_t number, const struct lockstep_live *live)
{
    struct lockstep_live *lives = context;
    if (strcmp(live->module.text, "markdown") == 0) {
        lives[number] = *live;
    }
}

/* Who restarts knows what was live, before nodes say so. */
static void success_is_live(void **state)
{
    struct place *place = *state;
    struct lockstep_live lives[3];
    struct lockstep_live before = {.generation = 1, .digest = {.bytes = {0x10}}};
    const struct lockstep_arrival arrival = {.node = 0, .live = &before, .live_count = 1};
    memset(lives, 0, sizeof(lives));
    before.module = place->operation->items[0].module;
    assert_int_equal(lockstep_store_arrived(place->store, &arrival, 1, NULL), LOCKSTEP_OK);
    succeed(place, place->operation, NULL);
    open_again(place);
    assert_int_equal(lockstep_store_lives(place->store, collect_live, lives, NULL), LOCKSTEP_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(lives[i].generation, 4);
        assert_int_equal(lives[i].digest.bytes[0], 0xa0);
    }
}

/* ---- generations ---------------------------------------------------------------------------- */

static void collect_generation(void *context, const struct lockstep_name *module,
                               uint64_t generation, const char *placement)
{
    (void)placement;
    if (strcmp(module->text, "markdown") == 0) {
        *(uint64_t *)context = generation;
    }
}

static uint64_t generation_of(struct place *place)
{
    uint64_t generation = 0;
    assert_int_equal(lockstep_store_modules(place->store, collect_generation, &generation, NULL),
                     LOCKSTEP_OK);
    return generation;
}

/* One to go and one to go back are taken when it opens; going back takes no more. */
static void generations_are_taken_once(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *child = make_operation(&second);
    open_it(place, place->operation, NULL);
    assert_int_equal(generation_of(place), 5);
    write_state(place, place->operation, LOCKSTEP_OPERATION_DECIDING);
    child->kind = LOCKSTEP_KIND_COMPENSATION;
    child->parent = first;
    child->items[0].generation = 5;
    place->operation->state = LOCKSTEP_OPERATION_DEGRADING;
    assert_int_equal(
        lockstep_store_operation_row(place->store, place->operation, child, NOW, &somebody, NULL),
        LOCKSTEP_OK);
    assert_int_equal(generation_of(place), 5);
    (void)lockstep_operation_free(child);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void collect(void *context, const struct lockstep_id *id)
{
    struct lockstep_id **next = context;
    *(*next)++ = *id;
}

static void operations_are_listed(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *next = make_operation(&second);
    struct lockstep_id ids[4];
    struct lockstep_id *end = ids;
    assert_true(lockstep_name_parse("other", &next->items[0].module));
    open_it(place, place->operation, NULL);
    open_it(place, next, NULL);
    assert_int_equal(lockstep_store_operations_newest(place->store, NULL, 9, collect, &end, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(end - ids, 2);
    assert_true(lockstep_id_equal(&ids[0], &second));
    end = ids;
    assert_int_equal(lockstep_store_operations_newest(place->store, NULL, 1, collect, &end, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(end - ids, 1);
    assert_true(lockstep_id_equal(&ids[0], &second));
    end = ids;
    assert_int_equal(
        lockstep_store_operations_newest(place->store, "markdown", 9, collect, &end, NULL),
        LOCKSTEP_OK);
    assert_int_equal(end - ids, 1);
    assert_true(lockstep_id_equal(&ids[0], &first));
    assert_int_equal(lockstep_store_operations_over(place->store, &place->operation, 1, NOW, NULL),
                     LOCKSTEP_OK);
    end = ids;
    assert_int_equal(lockstep_store_operations_unfinished(place->store, collect, &end, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(end - ids, 1);
    assert_true(lockstep_id_equal(&ids[0], &second));
    (void)lockstep_operation_free(next);
}

static unsigned count_prefix(struct place *place, const char *prefix)
{
    struct lockstep_id id;
    unsigned found = 7;
    assert_int_equal(lockstep_store_operation_prefix(place->store, prefix, &id, &found, NULL),
                     LOCKSTEP_OK);
    return found;
}

static void a_prefix_names_one_or_more(void **state)
{
    struct place *place = *state;
    struct lockstep_id near = first;
    struct lockstep_operation *next;
    char text[LOCKSTEP_ID_TEXT];
    near.bytes[15] = 1;
    next = make_operation(&near);
    open_it(place, place->operation, NULL);
    open_it(place, next, NULL);
    lockstep_id_format(&first, text);
    assert_int_equal(count_prefix(place, text), 1);
    text[8] = '\0';
    assert_int_equal(count_prefix(place, text), 2);
    text[0] = text[0] == 'b' ? 'c' : 'b';
    assert_int_equal(count_prefix(place, text), 0);
    (void)lockstep_operation_free(next);
}

/* ---- placements ----------------------------------------------------------------------------- */

struct placements {
    const char *of[2]; /* markdown, ratelimit; NULL: none */
    char text[2][32];
};

static void collect_placement(void *context, const struct lockstep_name *module,
                              uint64_t generation, const char *placement)
{
    struct placements *placements = context;
    unsigned at = strcmp(module->text, "markdown") == 0 ? 0 : 1;
    (void)generation;
    if (placement != NULL) {
        (void)snprintf(placements->text[at], sizeof(placements->text[at]), "%s", placement);
        placements->of[at] = placements->text[at];
    }
}

static void read_placements(struct place *place, struct placements *placements)
{
    *placements = (struct placements){.of = {NULL, NULL}};
    assert_int_equal(lockstep_store_modules(place->store, collect_placement, placements, NULL),
                     LOCKSTEP_OK);
}

/* A placement is written by success, kept by what comes after, and gone with the last version. */
static void who_installs_writes_the_placement(void **state)
{
    static const struct lockstep_id third = {.bytes = {3}};
    struct place *place = *state;
    struct lockstep_operation *next = make_operation(&second);
    struct lockstep_operation *back = make_operation(&third);
    struct placements placements;
    succeed(place, place->operation, "env=prod");
    open_again(place);
    read_placements(place, &placements);
    assert_string_equal(placements.of[0], "env=prod");
    assert_string_equal(placements.of[1], "env=prod");
    succeed(place, next, NULL);
    read_placements(place, &placements);
    assert_string_equal(placements.of[0], "env=prod");
    /* Every node goes back: to nothing of ratelimit, to what it ran of markdown. */
    back->kind = LOCKSTEP_KIND_UNDO;
    succeed(place, back, NULL);
    read_placements(place, &placements);
    assert_string_equal(placements.of[0], "env=prod");
    assert_null(placements.of[1]);
    (void)lockstep_operation_free(next);
    (void)lockstep_operation_free(back);
}

/* Undoes on the nodes whose bits are in NODES. */
static void undo_on(struct place *place, const struct lockstep_id *id, unsigned nodes)
{
    struct lockstep_operation *back = make_operation(id);
    back->kind = LOCKSTEP_KIND_UNDO;
    open_it(place, back, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        back->parts[i].state = nodes >> i & 1 ? LOCKSTEP_PART_HEALTHY : LOCKSTEP_PART_REFUSED;
    }
    write_state(place, back, LOCKSTEP_OPERATION_DECIDING);
    write_state(place, back, LOCKSTEP_OPERATION_SUCCEEDING);
    (void)lockstep_operation_free(back);
}

static const struct lockstep_id third = {.bytes = {3}};
static const struct lockstep_id fourth = {.bytes = {4}};

/* The placement is that of before the install, when the last of its nodes has gone back on it. */
static void who_undoes_an_install_takes_its_placement_back(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *wider = make_operation(&second);
    struct placements placements;
    succeed(place, place->operation, "env=prod");
    succeed(place, wider, "");
    undo_on(place, &third, 3);
    read_placements(place, &placements);
    assert_string_equal(placements.of[0], "");
    undo_on(place, &fourth, 4);
    read_placements(place, &placements);
    assert_string_equal(placements.of[0], "env=prod");
    (void)lockstep_operation_free(wider);
}

/* Loading the same again is no change, so what is undone is the install. */
static void what_is_loaded_again_is_still_installed(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *wider = make_operation(&second);
    struct lockstep_operation *again = make_operation(&third);
    struct placements placements;
    succeed(place, place->operation, "env=prod");
    wider->items[0].digest.bytes[0] = 0xb0;
    again->items[0].digest.bytes[0] = 0xb0;
    for (uint32_t i = 0; i < 3; i++) {
        again->starts[(size_t)i * 2] = again->items[0].digest;
    }
    succeed(place, wider, "");
    succeed(place, again, NULL);
    undo_on(place, &fourth, 7);
    read_placements(place, &placements);
    assert_string_equal(placements.of[0], "env=prod");
    (void)lockstep_operation_free(wider);
    (void)lockstep_operation_free(again);
}

/* What is undone is what came last: the install before it stands. */
static void who_undoes_something_else_leaves_the_placement(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *next = make_operation(&second);
    struct placements placements;
    succeed(place, place->operation, "env=prod");
    next->items[0].digest.bytes[0] = 0xb0;
    succeed(place, next, NULL);
    undo_on(place, &third, 7);
    read_placements(place, &placements);
    assert_string_equal(placements.of[0], "env=prod");
    (void)lockstep_operation_free(next);
}

/* An install that fails within its window has been written as a success before. */
static void a_late_failure_takes_the_placement_back(void **state)
{
    struct place *place = *state;
    struct lockstep_operation *child = make_operation(&second);
    struct placements placements;
    succeed(place, place->operation, "env=prod");
    child->kind = LOCKSTEP_KIND_COMPENSATION;
    child->parent = first;
    succeed(place, child, NULL);
    read_placements(place, &placements);
    assert_null(placements.of[0]);
    assert_null(placements.of[1]);
    (void)lockstep_operation_free(child);
}

static void who_fails_to_install_places_nothing(void **state)
{
    struct place *place = *state;
    struct placements placements;
    open_it(place, place->operation, "");
    write_state(place, place->operation, LOCKSTEP_OPERATION_DECIDING);
    write_state(place, place->operation, LOCKSTEP_OPERATION_SETTLING);
    read_placements(place, &placements);
    assert_null(placements.of[0]);
}

/* What succeeded and fell in its window is desired by nobody, also not by who never got it. */
static void what_was_taken_back_is_desired_by_nobody(void **state)
{
    struct place *place = *state;
    struct placements placements;
    struct lockstep_operation *child = make_operation(&second);
    struct wishes wishes;
    open_it(place, place->operation, "");
    place->operation->parts[0].state = LOCKSTEP_PART_HEALTHY;
    place->operation->parts[1].state = LOCKSTEP_PART_REFUSED;
    place->operation->parts[2].state = LOCKSTEP_PART_OWED;
    write_state(place, place->operation, LOCKSTEP_OPERATION_DECIDING);
    write_state(place, place->operation, LOCKSTEP_OPERATION_SUCCEEDING);
    child->kind = LOCKSTEP_KIND_COMPENSATION;
    child->parent = first;
    child->part_count = 1; /* who may run it */
    place->operation->state = LOCKSTEP_OPERATION_DEGRADING;
    assert_int_equal(
        lockstep_store_operation_row(place->store, place->operation, child, NOW, &somebody, NULL),
        LOCKSTEP_OK);
    child->parts[0].state = LOCKSTEP_PART_HEALTHY;
    write_state(place, child, LOCKSTEP_OPERATION_DECIDING);
    write_state(place, child, LOCKSTEP_OPERATION_SUCCEEDING);
    wishes = read_desired(place);
    assert_int_equal(wishes.count, 3); /* of markdown, which all had; of ratelimit none */
    for (unsigned i = 0; i < wishes.count; i++) {
        assert_string_equal(wishes.rows[i].module.text, "markdown");
        assert_int_equal(wishes.rows[i].digest.bytes[0], 0x10 + wishes.rows[i].node);
        assert_false(wishes.rows[i].has_previous);
    }
    read_placements(place, &placements);
    assert_null(placements.of[0]);
    (void)lockstep_operation_free(child);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        IN_A_PLACE(success_is_what_nodes_are_to_run),
        IN_A_PLACE(what_was_taken_back_is_desired_by_nobody),
        IN_A_PLACE(a_local_success_is_a_pin),
        IN_A_PLACE(only_a_change_is_gone_back_from),
        IN_A_PLACE(the_first_record_may_have_nothing_before),
        IN_A_PLACE(going_back_to_nothing_leaves_no_row),
        IN_A_PLACE(older_journals_are_understood),
        IN_A_PLACE(who_undoes_an_install_takes_its_placement_back),
        IN_A_PLACE(who_undoes_something_else_leaves_the_placement),
        IN_A_PLACE(what_is_loaded_again_is_still_installed),
        IN_A_PLACE(who_makes_drift_desired_brought_it),
        IN_A_PLACE(a_late_failure_takes_the_placement_back),
        IN_A_PLACE(success_is_live),
        IN_A_PLACE(generations_are_taken_once),
        IN_A_PLACE(operations_are_listed),
        IN_A_PLACE(a_prefix_names_one_or_more),
        IN_A_PLACE(who_installs_writes_the_placement),
        IN_A_PLACE(who_fails_to_install_places_nothing)};
    return cmocka_run_group_tests_name("desired", tests, NULL, NULL) == 0 ? 0 : 1;
}
