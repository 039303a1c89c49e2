#include "coordinator/restored.h"

#include "coordinator/owe.h"
#include "coordinator/store_recover.h"

#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX         256 /* operations that a node holds open: far more than it has room for */
#define NUMBER_MAX       (UINT64_MAX / 4) /* no journal comes so far: a node that says so lies */
#define GENERATIONS_LEFT 4                /* above the highest that is live: one may be promised */

enum lockstep_err lockstep_restored_begin(struct lockstep_coordinator *coordinator,
                                          struct lockstep_error *err)
{
    coordinator->restoring = calloc(1, sizeof(*coordinator->restoring));
    if (coordinator->restoring == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for what nodes know");
    }
    coordinator->fleet.read_only = true;
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "coordinator",
                 "the journal comes from a backup: nothing is decided before every member has said "
                 "what it knows");
    return LOCKSTEP_OK;
}

void lockstep_restored_end(struct lockstep_coordinator *coordinator)
{
    if (coordinator->restoring != NULL) {
        free(coordinator->restoring->held);
        free(coordinator->restoring);
        coordinator->restoring = NULL;
    }
}

/* ---- what nodes say -------------------------------------------------------------------------- */

static void forget(struct lockstep_restoring *restoring, uint32_t node)
{
    size_t kept = 0;
    for (size_t i = 0; i < restoring->held_count; i++) {
        if (restoring->held[i].node != node) {
            restoring->held[kept++] = restoring->held[i];
        }
    }
    restoring->held_count = kept;
}

void lockstep_restored_heard(struct lockstep_coordinator *coordinator, uint32_t node,
                             const struct lockstep_state *state, bool fresh)
{
    struct lockstep_restoring *restoring = coordinator->restoring;
    struct lockstep_held *held;
    if (restoring == NULL) {
        return;
    }
    if (fresh) {
        forget(restoring, node);
    }
    if (restoring->held_count + state->open_count >
        (size_t)HELD_MAX * coordinator->fleet.node_count) {
        return; /* who never ends is never heard */
    }
    held = realloc(restoring->held,
                   (restoring->held_count + state->open_count + 1) * sizeof(*held));
    ASSERT(held != NULL);
    restoring->held = held;
    for (uint32_t i = 0; i < state->open_count; i++) {
        held[restoring->held_count++] = (struct lockstep_held){state->open[i].operation, node,
                                                               state->open[i].decided};
    }
    restoring->epoch = state->epoch > restoring->epoch ? state->epoch : restoring->epoch;
    restoring->sequence = state->decision_sequence > restoring->sequence ? state->decision_sequence
                                                                         : restoring->sequence;
    coordinator->views[node].told = !state->more;
    lockstep_restored_look(coordinator);
}

static bool have_all_told(const struct lockstep_coordinator *coordinator)
{
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        const struct lockstep_node *node = &coordinator->nodes[i];
        if (node->member && !node->gone && !coordinator->views[i].told) {
            return false;
        }
    }
    return true;
}

/* ---- what follows ---------------------------------------------------------------------------- */

/* What the nodes show of an operation. */
enum evidence {
    NOBODY,    /* has it */
    COMMITTED, /* a node has applied it, or runs what it brought */
    OVERTAKEN, /* a node runs something newer: it may have had it */
};

static enum evidence look_at_item(const struct lockstep_coordinator *coordinator,
                                  const struct lockstep_item *item)
{
    enum evidence evidence = NOBODY;
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        const struct lockstep_node_view *view = &coordinator->views[i];
        for (uint32_t j = 0; view->told && j < view->live_count; j++) {
            if (!lockstep_name_equal(&view->live[j].module, &item->module)) {
                continue;
            }
            if (view->live[j].generation == item->generation) {
                return COMMITTED;
            }
            evidence = view->live[j].generation > item->generation ? OVERTAKEN : evidence;
        }
    }
    return evidence;
}

static bool is_held(const struct lockstep_restoring *restoring, const struct lockstep_id *id,
                    bool decided)
{
    for (size_t i = 0; i < restoring->held_count; i++) {
        if (restoring->held[i].decided == decided &&
            lockstep_id_equal(&restoring->held[i].operation, id)) {
            return true;
        }
    }
    return false;
}

static enum evidence look_at(const struct lockstep_coordinator *coordinator,
                             const struct lockstep_operation *operation)
{
    enum evidence evidence = NOBODY;
    if (is_held(coordinator->restoring, &operation->id, true)) {
        return COMMITTED;
    }
    for (uint32_t i = 0; i < operation->item_count && evidence != COMMITTED; i++) {
        enum evidence one = look_at_item(coordinator, &operation->items[i]);
        evidence = one != NOBODY ? one : evidence;
    }
    return evidence;
}

/* An operation of the journal that is not decided there: committed, if a node shows that it was. In
 * doubt, if a node holds it so and nothing tells. Else it is left, and aborted by who starts next.
 */
static void judge_open(void *context, const struct lockstep_id *id)
{
    struct lockstep_recovery *recovery = context;
    const struct lockstep_coordinator *coordinator = recovery->coordinator;
    struct lockstep_operation *operation = NULL;
    enum lockstep_row row = LOCKSTEP_ROW_NONE;
    enum evidence evidence;
    if (recovery->result != LOCKSTEP_OK) {
        return;
    }
    recovery->result = lockstep_store_operation_load(coordinator->store, id, &operation, &row, NULL,
                                                     &recovery->err);
    if (recovery->result != LOCKSTEP_OK || row != LOCKSTEP_ROW_OPEN) {
        (void)lockstep_operation_free(operation);
        return;
    }
    evidence = look_at(coordinator, operation);
    if (evidence == COMMITTED) {
        ASSERT(recovery->committed_count < LOCKSTEP_COUNT(recovery->committed));
        recovery->committed[recovery->committed_count++] = *id;
    }
    if (evidence == OVERTAKEN && is_held(coordinator->restoring, id, false)) {
        recovery->blocked = true;
        recovery->blocking = *id;
    }
    (void)lockstep_operation_free(operation);
}

