/* What an undo leads to, from the journal to the plan. */
#include "coordinator/driver_internal.h"
#include "tests/support/coordinator_pay.h"

struct undo_row {
    const char *name;
    const char *module;
    const char *meanwhile; /* what happened to the journal, or NULL */
    const char *target;    /* of n1; NULL: it is refused */
    uint32_t n;
};

static const struct undo_row undo_rows[] = {
    {"an upgrade: the version before, also for who is owed it", "auth", NULL, "e07ad911", 3},
    {"a first deployment: nothing", "pay", NULL, "00000000", 2},
    {"what has gone back: no further", "pay", "UPDATE desired SET has_previous = 0", NULL, 0},
    {"what one of them does not know: nowhere", "pay",
     "UPDATE desired SET has_previous = 0 WHERE node = 1", NULL, 0},
    {"what they are not to run any more: nothing", "pay",
     "DELETE FROM desired WHERE module = 'pay'; UPDATE module SET placement = NULL", "00000000", 2},
    {"what one of them is not to run: nothing", "pay",
     "DELETE FROM desired WHERE module = 'pay' AND node = 0; UPDATE module SET placement = NULL",
     "00000000", 2},
    {"what one is placed on and was never brought: nowhere", "pay",
     "DELETE FROM desired WHERE module = 'pay' AND node = 0", NULL, 0},
};

static struct lockstep_coordinator *begin(struct lockstep_config_coordinator *config)
{
    struct lockstep_coordinator *coordinator = calloc(1, sizeof(*coordinator));
    assert_non_null(coordinator);
    lockstep_defaults_init(&config->settings);
    coordinator->config = config;
    coordinator->store = world.store;
    coordinator->fleet = world.fleet;
    coordinator->fleet.module_max = LOCKSTEP_COUNT(world.modules);
    coordinator->nodes = world.nodes;
    coordinator->views = world.views;
    return coordinator;
}

static void check_undo(void **state)
{
    const struct undo_row *row = *state;
    struct lockstep_config_coordinator config = {.settings.soak = 0};
    struct lockstep_wire_request *body = calloc(1, sizeof(*body));
    struct lockstep_resolved *resolved = calloc(1, sizeof(*resolved));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    struct lockstep_wire_subject subject = {.module = name_of(row->module)};
    struct lockstep_coordinator *coordinator;
    enum lockstep_err result;
    assert_non_null(body);
    assert_non_null(resolved);
    (void)set_up(NULL);
    if (strcmp(row->module, "pay") == 0) {
        install_pay("");
    }
    if (row->meanwhile != NULL) {
        meddle(row->meanwhile);
    }
    coordinator = begin(&config);
    body->kind = LOCKSTEP_KIND_UNDO;
    body->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    body->subject_count = 1;
    body->subjects = &subject;
    body->selector = "";
    result = lockstep_control_resolve(coordinator, body, resolved, &err);
    if (row->target == NULL) {
        assert_int_equal(result, LOCKSTEP_REFUSED);
        assert_non_null(strstr(err.message, "has no version of pay to go back to"));
    } else {
        const struct lockstep_digest target = digest_of(row->target);
        assert_int_equal(result, LOCKSTEP_OK);
        assert_int_equal(resolved->plan.admission, LOCKSTEP_ADMISSION_ADMITTED);
        assert_int_equal(resolved->plan.n, row->n);
        assert_true(lockstep_digest_equal(&resolved->request.targets[0], &target));
        lockstep_resolved_deinit(resolved);
    }
    free(coordinator);
    free(resolved);
    free(body);
    assert_int_equal(tear_down(NULL), 0);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("undo", undo_rows, check_undo) == 0 ? 0 : 1;
}
