/* An agent's store in a directory of its own, for tests that write to it. */
#ifndef LOCKSTEP_TESTS_SUPPORT_AGENT_STORE_H
#define LOCKSTEP_TESTS_SUPPORT_AGENT_STORE_H

#include "agent/store_internal.h"
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];
static struct lockstep_agent_module modules[8];
static struct lockstep_agent core;

static inline int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/lockstep-agent-XXXXXX");
    assert_non_null(mkdtemp(directory));
    return 0;
}

static inline int tear_down(void **state)
{
    static const char *const names[] = {"lock", "journal.db", "journal.db-wal", "journal.db-shm"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < LOCKSTEP_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
    return 0;
}

static inline struct lockstep_agent_store *open_store(void)
{
    struct lockstep_agent_store *store = NULL;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_agent_store_open(directory, &store, &err) != LOCKSTEP_OK) {
        fail_msg("%s", err.message);
    }
    return store;
}

static inline void load(struct lockstep_agent_store *store)
{
    struct lockstep_defaults settings;
    memset(&settings, 0, sizeof(settings));
    lockstep_agent_init(&core, &settings, modules, 8);
    assert_int_equal(lockstep_agent_store_load(store, &core, (struct lockstep_time){5}, NULL),
                     LOCKSTEP_OK);
}

/* To reload one module. */
static inline struct lockstep_prepare order(uint8_t id, uint64_t generation)
{
    struct lockstep_prepare made;
    memset(&made, 0, sizeof(made));
    made.operation.bytes[0] = id;
    made.kind = LOCKSTEP_KIND_RELOAD;
    made.strategy = LOCKSTEP_STRATEGY_SYNC_ALL;
    made.drain = LOCKSTEP_DRAIN_AUTO;
    made.item_count = 1;
    assert_true(lockstep_name_parse("greet", &made.items[0].module));
    made.items[0].generation = generation;
    made.items[0].digest.bytes[0] = id;
    return made;
}

#endif
