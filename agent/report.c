/* What this node says unasked: that it is there, and what it runs. */
#include "agent/driver_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_SOON_MS 20
#define MEMORY_READ_MS 1000
#define REPORT_EVERY   2 /* heartbeats: one is stale after three */

void lockstep_report_soon(struct lockstep_node_agent *agent)
{
    if (agent->report.place == 0) {
        lockstep_timer_arm(agent->loop, &agent->report,
                           lockstep_time_after(lockstep_loop_now(agent->loop), REPORT_SOON_MS));
    }
}

static const struct lockstep_hosts_module *find_status(const struct lockstep_hosts_module *modules,
                                                       size_t count,
                                                       const struct lockstep_name *name)
{
    for (size_t i = 0; i < count; i++) {
        if (lockstep_name_equal(&modules[i].module, name)) {
            return &modules[i];
        }
    }
    return NULL;
}

static void fill_tools(const struct lockstep_node_agent *agent,
                       const struct lockstep_agent_module *module, struct lockstep_wire_module *row)
{
    struct lockstep_hosts_tool tools[LOCKSTEP_REPORT_TOOLS_MAX];
    size_t count = lockstep_hosts_counts(agent->hosts, module->service, &module->name, tools,
                                         LOCKSTEP_REPORT_TOOLS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct lockstep_wire_tool_counts *counts = &row->tools[i];
        memcpy(counts->tool, tools[i].tool, sizeof(counts->tool));
        memcpy(counts->version, tools[i].version, sizeof(counts->version));
        counts->live = tools[i].live;
        counts->calls = tools[i].calls;
        counts->failed = tools[i].failed;
        counts->in_flight = tools[i].in_flight;
    }
    row->tool_count = (uint32_t)count;
}

static void fill_module(struct lockstep_node_agent *agent,
                        const struct lockstep_agent_module *module,
                        const struct lockstep_hosts_module *status,
                        struct lockstep_wire_module *row)
{
    const struct lockstep_known *known = lockstep_admit_known(agent, &module->loaded.digest);
    const struct lockstep_live live = lockstep_agent_live(agent->core, module);
    memset(row, 0, sizeof(*row));
    row->module = module->name;
    row->service = module->service == LOCKSTEP_SERVICE_NONE
                       ? (struct lockstep_name){"default"}
                       : agent->core->services[module->service].name;
    row->generation = live.generation;
    row->digest = live.digest;
    row->previous = module->previous.digest;
    row->gate = status == NULL ? LOCKSTEP_GATE_OPEN : status->gate;
    if (known != NULL) {
        row->md5 = known->md5;
        row->state_schema = known->state_schema;
        row->driver = (uint32_t)known->driver;
        memcpy(row->version, known->version, sizeof(row->version));
    }
    if (status != NULL) {
        row->in_flight = status->in_flight;
        row->calls = status->calls;
        row->loaded_unix_ms = status->loaded_ms;
        row->hosts = status->processes;
        row->failed = status->failed;
        row->behind = status->behind;
        row->retired = status->retired;
        fill_tools(agent, module, row);
    }
    if (lockstep_digest_is_zero(&module->loaded.digest)) {
        row->disk = LOCKSTEP_DISK_NOT_LOADED;
    } else {
        row->disk = lockstep_artifact_has(agent->artifacts, &module->loaded.digest,
                                          LOCKSTEP_ARTIFACT_SO)
                        ? LOCKSTEP_DISK_LOADED
                        : LOCKSTEP_DISK_REMOVED;
    }
    lockstep_disk_compare(agent, module, row);
}

/* False for a module that was taken out: nothing of it is to run, runs, or lies on the disk. */
static bool is_here(const struct lockstep_agent_module *module,
                    const struct lockstep_wire_module *row)
{
    return !lockstep_digest_is_zero(&module->current.digest) ||
           !lockstep_digest_is_zero(&module->loaded.digest) ||
           !lockstep_digest_is_zero(&row->disk_digest);
}

