/* From PREPARE to the vote. */
#include "agent/core/duty.h"

#include "common/base/assert.h"

unsigned lockstep_duty_begin(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->limit = lockstep_time_after(step->now, step->agent->settings.fetch);
    return lockstep_duty_work(duty, step, LOCKSTEP_WORK_ADMIT, LOCKSTEP_DUTY_ADMITTING);
}

unsigned lockstep_duty_say_no(struct lockstep_duty *duty, struct lockstep_duty_step *step,
                              enum lockstep_no no, const char *text)
{
    lockstep_duty_note(duty, no, text);
    duty->ticket = 0;
    (void)lockstep_duty_act(step->agent, duty, LOCKSTEP_AGENT_DROP);
    lockstep_agent_send_vote(step->agent, &duty->order.operation, no, text);
    return LOCKSTEP_DUTY_FREE;
}

static unsigned enter_mapping(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (!lockstep_duty_hosts_up(step->agent, duty)) {
        duty->ticket = 0;
        return LOCKSTEP_DUTY_MAPPING; /* a host that restarts is waited for */
    }
    return lockstep_duty_work(duty, step, LOCKSTEP_WORK_MAP, LOCKSTEP_DUTY_MAPPING);
}

/* Going back needs no trial: what the node ran before it ran well. */
unsigned lockstep_duty_admitted(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->ticket = 0;
    duty->limit = lockstep_time_after(step->now, duty->order.prepare_ms);
    if (duty->changes == 0) {
        return lockstep_duty_write(duty, step, LOCKSTEP_DUTY_ROW_PREPARED, LOCKSTEP_DUTY_VOWING);
    }
    if (lockstep_kind_goes_back(duty->order.kind)) {
        return enter_mapping(duty, step);
    }
    return lockstep_duty_work(duty, step, LOCKSTEP_WORK_PROBE, LOCKSTEP_DUTY_PROBING);
}

unsigned lockstep_duty_probed(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    return enter_mapping(duty, step);
}

unsigned lockstep_duty_mapped(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->ticket = 0;
    duty->stateful = step->result->stateful;
    if (!duty->mapped) {
        return enter_mapping(duty, step); /* a host has come meanwhile, and may refuse it */
    }
    return lockstep_duty_write(duty, step, LOCKSTEP_DUTY_ROW_PREPARED, LOCKSTEP_DUTY_VOWING);
}

unsigned lockstep_duty_refuse(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    return lockstep_duty_say_no(duty, step, step->result->no, step->result->text);
}

unsigned lockstep_duty_expire(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    if (!lockstep_time_due(duty->limit, step->now)) {
        return duty->state;
    }
    if (duty->state == LOCKSTEP_DUTY_MAPPING && duty->ticket == 0) {
        return lockstep_duty_say_no(duty, step, LOCKSTEP_NO_NO_HOST,
                                    "the host did not come up in the time to prepare");
    }
    return lockstep_duty_say_no(duty, step, LOCKSTEP_NO_EXPIRED,
                                duty->state == LOCKSTEP_DUTY_ADMITTING
                                    ? "fetching took longer than the time to fetch"
                                    : "not prepared within the time to prepare");
}

/* ABORT, or a newer order in its place: nothing of it remains but a tombstone. */
unsigned lockstep_duty_call_off(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    struct lockstep_agent *agent = step->agent;
    duty->ticket = 0;
    (void)lockstep_duty_act(agent, duty, LOCKSTEP_AGENT_DROP);
    lockstep_agent_remember(agent, &duty->order.operation, LOCKSTEP_APPLIED_ABORTED);
    lockstep_agent_send_ack(agent, &duty->order.operation, LOCKSTEP_APPLIED_ABORTED,
                            LOCKSTEP_NO_UNSPECIFIED, NULL);
    lockstep_duty_act(agent, duty, LOCKSTEP_AGENT_NOTE)->row = LOCKSTEP_DUTY_ROW_ABORTED;
    return LOCKSTEP_DUTY_FREE;
}

unsigned lockstep_duty_host_awaited(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    duty->mapped = false;
    return duty->ticket == 0 ? enter_mapping(duty, step) : LOCKSTEP_DUTY_MAPPING;
}

unsigned lockstep_duty_host_died_mapping(struct lockstep_duty *duty,
                                         struct lockstep_duty_step *step)
{
    return duty->ticket == 0 ? LOCKSTEP_DUTY_MAPPING
                             : lockstep_duty_say_no(duty, step, LOCKSTEP_NO_CRASHED,
                                                    "the host died while it mapped the set");
}

unsigned lockstep_duty_vowed(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    const struct lockstep_defaults *settings = &step->agent->settings;
    duty->query_ms = settings->query_first;
    duty->query = lockstep_time_after(step->now, duty->query_ms);
    duty->doubt = step->now;
    lockstep_agent_send_vote(step->agent, &duty->order.operation, LOCKSTEP_NO_UNSPECIFIED, NULL);
    return LOCKSTEP_DUTY_PREPARED;
}

unsigned lockstep_duty_no_room(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    return lockstep_duty_say_no(duty, step, LOCKSTEP_NO_STORAGE,
                                "the promise could not be written to the journal");
}

unsigned lockstep_duty_unmapped(struct lockstep_duty *duty, struct lockstep_duty_step *step)
{
    (void)step;
    duty->mapped = false;
    return duty->state;
}
