/*
 * A Model Context Protocol server over stdio: the tools of this machine's services, for a client
 * that speaks JSON-RPC, a message a line.
 *
 * One thread reads and answers what needs nobody else, so that a ping is answered while tools are
 * slow; workers read lists and call. Answers leave whole, in whatever order they are ready. It
 * speaks the revisions 2024-11-05, 2025-03-26, 2025-06-18 and 2025-11-25; batches exist in the
 * first two only.
 *
 * A call that is cancelled runs to its end, for nothing in a host can be stopped halfway; its
 * answer is not sent. It deliberately has no prompts, resources or sampling.
 */
#ifndef LOCKSTEP_MCP_SERVER_H
#define LOCKSTEP_MCP_SERVER_H

#include "agent/mcp/sources.h"

#include <stdio.h>

#define LOCKSTEP_MCP_LINE_MAX  (8 * 1024 * 1024) /* bytes: a request of 1 MiB, escaped */
#define LOCKSTEP_MCP_CALLS_MAX 64                /* at once; more are refused */
#define LOCKSTEP_MCP_BATCH_MAX 64                /* messages of a batch */
#define LOCKSTEP_MCP_WORKERS   8
#define LOCKSTEP_MCP_PAGE      100 /* tools of an answer to tools/list */

struct lockstep_mcp;

struct lockstep_mcp_config {
    const char *const *paths;
    size_t count;
    uint32_t timeout_ms;
    FILE *out; /* borrowed */
};

/* NULL: no memory, threads or descriptors, or a path is too long. */
struct lockstep_mcp *lockstep_mcp_new(const struct lockstep_mcp_config *config);
/* Waits for what is under way. NULL is fine. Always NULL. */
struct lockstep_mcp *lockstep_mcp_free(struct lockstep_mcp *server);

/* Takes one line. */
void lockstep_mcp_line(struct lockstep_mcp *server, const char *line, size_t size);
/* The same for a line that was too long to be kept. */
void lockstep_mcp_line_too_long(struct lockstep_mcp *server);
/* True once nothing can be written any more. */
bool lockstep_mcp_failed(struct lockstep_mcp *server);

#endif
