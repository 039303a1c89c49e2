#include "agent/core/error_rate.h"

#include "tests/support/cmocka.h"

#include <math.h>

/* Chances as computed with whole numbers: the sum over k of C(n, k) C(m, K - k) / C(N, K). */
struct row {
    const char *name;
    struct lockstep_error_rate rate; /* before: calls, failed; after: calls, failed */
    double chance;
    bool worse; /* by the rule 20 calls, one in 1,000, 10 of 1,000 */
};

static const struct row rows[] = {
    {"twice as many of 60 is nothing", {60, 3, 60, 6}, 0.245307, false},
    {"nor is one and two", {60, 1, 60, 2}, 0.5, false},
    {"none, then five", {60, 0, 60, 5}, 0.0286576, false},
    {"none, then twelve", {60, 0, 60, 12}, 0.00013273, true},
    {"twice as many of 1,000", {1000, 10, 1000, 20}, 0.0481082, false},
    {"four times as many", {1000, 10, 1000, 40}, 9.50474e-06, true},
    {"all of them", {20, 0, 20, 20}, 7.25444e-12, true},
    {"too few calls of the new one", {1000, 0, 19, 19}, 1.00719e-40, false},
    {"too few calls of the old one", {19, 0, 1000, 1000}, 1.00719e-40, false},
    {"all failed before, too", {20, 20, 20, 20}, 1, false},
    {"better than before", {100, 50, 100, 40}, 0.941142, false},
    {"a short sample against a long one", {3000, 30, 50, 10}, 3.20498e-10, true},
    {"the other way round", {50, 10, 3000, 30}, 1, false},
    {"no calls", {0, 0, 0, 0}, 1, false},
    {"sure, but too little to matter", {1000000, 0, 1000000, 9000}, -1, false},
    {"sure, and it matters", {1000000, 0, 1000000, 11000}, -1, true},
    {"more failures than calls, read one after the other", {100, 0, 30, 31}, -1, true},
    {"large counts end", {UINT64_MAX, 0, UINT64_MAX, UINT64_MAX}, -1, true},
};

static void check(void **state)
{
    static const struct lockstep_error_rate_rule rule = {20, 1000, 10};
    const struct row *row = *state;
    double chance = lockstep_error_rate_chance(&row->rate);
    assert_true(chance >= 0 && chance <= 1);
    if (row->chance >= 0) {
        assert_true(fabs(chance - row->chance) <= row->chance * 1e-5);
    }
    assert_int_equal(lockstep_error_rate_is_worse(&row->rate, &rule), row->worse);
}

/* A version that is like the one before is as good as never called worse, though it is asked after
 * every call; one that fails 20 times as often soon is. */
static void check_asked_again_and_again(void **state)
{
    static const struct lockstep_error_rate_rule rule = {50, 10000, 10};
    uint32_t seed = 1;
    unsigned wrong = 0;
    (void)state;
    for (unsigned history = 0; history < 200; history++) {
        struct lockstep_error_rate same = {2000, 20, 0, 0};
        struct lockstep_error_rate bad = {2000, 20, 0, 0};
        unsigned until = 0;
        bool said = false;
        for (unsigned call = 0; call < 300; call++) {
            seed = seed * 1664525U + 1013904223U;
            same.after_calls++;
            same.after_failed += (seed >> 8) % 100 == 0 ? 1 : 0;
            said = said || lockstep_error_rate_is_worse(&same, &rule);
            bad.after_calls++;
            bad.after_failed += (seed >> 8) % 5 == 0 ? 1 : 0;
            until += lockstep_error_rate_is_worse(&bad, &rule) ? 0 : 1;
        }
        wrong += said ? 1 : 0;
        assert_true(until < 150);
    }
    assert_true(wrong <= 2);
}

static void check_watch(void **state)
{
    struct lockstep_error_watch watch = {0};
    struct lockstep_digest one = {{1}};
    struct lockstep_digest two = {{2}};
    (void)state;
    lockstep_error_watch_see(&watch, &one, 10, 1);
    lockstep_error_watch_see(&watch, &one, 15, 2);
    lockstep_error_watch_see(&watch, &one, 3, 1); /* the host was started again */
    assert_int_equal(watch.rate.after_calls, 15);
    assert_int_equal(watch.rate.after_failed, 2);
    lockstep_error_watch_see(&watch, &one, 6, 2);
    assert_int_equal(watch.rate.after_calls, 18);
    assert_int_equal(watch.rate.after_failed, 3);
    lockstep_error_watch_see(&watch, &one, 7, 1); /* one of several, and the others went on */
    assert_int_equal(watch.rate.after_calls, 18);
    assert_int_equal(watch.rate.after_failed, 3);
    assert_int_equal(watch.rate.before_calls, 0);
    lockstep_error_watch_see(&watch, &two, 4, 4);
    assert_int_equal(watch.rate.before_calls, 18);
    assert_int_equal(watch.rate.before_failed, 3);
    assert_int_equal(watch.rate.after_calls, 4);
    assert_int_equal(watch.rate.after_failed, 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(check_asked_again_and_again),
                                              cmocka_unit_test(check_watch)};
    int failed = LOCKSTEP_RUN_TABLE("error rate", rows, check);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
