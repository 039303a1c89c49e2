/* From the vote to the versions being live. */
#include "agent/core/duty.h"

#include "common/base/assert.h"

#include <string.h>

/* True if the node has promised to go back to what it ran, and has fallen back from that since: the
 * crash loop is the one thing that it decides alone. */
static bool has_fallen(const struct lockstep_agent *agent, const struct lockstep_duty *duty)
{
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_item *item = &duty->order.items[i];
        if (!lockstep_module_has(agent, item) && lockstep_module_refused(agent, &item->digest)) {
            return lockstep_kind_goes_back(duty->order.kind);
        }
    }
    return false;
}

static unsigned give_up(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    duty->ticket = 0;
    (void)lockstep_duty_act(agent, duty, LOCKSTEP_AGENT_DROP);
    lockstep_agent_remember(agent, &duty->order.operation, LOCKSTEP_APPLIED_FELL_BACK);
    lockstep_agent_send_ack(agent, &duty->order.operation, LOCKSTEP_APPLIED_FELL_BACK,
                            LOCKSTEP_NO_FELL_BACK,
                            "the host kept dying with what this leads back to");
    lockstep_duty_act(agent, duty, LOCKSTEP_AGENT_NOTE)->row = LOCKSTEP_DUTY_ROW_ABORTED;
    return LOCKSTEP_DUTY_FREE;
}

/* The next thing that a decided duty needs. */
static unsigned advance(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->retry = LOCKSTEP_TIME_NEVER;
    if (has_fallen(step->agent, duty)) {
        return give_up(duty, step);
    }
    if (duty->changes == 0) {
        return lockstep_duty_write(duty, step, LOCKSTEP_DUTY_ROW_COMMITTED, LOCKSTEP_DUTY_POINTING);
    }
    if (!lockstep_duty_hosts_up(step->agent, duty)) {
        return LOCKSTEP_DUTY_PREPARED;
    }
    if (!duty->mapped) {
        return lockstep_duty_work(duty, step, LOCKSTEP_WORK_MAP, LOCKSTEP_DUTY_REMAPPING);
    }
    if (duty->stateful) {
        return lockstep_duty_work(duty, step, LOCKSTEP_WORK_MIGRATE, LOCKSTEP_DUTY_MIGRATING);
    }
    return lockstep_duty_write(duty, step, LOCKSTEP_DUTY_ROW_COMMITTED, LOCKSTEP_DUTY_POINTING);
}

static unsigned try_later(struct lockstep_duty *duty, struct lockstep_duty_step *step,
                          enum lockstep_no no, const char *text)
{
    duty->ticket = 0;
    duty->retry = lockstep_time_after(step->now, step->agent->settings.decision_resend_first);
    lockstep_duty_note(duty, no, text);
    lockstep_agent_send_ack(step->agent, &duty->order.operation, LOCKSTEP_APPLIED_NOT_APPLIED, no,
                            text);
    return LOCKSTEP_DUTY_PREPARED;
}

unsigned lockstep_duty_vote_again(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    lockstep_agent_send_vote(step->agent, &duty->order.operation, LOCKSTEP_NO_UNSPECIFIED, NULL);
    return LOCKSTEP_DUTY_PREPARED;
}

unsigned lockstep_duty_commit(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (duty->decided) {
        return LOCKSTEP_DUTY_PREPARED; /* it is being tried again */
    }
    duty->decided = true;
    duty->query = LOCKSTEP_TIME_NEVER;
    return advance(duty, step);
}

unsigned lockstep_duty_final_early(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->final = true;
    return duty->state == LOCKSTEP_DUTY_PREPARED ? lockstep_duty_commit(duty, step) : duty->state;
}

unsigned lockstep_duty_doubt_tick(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    const struct lockstep_defaults *settings = &step->agent->settings;
    if (duty->decided) {
        return lockstep_time_due(duty->retry, step->now) ? advance(duty, step)
                                                         : LOCKSTEP_DUTY_PREPARED;
    }
    if (!duty->alarmed &&
        lockstep_time_due(lockstep_time_after(duty->doubt, settings->in_doubt_alarm), step->now)) {
        duty->alarmed = true;
        (void)lockstep_duty_act(step->agent, duty, LOCKSTEP_AGENT_ALARM);
    }
    if (lockstep_time_due(duty->query, step->now)) {
        duty->query_ms = duty->query_ms * 2 < settings->query_last ? duty->query_ms * 2
                                                                   : settings->query_last;
        duty->query = lockstep_time_after(step->now, duty->query_ms);
        lockstep_agent_send_query(step->agent, &duty->order.operation);
    }
    return LOCKSTEP_DUTY_PREPARED;
}

/* It may be one that has not been given the set, or one that has dropped it. */
unsigned lockstep_duty_host_back(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->mapped = false;
    return duty->decided ? advance(duty, step) : LOCKSTEP_DUTY_PREPARED;
}

unsigned lockstep_duty_remapped(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->ticket = 0;
    duty->stateful = step->result->stateful;
    return advance(duty, step);
}

unsigned lockstep_duty_not_applied(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->mapped = duty->mapped && duty->work != LOCKSTEP_WORK_MAP && !step->result->unmapped;
    return try_later(duty, step, step->result->no, step->result->text);
}

