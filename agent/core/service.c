/* Hosts as this node supervises them: back-off, crash loops, and who is to be told. */
#include "agent/core/duty.h"

#include "common/base/assert.h"

#include <string.h>

uint8_t lockstep_agent_service(const struct lockstep_agent *agent, const struct lockstep_name *name)
{
    for (uint8_t i = 0; i < agent->service_count; i++) {
        if (lockstep_name_equal(&agent->services[i].name, name)) {
            return i;
        }
    }
    return LOCKSTEP_SERVICE_NONE;
}

uint8_t lockstep_agent_add_service(struct lockstep_agent *agent, const struct lockstep_name *name,
                                   bool spawned, struct lockstep_time now)
{
    uint8_t found = lockstep_agent_service(agent, name);
    if (found == LOCKSTEP_SERVICE_NONE && agent->service_count < LOCKSTEP_AGENT_SERVICES) {
        struct lockstep_service *service = &agent->services[agent->service_count];
        memset(service, 0, sizeof(*service));
        service->name = *name;
        service->spawned = spawned;
        service->backoff_ms = agent->settings.host_restart_first;
        service->start = spawned ? now : LOCKSTEP_TIME_NEVER;
        found = (uint8_t)agent->service_count++;
    }
    return found;
}

bool lockstep_duty_uses(const struct lockstep_agent *agent, const struct lockstep_duty *duty,
                        uint8_t service)
{
    for (uint32_t i = 0; i < duty->order.item_count; i++) {
        const struct lockstep_agent_module *module = lockstep_agent_module(
            agent, &duty->order.items[i].module);
        if (module != NULL && module->service == service) {
            return true;
        }
    }
    return false;
}

bool lockstep_duty_hosts_up(const struct lockstep_agent *agent, const struct lockstep_duty *duty)
{
    for (uint8_t i = 0; i < agent->service_count; i++) {
        if (!agent->services[i].up && lockstep_duty_uses(agent, duty, i)) {
            return false;
        }
    }
    return true;
}

void lockstep_service_start(struct lockstep_agent *agent, struct lockstep_time now, uint8_t service)
{
    struct lockstep_service *row = &agent->services[service];
    row->start = LOCKSTEP_TIME_NEVER;
    row->starts[row->start_count % LOCKSTEP_AGENT_STARTS] = now;
    row->start_count++;
    if (row->spawned) {
        lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_START)->service = service;
    }
}

/* The next start, after a pause that grows. */
static void start_later(const struct lockstep_agent *agent, struct lockstep_service *service,
                        struct lockstep_time now)
{
    if (service->spawned && !service->falling) {
        service->start = lockstep_time_after(now, service->backoff_ms);
        service->backoff_ms = service->backoff_ms * 2 < agent->settings.host_restart_last
                                  ? service->backoff_ms * 2
                                  : agent->settings.host_restart_last;
    }
}

void lockstep_agent_not_started(struct lockstep_agent *agent, struct lockstep_time now,
                                uint8_t service)
{
    struct lockstep_service *row = &agent->services[service];
    ASSERT(service < agent->service_count);
    if (row->start_count > 0) {
        row->start_count--;
        row->starts[row->start_count % LOCKSTEP_AGENT_STARTS] = (struct lockstep_time){0};
    }
    start_later(agent, row, now);
}

/* How often the host was started within the window of a crash loop. */
static uint64_t recent_starts(const struct lockstep_agent *agent,
                              const struct lockstep_service *service, struct lockstep_time now)
{
    uint32_t kept = service->start_count < LOCKSTEP_AGENT_STARTS ? service->start_count
                                                                 : LOCKSTEP_AGENT_STARTS;
    uint64_t count = 0;
    for (uint32_t i = 0; i < kept; i++) {
        if (service->starts[i].ms + agent->settings.crash_loop_window > now.ms) {
            count++;
        }
    }
    return count;
}

/* Reports what the host has; what it does not name of its modules is not loaded. */
static void note_loaded(struct lockstep_agent *agent, uint8_t service,
                        const struct lockstep_live *live, uint32_t live_count)
{
    for (uint32_t i = 0; i < agent->module_count; i++) {
        struct lockstep_agent_module *module = &agent->modules[i];
        if (module->service != service) {
            continue;
        }
        module->loaded = (struct lockstep_version){0};
        for (uint32_t j = 0; j < live_count; j++) {
            if (lockstep_name_equal(&live[j].module, &module->name)) {
                module->loaded = (struct lockstep_version){live[j].generation, live[j].digest};
            }
        }
    }
}

