/* What is written of operations: rows at once, parts when convenient. */
#include "coordinator/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/crash.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>

#define PARTS_LATE_MS 100 /* parts that change together are written together */

/* ---- rows ----------------------------------------------------------------------------------- */

/* A compensation goes under its parent's record: the intent that its nodes were promised. */
static struct lockstep_running *adopt_child(struct lockstep_coordinator *coordinator,
                                            const struct lockstep_operation *parent,
                                            struct lockstep_operation *child)
{
    struct lockstep_running *from = lockstep_driver_running(coordinator, parent);
    struct lockstep_running *to = lockstep_driver_running(coordinator, NULL);
    ASSERT(from != NULL && to != NULL);
    to->operation = child;
    to->changed = true;
    to->record = malloc(sizeof(*to->record));
    ASSERT(to->record != NULL);
    *to->record = *from->record;
    to->record->opened_unix_ms = lockstep_unix_ms();
    to->record->decided_unix_ms = 0;
    to->record->live_unix_ms = 0;
    to->record->ended_unix_ms = 0;
    return to;
}

static void note_times(struct lockstep_running *running, enum lockstep_row row)
{
    uint64_t now = lockstep_unix_ms();
    struct lockstep_operation_record *record = running->record;
    if (row == LOCKSTEP_ROW_COMMIT || row == LOCKSTEP_ROW_ABORT) {
        record->decided_unix_ms = now;
    }
    if (row == LOCKSTEP_ROW_SUCCEEDED && record->live_unix_ms == 0) {
        record->live_unix_ms = now;
    }
    if ((row == LOCKSTEP_ROW_ABORT || row == LOCKSTEP_ROW_SUCCEEDED ||
         row == LOCKSTEP_ROW_SETTLED) &&
        record->ended_unix_ms == 0) {
        record->ended_unix_ms = now;
    }
}

/* Named crash points stand around every row (common/tbl/crash.h). */
static void crash_before(enum lockstep_row row)
{
    if (row == LOCKSTEP_ROW_OPEN) {
        LOCKSTEP_CRASH(COORDINATOR_BEFORE_OPEN);
    } else if (row == LOCKSTEP_ROW_COMMIT) {
        LOCKSTEP_CRASH(COORDINATOR_BEFORE_COMMIT);
    } else if (row == LOCKSTEP_ROW_SUCCEEDED) {
        LOCKSTEP_CRASH(COORDINATOR_BEFORE_SUCCEEDED);
    } else if (row == LOCKSTEP_ROW_DEGRADED) {
        LOCKSTEP_CRASH(COORDINATOR_BEFORE_DEGRADED);
    }
}

static void crash_after(enum lockstep_row row)
{
    if (row == LOCKSTEP_ROW_OPEN) {
        LOCKSTEP_CRASH(COORDINATOR_AFTER_OPEN);
    } else if (row == LOCKSTEP_ROW_COMMIT) {
        LOCKSTEP_CRASH(COORDINATOR_AFTER_COMMIT);
    } else if (row == LOCKSTEP_ROW_SUCCEEDED) {
        LOCKSTEP_CRASH(COORDINATOR_AFTER_SUCCEEDED);
    } else if (row == LOCKSTEP_ROW_DEGRADED) {
        LOCKSTEP_CRASH(COORDINATOR_AFTER_DEGRADED);
    }
}

/* By the name that people know it by, and what it is. */
static void log_row(const struct lockstep_running *running, enum lockstep_row row)
{
    const struct lockstep_operation *operation = running->operation;
    const char *result = lockstep_result_word(operation->result);
    char id[LOCKSTEP_ID_TEXT];
    lockstep_id_format(&operation->id, id);
    lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator",
                 "op-%.8s row=%s %s %s of %s%s on %u nodes by %s%s%s", id, lockstep_row_text(row),
                 lockstep_strategy_text(operation->strategy), lockstep_kind_text(operation->kind),
                 operation->items[0].module.text, operation->item_count > 1 ? " and others" : "",
                 lockstep_operation_size(operation),
                 lockstep_id_is_zero(&running->record->standing) ? running->record->signer
                                                                 : "the coordinator",
                 result == NULL ? "" : ": ", result == NULL ? "" : result);
}

