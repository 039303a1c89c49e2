/* Smoke tests of a version that is live: run beside the calls, once, asked for until they end. */
#include "tests/support/cmocka.h"
#include "tests/support/host_agent.h"

#include <stdio.h>
#include <string.h>

static struct host_agent agent;

static int stop(void **state)
{
    (void)state;
    host_agent_deinit(&agent);
    return 0;
}

/* Asks until they have ended. */
static enum lockstep_hostwire_type smoke(const char *module, uint64_t generation)
{
    enum lockstep_hostwire_type type;
    do {
        host_agent_begin(&agent);
        (void)snprintf(agent.order->text, sizeof(agent.order->text), "%s", module);
        agent.order->generation = generation;
        type = host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_SMOKE);
    } while (type == LOCKSTEP_HOSTWIRE_NOT_APPLIED && strcmp(agent.reply->code, "BUSY") == 0);
    return type;
}

struct smoke_row {
    const char *name;
    const char *module;
    const char *file;
    const char *asked; /* NULL: the module */
    uint64_t ahead;    /* of the live generation */
    const char *code;  /* NULL: they are good */
    const char *text;
};

static const struct smoke_row smoke_rows[] = {
    {"good", "echo", "echo-2", NULL, 0, NULL, ""},
    {"none at all", "counter", "counter-1", NULL, 0, NULL, ""},
    {"fails live only", "echo", "echo-smoke-live", NULL, 0, "SMOKE",
     "live: smoke test says: not while it is live"},
    {"does not end live", "echo", "echo-hangs-live", NULL, 0, "SMOKE",
     "live: smoke test says: it did not end within 100 ms"},
    {"another generation", "echo", "echo-2", NULL, 1, "STALE_GENERATION", ""},
    {"another module", "echo", "echo-2", "nobody", 0, "STALE_GENERATION", ""},
};

static void check_smoke(void **state)
{
    const struct smoke_row *row = *state;
    const char *module = row->asked == NULL ? row->module : row->asked;
    char path[160];
    host_agent_begin_host(&agent);
    host_agent_install(&agent, row->module, row->file, path, sizeof(path));
    for (int again = 0; again < 2; again++) { /* what came of them is kept */
        enum lockstep_hostwire_type type = smoke(module, agent.generation + row->ahead);
        if (row->code == NULL) {
            assert_int_equal(type, LOCKSTEP_HOSTWIRE_OK);
        } else {
            assert_int_equal(type, LOCKSTEP_HOSTWIRE_NOT_APPLIED);
            assert_string_equal(agent.reply->code, row->code);
            assert_non_null(strstr(agent.reply->text, row->text));
        }
    }
    (void)stop(NULL);
}

/* A version that is left while its smoke tests run: its code is not taken from under them. */
static void is_not_retired_meanwhile(void **state)
{
    uint64_t first;
    char path[160];
    (void)state;
    host_agent_begin_host(&agent);
    host_agent_install(&agent, "echo", "echo-slow-live", path, sizeof(path));
    first = agent.generation;
    host_agent_begin(&agent);
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "echo");
    agent.order->generation = first;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_SMOKE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->code, "BUSY");
    host_agent_install(&agent, "echo", "echo-2", path, sizeof(path));
    host_agent_begin(&agent);
    (void)snprintf(agent.order->entries[0].module.text, sizeof(agent.order->entries[0].module.text),
                   "echo");
    agent.order->entries[0].generation = first;
    agent.order->entries_count = 1;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_RETIRE), LOCKSTEP_HOSTWIRE_OK);
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_STATUS), LOCKSTEP_HOSTWIRE_STATUS);
    for (size_t i = 0; i < agent.reply->entries_count; i++) {
        assert_int_not_equal(agent.reply->entries[i].state, LOCKSTEP_HOSTWIRE_STATE_RETIRED);
    }
    assert_int_equal(agent.reply->entries_count, 2);
    host_agent_expect(&agent, "echo.say", "x", "2.0.0 x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_not_retired_meanwhile, NULL, stop),
    };
    return LOCKSTEP_RUN_TABLE("smoke", smoke_rows, check_smoke) +
           cmocka_run_group_tests_name("meanwhile", tests, NULL, NULL);
}
