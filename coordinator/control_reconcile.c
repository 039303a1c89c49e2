/* RECONCILE as a request: which version, and which nodes, is worked out here and nowhere else. */
#include "coordinator/driver_internal.h"

#include <stdlib.h>

static enum lockstep_err find_named(struct lockstep_coordinator *coordinator,
                                    const struct lockstep_wire_subject *subject,
                                    const struct lockstep_resolved *resolved,
                                    struct lockstep_reconcile_ask *ask, struct lockstep_error *err)
{
    if (subject->version[0] == '\0') {
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(lockstep_control_version(coordinator, subject, resolved, 0, &ask->to, err));
    ask->to_quarantined = lockstep_driver_quarantined(coordinator, &ask->to);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_control_reconcile(struct lockstep_coordinator *coordinator,
                                             const struct lockstep_wire_request *body,
                                             bool *selected, struct lockstep_resolved *resolved,
                                             struct lockstep_error *err)
{
    struct lockstep_view view = lockstep_driver_view(coordinator);
    struct lockstep_reconcile_ask ask = {.module = body->subjects[0].module,
                                         .by_majority = body->by_majority,
                                         .as_recorded = resolved->damped != NULL,
                                         .max_changes = body->max_changes,
                                         .max_percent = body->max_changes_percent,
                                         .asked = selected,
                                         .damped = resolved->damped};
    struct lockstep_reconcile_answer answer;
    uint32_t count = coordinator->fleet.node_count;
    bool *taken = calloc(count + 1U, sizeof(*taken));
    enum lockstep_err result = taken == NULL ? LOCKSTEP_FAIL(err, NOMEM, "no memory for a plan")
                                             : find_named(coordinator, &body->subjects[0], resolved,
                                                          &ask, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_document_reconcile(&view, &ask, taken, &answer, resolved->reconcile, err);
    }
    if (result == LOCKSTEP_OK) {
        resolved->request.verdict = answer.verdict;
        resolved->request.items[0].digest = answer.target;
    }
    for (uint32_t i = 0; result == LOCKSTEP_OK && taken != NULL && i < count; i++) {
        selected[i] = taken[i];
    }
    free(taken);
    return result;
}
