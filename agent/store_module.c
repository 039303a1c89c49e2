/* Rows of modules and of refused versions. */
#include "agent/store_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- modules -------------------------------------------------------------------------------- */

enum lockstep_err lockstep_agent_store_take_module(const struct lockstep_query_rows *rows,
                                                   struct lockstep_agent_module_row *ret_row,
                                                   struct lockstep_error *err)
{
    const char *service = lockstep_row_text_at(rows, 1);
    bool good;
    memset(ret_row, 0, sizeof(*ret_row));
    ret_row->generation = (uint64_t)lockstep_row_integer(rows, 2);
    ret_row->current.generation = (uint64_t)lockstep_row_integer(rows, 3);
    ret_row->previous.generation = (uint64_t)lockstep_row_integer(rows, 5);
    ret_row->counter_floor = (uint64_t)lockstep_row_integer(rows, 7);
    lockstep_row_copy(rows, 8, ret_row->version, sizeof(ret_row->version));
    ret_row->has_previous = lockstep_row_integer(rows, 9) != 0;
    good = lockstep_name_parse(lockstep_row_text_at(rows, 0), &ret_row->module) &&
           (service[0] == '\0' || lockstep_name_parse(service, &ret_row->service)) &&
           lockstep_row_bytes(rows, 4, ret_row->current.digest.bytes, LOCKSTEP_DIGEST_BYTES) &&
           lockstep_row_bytes(rows, 6, ret_row->previous.digest.bytes, LOCKSTEP_DIGEST_BYTES);
    return good ? LOCKSTEP_OK : LOCKSTEP_FAIL(err, CORRUPT, "the journal has a bad module row");
}

enum lockstep_err lockstep_agent_store_module(struct lockstep_agent_store *store,
                                              const struct lockstep_name *module, bool *ret_found,
                                              struct lockstep_agent_module_row *ret_row,
                                              struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    enum lockstep_err result = LOCKSTEP_OK;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT " LOCKSTEP_AGENT_MODULE_COLUMNS " FROM module WHERE name = ?1",
        &LOCKSTEP_TEXT(module->text), 1, &rows, err));
    LOCKSTEP_TRY(lockstep_query_next(&rows, ret_found, err));
    if (*ret_found) {
        result = lockstep_agent_store_take_module(&rows, ret_row, err);
        lockstep_query_end(&rows);
        return result;
    }
    memset(ret_row, 0, sizeof(*ret_row));
    ret_row->module = *module;
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_put_module(struct lockstep_agent_store *store,
                                                  const struct lockstep_agent_module_row *row,
                                                  struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err,
                 "INSERT OR REPLACE INTO module VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                 LOCKSTEP_TEXT(row->module.text), LOCKSTEP_TEXT(row->service.text),
                 LOCKSTEP_INTEGER(row->generation), LOCKSTEP_INTEGER(row->current.generation),
                 LOCKSTEP_BYTES_OF(&row->current.digest),
                 LOCKSTEP_INTEGER(row->previous.generation),
                 LOCKSTEP_BYTES_OF(&row->previous.digest), LOCKSTEP_INTEGER(row->counter_floor),
                 LOCKSTEP_TEXT(row->version), LOCKSTEP_INTEGER(row->has_previous));
    return LOCKSTEP_OK;
}

static enum lockstep_err describe(struct lockstep_agent_store *store,
                                  const struct lockstep_agent_description *description,
                                  struct lockstep_error *err)
{
    struct lockstep_agent_module_row row;
    bool found;
    LOCKSTEP_TRY(lockstep_agent_store_module(store, description->module, &found, &row, err));
    row.service = *description->service;
    if (description->version != NULL) {
        (void)snprintf(row.version, sizeof(row.version), "%s", description->version);
    }
    if (description->counter_floor > row.counter_floor) {
        row.counter_floor = description->counter_floor;
    }
    return lockstep_agent_store_put_module(store, &row, err);
}

enum lockstep_err
lockstep_agent_store_describe(struct lockstep_agent_store *store,
                              const struct lockstep_agent_description *descriptions, size_t count,
                              struct lockstep_error *err)
{
    enum lockstep_err result = LOCKSTEP_OK;
    LOCKSTEP_TRY(lockstep_agent_store_join(store, err));
    for (size_t i = 0; i < count && result == LOCKSTEP_OK; i++) {
        result = describe(store, &descriptions[i], err);
    }
    return lockstep_agent_store_leave(store, result, err);
}

/* ---- refused versions ----------------------------------------------------------------------- */

enum lockstep_err lockstep_agent_store_read_refused(struct lockstep_agent_store *store,
                                                    struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool row = false;
    uint32_t count = 0;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal, "SELECT DISTINCT digest FROM refused", NULL,
                                      0, &rows, err));
    for (;;) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &row, err));
        if (!row) {
            store->refused_count = count;
            return LOCKSTEP_OK;
        }
        if (count == LOCKSTEP_AGENT_REFUSED_MAX ||
            !lockstep_row_bytes(&rows, 0, store->refused[count].bytes, LOCKSTEP_DIGEST_BYTES)) {
            lockstep_query_end(&rows);
            return LOCKSTEP_FAIL(err, CORRUPT, "the journal's list of refused versions is bad");
        }
        count++;
    }
}

void lockstep_agent_store_refused(const struct lockstep_agent_store *store,
                                  struct lockstep_agent *core)
{
    core->refused = store->refused;
    core->refused_count = store->refused_count;
}

static enum lockstep_err replace(struct lockstep_agent_store *store,
                                 const struct lockstep_digest *digests, size_t count,
                                 struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err, "DELETE FROM refused WHERE why = ?1",
                 LOCKSTEP_INTEGER(LOCKSTEP_AGENT_WHY_COORDINATOR));
    for (size_t i = 0; i < count; i++) {
        LOCKSTEP_RUN(
            store->journal, err, "INSERT OR IGNORE INTO refused(digest, why) VALUES(?1, ?2)",
            LOCKSTEP_BYTES_OF(&digests[i]), LOCKSTEP_INTEGER(LOCKSTEP_AGENT_WHY_COORDINATOR));
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_quarantine(struct lockstep_agent_store *store,
                                                  const struct lockstep_digest *digests,
                                                  size_t count, struct lockstep_error *err)
{
    const size_t max = LOCKSTEP_AGENT_REFUSED_MAX - LOCKSTEP_AGENT_REFUSED_OURS_MAX;
    if (count > max) {
        return LOCKSTEP_FAIL(err, LIMIT, "%zu quarantined versions; a node keeps %zu", count, max);
    }
    LOCKSTEP_TRY(lockstep_agent_store_begin(store, err));
    LOCKSTEP_TRY(lockstep_agent_store_end(store, replace(store, digests, count, err), err));
    return lockstep_agent_store_read_refused(store, err);
}
