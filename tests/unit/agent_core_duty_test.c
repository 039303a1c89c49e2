#include "agent/core/duty.h"
#include "common/base/attr.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static void the_matrix_has_no_hole(void **state)
{
    (void)state;
    for (unsigned s = LOCKSTEP_DUTY_ADMITTING; s < LOCKSTEP_DUTY_STATE_COUNT; s++) {
        for (unsigned e = 0; e < LOCKSTEP_DUTY_EVENT_COUNT; e++) {
            const char *cell = lockstep_duty_cell(s, e);
            if (cell == NULL || cell[0] == '\0') {
                fail_msg("%s x %s is a hole", lockstep_duty_state_name(s),
                         lockstep_duty_event_name(e));
            }
        }
    }
}

/* ---- may an order be taken? ----------------------------------------------------------------- */

/* Versions are one byte, 0 is none; the module is at generation 5, runs 2 and ran 1 before. */
struct order {
    const char *name;
    enum lockstep_kind kind;
    uint64_t generation;
    uint8_t wanted;
    uint8_t leaving;
    uint8_t refused;
    enum lockstep_no no;
};

static const struct order orders[] = {
    {"a new version", LOCKSTEP_KIND_RELOAD, 6, 3, 0, 0, LOCKSTEP_NO_UNSPECIFIED},
    {"what runs already", LOCKSTEP_KIND_RELOAD, 6, 2, 0, 0, LOCKSTEP_NO_UNSPECIFIED},
    {"an old order, repeated", LOCKSTEP_KIND_RELOAD, 5, 3, 0, 0, LOCKSTEP_NO_STALE_GENERATION},
    {"an older order", LOCKSTEP_KIND_RELOAD, 1, 3, 0, 0, LOCKSTEP_NO_STALE_GENERATION},
    {"a quarantined version", LOCKSTEP_KIND_RELOAD, 6, 3, 0, 3, LOCKSTEP_NO_QUARANTINED},
    {"back to the version before", LOCKSTEP_KIND_UNDO, 6, 1, 2, 0, LOCKSTEP_NO_UNSPECIFIED},
    {"back to a version never recorded", LOCKSTEP_KIND_UNDO, 6, 7, 2, 0, LOCKSTEP_NO_NO_PREVIOUS},
    {"back from a version that does not run", LOCKSTEP_KIND_UNDO, 6, 1, 9, 0,
     LOCKSTEP_NO_NO_PREVIOUS},
    {"back where it is already", LOCKSTEP_KIND_COMPENSATION, 6, 2, 9, 0, LOCKSTEP_NO_UNSPECIFIED},
    {"back to a quarantined version", LOCKSTEP_KIND_COMPENSATION, 6, 1, 2, 1,
     LOCKSTEP_NO_QUARANTINED},
    {"moved to a version it never ran", LOCKSTEP_KIND_RECONCILE, 6, 7, 0, 0,
     LOCKSTEP_NO_UNSPECIFIED},
    {"moved to what it ran before", LOCKSTEP_KIND_RECONCILE, 6, 1, 0, 0, LOCKSTEP_NO_UNSPECIFIED},
    {"moved to a quarantined version", LOCKSTEP_KIND_RECONCILE, 6, 1, 0, 1,
     LOCKSTEP_NO_QUARANTINED},
    {"moved in a generation that is over", LOCKSTEP_KIND_RECONCILE, 5, 7, 0, 0,
     LOCKSTEP_NO_STALE_GENERATION},
};

static struct lockstep_digest digest(uint8_t version)
{
    return (struct lockstep_digest){{version}};
}

static void check_order(void **state)
{
    const struct order *row = *state;
    struct lockstep_agent_module module = {.name = {"pay"},
                                           .generation = 5,
                                           .current = {5, digest(2)},
                                           .has_previous = true,
                                           .previous = {3, digest(1)}};
    struct lockstep_agent *agent = calloc(1, sizeof(*agent));
    struct lockstep_prepare order = {.kind = row->kind};
    struct lockstep_item item = {.module = {"pay"},
                                 .generation = row->generation,
                                 .digest = digest(row->wanted),
                                 .leaving = digest(row->leaving)};
    struct lockstep_digest refused = digest(row->refused);
    assert_non_null(agent);
    agent->modules = &module;
    agent->module_count = 1;
    agent->refused = &refused;
    agent->refused_count = row->refused != 0 ? 1 : 0;
    assert_string_equal(lockstep_no_name(lockstep_module_refusal(agent, &order, &item)),
                        lockstep_no_name(row->no));
    free(agent);
}

