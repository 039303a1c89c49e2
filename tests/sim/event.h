/* What happens in a made-up fleet, one thing after the other, in the order of its clock. */
#ifndef LOCKSTEP_TESTS_SIM_EVENT_H
#define LOCKSTEP_TESTS_SIM_EVENT_H

#include "agent/core/agent.h"
#include "common/core/message.h"

enum sim_event_type {
    SIM_DELIVER, /* a message to a node, or to the coordinator */
    SIM_WRITTEN, /* what the coordinator has written is durable */
    SIM_COORDINATOR_KILL,
    SIM_NODE_WRITTEN, /* what an agent has written is durable */
    SIM_NODE_KILL,
    SIM_WORKED,
    SIM_HOST_UP,
    SIM_HOST_CRASH,
    SIM_CHECK_FAILED,
    SIM_LINK,
    SIM_AGENT_START,
    SIM_COORDINATOR_START,
    SIM_HEARTBEAT,
    SIM_QUARANTINE, /* a node is told which versions nobody may run */
    SIM_FAULT,
    SIM_CUT, /* the link breaks, if it is the same one still */
    SIM_OPERATOR,
    SIM_LOOK,
    SIM_CALM,
};

struct sim_event {
    uint64_t at;
    uint64_t order; /* ties break in the order of scheduling */
    enum sim_event_type type;
    uint32_t node;        /* SIM_NODES: the coordinator */
    uint32_t incarnation; /* of whom it is for: a dead one's events are void */
    uint32_t session;     /* of DELIVER and QUARANTINE */
    uint32_t count;       /* of QUARANTINE */
    struct lockstep_message *message;
    struct lockstep_id operation;
    struct lockstep_work_result result;
    enum lockstep_work work;
};

#endif
