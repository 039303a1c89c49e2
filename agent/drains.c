/* Drains that come through the coordinator: of one module, or of all that this node runs. */
#include "agent/driver_internal.h"

#include <stdio.h>
#include <string.h>

static void say(struct lockstep_node_agent *agent, uint64_t request, bool ok, const char *text)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_DRAINED};
    wire.u.drained.request = request;
    wire.u.drained.ok = ok;
    wire.u.drained.text = text;
    lockstep_report_soon(agent); /* so that who asks now sees what it has come to */
    lockstep_report_now(agent);
    lockstep_driver_send(agent, &wire);
}

/* The next module at *CURSOR that MESSAGE is about and that a host runs; NULL at the end. */
static const struct lockstep_agent_module *next_module(const struct lockstep_node_agent *agent,
                                                       const struct lockstep_wire_drain *message,
                                                       size_t *cursor)
{
    while (*cursor < agent->core->module_count) {
        const struct lockstep_agent_module *module = &agent->core->modules[(*cursor)++];
        if (module->service != LOCKSTEP_SERVICE_NONE &&
            !lockstep_digest_is_zero(&module->loaded.digest) &&
            (message->module[0] == '\0' || strcmp(module->name.text, message->module) == 0)) {
            return module;
        }
    }
    return NULL;
}

static struct lockstep_draining *free_row(struct lockstep_node_agent *agent)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->drainings); i++) {
        if (agent->drainings[i].ticket == 0) {
            return &agent->drainings[i];
        }
    }
    return NULL;
}

void lockstep_drains_run(struct lockstep_node_agent *agent,
                         const struct lockstep_wire_drain *message)
{
    struct lockstep_draining *row = free_row(agent);
    size_t cursor = 0;
    const struct lockstep_agent_module *module;
    if (row == NULL) {
        say(agent, message->request, false, "too many drains at once");
        return;
    }
    *row = (struct lockstep_draining){.ticket = ++agent->call_tickets, .request = message->request};
    for (module = next_module(agent, message, &cursor); module != NULL;
         module = next_module(agent, message, &cursor)) {
        const struct lockstep_hosts_gating gating = {.service = module->service,
                                                     .module = &module->name,
                                                     .resume = message->resume,
                                                     .refuse = message->refuse,
                                                     .drain_ms = message->drain_ms};
        row->open++;
        lockstep_hosts_drain(agent->hosts, row->ticket, &gating);
    }
    if (row->open == 0) {
        row->ticket = 0;
        say(agent, message->request, false, "no host runs it here");
    }
}

void lockstep_drains_done(void *context, uint32_t ticket, bool ok, const char *text)
{
    struct lockstep_node_agent *agent = context;
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->drainings); i++) {
        struct lockstep_draining *row = &agent->drainings[i];
        if (row->ticket != ticket) {
            continue;
        }
        row->open--;
        if (!ok && row->text[0] == '\0') {
            (void)snprintf(row->text, sizeof(row->text), "%s", text);
        }
        if (row->open == 0) {
            row->ticket = 0;
            say(agent, row->request, row->text[0] == '\0', row->text);
        }
        return;
    }
}

void lockstep_drains_changed(void *context)
{
    lockstep_report_soon(context);
}
