/*
 * The tool sockets behind a server: what tools there are, who has them, and when that changes.
 *
 * A thread a socket waits for changes; others read lists and call, each with connections of its
 * own. A socket where nobody answers has no tools now, and may have some later.
 */
#ifndef LOCKSTEP_MCP_SOURCES_H
#define LOCKSTEP_MCP_SOURCES_H

#include "agent/mcp/tool.h"

#define LOCKSTEP_MCP_SOURCES_MAX 16
#define LOCKSTEP_MCP_TOOLS_MAX   8192 /* of all sockets */

struct lockstep_mcp_sources;

/* One thread's connections. */
struct lockstep_mcp_clients {
    struct lockstep_client *clients[LOCKSTEP_MCP_SOURCES_MAX];
};

struct lockstep_mcp_sources_config {
    const char *const *paths; /* of sockets; outlive it */
    size_t count;             /* at most LOCKSTEP_MCP_SOURCES_MAX */
    uint32_t timeout_ms;      /* of a call */
    /* The tools are others than were last shown. From any thread. */
    void (*changed)(void *context);
    void *context;
};

/* NULL: no memory, threads or descriptors, or a path is too long. */
struct lockstep_mcp_sources *
lockstep_mcp_sources_new(const struct lockstep_mcp_sources_config *config);
/* Ends the threads. NULL is fine. Always NULL. */
struct lockstep_mcp_sources *lockstep_mcp_sources_free(struct lockstep_mcp_sources *sources);

bool lockstep_mcp_clients_init(const struct lockstep_mcp_sources *sources,
                               struct lockstep_mcp_clients *clients);
void lockstep_mcp_clients_deinit(struct lockstep_mcp_clients *clients);

/* Tools sorted by their names for clients, each name once. */
struct lockstep_mcp_list {
    struct lockstep_mcp_tool *tools; /* owned */
    size_t count;
    bool away; /* a socket that had answered before does not: some may be missing */
};

/* Reads all lists. SHOWN: a client is to see it; it is told when it is out of date. False: no
 * memory. */
bool lockstep_mcp_sources_read(struct lockstep_mcp_sources *sources,
                               struct lockstep_mcp_clients *clients, bool shown,
                               struct lockstep_mcp_list *ret_list);
void lockstep_mcp_list_deinit(struct lockstep_mcp_list *list);
/* NULL: there is none of that name, nor one that is called so on its host. */
const struct lockstep_mcp_tool *lockstep_mcp_list_find(const struct lockstep_mcp_list *list,
                                                       const char *name);
/* Another number once a list that was read before may not be right any more. */
uint64_t lockstep_mcp_sources_stamp(struct lockstep_mcp_sources *sources);

#endif
