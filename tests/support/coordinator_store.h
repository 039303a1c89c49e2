/* A coordinator's store in a directory of its own, for tests that write to it. */
#ifndef LOCKSTEP_TESTS_SUPPORT_COORDINATOR_STORE_H
#define LOCKSTEP_TESTS_SUPPORT_COORDINATOR_STORE_H

#include "coordinator/store.h"
#include "tests/support/cmocka.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW    1000000
#define BUNDLE "version: 1\n"

static const struct lockstep_id cluster = {.bytes = {7}};
static const struct lockstep_audit somebody = {
    .who = "ann", .what = "test", .subject = "x", .detail = "{}"};

struct place {
    char directory[64];
    struct lockstep_store *store;
    struct lockstep_operation *operation; /* of those tests that need one */
};

static inline void open_store(struct place *place)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_store_open(place->directory, &place->store, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
}

static inline void open_again(struct place *place)
{
    place->store = lockstep_store_close(place->store);
    open_store(place);
}

static inline struct place *make_place(void)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    (void)snprintf(place->directory, sizeof(place->directory), "/tmp/lockstep-store-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    assert_int_equal(
        lockstep_store_create(place->directory, &cluster, BUNDLE, strlen(BUNDLE), &somebody, NULL),
        LOCKSTEP_OK);
    open_store(place);
    return place;
}

static inline void remove_place(struct place *place)
{
    static const char *const names[] = {"lock", "journal.db", "journal.db-wal", "journal.db-shm"};
    char path[128];
    (void)lockstep_store_close(place->store);
    (void)lockstep_operation_free(place->operation);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", place->directory, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->directory), 0);
    free(place);
}

/* What somebody else does to the journal behind the store's back. */
static inline void meddle(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/journal.db", place->directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const struct lockstep_id first = {.bytes = {1}};
static const struct lockstep_id second = {.bytes = {2}};

/* Two items on three nodes. */
static inline struct lockstep_operation *make_operation(const struct lockstep_id *id)
{
    struct lockstep_operation *operation = lockstep_operation_new(2, 3, true);
    assert_non_null(operation);
    operation->id = *id;
    operation->kind = LOCKSTEP_KIND_RELOAD;
    operation->strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    operation->options.on_failure = LOCKSTEP_ON_FAILURE_ROLLBACK;
    operation->options.drain = LOCKSTEP_DRAIN_AUTO;
    operation->options.need = 3;
    operation->options.pin_ms = UINT64_MAX - 1; /* all 64 bits are kept */
    operation->state = LOCKSTEP_OPERATION_OPENING;
    operation->item_count = 2;
    operation->part_count = 3;
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(
            lockstep_name_parse(i == 0 ? "markdown" : "ratelimit", &operation->items[i].module));
        operation->items[i].generation = 4 + i;
        operation->items[i].digest.bytes[0] = (uint8_t)(0xa0 + i);
    }
    for (uint32_t i = 0; i < 3; i++) {
        operation->parts[i].node = i;
        operation->parts[i].state = LOCKSTEP_PART_CONTACTED;
        operation->starts[(size_t)i * 2].bytes[0] = (uint8_t)(0x10 + i);
    }
    return operation;
}

/* Opens OPERATION on the nodes that PLACEMENT selects; NULL: it installs nothing. */
static inline void open_it(struct place *place, struct lockstep_operation *operation,
                           const char *placement)
{
    struct lockstep_operation_record *record = calloc(1, sizeof(*record));
    assert_non_null(record);
    record->places = placement != NULL;
    (void)snprintf(record->placement, sizeof(record->placement), "%s",
                   placement == NULL ? "not=this" : placement);
    assert_int_equal(
        lockstep_store_operation_open(place->store, operation, record, &somebody, NULL),
        LOCKSTEP_OK);
    free(record);
}

/* Writes the row of STATE. */
static inline void write_state(struct place *place, struct lockstep_operation *operation,
                               unsigned state)
{
    operation->state = (uint8_t)state;
    assert_int_equal(
        lockstep_store_operation_row(place->store, operation, NULL, NOW, &somebody, NULL),
        LOCKSTEP_OK);
}

/* On every node. */
static inline void succeed(struct place *place, struct lockstep_operation *operation,
                           const char *placement)
{
    open_it(place, operation, placement);
    for (uint32_t i = 0; i < operation->part_count; i++) {
        operation->parts[i].state = LOCKSTEP_PART_HEALTHY;
    }
    write_state(place, operation, LOCKSTEP_OPERATION_DECIDING);
    write_state(place, operation, LOCKSTEP_OPERATION_SUCCEEDING);
}

#endif
