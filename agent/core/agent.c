#include "agent/core/agent.h"

#include "agent/core/duty.h"
#include "common/base/assert.h"

#include <string.h>

void lockstep_agent_init(struct lockstep_agent *agent, const struct lockstep_defaults *settings,
                         struct lockstep_agent_module *modules, uint32_t module_max)
{
    memset(agent, 0, sizeof(*agent));
    agent->settings = *settings;
    agent->modules = modules;
    agent->module_max = module_max;
    ASSERT(settings->crash_loop_starts <= LOCKSTEP_AGENT_STARTS);
}

static void enter(struct lockstep_agent *agent, struct lockstep_agent_actions *actions)
{
    ASSERT(agent->out == NULL);
    agent->out = actions;
    actions->count = 0;
}

struct lockstep_duty *lockstep_agent_duty(struct lockstep_agent *agent,
                                          const struct lockstep_id *operation)
{
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct lockstep_duty *duty = &agent->duties[i];
        if (duty->state != LOCKSTEP_DUTY_FREE &&
            lockstep_id_equal(&duty->order.operation, operation)) {
            return duty;
        }
    }
    return NULL;
}

static struct lockstep_duty *free_slot(struct lockstep_agent *agent)
{
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        if (agent->duties[i].state == LOCKSTEP_DUTY_FREE) {
            return &agent->duties[i];
        }
    }
    return NULL;
}

bool lockstep_duties_share(const struct lockstep_duty *a, const struct lockstep_duty *b)
{
    for (uint32_t i = 0; i < a->order.item_count; i++) {
        for (uint32_t j = 0; j < b->order.item_count; j++) {
            if (lockstep_name_equal(&a->order.items[i].module, &b->order.items[j].module)) {
                return true;
            }
        }
    }
    return false;
}

bool lockstep_duty_is_loaded(const struct lockstep_agent *agent, const struct lockstep_duty *duty)
{
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        const struct lockstep_agent_module *module = lockstep_agent_module(agent, &item->module);
        if (module == NULL || !lockstep_digest_equal(&module->loaded.digest, &item->digest) ||
            (lockstep_digest_is_zero(&item->digest) && !lockstep_module_is_told(agent, module)) ||
            (duty->order.again && module->loaded.generation < item->generation)) {
            return false;
        }
    }
    return true;
}

/* ---- what is over --------------------------------------------------------------------------- */

void lockstep_agent_remember(struct lockstep_agent *agent, const struct lockstep_id *operation,
                             enum lockstep_applied applied)
{
    agent->ended[agent->ended_count % LOCKSTEP_AGENT_ENDED] = (struct lockstep_ended){*operation,
                                                                                      applied};
    agent->ended_count++;
}

static const struct lockstep_ended *find_ended(const struct lockstep_agent *agent,
                                               const struct lockstep_id *operation)
{
    uint32_t kept = agent->ended_count < LOCKSTEP_AGENT_ENDED ? agent->ended_count
                                                              : LOCKSTEP_AGENT_ENDED;
    for (uint32_t i = 0; i < kept; i++) {
        if (lockstep_id_equal(&agent->ended[i].operation, operation)) {
            return &agent->ended[i];
        }
    }
    return NULL;
}

void lockstep_agent_restore_ended(struct lockstep_agent *agent, const struct lockstep_id *operation,
                                  enum lockstep_duty_row row)
{
    enum lockstep_applied applied = row == LOCKSTEP_DUTY_ROW_ABORTED ? LOCKSTEP_APPLIED_ABORTED
                                    : row == LOCKSTEP_DUTY_ROW_FELL  ? LOCKSTEP_APPLIED_FELL_BACK
                                                                     : LOCKSTEP_APPLIED_APPLIED;
    lockstep_agent_remember(agent, operation, applied);
}

