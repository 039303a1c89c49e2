#include "common/io/selector.h"

#include "common/base/limits.h"
#include "tests/support/cmocka.h"

#include <string.h>

struct row {
    const char *name;
    const char *text;
    bool good;
    bool matches; /* the labels below */
};

static const char labels[] = "env=prod,zone=a,lockstep.io/os=linux,gpu=,index=3";

static const struct row rows[] = {
    {"equal", "env=prod", true, true},
    {"twice equal", "env==prod", true, true},
    {"another value", "env=test", true, false},
    {"a value that begins like it", "env=pro", true, false},
    {"a value that it begins like", "env=production", true, false},
    {"a key that begins like it", "en=prod", true, false},
    {"a key that it begins like", "envy=prod", true, false},
    {"no such label", "tier=web", true, false},
    {"the last label", "index=3", true, true},
    {"unequal", "env!=test", true, true},
    {"unequal to what it is", "env!=prod", true, false},
    {"unequal where there is none", "tier!=web", true, true},
    {"the first of a set", "zone in (a,b)", true, true},
    {"the last of a set", "zone in(c, b , a)", true, true},
    {"none of a set", "zone in (b,c)", true, false},
    {"not in a set", "zone notin (b,c)", true, true},
    {"not in a set it is in", "zone notin (b,a)", true, false},
    {"not in where there is none", "tier notin (a)", true, true},
    {"there", "gpu", true, true},
    {"not there", "!canary", true, true},
    {"there, and should not be", "!env", true, false},
    {"not there, and should be", "canary", true, false},
    {"all hold", " env=prod , zone in (a,b),tier notin (x),!canary,gpu,env!=b ", true, true},
    {"all but the first hold", "env=test,zone=a", true, false},
    {"all but the last hold", "env=prod,zone in (a),canary", true, false},
    {"a value is not the next term's", "env=test,prod", true, false},
    {"prefix", "lockstep.io/os=linux", true, true},
    {"empty", "", false, true},
    {"comma at the end", "env=prod,", false, false},
    {"comma alone", ",", false, false},
    {"no value", "gpu=", false, false},
    {"open set", "zone in (a", false, false},
    {"empty set", "zone in ()", false, false},
    {"a set without its braces", "zone in a", false, false},
    {"two words", "env gpu", false, false},
    {"denied and compared", "!env=prod", false, false},
    {"control", "env=\033", false, false},
};

static void check(void **state)
{
    const struct row *row = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    assert_int_equal(lockstep_selector_check(row->text, &err),
                     row->good ? LOCKSTEP_OK : LOCKSTEP_INVALID);
    assert_int_equal(lockstep_selector_matches(row->text, labels), row->matches);
}

static void what_is_wrong_is_shown(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    assert_int_equal(lockstep_selector_check("env=prod,!", &err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "at character 11;"));
}

static void a_selector_has_a_longest(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[LOCKSTEP_SELECTOR_MAX + 2];
    (void)state;
    memset(text, 'a', sizeof(text));
    text[0] = '!';
    text[LOCKSTEP_SELECTOR_MAX + 1] = '\0';
    assert_int_equal(lockstep_selector_check(text, &err), LOCKSTEP_LIMIT);
    assert_false(lockstep_selector_matches(text, "env=prod"));
    text[LOCKSTEP_SELECTOR_MAX] = '\0';
    assert_int_equal(lockstep_selector_check(text, &err), LOCKSTEP_OK);
    assert_true(lockstep_selector_matches(text, "env=prod"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_wrong_is_shown),
                                              cmocka_unit_test(a_selector_has_a_longest)};
    int failed = LOCKSTEP_RUN_TABLE("selector", rows, check);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed == 0 ? 0 : 1;
}
