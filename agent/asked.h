/* What is asked of this node through the coordinator, for a person: tools.c and drains.c. */
#ifndef LOCKSTEP_AGENT_ASKED_H
#define LOCKSTEP_AGENT_ASKED_H

#include "agent/hosts.h"
#include "common/io/wire.h"

struct lockstep_node_agent;

void lockstep_tools_purge(struct lockstep_node_agent *agent,
                          const struct lockstep_wire_purge *message);
void lockstep_tools_run(struct lockstep_node_agent *agent,
                        const struct lockstep_wire_tool_run *message);
void lockstep_tools_answered(void *context, const struct lockstep_hosts_answer *answer);

/* A drain that the coordinator asked for, of one module or several. */
struct lockstep_draining {
    uint32_t ticket; /* 0: free */
    uint32_t open;   /* modules that have not answered */
    uint64_t request;
    char text[LOCKSTEP_TEXT_MAX + 1]; /* why the first did not end as asked; empty: all is well */
};

void lockstep_drains_run(struct lockstep_node_agent *agent,
                         const struct lockstep_wire_drain *message);
void lockstep_drains_done(void *context, uint32_t ticket, bool ok, const char *text);
void lockstep_drains_changed(void *context);

#endif
