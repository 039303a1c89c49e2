/* Tool calls that come through the coordinator, and their answers. */
#include "agent/driver_internal.h"

#include "common/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define CURSOR_ROOM 128 /* of the line behind a page */

static void tool_failed(struct lockstep_node_agent *agent, uint64_t request, const char *text)
{
    struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOOL_RESULT};
    wire.u.tool_result.request = request;
    wire.u.tool_result.text = text;
    lockstep_driver_send(agent, &wire);
}

/* The module of "module.tool"; NULL: it does not run here. */
static const struct lockstep_agent_module *module_of(const struct lockstep_node_agent *agent,
                                                     const char *tool)
{
    char module[LOCKSTEP_NAME_MAX + 1];
    size_t length = strcspn(tool, ".");
    const struct lockstep_agent_module *row = NULL;
    struct lockstep_name name;
    if (length < sizeof(module)) {
        memcpy(module, tool, length);
        module[length] = '\0';
        row = lockstep_name_parse(module, &name) ? lockstep_agent_module(agent->core, &name) : NULL;
    }
    return row == NULL || row->service == LOCKSTEP_SERVICE_NONE ||
                   lockstep_joints_drives(agent, row)
               ? NULL
               : row;
}

/* The next service from FIRST on that has a host; NONE. */
static uint8_t service_from(const struct lockstep_node_agent *agent, unsigned long first)
{
    for (unsigned long i = first; i < LOCKSTEP_AGENT_SERVICES; i++) {
        if (lockstep_hosts_lives(agent->hosts, (uint8_t)i)) {
            return (uint8_t)i;
        }
    }
    return LOCKSTEP_SERVICE_NONE;
}

/* Without a tool's name tools are listed: as lines, or a page of them as JSON. INPUT says which:
 * nothing, or "json" and the cursor that came with the page before, which is a service and the
 * name of its last tool. False: that makes no sense. */
static bool list_tools(struct lockstep_node_agent *agent, size_t slot,
                       const struct lockstep_blob *input)
{
    char text[LOCKSTEP_NAME_MAX + 1 + 32];
    uint8_t service;
    char *after = text;
    if (input->length == 0) {
        lockstep_hosts_tools(agent->hosts, agent->calls[slot].ticket);
        return true;
    }
    if (input->length >= sizeof(text) || input->length < 4 || memcmp(input->data, "json", 4) != 0 ||
        memchr(input->data, '\0', input->length) != NULL) {
        return false;
    }
    memcpy(text, input->data + 4, input->length - 4);
    text[input->length - 4] = '\0';
    service = service_from(agent, strtoul(text, &after, 10));
    agent->calls[slot].service = (uint8_t)(service + 1);
    lockstep_hosts_registry(agent->hosts, agent->calls[slot].ticket,
                            service == LOCKSTEP_SERVICE_NONE ? 0 : service,
                            *after == ' ' ? after + 1 : after);
    return true;
}

void lockstep_tools_run(struct lockstep_node_agent *agent,
                        const struct lockstep_wire_tool_run *message)
{
    const struct lockstep_agent_module *row = module_of(agent, message->tool);
    bool list = message->tool[0] == '\0';
    size_t slot = 0;
    while (slot < LOCKSTEP_COUNT(agent->calls) && agent->calls[slot].ticket != 0) {
        slot++;
    }
    if (row == NULL && !list) {
        tool_failed(agent, message->request, "this node runs no module with that tool");
    } else if (message->more || slot == LOCKSTEP_COUNT(agent->calls)) {
        tool_failed(agent, message->request, "too long, or too many calls at once");
    } else {
        agent->calls[slot].ticket = ++agent->call_tickets;
        agent->calls[slot].request = message->request;
        agent->calls[slot].service = 0;
        if (list) {
            if (!list_tools(agent, slot, &message->input)) {
                agent->calls[slot].ticket = 0;
                tool_failed(agent, message->request, "this list of tools is not known here");
            }
        } else {
            lockstep_hosts_call(agent->hosts, agent->calls[slot].ticket, row->service,
                                message->tool, message->input.data, message->input.length);
        }
    }
}

/* Purging is answered as a call is: what the hosts say goes back as it is. */
void lockstep_tools_purge(struct lockstep_node_agent *agent,
                          const struct lockstep_wire_purge *message)
{
    const struct lockstep_agent_module *row = lockstep_agent_module(agent->core, &message->module);
    size_t slot = 0;
    while (slot < LOCKSTEP_COUNT(agent->calls) && agent->calls[slot].ticket != 0) {
        slot++;
    }
    if (row == NULL || row->service == LOCKSTEP_SERVICE_NONE) {
        tool_failed(agent, message->request, "this node knows no such module");
    } else if (slot == LOCKSTEP_COUNT(agent->calls)) {
        tool_failed(agent, message->request, "too many calls at once");
    } else {
        agent->calls[slot].ticket = ++agent->call_tickets;
        agent->calls[slot].request = message->request;
        agent->calls[slot].service = 0;
        lockstep_hosts_purge(agent->hosts, agent->calls[slot].ticket, row->service,
                             &message->module, message->hard, message->wait_ms);
    }
}

/* A page and where the next one begins, to be freed; NULL without memory. */
static uint8_t *whole_page(const struct lockstep_node_agent *agent, uint8_t service,
                           const struct lockstep_hosts_answer *answer, size_t *ret_size)
{
    uint8_t *page = malloc(answer->size + CURSOR_ROOM);
    uint8_t next = service_from(agent, service + 1UL);
    int length = 0;
    if (page == NULL) {
        return NULL;
    }
    memcpy(page, answer->bytes, answer->size);
    if (answer->version[0] != '\0') {
        length = snprintf((char *)page + answer->size, CURSOR_ROOM, "{\"cursor\":\"%u %s\"}\n",
                          (unsigned)service, answer->version);
    } else if (next != LOCKSTEP_SERVICE_NONE) {
        length = snprintf((char *)page + answer->size, CURSOR_ROOM, "{\"cursor\":\"%u\"}\n",
                          (unsigned)next);
    }
    *ret_size = answer->size + (size_t)length;
    return page;
}

void lockstep_tools_answered(void *context, const struct lockstep_hosts_answer *answer)
{
    struct lockstep_node_agent *agent = context;
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->calls); i++) {
        struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOOL_RESULT};
        LOCKSTEP_FREE uint8_t *page = NULL;
        size_t size = 0;
        if (agent->calls[i].ticket == 0 || agent->calls[i].ticket != answer->ticket) {
            continue;
        }
        agent->calls[i].ticket = 0;
        wire.u.tool_result.request = agent->calls[i].request;
        wire.u.tool_result.ok = answer->reached && answer->result == 0 && !answer->cut;
        wire.u.tool_result.text = answer->cut ? "the output is too long" : answer->text;
        if (wire.u.tool_result.ok && agent->calls[i].service != 0) {
            page = whole_page(agent, (uint8_t)(agent->calls[i].service - 1), answer, &size);
            wire.u.tool_result.ok = page != NULL;
            wire.u.tool_result.output = (struct lockstep_blob){page, size};
        } else if (wire.u.tool_result.ok) {
            wire.u.tool_result.output = (struct lockstep_blob){answer->bytes, answer->size};
        }
        lockstep_driver_send(agent, &wire);
        return;
    }
}
