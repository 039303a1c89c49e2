/* What came with orders and is not the core's: intents, standing orders, signatures and extras. */
#include "agent/driver_internal.h"

#include "common/base/assert.h"

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

/* Copies a text of at most SIZE bytes; its length. */
static size_t copy_text(const struct lockstep_blob *from, char *text, size_t size)
{
    ASSERT(from->length <= size);
    if (from->length > 0) {
        memcpy(text, from->data, from->length);
    }
    return from->length;
}

/* A signature of any other length is none: zeros, which nobody's key made. */
static void copy_signature(const struct lockstep_blob *from,
                           uint8_t signature[LOCKSTEP_KEY_SIGNATURE])
{
    memset(signature, 0, LOCKSTEP_KEY_SIGNATURE);
    if (from->length == LOCKSTEP_KEY_SIGNATURE) {
        memcpy(signature, from->data, LOCKSTEP_KEY_SIGNATURE);
    }
}

void lockstep_driver_keep_papers(struct lockstep_node_agent *agent,
                                 const struct lockstep_id *operation,
                                 const struct lockstep_wire_prepare *from)
{
    struct lockstep_papers *papers = NULL;
    if (lockstep_driver_papers(agent, operation) != NULL ||
        from->intent.length > LOCKSTEP_INTENT_MAX ||
        from->standing.length > LOCKSTEP_STANDING_MAX) {
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
    papers->intent_length = copy_text(&from->intent, papers->intent, LOCKSTEP_INTENT_MAX);
    papers->signer = from->signer;
    copy_signature(&from->signature, papers->signature);
    (void)snprintf(papers->extra, sizeof(papers->extra), "%s",
                   from->extra == NULL ? "" : from->extra);
    papers->standing_length = copy_text(&from->standing, papers->standing, LOCKSTEP_STANDING_MAX);
    papers->standing_signer = from->standing_signer;
    copy_signature(&from->standing_signature, papers->standing_signature);
}

struct lockstep_wire_prepare lockstep_papers_wire(const struct lockstep_papers *papers)
{
    struct lockstep_wire_prepare wire = {
        .intent = {(const uint8_t *)papers->intent, papers->intent_length},
        .signature = {papers->signature, sizeof(papers->signature)},
        .signer = papers->signer,
        .extra = papers->extra};
    if (papers->standing_length > 0) {
        wire.standing = (struct lockstep_blob){(const uint8_t *)papers->standing,
                                               papers->standing_length};
        wire.standing_signature = (struct lockstep_blob){papers->standing_signature,
                                                         sizeof(papers->standing_signature)};
        wire.standing_signer = papers->standing_signer;
    }
    return wire;
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