static void tell(struct lockstep_agent *agent, struct lockstep_time now, uint8_t service,
                 enum lockstep_duty_event_type event)
{
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct lockstep_duty *duty = &agent->duties[i];
        if (duty->state != LOCKSTEP_DUTY_FREE && lockstep_duty_uses(agent, duty, service)) {
            lockstep_duty_step(agent, now, duty, event, NULL);
        }
    }
}

void lockstep_agent_host_up(struct lockstep_agent *agent, struct lockstep_time now, uint8_t service,
                            const struct lockstep_live *live, uint32_t live_count,
                            struct lockstep_agent_actions *ret_actions)
{
    struct lockstep_service *row = &agent->services[service];
    ASSERT(service < agent->service_count && agent->out == NULL);
    agent->out = ret_actions;
    ret_actions->count = 0;
    row->up = true;
    row->start = LOCKSTEP_TIME_NEVER;
    row->settled = lockstep_time_after(now, agent->settings.crash_loop_window);
    note_loaded(agent, service, live, live_count);
    (void)lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_REPORT);
    tell(agent, now, service, LOCKSTEP_DUTY_ON_HOST_UP);
    if (agent->state_due) {
        lockstep_agent_send_state_if_due(agent, now);
    } else {
        lockstep_agent_send_state(agent); /* what came back with it is read back */
    }
    agent->out = NULL;
}

/* True if the finding is about what DUTY brought. */
static bool is_about(const struct lockstep_agent *agent, const struct lockstep_finding *finding,
                     const struct lockstep_duty *duty)
{
    for (uint32_t i = 0; finding->module != NULL && i < duty->order.item_count; i++) {
        if (lockstep_name_equal(&duty->order.items[i].module, finding->module)) {
            return true;
        }
    }
    return finding->module == NULL && lockstep_duty_uses(agent, duty, finding->service);
}

void lockstep_agent_unhealthy(struct lockstep_agent *agent, struct lockstep_time now,
                              const struct lockstep_finding *finding,
                              struct lockstep_agent_actions *ret_actions)
{
    ASSERT(finding->service < agent->service_count && agent->out == NULL);
    ASSERT(lockstep_no_blames_version(finding->no));
    agent->out = ret_actions;
    ret_actions->count = 0;
    for (uint32_t i = 0; i < LOCKSTEP_AGENT_DUTIES; i++) {
        struct lockstep_duty *duty = &agent->duties[i];
        if (duty->state != LOCKSTEP_DUTY_FREE && is_about(agent, finding, duty)) {
            lockstep_duty_find(agent, now, duty, finding);
        }
    }
    agent->out = NULL;
}

/* As for the last one, but that what the others run stays. Who replaces it is started already. */
void lockstep_agent_host_died(struct lockstep_agent *agent, struct lockstep_time now,
                              uint8_t service, struct lockstep_agent_actions *ret_actions)
{
    struct lockstep_service *row = &agent->services[service];
    ASSERT(service < agent->service_count && agent->out == NULL);
    agent->out = ret_actions;
    ret_actions->count = 0;
    (void)lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_REPORT);
    tell(agent, now, service, LOCKSTEP_DUTY_ON_HOST_LOST);
    if (recent_starts(agent, row, now) >= agent->settings.crash_loop_starts) {
        tell(agent, now, service, LOCKSTEP_DUTY_ON_CRASH_LOOP);
    }
    row->starts[row->start_count % LOCKSTEP_AGENT_STARTS] = now;
    row->start_count++;
    agent->out = NULL;
}

void lockstep_agent_host_lost(struct lockstep_agent *agent, struct lockstep_time now,
                              uint8_t service, struct lockstep_agent_actions *ret_actions)
{
    struct lockstep_service *row = &agent->services[service];
    ASSERT(service < agent->service_count && agent->out == NULL);
    agent->out = ret_actions;
    ret_actions->count = 0;
    row->up = false;
    row->settled = LOCKSTEP_TIME_NEVER;
    note_loaded(agent, service, NULL, 0);
    (void)lockstep_duty_act(agent, NULL, LOCKSTEP_AGENT_REPORT);
    tell(agent, now, service, LOCKSTEP_DUTY_ON_HOST_LOST);
    if (recent_starts(agent, row, now) >= agent->settings.crash_loop_starts) {
        tell(agent, now, service, LOCKSTEP_DUTY_ON_CRASH_LOOP);
    }
    start_later(agent, row, now);
    agent->out = NULL;
}
