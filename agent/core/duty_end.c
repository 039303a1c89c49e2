/* From being live to being over: the window, a crash, a crash loop. */
#include "agent/core/duty.h"

#include "common/base/assert.h"

/* The node runs something newer on a module of an older duty: its window is over, whether FINAL has
 * come yet or not. */
static void close_older(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct lockstep_duty *older = &agent->duties[i];
        if (older != duty && older->state == LOCKSTEP_DUTY_LIVE &&
            lockstep_duties_share(older, duty)) {
            (void)lockstep_duty_act(agent, older, LOCKSTEP_AGENT_RETIRE);
            lockstep_duty_step(agent, step->now, older, LOCKSTEP_DUTY_ON_SUPERSEDED, NULL);
        }
    }
}

unsigned lockstep_duty_enter_live(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    duty->retry = LOCKSTEP_TIME_NEVER;
    duty->live = step->now;
    duty->query = lockstep_time_after(step->now, agent->settings.query_last);
    duty->mapped = true;
    lockstep_duty_note(duty, LOCKSTEP_NO_UNSPECIFIED, NULL);
    lockstep_agent_send_ack(agent, &duty->order.operation, LOCKSTEP_APPLIED_APPLIED,
                            LOCKSTEP_NO_UNSPECIFIED, NULL);
    lockstep_duty_act(agent, duty, LOCKSTEP_AGENT_NOTE)->row = LOCKSTEP_DUTY_ROW_APPLIED;
    close_older(duty, step);
    return duty->final ? lockstep_duty_finish(duty, step) : LOCKSTEP_DUTY_LIVE;
}

/* A host that has died, or was not well, is told again, even if it is back or has recovered: a
 * coordinator that asks may have died before it wrote that down. One that has not come yet has not
 * died: it is waited for. */
unsigned lockstep_duty_say_applied(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    const struct lockstep_id *operation = &duty->order.operation;
    if (duty->no != LOCKSTEP_NO_UNSPECIFIED) {
        lockstep_agent_send_ack(step->agent, operation, LOCKSTEP_APPLIED_FAILED, duty->no,
                                duty->text);
    } else if (lockstep_duty_is_loaded(step->agent, duty)) {
        lockstep_agent_send_ack(step->agent, operation, LOCKSTEP_APPLIED_APPLIED,
                                LOCKSTEP_NO_UNSPECIFIED, NULL);
    } else if (lockstep_duty_hosts_up(step->agent, duty)) {
        lockstep_agent_send_ack(step->agent, operation, LOCKSTEP_APPLIED_FAILED,
                                LOCKSTEP_NO_MISMATCH, "the host came up without this version");
    }
    return LOCKSTEP_DUTY_LIVE;
}

/* Over without retiring anything: the coordinator has something newer, which may lead back. */
unsigned lockstep_duty_close(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->ticket = 0;
    lockstep_duty_act(step->agent, duty, LOCKSTEP_AGENT_NOTE)->row = LOCKSTEP_DUTY_ROW_FINAL;
    lockstep_agent_remember(step->agent, &duty->order.operation, LOCKSTEP_APPLIED_APPLIED);
    return LOCKSTEP_DUTY_FREE;
}

unsigned lockstep_duty_finish(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    (void)lockstep_duty_act(step->agent, duty, LOCKSTEP_AGENT_RETIRE);
    return lockstep_duty_close(duty, step);
}

/* True while a newer order on one of the modules is on its way: it may lead to just what this one
 * left, and that is still mapped. */
static bool is_wanted_again(const struct lockstep_agent *agent, const struct lockstep_duty *duty)
{
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        const struct lockstep_duty *other = &agent->duties[i];
        if (other != duty && other->state != LOCKSTEP_DUTY_FREE &&
            other->state != LOCKSTEP_DUTY_LIVE && other->state != LOCKSTEP_DUTY_FELL &&
            lockstep_duties_share(other, duty)) {
            return true;
        }
    }
    return false;
}

/* The window is over. What the newer order makes of it decides who retires what was left. */
unsigned lockstep_duty_finish_live(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (!is_wanted_again(step->agent, duty)) {
        return lockstep_duty_finish(duty, step);
    }
    duty->final = true;
    duty->query = lockstep_time_after(step->now, step->agent->settings.query_first);
    return LOCKSTEP_DUTY_LIVE;
}

