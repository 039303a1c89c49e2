/* What the commands about tools share: where they are, and how they are asked. */
#ifndef LOCKSTEP_COORDINATOR_CLI_TOOL_H
#define LOCKSTEP_COORDINATOR_CLI_TOOL_H

#include "coordinator/cli/command.h"

#include <lockstep/client.h>

/* One --node, or one --socket, or neither. Not DONE: it has been said why. */
enum lockstep_exit lockstep_tool_check_place(struct lockstep_run *run);
/* The socket of this machine. */
const char *lockstep_tool_path(const struct lockstep_run *run);
/* A client of that; NULL: the path is too long. */
struct lockstep_client *lockstep_tool_client(const struct lockstep_run *run);
/* Says why a call at that socket came to nothing; returns the code. */
enum lockstep_exit lockstep_tool_fail(struct lockstep_run *run, enum lockstep_call_result result,
                                      const struct lockstep_answer *answer);

/* Sends a call of TOOL to the node that --node names; the session is open. INVALID: it is not to be
 * sent, IO and others: the connection. */
enum lockstep_err lockstep_tool_send(struct lockstep_run *run, const char *tool, const void *bytes,
                                     size_t size, struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The bytes of a lockstep/tool-result/v1, NUL-terminated, to be freed; NULL: it has none. */
uint8_t *lockstep_tool_output(const json_t *document, size_t *ret_size);

/* Puts the tools of one page (JSON objects, or lines as older hosts have them) behind ROWS.
 * CURSOR, of LOCKSTEP_TOOL_CURSOR bytes, becomes where a node's list goes on, "" if nowhere. False:
 * it is no such page. */
#define LOCKSTEP_TOOL_CURSOR 128
bool lockstep_tool_rows(json_t *rows, const char *page, char ret_cursor[LOCKSTEP_TOOL_CURSOR]);
/* What is different: objects of {"what": "added"|"updated"|"removed", …}. Both are rows. To be
 * decref'ed; NULL without memory. */
json_t *lockstep_tool_changes(const json_t *before, const json_t *now);

#endif
