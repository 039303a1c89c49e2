#include "common/base/error.h"
#include "tests/support/cmocka.h"

#include <errno.h>
#include <string.h>

static void a_failure_says_what_and_where(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    assert_int_equal(LOCKSTEP_FAIL(&err, LIMIT, "%d of %d", 3, 2), LOCKSTEP_LIMIT);
    assert_int_equal(err.code, LOCKSTEP_LIMIT);
    assert_string_equal(err.message, "3 of 2");
    assert_string_equal(err.file, __FILE__);
    assert_true(err.line > 0);
    assert_int_equal(LOCKSTEP_FAIL(NULL, INVALID, "nobody listens"), LOCKSTEP_INVALID);
}

static void the_system_says_why(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    errno = ENOENT;
    assert_int_equal(LOCKSTEP_FAIL_ERRNO(&err, "opening %s", "x"), LOCKSTEP_IO);
    assert_string_equal(err.message, "opening x: No such file or directory");
    errno = ENOMEM;
    assert_int_equal(LOCKSTEP_FAIL_ERRNO(&err, "opening"), LOCKSTEP_NOMEM);
    assert_int_equal(err.code, LOCKSTEP_NOMEM);
    errno = ENOMEM;
    assert_int_equal(LOCKSTEP_FAIL_ERRNO(NULL, "opening"), LOCKSTEP_NOMEM);
}

static void what_is_too_long_loses_its_end(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char text[2 * LOCKSTEP_ERROR_MESSAGE_MAX];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)LOCKSTEP_FAIL(&err, INVALID, "%s", text);
    assert_int_equal(strlen(err.message), LOCKSTEP_ERROR_MESSAGE_MAX - 1);
    lockstep_error_wrap(&err, "file %d", 7);
    assert_int_equal(strlen(err.message), LOCKSTEP_ERROR_MESSAGE_MAX - 1);
    assert_memory_equal(err.message, "file 7: xxx", 11);
    errno = ENOENT;
    (void)LOCKSTEP_FAIL_ERRNO(&err, "%s", text);
    assert_int_equal(strlen(err.message), LOCKSTEP_ERROR_MESSAGE_MAX - 1);
    lockstep_error_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.message), LOCKSTEP_ERROR_MESSAGE_MAX - 1);
    lockstep_error_wrap(NULL, "nobody listens");
}

static void a_prefix_stands_before(void **state)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    (void)LOCKSTEP_FAIL(&err, REFUSED, "it is zero");
    lockstep_error_wrap(&err, "%s", "operation");
    lockstep_error_wrap(&err, "%s", "PREPARE");
    assert_string_equal(err.message, "PREPARE: operation: it is zero");
    assert_int_equal(err.code, LOCKSTEP_REFUSED);
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(lockstep_err_name(LOCKSTEP_OK), "OK");
    assert_string_equal(lockstep_err_name(LOCKSTEP_CORRUPT), "CORRUPT");
    assert_string_equal(lockstep_err_name(LOCKSTEP_ERR_COUNT), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_says_what_and_where),  cmocka_unit_test(the_system_says_why),
        cmocka_unit_test(what_is_too_long_loses_its_end), cmocka_unit_test(a_prefix_stands_before),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