unsigned lockstep_duty_host_died_applying(struct lockstep_duty *duty,
                                          struct lockstep_duty_step *step)
{
    duty->mapped = false;
    return try_later(duty, step, LOCKSTEP_NO_CRASHED, "the host died while it applied the set");
}

unsigned lockstep_duty_migrated(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->ticket = 0;
    return lockstep_duty_write(duty, step, LOCKSTEP_DUTY_ROW_COMMITTED, LOCKSTEP_DUTY_POINTING);
}

/* From here on nothing can fail: a crash is redone. */
unsigned lockstep_duty_pointed(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        struct lockstep_item *item = &duty->order.items[i];
        struct lockstep_agent_module *module = lockstep_agent_module(agent, &item->module);
        ASSERT(module != NULL);
        lockstep_module_point(module, &duty->order, item);
        if (lockstep_duty_changes(duty, i)) {
            duty->left[i] = module->loaded;
        }
    }
    duty->ticket = 0;
    return duty->mapped
               ? lockstep_duty_work(duty, step, LOCKSTEP_WORK_PUBLISH, LOCKSTEP_DUTY_PUBLISHING)
               : lockstep_duty_host_back_pointed(duty, step);
}

/* What was lost with a host, or with an agent, is done again; state is carried over again too, for
 * a host that waited for PUBLISH too long has gone on with the old version. */
static unsigned publish(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    enum lockstep_work work = !duty->mapped    ? LOCKSTEP_WORK_MAP
                              : duty->stateful ? LOCKSTEP_WORK_MIGRATE
                                               : LOCKSTEP_WORK_PUBLISH;
    duty->retry = LOCKSTEP_TIME_NEVER;
    return lockstep_duty_work(duty, step, work, LOCKSTEP_DUTY_PUBLISHING);
}

unsigned lockstep_duty_publish_step(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (duty->work == LOCKSTEP_WORK_MAP) {
        duty->stateful = step->result->stateful;
    }
    if (duty->work == LOCKSTEP_WORK_MAP || (!duty->mapped && !duty->superseded)) {
        return publish(duty, step); /* not mapped: a host has come meanwhile, and lacks it */
    }
    if (duty->work == LOCKSTEP_WORK_MIGRATE) {
        return lockstep_duty_work(duty, step, LOCKSTEP_WORK_PUBLISH, LOCKSTEP_DUTY_PUBLISHING);
    }
    duty->ticket = 0;
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        struct lockstep_agent_module *module = lockstep_agent_module(step->agent,
                                                                     &duty->order.items[i].module);
        if (lockstep_duty_changes(duty, i)) {
            module->loaded = module->current;
        }
    }
    (void)lockstep_duty_act(step->agent, duty, LOCKSTEP_AGENT_REPORT);
    return duty->superseded ? lockstep_duty_close(duty, step)
                            : lockstep_duty_enter_live(duty, step);
}

/* Over before it was published: a set that the hosts go on holding would be in the way of the next
 * one. */
static unsigned abandon(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    (void)lockstep_duty_act(step->agent, duty, LOCKSTEP_AGENT_DROP);
    return lockstep_duty_close(duty, step);
}

/* A publish that is under way is waited for: what comes next must know what the host runs then. */
unsigned lockstep_duty_superseded(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (duty->ticket == 0) {
        return abandon(duty, step);
    }
    duty->superseded = true;
    return LOCKSTEP_DUTY_PUBLISHING;
}

unsigned lockstep_duty_publish_failed(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (duty->superseded) {
        return abandon(duty, step);
    }
    duty->mapped = duty->mapped && duty->work != LOCKSTEP_WORK_MAP && !step->result->unmapped;
    (void)try_later(duty, step, step->result->no, step->result->text);
    return LOCKSTEP_DUTY_PUBLISHING;
}

unsigned lockstep_duty_publish_tick(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (!lockstep_time_due(duty->retry, step->now) || duty->ticket != 0 ||
        !lockstep_duty_hosts_up(step->agent, duty)) {
        return LOCKSTEP_DUTY_PUBLISHING;
    }
    return publish(duty, step);
}

unsigned lockstep_duty_host_died_publishing(struct lockstep_duty *duty,
                                            struct lockstep_duty_step *step)
{
    duty->ticket = 0;
    duty->mapped = false;
    duty->retry = LOCKSTEP_TIME_NEVER;
    return duty->superseded ? abandon(duty, step) : LOCKSTEP_DUTY_PUBLISHING;
}

/* A host of our own starts with the new row. One that comes by itself may still run the old: it
 * is handed the set again by its own boot file when it restarts, and until then it is published. */
unsigned lockstep_duty_host_back_pointed(struct lockstep_duty *duty,
                                         struct lockstep_duty_step *step)
{
    if (duty->ticket != 0) {
        duty->mapped = false;
        return LOCKSTEP_DUTY_PUBLISHING;
    }
    if (lockstep_duty_is_loaded(step->agent, duty)) {
        return lockstep_duty_enter_live(duty, step);
    }
    duty->mapped = false;
    return lockstep_duty_hosts_up(step->agent, duty) ? publish(duty, step)
                                                     : LOCKSTEP_DUTY_PUBLISHING;
}
