/* Pins in the journal: what sets one, keeps one and ends one, and what is to run afterwards. */
#include "tests/support/coordinator_store.h"

#define PIN 500

enum standing { FREE, PINNED, OVER, GONE };

/* What happens to markdown on node 0, one word each: r2 all are reloaded to version 2, l2 it alone,
 * b2 it goes back to 2, p2 it is pinned to 2, u it is unpinned. */
struct row {
    const char *name;
    const char *story;
    uint8_t digest;
    uint8_t after;
    enum standing standing;
};

static const struct row rows[] = {
    {"a reload of all pins nobody", "r1", 1, 0, FREE},
    {"a local one pins, and keeps what was before", "r1 l2", 2, 1, PINNED},
    {"a local one of what it runs", "r1 l1", 1, 1, PINNED},
    {"a second local one keeps it too", "r1 l2 l3", 3, 1, PINNED},
    {"of a node of which nothing was recorded there is nothing to keep", "l2", 2, 0, PINNED},
    {"a reload of all takes it along", "r1 l2 r3", 3, 0, FREE},
    {"to where it is as well", "r1 l2 r2", 2, 0, FREE},
    {"going back to where the pin began ends it", "r1 l2 b1", 1, 0, FREE},
    {"going back to an earlier pin keeps it", "r1 l2 l3 b2", 2, 1, PINNED},
    {"going back to where it is keeps it", "r1 p1 b1", 1, 1, PINNED},
    {"what is left is not to be run afterwards either", "r2 r1 p1 b2", 2, 2, PINNED},
    {"nor when the pin is over", "r1 l2 l1 u b2", 2, 2, OVER},
    {"what was taken along and goes back is pinned no more", "r1 p1 r2 b1", 1, 0, FREE},
    {"a pin to what it is to run", "r1 p1", 1, 1, PINNED},
    {"a pin to what it drifted to", "r1 p2", 2, 1, PINNED},
    {"a second pin", "r1 p1 p2", 2, 1, PINNED},
    {"a pin to what nobody recorded", "p2", 0, 0, GONE},
    {"unpinned it is over", "r1 l2 u", 2, 1, OVER},
    {"unpinned twice", "r1 l2 u u", 2, 1, OVER},
    {"unpinned and never pinned", "r1 u", 1, 0, FREE},
    {"over, and pinned again", "r1 l2 u p2", 2, 1, PINNED},
    {"over, and a local one", "r1 l2 u l3", 3, 1, PINNED},
    {"over, and brought home", "r1 l2 u r1", 1, 0, FREE},
    {"over, with nothing for then", "l2 u", 2, 0, OVER},
};

static struct lockstep_digest version(char digit)
{
    return (struct lockstep_digest){{(uint8_t)(digit - '0')}};
}

static void find_row(void *context, const struct lockstep_desired_row *row)
{
    struct lockstep_desired_row *found = context;
    if (row->node == 0 && strcmp(row->module.text, "markdown") == 0) {
        *found = *row;
    }
}

static struct lockstep_desired_row read_row(struct place *place)
{
    struct lockstep_desired_row row = {.node = UINT32_MAX};
    assert_int_equal(lockstep_store_desired(place->store, find_row, &row, NULL), LOCKSTEP_OK);
    return row;
}

static void operate(struct place *place, uint8_t number, const char *word)
{
    const struct lockstep_id id = {.bytes = {number}};
    struct lockstep_operation *operation = make_operation(&id);
    struct lockstep_digest stood = read_row(place).digest;
    operation->options.pin_ms = PIN;
    operation->strategy = word[0] == 'r' ? LOCKSTEP_STRATEGY_SYNC_ALL : LOCKSTEP_STRATEGY_LOCAL;
    if (word[0] == 'b') { /* a compensation has the strategy of what it goes back on */
        operation->kind = LOCKSTEP_KIND_UNDO;
        operation->starts[0] = version(word[1]);
    } else {
        operation->items[0].digest = version(word[1]);
        operation->starts[0] = stood;
    }
    succeed(place, operation, NULL);
    (void)lockstep_operation_free(operation);
}

static void pin(struct place *place, const char *word, bool recorded)
{
    struct lockstep_desired_row row = {
        .digest = version(word[1]), .module = {"markdown"}, .pin_unix_ms = NOW + PIN};
    bool pinned = !recorded;
    assert_int_equal(lockstep_store_pin(place->store, &row, &somebody, &pinned, NULL), LOCKSTEP_OK);
    assert_int_equal(pinned, recorded);
}

static void unpin(struct place *place)
{
    struct lockstep_desired_row stood = read_row(place);
    struct lockstep_desired_row row = {.module = {"markdown"}};
    bool was = false;
    assert_int_equal(lockstep_store_unpin(place->store, &row, NOW, &somebody, &was, NULL),
                     LOCKSTEP_OK);
    assert_int_equal(was, stood.pin_unix_ms > NOW);
}

static void play(struct place *place, const char *story)
{
    uint8_t number = 100;
    for (const char *word = story; word != NULL;
         word = strchr(word, ' ') == NULL ? NULL : strchr(word, ' ') + 1) {
        if (word[0] == 'p') {
            pin(place, word, read_row(place).node == 0);
        } else if (word[0] == 'u') {
            unpin(place);
        } else {
            operate(place, number++, word);
        }
    }
    open_again(place); /* it is all in the journal */
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct place *place = make_place();
    struct lockstep_desired_row found;
    const struct lockstep_digest *wish;
    play(place, row->story);
    found = read_row(place);
    if (row->standing == GONE) {
        assert_int_equal(found.node, UINT32_MAX);
        remove_place(place);
        return;
    }
    wish = lockstep_desired_wish(&found, NOW);
    assert_int_equal(found.digest.bytes[0], row->digest);
    assert_int_equal(found.after.bytes[0], row->after);
    assert_int_equal(found.pin_unix_ms, row->standing == FREE   ? 0
                                        : row->standing == OVER ? NOW
                                                                : NOW + PIN);
    assert_int_equal(wish == NULL ? 0 : wish->bytes[0],
                     row->standing == OVER ? row->after : row->digest);
    remove_place(place);
}

/* A pin holds until its end, and not at it. */
static void check_moment(void **state)
{
    struct lockstep_desired_row row = {
        .digest = version('1'), .after = version('2'), .pin_unix_ms = NOW};
    (void)state;
    assert_ptr_equal(lockstep_desired_wish(&row, NOW - 1), &row.digest);
    assert_ptr_equal(lockstep_desired_wish(&row, NOW), &row.after);
}

int main(void)
{
    static const struct CMUnitTest others[] = {cmocka_unit_test(check_moment)};
    int failed = LOCKSTEP_RUN_TABLE("pin", rows, check_row);
    failed += cmocka_run_group_tests_name("others", others, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
