/* A coordinator's journal with many nodes in it. */
#include "common/io/journal.h"
#include "common/io/keys.h"
#include "coordinator/store.h"
#include "coordinator/store_schema.h"
#include "tests/bench/fleet_agents.h"

#include <sodium.h>
#include <string.h>

void bench_agent_secret(uint32_t number, uint8_t ret_secret[LOCKSTEP_NOISE_KEY])
{
    static const char domain[] = "agents of a measurement";
    (void)crypto_generichash(ret_secret, LOCKSTEP_NOISE_KEY, (const uint8_t *)&number,
                             sizeof(number), (const uint8_t *)domain, sizeof(domain));
}

static enum lockstep_err print_cluster(const char *directory, struct lockstep_error *err)
{
    struct lockstep_store *store = NULL;
    struct lockstep_key *key = NULL;
    struct lockstep_id cluster;
    char path[4096];
    char text[2][2 * LOCKSTEP_KEY_BYTES + 1];
    LOCKSTEP_TRY(lockstep_store_open(directory, &store, err));
    cluster = lockstep_store_cluster(store);
    (void)lockstep_store_close(store);
    (void)snprintf(path, sizeof(path), "%s/key", directory);
    LOCKSTEP_TRY(lockstep_key_read(path, &key, err));
    lockstep_hex_format(cluster.bytes, LOCKSTEP_ID_BYTES, text[0]);
    lockstep_hex_format(key->open.channel, LOCKSTEP_KEY_BYTES, text[1]);
    (void)lockstep_key_free(key);
    (void)printf("%s %s\n", text[0], text[1]);
    return LOCKSTEP_OK;
}

static enum lockstep_err write_nodes(struct lockstep_journal *journal, uint32_t count,
                                     struct lockstep_error *err)
{
    static const struct lockstep_id no_journal;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t secret[LOCKSTEP_NOISE_KEY];
        uint8_t key[LOCKSTEP_NOISE_KEY];
        char name[LOCKSTEP_NAME_MAX + 1];
        bench_agent_secret(i, secret);
        (void)crypto_scalarmult_base(key, secret);
        (void)snprintf(name, sizeof(name), "n%u", i);
        LOCKSTEP_RUN(journal, err,
                     "INSERT INTO node(number, name, key, labels, journal, member, revoked, "
                     "enrolled) VALUES(?1, ?2, ?3, '', ?4, 0, 0, 0)",
                     LOCKSTEP_INTEGER(i), LOCKSTEP_TEXT(name), LOCKSTEP_BLOB(key, sizeof(key)),
                     LOCKSTEP_BYTES_OF(&no_journal));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err enrol(const char *directory, uint32_t count, struct lockstep_error *err)
{
    struct lockstep_journal *journal = NULL;
    struct lockstep_journal_config config = {.directory = directory,
                                             .migrations = lockstep_store_migrations,
                                             .migration_count = lockstep_store_migration_count};
    enum lockstep_err result;
    LOCKSTEP_TRY(print_cluster(directory, err));
    LOCKSTEP_TRY(lockstep_journal_open(&config, &journal, err));
    result = lockstep_journal_begin(journal, err);
    if (result == LOCKSTEP_OK) {
        result = write_nodes(journal, count, err);
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_journal_commit(journal, err);
    }
    (void)lockstep_journal_close(journal);
    return result;
}

int bench_enrol(const char *directory, uint32_t count)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bench_must(enrol(directory, count, &err) == LOCKSTEP_OK, err.message);
    return 0;
}
