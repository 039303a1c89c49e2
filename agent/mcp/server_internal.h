/* What the files of the server share. */
#ifndef LOCKSTEP_MCP_SERVER_INTERNAL_H
#define LOCKSTEP_MCP_SERVER_INTERNAL_H

#include "agent/mcp/rpc.h"
#include "agent/mcp/server.h"

#include <pthread.h>

/* Answers that leave together. */
struct lockstep_mcp_batch {
    json_t *answers;
    size_t open; /* answers that are still to come, and one while the batch is read */
};

enum lockstep_mcp_state {
    LOCKSTEP_MCP_FREE,
    LOCKSTEP_MCP_WAITING,
    LOCKSTEP_MCP_RUNNING,
};

/* A request that a worker answers. */
struct lockstep_mcp_call {
    enum lockstep_mcp_state state;
    bool cancelled;
    uint64_t order; /* of arrival */
    enum lockstep_mcp_revision revision;
    struct lockstep_rpc rpc;          /* owned; its id is read by others, and not changed */
    struct lockstep_mcp_batch *batch; /* NULL: it is answered alone */
};

struct lockstep_mcp {
    struct lockstep_mcp_sources *sources;
    enum lockstep_mcp_revision revision; /* the reading thread's */

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    bool initialized; /* the client says so: it may be told things */
    bool stopping;
    uint64_t orders;
    struct lockstep_mcp_call calls[LOCKSTEP_MCP_CALLS_MAX];

    pthread_mutex_t out_mutex; /* of what follows */
    FILE *out;
    bool failed;

    size_t workers_count;
    pthread_t workers[LOCKSTEP_MCP_WORKERS];
};

/* ---- server.c ------------------------------------------------------------------------------- */

/* Sends VALUE, taken over; NULL stands for no memory. With a batch it waits for the rest. */
void lockstep_mcp_send(struct lockstep_mcp *server, json_t *value,
                       struct lockstep_mcp_batch *batch);

/* ---- work.c --------------------------------------------------------------------------------- */

/* A thread that answers calls until the server stops. */
void *lockstep_mcp_work(void *argument);

#endif
