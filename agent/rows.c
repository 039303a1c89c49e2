/*
 * What is written of operations: rows that something depends on at once, the others late
 * (agent/store.h), with the next row that is forced or in a moment. Late are what this node runs by
 * its manifests, APPLIED, ABORTED and FINAL: an agent that dies before finds out again. Late is the
 * number of a decision, too, but only until something is said: with a COMMIT it shares the pointer
 * row's sync.
 */
#include "agent/driver_internal.h"

#include "common/base/assert.h"
#include "common/io/crash.h"
#include "common/io/log.h"

#include <string.h>

#define SETTLE_MS  100
#define COLLECT_MS 1000 /* behind an end: several make one, and no operation waits for it */

/* ---- what is forced ------------------------------------------------------------------------- */

static enum lockstep_err write_vow(struct lockstep_node_agent *agent,
                                   const struct lockstep_duty *duty, struct lockstep_error *err)
{
    const struct lockstep_papers *papers = lockstep_driver_papers(agent, &duty->order.operation);
    struct lockstep_wire_prepare intent;
    ASSERT(papers != NULL);
    intent = lockstep_papers_wire(papers);
    return lockstep_agent_store_vow(agent->config.store, &duty->order, &intent, lockstep_unix_ms(),
                                    err);
}

/* One line for each row, so that a log tells how an operation went here. */
static void log_row(const struct lockstep_duty *duty, enum lockstep_duty_row row)
{
    char id[LOCKSTEP_ID_TEXT];
    ASSERT(duty != NULL);
    lockstep_id_format(&duty->order.operation, id);
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "op-%.8s row=%s of %s%s", id,
                 lockstep_duty_row_name(row), duty->order.items[0].module.text,
                 duty->order.item_count > 1 ? " and others" : "");
}

void lockstep_rows_persist(struct lockstep_node_agent *agent, struct lockstep_duty *duty,
                           enum lockstep_duty_row row)
{
    struct lockstep_agent_store *store = agent->config.store;
    struct lockstep_id operation = duty->order.operation;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result;
    bool vow = row == LOCKSTEP_DUTY_ROW_PREPARED;
    if (vow) {
        LOCKSTEP_CRASH(AGENT_BEFORE_VOW);
        result = write_vow(agent, duty, &err);
    } else if (row == LOCKSTEP_DUTY_ROW_COMMITTED) {
        LOCKSTEP_CRASH(AGENT_BEFORE_POINTER);
        result = lockstep_agent_store_point(store, &duty->order, lockstep_unix_ms(), &err);
    } else {
        ASSERT(row == LOCKSTEP_DUTY_ROW_FELL);
        result = lockstep_agent_store_fell(store, &duty->order, lockstep_unix_ms(), &err);
    }
    if (result != LOCKSTEP_OK && (!vow || result != LOCKSTEP_LIMIT)) {
        lockstep_driver_fail(agent, &err);
        return;
    }
    if (result == LOCKSTEP_OK) {
        agent->epoch_unsettled = false;
        log_row(duty, row);
    }
    if (result == LOCKSTEP_OK && vow) {
        LOCKSTEP_CRASH(AGENT_AFTER_VOW);
    } else if (result == LOCKSTEP_OK && row == LOCKSTEP_DUTY_ROW_COMMITTED) {
        LOCKSTEP_CRASH(AGENT_AFTER_POINTER);
    }
    lockstep_agent_store_refused(store, agent->core);
    lockstep_agent_persisted(agent->core, lockstep_loop_now(agent->loop), &operation,
                             result == LOCKSTEP_OK, agent->actions);
    if (!vow) {
        lockstep_works_boot(agent, duty); /* pointers have moved: so must what a host boots with */
    }
}

/* ---- what is late --------------------------------------------------------------------------- */

/* What runs now, by its manifests; it raises the floor under older ones (manifest: floor). */
static enum lockstep_err describe(struct lockstep_node_agent *agent,
                                  const struct lockstep_duty *duty, struct lockstep_error *err)
{
    struct lockstep_agent_description descriptions[LOCKSTEP_ITEMS_MAX];
    struct lockstep_known known[LOCKSTEP_ITEMS_MAX];
    size_t count = 0;
    ASSERT(duty != NULL);
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        const struct lockstep_known *row = lockstep_admit_known(agent, &item->digest);
        if (row != NULL) {
            known[count] = *row; /* the next one may take its place */
            descriptions[count] = (struct lockstep_agent_description){
                &item->module, &known[count].service, known[count].version, row->floor};
            count++;
        }
    }
    return lockstep_agent_store_describe(agent->config.store, descriptions, count, err);
}

void lockstep_rows_note(struct lockstep_node_agent *agent, const struct lockstep_duty *duty,
                        enum lockstep_duty_row row)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (row == LOCKSTEP_DUTY_ROW_APPLIED && describe(agent, duty, &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
        return;
    }
    if (lockstep_agent_store_note(agent->config.store, &duty->order, row, duty->text,
                                  lockstep_unix_ms(), &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
        return;
    }
    log_row(duty, row);
    if (row == LOCKSTEP_DUTY_ROW_APPLIED) {
        lockstep_copies_collect(agent);
    } else if (row == LOCKSTEP_DUTY_ROW_FINAL && agent->collecting.place == 0) {
        lockstep_timer_arm(agent->loop, &agent->collecting,
                           lockstep_time_after(lockstep_loop_now(agent->loop), COLLECT_MS));
    }
}

void lockstep_rows_collect(void *context)
{
    lockstep_collect(context);
}

void lockstep_rows_epoch(struct lockstep_node_agent *agent)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_agent_store_epoch(agent->config.store, agent->core->epoch,
                                   agent->core->decision_sequence, &agent->core->coordinator,
                                   &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
    }
    agent->epoch_unsettled = true;
}

static void settle(struct lockstep_node_agent *agent)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (lockstep_agent_store_settle(agent->config.store, &err) != LOCKSTEP_OK) {
        lockstep_driver_fail(agent, &err);
    }
    agent->epoch_unsettled = false;
}

void lockstep_rows_settle_epoch(struct lockstep_node_agent *agent)
{
    if (agent->epoch_unsettled) {
        settle(agent);
    }
}

void lockstep_rows_settle(void *context)
{
    struct lockstep_node_agent *agent = context;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    settle(agent);
    if (lockstep_hosts_settle(agent->hosts, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "agent", "a boot file may be lost: %s", err.message);
    }
}

void lockstep_rows_settle_later(struct lockstep_node_agent *agent)
{
    if (agent->settle.place == 0 && (!lockstep_agent_store_is_settled(agent->config.store) ||
                                     !lockstep_hosts_is_settled(agent->hosts))) {
        lockstep_timer_arm(agent->loop, &agent->settle,
                           lockstep_time_after(lockstep_loop_now(agent->loop), SETTLE_MS));
    }
}
