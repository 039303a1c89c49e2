/* Taking the journal up: nodes, modules, and every operation that is not over. */
#include "coordinator/owe.h"
#include "coordinator/restored.h"

#include "common/base/assert.h"

#include <stdlib.h>

static void load_node(void *context, const struct lockstep_node_row *row)
{
    lockstep_driver_add_node(context, row);
}

static void load_live(void *context, uint32_t number, const struct lockstep_live *live)
{
    struct lockstep_coordinator *coordinator = context;
    if (number < coordinator->fleet.node_count) {
        (void)lockstep_view_add_live(&coordinator->views[number], live);
        coordinator->nodes[number].live = coordinator->views[number].live;
        coordinator->nodes[number].live_count = coordinator->views[number].live_count;
    }
}

static void load_module(void *context, const struct lockstep_name *module, uint64_t generation,
                        const char *placement)
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_fleet *fleet = &coordinator->fleet;
    (void)placement;
    if (fleet->module_count < fleet->module_max) {
        fleet->modules[fleet->module_count].name = *module;
        fleet->modules[fleet->module_count].generation = generation;
        fleet->module_count++;
    }
}

struct ids {
    struct lockstep_id list[LOCKSTEP_FLEET_OPERATIONS];
    size_t count;
    bool too_many;
};

static void collect_id(void *context, const struct lockstep_id *id)
{
    struct ids *ids = context;
    if (ids->count < LOCKSTEP_COUNT(ids->list)) {
        ids->list[ids->count++] = *id;
    } else {
        ids->too_many = true;
    }
}

enum lockstep_err lockstep_driver_take_up(struct lockstep_coordinator *coordinator,
                                          const struct lockstep_id *id, struct lockstep_error *err)
{
    struct lockstep_running *running = lockstep_driver_running(coordinator, NULL);
    struct lockstep_operation *operation = NULL;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    running->record = calloc(1, sizeof(*running->record));
    if (running->record == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for an operation");
    }
    LOCKSTEP_TRY(lockstep_store_operation_load(coordinator->store, id, &operation, &row,
                                               running->record, err));
    ASSERT(operation != NULL);
    if (operation->kind == LOCKSTEP_KIND_COMPENSATION || row >= LOCKSTEP_ROW_DEGRADED) {
        operation->spare = lockstep_operation_free(operation->spare); /* it will have no other */
    }
    running->operation = operation;
    lockstep_fleet_restore(&coordinator->fleet, lockstep_loop_now(coordinator->loop), operation,
                           row, coordinator->actions);
    if (row == LOCKSTEP_ROW_COMMIT) {
        lockstep_driver_quarantine_left(coordinator, operation); /* it may have died in between */
    }
    lockstep_driver_act_first(coordinator); /* nothing is forgotten before all are restored */
    return lockstep_coordinator_failure(coordinator, err);
}

enum lockstep_err lockstep_driver_take_up_all(struct lockstep_coordinator *coordinator,
                                              struct lockstep_error *err)
{
    struct ids *ids = calloc(1, sizeof(*ids));
    enum lockstep_err result;
    if (ids == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for the journal's operations");
    }
    result = lockstep_store_operations_unfinished(coordinator->store, collect_id, ids, err);
    if (result == LOCKSTEP_OK && ids->too_many) {
        result = LOCKSTEP_FAIL(err, CORRUPT, "the journal holds more open operations than fit");
    }
    for (size_t i = 0; i < ids->count && result == LOCKSTEP_OK; i++) {
        result = lockstep_driver_take_up(coordinator, &ids->list[i], err);
    }
    free(ids);
    if (result == LOCKSTEP_OK) {
        lockstep_driver_act(coordinator);
        result = lockstep_coordinator_failure(coordinator, err);
    }
    return result;
}

enum lockstep_err lockstep_driver_load(struct lockstep_coordinator *coordinator,
                                       struct lockstep_error *err)
{
    struct lockstep_store *store = coordinator->store;
    size_t length = 0;
    const char *text = lockstep_store_bundle(store, &length);
    LOCKSTEP_TRY(lockstep_bundle_parse(text, length, coordinator->bundle, err));
    LOCKSTEP_TRY(lockstep_store_nodes(store, load_node, coordinator, err));
    lockstep_fleet_init(&coordinator->fleet, &coordinator->config->settings,
                        lockstep_store_epoch(store), lockstep_store_sequence(store),
                        lockstep_loop_now(coordinator->loop));
    LOCKSTEP_TRY(lockstep_store_lives(store, load_live, coordinator, err));
    LOCKSTEP_TRY(lockstep_store_modules(store, load_module, coordinator, err));
    if (!lockstep_store_restored(store)) {
        return lockstep_driver_take_up_all(coordinator, err);
    }
    LOCKSTEP_TRY(lockstep_restored_begin(coordinator, err));
    lockstep_restored_look(coordinator); /* a fleet without members has nobody to hear */
    return lockstep_coordinator_failure(coordinator, err);
}