void lockstep_driver_persist(struct lockstep_coordinator *coordinator,
                             struct lockstep_operation *operation, struct lockstep_operation *child)
{
    struct lockstep_running *running = lockstep_driver_running(coordinator, operation);
    enum lockstep_row row = lockstep_operation_row(operation);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result;
    char id[LOCKSTEP_ID_TEXT];
    struct lockstep_audit audit = {.who = "coordinator", .subject = id};
    char what[64];
    ASSERT(running != NULL);
    lockstep_id_format(&operation->id, id);
    (void)snprintf(what, sizeof(what), "operation.%s", lockstep_row_text(row));
    audit.what = what;
    if (child != NULL) {
        (void)adopt_child(coordinator, operation, child);
    }
    if (row == LOCKSTEP_ROW_OPEN) {
        lockstep_driver_welcome_arrived(coordinator);
    }
    crash_before(row);
    if (row == LOCKSTEP_ROW_OPEN) {
        audit.who = lockstep_id_is_zero(&running->record->standing) ? running->record->signer
                                                                    : audit.who;
        result = lockstep_store_operation_open(coordinator->store, operation, running->record,
                                               &audit, &err);
    } else {
        result = lockstep_store_operation_row(coordinator->store, operation, child,
                                              lockstep_unix_ms(), &audit, &err);
    }
    if (result == LOCKSTEP_LIMIT && row == LOCKSTEP_ROW_OPEN) {
        running->refused = true; /* nobody has heard of it: the disk is full, and that is all */
        coordinator->refusal = err;
        return;
    }
    if (result != LOCKSTEP_OK) {
        lockstep_driver_fail(coordinator, &err);
        return;
    }
    running->late = false;
    crash_after(row);
    note_times(running, row);
    log_row(running, row);
    if (row == LOCKSTEP_ROW_COMMIT) {
        lockstep_driver_quarantine_left(coordinator, operation);
    }
    ASSERT(coordinator->written_count < LOCKSTEP_COUNT(coordinator->written));
    coordinator->written[coordinator->written_count++] = operation;
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void write_parts(struct lockstep_coordinator *coordinator, struct lockstep_running *running)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    running->late = false;
    if (lockstep_store_operation_parts(coordinator->store, running->operation, lockstep_unix_ms(),
                                       &err) != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
    }
}

/* A sync a read-back would cost more than all the rest of an operation. Nothing depends on these:
 * who restarts asks again. But when all are live is a time for history, and is written at once. */
void lockstep_driver_parts(struct lockstep_coordinator *coordinator,
                           const struct lockstep_operation *operation)
{
    struct lockstep_running *running = lockstep_driver_running(coordinator, operation);
    if (operation->state == LOCKSTEP_OPERATION_SOAKING && running->record->live_unix_ms == 0) {
        running->record->live_unix_ms = lockstep_unix_ms();
        write_parts(coordinator, running);
        return;
    }
    running->late = true;
    lockstep_driver_later(coordinator);
}

void lockstep_driver_later(struct lockstep_coordinator *coordinator)
{
    if (coordinator->parts.place == 0) {
        lockstep_timer_arm(
            coordinator->loop, &coordinator->parts,
            lockstep_time_after(lockstep_loop_now(coordinator->loop), PARTS_LATE_MS));
    }
}

static void write_over(struct lockstep_coordinator *coordinator)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_store_operations_over(coordinator->store, coordinator->over,
                                       coordinator->over_count, lockstep_unix_ms(),
                                       &err) != LOCKSTEP_OK) {
        lockstep_driver_miss(coordinator, &err);
    }
    while (coordinator->over_count > 0) {
        (void)lockstep_operation_free(coordinator->over[--coordinator->over_count]);
    }
}

void lockstep_driver_over(struct lockstep_coordinator *coordinator,
                          struct lockstep_operation *operation)
{
    if (coordinator->over_count == LOCKSTEP_COUNT(coordinator->over)) {
        write_over(coordinator);
    }
    coordinator->over[coordinator->over_count++] = operation;
    if (lockstep_operation_row(operation) == LOCKSTEP_ROW_FINAL) {
        lockstep_driver_later(coordinator);
    } else {
        write_over(coordinator);
    }
}

static void let_finals_go(struct lockstep_coordinator *coordinator)
{
    coordinator->finals_late = false;
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        if (coordinator->agents[i] != NULL) {
            lockstep_link_hold(coordinator->agents[i]->link, false);
        }
    }
}

void lockstep_driver_flush(void *context)
{
    struct lockstep_coordinator *coordinator = context;
    if (coordinator->finals_late) {
        let_finals_go(coordinator);
    }
    for (size_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS && coordinator->failed == LOCKSTEP_OK; i++) {
        if (coordinator->running[i].operation != NULL && coordinator->running[i].late) {
            write_parts(coordinator, &coordinator->running[i]);
        }
    }
    if (coordinator->over_count > 0) {
        write_over(coordinator);
    }
    for (struct lockstep_session *session = coordinator->sessions; session != NULL;
         session = session->next) {
        lockstep_control_tell_late(session);
    }
}