/* ---- where pointers go ---------------------------------------------------------------------- */

/* The module is at generation 5 and ran 1 before. Version 0 is being without it. */
struct pointing {
    const char *name;
    enum lockstep_kind kind;
    bool again;
    uint8_t runs;
    uint8_t wanted;
    bool has_previous; /* afterwards */
    uint8_t previous;
    uint8_t fallen; /* what is current after a crash loop */
};

static const struct pointing pointings[] = {
    {"a reload keeps what ran", LOCKSTEP_KIND_RELOAD, false, 2, 3, true, 2, 2},
    {"the same bytes leave the previous alone", LOCKSTEP_KIND_RELOAD, false, 2, 2, true, 1, 2},
    {"the same bytes, again, are no other version", LOCKSTEP_KIND_RELOAD, true, 2, 2, true, 1, 2},
    {"other bytes, again", LOCKSTEP_KIND_RELOAD, true, 2, 3, true, 2, 2},
    {"a first version keeps that there was none", LOCKSTEP_KIND_RELOAD, false, 0, 3, true, 0, 0},
    {"being moved keeps what ran", LOCKSTEP_KIND_RECONCILE, false, 2, 3, true, 2, 2},
    {"nobody goes back on going back", LOCKSTEP_KIND_UNDO, false, 2, 1, false, 0, 0},
    {"nor on having been taken out", LOCKSTEP_KIND_UNDO, false, 2, 0, false, 0, 0},
};

static void check_pointing(void **state)
{
    const struct pointing *row = *state;
    struct lockstep_agent_module module = {.name = {"pay"},
                                           .generation = 5,
                                           .current = {5, digest(row->runs)},
                                           .has_previous = true,
                                           .previous = {3, digest(1)}};
    struct lockstep_prepare order = {.kind = row->kind, .again = row->again};
    struct lockstep_item item = {.generation = 6, .digest = digest(row->wanted)};
    lockstep_module_point(&module, &order, &item);
    assert_int_equal(module.generation, 6);
    assert_int_equal(module.current.generation, 6);
    assert_int_equal(module.current.digest.bytes[0], row->wanted);
    assert_int_equal(module.has_previous, row->has_previous);
    assert_int_equal(module.previous.digest.bytes[0], row->previous);
    assert_int_equal(item.leaving.bytes[0], row->runs);
    assert_int_equal(lockstep_module_fall(&module, &item), row->wanted != row->runs);
    assert_int_equal(module.current.digest.bytes[0], row->fallen);
    assert_int_equal(module.generation, 6); /* late orders stay refused */
}

/* ---- which items change something ------------------------------------------------------------ */

/* Generation 5 is current, 6 is ordered. */
struct change {
    const char *name;
    bool up;
    uint8_t current;
    uint8_t loaded; /* 0: nothing */
    uint64_t loaded_generation;
    uint8_t wanted;
    bool again;
    bool changes;
};

static const struct change changes[] = {
    {"another version", true, 2, 2, 5, 3, false, true},
    {"the version that runs", true, 2, 2, 5, 2, false, false},
    {"its host knows it by an older generation", true, 2, 2, 3, 2, false, false},
    {"the version that should run and does not", true, 2, 0, 0, 2, false, true},
    {"the host runs another than it should", true, 2, 1, 4, 2, false, true},
    {"the host alone has it", true, 2, 3, 4, 3, false, true},
    {"the host is away and will start with it", false, 2, 0, 0, 2, false, false},
    {"the host is away and will start with another", false, 2, 0, 0, 3, false, true},
    {"the same bytes again", true, 2, 2, 5, 2, true, true},
    {"the same bytes again, and the host is away", false, 2, 0, 0, 2, true, true},
    {"loaded again already", true, 2, 2, 6, 2, true, false},
    {"nothing, where nothing is", true, 0, 0, 0, 0, false, false},
    {"nothing, where something is", true, 2, 2, 5, 0, false, true},
};

