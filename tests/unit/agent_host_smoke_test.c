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

struct shut_row {
    const char *name;
    enum lockstep_hostwire_type type;
    uint32_t drain_ms;
    enum lockstep_hostwire_type wanted;
};

static const struct shut_row shut_rows[] = {
    {"snapshot", LOCKSTEP_HOSTWIRE_SNAPSHOT, 10000, LOCKSTEP_HOSTWIRE_SNAPSHOT},
    {"base", LOCKSTEP_HOSTWIRE_BASE, 10000, LOCKSTEP_HOSTWIRE_OK},
    {"hand over", LOCKSTEP_HOSTWIRE_HAND_OVER, 10000, LOCKSTEP_HOSTWIRE_HAND_OVER},
    {"snapshot in no time", LOCKSTEP_HOSTWIRE_SNAPSHOT, 1, LOCKSTEP_HOSTWIRE_NOT_APPLIED},
    {"base in no time", LOCKSTEP_HOSTWIRE_BASE, 1, LOCKSTEP_HOSTWIRE_NOT_APPLIED},
    {"hand over in no time", LOCKSTEP_HOSTWIRE_HAND_OVER, 1, LOCKSTEP_HOSTWIRE_NOT_APPLIED},
};

/* No code of a module runs while its state is saved: this one's fails beside its smoke test. */
static void check_shut(void **state)
{
    const struct shut_row *row = *state;
    char path[160];
    host_agent_begin_host(&agent);
    host_agent_install(&agent, "ledger", "ledger-1-smokes", path, sizeof(path));
    host_agent_begin(&agent);
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "ledger");
    agent.order->generation = agent.generation;
    assert_int_equal(host_agent_ask(&agent, LOCKSTEP_HOSTWIRE_SMOKE),
                     LOCKSTEP_HOSTWIRE_NOT_APPLIED);
    assert_string_equal(agent.reply->code, "BUSY");
    host_agent_begin(&agent);
    agent.order->drain_ms = row->drain_ms;
    (void)snprintf(agent.order->text, sizeof(agent.order->text), "ledger");
    if (row->type == LOCKSTEP_HOSTWIRE_HAND_OVER) {
        agent.order->entries_count = 1;
        assert_true(lockstep_name_parse("ledger", &agent.order->entries[0].module));
        agent.order->entries[0].schema = 1;
    }
    assert_int_equal(host_agent_ask(&agent, row->type), row->wanted);
    if (row->wanted == LOCKSTEP_HOSTWIRE_NOT_APPLIED) {
        assert_string_equal(agent.reply->code, "DRAIN");
        host_agent_expect(&agent, "ledger.get", "", "0 0 0"); /* it was not shut for that */
    }
    assert_int_equal(smoke("ledger", agent.generation), LOCKSTEP_HOSTWIRE_OK);
    (void)stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_not_retired_meanwhile, NULL, stop),
    };
    return LOCKSTEP_RUN_TABLE("smoke", smoke_rows, check_smoke) +
           LOCKSTEP_RUN_TABLE("shut", shut_rows, check_shut) +
           cmocka_run_group_tests_name("meanwhile", tests, NULL, NULL);
}