/* Percent of the machine's memory that is in use, as /proc/meminfo has it. */
static uint32_t read_memory_used(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long total = 0;
    unsigned long long available = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "MemTotal:", 9) == 0) {
            total = strtoull(line + 9, NULL, 10);
        } else if (strncmp(line, "MemAvailable:", 13) == 0) {
            available = strtoull(line + 13, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return total == 0 ? 0 : (uint32_t)((total - available) * 100 / total);
}

/* What was read a moment ago serves. */
static uint32_t memory_used_percent(struct lockstep_time now)
{
    static struct lockstep_time until;
    static uint32_t percent;
    if (!lockstep_time_set(until) || lockstep_time_due(until, now)) {
        percent = read_memory_used();
        until = lockstep_time_after(now, MEMORY_READ_MS);
    }
    return percent;
}

void lockstep_report_send(void *context)
{
    struct lockstep_node_agent *agent = context;
    static struct lockstep_hosts_module status[LOCKSTEP_NODE_MODULES_MAX];
    static struct lockstep_wire_module modules[LOCKSTEP_REPORTS_MAX];
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_REPORT};
    size_t known = lockstep_hosts_status(agent->hosts, status, LOCKSTEP_NODE_MODULES_MAX);
    size_t total = agent->core->module_count;
    size_t offset = 0;
    bool more = false;
    if (!agent->welcomed) {
        return;
    }
    known = known > LOCKSTEP_NODE_MODULES_MAX ? LOCKSTEP_NODE_MODULES_MAX : known;
    wire.u.report.modules = modules;
    wire.u.report.memory_used_percent = memory_used_percent(lockstep_loop_now(agent->loop));
    wire.u.report.host_restarts = agent->host_restarts;
    wire.u.report.host_recycles = lockstep_hosts_recycles(agent->hosts);
    wire.u.report.died = agent->died.text;
    wire.u.report.died_module = agent->died.module;
    if (lockstep_artifacts_free_space(agent->artifacts, &wire.u.report.disk_free_bytes, NULL) !=
        LOCKSTEP_OK) {
        wire.u.report.disk_free_bytes = 0;
    }
    do {
        size_t piece = lockstep_wire_piece(total, offset, LOCKSTEP_REPORTS_MAX, &more);
        wire.u.report.module_count = 0;
        for (size_t i = 0; i < piece; i++) {
            const struct lockstep_agent_module *module = &agent->core->modules[offset + i];
            struct lockstep_wire_module *row = &modules[wire.u.report.module_count];
            fill_module(agent, module, find_status(status, known, &module->name), row);
            wire.u.report.module_count += is_here(module, row) ? 1 : 0;
        }
        wire.u.report.more = more;
        lockstep_driver_send(agent, &wire);
        offset += piece;
    } while (more);
}

void lockstep_report_now(struct lockstep_node_agent *agent)
{
    if (agent->report.place != 0) {
        lockstep_timer_disarm(agent->loop, &agent->report);
        lockstep_report_send(agent);
    }
}

/* Every heartbeat is answered. Counted and not timed: an agent that was stopped itself has heard
 * nothing for long, too, and what has come meanwhile is read before the next one is due. */
static bool is_silent(const struct lockstep_node_agent *agent)
{
    return agent->unheard * UINT64_C(100) > agent->config.config->settings.down_percent;
}

static void send_heartbeat(struct lockstep_node_agent *agent)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_HEARTBEAT};
    wire.message.u.heartbeat.sequence = ++agent->heartbeats;
    lockstep_driver_send(agent, &wire);
    if (agent->heartbeats % REPORT_EVERY == 0) {
        lockstep_report_soon(agent);
    }
}

void lockstep_report_heartbeat(void *context)
{
    struct lockstep_node_agent *agent = context;
    if (agent->link == NULL) {
        return;
    }
    if (is_silent(agent)) {
        lockstep_link_close(agent->link, "the coordinator does not answer");
        return;
    }
    agent->unheard++;
    if (agent->welcomed) {
        send_heartbeat(agent);
    }
    lockstep_timer_arm(agent->loop, &agent->heartbeat,
                       lockstep_time_after(lockstep_loop_now(agent->loop), agent->heartbeat_ms));
}
