/* What came with orders and is not the core's: intents, signatures and extras. */
#include "agent/driver_internal.h"

#include <stdio.h>
#include <string.h>

struct lockstep_papers *lockstep_driver_papers(struct lockstep_node_agent *agent,
                                               const struct lockstep_id *operation)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        if (agent->papers[i].used && lockstep_id_equal(&agent->papers[i].operation, operation)) {
            return &agent->papers[i];
        }
    }
    return NULL;
}

void lockstep_driver_keep_papers(struct lockstep_node_agent *agent,
                                 const struct lockstep_id *operation,
                                 const struct lockstep_wire_prepare *from)
{
    struct lockstep_papers *papers = NULL;
    if (lockstep_driver_papers(agent, operation) != NULL ||
        from->intent.length > LOCKSTEP_INTENT_MAX) {
        return; /* an order said again does not change what was judged */
    }
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES && papers == NULL; i++) {
        papers = agent->papers[i].used ? NULL : &agent->papers[i];
    }
    if (papers == NULL) {
        return;
    }
    papers->used = true;
    papers->operation = *operation;
    papers->intent_length = from->intent.length;
    papers->signer = from->signer;
    if (from->intent.length > 0) {
        memcpy(papers->intent, from->intent.data, from->intent.length);
    }
    memset(papers->signature, 0, sizeof(papers->signature));
    if (from->signature.length == sizeof(papers->signature)) {
        memcpy(papers->signature, from->signature.data, sizeof(papers->signature));
    }
    (void)snprintf(papers->extra, sizeof(papers->extra), "%s",
                   from->extra == NULL ? "" : from->extra);
}

/* Papers of duties that are over are no longer needed. */
void lockstep_papers_sweep(struct lockstep_node_agent *agent)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct lockstep_papers *papers = &agent->papers[i];
        if (papers->used && lockstep_agent_duty(agent->core, &papers->operation) == NULL) {
            papers->used = false;
        }
    }
}

void lockstep_papers_restore(struct lockstep_node_agent *agent)
{
    for (size_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &agent->core->duties[i];
        struct lockstep_wire_prepare papers;
        if (duty->state != LOCKSTEP_DUTY_FREE &&
            lockstep_agent_store_intent(agent->config.store, &duty->order.operation, &papers,
                                        NULL) == LOCKSTEP_OK) {
            lockstep_driver_keep_papers(agent, &duty->order.operation, &papers);
        }
    }
}
