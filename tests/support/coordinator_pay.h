/* A second module in the fleet of coordinator_world.h, pay, that n1 and n2 ran no version of
 * before; and what others do to the journal. */
#ifndef LOCKSTEP_TESTS_SUPPORT_COORDINATOR_PAY_H
#define LOCKSTEP_TESTS_SUPPORT_COORDINATOR_PAY_H

#include "tests/support/coordinator_world.h"

#include <sqlite3.h>
#include <stdlib.h>

/* What happened to the journal meanwhile. */
static inline void meddle(const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/journal.db", world.directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* An operation of KIND on it, written up to its COMMIT. PLACEMENT, unless it is NULL, says on whom
 * it is placed from its success on. */
static inline struct lockstep_operation *start_pay(enum lockstep_kind kind, const char *placement)
{
    struct lockstep_operation *operation = lockstep_operation_new(1, 2, false);
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    assert_non_null(operation);
    assert_non_null(record);
    operation->id.bytes[0] = (uint8_t)(76 + kind);
    operation->kind = kind;
    operation->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    operation->options.on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    operation->options.drain = LOCKSTEP_DRAIN_AUTO;
    operation->item_count = 1;
    operation->items[0] = (struct lockstep_item){.module = name_of("pay"), .generation = 1};
    *(kind == LOCKSTEP_KIND_RELOAD ? &operation->items[0].digest
                                   : &operation->items[0].leaving) = digest_of("9f3c1a2e");
    operation->part_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        operation->parts[i].node = i;
        operation->parts[i].state = (uint8_t)LOCKSTEP_PART_HEALTHY;
    }
    record->places = placement != NULL;
    (void)snprintf(record->placement, sizeof(record->placement), "%s",
                   placement == NULL ? "" : placement);
    operation->state = LOCKSTEP_OPERATION_OPENING;
    assert_int_equal(lockstep_store_operation_open(world.store, operation, record, &audit, NULL),
                     LOCKSTEP_OK);
    operation->state = LOCKSTEP_OPERATION_DECIDING;
    assert_int_equal(
        lockstep_store_operation_row(world.store, operation, NULL, OPENED, &audit, NULL),
        LOCKSTEP_OK);
    free(record);
    return operation;
}

static inline void finish_pay(struct lockstep_operation *operation)
{
    operation->state = LOCKSTEP_OPERATION_SUCCEEDING;
    assert_int_equal(
        lockstep_store_operation_row(world.store, operation, NULL, OPENED, &audit, NULL),
        LOCKSTEP_OK);
}

/* Installs it on n1 and n2, which then run it, and on whom PLACEMENT selects from now on. */
static inline void install_pay(const char *placement)
{
    struct lockstep_operation *operation = start_pay(LOCKSTEP_KIND_RELOAD, placement);
    finish_pay(operation);
    for (uint32_t i = 0; i < 2; i++) {
        world.live[i].module = name_of("pay");
    }
    (void)lockstep_operation_free(operation);
}

/* Both go back to nothing. */
static inline void undo_pay(void)
{
    struct lockstep_operation *operation = start_pay(LOCKSTEP_KIND_UNDO, NULL);
    finish_pay(operation);
    for (uint32_t i = 0; i < 2; i++) {
        memset(&world.live[i].digest, 0, sizeof(world.live[i].digest));
    }
    (void)lockstep_operation_free(operation);
}

#endif
