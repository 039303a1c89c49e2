#include "common/base/attr.h"
#include "common/tbl/defaults.h"
#include "common/tbl/no.h"
#include "tests/support/cmocka.h"

#include <string.h>

/* Programs outside rely on the names of the codes and of their classes. */
static const char integrity[] =
    " BAD_SIGNATURE BAD_DIGEST BAD_SIZE WRONG_MODULE WRONG_CLUSTER COUNTER REVOKED QUARANTINED "
    "INTENT BADFILE NO_DESCRIPTOR ABI CTOR_NOT_ALLOWED ";
static const char node[] = " NOFILE STORAGE MEMORY BUSY EXPIRED SYMBOL LIBRARY ISA PROBE_CRASHED "
                           "PROBE_TIMEOUT SMOKE STATE "
                           "DEPENDENCY NOT_PURGED STICKY DUPLICATE STALE_GENERATION ";

static size_t check_class(const char *words, enum lockstep_no_class class)
{
    char copy[512];
    char *rest = NULL;
    size_t count = 0;
    (void)snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        enum lockstep_no no = lockstep_no_parse(word);
        assert_int_not_equal(no, LOCKSTEP_NO_UNSPECIFIED);
        assert_string_equal(lockstep_no_name(no), word);
        assert_int_equal(lockstep_no_class(no), class);
        assert_true(strlen(lockstep_no_text(no)) > 10);
        count++;
    }
    return count;
}

static void classes_of_no(void **state)
{
    (void)state;
    assert_int_equal(check_class(integrity, LOCKSTEP_NO_CLASS_INTEGRITY), 13);
    assert_int_equal(check_class(node, LOCKSTEP_NO_CLASS_NODE), 17);
    assert_int_equal(lockstep_no_class((enum lockstep_no)9999), LOCKSTEP_NO_CLASS_UNSPECIFIED);
    assert_int_equal(lockstep_no_parse("bad_signature"), LOCKSTEP_NO_UNSPECIFIED);
}

/* Quarantine follows a cause in the version, never an abort, a lost node or a drain time-out. */
static void what_blames_the_version(void **state)
{
    (void)state;
    assert_true(lockstep_no_blames_version(LOCKSTEP_NO_CRASHED));
    assert_true(lockstep_no_blames_version(LOCKSTEP_NO_SMOKE));
    assert_false(lockstep_no_blames_version(LOCKSTEP_NO_LOST));
    assert_true(lockstep_no_ends_window(LOCKSTEP_NO_HEALTH));
    assert_true(lockstep_no_ends_window(LOCKSTEP_NO_FELL_BACK));
    assert_false(lockstep_no_ends_window(LOCKSTEP_NO_CRASHED));
    assert_false(lockstep_no_blames_version(LOCKSTEP_NO_DRAIN));
    assert_false(lockstep_no_blames_version(LOCKSTEP_NO_STORAGE));
}

static void defaults_are_within_their_bounds(void **state)
{
    struct lockstep_defaults defaults;
    (void)state;
    lockstep_defaults_init(&defaults);
    for (size_t i = 0; i < lockstep_default_count; i++) {
        const struct lockstep_default *row = &lockstep_default_rows[i];
        uint64_t value;
        memcpy(&value, (const char *)&defaults + row->offset, sizeof(value));
        assert_int_equal(value, row->value);
        assert_in_range(value, row->smallest, row->largest);
    }
    assert_int_equal(defaults.soak, 10000);
    assert_int_equal(defaults.commit_deadline, 15000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_of_no),
        cmocka_unit_test(what_blames_the_version),
        cmocka_unit_test(defaults_are_within_their_bounds),
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
