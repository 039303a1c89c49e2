/* Collecting: what the store need not keep, and private copies that nobody knows any more. */
#include "agent/driver_internal.h"

#include "common/io/log.h"
#include "common/io/retention.h"

/* Live, previous or part of an operation that is open here. */
static void need(struct lockstep_retention *retention, const struct lockstep_agent *core)
{
    for (uint32_t i = 0; i < core->module_count; i++) {
        lockstep_retention_need(retention, &core->modules[i].current.digest);
        lockstep_retention_need(retention, &core->modules[i].previous.digest);
        lockstep_retention_need(retention, &core->modules[i].loaded.digest);
    }
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &core->duties[i];
        for (uint32_t j = 0; duty->state != LOCKSTEP_DUTY_FREE && j < duty->order.item_count; j++) {
            lockstep_retention_need(retention, &duty->order.items[j].digest);
            lockstep_retention_need(retention, &duty->order.items[j].leaving);
        }
    }
}

void lockstep_collect(struct lockstep_node_agent *agent)
{
    static const struct lockstep_retention_limits limits = {.newest = LOCKSTEP_STORE_VERSIONS,
                                                            .max_bytes = LOCKSTEP_STORE_MAX};
    struct lockstep_retention *retention = lockstep_retention_new();
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    need(retention, agent->core);
    if (lockstep_retention_collect(retention, agent->artifacts, &limits, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "old versions stay in the store: %s",
                     err.message);
    }
    retention = lockstep_retention_free(retention);
    lockstep_copies_collect(agent);
    lockstep_copies_sweep(agent);
}

void lockstep_collect_bad(struct lockstep_node_agent *agent, const struct lockstep_digest *digest,
                          bool changed)
{
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    for (uint32_t i = 0; i < agent->core->module_count && !changed; i++) {
        const struct lockstep_agent_module *module = &agent->core->modules[i];
        if (lockstep_digest_equal(&module->current.digest, digest) ||
            lockstep_digest_equal(&module->previous.digest, digest)) {
            return; /* a host may have to be started with it */
        }
    }
    if (lockstep_artifact_remove(agent->artifacts, digest, &err) != LOCKSTEP_OK) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "a bad version stays in the store: %s",
                     err.message);
    }
}