bool lockstep_agent_restore(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_prepare *order, enum lockstep_duty_row row)
{
    struct lockstep_duty *duty = free_slot(agent);
    if (duty == NULL) {
        return false;
    }
    memset(duty, 0, sizeof(*duty));
    duty->order = *order;
    duty->doubt = now;
    duty->query_ms = agent->settings.query_first;
    duty->query = lockstep_time_after(now, duty->query_ms);
    duty->decided = row != LOCKSTEP_DUTY_ROW_PREPARED;
    duty->changes = lockstep_order_changes(agent, order);
    duty->state = row == LOCKSTEP_DUTY_ROW_PREPARED    ? LOCKSTEP_DUTY_PREPARED
                  : row == LOCKSTEP_DUTY_ROW_COMMITTED ? LOCKSTEP_DUTY_PUBLISHING
                                                       : LOCKSTEP_DUTY_LIVE;
    for (uint32_t i = 0; duty->decided && i < order->item_count; i++) {
        const struct lockstep_agent_module *module = lockstep_agent_module(agent,
                                                                           &order->items[i].module);
        if (module != NULL) {
            duty->left[i] = module->previous; /* as far as the journal knows */
        }
    }
    return true;
}

/* ---- the link ------------------------------------------------------------------------------- */

void lockstep_agent_welcome(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_welcome *welcome,
                            struct lockstep_agent_actions *ret_actions)
{
    enter(agent, ret_actions);
    agent->linked = true;
    agent->coordinator = welcome->journal;
    if (welcome->epoch > agent->epoch) {
        agent->epoch = welcome->epoch;
        (void)lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_EPOCH);
    }
    agent->state_due = true;
    agent->state_limit = lockstep_time_after(now, agent->settings.host_start);
    lockstep_agent_send_state_if_due(agent, now);
    agent->out = NULL;
}

void lockstep_agent_link_down(struct lockstep_agent *agent)
{
    agent->linked = false;
    agent->state_due = false;
}

/* ---- orders --------------------------------------------------------------------------------- */

/* What another duty on one of the modules means for a new order. */
enum neighbour {
    NEIGHBOUR_NONE,
    NEIGHBOUR_BUSY,  /* vote NO */
    NEIGHBOUR_LATER, /* say nothing: it will be asked again */
};

/* A compensation takes the place of what it goes back on, if that is not applied yet. */
static enum neighbour make_way(struct lockstep_agent *agent, struct lockstep_time now,
                               const struct lockstep_duty *incoming)
{
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct lockstep_duty *duty = &agent->duties[i];
        bool parent = incoming->order.kind == LOCKSTEP_KIND_COMPENSATION &&
                      lockstep_id_equal(&duty->order.operation, &incoming->order.parent);
        if (duty == incoming || duty->state == LOCKSTEP_DUTY_FREE ||
            duty->state == LOCKSTEP_DUTY_LIVE || duty->state == LOCKSTEP_DUTY_FELL ||
            !lockstep_duties_share(duty, incoming)) {
            continue;
        }
        if (!parent) {
            return NEIGHBOUR_BUSY;
        }
        if (duty->state >= LOCKSTEP_DUTY_POINTING) {
            return NEIGHBOUR_LATER;
        }
        lockstep_duty_step(agent, now, duty, LOCKSTEP_DUTY_ON_SUPERSEDED, NULL);
    }
    return NEIGHBOUR_NONE;
}

static enum lockstep_no refusal(struct lockstep_agent *agent, const struct lockstep_prepare *order)
{
    for (uint32_t i = 0; i < order->item_count; i++) {
        enum lockstep_no no = lockstep_module_refusal(agent, order, &order->items[i]);
        if (no != LOCKSTEP_NO_UNSPECIFIED) {
            return no;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (lockstep_name_equal(&order->items[i].module, &order->items[j].module)) {
                return LOCKSTEP_NO_DUPLICATE;
            }
        }
        if (lockstep_agent_add_module(agent, &order->items[i].module) == NULL) {
            return LOCKSTEP_NO_MEMORY;
        }
    }
    return LOCKSTEP_NO_UNSPECIFIED;
}

static void take_order(struct lockstep_agent *agent, struct lockstep_time now,
                       const struct lockstep_prepare *order)
{
    struct lockstep_duty_step step = {.agent = agent, .now = now};
    struct lockstep_duty *duty = free_slot(agent);
    enum neighbour neighbour;
    enum lockstep_no no;
    if (duty == NULL) {
        lockstep_agent_send_vote(agent, &order->operation, LOCKSTEP_NO_BUSY,
                                 "too many operations are open on this node");
        return;
    }
    memset(duty, 0, sizeof(*duty));
    duty->order = *order;
    neighbour = make_way(agent, now, duty);
    if (neighbour == NEIGHBOUR_LATER) {
        return;
    }
    no = neighbour == NEIGHBOUR_BUSY ? LOCKSTEP_NO_BUSY : refusal(agent, order);
    if (no != LOCKSTEP_NO_UNSPECIFIED) {
        lockstep_agent_send_vote(agent, &order->operation, no, lockstep_no_text(no));
        return;
    }
    duty->changes = lockstep_order_changes(agent, order);
    duty->state = (uint8_t)lockstep_duty_begin(duty, &step);
}

