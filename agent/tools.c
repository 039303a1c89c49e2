/* Tool calls that come through the coordinator, and their answers. */
#include "agent/driver_internal.h"

#include <string.h>

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
    return row == NULL || row->service == LOCKSTEP_SERVICE_NONE ? NULL : row;
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
        if (list) {
            lockstep_hosts_tools(agent->hosts, agent->calls[slot].ticket);
        } else {
            lockstep_hosts_call(agent->hosts, agent->calls[slot].ticket, row->service,
                                message->tool, message->input.data, message->input.length);
        }
    }
}

void lockstep_tools_answered(void *context, const struct lockstep_hosts_answer *answer)
{
    struct lockstep_node_agent *agent = context;
    for (size_t i = 0; i < LOCKSTEP_COUNT(agent->calls); i++) {
        struct lockstep_wire wire = {.message.type = LOCKSTEP_MESSAGE_TOOL_RESULT};
        if (agent->calls[i].ticket == 0 || agent->calls[i].ticket != answer->ticket) {
            continue;
        }
        agent->calls[i].ticket = 0;
        wire.u.tool_result.request = agent->calls[i].request;
        wire.u.tool_result.ok = answer->reached && answer->result == 0 && !answer->cut;
        wire.u.tool_result.text = answer->cut ? "the output is too long" : answer->text;
        if (wire.u.tool_result.ok) {
            wire.u.tool_result.output = (struct lockstep_blob){answer->bytes, answer->size};
        }
        lockstep_driver_send(agent, &wire);
        return;
    }
}
