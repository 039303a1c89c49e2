/* When a coordinator may reconcile by itself: two looks that see the same, and nodes that are moved
 * too often. */
#include "coordinator/core/automatic.h"
#include "tests/support/cmocka.h"

#define APART  30000
#define MINUTE 60000ULL

static struct lockstep_time at(uint64_t ms)
{
    return (struct lockstep_time){1000000 + ms};
}

/* ---- two looks ------------------------------------------------------------------------------ */

struct look_row {
    const char *name;
    struct {
        uint64_t ms;
        enum lockstep_reconcile verdict;
        uint8_t target;
        uint32_t nodes[3]; /* 0: no more */
        bool holds;
    } looks[4];
};

#define REPAIR  LOCKSTEP_RECONCILE_REPAIR
#define NOTHING LOCKSTEP_RECONCILE_NOTHING

static const struct look_row rows[] = {
    {"one look is none", {{0, REPAIR, 1, {4}, false}}},
    {"two that lie apart", {{0, REPAIR, 1, {4}, false}, {APART, REPAIR, 1, {4}, true}}},
    {"two at once", {{0, REPAIR, 1, {4}, false}, {APART - 1, REPAIR, 1, {4}, false}}},
    {"it goes on holding",
     {{0, REPAIR, 1, {4}, false},
      {APART, REPAIR, 1, {4}, true},
      {APART + 1, REPAIR, 1, {4}, true}}},
    {"another version", {{0, REPAIR, 1, {4}, false}, {APART, REPAIR, 2, {4}, false}}},
    {"another node", {{0, REPAIR, 1, {4}, false}, {APART, REPAIR, 1, {5}, false}}},
    {"one node more", {{0, REPAIR, 1, {4}, false}, {APART, REPAIR, 1, {4, 5}, false}}},
    {"the same again",
     {{0, REPAIR, 1, {4, 5}, false},
      {1, REPAIR, 1, {5}, false},
      {APART, REPAIR, 1, {4, 5}, false},
      {2 * APART, REPAIR, 1, {4, 5}, true}}},
    {"all is well in between",
     {{0, REPAIR, 1, {4}, false}, {1, NOTHING, 1, {0}, false}, {APART, REPAIR, 1, {4}, false}}},
    {"all is well", {{0, NOTHING, 1, {0}, false}, {APART, NOTHING, 1, {0}, false}}},
    {"a tie",
     {{0, LOCKSTEP_RECONCILE_AMBIGUOUS, 0, {0}, false},
      {APART, LOCKSTEP_RECONCILE_AMBIGUOUS, 0, {0}, false}}},
    {"a quarantined majority",
     {{0, LOCKSTEP_RECONCILE_QUARANTINED, 1, {0}, false},
      {APART, LOCKSTEP_RECONCILE_QUARANTINED, 1, {0}, false}}},
    {"a majority against what is recorded",
     {{0, LOCKSTEP_RECONCILE_CONFLICT, 0, {0}, false},
      {APART, LOCKSTEP_RECONCILE_CONFLICT, 0, {0}, false}}},
};

static void check_looks(void **state)
{
    const struct look_row *row = *state;
    struct lockstep_sighting sighting = {.roster = 0};
    for (size_t i = 0; i < LOCKSTEP_COUNT(row->looks); i++) {
        struct lockstep_look look = {.verdict = row->looks[i].verdict,
                                     .target.bytes = {row->looks[i].target},
                                     .nodes = row->looks[i].nodes};
        while (look.node_count < 3 && look.nodes[look.node_count] != 0) {
            look.node_count++;
        }
        if (i > 0 && row->looks[i].ms == 0) {
            break;
        }
        assert_int_equal(lockstep_sighting_holds(&sighting, at(row->looks[i].ms), APART, &look),
                         row->looks[i].holds);
    }
}

/* ---- too often ------------------------------------------------------------------------------ */

static struct lockstep_damping damping;

static int begin(void **state)
{
    (void)state;
    damping = (struct lockstep_damping){.rows[0].penalty = 0};
    return 0;
}

static void move(unsigned times, uint64_t ms)
{
    for (unsigned i = 0; i < times; i++) {
        lockstep_damping_moved(&damping, at(ms), 7, 3);
    }
}

static bool holds(uint64_t ms)
{
    return lockstep_damping_holds(&damping, at(ms), 7, 3);
}

static void three_moves_are_borne(void **state)
{
    (void)state;
    assert_false(holds(0));
    move(3, 0);
    assert_false(holds(0));
}

static void the_fourth_is_one_too_many(void **state)
{
    (void)state;
    move(4, 0);
    assert_true(holds(0));
    assert_false(lockstep_damping_holds(&damping, at(0), 7, 4)); /* of this module alone */
    assert_false(lockstep_damping_holds(&damping, at(0), 8, 3)); /* on this node alone */
}

/* 4000 has to fall below 750: two half-lives lead to 1000, and half of the third to 750. */
static void it_fades(void **state)
{
    (void)state;
    move(4, 0);
    assert_true(holds(20 * MINUTE));
    assert_true(holds(25 * MINUTE));
    assert_false(holds(26 * MINUTE));
    assert_false(holds(26 * MINUTE));
    move(1, 26 * MINUTE);
    assert_false(holds(26 * MINUTE)); /* it begins with what is left, not with what was */
}

/* `status` names who is damped, also of modules that nobody looks at any more. */
static void it_fades_unasked(void **state)
{
    (void)state;
    move(4, 0);
    lockstep_damping_fade(&damping, at(25 * MINUTE));
    assert_true(damping.rows[0].damped);
    lockstep_damping_fade(&damping, at(26 * MINUTE));
    assert_false(damping.rows[0].damped);
}

static void moves_that_lie_apart_never_add_up(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        move(1, i * 10 * MINUTE); /* 1000 + half of at most 2000 */
        assert_false(holds(i * 10 * MINUTE));
    }
}

static void what_is_long_ago_is_forgotten(void **state)
{
    (void)state;
    move(200, 0);
    assert_true(holds(MINUTE));
    assert_false(holds(UINT64_MAX / 2));
}

/* There is no end to nodes, but to rows: who has the least penalty makes room. */
static void the_worst_are_kept(void **state)
{
    (void)state;
    move(4, 0);
    for (uint32_t node = 100; node < 100 + 3 * LOCKSTEP_DAMPING_MAX; node++) {
        lockstep_damping_moved(&damping, at(0), node, 3);
    }
    assert_true(holds(0));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(three_moves_are_borne, begin),
        cmocka_unit_test_setup(the_fourth_is_one_too_many, begin),
        cmocka_unit_test_setup(it_fades, begin),
        cmocka_unit_test_setup(it_fades_unasked, begin),
        cmocka_unit_test_setup(moves_that_lie_apart_never_add_up, begin),
        cmocka_unit_test_setup(what_is_long_ago_is_forgotten, begin),
        cmocka_unit_test_setup(the_worst_are_kept, begin),
    };
    int failed = LOCKSTEP_RUN_TABLE("looks", rows, check_looks);
    failed += cmocka_run_group_tests_name("damping", tests, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