/* What nodes hold in doubt that the journal has never heard of. */
static void judge_held(struct lockstep_recovery *recovery)
{
    const struct lockstep_restoring *restoring = recovery->coordinator->restoring;
    for (size_t i = 0; i < restoring->held_count && recovery->result == LOCKSTEP_OK; i++) {
        const struct lockstep_held *held = &restoring->held[i];
        enum lockstep_row row = LOCKSTEP_ROW_NONE;
        char id[LOCKSTEP_ID_TEXT];
        recovery->result = lockstep_store_operation_find(recovery->coordinator->store,
                                                         &held->operation, &row, &recovery->err);
        if (recovery->result != LOCKSTEP_OK || row != LOCKSTEP_ROW_NONE || held->decided) {
            continue;
        }
        if (recovery->doubt_count == LOCKSTEP_COUNT(recovery->doubt)) {
            recovery->result = LOCKSTEP_FAIL(
                &recovery->err, LIMIT,
                "nodes are in doubt more than %d times; decide some of "
                "that there first: lockstep-agent resolve",
                LOCKSTEP_RECOVERY_DOUBTS_MAX);
            return;
        }
        recovery->doubt[recovery->doubt_count++] = held->operation;
        lockstep_id_format(&held->operation, id);
        printf("%s is in doubt of %s, which this journal does not know%s; on that node:\n"
               "  lockstep-agent resolve %s commit|abort --reason TEXT\n",
               recovery->coordinator->nodes[held->node].name.text, id,
               is_held(restoring, &held->operation, true) ? ", and another node has applied it"
                                                          : "",
               id);
    }
}

static enum lockstep_err recover(struct lockstep_coordinator *coordinator,
                                 struct lockstep_error *err)
{
    LOCKSTEP_FREE struct lockstep_recovery *recovery = calloc(1, sizeof(*recovery));
    const struct lockstep_restoring *restoring = coordinator->restoring;
    char id[LOCKSTEP_ID_TEXT];
    ASSERT(recovery != NULL);
    if (restoring->epoch > NUMBER_MAX || restoring->sequence > NUMBER_MAX) {
        return LOCKSTEP_FAIL(
            err, INVALID,
            "a node lies: no epoch and no decision have come so far; revoke it while "
            "lockstepd serves");
    }
    recovery->coordinator = coordinator;
    recovery->epoch = restoring->epoch;
    recovery->sequence = restoring->sequence;
    LOCKSTEP_TRY(
        lockstep_store_operations_unfinished(coordinator->store, judge_open, recovery, err));
    judge_held(recovery);
    if (recovery->result != LOCKSTEP_OK) {
        *err = recovery->err;
        return recovery->result;
    }
    if (recovery->blocked) {
        lockstep_id_format(&recovery->blocking, id);
        return LOCKSTEP_FAIL(
            err, CONFLICT,
            "whether %s was committed nobody can tell; decide it on the nodes that "
            "are in doubt: lockstep-agent resolve %s commit|abort --reason TEXT",
            id, id);
    }
    for (uint32_t i = 0; i < coordinator->fleet.node_count; i++) {
        const struct lockstep_node_view *view = &coordinator->views[i];
        for (uint32_t j = 0; view->told && j < view->live_count; j++) {
            if (view->live[j].generation > NUMBER_MAX) {
                return LOCKSTEP_FAIL(err, INVALID, "node %s lies: no module has come so far",
                                     coordinator->nodes[i].name.text);
            }
            LOCKSTEP_TRY(lockstep_recovery_raise(recovery, &view->live[j].module,
                                                 view->live[j].generation + GENERATIONS_LEFT, err));
        }
    }
    LOCKSTEP_TRY(lockstep_store_recover(coordinator->store, recovery, lockstep_unix_ms(), err));
    printf("the journal is recovered: decision %llu, %zu operations committed, %zu in doubt\n",
           (unsigned long long)recovery->sequence, recovery->committed_count,
           recovery->doubt_count);
    return LOCKSTEP_OK;
}

static enum lockstep_err settle(struct lockstep_coordinator *coordinator,
                                struct lockstep_error *err)
{
    struct lockstep_audit audit = {.who = "coordinator", .what = "journal.settle", .subject = ""};
    LOCKSTEP_TRY(lockstep_store_settle(coordinator->store, &audit, err));
    lockstep_log(LOCKSTEP_LEVEL_INFO, "coordinator",
                 "no node knows more than the journal that was restored");
    coordinator->fleet.read_only = false;
    lockstep_restored_end(coordinator);
    return lockstep_driver_take_up_all(coordinator, err);
}

void lockstep_restored_look(struct lockstep_coordinator *coordinator)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool recovering = lockstep_store_recovering(coordinator->store);
    enum lockstep_err result = LOCKSTEP_OK;
    if (coordinator->restoring == NULL || !lockstep_store_restored(coordinator->store) ||
        !have_all_told(coordinator)) {
        return;
    }
    if (recovering) {
        result = recover(coordinator, &err);
        lockstep_loop_stop(coordinator->loop);
    } else if (!coordinator->restoring->overtaken) {
        result = settle(coordinator, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_driver_fail(coordinator, &err);
    }
}
