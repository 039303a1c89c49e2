/* Operations in doubt, decided by a person: what the agent's journal takes and gives. */
#include "agent/resolve.h"
#include "agent/store.h"
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];
static struct lockstep_agent_store *store;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/lockstep-resolve-XXXXXX");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(lockstep_agent_store_open(directory, &store, NULL), LOCKSTEP_OK);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"lock", "journal.db", "journal.db-wal", "journal.db-shm"};
    char path[128];
    (void)state;
    store = lockstep_agent_store_close(store);
    for (size_t i = 0; i < LOCKSTEP_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

/* A vow for the operation with this number. */
static struct lockstep_prepare vow(uint8_t number, const char *module)
{
    const struct lockstep_wire_prepare intent = {.extra = ""};
    struct lockstep_prepare order;
    memset(&order, 0, sizeof(order));
    order.operation.bytes[0] = number;
    order.kind = LOCKSTEP_KIND_RELOAD;
    order.strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    order.drain = LOCKSTEP_DRAIN_AUTO;
    order.item_count = 1;
    assert_true(lockstep_name_parse(module, &order.items[0].module));
    order.items[0].generation = number;
    order.items[0].digest.bytes[0] = number;
    assert_int_equal(lockstep_agent_store_vow(store, &order, &intent, 1, NULL), LOCKSTEP_OK);
    return order;
}

static void list(void *context, const struct lockstep_id *id, const char *modules,
                 const char *reason)
{
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 256 - used, "%u %s %s;", id->bytes[0], modules, reason);
}

static void check_doubts(const char *wanted)
{
    char text[256] = "";
    assert_int_equal(lockstep_agent_store_doubts(store, list, text, NULL), LOCKSTEP_OK);
    assert_string_equal(text, wanted);
}

static void list_resolution(void *context, const struct lockstep_agent_resolution *resolution)
{
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 256 - used, "%u %s uid %u at %u: %s;",
                   resolution->operation.bytes[0], resolution->commit ? "commit" : "abort",
                   resolution->uid, (unsigned)resolution->unix_ms, resolution->reason);
}

static void check_resolutions(const char *wanted)
{
    char text[256] = "";
    assert_int_equal(lockstep_agent_store_resolutions(store, list_resolution, text, NULL),
                     LOCKSTEP_OK);
    assert_string_equal(text, wanted);
}

static enum lockstep_err decide(const struct lockstep_prepare *order, bool commit)
{
    struct lockstep_agent_resolution resolution = {
        .operation = order->operation, .commit = commit, .uid = 7, .unix_ms = 9, .reason = "gone"};
    return lockstep_agent_store_resolve(store, &resolution, NULL);
}

static void only_what_is_in_doubt_is_decided(void **state)
{
    struct lockstep_prepare committed = vow(1, "auth");
    struct lockstep_prepare aborted = vow(2, "render");
    struct lockstep_prepare open = vow(3, "greet");
    struct lockstep_prepare unknown = open;
    (void)state;
    unknown.operation.bytes[0] = 9;
    assert_int_equal(lockstep_agent_store_point(store, &committed, 2, NULL), LOCKSTEP_OK);
    assert_int_equal(
        lockstep_agent_store_note(store, &aborted, LOCKSTEP_DUTY_ROW_ABORTED, NULL, 2, NULL),
        LOCKSTEP_OK);
    check_doubts("3 greet ;");
    assert_int_equal(decide(&committed, false), LOCKSTEP_CONFLICT);
    assert_int_equal(decide(&aborted, true), LOCKSTEP_CONFLICT);
    assert_int_equal(decide(&unknown, true), LOCKSTEP_CONFLICT);
    check_resolutions("");
    assert_int_equal(decide(&open, true), LOCKSTEP_OK);
    assert_int_equal(decide(&open, false), LOCKSTEP_CONFLICT); /* once */
    check_doubts("3 greet gone;");
    check_resolutions("3 commit uid 7 at 9: gone;");
}

static void a_decision_is_told_until_it_was_heard(void **state)
{
    struct lockstep_prepare first = vow(1, "auth");
    struct lockstep_prepare second = vow(2, "render");
    (void)state;
    assert_int_equal(decide(&first, false), LOCKSTEP_OK);
    store = lockstep_agent_store_close(store);
    assert_int_equal(lockstep_agent_store_open(directory, &store, NULL), LOCKSTEP_OK);
    check_resolutions("1 abort uid 7 at 9: gone;");
    assert_int_equal(lockstep_agent_store_resolutions_told(store, NULL), LOCKSTEP_OK);
    check_resolutions("");
    assert_int_equal(decide(&second, true), LOCKSTEP_OK);
    check_resolutions("2 commit uid 7 at 9: gone;");
}

struct said_row {
    const char *name;
    struct lockstep_resolve said;
    enum lockstep_err result;
    const char *message;
};

/* 0xff, 0, 0 … as text begins with "74". */
static const struct said_row said_rows[] = {
    {"nothing", {NULL, NULL, NULL}, LOCKSTEP_INVALID, "in doubt here: op-74aaaaaa (greet)"},
    {"no decision", {"op-74aaaaaa", NULL, "x"}, LOCKSTEP_INVALID, "commit or abort"},
    {"another word", {"op-74aaaaaa", "undo", "x"}, LOCKSTEP_INVALID, "commit or abort"},
    {"too short", {"op-74aaa", "abort", "x"}, LOCKSTEP_INVALID, "is not in doubt"},
    {"another one", {"op-zzaaaaaa", "abort", "x"}, LOCKSTEP_INVALID, "is not in doubt"},
    {"no reason", {"op-74aaaaaa", "abort", NULL}, LOCKSTEP_INVALID, "--reason TEXT"},
    {"an empty reason", {"op-74aaaaaa", "abort", ""}, LOCKSTEP_INVALID, "--reason TEXT"},
    {"all of it", {"74aaaa", "abort", "x"}, LOCKSTEP_OK, NULL},
};

static void check_said(void **state)
{
    const struct said_row *row = *state;
    struct lockstep_config_agent config = {.data = directory};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)set_up(NULL);
    (void)vow(0xff, "greet");
    assert_int_equal(lockstep_agent_resolve(&config, &row->said, &err), LOCKSTEP_CONFLICT);
    assert_non_null(strstr(err.message, "First stop it")); /* this test holds the journal */
    store = lockstep_agent_store_close(store);
    err = LOCKSTEP_ERROR_INIT;
    assert_int_equal(lockstep_agent_resolve(&config, &row->said, &err), row->result);
    if (row->message != NULL && strstr(err.message, row->message) == NULL) {
        fail_msg("'%s' does not say '%s'", err.message, row->message);
    }
    assert_int_equal(tear_down(NULL), 0);
}

static void without_a_journal_nothing_is_made(void **state)
{
    struct lockstep_config_agent config = {.data = (char[]){"/nowhere"}};
    const struct lockstep_resolve said = {"op-74aaaaaa", "abort", "x"};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    assert_int_equal(lockstep_agent_resolve(&config, &said, &err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "there is no journal"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        ROW(only_what_is_in_doubt_is_decided),
        ROW(a_decision_is_told_until_it_was_heard),
        ROW(without_a_journal_nothing_is_made),
#undef ROW
    };
    return cmocka_run_group_tests(tests, NULL, NULL) +
                       LOCKSTEP_RUN_TABLE("said", said_rows, check_said) ==
                   0
               ? 0
               : 1;
}
