/* What a node is to run it is owed again: by the operations that brought it, also by those that
 * were over and are not in memory any more. */
#include "coordinator/owe.h"

#include "common/io/log.h"

#include <stdlib.h>

/* Slots that are left for operations that people open. */
#define SLOTS_LEFT (LOCKSTEP_FLEET_OPERATIONS / 4)

struct wishes {
    uint32_t node;
    uint64_t now_unix_ms;
    size_t count;
    struct lockstep_desired_row rows[LOCKSTEP_NODE_MODULES_MAX];
};

static void take_wish(void *context, const struct lockstep_desired_row *row)
{
    struct wishes *wishes = context;
    if (row->node == wishes->node && wishes->count < LOCKSTEP_COUNT(wishes->rows) &&
        !lockstep_digest_is_zero(&row->digest) &&
        lockstep_desired_wish(row, wishes->now_unix_ms) == &row->digest) {
        wishes->rows[wishes->count++] = *row;
    }
}

/* True if all that OPERATION brought is what the node is to run: then nothing newer is undone. */
static bool brought_all(const struct wishes *wishes, const struct lockstep_operation *operation)
{
    uint32_t found = 0;
    for (size_t i = 0; i < wishes->count; i++) {
        const struct lockstep_desired_row *row = &wishes->rows[i];
        int64_t item = lockstep_operation_item(operation, &row->module);
        found += item >= 0 && lockstep_id_equal(&row->operation, &operation->id) &&
                         lockstep_digest_equal(&row->digest, &operation->items[item].digest)
                     ? 1
                     : 0;
    }
    return found == operation->item_count && !lockstep_operation_goes_back(operation) &&
           lockstep_operation_part(operation, wishes->node) >= 0;
}

static bool has_room(const struct lockstep_coordinator *coordinator)
{
    size_t empty = 0;
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        empty += coordinator->running[i].operation == NULL ? 1 : 0;
    }
    return empty > SLOTS_LEFT;
}

/* Takes an operation that was over into memory again, if it brought what the node is to run. */
static enum lockstep_err revive(struct lockstep_coordinator *coordinator,
                                const struct wishes *wishes, const struct lockstep_id *id,
                                struct lockstep_error *err)
{
    struct lockstep_operation *operation = NULL;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    bool wanted;
    LOCKSTEP_TRY(
        lockstep_store_operation_load(coordinator->store, id, &operation, &row, NULL, err));
    wanted = operation != NULL && row == LOCKSTEP_ROW_FINAL && brought_all(wishes, operation);
    (void)lockstep_operation_free(operation);
    if (!wanted) {
        return LOCKSTEP_OK;
    }
    if (!has_room(coordinator)) {
        return LOCKSTEP_FAIL(err, LIMIT, "too many operations are in memory");
    }
    lockstep_driver_flush(coordinator); /* that it is over may still have to be written */
    LOCKSTEP_TRY(lockstep_store_operation_again(coordinator->store, id, err));
    return lockstep_driver_take_up(coordinator, id, err);
}

/* Adds the operation of ROW to those that owe the node, once. */
static size_t add(struct lockstep_coordinator *coordinator, const struct wishes *wishes,
                  const struct lockstep_id *id, struct lockstep_id *ids, size_t count)
{
    const struct lockstep_operation *operation;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    for (size_t i = 0; i < count; i++) {
        if (lockstep_id_equal(&ids[i], id)) {
            return count;
        }
    }
    if (lockstep_fleet_operation(&coordinator->fleet, id) == NULL &&
        revive(coordinator, wishes, id, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator",
                     "node %s is not given by itself what it is to run: %s",
                     coordinator->nodes[wishes->node].name.text, err.message);
    }
    operation = lockstep_fleet_operation(&coordinator->fleet, id);
    if (operation != NULL && brought_all(wishes, operation)) {
        ids[count++] = *id;
    }
    return count;
}

size_t lockstep_driver_brought(struct lockstep_coordinator *coordinator, uint32_t node,
                               struct lockstep_id ret_ids[LOCKSTEP_NODE_MODULES_MAX])
{
    struct wishes *wishes = calloc(1, sizeof(*wishes));
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    size_t count = 0;
    if (wishes == NULL) {
        return 0;
    }
    wishes->node = node;
    wishes->now_unix_ms = lockstep_unix_ms();
    if (lockstep_store_desired(coordinator->store, take_wish, wishes, &err) != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
    }
    for (size_t i = 0; i < wishes->count; i++) {
        count = add(coordinator, wishes, &wishes->rows[i].operation, ret_ids, count);
    }
    free(wishes);
    return count;
}
