/* Who is to run what: the journal's placements and desired versions, gathered for a request. A node
 * whose pin is over still stands on what it was pinned to, and is to run something else. */
#include "coordinator/driver_internal.h"

#include "common/io/selector.h"

#include <stdlib.h>

struct gathering {
    const struct lockstep_coordinator *coordinator;
    struct lockstep_resolved *resolved;
};

/* The request's item for MODULE, or -1. */
static int64_t item_of(const struct lockstep_request *request, const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < request->item_count; i++) {
        if (lockstep_name_equal(&request->items[i].module, module)) {
            return i;
        }
    }
    return -1;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void gather_placement(void *context, const struct lockstep_name *module, uint64_t generation,
                             const char *placement)
{
    const struct gathering *gathering = context;
    struct lockstep_resolved *resolved = gathering->resolved;
    struct lockstep_request *request = &resolved->request;
    int64_t item = item_of(request, module);
    (void)generation;
    if (item < 0 || placement == NULL) {
        return;
    }
    request->items[item].recorded = true;
    for (uint32_t i = 0; i < request->selected_count; i++) {
        const char *labels = gathering->coordinator->views[request->selected[i]].row.labels;
        resolved->placed[lockstep_resolved_at(resolved, i, (uint32_t)item)] =
            lockstep_selector_matches(placement, labels);
    }
}

/* What a node is to run it is placed on, also where the selector is no longer its. */
static void gather_desired(void *context, const struct lockstep_desired_row *row)
{
    const struct gathering *gathering = context;
    struct lockstep_resolved *resolved = gathering->resolved;
    struct lockstep_request *request = &resolved->request;
    int64_t item = item_of(request, &row->module);
    const struct lockstep_digest *wish = lockstep_desired_wish(row, lockstep_unix_ms());
    const uint32_t *node;
    size_t at;
    if (item < 0) {
        return;
    }
    request->items[item].recorded = true;
    node = bsearch(&row->node, resolved->selected, request->selected_count, sizeof(row->node),
                   compare_numbers);
    if (node == NULL) {
        return;
    }
    at = lockstep_resolved_at(resolved, (uint32_t)(node - resolved->selected), (uint32_t)item);
    resolved->placed[at] = true;
    resolved->desired[at] = row->digest;
    resolved->wished[at] = wish == NULL ? row->digest : *wish;
    resolved->previous[at] = row->previous;
    resolved->has_previous[at] = row->has_previous;
}

enum lockstep_err lockstep_control_place(struct lockstep_coordinator *coordinator,
                                         struct lockstep_resolved *resolved,
                                         struct lockstep_error *err)
{
    struct gathering gathering = {coordinator, resolved};
    struct lockstep_request *request = &resolved->request;
    size_t count = lockstep_resolved_at(resolved, request->selected_count, 0) + 1;
    resolved->placed = calloc(count, sizeof(*resolved->placed));
    resolved->desired = calloc(count, sizeof(*resolved->desired));
    resolved->wished = calloc(count, sizeof(*resolved->wished));
    resolved->previous = calloc(count, sizeof(*resolved->previous));
    resolved->has_previous = calloc(count, sizeof(*resolved->has_previous));
    if (resolved->placed == NULL || resolved->desired == NULL || resolved->wished == NULL ||
        resolved->previous == NULL || resolved->has_previous == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan");
    }
    request->placed = resolved->placed;
    request->desired = resolved->desired;
    LOCKSTEP_TRY(lockstep_store_modules(coordinator->store, gather_placement, &gathering, err));
    return lockstep_store_desired(coordinator->store, gather_desired, &gathering, err);
}
