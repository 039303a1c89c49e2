/* Functions that a service calls with its own type, driven by an agent that this test plays. */
#include "agent/host/include/lockstep/host.h"
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <string.h>

LOCKSTEP_FUNCTION_TYPE(typed_add, "1", long, (long a, long b));

static struct host_agent agent;
static struct lockstep_host *host;

static int start(void **state)
{
    (void)state;
    host = host_agent_begin_embedded(&agent);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    host_agent_deinit(&agent);
    return 0;
}

static void expect_sum(const struct lockstep_host_function *function, long wanted)
{
    struct lockstep_pass pass;
    lockstep_any_fn *any = NULL;
    assert_int_equal(lockstep_host_function_enter(function, &pass, &any), LOCKSTEP_CALL_OK);
    assert_int_equal(((typed_add_fn *)any)(3, 4), wanted);
    lockstep_host_function_leave(&pass, false);
}

static void expect_none(const struct lockstep_host_function *function)
{
    struct lockstep_pass pass;
    lockstep_any_fn *any = NULL;
    assert_int_equal(lockstep_host_function_enter(function, &pass, &any), LOCKSTEP_CALL_NO_TOOL);
}

/* What the host says to a PREPARE of that file. */
static enum lockstep_hostwire_type prepare(const char *file)
{
    char path[160];
    host_agent_copy(&agent, file, path, sizeof(path));
    host_agent_begin(&agent);
    (void)host_agent_add(&agent, "typed", path);
    return host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_PREPARE);
}

static void expect_refusal(const char *file, const char *code, const char *text)
{
    assert_int_equal(prepare(file), LOCKSTEP_HOSTWIRE_REFUSED);
    assert_string_equal(agent.reply->code, code);
    assert_non_null(strstr(agent.reply->text, text));
}

static void test_calls(void **state)
{
    const struct lockstep_host_function *add = lockstep_host_function(host, "typed.add",
                                                                      typed_add_signature);
    struct lockstep_pass pass;
    lockstep_any_fn *old = NULL;
    (void)state;
    assert_non_null(add);
    assert_ptr_equal(lockstep_host_function(host, "typed.add", typed_add_signature), add);
    assert_null(lockstep_host_function(host, "typed.add", "another type"));
    expect_none(add);
    host_agent_install(&agent, "typed", "typed-1", NULL, 0);
    expect_sum(add, 7);
    assert_int_equal(lockstep_host_function_enter(add, &pass, &old), LOCKSTEP_CALL_OK);
    host_agent_install(&agent, "typed", "typed-2", NULL, 0);
    expect_sum(add, 7); /* a call within a call stays in its set */
    assert_int_equal(((typed_add_fn *)old)(1, 1), 2);
    lockstep_host_function_leave(&pass, false);
    expect_sum(add, 107);
}

static void test_other_types_are_refused(void **state)
{
    const struct lockstep_host_function *add = lockstep_host_function(host, "typed.add",
                                                                      typed_add_signature);
    (void)state;
    host_agent_install(&agent, "typed", "typed-1", NULL, 0);
    expect_refusal("typed-other", "ABI", "typed.add is \"revision 2: long (long a, long b)\"");
    expect_refusal("typed-lacks", "ABI", "it lacks typed.add");
    expect_refusal("typed-strange", "NO_DESCRIPTOR", "its function 1 makes no sense");
    expect_sum(add, 7);
    assert_int_equal(prepare("typed-2"), LOCKSTEP_HOSTWIRE_PREPARED);
}

/* Nobody has bound them: any type may come. One that came before it was bound is not called. */
static void test_types_that_nobody_has_bound(void **state)
{
    const struct lockstep_host_function *add;
    (void)state;
    host_agent_install(&agent, "typed", "typed-other", NULL, 0);
    add = lockstep_host_function(host, "typed.add", typed_add_signature);
    expect_none(add);
    host_agent_install(&agent, "typed", "typed-1", NULL, 0);
    expect_sum(add, 7);
}

static void test_functions_are_no_tools(void **state)
{
    struct lockstep_answer answer;
    (void)state;
    host_agent_install(&agent, "typed", "typed-1", NULL, 0);
    assert_int_equal(lockstep_host_call(host, "typed.add", "", 0, &answer), LOCKSTEP_CALL_FAILED);
    assert_non_null(strstr((const char *)answer.bytes, "no tool"));
    lockstep_answer_deinit(&answer);
    assert_int_equal(lockstep_host_tools(host, "", &answer), LOCKSTEP_CALL_OK);
    assert_int_equal(answer.size, 0);
    lockstep_answer_deinit(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls, start, stop),
        cmocka_unit_test_setup_teardown(test_other_types_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(test_types_that_nobody_has_bound, start, stop),
        cmocka_unit_test_setup_teardown(test_functions_are_no_tools, start, stop),
    };
    return cmocka_run_group_tests_name("functions", tests, NULL, NULL);
}
