/* Operations in doubt that a person decided on this node. */
#include "agent/store_internal.h"

#include <string.h>

enum lockstep_err lockstep_agent_store_doubts(struct lockstep_agent_store *store,
                                              lockstep_agent_doubt_fn *each, void *context,
                                              struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_id id;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT id, (SELECT group_concat(module, ' ') FROM item WHERE operation = number),"
        " (SELECT reason FROM heuristic WHERE heuristic.operation = id) FROM operation"
        " WHERE row = ?1 ORDER BY number",
        &LOCKSTEP_INTEGER(LOCKSTEP_DUTY_ROW_PREPARED), 1, &rows, err));
    while (more) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && lockstep_row_bytes(&rows, 0, id.bytes, sizeof(id.bytes))) {
            each(context, &id, lockstep_row_text_at(&rows, 1), lockstep_row_text_at(&rows, 2));
        }
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err insert(struct lockstep_agent_store *store,
                                const struct lockstep_agent_resolution *resolution,
                                struct lockstep_error *err)
{
    const struct lockstep_bind binds[] = {
        LOCKSTEP_BYTES_OF(&resolution->operation), LOCKSTEP_INTEGER(resolution->commit),
        LOCKSTEP_INTEGER(resolution->uid),         LOCKSTEP_TEXT(resolution->reason),
        LOCKSTEP_INTEGER(resolution->unix_ms),     LOCKSTEP_INTEGER(LOCKSTEP_DUTY_ROW_PREPARED)};
    int changed = 0;
    LOCKSTEP_TRY(lockstep_journal_run(
        store->journal,
        "INSERT INTO heuristic(operation, outcome, uid, reason, time, told) SELECT id, ?2, ?3, ?4,"
        " ?5, 0 FROM operation WHERE id = ?1 AND row = ?6 AND id NOT IN"
        " (SELECT operation FROM heuristic)",
        binds, LOCKSTEP_COUNT(binds), &changed, err));
    if (changed != 1) {
        return LOCKSTEP_FAIL(err, CONFLICT, "the operation is not in doubt on this node");
    }
    LOCKSTEP_RUN(store->journal, err,
                 "DELETE FROM heuristic WHERE told = ?1 AND operation NOT IN"
                 " (SELECT id FROM operation)",
                 LOCKSTEP_INTEGER(1));
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_resolve(struct lockstep_agent_store *store,
                                               const struct lockstep_agent_resolution *resolution,
                                               struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_agent_store_begin(store, err));
    return lockstep_agent_store_end(store, insert(store, resolution, err), err);
}

enum lockstep_err lockstep_agent_store_resolutions(struct lockstep_agent_store *store,
                                                   lockstep_agent_resolution_fn *each,
                                                   void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    struct lockstep_agent_resolution resolution;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT operation, outcome, uid, reason, time FROM heuristic WHERE told = 0", NULL, 0,
        &rows, err));
    while (more) {
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        memset(&resolution, 0, sizeof(resolution));
        if (lockstep_row_bytes(&rows, 0, resolution.operation.bytes, LOCKSTEP_ID_BYTES)) {
            resolution.commit = lockstep_row_integer(&rows, 1) != 0;
            resolution.uid = (uint32_t)lockstep_row_integer(&rows, 2);
            lockstep_row_copy(&rows, 3, resolution.reason, sizeof(resolution.reason));
            resolution.unix_ms = (uint64_t)lockstep_row_integer(&rows, 4);
            each(context, &resolution);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_store_resolutions_told(struct lockstep_agent_store *store,
                                                        struct lockstep_error *err)
{
    LOCKSTEP_RUN(store->journal, err, "UPDATE heuristic SET told = ?1 WHERE told = 0",
                 LOCKSTEP_INTEGER(1));
    return LOCKSTEP_OK;
}