/* The stored answer about an operation that is over here. What was applied is read back whole:
 * something newer may have come since. */
static void answer_ended(struct lockstep_agent *agent, const struct lockstep_ended *ended)
{
    switch ((unsigned)ended->applied) {
    case LOCKSTEP_APPLIED_APPLIED:
        lockstep_agent_send_state(agent);
        break;
    case LOCKSTEP_APPLIED_FELL_BACK:
        lockstep_agent_send_ack(agent, &ended->operation, ended->applied, LOCKSTEP_NO_FELL_BACK,
                                lockstep_no_text(LOCKSTEP_NO_FELL_BACK));
        break;
    default:
        lockstep_agent_send_ack(agent, &ended->operation, ended->applied, LOCKSTEP_NO_UNSPECIFIED,
                                NULL);
        break;
    }
}

static void receive_prepare(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_prepare *order)
{
    struct lockstep_duty *duty = lockstep_agent_duty(agent, &order->operation);
    const struct lockstep_ended *ended = find_ended(agent, &order->operation);
    if (duty != NULL) {
        lockstep_duty_step(agent, now, duty, LOCKSTEP_DUTY_ON_PREPARE, NULL);
    } else if (ended != NULL) {
        answer_ended(agent, ended);
    } else {
        take_order(agent, now, order);
    }
}

static void receive_outcome(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_decision *decision)
{
    static const enum lockstep_duty_event_type events[] = {
        [LOCKSTEP_OUTCOME_UNSPECIFIED] = LOCKSTEP_DUTY_EVENT_COUNT,
        [LOCKSTEP_OUTCOME_PENDING] = LOCKSTEP_DUTY_EVENT_COUNT, /* it will be asked again */
        [LOCKSTEP_OUTCOME_COMMIT] = LOCKSTEP_DUTY_ON_COMMIT,
        [LOCKSTEP_OUTCOME_ABORT] = LOCKSTEP_DUTY_ON_ABORT,
        [LOCKSTEP_OUTCOME_SUPERSEDED] = LOCKSTEP_DUTY_ON_SUPERSEDED,
        [LOCKSTEP_OUTCOME_FINAL] = LOCKSTEP_DUTY_ON_FINAL,
    };
    struct lockstep_duty *duty = lockstep_agent_duty(agent, &decision->operation);
    const struct lockstep_ended *ended = find_ended(agent, &decision->operation);
    if (decision->sequence > agent->decision_sequence) {
        agent->decision_sequence = decision->sequence;
        (void)lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_EPOCH);
    }
    if (duty != NULL && events[decision->outcome] != LOCKSTEP_DUTY_EVENT_COUNT) {
        lockstep_duty_step(agent, now, duty, events[decision->outcome], NULL);
    } else if (duty == NULL && ended != NULL && decision->outcome == LOCKSTEP_OUTCOME_COMMIT) {
        answer_ended(agent, ended);
    }
}

void lockstep_agent_receive(struct lockstep_agent *agent, struct lockstep_time now,
                            const struct lockstep_message *message,
                            struct lockstep_agent_actions *ret_actions)
{
    bool prepare = message->type == LOCKSTEP_MESSAGE_PREPARE;
    uint64_t epoch = prepare ? message->u.prepare.epoch : message->u.decision.epoch;
    enter(agent, ret_actions);
    if (epoch > agent->epoch) {
        agent->epoch = epoch;
        (void)lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_EPOCH);
    }
    if (epoch == agent->epoch && prepare) {
        receive_prepare(agent, now, &message->u.prepare);
    } else if (epoch == agent->epoch) {
        ASSERT(message->type == LOCKSTEP_MESSAGE_DECISION ||
               message->type == LOCKSTEP_MESSAGE_OUTCOME ||
               message->type == LOCKSTEP_MESSAGE_FINAL);
        receive_outcome(agent, now, &message->u.decision);
    }
    agent->out = NULL;
}

/* ---- results -------------------------------------------------------------------------------- */

