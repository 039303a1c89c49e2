/* Deadlines, and the generator that jitters them. */
#include "common/base/rng.h"
#include "common/base/time.h"
#include "tests/support/cmocka.h"

static struct lockstep_time at(uint64_t ms)
{
    return (struct lockstep_time){ms};
}

static void a_delay_of_any_length(void **state)
{
    (void)state;
    assert_int_equal(lockstep_time_after(at(5), 7).ms, 12);
    assert_int_equal(lockstep_time_after(at(5), UINT64_MAX - 5).ms, UINT64_MAX);
    assert_int_equal(lockstep_time_after(at(5), UINT64_MAX - 4).ms, UINT64_MAX);
    assert_int_equal(lockstep_time_after(at(5), UINT64_MAX).ms, UINT64_MAX);
}

static void a_deadline_is_due_when_it_is_reached(void **state)
{
    (void)state;
    assert_false(lockstep_time_due(at(10), at(9)));
    assert_true(lockstep_time_due(at(10), at(10)));
    assert_true(lockstep_time_due(at(10), at(11)));
    assert_false(lockstep_time_due(LOCKSTEP_TIME_NEVER, at(UINT64_MAX)));
    assert_false(lockstep_time_set(LOCKSTEP_TIME_NEVER));
    assert_true(lockstep_time_set(at(1)));
}

static void never_is_later_than_everything(void **state)
{
    (void)state;
    assert_int_equal(lockstep_time_earlier(at(3), at(4)).ms, 3);
    assert_int_equal(lockstep_time_earlier(at(4), at(3)).ms, 3);
    assert_int_equal(lockstep_time_earlier(LOCKSTEP_TIME_NEVER, at(4)).ms, 4);
    assert_int_equal(lockstep_time_earlier(at(4), LOCKSTEP_TIME_NEVER).ms, 4);
    assert_int_equal(lockstep_time_earlier(LOCKSTEP_TIME_NEVER, LOCKSTEP_TIME_NEVER).ms, 0);
}

/* Computed apart from this code, from the authors' description: a seed must mean the same history
 * on every machine, and for ever. */
static void a_seed_gives_its_sequence(void **state)
{
    struct lockstep_rng rng;
    (void)state;
    lockstep_rng_init(&rng, 42);
    assert_true(lockstep_rng_next(&rng) == UINT64_C(0x15780b2e0c2ec716));
    assert_true(lockstep_rng_next(&rng) == UINT64_C(0x6104d9866d113a7e));
    assert_true(lockstep_rng_next(&rng) == UINT64_C(0xae17533239e499a1));
}

/* Folding 64 bits onto three quarters of them would make the lower third come half of the time. */
static void numbers_below_a_bound_are_even(void **state)
{
    const uint64_t third = UINT64_C(1) << 62;
    struct lockstep_rng rng;
    unsigned low = 0;
    (void)state;
    lockstep_rng_init(&rng, 1);
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t number = lockstep_rng_below(&rng, 3 * third);
        assert_true(number < 3 * third);
        low += number < third;
        assert_int_equal(lockstep_rng_below(&rng, 1), 0);
    }
    assert_in_range(low, 900, 1100);
}

static void chances_come_as_often_as_they_say(void **state)
{
    struct lockstep_rng rng;
    unsigned came = 0;
    (void)state;
    lockstep_rng_init(&rng, 2);
    for (unsigned i = 0; i < 4000; i++) {
        assert_false(lockstep_rng_chance(&rng, 0, 4));
        assert_true(lockstep_rng_chance(&rng, 4, 4));
        came += lockstep_rng_chance(&rng, 1, 4);
    }
    assert_in_range(came, 850, 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delay_of_any_length),
        cmocka_unit_test(a_deadline_is_due_when_it_is_reached),
        cmocka_unit_test(never_is_later_than_everything),
        cmocka_unit_test(a_seed_gives_its_sequence),
        cmocka_unit_test(numbers_below_a_bound_are_even),
        cmocka_unit_test(chances_come_as_often_as_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