static void check_change(void **state)
{
    const struct change *row = *state;
    static const struct lockstep_name service = {"default"};
    struct lockstep_agent_module module;
    struct lockstep_agent *agent = calloc(1, sizeof(*agent));
    struct lockstep_prepare order = {.again = row->again, .item_count = 2};
    assert_non_null(agent);
    agent->modules = &module;
    agent->module_max = 1;
    agent->services[lockstep_agent_add_service(agent, &service, true, (struct lockstep_time){0})]
        .up = row->up;
    (void)lockstep_agent_add_module(agent, &(struct lockstep_name){"pay"});
    module.service = 0;
    module.current = (struct lockstep_version){5, digest(row->current)};
    module.loaded = (struct lockstep_version){row->loaded_generation, digest(row->loaded)};
    order.items[0] = (struct lockstep_item){
        .module = {"other"}, .generation = 6, .digest = digest(9)}; /* not on this node */
    order.items[1] = (struct lockstep_item){
        .module = {"pay"}, .generation = 6, .digest = digest(row->wanted)};
    assert_int_equal(lockstep_order_changes(agent, &order), row->changes ? 3 : 1);
    free(agent);
}

/* ---- superseded while its publish is under way ----------------------------------------------- */

static void a_publish_under_way_is_waited_for(void **state)
{
    static struct lockstep_agent_actions actions;
    struct lockstep_agent *agent = calloc(1, sizeof(*agent));
    struct lockstep_agent_module module = {
        .name = {"pay"}, .generation = 6, .current = {6, digest(3)}, .loaded = {5, digest(2)}};
    struct lockstep_work_result published = {.ticket = 7, .ok = true};
    struct lockstep_duty *duty;
    (void)state;
    assert_non_null(agent);
    agent->modules = &module;
    agent->module_count = 1;
    agent->out = &actions;
    duty = &agent->duties[0];
    duty->state = LOCKSTEP_DUTY_PUBLISHING;
    duty->decided = true;
    duty->ticket = 7;
    duty->work = LOCKSTEP_WORK_PUBLISH;
    duty->changes = 1;
    duty->order.item_count = 1;
    duty->order.items[0] = (struct lockstep_item){
        .module = {"pay"}, .generation = 6, .digest = digest(3)};
    lockstep_duty_step(agent, (struct lockstep_time){0}, duty, LOCKSTEP_DUTY_ON_SUPERSEDED, NULL);
    assert_string_equal(lockstep_duty_state_name(duty->state), "PUBLISHING");
    lockstep_duty_step(agent, (struct lockstep_time){0}, duty, LOCKSTEP_DUTY_ON_WORKED, &published);
    assert_int_equal(duty->state, LOCKSTEP_DUTY_FREE);
    assert_int_equal(module.loaded.digest.bytes[0], 3); /* and not what ran before */
    free(agent);
}

/* ---- a crash loop while something newer is being published ----------------------------------- */

static void only_what_is_current_falls(void **state)
{
    static struct lockstep_agent_actions actions;
    struct lockstep_agent *agent = calloc(1, sizeof(*agent));
    struct lockstep_agent_module module = {.name = {"pay"},
                                           .generation = 6,
                                           .current = {6, digest(3)},
                                           .has_previous = true,
                                           .previous = {5, digest(2)}};
    struct lockstep_duty *duty;
    (void)state;
    assert_non_null(agent);
    agent->modules = &module;
    agent->module_count = 1;
    agent->out = &actions;
    duty = &agent->duties[0];
    duty->state = LOCKSTEP_DUTY_LIVE;
    duty->decided = true;
    duty->order.item_count = 1;
    duty->order.items[0] = (struct lockstep_item){
        .module = {"pay"}, .generation = 5, .digest = digest(2), .leaving = digest(1)};
    lockstep_duty_step(agent, (struct lockstep_time){0}, duty, LOCKSTEP_DUTY_ON_CRASH_LOOP, NULL);
    assert_string_equal(lockstep_duty_state_name(duty->state), "LIVE");
    assert_int_equal(actions.count, 0);
    free(agent);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrix_has_no_hole),
        cmocka_unit_test(a_publish_under_way_is_waited_for),
        cmocka_unit_test(only_what_is_current_falls),
    };
    int failed = cmocka_run_group_tests_name("duty", tests, NULL, NULL);
    failed += LOCKSTEP_RUN_TABLE("orders", orders, check_order);
    failed += LOCKSTEP_RUN_TABLE("pointers", pointings, check_pointing);
    failed += LOCKSTEP_RUN_TABLE("changes", changes, check_change);
    return failed == 0 ? 0 : 1;
}
