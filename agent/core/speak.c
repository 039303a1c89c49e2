/* What this node says. */
#include "agent/core/duty.h"

#include "common/base/assert.h"

#include <string.h>

static void copy_text(char target[LOCKSTEP_TEXT_MAX + 1], const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (length > LOCKSTEP_TEXT_MAX) {
        length = LOCKSTEP_TEXT_MAX;
    }
    if (length > 0) {
        memcpy(target, text, length);
    }
    target[length] = '\0';
}

static struct lockstep_agent_action *send(struct lockstep_agent *agent,
                                          enum lockstep_message_type type,
                                          const struct lockstep_id *operation)
{
    struct lockstep_agent_action *action;
    if (!agent->linked) {
        return NULL;
    }
    action = lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_SEND);
    action->message = type;
    action->operation = *operation;
    return action;
}

void lockstep_agent_send_vote(struct lockstep_agent *agent, const struct lockstep_id *operation,
                              enum lockstep_no no, const char *text)
{
    struct lockstep_agent_action *action = send(agent, LOCKSTEP_MESSAGE_VOTE, operation);
    if (action != NULL) {
        action->yes = no == LOCKSTEP_NO_UNSPECIFIED;
        action->no = no;
        copy_text(action->text, text);
    }
}

void lockstep_agent_send_ack(struct lockstep_agent *agent, const struct lockstep_id *operation,
                             enum lockstep_applied applied, enum lockstep_no no, const char *text)
{
    struct lockstep_agent_action *action = send(agent, LOCKSTEP_MESSAGE_ACK, operation);
    if (action != NULL) {
        action->applied = applied;
        action->no = no;
        copy_text(action->text, text);
    }
}

void lockstep_agent_send_failures(struct lockstep_agent *agent)
{
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &agent->duties[i];
        if (duty->state == LOCKSTEP_DUTY_LIVE && duty->no != LOCKSTEP_NO_UNSPECIFIED) {
            lockstep_agent_send_ack(agent, &duty->order.operation, LOCKSTEP_APPLIED_FAILED,
                                    duty->no, duty->text);
        }
    }
}

void lockstep_agent_send_query(struct lockstep_agent *agent, const struct lockstep_id *operation)
{
    (void)send(agent, LOCKSTEP_MESSAGE_QUERY, operation);
}

void lockstep_agent_send_state(struct lockstep_agent *agent)
{
    static const struct lockstep_id none;
    uint32_t offset = 0;
    do {
        struct lockstep_agent_action *action = send(agent, LOCKSTEP_MESSAGE_STATE, &none);
        if (action == NULL) {
            return;
        }
        action->offset = offset;
        offset += LOCKSTEP_ITEMS_MAX;
    } while (offset < agent->module_count);
}

/* A host may still serve what an open operation takes out of it. */
static bool is_being_changed(const struct lockstep_agent *agent, const struct lockstep_name *module)
{
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &agent->duties[i];
        for (uint32_t j = 0; duty->state != LOCKSTEP_DUTY_FREE && j < duty->order.item_count; j++) {
            if (lockstep_name_equal(&duty->order.items[j].module, module)) {
                return true;
            }
        }
    }
    return false;
}

/* True if every host that has something to run, or to take out, has said hello. */
static bool hosts_have_spoken(const struct lockstep_agent *agent)
{
    for (uint32_t i = 0; i < agent->module_count; i++) {
        const struct lockstep_agent_module *module = &agent->modules[i];
        if (!lockstep_module_is_told(agent, module) &&
            (!lockstep_digest_is_zero(&module->current.digest) ||
             is_being_changed(agent, &module->name))) {
            return false;
        }
    }
    return true;
}

void lockstep_agent_send_state_if_due(struct lockstep_agent *agent, struct lockstep_time now)
{
    if (agent->state_due &&
        (hosts_have_spoken(agent) || lockstep_time_due(agent->state_limit, now))) {
        agent->state_due = false;
        lockstep_agent_send_state(agent);
        lockstep_agent_send_failures(agent);
    }
}

/* That nothing is loaded is known of a host that is there; of one that is away it says nothing. */
struct lockstep_live lockstep_agent_live(const struct lockstep_agent *agent,
                                         const struct lockstep_agent_module *module)
{
    bool same = lockstep_digest_equal(&module->loaded.digest, &module->current.digest) &&
                (!lockstep_digest_is_zero(&module->current.digest) ||
                 lockstep_module_is_told(agent, module));
    return (struct lockstep_live){.module = module->name,
                                  .generation = same ? module->current.generation
                                                     : module->loaded.generation,
                                  .digest = module->loaded.digest};
}

/* One piece of STATE: modules from action->offset on; with the last one what is held open. */
static void fill_state(const struct lockstep_agent *agent,
                       const struct lockstep_agent_action *action, struct lockstep_state *state)
{
    uint32_t left = agent->module_count - action->offset;
    state->journal = agent->journal;
    state->epoch = agent->epoch;
    state->decision_sequence = agent->decision_sequence;
    state->more = left > LOCKSTEP_ITEMS_MAX;
    state->live_count = state->more ? LOCKSTEP_ITEMS_MAX : left;
    for (uint32_t i = 0; i < state->live_count; i++) {
        state->live[i] = lockstep_agent_live(agent, &agent->modules[action->offset + i]);
    }
    for (uint32_t i = 0; !state->more && i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &agent->duties[i];
        if (duty->state >= LOCKSTEP_DUTY_PREPARED && duty->state <= LOCKSTEP_DUTY_LIVE) {
            state->open[state->open_count++] = (struct lockstep_open){
                .operation = duty->order.operation, .decided = duty->decided};
        }
    }
}

static void fill_ack(const struct lockstep_agent *agent, const struct lockstep_agent_action *action,
                     struct lockstep_ack *ack)
{
    ack->operation = action->operation;
    ack->epoch = agent->epoch;
    ack->applied = action->applied;
    ack->no = action->no;
    memcpy(ack->text, action->text, sizeof(ack->text));
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *duty = &agent->duties[i];
        if (!lockstep_id_equal(&duty->order.operation, &action->operation)) {
            continue;
        }
        ack->live_count = 0;
        for (uint32_t j = 0; j < duty->order.item_count; j++) {
            const struct lockstep_agent_module *module = lockstep_agent_module(
                agent, &duty->order.items[j].module);
            if (module != NULL) {
                ack->live[ack->live_count++] = lockstep_agent_live(agent, module);
            }
        }
    }
}

void lockstep_agent_message(const struct lockstep_agent *agent,
                            const struct lockstep_agent_action *action,
                            struct lockstep_message *ret_message)
{
    struct lockstep_vote *vote = &ret_message->u.vote;
    ASSERT(action->type == LOCKSTEP_AGENT_SEND);
    memset(ret_message, 0, sizeof(*ret_message));
    ret_message->type = action->message;
    switch ((unsigned)action->message) {
    case LOCKSTEP_MESSAGE_STATE:
        fill_state(agent, action, &ret_message->u.state);
        break;
    case LOCKSTEP_MESSAGE_VOTE:
        vote->operation = action->operation;
        vote->epoch = agent->epoch;
        vote->yes = action->yes;
        vote->no = action->no;
        memcpy(vote->text, action->text, sizeof(vote->text));
        break;
    case LOCKSTEP_MESSAGE_ACK:
        fill_ack(agent, action, &ret_message->u.ack);
        break;
    default:
        ASSERT(action->message == LOCKSTEP_MESSAGE_QUERY);
        ret_message->u.query.operation = action->operation;
        ret_message->u.query.epoch = agent->epoch;
        break;
    }
}
