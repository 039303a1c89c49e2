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

#endif
