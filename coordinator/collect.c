/* Collecting: bytes of versions that nobody will be sent any more, and operations long over. */
#include "coordinator/driver_internal.h"

#include "common/io/log.h"
#include "common/io/retention.h"

#define DAY_MS UINT64_C(86400000)

static void need_desired(void *context, const struct lockstep_desired_row *row)
{
    lockstep_retention_need(context, &row->digest);
    lockstep_retention_need(context, &row->previous);
    lockstep_retention_need(context, &row->after);
}

/* What a node runs, and what it may go back to. */
static void need_view(struct lockstep_retention *retention, const struct lockstep_node_view *view)
{
    for (uint32_t i = 0; i < view->live_count; i++) {
        lockstep_retention_need(retention, &view->live[i].digest);
    }
    for (uint32_t i = 0; i < view->module_count; i++) {
        lockstep_retention_need(retention, &view->modules[i].digest);
        lockstep_retention_need(retention, &view->modules[i].previous);
    }
}

static void need_operation(struct lockstep_retention *retention,
                           const struct lockstep_operation *operation)
{
    size_t starts = (size_t)operation->part_count * operation->item_count;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        lockstep_retention_need(retention, &operation->items[i].digest);
        lockstep_retention_need(retention, &operation->items[i].leaving);
    }
    for (size_t i = 0; i < starts; i++) {
        lockstep_retention_need(retention, &operation->starts[i]);
    }
}

void lockstep_driver_collect_artifacts(struct lockstep_coordinator *coordinator)
{
    static const struct lockstep_retention_limits limits = {.newest = LOCKSTEP_KEEP_REVISIONS};
    struct lockstep_retention *retention = lockstep_retention_new();
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result = lockstep_store_desired(coordinator->store, need_desired, retention,
                                                      &err);
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        need_view(retention, &coordinator->views[i]);
    }
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        if (coordinator->running[i].operation != NULL) {
            need_operation(retention, coordinator->running[i].operation);
        }
    }
    for (size_t i = 0; i < LOCKSTEP_SESSION_WAITS; i++) {
        if (coordinator->waits[i].used) {
            need_operation(retention, coordinator->waits[i].draft);
        }
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_retention_collect(retention, coordinator->artifacts, &limits, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator", "old artifacts stay: %s", err.message);
    }
    retention = lockstep_retention_free(retention);
}

void lockstep_driver_collect(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    uint64_t now = lockstep_unix_ms();
    uint64_t kept = LOCKSTEP_KEEP_DAYS * DAY_MS;
    int count = 0;
    if (lockstep_store_operations_forget(coordinator->store, now > kept ? now - kept : 0,
                                         LOCKSTEP_KEEP_OPERATIONS, &count, &err) != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
    } else if (count > 0) {
        lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator",
                     "%d operations have been over for %d days and are forgotten", count,
                     LOCKSTEP_KEEP_DAYS);
    }
    lockstep_driver_collect_artifacts(coordinator);
    lockstep_timer_arm(coordinator->loop, &coordinator->collecting,
                       lockstep_time_after(lockstep_loop_now(coordinator->loop), DAY_MS));
}