unsigned lockstep_duty_live_tick(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (duty->final && !is_wanted_again(step->agent, duty)) {
        return lockstep_duty_finish(duty, step);
    }
    if (duty->final && lockstep_time_due(duty->query, step->now)) {
        duty->query = lockstep_time_after(step->now, step->agent->settings.query_first);
        return LOCKSTEP_DUTY_LIVE;
    }
    if (lockstep_time_due(duty->query, step->now)) {
        duty->query = lockstep_time_after(step->now, step->agent->settings.query_last);
        lockstep_agent_send_query(step->agent, &duty->order.operation);
    }
    return LOCKSTEP_DUTY_LIVE;
}

/* In the soak one crash fails the node; whether it still soaks is the coordinator's knowledge. */
unsigned lockstep_duty_crashed(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    const char *text = "the host died while it ran this version";
    for (uint8_t i = 0; i < step->agent->service_count; i++) {
        const struct lockstep_service *service = &step->agent->services[i];
        if (!service->up && service->died[0] != '\0' && lockstep_duty_uses(step->agent, duty, i)) {
            text = service->died;
        }
    }
    lockstep_duty_note(duty, LOCKSTEP_NO_CRASHED, text);
    lockstep_agent_send_ack(step->agent, &duty->order.operation, LOCKSTEP_APPLIED_FAILED,
                            LOCKSTEP_NO_CRASHED, duty->text);
    return LOCKSTEP_DUTY_LIVE;
}

/* What was seen before the version was live says nothing about it, and nobody goes back on going
 * back: whoever wants to know how the old version fares looks at the node. */
unsigned lockstep_duty_unhealthy(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    const struct lockstep_finding *finding = step->finding;
    if (duty->no == finding->no || finding->since.ms < duty->live.ms ||
        finding->begun.ms < duty->live.ms || lockstep_kind_goes_back(duty->order.kind)) {
        return LOCKSTEP_DUTY_LIVE;
    }
    lockstep_duty_note(duty, finding->no, finding->text);
    lockstep_agent_send_ack(step->agent, &duty->order.operation, LOCKSTEP_APPLIED_FAILED, duty->no,
                            duty->text);
    return LOCKSTEP_DUTY_LIVE;
}

/* True if the duty changed something, and all that it changed has something to go back to. */
static bool can_fall(const struct lockstep_agent *agent, const struct lockstep_duty *duty)
{
    uint32_t falling = 0;
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_agent_module *module = lockstep_agent_module(
            agent, &duty->order.items[i].module);
        struct lockstep_agent_module after;
        if (module == NULL || module->current.generation != duty->order.items[i].generation) {
            return false;
        }
        after = *module;
        if (lockstep_module_fall(&after, &duty->order.items[i])) {
            falling++;
            if (!module->has_previous) {
                return false;
            }
        }
    }
    return falling > 0;
}

/* The one thing that a node decides alone: the crash loop. */
unsigned lockstep_duty_fall(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    if (!can_fall(agent, duty)) {
        return duty->state;
    }
    for (uint8_t i = 0; i < agent->service_count; i++) {
        if (lockstep_duty_uses(agent, duty, i)) {
            agent->services[i].falling = true;
        }
    }
    return lockstep_duty_write(duty, step, LOCKSTEP_DUTY_ROW_FELL, LOCKSTEP_DUTY_FALLING);
}

unsigned lockstep_duty_fallen(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        struct lockstep_agent_module *module = lockstep_agent_module(agent,
                                                                     &duty->order.items[i].module);
        (void)lockstep_module_fall(module, &duty->order.items[i]);
    }
    for (uint8_t i = 0; i < agent->service_count; i++) {
        if (lockstep_duty_uses(agent, duty, i)) {
            agent->services[i].falling = false;
            agent->services[i].start_count = 0; /* the version that goes back begins with none */
            lockstep_service_start(agent, step->now, i);
        }
    }
    return LOCKSTEP_DUTY_FELL;
}

unsigned lockstep_duty_fell_back(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    if (!lockstep_duty_hosts_up(agent, duty)) {
        return LOCKSTEP_DUTY_FELL;
    }
    lockstep_agent_remember(agent, &duty->order.operation, LOCKSTEP_APPLIED_FELL_BACK);
    lockstep_agent_send_ack(agent, &duty->order.operation, LOCKSTEP_APPLIED_FELL_BACK,
                            LOCKSTEP_NO_FELL_BACK,
                            "the host kept dying, so the node went back by itself");
    return LOCKSTEP_DUTY_FREE;
}
