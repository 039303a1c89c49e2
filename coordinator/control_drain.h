/* Drains that people asked for: shared by control_drain.c and its callers. */
#ifndef LOCKSTEP_COORDINATOR_CONTROL_DRAIN_H
#define LOCKSTEP_COORDINATOR_CONTROL_DRAIN_H

#include "common/io/wire.h"

#include <jansson.h>

#define LOCKSTEP_DRAININGS_MAX 8

struct lockstep_coordinator;
struct lockstep_session;

/* A drain, or its end, that nodes have been asked for on behalf of a person. */
struct lockstep_draining {
    uint64_t ticket; /* the request's number towards the nodes; 0: free */
    uint64_t request;
    struct lockstep_session *person;
    bool resume;
    bool refuse;
    uint32_t open; /* nodes that have not answered */
    size_t total;  /* that have */
    size_t done;   /* nodes on which it is as asked for */
    uint32_t node_count;
    bool *waits;  /* owned; of each node: it has not answered */
    json_t *rows; /* owned */
    char module[LOCKSTEP_NAME_MAX + 1];
};

/* MODULE_DRAIN; a node's answer to what it was asked; who has left is not waited for. */
void lockstep_control_module_drain(struct lockstep_session *session,
                                   const struct lockstep_wire_module_drain *message);
void lockstep_control_drained_answer(struct lockstep_session *agent,
                                     const struct lockstep_wire_drained *message);
void lockstep_control_drains_forget(const struct lockstep_session *session);
/* True if the node reports a module that an operator has shut. */
bool lockstep_control_is_drained(const struct lockstep_coordinator *coordinator, uint32_t node);

#endif
