/* Modules, placements and desired versions, read. */
#include "coordinator/store_internal.h"

enum lockstep_err lockstep_store_modules(struct lockstep_store *store, lockstep_module_fn *each,
                                         void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal, "SELECT name, generation, placement, placement IS NOT NULL FROM module",
        NULL, 0, &rows, err));
    while (more) {
        struct lockstep_name name;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && lockstep_name_parse(lockstep_row_text_at(&rows, 0), &name)) {
            each(context, &name, (uint64_t)lockstep_row_integer(&rows, 1),
                 lockstep_row_integer(&rows, 3) != 0 ? lockstep_row_text_at(&rows, 2) : NULL);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_modules_decided(struct lockstep_store *store,
                                                 lockstep_name_fn *each, void *context,
                                                 struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    const struct lockstep_bind binds[] = {LOCKSTEP_INTEGER(LOCKSTEP_ROW_OPEN),
                                          LOCKSTEP_INTEGER(LOCKSTEP_ROW_ABORT)};
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(store->journal,
                                      "SELECT DISTINCT module FROM item JOIN operation "
                                      "ON operation.id = item.operation WHERE row NOT IN (?1, ?2)",
                                      binds, LOCKSTEP_COUNT(binds), &rows, err));
    while (more) {
        struct lockstep_name name;
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (more && lockstep_name_parse(lockstep_row_text_at(&rows, 0), &name)) {
            each(context, &name);
        }
    }
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_store_desired(struct lockstep_store *store, lockstep_desired_fn *each,
                                         void *context, struct lockstep_error *err)
{
    struct lockstep_query_rows rows;
    bool more = true;
    LOCKSTEP_TRY(lockstep_query_begin(
        store->journal,
        "SELECT node, module, digest, previous, operation, pin, has_previous FROM desired", NULL, 0,
        &rows, err));
    while (more) {
        struct lockstep_desired_row row = {.node = 0};
        LOCKSTEP_TRY(lockstep_query_next(&rows, &more, err));
        if (!more) {
            break;
        }
        row.node = (uint32_t)lockstep_row_integer(&rows, 0);
        row.pin_unix_ms = (uint64_t)lockstep_row_integer(&rows, 5);
        row.has_previous = lockstep_row_integer(&rows, 6) != 0;
        if (lockstep_name_parse(lockstep_row_text_at(&rows, 1), &row.module) &&
            lockstep_row_bytes(&rows, 2, row.digest.bytes, LOCKSTEP_DIGEST_BYTES) &&
            lockstep_row_bytes(&rows, 3, row.previous.bytes, LOCKSTEP_DIGEST_BYTES) &&
            lockstep_row_bytes(&rows, 4, row.operation.bytes, LOCKSTEP_ID_BYTES)) {
            each(context, &row);
        }
    }
    return LOCKSTEP_OK;
}
