/*
 * What somebody who looks at what runs has found out: a health check, an error rate, a smoke test.
 * Who looks, how and how often is not this room's business.
 *
 * A version that is live, and whose window is open, is not well: the coordinator is told, once for
 * each code, and takes it like a crash in the soak; later in the window like falling back. What was
 * seen before a version was live, or looked at before, is not held against it, nor is anything
 * against one that went back.
 */
#ifndef LOCKSTEP_AGENT_CORE_FINDING_H
#define LOCKSTEP_AGENT_CORE_FINDING_H

#include "agent/core/agent.h"

struct lockstep_finding {
    uint8_t service;
    const struct lockstep_name *module; /* NULL: whatever the service runs */
    enum lockstep_no no;                /* one that blames the version: HEALTH, SMOKE, ... */
    const char *text;                   /* borrowed; with the numbers */
    struct lockstep_time since;         /* when it was first seen to be so */
    struct lockstep_time begun;         /* when the newest look began */
};

void lockstep_agent_unhealthy(struct lockstep_agent *agent, struct lockstep_time now,
                              const struct lockstep_finding *finding,
                              struct lockstep_agent_actions *ret_actions);

#endif
