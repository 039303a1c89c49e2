/* Comings, goings and answers of hosts, for the core. */
#include "agent/driver_internal.h"

#include "common/io/crash.h"
#include "common/io/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A host that outlived its last agent is waited for so long before another is started. */
#define ADOPTION_MS 3000

static void on_host_up(void *context, uint8_t service, const struct lockstep_live *live,
                       uint32_t count)
{
    struct lockstep_node_agent *agent = context;
    lockstep_log(LOCKSTEP_LEVEL_INFO, "agent", "host of %s is up with %u modules",
                 agent->core->services[service].name.text, count);
    lockstep_agent_host_up(agent->core, lockstep_loop_now(agent->loop), service, live, count,
                           agent->actions);
    lockstep_driver_act(agent);
}

/* For reports, and for whoever waits: one more is gone. */
static void note_death(struct lockstep_node_agent *agent, uint8_t service)
{
    const struct lockstep_hosts_death *death = lockstep_hosts_died(agent->hosts, service);
    agent->host_restarts++;
    agent->died = (struct lockstep_hosts_death){.module = death->module};
    if (death->text[0] != '\0') {
        (void)snprintf(agent->died.text, sizeof(agent->died.text), "%s: %.*s",
                       agent->core->services[service].name.text,
                       LOCKSTEP_TEXT_MAX - LOCKSTEP_NAME_MAX - 2, death->text);
    }
}

static void on_host_lost(void *context, uint8_t service)
{
    struct lockstep_node_agent *agent = context;
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "host of %s is gone",
                 agent->core->services[service].name.text);
    note_death(agent, service);
    (void)snprintf(agent->core->services[service].died, sizeof(agent->core->services[service].died),
                   "%s", lockstep_hosts_died(agent->hosts, service)->text);
    lockstep_agent_host_lost(agent->core, lockstep_loop_now(agent->loop), service, agent->actions);
    lockstep_driver_act(agent);
}

static void on_host_died(void *context, uint8_t service)
{
    struct lockstep_node_agent *agent = context;
    lockstep_log(LOCKSTEP_LEVEL_WARNING, "agent", "one host of %s is gone, others serve",
                 agent->core->services[service].name.text);
    note_death(agent, service);
    lockstep_agent_host_died(agent->core, lockstep_loop_now(agent->loop), service, agent->actions);
    lockstep_driver_act(agent);
}

void lockstep_driver_failed_starts(void *context)
{
    struct lockstep_node_agent *agent = context;
    uint32_t services = agent->failed_services;
    agent->failed_services = 0;
    for (uint8_t i = 0; i < agent->core->service_count; i++) {
        if ((services & 1U << i) != 0) {
            lockstep_agent_not_started(agent->core, lockstep_loop_now(agent->loop), i);
        }
    }
    lockstep_timer_arm(agent->loop, &agent->tick, lockstep_agent_deadline(agent->core));
}

static void on_host_done(void *context, const struct lockstep_work_result *result)
{
    struct lockstep_node_agent *agent = context;
    const struct lockstep_duty *duty = lockstep_driver_by_ticket(agent, result->ticket);
    if (duty != NULL && result->ok && duty->work == LOCKSTEP_WORK_PUBLISH) {
        LOCKSTEP_CRASH(AGENT_AFTER_PUBLISH);
        lockstep_driver_smoke(agent, duty);
    }
    lockstep_joints_worked(agent, result);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* True if somebody holds the service's tool socket open: a host that outlived its agent. */
static bool somebody_serves(const struct lockstep_node_agent *agent, const char *service)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/tools/%s.sock",
                          agent->config.config->run, service);
    bool answers = fd >= 0 && length > 0 && (size_t)length < sizeof(address.sun_path) &&
                   (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
                    errno == EPROTOTYPE || errno == EAGAIN);
    if (fd >= 0) {
        (void)close(fd);
    }
    return answers;
}

/* Those of hosts first: they have the same numbers in lockstep_hosts. */
void lockstep_driver_add_services(struct lockstep_node_agent *agent, struct lockstep_time now)
{
    const struct lockstep_config_agent *config = agent->config.config;
    for (size_t i = 0; i < config->service_count; i++) {
        const struct lockstep_config_service *service = &config->services[i];
        uint8_t index = service->exec.given
                            ? LOCKSTEP_SERVICE_NONE
                            : lockstep_agent_add_service(agent->core, &service->name, true, now);
        if (index != LOCKSTEP_SERVICE_NONE && somebody_serves(agent, service->name.text)) {
            agent->core->services[index].start = lockstep_time_after(now, ADOPTION_MS);
        }
    }
    for (size_t i = 0; i < config->service_count; i++) {
        if (config->services[i].exec.given) {
            (void)lockstep_agent_add_service(agent->core, &config->services[i].name, false, now);
        }
    }
}

enum lockstep_err lockstep_driver_open_hosts(struct lockstep_node_agent *agent,
                                             struct lockstep_error *err)
{
    const struct lockstep_config_agent *config = agent->config.config;
    struct lockstep_hosts_service services[LOCKSTEP_AGENT_SERVICES];
    struct lockstep_hosts_config hosts = {.run_directory = config->run,
                                          .data_directory = config->data,
                                          .host_path = agent->config.host_path,
                                          .services = services,
                                          .settings = config->settings,
                                          .up = on_host_up,
                                          .lost = on_host_lost,
                                          .died = on_host_died,
                                          .done = on_host_done,
                                          .smoked = lockstep_driver_smoked,
                                          .answered = lockstep_tools_answered,
                                          .drained = lockstep_drains_done,
                                          .gates = lockstep_drains_changed,
                                          .context = agent};
    if (config->service_count > LOCKSTEP_AGENT_SERVICES) {
        return LOCKSTEP_FAIL(err, LIMIT, "more than %d services", LOCKSTEP_AGENT_SERVICES);
    }
    for (size_t i = 0; i < config->service_count; i++) {
        struct lockstep_hosts_service *row = &services[hosts.services_count];
        if (config->services[i].exec.given) {
            continue;
        }
        row->name = config->services[i].name;
        row->processes = config->services[i].processes;
        row->command = config->services[i].command.count == 0
                           ? NULL
                           : (const char *const *)config->services[i].command.items;
        hosts.services_count++;
    }
    hosts.snapshot = lockstep_works_snapshot;
    return lockstep_hosts_new(agent->loop, &hosts, &agent->hosts, err);
}