void lockstep_agent_worked(struct lockstep_agent *agent, struct lockstep_time now,
                           const struct lockstep_work_result *result,
                           struct lockstep_agent_actions *ret_actions)
{
    enter(agent, ret_actions);
    ASSERT(result->ok || result->no != LOCKSTEP_NO_UNSPECIFIED);
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES && result->ticket != 0; i++) {
        struct lockstep_duty *duty = &agent->duties[i];
        if (duty->state != LOCKSTEP_DUTY_FREE && duty->ticket == result->ticket) {
            lockstep_duty_step(agent, now, duty,
                               result->ok ? LOCKSTEP_DUTY_ON_WORKED : LOCKSTEP_DUTY_ON_WORK_FAILED,
                               result);
            break;
        }
    }
    agent->out = NULL;
}

void lockstep_agent_persisted(struct lockstep_agent *agent, struct lockstep_time now,
                              const struct lockstep_id *operation, bool ok,
                              struct lockstep_agent_actions *ret_actions)
{
    struct lockstep_duty *duty = lockstep_agent_duty(agent, operation);
    enter(agent, ret_actions);
    if (duty != NULL) {
        lockstep_duty_step(agent, now, duty,
                           ok ? LOCKSTEP_DUTY_ON_PERSISTED : LOCKSTEP_DUTY_ON_NOT_PERSISTED, NULL);
    }
    agent->out = NULL;
}

/* ---- time ----------------------------------------------------------------------------------- */

void lockstep_agent_tick(struct lockstep_agent *agent, struct lockstep_time now,
                         struct lockstep_agent_actions *ret_actions)
{
    enter(agent, ret_actions);
    for (uint8_t i = 0; i < agent->service_count; i++) {
        struct lockstep_service *service = &agent->services[i];
        if (lockstep_time_due(service->start, now)) {
            lockstep_service_start(agent, now, i);
        }
        if (lockstep_time_due(service->settled, now)) {
            service->settled = LOCKSTEP_TIME_NEVER;
            service->backoff_ms = agent->settings.host_restart_first;
        }
    }
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        if (agent->duties[i].state != LOCKSTEP_DUTY_FREE) {
            lockstep_duty_step(agent, now, &agent->duties[i], LOCKSTEP_DUTY_ON_TICK, NULL);
        }
    }
    lockstep_agent_send_state_if_due(agent, now);
    agent->out = NULL;
}

static struct lockstep_time duty_deadline(const struct lockstep_agent *agent,
                                          const struct lockstep_duty *duty)
{
    switch ((enum lockstep_duty_state)duty->state) {
    case LOCKSTEP_DUTY_ADMITTING:
    case LOCKSTEP_DUTY_PROBING:
    case LOCKSTEP_DUTY_MAPPING:
        return duty->limit;
    case LOCKSTEP_DUTY_PREPARED:
        if (duty->decided) {
            return duty->retry;
        }
        return duty->alarmed
                   ? duty->query
                   : lockstep_time_earlier(
                         duty->query,
                         lockstep_time_after(duty->doubt, agent->settings.in_doubt_alarm));
    case LOCKSTEP_DUTY_PUBLISHING:
        return duty->retry;
    case LOCKSTEP_DUTY_LIVE:
        return duty->query;
    case LOCKSTEP_DUTY_FREE:
    case LOCKSTEP_DUTY_VOWING:
    case LOCKSTEP_DUTY_REMAPPING:
    case LOCKSTEP_DUTY_MIGRATING:
    case LOCKSTEP_DUTY_POINTING:
    case LOCKSTEP_DUTY_FALLING:
    case LOCKSTEP_DUTY_FELL:
    case LOCKSTEP_DUTY_STATE_COUNT:
        break;
    }
    return LOCKSTEP_TIME_NEVER;
}

struct lockstep_time lockstep_agent_deadline(const struct lockstep_agent *agent)
{
    struct lockstep_time first = agent->state_due ? agent->state_limit : LOCKSTEP_TIME_NEVER;
    for (uint8_t i = 0; i < agent->service_count; i++) {
        first = lockstep_time_earlier(first, agent->services[i].start);
        first = lockstep_time_earlier(first, agent->services[i].settled);
    }
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        first = lockstep_time_earlier(first, duty_deadline(agent, &agent->duties[i]));
    }
    return first;
}
